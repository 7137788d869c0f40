"""How much is right: accuracy, pass@k, majority@k."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from kb.errors import UsageError
from kb.harness.results import SampleResult
from kb.harness.stats import Interval, nothing, rate

SUBSETS = 500  # subsets of an item's completions that a majority vote looks at, at most


@dataclass(frozen=True)
class Accuracy:
    """How much is right.

    Attributes:
        rate: mean score of the completions that were scored.
        right: sum of the scores: how many are right, where scores are 0 or 1.
        scored, unscored: completions. Unscored is not wrong: nobody can say.
        lowest, highest: the mean score if every unscored completion were wrong, or right.
    """

    rate: Interval
    right: float
    scored: int
    unscored: int
    lowest: float
    highest: float


def scored(results: Sequence[SampleResult]) -> list[tuple[SampleResult, float]]:
    """The results that have a score, with it."""
    return [(result, result.score) for result in results if result.score is not None]


def by_item(results: Sequence[SampleResult]) -> dict[str, list[SampleResult]]:
    """Results by item, in the order of their first completion."""
    found: dict[str, list[SampleResult]] = {}
    for result in results:
        found.setdefault(result.id, []).append(result)
    return found


def accuracy(results: Sequence[SampleResult], level: float = 0.95) -> Accuracy:
    """Mean score with an interval over items (see `kb.harness.stats.rate`)."""
    known = scored(results)
    right = math.fsum(score for _, score in known)
    total, unscored = len(results), len(results) - len(known)
    return Accuracy(
        rate([score for _, score in known], [result.id for result, _ in known], level),
        right,
        len(known),
        unscored,
        right / total if total else math.nan,
        (right + unscored) / total if total else math.nan,
    )


def pass_at_k(n: int, right: int, k: int) -> float:
    """The chance that at least one of k completions drawn from n is right, `right` of which are: 1 - C(n-c,k)/C(n,k).

    Source: Chen et al., Evaluating Large Language Models Trained on Code (2021, arXiv:2107.03374), section 2.1.
    Unbiased, unlike 1 - (1 - c/n)^k.
    """
    if not (0 <= right <= n and 1 <= k <= n):
        raise UsageError(f"pass@{k} of {n} completions, {right} right, is not defined")
    return 1 - math.comb(n - right, k) / math.comb(n, k)


def pass_at(results: Sequence[SampleResult], level: float = 0.95) -> dict[int, Interval]:
    """pass@k for k = 1, 2, 4, ... and all completions, over the items that have so many. Right is a score of 1."""
    items = [[score for _, score in scored(rows)] for rows in by_item(results).values()]
    found = {}
    for k in _sizes(items):
        able = [scores for scores in items if len(scores) >= k]
        values = [pass_at_k(len(scores), sum(score >= 1 for score in scores), k) for scores in able]
        found[k] = rate(values, range(len(values)), level) if values else nothing(level)
    return found


def majority_at(results: Sequence[SampleResult], level: float = 0.95) -> dict[int, Interval]:
    """majority@k: the score of the most frequent answer among k completions (self-consistency).

    Ties count with the mean of the tied answers' scores, the expectation of a fair draw; completions without an answer
    do not vote, and where none votes the item scores 0. For k below the number of completions: the mean over all
    subsets of size k, or over 500 of them drawn with a fixed seed.

    Source: Wang et al., Self-Consistency Improves Chain of Thought Reasoning (2022, arXiv:2203.11171).
    """
    items = [[(result.answer, score) for result, score in scored(rows)] for rows in by_item(results).values()]
    found = {}
    for k in _sizes(items):
        values = [_majority(votes, k) for votes in items if len(votes) >= k]
        found[k] = rate(values, range(len(values)), level) if values else nothing(level)
    return found


def _majority(votes: Sequence[tuple[str | None, float]], k: int) -> float:
    if math.comb(len(votes), k) <= SUBSETS:
        drawn = list(combinations(votes, k))
    else:
        draw = random.Random(k)  # noqa: S311 - not a secret
        drawn = [tuple(draw.sample(votes, k)) for _ in range(SUBSETS)]
    return math.fsum(_vote(chosen) for chosen in drawn) / len(drawn)


def _vote(votes: Sequence[tuple[str | None, float]]) -> float:
    scores: dict[str, list[float]] = {}
    for answer, score in votes:
        if answer is not None:
            scores.setdefault(answer.strip(), []).append(score)
    if not scores:
        return 0.0
    most = max(len(given) for given in scores.values())
    tied = [math.fsum(given) / most for given in scores.values() if len(given) == most]
    return math.fsum(tied) / len(tied)


def _sizes(items: Sequence[Sequence[object]]) -> list[int]:
    most = max((len(item) for item in items), default=0)
    return [k for k in range(1, most + 1) if k & (k - 1) == 0 or k == most]
