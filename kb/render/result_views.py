"""What the templates see of reported results: by benchmark, by method, and of one paper as a table with a column a
benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb.records.claims import Metric
from kb.records.results import Certainty, ReportedResult, SourceKind
from kb.render.findings import Findings
from kb.render.numbers import plain, signed
from kb.render.places import Place, Places

_KINDS: Mapping[SourceKind, str] = {
    SourceKind.PAPER: "paper",
    SourceKind.MODEL_CARD: "model card",
    SourceKind.REPOSITORY: "repository",
    SourceKind.RERUN: "somebody else's rerun",
    SourceKind.REPORT: "a user's report",
}


@dataclass(frozen=True)
class ResultRow:
    """A reported figure. `doubts` says what does not add up in it."""

    model: str
    method: Place
    bits: str
    benchmark: Place
    metric: str
    score: str
    baseline: str
    difference: str
    place: str
    doubtful: bool
    doubts: tuple[str, ...]
    note: str | None


@dataclass(frozen=True)
class SourceTable:
    """The figures of one source."""

    source: Place
    rows: tuple[ResultRow, ...]


@dataclass(frozen=True)
class Fact:
    name: str
    value: str


@dataclass(frozen=True)
class ResultPage:
    """A benchmark or a method with all its figures. `paper` is that of the method, if there is one."""

    title: str
    page: str
    facts: tuple[Fact, ...]
    paper: Place | None
    note: str | None
    tables: tuple[SourceTable, ...]

    def fact(self, name: str) -> str:
        """A fact's value; empty where it is not known."""
        return next((fact.value for fact in self.facts if fact.name == name), "")

    @property
    def figures(self) -> int:
        return sum(len(table.rows) for table in self.tables)

    @property
    def doubtful(self) -> int:
        return sum(row.doubtful for table in self.tables for row in table.rows)


@dataclass(frozen=True)
class SourceLine:
    source: Place
    kind: str
    figures: int
    doubtful: int
    note: str | None


@dataclass(frozen=True)
class PaperCell:
    """A score with its difference from full precision."""

    score: str
    difference: str
    doubtful: bool


@dataclass(frozen=True)
class PaperResults:
    """All figures of one paper, one line a model and setting."""

    columns: tuple[Place, ...]
    lines: tuple[tuple[str, Place, str, tuple[PaperCell | None, ...]], ...]
    figures: int
    doubts: tuple[str, ...]


def difference(row: ReportedResult) -> str:
    """From full precision: in points of accuracy, or in percent of any other metric."""
    if row.baseline_score is None:
        return ""
    if row.metric is Metric.ACCURACY:
        return signed(row.score - row.baseline_score)
    if row.baseline_score <= 0:
        return ""
    return f"{signed(100 * (row.score / row.baseline_score - 1), 1)} %"


def bits_words(row: ReportedResult) -> str:
    """Bits of weights, activations and cache, and the special setting."""
    bits = f"W{row.weight_bits:g}A{row.act_bits:g}KV{row.kv_bits:g}"
    return f"{bits}, {row.variant}" if row.variant else bits


def benchmark_pages(found: Findings, places: Places) -> list[ResultPage]:
    """A page for each benchmark that has results."""
    words, pages = found.results.words.benchmarks, []
    for name in places.benchmarks:
        word = words[name]
        facts = [Fact("Kind", word.kind.value)]
        if word.difficulty:
            facts.append(Fact("Difficulty", f"{word.difficulty} of 5"))
        if word.items:
            facts.append(Fact("Items", f"{word.items:,}"))
        if word.mean_of:
            facts.append(Fact("Printed mean of", ", ".join(word.mean_of)))
        rows = [row for row in found.results.rows if row.benchmark == name]
        page = places.benchmark(name).page or ""
        pages.append(ResultPage(name, page, tuple(facts), None, word.note, _tables(rows, found, places)))
    return pages


