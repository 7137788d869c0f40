"""A setting as the model sees it, and the reported results from which it learns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kb.records.claims import Metric
from kb.records.results import (
    Benchmark,
    Certainty,
    Method,
    MethodKind,
    Model,
    ReportedResult,
    Results,
    Vocabulary,
)

NOT_QUANTIZED = 16.0
USUAL_DIFFICULTY = 3.0
USUAL_ITEMS = 200.0


@dataclass(frozen=True)
class Case:
    """One model, quantized in one way, on one benchmark.

    Attributes:
        source: who reports it; empty for a question.
        model: a name of the vocabulary, or empty where only size (billions) and origin are known; `family` likewise.
        method, group, trained: the method, its family, and whether it trains the weights.
        variant: its special setting; empty is the usual one.
        weight_bits, act_bits, kv_bits: 16 is not quantized.
        task, difficulty, items: the benchmark's. Of a mean of benchmarks: their mean difficulty, all their items.
        baseline: percent, at full precision.
    """

    source: str
    model: str
    family: str
    origin: str
    size_b: float
    method: str
    variant: str
    group: str
    trained: bool
    weight_bits: float
    act_bits: float
    kv_bits: float
    benchmark: str
    task: str
    difficulty: float
    items: float
    baseline: float

    @property
    def bits(self) -> tuple[float, float, float]:
        return self.weight_bits, self.act_bits, self.kv_bits

    @property
    def quantized(self) -> bool:
        return min(self.bits) < NOT_QUANTIZED

    @property
    def setting(self) -> str:
        """Such as `awq w4a16kv16`."""
        method = f"{self.method} [{self.variant}]" if self.variant else self.method
        return f"{method} w{self.weight_bits:g}a{self.act_bits:g}kv{self.kv_bits:g}"

    @property
    def configuration(self) -> str:
        """Rows that share it are of one quantized model in one source: they are not independent."""
        return "/".join((self.source, self.model, self.setting))


@dataclass(frozen=True)
class Evidence:
    """A case whose score (percent) is reported."""

    case: Case
    score: float
    ref: str

    @property
    def drop(self) -> float:
        """Score minus baseline, in points: a loss is negative."""
        return self.score - self.case.baseline


def case_of_row(row: ReportedResult, words: Vocabulary, baseline: float) -> Case:
    """The case of a row whose model, method and benchmark are words of the vocabulary."""
    return make_case(
        words,
        model=words.models[row.model],
        method=words.methods[row.method],
        benchmark=words.benchmarks[row.benchmark],
        bits=(row.weight_bits, row.act_bits, row.kv_bits),
        baseline=baseline,
        source=row.source,
        variant=row.variant or "",
        items=row.items,
    )


def make_case(
    words: Vocabulary,
    *,
    model: Model,
    method: Method,
    benchmark: Benchmark,
    bits: tuple[float, float, float],
    baseline: float,
    source: str = "",
    variant: str = "",
    items: int | None = None,
    named: bool = True,
) -> Case:
    """A case from words. A model that is not `named` stands for any of its size and origin."""
    parts = [words.benchmarks[name] for name in benchmark.mean_of if name in words.benchmarks] or [benchmark]
    difficulties = [part.difficulty for part in parts if part.difficulty is not None]
    counts = [part.items for part in parts if part.items is not None]
    return Case(
        source=source,
        model=model.name if named else "",
        family=model.family if named else "",
        origin=model.origin.value,
        size_b=model.size_b,
        method=method.name,
        variant=variant,
        group=method.family,
        trained=method.kind is MethodKind.TRAINING,
        weight_bits=bits[0],
        act_bits=bits[1],
        kv_bits=bits[2],
        benchmark=benchmark.name,
        task="mean" if benchmark.mean_of else benchmark.kind.value,
        difficulty=sum(difficulties) / len(difficulties) if difficulties else USUAL_DIFFICULTY,
        items=float(items or sum(counts) or USUAL_ITEMS),
        baseline=baseline,
    )


def learns_from(row: ReportedResult, words: Vocabulary) -> bool:
    """Accuracies of quantized models with a baseline, unless the figure is known not to add up.

    Printed means are kept: what is asked is often a mean, and it is the same loss seen with less noise.
    """
    return (
        row.metric is Metric.ACCURACY
        and row.baseline_score is not None
        and row.certainty is not Certainty.LOW
        and min(row.weight_bits, row.act_bits, row.kv_bits) < NOT_QUANTIZED
        and words.methods[row.method].kind in {MethodKind.POST_TRAINING, MethodKind.TRAINING}
    )


def evidence_of(results: Results) -> tuple[Evidence, ...]:
    """What the model learns from, in a fixed order."""
    found = [
        Evidence(case_of_row(row, results.words, row.baseline_score), row.score, row.ref)
        for row in results.rows
        if row.baseline_score is not None and learns_from(row, results.words)
    ]
    return tuple(sorted(found, key=lambda one: (one.ref, one.score, one.case.baseline)))


def known_baselines(rows: Iterable[ReportedResult]) -> dict[tuple[str, str, str], tuple[float, ...]]:
    """Accuracies at full precision by (source, model, benchmark), and by ("", model, benchmark) from all sources."""
    found: dict[tuple[str, str, str], set[float]] = {}
    for row in rows:
        if row.metric is Metric.ACCURACY and row.baseline_score is not None:
            for source in ("", row.source):
                found.setdefault((source, row.model, row.benchmark), set()).add(row.baseline_score)
    return {key: tuple(sorted(values)) for key, values in found.items()}
