"""One proportion, two independent ones, and what a figure that somebody reported can be."""

from __future__ import annotations

import math

from kb.errors import UsageError
from kb.harness.stats.interval import Interval, check_counts, nothing, z_of


def wilson(right: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion.

    Good at small n and near 0 and 1, never empty. Takes fractions, so that an effective number of items can stand
    for n (Korn and Graubard, Survey Methodology 24, 1998).

    Source: E. B. Wilson, JASA 22 (1927) 209; recommended by Brown, Cai and DasGupta, Statistical Science 16 (2001) 101.
    `scipy.stats.binomtest(...).proportion_ci(method="wilson")` gives the same for whole numbers.

    Raises:
        UsageError: not 0 <= right <= n.
    """
    check_counts(right, n)
    if n == 0:
        return nothing(level, "Wilson")
    z, p = z_of(level), right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    # at the ends the bound is the estimate; rounding must not put it beside
    return Interval(p, min(low, p), max(high, p), level, "Wilson", round(n))


def clopper_pearson(right: int, n: int, level: float = 0.95) -> Interval:
    """The exact interval of a proportion: covers at least `level` whatever the truth; wider than Wilson's.

    Source: Clopper and Pearson, Biometrika 26 (1934) 404; computed by scipy.
    """
    from scipy.stats import binomtest

    check_counts(right, n)
    z_of(level)
    if n == 0:
        return nothing(level, "Clopper-Pearson")
    bounds = binomtest(right, n).proportion_ci(level, method="exact")
    return Interval(right / n, float(bounds.low), float(bounds.high), level, "Clopper-Pearson", n)


def newcombe_independent(
    right_a: float, n_a: float, right_b: float, n_b: float, level: float = 0.95
) -> Interval:
    """b - a of two independent proportions, by Newcombe's hybrid of two Wilson intervals.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 873, method 10.
    """
    a, b = wilson(right_a, n_a, level), wilson(right_b, n_b, level)
    if not (a.known and b.known):
        return nothing(level, "Newcombe, independent")
    value = b.value - a.value
    low = value - math.hypot(b.value - b.low, a.high - a.value)
    high = value + math.hypot(b.high - b.value, a.value - a.low)
    return Interval(value, max(-1.0, low), min(1.0, high), level, "Newcombe, independent", min(a.n, b.n))


def score_independent(right_a: float, n_a: float, right_b: float, n_b: float, difference: float) -> float:
    """z of the score test that b - a of two independent proportions is `difference`; positive if it is more.

    The variance is that of the most likely pair of proportions which differ by exactly `difference`.

    Source: Farrington and Manning, Statistics in Medicine 9 (1990) 1447 (the statistic, closed form in its appendix);
    Miettinen and Nurminen, Statistics in Medicine 4 (1985) 213, add a factor n/(n-1) that is left out here.
    """
    check_counts(right_a, n_a)
    check_counts(right_b, n_b)
    if not (-1 < difference < 1 and n_a > 0 and n_b > 0):
        raise UsageError("a score test asks for items on both sides and a difference between -1 and 1")
    p_a, p_b = right_a / n_a, right_b / n_b
    q_a, q_b = restricted(p_a, p_b, n_a / n_b, difference)
    error = math.sqrt(q_a * (1 - q_a) / n_a + q_b * (1 - q_b) / n_b)
    distance = p_b - p_a - difference
    if error < 1e-12:
        return 0.0 if abs(distance) < 1e-12 else math.copysign(math.inf, distance)
    return distance / error


def restricted(p_a: float, p_b: float, ratio: float, difference: float) -> tuple[float, float]:
    """The most likely two proportions with q_b - q_a = `difference`, where p_a and p_b were seen.

    Args:
        ratio: n_a / n_b.

    Source: Farrington and Manning (1990), appendix: the root of a cubic in q_b.
    """
    c3 = 1 + ratio
    c2 = -(1 + ratio + p_b + ratio * p_a + difference * (ratio + 2))
    c1 = difference**2 + difference * (2 * p_b + ratio + 1) + p_b + ratio * p_a
    c0 = -p_b * difference * (1 + difference)
    v = (c2 / (3 * c3)) ** 3 - c2 * c1 / (6 * c3 * c3) + c0 / (2 * c3)
    u = math.copysign(math.sqrt(max(0.0, (c2 / (3 * c3)) ** 2 - c1 / (3 * c3))), v)
    w = (math.pi + math.acos(max(-1.0, min(1.0, v / u**3 if u else 1.0)))) / 3
    q_b = min(1.0, 1.0 + difference, max(0.0, difference, 2 * u * math.cos(w) - c2 / (3 * c3)))
    return min(1.0, max(0.0, q_b - difference)), q_b


def reported(
    score: float, items: int, *, seeds: int = 1, spread: float | None = None, level: float = 0.95
) -> Interval:
    """How sure a reported figure is, which says no more than a score and a number of items.

    The mean of several seeds on the same items is surer than one seed, but never surer than the choice of items lets
    it be. With p the score, the variance of one seed's score is p(1-p)/n; the part of it that seeds average away is
    their `spread` squared. So the variance of the mean is p(1-p)/n - spread^2 (1 - 1/seeds), and Wilson's interval is
    taken at the number of items that has this variance. Where the spread is not said, seeds count for nothing, which
    errs on the wide side.

    Args:
        score: fraction of items that are right, mean over seeds.
        spread: standard deviation of the score over seeds, a fraction.

    Source: law of total variance over items and completions, as E. Miller, "Adding error bars to evals" (2024,
    arXiv:2411.00640), section 3; the effective number of items as Korn and Graubard (1998).
    """
    if not 0 <= score <= 1:
        raise UsageError(
            f"a score is a fraction between 0 and 1, {score} is not", fix="divide percent by 100"
        )
    if items < 1 or seeds < 1 or (spread is not None and not spread >= 0):
        raise UsageError(
            "a reported figure asks for at least one item and one seed, and a spread of 0 or more"
        )
    whole = score * (1 - score) / items
    n = float(items)
    if spread is not None and seeds > 1 and whole > 0:
        within = min(spread**2, whole)
        n = items * whole / (whole - within * (1 - 1 / seeds))
    made = wilson(score * n, n, level)
    method = "Wilson" if n == items else f"Wilson, {n:.0f} effective items"
    return Interval(score, made.low, made.high, level, method, items)


def reported_counts(score: float, items: int, *, seeds: int = 1, decimals: int = 1) -> list[int]:
    """The numbers of right completions that a figure in percent with so many decimals can stand for.

    An empty list is a figure that no number of right answers gives: a slip, another number of items, or partial credit.

    Args:
        score: in percent, as printed.

    Source: the GRIM test, Brown and Heathers, Social Psychological and Personality Science 8 (2017) 363.
    """
    total = items * seeds
    half = 0.5 * 10.0**-decimals + 1e-9
    first = max(0, math.ceil((score - half) / 100 * total - 1e-9))
    last = min(total, math.floor((score + half) / 100 * total + 1e-9))
    return [count for count in range(first, last + 1) if abs(100 * count / total - score) <= half]
