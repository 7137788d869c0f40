"""Where a chain of thought first goes wrong, and how.

A chain of n steps that each go wrong with chance h is right with (1 - h)^n: accuracy falls with length even if a model
gets no worse along the way. The hazard of a step, its chance to be the first wrong one given that all before it are
right, tells the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kb.harness.results import SampleResult
from kb.harness.stats import Interval, bootstrap_items, median, rate
from kb.harness.types import ErrorKind


@dataclass(frozen=True)
class Share:
    """How many completions, and which share of those with known steps."""

    count: int
    rate: Interval


@dataclass(frozen=True)
class Hazard:
    """P(first error here | right so far).

    Attributes:
        step: from 0; one past the last step for the conclusion.
        at_risk: completions that have this step and are right up to it.
        errors: of these, those whose first error is here; `kinds` says of which kind.
    """

    step: int
    at_risk: int
    errors: int
    rate: Interval
    kinds: Mapping[str, int]


@dataclass(frozen=True)
class Steps:
    """What the steps say. Completions whose steps are not known are left out.

    Attributes:
        completions: with known steps.
        all_right: share without any wrong step or conclusion.
        step_accuracy: gold steps that were reached right, of all gold steps. What comes after the first
            wrong step counts as the task counts it.
        kinds: of the first error, by kind (premise, calculation, conclusion, form); shares of all completions.
        first_error: median index of the first wrong step, from 0, of those that have one.
        hazard: by step; `conclusion` is the hazard of the answer after right steps.
        right_anyway: of the completions with a wrong step, those whose answer is right all the same.
    """

    completions: int
    all_right: Interval
    step_accuracy: Interval
    kinds: Mapping[str, Share]
    first_error: Interval
    hazard: tuple[Hazard, ...]
    conclusion: Hazard
    right_anyway: Share


def steps(results: Sequence[SampleResult], level: float = 0.95) -> Steps | None:
    """None where no completion's steps are known."""
    known = [(result, result.steps_total) for result in results if result.steps_total is not None]
    if not known:
        return None
    rows = [result for result, _ in known]
    wrong = [result for result in rows if result.first_error is not None]
    longest = max(total for _, total in known)
    lucky = [row for row in wrong if row.score is not None]
    return Steps(
        len(rows),
        _rate([result.first_error is None for result in rows], rows, level),
        _step_accuracy([(result, total) for result, total in known if total > 0], level),
        {
            kind.value: Share(
                sum(result.error_kind is kind for result in wrong),
                _rate(
                    [result.error_kind is kind and result.first_error is not None for result in rows],
                    rows,
                    level,
                ),
            )
            for kind in ErrorKind
        },
        median(
            [float(r.first_error) for r in wrong if r.first_error is not None], [r.id for r in wrong], level
        ),
        tuple(_hazard([row for row, total in known if total > step], step, level) for step in range(longest)),
        _conclusion(known, longest, level),
        Share(
            sum((row.score or 0) >= 1 for row in lucky),
            _rate([(row.score or 0) >= 1 for row in lucky], lucky, level),
        ),
    )


def _rate(values: Sequence[bool], rows: Sequence[SampleResult], level: float) -> Interval:
    return rate([float(value) for value in values], [row.id for row in rows], level)


def _step_accuracy(known: Sequence[tuple[SampleResult, int]], level: float) -> Interval:
    """A ratio of sums: a step weighs as much in a long chain as in a short one."""
    items: dict[str, list[int]] = {}
    for result, total in known:
        sums = items.setdefault(result.id, [0, 0])
        sums[0] += result.steps_right or 0
        sums[1] += total
    table = np.array(list(items.values()), dtype=np.float64).reshape(-1, 2)
    if len(table) and (table[:, 0] == table[:, 1]).all():
        return rate([1.0] * len(table), range(len(table)), level)  # nothing to resample
    return bootstrap_items(
        lambda weights: (weights @ table[:, 0]) / (weights @ table[:, 1]),
        len(table),
        level,
        bounds=(0.0, 1.0),
    )


def _hazard(rows: Sequence[SampleResult], step: int, level: float) -> Hazard:
    at_risk = [row for row in rows if row.first_error is None or row.first_error >= step]
    here = [row for row in at_risk if row.first_error == step]
    return Hazard(
        step,
        len(at_risk),
        len(here),
        _rate([row.first_error == step for row in at_risk], at_risk, level),
        {kind.value: count for kind in ErrorKind if (count := sum(row.error_kind is kind for row in here))},
    )


def _conclusion(known: Sequence[tuple[SampleResult, int]], longest: int, level: float) -> Hazard:
    """All chains end with an answer, wherever that is: the hazard after the last step, whatever its index."""
    at_risk = [(row, total) for row, total in known if row.first_error is None or row.first_error >= total]
    rows = [row for row, _ in at_risk]
    here = [row for row in rows if row.first_error is not None]
    return Hazard(
        longest,
        len(rows),
        len(here),
        _rate([row.first_error is not None for row in rows], rows, level),
        {kind.value: count for kind in ErrorKind if (count := sum(row.error_kind is kind for row in here))},
    )
