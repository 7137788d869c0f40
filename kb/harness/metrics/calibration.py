"""How sure a model was against how right it was.

Confidence is the probability that the model gave to what it wrote: of its answer's tokens by default, or of the whole
output, which shrinks with length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from kb.harness.metrics.accuracy import scored
from kb.harness.results import SampleResult
from kb.harness.stats import Interval, bootstrap_items, mean, rate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Indices = NDArray[np.int64]

BINS = 10
RESAMPLES = 499


class Pick(StrEnum):
    """Whose probability is the confidence: the answer's tokens, or the whole output's."""

    ANSWER = "answer"
    SEQUENCE = "sequence"


@dataclass(frozen=True)
class Bin:
    """Completions of similar confidence, which lies in (low, high], in the first bin in [low, high].

    Attributes:
        confidence: their mean confidence.
        accuracy: their mean score; calibrated if the two agree.
    """

    low: float
    high: float
    confidence: float
    accuracy: Interval
    count: int


@dataclass(frozen=True)
class Binned:
    """A reliability curve and its expected calibration error: the mean gap of its bins, weighted by their counts.

    Attributes:
        noise: what the error of a perfectly calibrated model with these confidences would be: mean, and the middle 95 %.
            A binned error is never 0 in a finite sample; within this range it says nothing.
    """

    ece: Interval
    noise: Interval
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Calibration:
    """How sure against how right.

    Attributes:
        pick: whose probability is the confidence.
        completions: that are scored and have a confidence; `missing` are scored and have none.
        confidence: its mean.
        overconfidence: mean confidence minus mean score; positive is too sure.
        brier: mean squared difference of confidence and score (Brier, Monthly Weather Review 78 (1950) 1).
        equal_mass, equal_width: bins of equally many completions, and of equal width.
    """

    pick: Pick
    completions: int
    missing: int
    confidence: Interval
    overconfidence: Interval
    brier: Interval
    equal_mass: Binned
    equal_width: Binned


def confidence(result: SampleResult, pick: Pick = Pick.ANSWER) -> float | None:
    """The probability, 0 to 1, that the model gave to its answer or to its whole output; None if the engine said none."""
    value = result.answer_logprob if pick is Pick.ANSWER else result.logprob
    return None if value is None or not math.isfinite(value) else min(1.0, math.exp(value))


def calibration(
    results: Sequence[SampleResult], pick: Pick = Pick.ANSWER, level: float = 0.95
) -> Calibration | None:
    """None where no completion has a confidence."""
    rows = [(result, score, confidence(result, pick)) for result, score in scored(results)]
    known = [(result.id, score, sure) for result, score, sure in rows if sure is not None]
    if not known:
        return None
    items = [item for item, _, _ in known]
    right = np.array([score for _, score, _ in known])
    sure = np.array([value for _, _, value in known])
    return Calibration(
        pick,
        len(known),
        len(rows) - len(known),
        rate(sure.tolist(), items, level),
        mean((sure - right).tolist(), items, level),
        rate(((sure - right) ** 2).tolist(), items, level),
        _binned(sure, right, items, level, equal_mass=True),
        _binned(sure, right, items, level, equal_mass=False),
    )


def ece(sure: Numbers, right: Numbers, *, equal_mass: bool, bins: int = BINS) -> float:
    """Expected calibration error of confidences and scores.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015; equal width as Guo et al., ICML 2017 (arXiv:1706.04599), equal
    mass as Nguyen and O'Connor, EMNLP 2015 (arXiv:1508.05154). Equal confidences share a bin, whatever their order.
    """
    if not len(sure):
        return math.nan
    at = _bin_of(sure, edges(sure, equal_mass=equal_mass, bins=bins))
    return float(np.abs(np.bincount(at, sure - right)).sum() / len(sure))


def edges(sure: Numbers, *, equal_mass: bool, bins: int = BINS) -> Numbers:
    """Upper ends of all bins but the last."""
    inner = np.arange(1, bins) / bins
    if not equal_mass:
        return inner
    ordered = np.sort(sure)
    return np.unique(ordered[np.ceil(inner * len(sure)).astype(np.int64) - 1])


def _bin_of(sure: Numbers, upper: Numbers) -> Indices:
    return np.searchsorted(upper, sure, side="left").astype(np.int64)


def _binned(sure: Numbers, right: Numbers, items: Sequence[str], level: float, *, equal_mass: bool) -> Binned:
    upper = edges(sure, equal_mass=equal_mass)
    at = _bin_of(sure, upper)
    bins = []
    for index in sorted(set(at.tolist())):
        inside = np.flatnonzero(at == index)
        low = 0.0 if index == 0 else float(upper[index - 1])
        high = float(upper[index]) if index < len(upper) else 1.0
        bins.append(
            Bin(
                low,
                high,
                float(sure[inside].mean()),
                rate(right[inside].tolist(), [items[row] for row in inside.tolist()], level),
                len(inside),
            )
        )
    gaps, counts = by_item_and_bin(sure, right, items, equal_mass=equal_mass)
    # the bins stay as they are while items are drawn
    found = bootstrap_items(
        lambda weights: np.abs(weights @ gaps).sum(axis=1) / (weights @ counts),
        len(gaps),
        level,
        bounds=(0.0, 1.0),
    )
    return Binned(found, _noise(sure, at, level, len(gaps)), tuple(bins))


def by_item_and_bin(
    sure: Numbers, right: Numbers, items: Sequence[str], *, equal_mass: bool = True
) -> tuple[Numbers, Numbers]:
    """Sum of each item's gaps between confidence and score, [items, bins], and its number of completions, [items]."""
    at = _bin_of(sure, edges(sure, equal_mass=equal_mass))
    index = {item: row for row, item in enumerate(dict.fromkeys(items))}
    owner = np.array([index[item] for item in items])
    width = int(at.max()) + 1
    gaps = (
        np.bincount(owner * width + at, sure - right, len(index) * width)
        .astype(np.float64)
        .reshape(-1, width)
    )
    return gaps, np.bincount(owner, minlength=len(index)).astype(np.float64)


def _noise(sure: Numbers, at: Indices, level: float, n: int) -> Interval:
    """Errors with labels drawn from the confidences themselves: consistency resampling.

    Source: Bröcker and Smith, Weather and Forecasting 22 (2007) 651.
    """
    draw = np.random.default_rng(0)
    labels = draw.random((RESAMPLES, len(sure))) < sure
    member = np.eye(int(at.max()) + 1)[at]
    errors = np.abs((sure - labels) @ member).sum(axis=1) / len(sure)
    low, high = (float(bound) for bound in np.quantile(errors, [(1 - level) / 2, (1 + level) / 2]))
    return Interval(float(errors.mean()), low, high, level, "labels drawn from the confidences", n)
