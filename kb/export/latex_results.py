"""Tables of reported results: a table a source, a group of rows a model, a column a benchmark, the best of each marked.

What is best is asked among settings of the same model at the same bits in the same source: nothing else is comparable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kb.export.latex_text import Latex
from kb.export.latex_view import slug
from kb.records.claims import Metric
from kb.records.results import Certainty, MethodKind, ReportedResult, Results, ResultSource, SourceKind

_WIDE = 12  # from so many rows on, a source has a table of its own
_COLUMNS = 6
_UNITS: Mapping[Metric, str] = {
    Metric.ACCURACY: "",
    Metric.REASONING_TOKENS: "reasoning tokens",
    Metric.ECE: "calibration error",
    Metric.LATENCY: "latency",
    Metric.MEMORY: "memory",
    Metric.SPEED: "speed",
}


@dataclass(frozen=True)
class ScoreCell:
    """A score as it is printed. `best`: none with the same model and bits is better, and one is worse."""

    score: str
    spread: str
    best: bool
    doubtful: bool


@dataclass(frozen=True)
class ScoreLine:
    method: str
    bits: str
    cells: tuple[ScoreCell | None, ...]


@dataclass(frozen=True)
class ModelGroup:
    """The settings of one model; `full` are the scores at full precision, where the source gives one for a column."""

    model: str
    full: tuple[str, ...]
    lines: tuple[ScoreLine, ...]


@dataclass(frozen=True)
class ResultTable:
    """The figures of one source on up to six benchmarks. `means` says of what a printed mean is one."""

    slug: Latex
    source: ResultSource
    columns: tuple[str, ...]
    means: tuple[str, ...]
    groups: tuple[ModelGroup, ...]
    spreads: bool
    doubtful: bool
    part: int
    parts: int


@dataclass(frozen=True)
class ResultLine:
    """A figure of a source that has few."""

    model: str
    method: str
    bits: str
    benchmark: str
    score: str
    full: str


@dataclass(frozen=True)
class FewResults:
    """The figures of a source that has few."""

    source: ResultSource
    lines: tuple[ResultLine, ...]


Column = tuple[str, Metric]
Setting = tuple[str, str]


def result_tables(
    results: Results, sources: frozenset[str] | None = None
) -> tuple[list[ResultTable], list[FewResults]]:
    """Tables of sources that report much, and the figures of all others.

    Args:
        sources: only these; None is all.
    """
    by_source: dict[str, list[ReportedResult]] = {}
    for row in results.rows:
        if sources is None or row.source in sources:
            by_source.setdefault(row.source, []).append(row)
    tables: list[ResultTable] = []
    few: list[FewResults] = []
    taken: set[str] = set()
    for source, rows in by_source.items():
        word = results.words.sources[source]
        if len(rows) < _WIDE:
            few.append(FewResults(word, tuple(_line(row, results) for row in rows)))
            continue
        name = slug(source)
        while name in taken:
            name = Latex(f"{name}-x")
        taken.add(name)
        tables += _tables(word, name, rows, results)
    return tables, few


def sources_of(results: Results, papers: frozenset[str]) -> frozenset[str]:
    """The sources that are these papers, or repeat them."""
    return frozenset(
        id for id, one in results.words.sources.items() if id in papers or (one.of or "") in papers
    )


def source_papers(source: ResultSource) -> tuple[str, ...]:
    """Keys by which a source can be cited."""
    return (source.id,) if source.kind is SourceKind.PAPER else tuple(filter(None, (source.of,)))


def _tables(
    source: ResultSource, name: Latex, rows: list[ReportedResult], results: Results
) -> list[ResultTable]:
    columns = list(dict.fromkeys((row.benchmark, row.metric) for row in rows))
    chunks = [columns[start : start + _COLUMNS] for start in range(0, len(columns), _COLUMNS)]
    found = []
    for number, chunk in enumerate(chunks, start=1):
        some = [row for row in rows if (row.benchmark, row.metric) in chunk]
        found.append(
            ResultTable(
                slug=name if len(chunks) == 1 else Latex(f"{name}-{number}"),
                source=source,
                columns=tuple(_head(column, results) for column in chunk),
                means=tuple(filter(None, (_mean(column, results) for column in chunk))),
                groups=_groups(some, chunk, results),
                spreads=any(row.spread is not None for row in some),
                doubtful=any(row.certainty is Certainty.LOW for row in some),
                part=number,
                parts=len(chunks),
            )
        )
    return found


def _head(column: Column, results: Results) -> str:
    benchmark, metric = column
    word = results.words.benchmarks.get(benchmark)
    name = f"Mean of {len(word.mean_of)}" if word and word.mean_of else benchmark
    return f"{name} ({_UNITS[metric]})" if _UNITS[metric] else name


def _mean(column: Column, results: Results) -> str:
    word = results.words.benchmarks.get(column[0])
    return f"{_head(column, results)}: {', '.join(word.mean_of)}" if word and word.mean_of else ""


def _groups(
    rows: list[ReportedResult], columns: Sequence[Column], results: Results
) -> tuple[ModelGroup, ...]:
    digits = {
        column: _digits([row for row in rows if (row.benchmark, row.metric) == column]) for column in columns
    }
    groups = []
    for model in dict.fromkeys(row.model for row in rows):
        mine = sorted((row for row in rows if row.model == model), key=_more_bits_first)
        table: dict[Setting, dict[Column, ReportedResult]] = {}
        for row in mine:
            setting = (_method(row, results), bits(row))
            table.setdefault(setting, {})[row.benchmark, row.metric] = row
        best = _best(table, columns)
        whole = [
            setting
            for setting, cells in table.items()
            if all(_is_whole(row, results) for row in cells.values())
        ]
        lines = tuple(
            ScoreLine(
                method, said, tuple(_cell(cells.get(column), best, digits[column]) for column in columns)
            )
            for (method, said), cells in sorted(table.items(), key=lambda item: item[0] not in whole)
        )
        full = tuple(_full(mine, column, digits[column]) for column in columns)
        groups.append(ModelGroup(model, full if any(full) and not whole else (), lines))
    return tuple(groups)


def _best(
    table: Mapping[Setting, Mapping[Column, ReportedResult]], columns: Sequence[Column]
) -> frozenset[str]:
    """The refs of rows that beat one of the same bits and that none of them beats."""
    found: set[str] = set()
    for said in dict.fromkeys(said for _, said in table):
        for column in columns:
            rivals = [
                cells[column] for (_, other), cells in table.items() if other == said and column in cells
            ]
            if len(rivals) > 1:
                pick = max if column[1].more_is_better else min
                top = pick(row.score for row in rivals)
                if any(row.score != top for row in rivals):
                    found.update(row.ref for row in rivals if row.score == top)
    return frozenset(found)


def _cell(row: ReportedResult | None, best: frozenset[str], digits: int) -> ScoreCell | None:
    if row is None:
        return None
    spread = "" if row.spread is None else f"{row.spread:.{max(digits, 1)}f}"
    return ScoreCell(f"{row.score:.{digits}f}", spread, row.ref in best, row.certainty is Certainty.LOW)


def _full(rows: Sequence[ReportedResult], column: Column, digits: int) -> str:
    """The score at full precision; empty where the source gives none, or several."""
    said = {row.baseline_score for row in rows if (row.benchmark, row.metric) == column} - {None}
    return f"{said.pop():.{digits}f}" if len(said) == 1 else ""


def _digits(rows: Sequence[ReportedResult]) -> int:
    """Decimals that a column needs, two at most."""
    return max((min(2, len(f"{row.score:.2f}".rstrip("0").partition(".")[2])) for row in rows), default=1)


def bits(row: ReportedResult) -> str:
    """Bits of weights, activations and cache, the latter two where they are not 16.

    >>> from kb.records.results import ReportedResult
    >>> bits(ReportedResult(source="s", model="m", method="gptq", weight_bits=4, kv_bits=8, benchmark="b", score=1))
    'W4 KV8'
    """
    said = [("W", row.weight_bits), ("A", row.act_bits), ("KV", row.kv_bits)]
    return " ".join(f"{name}{value:g}" for name, value in said if name == "W" or value != 16)


def _method(row: ReportedResult, results: Results) -> str:
    word = results.words.methods.get(row.method)
    name = word.title if word else row.method
    return f"{name} ({row.variant})" if row.variant else name


def _line(row: ReportedResult, results: Results) -> ResultLine:
    digits = _digits([row])
    full = "" if row.baseline_score is None else f"{row.baseline_score:.{digits}f}"
    head = _head((row.benchmark, row.metric), results)
    return ResultLine(row.model, _method(row, results), bits(row), head, f"{row.score:.{digits}f}", full)


def _is_whole(row: ReportedResult, results: Results) -> bool:
    """Whether a row is of the model at full precision."""
    word = results.words.methods.get(row.method)
    return word is not None and word.kind is MethodKind.NONE


def _more_bits_first(row: ReportedResult) -> tuple[float, float, float]:
    return -row.weight_bits, -row.act_bits, -row.kv_bits
