"""Many cells as one estimate with its uncertainty.

Cells of one unit (source, model, benchmark, chain length) share baseline and items; they are averaged first. Every unit
then counts alike, as in the averages over benchmarks that papers print: weighting by precision would let the easiest
benchmark, which is the largest, speak for all. The uncertainty is the largest of what these say:

- how far units differ (a t interval over units; the mean of a random-effects sample with equal weights);
- how far models differ, or benchmarks, or both, where there are three or more: ten benchmarks of one odd model are no ten
  witnesses (a variance clustered by both, Cameron, Gelbach and Miller 2011; for items, Clark 1973). Two models cannot show
  how far models differ: a verdict on two is about those two;
- what chance over items must bring, since units may agree by luck. Two scores of one model on the same items are correlated,
  and a source that prints both does not say how strongly; `PAIRED` is what is assumed, except for one or two units, where
  nothing is. Runs of the harness are paired, and nothing needs to be assumed.

Errors of either kind are counted by drawing scores with known drops: benchmarks/verdict_errors.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kb.errors import UsageError
from kb.harness.stats import Pairs, tango
from kb.harness.stats.paired import tango_z
from kb.link.cells import Cell

PAIRED = 0.8
"""Correlation between two reported scores of one model on the same items, where three or more units are averaged.
benchmarks/claims.py bounds it from below by how far reported effects differ: the median group has 0.91 or more."""
ALPHA = 0.05
"""Error of each one-sided test; a claim is supported, or refuted, with the two-sided interval at 1 - 2 ALPHA."""


@dataclass(frozen=True)
class Unit:
    """Cells with one baseline, averaged. `variance` None: the source gives no way to tell."""

    key: tuple[str, str, str, int]
    effect: float
    variance: float | None
    cells: int
    paired: bool


@dataclass(frozen=True)
class Estimate:
    """A mean effect. `df` infinite: a normal distribution; `se` NaN: nothing can be said of its uncertainty."""

    value: float
    se: float
    df: float
    units: int
    cells: int
    method: str

    def interval(self, level: float = 1 - 2 * ALPHA) -> tuple[float, float]:
        """Both ends; NaN where the uncertainty is not known."""
        if not self.se > 0:
            return (math.nan, math.nan) if math.isnan(self.se) else (self.value, self.value)
        reach = _quantile(0.5 + level / 2, self.df) * self.se
        return self.value - reach, self.value + reach

    def p_above(self, bound: float) -> float:
        """p value against "the true effect is at most `bound`"; small speaks for an effect above it. 1 if unknown."""
        from scipy import stats

        if math.isnan(self.se):
            return 1.0
        if self.se == 0:
            return 0.0 if self.value > bound else 1.0
        return float(stats.t.sf((self.value - bound) / self.se, self.df))

    def p_below(self, bound: float) -> float:
        """p value against "the true effect is at least `bound`"."""
        return Estimate(-self.value, self.se, self.df, self.units, self.cells, self.method).p_above(-bound)


def units_of(cells: Sequence[Cell]) -> list[Unit]:
    """Cells averaged within units, in order of the units' names."""
    by_key: dict[tuple[str, str, str, int], list[Cell]] = {}
    for cell in cells:
        by_key.setdefault(cell.unit, []).append(cell)
    return [_unit(key, by_key[key]) for key in sorted(by_key)]


def _unit(key: tuple[str, str, str, int], cells: list[Cell]) -> Unit:
    return together(key, [Unit(key, cell.effect, cell.variance, 1, cell.paired) for cell in cells])


def together(key: tuple[str, str, str, int], parts: Sequence[Unit]) -> Unit:
    """Parts that share baselines and items, averaged: their mean is no surer than one of them."""
    known = [part.variance for part in parts if part.variance is not None]
    return Unit(
        key,
        math.fsum(part.effect for part in parts) / len(parts),
        math.fsum(known) / len(known) if len(known) == len(parts) else None,
        sum(part.cells for part in parts),
        all(part.paired for part in parts),
    )


def pool(cells: Sequence[Cell]) -> Estimate:
    """The mean effect over units, each counted once.

    Source: the variance of a mean of sampled units is their sample variance over their number (W. G. Cochran, Sampling
    Techniques, 1977, ch. 2); with random effects and equal weights this is the Knapp-Hartung interval (2003), kept
    from being narrower than sampling alone allows as Röver et al. (2015, BMC Med. Res. Methodol. 15:99) advise. Clusters in
    two ways: A. C. Cameron, J. B. Gelbach, D. L. Miller, J. Bus. Econ. Stat. 29 (2011) 238, with as many degrees of freedom
    as the smaller number of clusters less one; the reason is H. H. Clark's, J. Verbal Learn. Verbal Behav. 12 (1973) 335.

    Raises:
        UsageError: no cells.
    """
    return pool_units(units_of(cells))


def pool_units(units: Sequence[Unit]) -> Estimate:
    """As `pool`, from units.

    Raises:
        UsageError: no units.
    """
    if not units:
        raise UsageError("there is nothing to average")
    k = len(units)
    middle = math.fsum(unit.effect for unit in units) / k
    sampling = _sampling(units, PAIRED if k >= 3 else 0.0)
    ways = _between(units, middle)
    if k < 3:
        if math.isnan(sampling):
            ways = [(math.nan, math.inf, "no uncertainty is reported")]
        else:
            ways.append((sampling, math.inf, "normal, variances of the scores"))
    elif not math.isnan(sampling):
        ways.append((sampling, k - 1, f"t over {k} units, sampling variance"))
    variance, df, method = max(ways, key=_reach)
    if variance == 0 and math.isnan(sampling):  # alike to the last digit, and nothing says what chance brings
        variance, method = math.nan, "no uncertainty is reported"
    return Estimate(middle, math.sqrt(variance), df, k, sum(unit.cells for unit in units), method)


