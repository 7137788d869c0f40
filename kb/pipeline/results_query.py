"""Choosing among reported results, and what a row says beside its figures: drop, uncertainty, doubts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kb.errors import UsageError
from kb.harness.stats import Interval, reported
from kb.link.adds_up import RESULT_CHECKS, doubts
from kb.records.claims import Metric, Origin
from kb.records.results import Benchmark, Method, Model, ReportedResult, Results
from kb.records.results_words import folded, suggest

SORTS = ("source", "drop", "score", "size")
_BITS = re.compile(r"(?:w([\d.]+))?(?:a([\d.]+))?(?:kv([\d.]+))?")
_SIZE = re.compile(r"(\d*\.?\d+)?\s*(\.\.)?\s*(\d*\.?\d+)?")


@dataclass(frozen=True)
class ResultQuery:
    """What is asked for. Names are those of the vocabulary, an alias, or a part that several share.

    Attributes:
        method: a method or a family.
        bits: w4a16kv16, a part of it such as w4a4, or the bits of the weights alone.
        size: "7", or a range such as 7..14, ..8 or 14.. in billions of parameters.
    """

    model: str | None = None
    method: str | None = None
    bits: str | None = None
    benchmark: str | None = None
    source: str | None = None
    size: str | None = None
    origin: str | None = None
    sort: str = "source"


@dataclass(frozen=True)
class ShownResult:
    """A row with what follows from it.

    Attributes:
        drop: baseline minus score where more is better; None without a baseline.
        interval: 95 % interval of an accuracy, in percent; None where the number of items is not known.
        doubts: what the checks say of this row.
    """

    row: ReportedResult
    model: Model
    method: Method
    drop: float | None
    interval: Interval | None
    doubts: tuple[str, ...]

    def to_data(self) -> dict[str, Any]:
        """Plain data, for programs."""
        interval = self.interval
        return {
            **self.row.model_dump(mode="json"),
            "ref": self.row.ref,
            "size_b": self.model.size_b,
            "origin": self.model.origin.value,
            "family": self.method.family,
            "drop": self.drop,
            "low": round(100 * interval.low, 4) if interval else None,
            "high": round(100 * interval.high, 4) if interval else None,
            "doubts": list(self.doubts),
        }


def select_results(results: Results, query: ResultQuery) -> list[ShownResult]:
    """The rows that pass every filter, in the asked order.

    Raises:
        UsageError: a filter that nothing can pass, such as a model that nobody reports.
    """
    words = results.words
    passes: list[Callable[[ReportedResult], bool]] = []
    if query.model is not None:
        models = _named("--model", query.model, words.models)
        passes.append(lambda row: row.model in models)
    if query.method is not None:
        family = {name for name, each in words.methods.items() if each.family == folded(query.method or "")}
        methods = family or _named(
            "--method", query.method, words.methods, {m.family for m in words.methods.values()}
        )
        passes.append(lambda row: row.method in methods)
    if query.benchmark is not None:
        benchmarks = _named("--benchmark", query.benchmark, words.benchmarks)
        passes.append(lambda row: row.benchmark in benchmarks)
    if query.source is not None:
        sources = _named("--source", query.source, words.sources)
        passes.append(lambda row: row.source in sources)
    if query.origin is not None:
        origin = Origin(query.origin)
        passes.append(lambda row: words.models[row.model].origin is origin)
    if query.bits is not None:
        wanted = _bits(query.bits)
        passes.append(lambda row: all(getattr(row, name) == value for name, value in wanted.items()))
    if query.size is not None:
        low, high = _size(query.size)
        passes.append(lambda row: low <= words.models[row.model].size_b <= high)
    doubted: dict[str, list[str]] = {}
    for doubt in doubts(
        results, (name for name in RESULT_CHECKS if name != "results-passes")
    ):  # not of one row
        doubted.setdefault(doubt.row.ref, []).append(doubt.reason)
    found = [
        _shown(row, results, tuple(doubted.get(row.ref, ())))
        for row in results.rows
        if all(passed(row) for passed in passes)
    ]
    return sorted(found, key=_KEYS[query.sort])


_KEYS: Mapping[str, Callable[[ShownResult], Any]] = {
    "source": lambda each: 0,  # as they stand
    "drop": lambda each: (each.drop is None, -(each.drop or 0)),
    "score": lambda each: -each.row.score,
    "size": lambda each: (each.model.size_b, each.row.model),
}


def _shown(row: ReportedResult, results: Results, reasons: tuple[str, ...]) -> ShownResult:
    words = results.words
    sign = 1 if row.metric.more_is_better else -1
    drop = None if row.baseline_score is None else round(sign * (row.baseline_score - row.score), 6)
    benchmark: Benchmark = words.benchmarks[row.benchmark]
    items = row.items or benchmark.items
    interval = None
    if row.metric is Metric.ACCURACY and items and not benchmark.mean_of and 0 <= row.score <= 100:
        spread = None if row.spread is None else row.spread / 100
        interval = reported(row.score / 100, items, seeds=row.seeds or 1, spread=spread)
    return ShownResult(row, words.models[row.model], words.methods[row.method], drop, interval, reasons)


def _named(option: str, word: str, words: Mapping[str, Any], more: Iterable[str] = ()) -> set[str]:
    """The names that `word` means: one exactly, or all that hold it."""
    asked = folded(word)
    exact = {
        name
        for name, each in words.items()
        if asked in {folded(name), *(folded(alias) for alias in each.aliases)}
    }
    found = exact or {name for name in words if asked and asked in folded(name)}
    if not found:
        fix = suggest(word, {*words, *more}, "kb results shows what there is")
        raise UsageError(f"{option}: nothing is called {word!r}", fix=fix)
    return found


def _bits(text: str) -> dict[str, float]:
    plain = text.strip().lower()
    found = _BITS.fullmatch(f"w{plain}" if plain[:1].isdigit() else plain)
    try:
        values = [None if part is None else float(part) for part in found.groups()] if found and plain else []
    except ValueError:
        values = []
    if not values:
        raise UsageError(f"--bits: {text!r} are no bits", fix="write w4a16kv16, w4a4, kv4 or 4")
    names = ("weight_bits", "act_bits", "kv_bits")
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _size(text: str) -> tuple[float, float]:
    found = _SIZE.fullmatch(text.strip().lower().removesuffix("b"))
    if not found or not (found[1] or found[3]) or (found[1] and found[3] and not found[2]):
        raise UsageError(f"--size: {text!r} is no size", fix="write 7, 7..14, ..8 or 14.. (billions)")
    low = float(found[1] or 0)
    high = float(found[3]) if found[3] else (float("inf") if found[2] else low)
    if low > high:
        raise UsageError(f"--size: {text!r} is empty", fix="the smaller size comes first")
    return low, high
