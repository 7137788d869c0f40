"""Means, rates and medians when several completions share an item.

Completions of one prompt resemble each other, so they are no independent evidence: items are the unit. Intervals
resample items with all their completions (cluster bootstrap: Davison and Hinkley, Bootstrap Methods, 1997, section 3.8).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kb.errors import UsageError
from kb.harness.stats.interval import NAN, Interval, check_level, nothing
from kb.harness.stats.proportions import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]
    Indices = NDArray[np.int64]

SEED = 20261125
RESAMPLES = (
    1999  # Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 14.3: 1000 to 2000 for BCa
)
_CELLS = 2_000_000  # numbers held at a time while resampling: 16 MB


def per_item(values: Sequence[float], items: Sequence[Hashable]) -> tuple[Numbers, Numbers]:
    """Sum and count of each item's values, items in the order of their first value.

    Raises:
        UsageError: a value that is not finite, or another number of items than of values.
    """
    if len(values) != len(items):
        raise UsageError(f"{len(values)} values of {len(items)} items")
    given = np.asarray(values, dtype=np.float64)
    if not np.isfinite(given).all():
        raise UsageError("a value is not a finite number; leave it out and count it")
    names = {item: at for at, item in enumerate(dict.fromkeys(items))}
    where = np.fromiter((names[item] for item in items), dtype=np.int64, count=len(items))
    size = len(names)
    sums: Numbers = np.bincount(where, given, size).astype(np.float64)
    return sums, np.bincount(where, minlength=size).astype(np.float64)


def rate(values: Sequence[float], items: Sequence[Hashable], level: float = 0.95) -> Interval:
    """The mean of values between 0 and 1 (right or wrong, or partial credit), with an interval that respects items.

    One right-or-wrong value an item: Wilson. Otherwise the BCa bootstrap over items of sum / count. Where all items
    are alike there is nothing to resample: Wilson's interval with the number of items as n, which is on the wide side.
    """
    sums, counts = per_item(values, items)
    n = len(sums)
    if n == 0:
        return nothing(level)
    if np.any((np.asarray(values) < 0) | (np.asarray(values) > 1)):
        raise UsageError("a rate is made of values between 0 and 1")
    value = float(sums.sum() / counts.sum())
    if (counts == 1).all() and np.isin(sums, (0.0, 1.0)).all():
        return wilson(float(sums.sum()), n, level)
    if n == 1 or np.ptp(sums / counts) == 0:
        made = wilson(value * n, n, level)
        return Interval(value, made.low, made.high, level, "Wilson over items", n)
    return _bca(value, (sums, counts), _ratio, level, bounds=(0.0, 1.0))


def mean(values: Sequence[float], items: Sequence[Hashable] | None = None, level: float = 0.95) -> Interval:
    """The mean of any finite values, BCa bootstrap over items (Efron, JASA 82 (1987) 171; computed by scipy).

    `items` None: each value is an item of its own. One item has no interval.
    """
    check_level(level)
    sums, counts = per_item(values, range(len(values)) if items is None else items)
    if len(sums) == 0:
        return nothing(level)
    return _bca(float(sums.sum() / counts.sum()), (sums, counts), _ratio, level)


def mean_difference(
    first: Sequence[float],
    first_items: Sequence[Hashable],
    second: Sequence[float],
    second_items: Sequence[Hashable],
    level: float = 0.95,
) -> Interval:
    """Mean of `second` minus mean of `first`, which share no pairing: Welch's t interval over items.

    Source: B. L. Welch, Biometrika 34 (1947) 28; computed by scipy. The items' own means are the observations.
    """
    from scipy.stats import ttest_ind

    sides = [per_item(first, first_items), per_item(second, second_items)]
    if not all(len(sums) for sums, _ in sides):
        return nothing(level, "Welch")
    a, b = (sums / counts for sums, counts in sides)
    value = float(b.mean() - a.mean())
    n = min(len(a), len(b))
    if n < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return Interval(value, NAN, NAN, level, "Welch", n)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # one side all alike: its variance is 0, which is right
        bounds = ttest_ind(b, a, equal_var=False).confidence_interval(level)
    return Interval(value, float(bounds.low), float(bounds.high), level, "Welch", n)


def median(values: Sequence[float], items: Sequence[Hashable] | None = None, level: float = 0.95) -> Interval:
    """The median. One value an item: the distribution-free interval between two order statistics, whose ranks are
    binomial (Conover, Practical Nonparametric Statistics, 3rd ed. 1999, section 3.2). Several: percentile bootstrap
    over items. Fewer than six items have no order statistics far enough apart at 95 %.
    """
    check_level(level)
    names = list(range(len(values))) if items is None else list(items)
    per_item(values, names)
    if not len(values):
        return nothing(level)
    if len(set(names)) < len(names):
        order = np.argsort(np.asarray(values, dtype=np.float64), kind="stable")
        ordered = np.asarray(values, dtype=np.float64)[order]
        index = {name: at for at, name in enumerate(dict.fromkeys(names))}
        owner = np.array([index[names[at]] for at in order])
        return bootstrap_items(
            lambda weights: _weighted_median(ordered, weights[:, owner]),
            len(index),
            level,
            method="percentile",
        )
    from scipy.stats import binom

    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    below = int(binom.ppf((1 - level) / 2, n, 0.5))
    if below > 0 and binom.cdf(below - 1, n, 0.5) > (1 - level) / 2:
        below -= 1
    value = float(np.median(ordered))
    if below == 0:
        return Interval(value, NAN, NAN, level, "order statistics", n)
    return Interval(value, float(ordered[below - 1]), float(ordered[n - below]), level, "order statistics", n)


def bootstrap_items(
    statistic: Callable[[Numbers], Numbers],
    n: int,
    level: float = 0.95,
    *,
    method: str = "BCa",
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """Any statistic of a set of `n` items.

    Args:
        statistic: takes weights [resamples, n], how often each item was drawn, and gives [resamples] values.
        method: "BCa", or "percentile" for a statistic that is not smooth, as a median.
        bounds: what the statistic cannot leave.

    The interval is widened to hold the estimate, where a biased statistic (as a calibration error) would leave it out.
    """
    check_level(level)
    if n == 0:
        return nothing(level)
    with np.errstate(all="ignore"):
        value = float(statistic(np.ones((1, n)))[0])
    if math.isnan(value):
        return nothing(level)

    def of_drawn(drawn: Indices, axis: int = -1) -> Any:
        table = np.moveaxis(drawn, axis, -1)
        rows = table.reshape(-1, table.shape[-1])
        at = rows + n * np.arange(len(rows))[:, None]
        weights = np.bincount(at.ravel(), minlength=n * len(rows)).reshape(len(rows), n).astype(np.float64)
        return statistic(weights).reshape(table.shape[:-1])

    return _bca(value, (np.arange(n),), of_drawn, level, bounds=bounds, method=method)


def _weighted_median(ordered: Numbers, weights: Numbers) -> Numbers:
    """Median of each row's multiset of the values, which rise."""
    upto = weights.cumsum(axis=1)
    half = upto[:, -1:] / 2
    low, high = ordered[(upto < half).sum(axis=1)], ordered[(upto <= half).sum(axis=1)]
    middle: Numbers = (low + high) / 2
    return middle


