"""Figures between markers: what stands around them stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kb.pipeline.figures import markers, readme_with_figures, with_figures

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
OLD = "# Measurements\n\n<!-- one -->\n\nold\n\n<!-- /one -->\n\ntext\n"


def test_only_what_is_between_the_markers_changes() -> None:
    assert with_figures(OLD, "one", "new\n") == OLD.replace("old", "new")
    assert with_figures(OLD, "one", "old") == OLD


def test_missing_markers_are_added_under_the_heading_or_refused() -> None:
    made = with_figures(OLD, "two", "x", heading="## Two")
    assert made == OLD + "\n## Two\n\n<!-- two -->\n\nx\n\n<!-- /two -->\n"
    with pytest.raises(ValueError, match="two"):
        with_figures(OLD, "two", "x")


def test_a_first_measurement_makes_the_file(tmp_path: Path) -> None:
    made = readme_with_figures(tmp_path / "README.md", "one", "x", "## One")
    assert made == "# Measurements\n\n## One\n\n<!-- one -->\n\nx\n\n<!-- /one -->\n"


def test_every_script_writes_into_a_block_that_stands_once_in_the_readme() -> None:
    """Of those that were run: a name misspelt would start a second block."""
    text = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in BENCHMARKS.glob("*.py")}
    names = {
        stem: re.findall(r'readme_with_figures\(\s*path,\s*"([^"]+)"', code) for stem, code in scripts.items()
    }
    assert sum(map(len, names.values())) >= 8
    for stem, found in names.items():
        for name in found:
            begin, end = markers(name)
            assert text.count(begin) == text.count(end) == (BENCHMARKS / f"{stem}.json").exists(), name
