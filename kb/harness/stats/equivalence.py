"""Two one-sided tests: is the variant as good as the baseline, within a margin?

"No significant difference" is no evidence of equality: a small test never finds one. Equivalence asks the other way
round: the data must reject a drop as large as the margin (and, for equivalence, a gain as large).

Source: D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from kb.errors import UsageError
from kb.harness.stats.interval import NAN, Interval, check_margin
from kb.harness.stats.items import per_item
from kb.harness.stats.paired import Pairs, invert, tango, tango_z
from kb.harness.stats.proportions import score_independent

FEW = 10  # items that differ, below which a t test is not to be trusted


@dataclass(frozen=True)
class Equivalence:
    """What two one-sided tests say of b - a, variant minus baseline.

    Attributes:
        margin: the largest difference that counts as none, a fraction for scores.
        alpha: the error of each test.
        p_drop: p value against "b is worse by the margin or more"; small speaks for non-inferiority.
        p_gain: p value against "b is better by the margin or more".
        interval: at level 1 - 2 alpha; inside the margins exactly if both tests reject.
    """

    margin: float
    alpha: float
    p_drop: float
    p_gain: float
    interval: Interval
    method: str

    @property
    def non_inferior(self) -> bool:
        """b is not worse than a by the margin."""
        return self.p_drop < self.alpha

    @property
    def equivalent(self) -> bool:
        """Neither worse nor better by the margin."""
        return self.p_drop < self.alpha and self.p_gain < self.alpha

    @property
    def worse(self) -> bool:
        """b is worse than a by more than the margin: a claim of non-inferiority is refuted, not just unproven."""
        return self.interval.high < -self.margin

    @property
    def better(self) -> bool:
        """b is better than a by more than the margin."""
        return self.interval.low > self.margin

    @property
    def p(self) -> float:
        """p value of the equivalence: the larger of the two."""
        return max(self.p_drop, self.p_gain)


def tost_paired(pairs: Pairs, margin: float, alpha: float = 0.05) -> Equivalence:
    """For right or wrong on the same items, by Tango's score test (see `tango_z`)."""
    from scipy.stats import norm

    _check(margin, alpha)
    interval = tango(pairs, 1 - 2 * alpha)
    if not interval.known:
        return Equivalence(margin, alpha, NAN, NAN, interval, "Tango score test")
    drop, gain = float(norm.sf(tango_z(pairs, -margin))), float(norm.cdf(tango_z(pairs, margin)))
    return Equivalence(margin, alpha, drop, gain, interval, "Tango score test")


def tost_independent(
    right_a: float, n_a: float, right_b: float, n_b: float, margin: float, alpha: float = 0.05
) -> Equivalence:
    """For two figures with no pairing to be had, by the Farrington-Manning score test (see `score_independent`).

    On the same items this is on the safe side: answers to one question are positively correlated.
    """
    from scipy.stats import norm

    _check(margin, alpha)

    def z(difference: float) -> float:
        return score_independent(right_a, n_a, right_b, n_b, difference)

    drop, gain = float(norm.sf(z(-margin))), float(norm.cdf(z(margin)))
    value = right_b / n_b - right_a / n_a
    low, high = invert(z, value, float(norm.ppf(1 - alpha)))
    method = "Farrington-Manning score test"
    interval = Interval(value, low, high, 1 - 2 * alpha, "Farrington-Manning", round(min(n_a, n_b)))
    return Equivalence(margin, alpha, drop, gain, interval, method)


def tost_mean(
    differences: Sequence[float], items: Sequence[Hashable], margin: float, alpha: float = 0.05
) -> Equivalence:
    """For differences between -1 and 1 with several completions an item: t tests on the items' mean differences.

    Fewer than ten items that differ tell nothing of the variance; then Tango's test takes the masses of
    the differences, which is on the safe side (see `Pairs.of`).

    Raises:
        UsageError: a difference that is no finite number between -1 and 1.
    """
    from scipy.stats import t

    _check(margin, alpha)
    sums, counts = per_item(differences, items)
    means = sums / counts
    if np.any(np.abs(means) > 1 + 1e-9):
        raise UsageError("differences of scores lie between -1 and 1")
    n = len(means)
    if np.count_nonzero(means) < FEW or np.ptp(means) == 0:
        up, down = (float(np.clip(sign * means, 0, None).sum()) for sign in (1, -1))
        return tost_paired(Pairs(0.0, down, up, max(0.0, n - up - down)), margin, alpha)
    value, error = float(means.mean()), float(means.std(ddof=1)) / math.sqrt(n)
    drop, gain = (
        float(t.sf((value + margin) / error, n - 1)),
        float(t.cdf((value - margin) / error, n - 1)),
    )
    half = float(t.ppf(1 - alpha, n - 1)) * error
    interval = Interval(value, value - half, value + half, 1 - 2 * alpha, "t over items", n)
    return Equivalence(margin, alpha, drop, gain, interval, "t tests over items")


def _check(margin: float, alpha: float) -> None:
    check_margin(margin)
    if not 0 < alpha < 0.5:
        raise UsageError(f"the error of a test lies between 0 and 0.5, {alpha} does not", fix="0.05")
