"""How far off predictions are on what they have not seen: nested grouped cross-validation.

Each part of the evidence is predicted from the others alone: the kernel's shape and the intervals are learned within
them. Whole groups are left out, three ways: configurations (a model, quantized in one way, in one source: the case of a
new row of a known table), sources, and models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kb.link.predict.cases import Case, Evidence
from kb.link.predict.hull import Hull
from kb.link.predict.model import LEVELS, Predicted, fit
from kb.link.predict.simple import SIMPLE

MODEL = "kb"
SCHEMES: dict[str, Callable[[Case], str]] = {
    "configuration": lambda case: case.configuration,
    "source": lambda case: case.source,
    "model": lambda case: case.model,
}
_BANDS = ((0.0, 2.99, "below 3 bits"), (2.99, 3.99, "3 bits"), (3.99, 7.99, "4 bits"), (7.99, 16.0, "8 bits"))


@dataclass
class Errors:
    """Predictions beside what was reported, row by row."""

    evidence: Sequence[Evidence]
    predicted: Mapping[str, np.ndarray]
    answers: Sequence[Predicted]
    outside: np.ndarray
    parts: int = 0
    scores: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.scores = np.array([one.score for one in self.evidence])

    def summary(self) -> dict[str, Any]:
        """The figures of one scheme."""
        bits = np.array([min(one.case.bits) for one in self.evidence])
        return {
            "parts": self.parts,
            "rows": len(self.evidence),
            "errors": {name: error_figures(each, self.scores) for name, each in self.predicted.items()},
            "intervals": interval_figures(self.answers, self.scores),
            "outside": int(self.outside.sum()),
            "bands": [self._band(name, (bits > low) & (bits <= high)) for low, high, name in _BANDS],
        }

    def _band(self, name: str, rows: np.ndarray) -> dict[str, Any]:
        answers = [self.answers[i] for i in np.flatnonzero(rows).tolist()]
        return {
            "band": name,
            "rows": int(rows.sum()),
            "mae": {
                who: round(float(np.abs(p - self.scores)[rows].mean()), 2)
                for who, p in self.predicted.items()
            }
            if rows.any()
            else {},
            "intervals": interval_figures(answers, self.scores[rows]),
        }


def error_figures(predicted: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Mean absolute error, root of the mean square, median absolute error and mean error, in points."""
    off = predicted - scores
    return {
        "mae": round(float(np.abs(off).mean()), 2),
        "rmse": round(float(np.sqrt((off**2).mean())), 2),
        "median": round(float(np.median(np.abs(off))), 2),
        "bias": round(float(off.mean()), 2),
    }


def interval_figures(answers: Sequence[Predicted], scores: np.ndarray) -> dict[str, dict[str, float]]:
    """Share of scores within their interval, and how wide it is on average and at the median, in points."""
    found = {}
    for level in LEVELS:
        low = np.array([each.intervals[level].low for each in answers])
        high = np.array([each.intervals[level].high for each in answers])
        if not len(answers):
            continue
        inside = (scores >= low - 1e-9) & (scores <= high + 1e-9)
        found[str(level)] = {
            "coverage": round(100.0 * float(inside.mean()), 1),
            "width": round(float((high - low).mean()), 2),
            "median_width": round(float(np.median(high - low)), 2),
        }
    return found


def parts_of(evidence: Sequence[Evidence], scheme: str, parts: int) -> np.ndarray:
    """The part of each row [rows]: whole groups, the largest first into the part that holds least."""
    names = [SCHEMES[scheme](one.case) for one in evidence]
    sizes = {name: names.count(name) for name in set(names)}
    holds = [0] * min(parts, len(sizes))
    part: dict[str, int] = {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        part[name] = holds.index(min(holds))
        holds[part[name]] += sizes[name]
    return np.array([part[name] for name in names])


def cross_validate(
    evidence: Sequence[Evidence],
    scheme: str,
    *,
    parts: int = 5,
    step: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Errors:
    """Predict every part from the others."""
    part = parts_of(evidence, scheme, parts)
    predicted = {name: np.zeros(len(evidence)) for name in (MODEL, *SIMPLE)}
    answers: list[Predicted | None] = [None] * len(evidence)
    outside = np.zeros(len(evidence), dtype=bool)
    total = int(part.max()) + 1
    for each in range(total):
        step(f"leaving out a {scheme}", each, total)
        rows = np.flatnonzero(part == each).tolist()
        seen = [evidence[i] for i in np.flatnonzero(part != each).tolist()]
        cases = [evidence[i].case for i in rows]
        hull = Hull(seen)
        outside[rows] = [any(True for _ in hull.outside(case)) for case in cases]
        for i, answer in zip(rows, fit(seen).predict(cases, list(outside[rows])), strict=True):
            answers[i] = answer
            predicted[MODEL][i] = answer.score
        for name, simple in SIMPLE.items():
            predicted[name][rows] = simple(seen, cases)
    step(f"leaving out a {scheme}", total, total)
    return Errors(evidence, predicted, [each for each in answers if each is not None], outside, total)
