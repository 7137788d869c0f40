"""Cells: one setting against another, of one model on the same items. Everything is variant minus baseline.

Unlike is not compared with unlike: reported scores are held against each other only within one source, runs only if they
were made alike; a refusal says which setting differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kb.errors import UsageError
from kb.harness.compare import join, settings_of
from kb.harness.manifest import differences
from kb.harness.results import SampleResult
from kb.harness.stats import Pairs
from kb.link.evidence import Measured, Setting
from kb.records.claims import Metric

_NOUGHT = "the baseline is nought: there is no share of it"


@dataclass(frozen=True)
class Cell:
    """An effect with what is known of its variance.

    Attributes:
        variant, baseline: the two scores.
        effect: variant minus baseline, in the metric's unit (points of 100 for accuracy) or in percent of the baseline.
        variance: squared unit of the effect; None where the source says nothing of it.
        pairs: of runs that are right or wrong once an item: how often both, one or neither is right.
    """

    variant: Measured
    baseline: Measured
    effect: float
    variance: float | None
    pairs: Pairs | None = None

    @property
    def ref(self) -> str:
        return self.variant.ref

    @property
    def setting(self) -> Setting:
        return self.variant.setting

    @property
    def paired(self) -> bool:
        """Whether the variance is of differences on the same items, and not the sum of two scores' own."""
        return self.variant.kind == "run"

    @property
    def unit(self) -> tuple[str, str, str, int]:
        """Cells of one unit share their baseline and their items: they are not independent."""
        one = self.variant
        return one.source, one.model, one.benchmark, one.chain_length or 0


def make_cell(variant: Measured, baseline: Measured, *, percent: bool = False) -> Cell:
    """Hold one score against another.

    Args:
        percent: the effect in percent of the baseline.

    Raises:
        UsageError: they are not alike (which setting differs), or share no sample, or the baseline is nought where a
            share of it is asked for.
    """
    for name in ("kind", "source", "model", "benchmark", "chain_length", "metric"):
        was, now = getattr(baseline, name), getattr(variant, name)
        if was != now:
            raise UsageError(f"{name} differs: {was} and {now}")
    if variant.kind == "run":
        return _of_runs(variant, baseline, percent)
    made = Cell(variant, baseline, variant.score - baseline.score, _sum(variant, baseline))
    return _in_percent(made) if percent else made


def _sum(a: Measured, b: Measured) -> float | None:
    return a.variance + b.variance if a.variance is not None and b.variance is not None else None


def _of_runs(variant: Measured, baseline: Measured, percent: bool) -> Cell:
    """Over the items that both have; of a share, the variance is that of a ratio of paired means (the delta method)."""
    assert variant.manifest is not None  # noqa: S101 - every run has one
    assert baseline.manifest is not None  # noqa: S101
    unlike = differences(settings_of(baseline.manifest), settings_of(variant.manifest))
    if unlike:
        setting, was, now = unlike[0]
        raise UsageError(f"the runs were not made alike: {setting} is {was!r} and {now!r}")
    pairs, _ = join(_Samples(baseline), _Samples(variant))
    if not pairs:
        raise UsageError("the runs share no scored sample")
    before, after = ([_value(one, variant.metric) for one in side] for side in zip(*pairs, strict=True))
    items = [one.id for one, _ in pairs]
    base, score = _item_means(items, before), _item_means(items, after)
    n, start, end = len(base), math.fsum(base) / len(base), math.fsum(score) / len(score)
    if percent and start <= 0:
        raise UsageError(_NOUGHT)
    unit, ratio = (100 / start, end / start) if percent else (1.0, 1.0)
    gaps = [unit * (b - ratio * a) for a, b in zip(base, score, strict=True)]
    middle = math.fsum(gaps) / n
    spread = math.fsum((gap - middle) ** 2 for gap in gaps) / (n - 1) if n > 1 else None
    counts = None
    if variant.metric is Metric.ACCURACY:
        if n == len(pairs) and {*before, *after} <= {0.0, 100.0}:
            counts = Pairs.of([each / 100 for each in before], [each / 100 for each in after])
        # Half a disagreement either way, so that runs which agree on every item keep a variance.
        spread = max(spread or 0.0, unit**2 * 1e4 / (n + 2))
    return Cell(variant, baseline, unit * (end - start), None if spread is None else spread / n, counts)


def _item_means(items: Sequence[str], values: Sequence[float]) -> list[float]:
    """The mean over each item's completions, in the order of the items' first ones."""
    by_item: dict[str, list[float]] = {}
    for item, value in zip(items, values, strict=True):
        by_item.setdefault(item, []).append(value)
    return [math.fsum(row) / len(row) for row in by_item.values()]


@dataclass(frozen=True)
class _Samples:
    """A part of a run, as `join` wants runs."""

    of: Measured

    @property
    def samples(self) -> tuple[SampleResult, ...]:
        return self.of.samples

    @property
    def manifest(self) -> dict[str, object]:
        return dict(self.of.manifest or {})


def _value(sample: SampleResult, metric: Metric) -> float:
    """In percent, or tokens."""
    return 100.0 * (sample.score or 0.0) if metric is Metric.ACCURACY else float(sample.reasoning_tokens or 0)


def _in_percent(cell: Cell) -> Cell:
    """A reported effect in percent of the baseline, by the delta method, its two scores taken as independent."""
    base, score = cell.baseline.score, cell.variant.score
    if base <= 0:
        raise UsageError(_NOUGHT)
    a, b = cell.variant.variance, cell.baseline.variance
    spread = None if a is None or b is None else (a + (score / base) ** 2 * b) * (100 / base) ** 2
    return Cell(cell.variant, cell.baseline, 100 * cell.effect / base, spread)
