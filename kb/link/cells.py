"""Cells: one setting against another, of one model on the same items. Everything is variant minus baseline.

Unlike is not compared with unlike: reported scores are held against each other only within one source, runs only if they
were made alike; a refusal says which setting differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from kb.errors import UsageError
from kb.harness.compare import join, settings_of
from kb.harness.manifest import differences
from kb.harness.results import SampleResult
from kb.harness.stats import Pairs
from kb.link.evidence import Measured, Setting
from kb.records.claims import Metric


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
    if variant.kind == "reported":
        made = Cell(variant, baseline, variant.score - baseline.score, _sum(variant, baseline))
    else:
        made = _of_runs(variant, baseline)
    return _in_percent(made) if percent else made


def _sum(a: Measured, b: Measured) -> float | None:
    return a.variance + b.variance if a.variance is not None and b.variance is not None else None


def _of_runs(variant: Measured, baseline: Measured) -> Cell:
    assert variant.manifest is not None  # noqa: S101 - every run has one
    assert baseline.manifest is not None  # noqa: S101
    unlike = differences(settings_of(baseline.manifest), settings_of(variant.manifest))
    if unlike:
        setting, was, now = unlike[0]
        raise UsageError(f"the runs were not made alike: {setting} is {was!r} and {now!r}")
    pairs, _ = join(_Samples(baseline), _Samples(variant))
    if not pairs:
        raise UsageError("the runs share no scored sample")
    scale = 100.0 if variant.metric is Metric.ACCURACY else 1.0
    by_item: dict[str, list[float]] = {}
    for a, b in pairs:
        by_item.setdefault(a.id, []).append(scale * (_value(b, variant.metric) - _value(a, variant.metric)))
    gaps = [math.fsum(row) / len(row) for row in by_item.values()]
    middle = math.fsum(gaps) / len(gaps)
    spread = math.fsum((gap - middle) ** 2 for gap in gaps) / max(1, len(gaps) - 1)
    counts = None
    if variant.metric is Metric.ACCURACY:
        counts = Pairs.of([float(a.score or 0) for a, _ in pairs], [float(b.score or 0) for _, b in pairs])
        # Half a disagreement either way, so that runs which agree on every item keep a variance.
        spread = max(spread, 1e4 * 1 / (len(gaps) + 2))
    return Cell(variant, baseline, middle, spread / len(gaps), counts if len(gaps) == len(pairs) else None)


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
    return float((sample.score if metric is Metric.ACCURACY else sample.reasoning_tokens) or 0)


def _in_percent(cell: Cell) -> Cell:
    """In percent of the baseline, by the delta method (a reported ratio's two scores taken as independent)."""
    base, score = cell.baseline.score, cell.variant.score
    if base <= 0:
        raise UsageError("the baseline is nought: there is no share of it")
    spread = cell.variance
    if spread is not None and not cell.paired:
        a, b = cell.variant.variance or 0.0, cell.baseline.variance or 0.0
        spread = a + (score / base) ** 2 * b
    scaled = None if spread is None else spread * (100 / base) ** 2
    return Cell(cell.variant, cell.baseline, 100 * cell.effect / base, scaled, cell.pairs)