def method_pages(found: Findings, places: Places) -> list[ResultPage]:
    """A page for each method that has results."""
    words, pages = found.results.words.methods, []
    for name in places.methods:
        word = words[name]
        facts = [
            Fact("Name in data", name),
            Fact("Family", word.family),
            Fact("Kind", word.kind.value.replace("_", "-")),
        ]
        for what, span in (
            ("Bits of weights", word.weight_bits),
            ("Bits of activations", word.act_bits),
            ("Bits of the cache", word.kv_bits),
        ):
            if span is not None:
                facts.append(Fact(what, str(span)))
        rows = [row for row in found.results.rows if row.method == name]
        paper = places.source(word.paper) if word.paper else None
        page = places.method(name).page or ""
        pages.append(ResultPage(word.title, page, tuple(facts), paper, None, _tables(rows, found, places)))
    return pages


def source_lines(found: Findings, places: Places) -> list[SourceLine]:
    """Who reports, and how much."""
    by_source: dict[str, list[ReportedResult]] = {}
    for row in found.results.rows:
        by_source.setdefault(row.source, []).append(row)
    lines = []
    for id, rows in by_source.items():
        word = found.results.words.sources[id]
        doubtful = sum(is_doubtful(row, found) for row in rows)
        lines.append(SourceLine(places.source(id), _KINDS[word.kind], len(rows), doubtful, word.note))
    return sorted(lines, key=lambda line: (-line.figures, line.source.label))


def paper_results(key: str, found: Findings, places: Places) -> PaperResults | None:
    """The figures of the paper `key`; None if there are none."""
    rows = [row for row in found.results.rows if row.source == key]
    if not rows:
        return None
    columns = list(dict.fromkeys((row.benchmark, row.metric) for row in rows))
    lines: dict[tuple[str, str, str], dict[tuple[str, Metric], ReportedResult]] = {}
    for row in rows:
        line = lines.setdefault((row.model, row.method, bits_words(row)), {})
        line[row.benchmark, row.metric] = row
    doubts: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for why in found.doubts.get(row.ref, ()):
            doubts.setdefault((f"{row.model}, {row.method} {bits_words(row)}", why), []).append(row.benchmark)
    return PaperResults(
        tuple(_column(name, metric, places) for name, metric in columns),
        tuple(
            (model, places.method(method), bits, tuple(_cell(line.get(at), found) for at in columns))
            for (model, method, bits), line in lines.items()
        ),
        len(rows),
        tuple(f"{what}, {', '.join(where)}: {why}" for (what, why), where in doubts.items()),
    )


def is_doubtful(row: ReportedResult, found: Findings) -> bool:
    return row.ref in found.doubts or row.certainty is Certainty.LOW


def _column(name: str, metric: Metric, places: Places) -> Place:
    place = places.benchmark(name)
    if metric is Metric.ACCURACY:
        return place
    return Place(f"{name}, {metric.value.replace('_', ' ')}", place.page)


def _cell(row: ReportedResult | None, found: Findings) -> PaperCell | None:
    if row is None:
        return None
    return PaperCell(plain(row.score), difference(row), is_doubtful(row, found))


def _tables(rows: Sequence[ReportedResult], found: Findings, places: Places) -> tuple[SourceTable, ...]:
    by_source: dict[str, list[ReportedResult]] = {}
    for row in rows:
        by_source.setdefault(row.source, []).append(row)
    return tuple(
        SourceTable(places.source(source), tuple(_rows(by_source[source], found, places)))
        for source in sorted(by_source, key=lambda id: (-len(by_source[id]), id))
    )


def _rows(rows: Iterable[ReportedResult], found: Findings, places: Places) -> Iterable[ResultRow]:
    for row in rows:
        spread = f" ± {plain(row.spread)}" if row.spread is not None else ""
        doubts = found.doubts.get(row.ref, ())
        yield ResultRow(
            model=row.model,
            method=places.method(row.method),
            bits=bits_words(row),
            benchmark=places.benchmark(row.benchmark),
            metric="" if row.metric is Metric.ACCURACY else row.metric.value.replace("_", " "),
            score=f"{plain(row.score)}{spread}",
            baseline="" if row.baseline_score is None else plain(row.baseline_score),
            difference=difference(row),
            place=row.place or "",
            doubtful=is_doubtful(row, found),
            doubts=doubts,
            note=row.note if row.note not in doubts else None,
        )
