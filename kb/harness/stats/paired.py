"""Two runs on the same items. Everything is b minus a: variant minus baseline.

Pairing is what makes small drops visible: items that both runs get right, or both wrong, say nothing against either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kb.errors import UsageError
from kb.harness.stats.interval import Interval, nothing, z_of
from kb.harness.stats.items import SEED
from kb.harness.stats.proportions import wilson


@dataclass(frozen=True)
class Pairs:
    """How often both runs, one alone, or neither has an item right. Fractions are taken, too."""

    both: float
    only_a: float
    only_b: float
    neither: float

    def __post_init__(self) -> None:
        if not all(count >= 0 and math.isfinite(count) for count in self.cells):
            raise UsageError(f"{self.cells} are no counts of pairs")

    @property
    def cells(self) -> tuple[float, float, float, float]:
        return self.both, self.only_a, self.only_b, self.neither

    @property
    def n(self) -> float:
        return sum(self.cells)

    @property
    def difference(self) -> float:
        """b - a, of the proportions that are right; NaN without pairs."""
        return (self.only_b - self.only_a) / self.n if self.n else math.nan

    @property
    def discordant(self) -> float:
        """Share of items on which the runs disagree."""
        return (self.only_a + self.only_b) / self.n if self.n else math.nan

    def swapped(self) -> Pairs:
        return Pairs(self.both, self.only_b, self.only_a, self.neither)

    @classmethod
    def of(cls, a: Sequence[float], b: Sequence[float]) -> Pairs:
        """From the scores of two runs, one an item, in the same order.

        Scores between 0 and 1 (an item's mean over completions) count with the mass by which they differ. What counts
        for difference and variance is then on the wide side, since the square of such a difference is below its size.
        """
        if len(a) != len(b):
            raise UsageError(f"{len(a)} scores against {len(b)}: pairs have one of each")
        both = math.fsum(min(x, y) for x, y in zip(a, b, strict=True))
        only_a = math.fsum(max(x - y, 0.0) for x, y in zip(a, b, strict=True))
        only_b = math.fsum(max(y - x, 0.0) for x, y in zip(a, b, strict=True))
        return cls(both, only_a, only_b, max(0.0, len(a) - both - only_a - only_b))


def mcnemar(only_a: int, only_b: int) -> float:
    """p value of the exact test that neither run is better: the discordant items are fair coin tosses.

    Source: Q. McNemar, Psychometrika 12 (1947) 153; exact as a binomial test, computed by scipy.
    """
    from scipy.stats import binomtest

    if only_a < 0 or only_b < 0:
        raise UsageError(f"{only_a} and {only_b} are no counts of pairs")
    return 1.0 if only_a + only_b == 0 else float(binomtest(only_a, only_a + only_b, 0.5).pvalue)


def tango_z(pairs: Pairs, difference: float) -> float:
    """z of the score test that b - a is `difference`; positive if the pairs say more.

    The variance is that of the most likely probabilities which differ by exactly `difference`; at 0 this is McNemar's.

    Source: T. Tango, Statistics in Medicine 17 (1998) 891, equations 24 to 26.
    """
    if not (-1 < difference < 1 and pairs.n > 0):
        raise UsageError("a score test asks for pairs and for a difference between -1 and 1")
    distance = pairs.only_b - pairs.only_a - pairs.n * difference
    variance = pairs.n * restricted_variance(pairs.only_a / pairs.n, pairs.only_b / pairs.n, difference)
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def restricted_variance(only_a: float, only_b: float, difference: float) -> float:
    """Variance of one pair's b - a at the most likely probabilities with this difference; arguments are shares."""
    linear = -(only_a + only_b) + (2 - only_b + only_a) * difference
    constant = -only_a * difference * (1 - difference)
    # the most likely share of "only a": the larger root of 2 q^2 + linear q + constant
    q = (math.sqrt(max(0.0, linear * linear - 8 * constant)) - linear) / 4
    return 2 * max(q, 0.0, -difference) + difference * (1 - difference)


def tango(pairs: Pairs, level: float = 0.95) -> Interval:
    """b - a with Tango's score interval: the differences that `tango_z` does not reject."""
    if pairs.n == 0:
        return nothing(level, "Tango")
    low, high = invert(lambda difference: tango_z(pairs, difference), pairs.difference, z_of(level))
    return Interval(pairs.difference, low, high, level, "Tango", round(pairs.n))


def newcombe_paired(pairs: Pairs, level: float = 0.95) -> Interval:
    """b - a by Newcombe's hybrid of two Wilson intervals, with the correlation of the pairs.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 2635, method 10.
    """
    n = pairs.n
    if n == 0:
        return nothing(level, "Newcombe, paired")
    a = wilson(min(n, pairs.both + pairs.only_a), n, level)
    b = wilson(min(n, pairs.both + pairs.only_b), n, level)
    margins = math.prod(
        (
            pairs.both + pairs.only_a,
            pairs.only_b + pairs.neither,
            pairs.both + pairs.only_b,
            pairs.only_a + pairs.neither,
        )
    )
    cross = pairs.both * pairs.neither - pairs.only_a * pairs.only_b
    phi = (max(cross - n / 2, 0.0) if cross > 0 else cross) / math.sqrt(margins) if margins > 0 else 0.0
    value = pairs.difference
    low = value - _joined(b.value - b.low, a.high - a.value, phi)
    high = value + _joined(b.high - b.value, a.value - a.low, phi)
    return Interval(value, max(-1.0, low), min(1.0, high), level, "Newcombe, paired", round(n))


def sign_flip(differences: Sequence[float]) -> float:
    """p value of the permutation test that neither run is better, for any differences, one an item.

    Under the null a difference is as likely to have the other sign. All 2^m sign patterns of the m differences that
    are not 0, or 9999 drawn with a fixed seed. For right-or-wrong scores this is the exact McNemar test.

    Source: R. A. Fisher, The Design of Experiments (1935), section 21; computed by scipy.
    """
    from scipy.stats import permutation_test

    given = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(given).all():
        raise UsageError("a difference is not a finite number; leave it out and count it")
    given = given[given != 0]
    if len(given) < 2:
        return 1.0  # one coin, or none
    made = permutation_test(
        (given,),
        lambda values, axis: values.sum(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        batch=max(1, 1_000_000 // len(given)),
        rng=np.random.default_rng(SEED),
    )
    return min(1.0, float(made.pvalue))


def invert(statistic: Callable[[float], float], value: float, z: float) -> tuple[float, float]:
    """The differences around `value` where a falling z statistic is z and -z: an interval out of a test."""
    from scipy.optimize import brentq

    edge = 1 - 1e-10  # the statistic is not defined at the very ends
    middle = max(-edge, min(edge, value))
    low, high = -1.0, 1.0
    if middle > -edge and statistic(-edge) > z:
        low = float(brentq(lambda at: _finite(statistic(at)) - z, -edge, middle, xtol=1e-12))
    if middle < edge and statistic(edge) < -z:
        high = float(brentq(lambda at: _finite(statistic(at)) + z, middle, edge, xtol=1e-12))
    return min(low, value), max(high, value)


def _finite(value: float) -> float:
    return max(-1e9, min(1e9, value))


def _joined(mine: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, mine * mine - 2 * phi * mine * other + other * other))