Way = tuple[float, float, str]
"""A variance of a mean, its degrees of freedom, and what it is called."""


def _reach(way: Way) -> float:
    """Half of the interval that a variance gives."""
    return _quantile(1 - ALPHA, way[1]) * math.sqrt(way[0])


@functools.lru_cache(maxsize=1024)
def _quantile(p: float, df: float) -> float:
    from scipy import stats

    return float(stats.t.ppf(p, df))


def _between(units: Sequence[Unit], middle: float) -> list[Way]:
    """How far units, models and benchmarks differ, each as the variance of the mean. One is left out of two, or of one."""
    k = len(units)
    ways: list[Way] = []
    if k > 1:
        alone, _ = _clusters(units, middle, lambda unit: unit.key)
        ways.append((alone, k - 1, f"t over {k} units"))
        by_model, models = _clusters(units, middle, lambda unit: unit.key[1])
        by_benchmark, benchmarks = _clusters(units, middle, lambda unit: unit.key[2])
        if 3 <= models < k:
            ways.append((by_model, models - 1, f"t over {models} models"))
        if 3 <= benchmarks < k:
            ways.append((by_benchmark, benchmarks - 1, f"t over {benchmarks} benchmarks"))
        if 3 <= models < k and 3 <= benchmarks < k and (both := by_model + by_benchmark - alone) > 0:
            least = min(models, benchmarks)
            ways.append((both, least - 1, f"t over {models} models and {benchmarks} benchmarks"))
    return ways


def _clusters(units: Sequence[Unit], middle: float, name: Callable[[Unit], object]) -> tuple[float, int]:
    """Variance of the mean of units if those of one name go together, and how many names there are."""
    sums: dict[object, list[float]] = {}
    for unit in units:
        sums.setdefault(name(unit), []).append(unit.effect - middle)
    n = len(sums)
    if n < 2:
        return math.nan, n
    return n / (n - 1) * math.fsum(math.fsum(each) ** 2 for each in sums.values()) / len(units) ** 2, n


def _sampling(units: Sequence[Unit], correlation: float) -> float:
    """Variance of the mean that comes of items alone; NaN if one unit's is not known."""
    total = 0.0
    for unit in units:
        if unit.variance is None:
            return math.nan
        total += unit.variance if unit.paired else (1 - correlation) * unit.variance
    return total / len(units) ** 2


@dataclass(frozen=True)
class PairedEstimate(Estimate):
    """One run held against its baseline, right or wrong once an item: every test is one of the pairs themselves.

    Against 0 the exact McNemar test, one-sided (a binomial test of the discordant items); against another bound, and for the
    interval, Tango's score test (see `kb.harness.stats`).
    """

    pairs: Pairs

    def interval(self, level: float = 1 - 2 * ALPHA) -> tuple[float, float]:
        made = tango(self.pairs, level)
        return 100 * made.low, 100 * made.high

    def p_above(self, bound: float) -> float:
        return self._p(bound, self.pairs, bound)

    def p_below(self, bound: float) -> float:
        return self._p(-bound, self.pairs.swapped(), bound)

    def _p(self, bound: float, pairs: Pairs, asked: float) -> float:
        from scipy import stats

        if asked == 0:
            discordant = round(pairs.only_a + pairs.only_b)
            if not discordant:
                return 1.0
            return float(stats.binomtest(round(pairs.only_b), discordant, alternative="greater").pvalue)
        if not -100 < bound < 100:
            return 0.0 if bound <= -100 else 1.0
        return float(stats.norm.sf(tango_z(pairs, bound / 100)))


def estimate(cells: Sequence[Cell]) -> Estimate:
    """One run by its pairs, everything else by `pool`.

    Raises:
        UsageError: no cells.
    """
    if len(cells) == 1 and (pairs := cells[0].pairs) is not None:
        pooled = pool(cells)
        return PairedEstimate(
            pooled.value, pooled.se, math.inf, 1, 1, f"{pairs.n:.0f} pairs: exact McNemar, Tango", pairs
        )
    return pool(cells)


def welch_p(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p value against "both groups have one mean"; at least two values each. Source: Welch, Biometrika 34 (1947).

    Groups that do not vary at all differ for certain, or not at all.
    """
    from scipy import stats

    (mean_a, sd_a), (mean_b, sd_b) = _moments(a), _moments(b)
    tiny = 1e-9 * max(1.0, abs(mean_a), abs(mean_b))
    if max(sd_a, sd_b) < tiny:
        return 1.0 if abs(mean_a - mean_b) < tiny else 0.0
    found = stats.ttest_ind_from_stats(mean_a, sd_a, len(a), mean_b, sd_b, len(b), equal_var=False)
    return float(found.pvalue)


def _moments(values: Sequence[float]) -> tuple[float, float]:
    middle = math.fsum(values) / len(values)
    return middle, math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))
