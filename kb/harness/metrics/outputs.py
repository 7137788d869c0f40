"""The outputs themselves: how long, how often cut off, how far from those of the baseline run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kb.harness.metrics.accuracy import scored
from kb.harness.results import SampleResult
from kb.harness.stats import Interval, bootstrap_items, mean, mean_difference, median, nothing, rate

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Lengths:
    """Reasoning tokens of so many completions; those of which nobody counted any are left out."""

    completions: int
    mean: Interval
    median: Interval


@dataclass(frozen=True)
class Tokens:
    """Reasoning tokens: what was generated before the answer.

    Attributes:
        right, wrong: by score: 1, and less than 1. Unscored ones are in `all` only.
        wrong_minus_right: difference of the means. Hard items are longer and more often wrong, so it says little of
            what failing does;
        within_groups: the same among items of one group (one chain length, one kind), pooled with the weights
            n_right n_wrong / (n_right + n_wrong) that give a difference of means its smallest variance
            (Cochran, Biometrics 10 (1954) 417).

    Outputs that were cut off count with the length at which they were; see `truncated`.
    """

    all: Lengths
    right: Lengths
    wrong: Lengths
    wrong_minus_right: Interval
    within_groups: Interval


@dataclass(frozen=True)
class Divergence:
    """How far the outputs are from those of the baseline run.

    Attributes:
        differing: share of completions that differ at all; NaN where there is no baseline run.
        first_token: median index of the first token that differs, of those that do.
        kl: mean over completions of the mean KL divergence from the full-precision model, nats a token.
        kl_measured, kl_not_finite: on how many it is known, and on how many of these it is no number.
    """

    differing: Interval
    first_token: Interval
    kl: Interval
    kl_measured: int
    kl_not_finite: int


def truncated(results: Sequence[SampleResult], level: float = 0.95) -> Interval:
    """Share of completions that ran into the limit of new tokens."""
    return rate(
        [float(result.finish == "length") for result in results], [result.id for result in results], level
    )


def tokens(results: Sequence[SampleResult], level: float = 0.95) -> Tokens:
    """Means with bootstrap intervals over items, medians with those of order statistics."""
    counted = [result for result in results if result.reasoning_tokens is not None]
    right = [result for result, score in scored(counted) if score >= 1]
    wrong = [result for result, score in scored(counted) if score < 1]
    return Tokens(
        _lengths(counted, level),
        _lengths(right, level),
        _lengths(wrong, level),
        mean_difference(_counts(right), _ids(right), _counts(wrong), _ids(wrong), level),
        _within_groups(right, wrong, level),
    )


def divergence(
    results: Sequence[SampleResult], *, has_baseline: bool, level: float = 0.95
) -> Divergence | None:
    """None where there is neither a baseline run nor a KL divergence."""
    measured = [(result.id, result.kl) for result in results if result.kl is not None]
    if not (has_baseline or measured):
        return None
    finite = [(item, kl) for item, kl in measured if math.isfinite(kl)]
    changed = [(result.id, float(result.differs_at)) for result in results if result.differs_at is not None]
    unknown = nothing(level, "no baseline run")
    return Divergence(
        rate([float(r.differs_at is not None) for r in results], _ids(results), level)
        if has_baseline
        else unknown,
        median([at for _, at in changed], [item for item, _ in changed], level) if has_baseline else unknown,
        mean([kl for _, kl in finite], [item for item, _ in finite], level),
        len(measured),
        len(measured) - len(finite),
    )


def _lengths(results: Sequence[SampleResult], level: float) -> Lengths:
    counts, ids = _counts(results), _ids(results)
    return Lengths(len(results), mean(counts, ids, level), median(counts, ids, level))


def _counts(results: Sequence[SampleResult]) -> list[float]:
    return [float(result.reasoning_tokens or 0) for result in results]


def _ids(results: Sequence[SampleResult]) -> list[str]:
    return [result.id for result in results]


def _within_groups(right: Sequence[SampleResult], wrong: Sequence[SampleResult], level: float) -> Interval:
    """One row an item: its group, and sums and counts of the tokens of its right and its wrong completions."""
    groups = {group: at for at, group in enumerate(sorted({row.group for row in (*right, *wrong)}))}
    rows: dict[str, list[float]] = {}
    for column, results in ((1, right), (3, wrong)):
        for result in results:
            row = rows.setdefault(result.id, [float(groups[result.group]), 0, 0, 0, 0])
            row[column] += result.reasoning_tokens or 0
            row[column + 1] += 1
    if not rows:
        return nothing(level)
    table = np.array(list(rows.values()), dtype=np.float64)
    member = np.eye(len(groups))[table[:, 0].astype(np.int64)]
    columns = [member * table[:, column, None] for column in range(1, 5)]

    def pooled(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        right_sum, right_n, wrong_sum, wrong_n = (weights @ column for column in columns)
        share = right_n * wrong_n / (right_n + wrong_n)  # NaN without either
        gap = wrong_sum / wrong_n - right_sum / right_n
        both = (right_n > 0) & (wrong_n > 0)
        total: NDArray[np.float64] = np.where(both, gap * share, 0).sum(axis=1) / np.where(
            both, share, 0
        ).sum(axis=1)
        return total

    return bootstrap_items(pooled, len(table), level)
