"""`kb build` with claims and results: their pages, and what changed since the last build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from kb.cli import cli
from kb.config import Config, load_config
from kb.errors import DataError
from kb.pipeline.build import build
from kb.pipeline.findings import Change, changes
from tests.library import REPO, make_library
from tests.pipeline.test_build import edit, files, full_build_of

CLAIMS = """\
claims:
  - id: w4-lossless
    statement: Four bits cost nothing.
    relation: non_inferior
    margin: 2
    variant: {method: [awq], weight_bits: [4]}
    arxiv_version: 1
    place: Table 1
  - id: only-said
    statement: Everybody knows it.
"""
HEADER = "model,method,weight_bits,benchmark,score,baseline_score\n"
ROWS = "".join(f"M{at},awq,4,GSM8K,{score},80\n" for at, score in enumerate((69, 70, 71)))
WORDS = {
    "_models.yaml": "models:\n"
    + "".join(f"  - {{name: M{at}, family: F, origin: distilled, size_b: 7}}\n" for at in range(3)),
    "_benchmarks.yaml": "benchmarks:\n  - {name: GSM8K, kind: math, difficulty: 1, items: 1319}\n",
    "_methods.yaml": "methods:\n  - {name: awq, title: AWQ, family: rounding, kind: post_training}\n"
    "  - {name: none, title: Full precision, family: none, kind: none}\n",
}
KEY = "liu2025quantization"
NAME = f"{KEY}/w4-lossless"


def add_findings(root: Path) -> None:
    """Let a record of the knowledge base in `root` claim something that its own figures refute."""
    record = root / f"papers/{KEY}.yaml"
    record.write_text(record.read_text(encoding="utf-8") + CLAIMS, encoding="utf-8")
    folder = root / "results"
    folder.mkdir()
    for name, text in WORDS.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / f"{KEY}.csv").write_text(HEADER + ROWS, encoding="utf-8")


@pytest.fixture
def kb(tmp_path: Path) -> Config:
    """Twelve invented records; one of them claims something that its own figures refute."""
    make_library(tmp_path / "kb", 12)
    add_findings(tmp_path / "kb")
    return load_config(tmp_path / "kb", {})


def rows(config: Config) -> Path:
    return config.results_dir / f"{KEY}.csv"


def _bear_out(config: Config) -> None:
    """Figures with which the claim holds."""
    text = rows(config).read_text(encoding="utf-8")
    for at, score in enumerate((69, 70, 71)):
        text = text.replace(f",{score},80", f",{80 - at / 10},80")
    rows(config).write_text(text, encoding="utf-8")


def _add_row(config: Config) -> None:
    path = config.results_dir / "_methods.yaml"
    path.write_text(
        path.read_text(encoding="utf-8")
        + "  - {name: gptq, title: GPTQ, family: rounding, kind: post_training}\n",
        encoding="utf-8",
    )
    rows(config).write_text(
        rows(config).read_text(encoding="utf-8") + "M0,gptq,4,GSM8K,60,80\n", encoding="utf-8"
    )


def _remove_claim(config: Config) -> None:
    edit(config.papers_dir / f"{KEY}.yaml", "  - id: only-said\n    statement: Everybody knows it.\n", "")


def _reword(config: Config) -> None:
    edit(config.papers_dir / f"{KEY}.yaml", "Four bits cost nothing.", "Four <b>bits</b> cost **nothing**.")


def test_claims_and_results_have_pages_that_are_reached_from_the_navigation(kb: Config) -> None:
    """Each claim, benchmark and method has its page; the menu leads to their indexes."""
    build(kb)
    made = files(kb)
    for path in (
        f"claims/{NAME}.html",
        f"claims/{KEY}/only-said.html",
        "claims/index.html",
        "results/index.html",
        "results/benchmarks/gsm8k.html",
        "results/methods/awq.html",
    ):
        assert path in made, path
    about = made["about.html"].decode()
    assert 'href="claims/index.html"' in about
    assert 'href="results/index.html"' in about
    page = made[f"claims/{NAME}.html"].decode()
    assert "refuted" in page
    assert '<svg class="kb-f"' in page
    assert f'href="../../papers/{KEY}.html"' in page


@pytest.mark.parametrize(
    "change", [_bear_out, _add_row, _remove_claim, _reword], ids=lambda change: change.__name__.strip("_")
)
def test_an_incremental_build_gives_the_bytes_of_a_full_one(kb: Config, change: object) -> None:
    """Whatever changed in claims or results: same files, same bytes."""
    build(kb)
    before = files(kb)
    change(kb)  # type: ignore[operator]
    report = build(kb)
    assert report.mode == "incremental"
    made = files(kb)
    assert made != before
    assert made == full_build_of(kb)


def test_a_build_says_which_verdicts_flipped(kb: Config) -> None:
    """New figures that turn a verdict are told once; a build after it says nothing, nor does the first one."""
    assert build(kb).verdicts == ()
    assert build(kb).verdicts == ()
    _bear_out(kb)
    report = build(kb)
    assert report.verdicts == (Change(NAME, "refuted", "supported"),)
    assert build(kb).verdicts == ()


def test_a_clean_build_compares_as_well(kb: Config) -> None:
    """Making every page anew forgets pages, not verdicts."""
    build(kb)
    _bear_out(kb)
    assert build(kb, clean=True).verdicts == (Change(NAME, "refuted", "supported"),)


def test_new_claims_and_claims_that_are_gone_are_told(kb: Config) -> None:
    """By name, after those that flipped."""
    build(kb)
    _bear_out(kb)
    edit(kb.papers_dir / f"{KEY}.yaml", "id: only-said", "id: often-said")
    assert build(kb).verdicts == (
        Change(NAME, "refuted", "supported"),
        Change(f"{KEY}/often-said", None, "untested"),
        Change(f"{KEY}/only-said", "untested", None),
    )


def test_the_command_prints_what_flipped(kb: Config) -> None:
    """In words, and as data with --json."""
    run = CliRunner().invoke(cli, ["--root", str(kb.root), "build"])
    assert run.exit_code == 0, run.output
    assert "claims:" not in run.output
    _bear_out(kb)
    run = CliRunner().invoke(cli, ["--root", str(kb.root), "build"])
    assert "claims: 1 verdict flipped\n" in run.output
    assert f"  {NAME}: refuted -> supported\n" in run.output
    edit(kb.papers_dir / f"{KEY}.yaml", "margin: 2\n", "margin: 0.001\n")
    run = CliRunner().invoke(cli, ["--root", str(kb.root), "build", "--json"])
    assert json.loads(run.output)["verdicts"] == [
        {"claim": NAME, "before": "supported", "now": "inconclusive"}
    ]


def test_without_knowing_what_was_before_nothing_has_changed() -> None:
    """An older build that wrote no verdicts down is no reason to call every verdict new."""
    assert changes(None, {"a/b": "supported"}) == ()
    assert changes({}, {"a/b": "supported"}) == (Change("a/b", None, "supported"),)


def test_a_broken_row_stops_the_build(kb: Config) -> None:
    """One line says which file and line; the site stays what it was."""
    build(kb)
    before = files(kb)
    edit(rows(kb), "M0,awq,4,GSM8K,69,80", "M0,awq,4,GSM8K,nan,80")
    with pytest.raises(DataError, match=rf"{KEY}\.csv:2"):
        build(kb)
    assert files(kb) == before


def test_claims_without_evidence_load_no_statistics(kb: Config) -> None:
    """scipy.stats costs a second; it is loaded only where there is something to compute."""
    for path in kb.results_dir.iterdir():
        path.unlink()
    script = (
        "import sys; from pathlib import Path; from kb.config import load_config; from kb.pipeline.build import build\n"
        "build(load_config(Path(sys.argv[1]), {}))\n"
        "heavy = {'scipy.stats', 'torch', 'sklearn', 'transformers', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script, str(kb.root)], cwd=REPO, env=dict(os.environ), check=True)
    page = files(kb)[f"claims/{NAME}.html"].decode()
    assert "untested" in page
    assert "results/index.html" not in files(kb)
