"""kb export as a person and a program meet it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kb.cli import cli
from kb.cli_export import FORMATS
from kb.errors import UsageError
from kb.export import EXPORTS
from tests.library import make_library
from tests.pipeline.kbase import KnowledgeBase
from tests.pipeline.test_build_findings import add_findings

RECORDS = {
    "almeida2024frugal": """\
title: "Frugal Chains: Naïve Budgets"
authors: [Ada Almeida, Łucja Kovács]
identifiers: {arxiv_id: "2401.10000"}
dates: {published: "2024-01-17"}
labels:
  - {branch: shorter, by: person, source: Ada, state: confirmed}
review: {state: draft, focus: Budgets, problem: "See [[fukuda2025thrifty]]."}
""",
    "fukuda2025thrifty": """\
title: Thrifty Votes
authors: [Jun Fukuda]
identifiers: {arxiv_id: "2502.00001"}
dates: {published: "2025-02"}
labels:
  - {branch: faster, by: list, source: someone/list}
""",
}
MARKERS = "<!-- kb export readme -->\n<!-- /kb export readme -->\n"


@pytest.fixture
def base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    made = KnowledgeBase(tmp_path / "kb", capsys)
    (made.root / "papers").mkdir()
    for key, text in RECORDS.items():
        made.path(key).write_text(text, encoding="utf-8")
    themes = made.root / "site" / "docs" / "themes.md"
    themes.parent.mkdir(parents=True)
    themes.write_text(
        "---\ntitle: T\n---\n# Themes\n\nIntro.\n\n## Less, vs. more\n\nOne *e.g.* [[fukuda2025thrifty]] is. Two.\n"
    )
    return made


def test_every_format_has_a_command(base: KnowledgeBase) -> None:
    """The quick help and the table of formats name the same; each has examples and prints every record."""
    assert set(FORMATS) == {*EXPORTS, "awesome"}
    for name in FORMATS:
        assert f"kb export {name} --out" in base.run("export", name, "--help").out
        out = base.run("export", name)
        assert (out.code, out.err) == (0, "")
        assert "Thrifty Votes" in out.out
        assert "Naïve" in out.out


def test_a_query_chooses_records_in_the_order_of_their_keys(base: KnowledgeBase) -> None:
    """Branch, year and words, as `kb list` has them; an unknown branch is refused with what was meant."""
    assert [row["key"] for row in csv.DictReader(io.StringIO(base.run("export", "csv").out))] == list(RECORDS)
    for words in (
        ["--branch", "shorter"],
        ["--year", "2024"],
        ["frugal", "budgets"],
        ["--confirmed", "--branch", "shorter"],
    ):
        assert [item["id"] for item in json.loads(base.run("export", "csl-json", *words).out)] == [
            "almeida2024frugal"
        ]
    wrong = base.run("export", "ris", "--branch", "shortr")
    assert (wrong.code, wrong.out) == (2, "")
    assert "did you mean shorter" in wrong.err
    nothing = base.run("export", "csl-json", "--year", "1999")
    assert (nothing.code, nothing.out, nothing.err) == (0, "[]\n", "no record passes these filters\n")


def test_a_file_is_written_once(base: KnowledgeBase, tmp_path: Path) -> None:
    """--out writes what would be printed, to the byte, and leaves a current file alone; a folder that is none is an error."""
    out = tmp_path / "new" / "refs.ris"
    assert base.run("export", "ris", "--out", str(out)).out == f"2 papers written to {out}\n"
    assert out.read_bytes().count(b"\r\n") == out.read_bytes().count(b"\n") > 0
    stamp = out.stat().st_mtime_ns
    assert base.run("export", "ris", "--out", str(out)).out == f"2 papers; {out} is current\n"
    assert out.stat().st_mtime_ns == stamp
    refused = base.run("export", "csv", "--out", str(out / "below.csv"))
    assert refused.code == 1
    assert "cannot be written" in refused.err
    assert [path.name for path in out.parent.iterdir()] == ["refs.ris"]


def test_a_readme_is_filled_between_its_markers(base: KnowledgeBase, tmp_path: Path) -> None:
    """The reviewed papers and the themes go in, references lead to papers, and a second run changes nothing."""
    path = tmp_path / "README.md"
    path.write_bytes(b"\xef\xbb\xbf# Mine\r\n\r\n" + MARKERS.encode() + b"\r\nlast, no line end")
    assert base.run("export", "readme", "--into", str(path), "--check").code == 7
    assert b"Summary" not in path.read_bytes()
    out = base.run("export", "readme", "--into", str(path))
    assert (out.code, out.out) == (0, f"1 reviewed paper written into {path}\n")
    filled = path.read_bytes()
    assert filled.startswith(b"\xef\xbb\xbf# Mine\r\n\r\n<!-- kb export readme -->\n")
    assert filled.endswith(b"<!-- /kb export readme -->\n\r\nlast, no line end")
    assert b"### 1. Frugal Chains: Na\xc3\xafve Budgets (Almeida and Kov\xc3\xa1cs, 2024)" in filled
    assert (
        b"- **Problem**: See [Fukuda (2025)](https://arxiv.org/abs/2502.00001).\n- **Approach**: ...\n"
        in filled
    )
    assert (
        b"- Theme 1: **Less, vs. more.** One e.g. [Fukuda (2025)](https://arxiv.org/abs/2502.00001) is.\n"
        in filled
    )
    again = base.run("export", "readme", "--into", str(path), "--json")
    assert json.loads(again.out) == {"file": str(path), "papers": 1, "current": True, "written": False}
    assert base.run("export", "readme", "--into", str(path), "--check").code == 0
    assert path.read_bytes() == filled


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (None, 2, "there is no such file"),
        (b"# No markers\n", 3, "has no markers to write between"),
        (b"\xff\xfe", 3, "is not UTF-8"),
        (MARKERS.encode() * 2, 3, "README.md:3: the start marker stands twice"),
        (
            b"<!-- /kb export readme -->\n<!-- kb export readme -->\n",
            3,
            "README.md:1: the end marker stands before",
        ),
    ],
)
def test_a_file_that_cannot_be_filled_is_left_alone(
    base: KnowledgeBase, tmp_path: Path, text: bytes | None, code: int, words: str
) -> None:
    """One line says what is wrong, where, and how to mend it."""
    path = tmp_path / "README.md"
    if text is not None:
        path.write_bytes(text)
    out = base.run("export", "readme", "--into", str(path))
    assert (out.code, out.out) == (code, "")
    assert words in out.err
    assert out.err.count("\n") == 1
    assert "(fix: " in out.err
    assert (path.read_bytes() if path.exists() else None) == text


def test_pictures_are_written_as_the_site_has_them(tmp_path: Path) -> None:
    """All or some, with their figures; a second time nothing changes, and an unknown name is told what there is."""
    make_library(tmp_path / "kb", 12)
    add_findings(tmp_path / "kb")

    def run(*words: str) -> Result:
        return CliRunner().invoke(cli, ["--root", str(tmp_path / "kb"), "export", "figures", *words])

    out = tmp_path / "out"
    done = run("--out", str(out), "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert sorted(path.name for path in out.iterdir()) == said["files"]
    assert {"timeline.svg", "timeline.csv", "taxonomy-direction.svg", "drop-bits.svg", "coverage.csv"} <= {
        *said["files"]
    }
    assert said["written"] == len(said["files"])
    again = run("timeline", "--out", str(out))
    assert again.exit_code == 0
    assert "2 files in" in again.stdout
    assert "0 of them new or changed" in again.stdout
    wrong = run("timelime", "--out", str(out))
    assert isinstance(wrong.exception, UsageError)
    assert "timeline" in str(wrong.exception.fix)
