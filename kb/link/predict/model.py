"""The prediction: a Gaussian process and trees, and intervals from how far off they are on the unseen.

Where the process has seen the like, at 4 bits or fewer, both count half. The trees count for less the less it has seen,
since they cannot tell; and above 4 bits with every bit, as the error of rounding shrinks: they would carry a loss at 4
bits over to 8.

Intervals are conformal (Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-Free Predictive Inference for
Regression", JASA 113, 2018, section 5.2): errors on configurations that were left out, each divided by how hard the case
looks; cross-conformal (Vovk, Annals of Mathematics and AI 74, 2015), since there is too little to hold some back. How hard
a case looks: the process's own deviation, how far it and the trees are apart, and the noise of counting right answers.
Errors below and above are taken apart, because a model can lose everything and gain little. For what lies outside the
evidence the errors are those on whole sources left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kb.errors import DataError
from kb.link.predict import forest, kernel
from kb.link.predict.cases import Case, Evidence
from kb.link.predict.kernel import Columns, Likeness, Process, Shape

LEVELS = (80, 95)
_FOLDS = 8
_LEAST = 20  # rows without which nothing is predicted


@dataclass(frozen=True)
class Calibration:
    """What is learned by leaving out: the kernel's shape, and sorted errors in units of how hard each case looked.

    Attributes:
        inside: on configurations left out. outside: on sources left out.
    """

    shape: Shape
    inside: tuple[float, ...]
    outside: tuple[float, ...]


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@dataclass(frozen=True)
class Predicted:
    """A predicted score in percent. `intervals` by LEVELS, within 0 to 100."""

    score: float
    intervals: dict[int, Interval]


@dataclass(frozen=True)
class Predictor:
    """Fitted to all the evidence."""

    evidence: tuple[Evidence, ...]
    calibration: Calibration
    process: Process
    forest: forest.Forest

    def predict(self, cases: Sequence[Case], outside: Sequence[bool]) -> list[Predicted]:
        """Predict each case; `outside`: whether it lies outside the evidence."""
        asked = [case for case in cases if case.quantized]
        found = iter(
            self._quantized(asked, [o for case, o in zip(cases, outside, strict=True) if case.quantized])
        )
        return [next(found) if case.quantized else _same(case) for case in cases]

    def _quantized(self, cases: Sequence[Case], outside: Sequence[bool]) -> list[Predicted]:
        if not cases:
            return []
        mean, deviation = self.process.predict(cases)
        scores, hard = blend(cases, mean, deviation, self.forest.predict(cases), self.calibration.shape)
        return [
            Predicted(
                float(score),
                {level: self._interval(float(score), float(each), out, level) for level in LEVELS},
            )
            for score, each, out in zip(scores, hard, outside, strict=True)
        ]

    def _interval(self, score: float, hard: float, outside: bool, level: int) -> Interval:
        low, high = bounds(self.calibration.inside, level)
        if outside:
            other = bounds(self.calibration.outside, level)
            low, high = min(low, other[0]), max(high, other[1])
        return Interval(max(0.0, score + min(0.0, low) * hard), min(100.0, score + max(0.0, high) * hard))

    def nearest(self, case: Case, count: int) -> list[tuple[Evidence, float]]:
        """The evidence most like a case and how alike it is, 0 to 1; another benchmark counts for less."""
        alike = kernel.correlations(self.process, case) * np.array(
            [_kinship(case, one.case) for one in self.evidence]
        )
        order = np.argsort(-np.round(alike, 6), kind="stable")[:count]
        return [(self.evidence[i], float(alike[i])) for i in order.tolist()]


def _kinship(a: Case, b: Case) -> float:
    return 1.0 if a.benchmark == b.benchmark else 0.9 if a.task == b.task else 0.8


def _same(case: Case) -> Predicted:
    """Nothing is quantized: it is its own baseline."""
    return Predicted(case.baseline, {level: Interval(case.baseline, case.baseline) for level in LEVELS})


def bounds(errors: Sequence[float], level: int) -> tuple[float, float]:
    """The errors between which `level` percent lie, with the finite-sample correction of split conformal prediction."""
    n, tail = len(errors), (1.0 - level / 100.0) / 2.0
    reach = int(np.ceil((n + 1) * (1.0 - tail)))
    high = errors[min(reach, n) - 1]
    low = errors[max(n - reach, 0)]
    return low, high


def blend(
    cases: Sequence[Case], mean: np.ndarray, deviation: np.ndarray, trees: np.ndarray, shape: Shape
) -> tuple[np.ndarray, np.ndarray]:
    """Scores in percent from what both say, and how hard each case looks, in points."""
    columns = Columns(cases)
    start = kernel.logit(columns.baseline)
    one, other = kernel.percent_of(start + mean), kernel.percent_of(start + trees)
    knows = 1.0 - deviation / np.sqrt(np.maximum(kernel.prior(columns, shape), 1e-12))
    weight = np.clip(knows / 1.6, 0.0, 0.5) * np.minimum(1.0, 2.0 ** (4.0 - columns.bits.min(axis=1)))
    scores = one + weight * (other - one)
    spread = kernel.percent_of(start + mean + deviation) - kernel.percent_of(start + mean - deviation)
    share = np.clip(scores, 3.0, 97.0) / 100.0
    counting = 1e4 * share * (1.0 - share) / columns.items
    return scores, np.sqrt(0.25 + counting + (spread / 2.0) ** 2 + (one - other) ** 2)


def calibrate(evidence: Sequence[Evidence]) -> Calibration:
    """Choose the kernel's shape and measure the errors on what was left out. The same evidence gives the same figures."""
    cases, scores = [one.case for one in evidence], np.array([one.score for one in evidence])
    configurations = _numbers([case.configuration for case in cases])
    shape = kernel.choose(cases, scores, configurations)
    sources = _numbers([case.source for case in cases])
    inside = _errors(cases, scores, shape, configurations, _spread_out(configurations))
    outside = _errors(cases, scores, shape, sources, sources) if sources.max() > 0 else inside
    return Calibration(shape, inside, outside)


