"""kb check --since: blocks and exports that are made of records lead to the record; the program's own work leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.kbase import KnowledgeBase
from tests.pipeline.test_generated import found
from tests.pipeline.test_merge_driver import Repository

REVIEW = "review:\n  state: draft\n  focus: {0} focus.\n  summary: {0} summary.\n  problem: {0} problem.\n"
ONE = (
    'title: One\nauthors: [Ada Almeida]\nidentifiers:\n  arxiv_id: "2504.04823"\ndates:\n  published: "2025-04"\n'
    + REVIEW.format("One's")
)
TWO = (
    'title: Two\nauthors: [Bo Brandt]\nidentifiers:\n  arxiv_id: "2504.00002"\ndates:\n  published: "2025-04"\n'
    + REVIEW.format("Two's")
)
README = "# Survey\n\n<!-- kb export readme -->\n<!-- /kb export readme -->\n\nBelow.\n"
BENCH = "# Measurements\n\n## Speed\n\n<!-- speed -->\n\n3 s\n\n<!-- /speed -->\n"
PAGE = "# Page\n\n<!-- kb eval report e.yaml: runs -->\n\n| 1 |\n\n<!-- /kb eval report -->\n"
EXPORTS = {
    "bibtex": "refs.bib",
    "biblatex": "refs-biblatex.bib",
    "csl-json": "refs.json",
    "ris": "refs.ris",
    "csv": "papers.csv",
    "awesome": "AWESOME.md",
}


@pytest.fixture
def repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Repository:
    """Two records, and everything that the program makes of them."""
    base = KnowledgeBase(tmp_path / "kb", capsys)
    made = Repository(
        base, {"papers/almeida2025one.yaml": ONE, "papers/brandt2025two.yaml": TWO, "README.md": README}
    )
    assert base.run("export", "readme", "--into", str(base.root / "README.md")).code == 0
    for format, name in EXPORTS.items():
        assert base.run("export", format, "--out", str(base.root / name)).code == 0
    made.commit(
        {
            "benchmarks/README.md": BENCH,
            "benchmarks/speed.json": "{}\n",
            "site/docs/experiments/bits.md": PAGE,
            "site/docs/experiments/bits-bits.svg": "<svg/>\n",
            "site/docs/assets/vendor/x/x.min.js": "1\n",
            "papers/_sources/_cursors.json": "{}\n",
        }
    )
    made.git("branch", "-f", "theirs")
    return made


def edit(repository: Repository, name: str, old: str, new: str) -> None:
    path = repository.root / name
    text = path.read_bytes().decode()
    assert old in text, text
    path.write_bytes(text.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("README.md", "One's focus"),
        ("README.md", "One's problem"),
        ("refs.bib", "title         = {One}"),
        ("refs-biblatex.bib", "title         = {One}"),
        ("refs.json", '"title": "One"'),
        ("refs.ris", "TI  - One"),
        ("papers.csv", "One's focus"),
        ("AWESOME.md", "**[One]"),
    ],
)
def test_an_edit_of_what_is_made_of_a_record_names_the_record(
    repository: Repository, name: str, old: str
) -> None:
    """One line: the record that the changed lines speak of, and the command that makes the file again; with the record
    changed as well, or the program, nothing is said."""
    assert found(repository) == []
    edit(repository, name, old, old.replace("One", "Uno"))
    (line,) = found(repository)
    assert f"{name}:" in line
    assert "edit papers/almeida2025one.yaml, then kb export" in line
    assert "brandt2025two" not in line
    edit(
        repository, "papers/brandt2025two.yaml", "Two's focus", "Their focus"
    )  # another record excuses nothing
    assert len(found(repository)) == 1
    edit(repository, "papers/almeida2025one.yaml", "title: One", "title: Uno")
    assert found(repository) == []


def test_a_readme_that_was_made_again_is_nobody_s_edit(repository: Repository) -> None:
    """A record is corrected and the block follows: nothing is said, nor of text outside the markers."""
    edit(repository, "papers/almeida2025one.yaml", "One's focus", "Its focus")
    assert repository.base.run("export", "readme", "--into", str(repository.root / "README.md")).code == 0
    edit(repository, "README.md", "Below.", "Under.")
    assert found(repository) == []


@pytest.mark.parametrize(
    ("name", "old", "says", "cause"),
    [
        ("benchmarks/README.md", "3 s", "the benchmark speed makes it", "benchmarks/speed.json"),
        ("benchmarks/speed.json", "{}", "make bench", "benchmarks/README.md"),
        ("site/docs/experiments/bits.md", "| 1 |", "kb eval report PAGE makes it", "runs/r/manifest.json"),
        ("site/docs/experiments/bits-bits.svg", "<svg/>", "kb eval report draws it", "runs/r/manifest.json"),
        (
            "site/docs/assets/vendor/x/x.min.js",
            "1",
            "other people's",
            "site/docs/assets/vendor/vendored.json",
        ),
        ("papers/_sources/_cursors.json", "{}", "how far it has read", "papers/_sources/arxiv.jsonl"),
    ],
)
def test_measurements_pages_and_cursors(
    repository: Repository, name: str, old: str, says: str, cause: str
) -> None:
    """An edit by hand is answered; a change along with its cause is the program's, and a record is no cause of a run's page."""
    edit(repository, name, old, f"{old} ")
    (line,) = found(repository)
    assert f"{name}:" in line
    assert says in line
    if name.startswith("site/docs/experiments"):
        edit(repository, "papers/almeida2025one.yaml", "title: One", "title: Uno")
        assert len(found(repository)) == 1
    path = repository.root / cause
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "\n")
    assert found(repository) == []


def test_what_is_made_excuses_nothing(repository: Repository) -> None:
    """A run or a verdict that was edited by hand, or a page of the program, is no reason why a figure changed."""
    repository.commit(
        {
            "runs/r/manifest.json": "{}\n",
            "results/_verdicts.jsonl": '{"claim": "almeida2025one/c1", "state": "untested"}\n',
            "kb/README.md": "x\n",
            "site/docs/predict.md": "# P\n\n<!-- predict -->\n\n1\n\n<!-- /predict -->\n",
        }
    )
    repository.git("branch", "-f", "theirs")
    edit(repository, "runs/r/manifest.json", "{}", '{"a": 1}')
    edit(repository, "results/_verdicts.jsonl", "untested", "supported")
    edit(repository, "kb/README.md", "x", "y")
    edit(repository, "site/docs/predict.md", "\n1\n", "\n2\n")
    edit(repository, "site/docs/experiments/bits-bits.svg", "<svg/>", "<svg>")
    names = {line.split("generated: ")[1].split(":")[0] for line in found(repository)}
    assert names == {
        "results/_verdicts.jsonl",
        "runs/r/manifest.json",
        "site/docs/experiments/bits-bits.svg",
        "site/docs/predict.md",
    }


def test_a_site_that_was_committed_is_told_of(repository: Repository) -> None:
    """build/ is ignored by git; who forces it in is told what to edit."""
    page = repository.root / "build" / "site" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("x")
    assert found(repository) == []
    repository.git("add", "-f", "build/site/index.html")
    repository.git("commit", "-q", "-m", "site")
    (line,) = found(repository)
    assert "build/site/index.html:" in line
    assert "edit papers/, taxonomy.yaml, templates/ or site/docs" in line
    repository.git("add", "-f", ".kb")
    repository.git("commit", "-q", "-m", "cache")
    assert any("git rm -r --cached .kb" in line for line in found(repository))


def test_other_people_s_bibliographies_are_theirs(repository: Repository) -> None:
    """A .bib whose entries are not called as our records is edited freely, and so is a page with a lonely marker."""
    repository.commit(
        {
            "paper.bib": "@misc{knuth, title={A}}\n@misc{lamport, title={B}}\n@misc{almeida2025one, title={C}}\n",
            "notes.md": "<!-- speed -->\nmine\n```\n<!-- x -->\nmine\n<!-- /x -->\n```\n",
        }
    )
    repository.git("branch", "-f", "theirs")
    edit(repository, "paper.bib", "{C}", "{D}")
    edit(repository, "notes.md", "mine", "yours")
    assert found(repository) == []


def test_broken_records_do_not_stop_it(repository: Repository) -> None:
    """Where records cannot be read the check says so, and edits by hand are told of as far as they are seen."""
    (repository.root / "papers" / "almeida2025one.yaml").write_text("title: [\n")
    edit(repository, "benchmarks/speed.json", "{}", "[]")
    out = repository.base.run("check", "--since", "theirs")
    assert out.code == 3
    assert "generated: benchmarks/speed.json" in out.out
