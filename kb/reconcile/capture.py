"""How many works there are that no list names: capture and recapture with two lists.

Two lists that were made independently, each by taking works from one field with equal chance, overlap by as much as the field
is small. Chapman's nearly unbiased form of the Lincoln-Petersen estimator (D. G. Chapman, Some properties of the
hypergeometric distribution with applications to zoological sample censuses, University of California Publications in
Statistics 1, 1951), with Seber's variance (G. A. F. Seber, The effects of trap response on tag recapture estimates,
Biometrics 26, 1970). The interval takes the logarithm of the number unseen as normal, so that it never falls below what was
seen (A. Chao, Estimating the population size for capture-recapture data with unequal catchability, Biometrics 43, 1987).

Lists copy from each other, and what is well known is on all of them: both make lists overlap more than chance would, and
the estimate too low. It is a lower bound, in practice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_Z = 1.959963984540054  # 95 %
ENOUGH = 7
"""Works that two lists must share for the bias to be negligible (D. S. Robson, H. A. Regier, Sample size in Petersen
mark-recapture experiments, Transactions of the American Fisheries Society 93, 1964). With fewer, they are of two fields.
"""


@dataclass(frozen=True)
class Estimate:
    """Works in all, with a 95 % interval.

    Attributes:
        first, second, both: works on either list, and on both.
        total: the estimate.
    """

    first: int
    second: int
    both: int
    total: float
    low: float
    high: float

    @property
    def seen(self) -> int:
        """Works on at least one list."""
        return self.first + self.second - self.both

    @property
    def usable(self) -> bool:
        """Whether the two overlap enough for the estimate to mean anything."""
        return self.both >= ENOUGH

    @property
    def unseen(self) -> float:
        """Works on neither, by the estimate."""
        return self.total - self.seen


def chapman(first: int, second: int, both: int) -> Estimate:
    """The number of works, from the sizes of two lists and of their overlap.

    Raises:
        ValueError: no two lists have such sizes.
    """
    if both < 0 or both > min(first, second):
        raise ValueError(f"lists of {first} and {second} works cannot share {both}")
    total = (first + 1) * (second + 1) / (both + 1) - 1
    variance = (first + 1) * (second + 1) * (first - both) * (second - both) / ((both + 1) ** 2 * (both + 2))
    seen = first + second - both
    unseen = total - seen
    if unseen <= 0:  # one list holds the other whole
        return Estimate(first, second, both, float(seen), float(seen), float(seen))
    spread = math.exp(_Z * math.sqrt(math.log1p(variance / unseen**2)))
    return Estimate(first, second, both, total, seen + unseen / spread, seen + unseen * spread)