def _errors(
    cases: Sequence[Case], scores: np.ndarray, shape: Shape, groups: np.ndarray, folds: np.ndarray
) -> tuple[float, ...]:
    columns = Columns(cases)
    noise = shape.noise * columns.noise()
    targets = kernel.logit(scores) - kernel.logit(columns.baseline)
    steps, places = kernel.coarser(cases)
    covariances = (
        kernel.covariance(Likeness(columns, columns), shape),
        kernel.covariance(Likeness(Columns(steps), columns), shape),
    )
    mean, variance = kernel.left_out(covariances, places, noise, targets, groups)
    trees = np.zeros(len(scores))
    for fold in np.unique(folds):
        seen, unseen = np.flatnonzero(folds != fold).tolist(), np.flatnonzero(folds == fold).tolist()
        trees[unseen] = forest.fit([cases[i] for i in seen], scores[seen]).predict([cases[i] for i in unseen])
    predicted, hard = blend(cases, mean, np.sqrt(variance), trees, shape)
    return tuple(float(each) for each in np.sort(np.round((scores - predicted) / hard, 6)))


def _numbers(names: Sequence[str]) -> np.ndarray:
    order = {name: at for at, name in enumerate(sorted(set(names)))}
    return np.array([order[name] for name in names])


def _spread_out(groups: np.ndarray) -> np.ndarray:
    """Folds of whole groups, neighbours in name apart."""
    return np.asarray(groups % min(_FOLDS, int(groups.max()) + 1))


def fit(evidence: Sequence[Evidence], calibration: Calibration | None = None) -> Predictor:
    """Fit to the evidence; with the calibration of the same evidence at hand it takes well under a second.

    Raises:
        DataError: too little is reported to learn from.
        UsageError: scikit-learn is not installed.
    """
    if len(evidence) < _LEAST or len({one.case.configuration for one in evidence}) < _FOLDS:
        raise DataError(
            f"{len(evidence)} rows of quantized models with a baseline are too few to learn from",
            file="results",
            fix="kb results import FILE brings some",
        )
    made = calibration or calibrate(evidence)
    cases, scores = [one.case for one in evidence], np.array([one.score for one in evidence])
    return Predictor(tuple(evidence), made, kernel.fit(cases, scores, made.shape), forest.fit(cases, scores))