def _ratio(sums: Numbers, counts: Numbers, axis: int = -1) -> Any:
    return sums.sum(axis) / counts.sum(axis)


def _bca(
    value: float,
    data: tuple[Any, ...],
    statistic: Callable[..., Any],
    level: float,
    *,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    method: str = "BCa",
) -> Interval:
    """scipy's bootstrap with our seed. Where BCa is not defined (all resamples on one side), the percentiles."""
    from scipy.stats import bootstrap

    n = len(data[0])
    named = f"{method} bootstrap over items"
    if n < 2:
        return Interval(value, NAN, NAN, level, named, n)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # degenerate data: told by the bounds, which are looked at below
        made = bootstrap(
            data,
            statistic,
            paired=True,
            vectorized=True,
            confidence_level=level,
            n_resamples=RESAMPLES,
            batch=max(1, _CELLS // n),
            method=method,
            rng=np.random.default_rng(SEED),
        )
    low, high = float(made.confidence_interval.low), float(made.confidence_interval.high)
    if not (math.isfinite(low) and math.isfinite(high)):
        spread = made.bootstrap_distribution[np.isfinite(made.bootstrap_distribution)]
        if not len(spread):
            return Interval(value, NAN, NAN, level, named, n)
        low, high = (float(bound) for bound in np.quantile(spread, [(1 - level) / 2, (1 + level) / 2]))
        named = "percentile bootstrap over items"
    low, high = max(bounds[0], min(low, value)), min(bounds[1], max(high, value))
    return Interval(value, low, high, level, named, n)
