"""How many items would show it, and what so many items can show.

Asked before an evaluation, it saves a night; asked of a published figure, it says whether the figure could show what
is read into it. With 30 items, not even two runs that agree on every item show a drop of less than 8 points.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from kb.errors import UsageError
from kb.harness.stats.interval import check_margin
from kb.harness.stats.paired import restricted_variance
from kb.harness.stats.proportions import restricted, wilson

MOST = 10**9


def items_for_width(p: float, half_width: float, level: float = 0.95) -> int:
    """Items for which Wilson's interval of a proportion near `p` is no wider than twice `half_width`."""
    check_margin(half_width)
    if not 0 <= p <= 1:
        raise UsageError(f"{p} is no proportion")

    def narrow(n: int) -> bool:
        made = wilson(p * n, n, level)
        return (made.high - made.low) / 2 <= half_width

    return _least(narrow)


def items_for_paired(
    margin: float,
    *,
    discordant: float,
    difference: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
    equivalence: bool = False,
) -> int:
    """Items on which two paired runs must be held against each other to show non-inferiority (or equivalence).

    Args:
        margin: the drop that is to be ruled out, a fraction.
        discordant: share of items on which the runs disagree; 0 is the best that can be.
        difference: the true b - a.

    Source: the asymptotic power of Tango's test, with the restricted variance under the null and the plain one under
    the truth: J.-M. Nam, Biometrics 53 (1997) 1422; J. Liu et al., Statistics in Medicine 21 (2002) 231.

    Raises:
        UsageError: the true difference lies outside the margin, or exceeds what is discordant.
    """
    return _least(_paired(margin, discordant, difference, alpha, power, equivalence))


def margin_shown_paired(n: int, *, discordant: float = 0.0, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest drop that `n` paired items can rule out with this power if there is none; a fraction."""
    return _least_margin(lambda margin: _paired(margin, discordant, 0.0, alpha, power, False)(n))


def items_for_independent(
    margin: float,
    *,
    p: float,
    difference: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
    equivalence: bool = False,
) -> int:
    """Items on each side to show non-inferiority (or equivalence) of two figures that share no pairing.

    Args:
        p: the baseline's proportion.
        difference: the true b - a.

    Source: the asymptotic power of their score test, Farrington and Manning, Statistics in Medicine 9 (1990) 1447.
    """
    return _least(_independent(margin, p, difference, alpha, power, equivalence))


def margin_shown_independent(n: int, *, p: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest drop that `n` items on each side can rule out with this power if there is none; a fraction."""
    return _least_margin(lambda margin: _independent(margin, p, 0.0, alpha, power, False)(n))


def items_for_mcnemar(
    difference: float, *, discordant: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Items for McNemar's test to find a true `difference`.

    Source: R. J. Connor, Biometrics 43 (1987) 207.
    """
    from scipy.stats import norm

    if not 0 < abs(difference) <= discordant <= 1:
        raise UsageError("a difference is not 0 and no larger than the share of items that are discordant")
    z_alpha, z_power = float(norm.ppf(1 - alpha / 2)), float(norm.ppf(power))
    root = z_alpha * math.sqrt(discordant) + z_power * math.sqrt(discordant - difference**2)
    return math.ceil((root / difference) ** 2)


def power_of_mcnemar(n: int, only_a: float, only_b: float, alpha: float = 0.05) -> float:
    """How often the exact McNemar test rejects on `n` items; `only_a` and `only_b` are probabilities.

    Exact: summed over how many items are discordant, and how many of these fall to b.
    """
    from scipy.stats import binom

    discordant = only_a + only_b
    if not (only_a >= 0 and only_b >= 0 and discordant <= 1):
        raise UsageError(f"{only_a} and {only_b} are no probabilities of discordant pairs")
    if discordant == 0:
        return 0.0
    total = 0.0
    for d in range(1, n + 1):
        chance = float(binom.pmf(d, n, discordant))
        # the largest count k with 2 P(X <= k) <= alpha rejects, on either side
        k = int(binom.ppf(alpha / 2, d, 0.5))
        while k >= 0 and 2 * binom.cdf(k, d, 0.5) > alpha:
            k -= 1
        if k >= 0:
            share = only_b / discordant
            total += chance * float(binom.cdf(k, d, share) + binom.sf(d - k - 1, d, share))
    return min(1.0, total)


def _paired(
    margin: float, discordant: float, difference: float, alpha: float, power: float, equivalence: bool
) -> Callable[[int], bool]:
    if not abs(difference) <= discordant <= 1:
        raise UsageError("a difference is no larger than the share of items that are discordant (0 to 1)")
    only_a, only_b = (discordant - difference) / 2, (discordant + difference) / 2
    return _enough(
        margin,
        difference,
        lambda at: restricted_variance(only_a, only_b, at),
        discordant - difference**2,
        alpha,
        power,
        equivalence,
    )


def _independent(
    margin: float, p: float, difference: float, alpha: float, power: float, equivalence: bool
) -> Callable[[int], bool]:
    q = p + difference
    if not (0 <= p <= 1 and 0 <= q <= 1):
        raise UsageError(f"{p} and {q} are not both proportions")

    def variance(at: float) -> float:
        a, b = restricted(p, q, 1.0, at)
        return a * (1 - a) + b * (1 - b)

    return _enough(margin, difference, variance, p * (1 - p) + q * (1 - q), alpha, power, equivalence)


def _enough(
    margin: float,
    difference: float,
    null_variance: Callable[[float], float],
    variance: float,
    alpha: float,
    power: float,
    equivalence: bool,
) -> Callable[[int], bool]:
    """Whether n items give the power, by the normal approximation. Variances are of one item."""
    from scipy.stats import norm

    check_margin(margin)
    if not (0 < alpha < 0.5 and 0 < power < 1):
        raise UsageError("the error of a test lies between 0 and 0.5, its power between 0 and 1")
    if difference <= -margin or (equivalence and difference >= margin):
        raise UsageError(
            f"a true difference of {difference:g} is not within the margin {margin:g}: no number of items shows that it is"
        )
    z = float(norm.ppf(1 - alpha))
    sides = [(margin + difference, math.sqrt(max(0.0, null_variance(-margin))))]
    if equivalence:
        sides.append((margin - difference, math.sqrt(max(0.0, null_variance(margin)))))

    def passes(n: int, gap: float, null: float) -> float:
        above = math.sqrt(n) * gap - z * null
        return float(norm.cdf(above / math.sqrt(variance))) if variance > 0 else float(above >= 0)

    return lambda n: sum(passes(n, gap, null) for gap, null in sides) - (len(sides) - 1) >= power


def _least(enough: Callable[[int], bool]) -> int:
    """The smallest number of items that is enough, of a test that stays true once it is."""
    high = 1
    while not enough(high):
        high *= 2
        if high > MOST:
            raise UsageError(f"more than {MOST:,} items would be needed", fix="take a wider margin")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _least_margin(shown: Callable[[float], bool]) -> float:
    low, high = 0.0, 1 - 1e-9
    if not shown(high):
        return math.nan
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high
