"""What was measured, in one form, whether a source reports it or a run of the harness kept every sample.

A `Measured` is one score: of one model under one setting on one benchmark (of a run: on one chain length, where its task
knows lengths). Reported rows bring two of them, their own score and their baseline's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from kb.harness.metrics import RunLike
from kb.harness.results import SampleResult
from kb.harness.stats import rate
from kb.records.claims import Metric, Origin, TaskKind
from kb.records.results import Benchmark, Certainty, Method, Model, ReportedResult, Results, Vocabulary

_Word = TypeVar("_Word", bound=Model | Benchmark)

FULL = 16.0
"""Bits of what is not quantized."""
NONE = "none"
RUNS = "runs"
"""The source of what the harness measured."""


@dataclass(frozen=True)
class Setting:
    """What was done to the model. `family` is the method's; 16 bits is "not quantized"."""

    method: str
    family: str
    variant: str | None
    weight_bits: float
    act_bits: float
    kv_bits: float

    @property
    def bits(self) -> str:
        """Such as W4A16KV16."""
        return f"W{self.weight_bits:g}A{self.act_bits:g}KV{self.kv_bits:g}"

    @property
    def is_full(self) -> bool:
        return self.method == NONE and self.weight_bits == self.act_bits == self.kv_bits == FULL

    def __str__(self) -> str:
        if self.method == NONE:
            return "full precision" if self.is_full else f"as it is, {self.bits}"
        return f"{self.method}{f'[{self.variant}]' if self.variant else ''} {self.bits}"


FULL_PRECISION = Setting(NONE, NONE, None, FULL, FULL, FULL)


@dataclass(frozen=True)
class Measured:
    """One score. Accuracies are in percent.

    Attributes:
        ref: its name, by which a person attaches or vetoes it.
        source: a paper's key, another source's id, or "runs".
        variance: of the score, as a draw of items (and completions) would give it; None where nothing is known of it.
        samples: of a run, its results that the score is of.
        manifest: of a run.
        unfit: why it can be held against nothing; None if it can.
    """

    ref: str
    kind: Literal["reported", "run"]
    source: str
    model: str
    size_b: float | None
    origin: Origin | None
    family: str | None
    benchmark: str
    task_kind: TaskKind | None
    difficulty: int | None
    chain_length: int | None
    metric: Metric
    setting: Setting
    score: float
    variance: float | None
    items: int | None
    seeds: int | None
    certainty: Certainty
    place: str | None = None
    samples: tuple[SampleResult, ...] = ()
    manifest: Mapping[str, Any] | None = None
    unfit: str | None = None


def reported(results: Results) -> Iterator[tuple[Measured, Measured | None]]:
    """Every reported row, with its baseline if it has one. Printed averages are left out: their parts are there."""
    for row in results.rows:
        words = results.words
        if words.benchmarks[row.benchmark].mean_of:
            continue
        found = _of_row(row, words)
        yield found, _baseline(row, found) if row.baseline_score is not None else None


def _of_row(row: ReportedResult, words: Vocabulary) -> Measured:
    model, benchmark, method = (
        words.models[row.model],
        words.benchmarks[row.benchmark],
        words.methods[row.method],
    )
    items = row.items or benchmark.items
    setting = Setting(row.method, method.family, row.variant, row.weight_bits, row.act_bits, row.kv_bits)
    return Measured(
        ref=row.ref,
        kind="reported",
        source=row.source,
        model=model.name,
        size_b=model.size_b,
        origin=model.origin,
        family=model.family,
        benchmark=benchmark.name,
        task_kind=benchmark.kind,
        difficulty=benchmark.difficulty,
        chain_length=None,
        metric=row.metric,
        setting=setting,
        score=row.score,
        variance=variance(row.metric, row.score, items, row.seeds, row.spread),
        items=items,
        seeds=row.seeds,
        certainty=row.certainty,
        place=row.place,
    )


def _baseline(row: ReportedResult, found: Measured) -> Measured:
    score = row.baseline_score
    assert score is not None  # noqa: S101 - asked by the caller
    return replace(
        found,
        ref=f"{row.ref}#baseline",
        setting=FULL_PRECISION,
        score=score,
        variance=variance(row.metric, score, found.items, row.seeds, None),
    )


def variance(
    metric: Metric, score: float, items: int | None, seeds: int | None, spread: float | None
) -> float | None:
    """How far the score could be from its expectation over items, squared; None where nothing can be said.

    An accuracy is binomial: p(1-p)/n, less what averaging over seeds takes away where the spread over seeds is known (see
    `kb.harness.stats.reported`, whose variance this is). Two right and two wrong answers are added, so that 0 and 100 % keep
    a variance (Agresti and Coull 1998). Other metrics have the variance that their spread says.
    """
    if metric is not Metric.ACCURACY:
        return spread**2 / (seeds or 1) if spread is not None else None
    if not items:
        return None
    p = (score / 100 * items + 2) / (items + 4)
    whole = 1e4 * p * (1 - p) / items
    if spread is not None and seeds and seeds > 1:
        whole -= min(spread**2, whole) * (1 - 1 / seeds)
    return whole


