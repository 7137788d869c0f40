"""`kb eval report` on runs that lie on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kb.cli import main
from kb.errors import EXIT_DATA, EXIT_OK, EXIT_PARTIAL, EXIT_USAGE
from kb.harness.parts import RealParts
from kb.harness.runs import write_run
from kb.pipeline.evaluate import load_grid
from tests.harness.invent import invent_run

pytest.importorskip("torch")  # the quantizers whose defaults a spec spells out
pytest.importorskip("matplotlib")

SPEC = """model: [reference/seed0, reference/seed1]
task: {name: chain, steps: [2, 4]}
n: 30
quantizer: [none, {method: rtn, bits: 3, group_size: 32}]
"""
PAGE = """Before

<!-- kb eval report experiments/bits.yaml: accuracy equivalence -->
<!-- /kb eval report -->
"""
Kb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A knowledge base with a grid, its runs and a page."""
    (tmp_path / "kb.toml").write_text("")
    (tmp_path / "experiments").mkdir()
    spec = tmp_path / "experiments" / "bits.yaml"
    spec.write_text(SPEC)
    for place, cell in enumerate(load_grid(spec, RealParts())):
        made = invent_run(30, hazard=0.01 + 0.03 * place, id=cell.run_id)
        write_run(tmp_path / "runs" / cell.run_id, {**made.manifest, "spec": cell.to_data()}, made.samples)
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path


@pytest.fixture
def kb(base: Path, capsys: pytest.CaptureFixture[str]) -> Kb:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(["--root", str(base), "eval", "report", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_a_page_is_filled_once(kb: Kb, base: Path) -> None:
    """Pictures beside it; --check says before and after whether it is current; the second run writes nothing."""
    page = base / "page.md"
    code, out, err = kb(str(page), "--check")
    assert (code, err) == (EXIT_PARTIAL, "")
    assert "is not current" in out
    assert page.read_text() == PAGE

    code, out, err = kb(str(page))
    assert (code, err) == (EXIT_OK, "")
    pictures = sorted(path.name for path in base.glob("*.svg"))
    assert pictures == ["page-bits-accuracy-by-bits.svg", "page-bits-accuracy-by-length.svg"]
    text = page.read_text()
    assert text.startswith("Before\n\n<!-- kb eval report")
    assert all(f"]({name})" in text for name in pictures)
    assert "`kb eval report page.md`" in text

    kept = {path: path.stat().st_mtime_ns for path in base.iterdir()}
    code, out, _ = kb(str(page), "--json")
    assert code == EXIT_OK
    assert json.loads(out) == [{"page": str(page), "current": True, "blocks": True, "written": []}]
    assert {path: path.stat().st_mtime_ns for path in base.iterdir()} == kept
    assert kb(str(page), "--check")[0] == EXIT_OK

    (base / pictures[0]).unlink()
    assert kb(str(page), "--check")[0] == EXIT_PARTIAL


def test_what_cannot_be_reported_is_one_line(
    kb: Kb, base: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And of several pages none is written."""
    good, bad = base / "page.md", base / "bad.md"
    bad.write_text(PAGE.replace("bits.yaml", "none.yaml"))
    outside = tmp_path_factory.mktemp("elsewhere") / "page.md"
    outside.write_text(PAGE)
    for path, expected, says in (
        (bad, EXIT_DATA, "experiments/none.yaml: a page names a spec that is not there"),
        (base / "nowhere.md", EXIT_USAGE, "there is no such page"),
        (outside, EXIT_USAGE, "is outside the knowledge base"),
    ):
        code, out, err = kb(str(good), str(path))
        assert (code, out, err.count("\n")) == (expected, "", 1)
        assert says in err
    assert good.read_text() == PAGE


def test_pages_without_a_block_are_named_and_the_others_done(kb: Kb, base: Path) -> None:
    """`--check *.md` does not stop at an index page; alone, such a page is a mistake and says what a block is."""
    page, index = base / "page.md", base / "index.md"
    index.write_text("# Experiments\n")
    code, out, err = kb(str(index), str(page), "--check")
    assert (code, err) == (EXIT_PARTIAL, "")
    assert out.splitlines() == [
        f"{index} holds no block to fill",
        f"{page} is not current; kb eval report writes it",
    ]
    assert kb(str(index), str(page))[0] == EXIT_OK
    assert index.read_text() == "# Experiments\n"
    code, out, _ = kb(str(index), str(page), "--check", "--json")
    assert code == EXIT_OK
    assert [(one["blocks"], one["current"]) for one in json.loads(out)] == [(False, True), (True, True)]
    code, out, err = kb(str(index), "--check")
    assert (code, err.count("\n")) == (EXIT_DATA, 1)
    assert "holds no block to fill" in err


def test_a_grid_of_which_runs_are_missing_is_no_page(kb: Kb, base: Path) -> None:
    """Three of four would be pooled with one model less; none at all is said too."""
    runs = sorted((base / "runs").iterdir())
    for number, says in ((1, "1 of 4 runs are missing"), (4, "has no runs")):
        for run in runs[:number]:
            if run.exists():
                run.rename(base / run.name)
        code, _, err = kb(str(base / "page.md"))
        assert code == EXIT_DATA
        assert says in err
        assert "kb eval sweep experiments/bits.yaml" in err
