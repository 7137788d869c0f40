"""`kb predict evaluate`, and the sum of the errors on a table with scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kb.config import Config
from kb.link.predict.cases import evidence_of
from kb.link.predict.evaluate import error_figures, interval_figures
from kb.link.predict.report import figures, markdown
from kb.pipeline.figures import markers, readme_with_figures, with_figures
from kb.pipeline.predict import RowAnswer
from kb.pipeline.results import open_results
from kb.records.files import read_utf8, write_all

NAME = "predict"
_HEADING = "## Predicting what quantization costs (`kb predict evaluate --write`)"


def evaluate(config: Config, step: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Measure the model on the committed results.

    Raises:
        DataError: something under results/ is wrong, or too little is reported.
        UsageError: scikit-learn is not installed.
    """
    return figures(evidence_of(open_results(config)), step=step)


def write_figures(config: Config, found: Mapping[str, Any]) -> list[Path]:
    """Put the figures into benchmarks/predict.json and, between two markers, into benchmarks/README.md and the site's page."""
    folder = config.root / "benchmarks"
    numbers, readme = folder / "predict.json", folder / "README.md"
    page = config.root / "site" / "docs" / "predict.md"
    section = markdown(found)
    files = [
        (numbers, json.dumps(found, indent=1, ensure_ascii=False) + "\n"),
        (readme, readme_with_figures(readme, NAME, section, _HEADING)),
    ]
    if page.is_file() and markers(NAME)[0] in (text := read_utf8(page)):
        files.append((page, with_figures(text, NAME, section)))
    folder.mkdir(exist_ok=True)
    write_all(files)
    return [path for path, _ in files]


def summary_of(rows: Sequence[RowAnswer]) -> list[str]:
    """What the errors are on the rows that hold a score, a line each."""
    kept = [
        (row.answer, row.score)
        for row in rows
        if row.answer is not None and row.answer.predicted is not None and row.score is not None
    ]
    if not kept:
        return ["no row holds a score beside a prediction"]
    scores = np.array([score for _, score in kept])
    answers = [answer.predicted for answer, _ in kept if answer.predicted is not None]
    lines = [f"{len(kept)} rows with a score, {len(rows) - len(kept)} without one or without a prediction"]
    for name, predicted in (
        ("predicted", np.array([each.score for each in answers])),
        ("no drop", np.array([answer.case.baseline for answer, _ in kept])),
    ):
        off = error_figures(predicted, scores)
        lines.append(
            f"{name}: mean absolute error {off['mae']:.2f}, root mean square {off['rmse']:.2f}, "
            f"median {off['median']:.2f}, mean error {off['bias']:+.2f} points"
        )
    for level, each in interval_figures(answers, scores).items():
        lines.append(f"{level} % intervals: {each['coverage']:.1f} % within, {each['width']:.1f} points wide")
    known = sum(answer.in_evidence for answer, _ in kept)
    if known:
        lines.append(
            f"{known} of them are reported in results/: the model has learned from them, and errs less there"
        )
    return lines