def of_runs(runs: Sequence[RunLike], words: Vocabulary) -> Iterator[Measured]:
    """What runs measured: accuracy and reasoning tokens, by group. Runs that are not complete say nothing yet."""
    for run in runs:
        if run.manifest.get("state") == "running":
            continue
        setting = _setting(run.manifest, words)
        groups: dict[str, list[SampleResult]] = {}
        for sample in run.samples:
            if sample.score is not None:
                groups.setdefault(_group(run.manifest, sample), []).append(sample)
        for group in sorted(groups):
            yield from _of_group(run, setting, group, tuple(groups[group]), words)


def _group(manifest: Mapping[str, Any], sample: SampleResult) -> str:
    """What a run's figures are told apart by: lengths of chains, kinds of puzzles; a data set's subjects are not."""
    return sample.group if manifest["task"]["name"] in {"chain", "gym"} else ""


def _benchmark(manifest: Mapping[str, Any], group: str) -> str:
    task = manifest["task"]
    if task["name"] == "gym":
        return f"gym: {group}"
    name = str((task.get("options") or {}).get("preset") or task["name"])
    return name.removeprefix("inspect_evals/")


def _of_group(
    run: RunLike, setting: Setting, group: str, samples: tuple[SampleResult, ...], words: Vocabulary
) -> Iterator[Measured]:
    name = _benchmark(run.manifest, group)
    benchmark = _named(name, words.benchmarks.values())
    model_id = str(run.manifest["model"]["id"])
    model = _named(model_id, words.models.values())
    length = re.fullmatch(r"(\d+) steps?", group)
    items = [sample.id for sample in samples]
    share = rate([float(sample.score or 0) for sample in samples], items)
    tokens = [float(sample.reasoning_tokens) for sample in samples if sample.reasoning_tokens is not None]
    base = Measured(
        ref=f"{run.manifest['id']}/{group}" if group else str(run.manifest["id"]),
        kind="run",
        source=RUNS,
        model=model.name if model else model_id,
        size_b=model.size_b if model else None,
        origin=model.origin if model else None,
        family=model.family if model else None,
        benchmark=benchmark.name if benchmark else name,
        task_kind=benchmark.kind if benchmark else None,
        difficulty=benchmark.difficulty if benchmark else None,
        chain_length=int(length.group(1)) if length else None,
        metric=Metric.ACCURACY,
        setting=setting,
        score=100 * share.value,
        variance=variance(Metric.ACCURACY, 100 * share.value, len(set(items)), None, None),
        items=len(set(items)),
        seeds=len(samples) // max(1, len(set(items))),
        certainty=Certainty.HIGH,
        samples=samples,
        manifest=run.manifest,
        unfit=_unfit(run.manifest),
    )
    yield base
    if len(tokens) == len(samples) > 1:
        middle = math.fsum(tokens) / len(tokens)
        spread = math.fsum((each - middle) ** 2 for each in tokens) / (len(tokens) - 1)
        yield replace(
            base,
            ref=f"{base.ref}/{Metric.REASONING_TOKENS.value}",
            metric=Metric.REASONING_TOKENS,
            score=middle,
            variance=spread / len(tokens),
        )


def _unfit(manifest: Mapping[str, Any]) -> str | None:
    """A run whose setting is not known, because its weights were quantized before kb or another harness loaded them."""
    already = (manifest.get("model") or {}).get("already_quantized")
    if already:
        return f"its checkpoint came quantized ({already}): method and bits are not known"
    said = manifest.get("quantization") or {}
    if said and not said.get("method"):
        stated = ", ".join(f"{name} {value}" for name, value in sorted(said.items()))
        return f"it was measured by another harness, quantized ({stated}): method and bits are not known"
    return None


def _setting(manifest: Mapping[str, Any], words: Vocabulary) -> Setting:
    report, spec = manifest.get("quantization") or {}, manifest.get("spec") or {}
    kv = (manifest.get("engine") or {}).get("kv") or spec.get("kv") or {}
    name = str(report.get("method") or (spec.get("quantizer") or {}).get("method") or NONE)
    method: Method | None = words.methods.get(name)
    return Setting(
        name,
        method.family if method else name,
        None,
        float(report.get("weight_bits") or FULL),
        float(report.get("act_bits") or FULL),
        float(kv.get("bits") or FULL),
    )


def _named(name: str, words: Iterable[_Word]) -> _Word | None:
    """The word of this name or alias, whatever the case, spaces and hyphens."""
    wanted = _folded(name)
    for word in words:
        if wanted in {_folded(each) for each in (word.name, *word.aliases)}:
            return word
    return None


def _folded(name: str) -> str:
    """Harnesses write math_500 and gpqa:diamond for MATH-500 and GPQA-Diamond."""
    return re.sub(r"[\s_:-]+", "", name.casefold())
