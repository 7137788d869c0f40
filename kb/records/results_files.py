"""results/*.csv: reading rows of reported results, with everything that is wrong in them; and writing them.

A file is UTF-8, has a header and one figure a line. Empty cells stand for what is not said. Text that a spreadsheet would
run as a formula (it starts with =, +, - or @) is refused: rows come from strangers and are opened with Excel.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kb.errors import DataError
from kb.records.files import read_utf8
from kb.records.problems import in_words
from kb.records.results import ReportedResult, Results, ResultSource, SourceKind, Vocabulary
from kb.records.results_words import Spellings, Word, load_words, suggest
from kb.records.yaml_read import BOM

COLUMNS: tuple[str, ...] = tuple(name for name in ReportedResult.model_fields if name != "source")
REQUIRED: tuple[str, ...] = tuple(name for name in COLUMNS if ReportedResult.model_fields[name].is_required())
_FLOATS = frozenset({"weight_bits", "act_bits", "kv_bits", "score", "baseline_score", "spread"})
_INTS = frozenset({"items", "seeds"})
_NUMBER = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,12})?")
_WHOLE = re.compile(r"[0-9]{1,12}")
_FORMULA = ("=", "+", "-", "@")


def load_results(folder: Path, papers: Mapping[str, str] | None = None) -> Results:
    """All rows in `folder`, in the order of files and lines. A folder that is not there holds none.

    Args:
        papers: titles of the records by key; None takes every file's name for a paper's key.

    Raises:
        DataError: names file, line, field and fix; carries everything else that is wrong.
    """
    words = load_words(folder, papers)
    wrong: list[DataError] = []
    rows: list[ReportedResult] = []
    sources = {
        id: one.model_copy(update={"title": papers[id]}) if papers and one.kind is SourceKind.PAPER else one
        for id, one in words.sources.items()
    }
    for path in sorted(folder.glob("*.csv")) if folder.is_dir() else ():
        try:
            if path.stem not in sources:
                sources[path.stem] = _paper(path, papers, words)
            rows += parse_rows(read_utf8(path), path.stem, words, file=path)
        except DataError as error:
            wrong += [error, *error.others]
    if wrong:
        raise DataError.bundle(wrong)
    vocabulary = Vocabulary(sources, words.models, words.benchmarks, words.methods)
    return Results(tuple(rows), vocabulary)


def _paper(path: Path, papers: Mapping[str, str] | None, words: Vocabulary) -> ResultSource:
    key = path.stem
    if papers is not None and key not in papers:
        fix = suggest(
            key, {*papers, *words.sources}, "name the file by a record's key, or add it to _sources.yaml"
        )
        raise DataError(f"{key} is neither a paper nor a source", file=path, fix=fix)
    title = papers[key] if papers is not None else key
    return ResultSource(id=key, kind=SourceKind.PAPER, title=title)


def parse_rows(text: str, source: str, words: Vocabulary, *, file: Path | str) -> tuple[ReportedResult, ...]:
    """The rows of one file.

    Raises:
        DataError: carries everything that is wrong in the file.
    """
    wrong: list[DataError] = []
    rows: list[ReportedResult] = []
    seen: dict[tuple[str, ...], int] = {}
    spellings = spellings_of(words)
    for line, cells in read_table(text, file, COLUMNS, REQUIRED, wrong):
        row = _row(cells, source, line, str(file), wrong)
        if row is None:
            continue
        unknown = list(_unknown(row, words, spellings, line, str(file)))
        wrong += unknown
        if not unknown and (first := seen.setdefault(row.cell, line)) != line:
            what = " ".join((row.model, row.method, row.variant or "", row.bits, row.benchmark))
            fix = "keep one of them, or give one a variant"
            wrong.append(
                DataError(
                    f"{' '.join(what.split())} stands in line {first} too", file=file, line=line, fix=fix
                )
            )
        rows.append(row)
    if wrong:
        raise DataError.bundle(wrong)
    return tuple(rows)


def read_table(
    text: str, file: Path | str, columns: Iterable[str], required: Iterable[str], wrong: list[DataError]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row of a CSV table with its line; cells that are not empty, by column. What is wrong goes into `wrong`."""
    known = tuple(columns)
    reader = csv.reader(io.StringIO(text.removeprefix(BOM), newline=""), strict=True)
    try:
        header = next(reader, [])
        bad = list(_header(header, known, tuple(required), file))
        wrong += bad
        if bad:
            return
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                message = f"has {len(cells)} cells, and the header {len(header)}"
                fix = "text that holds a comma must stand in double quotes"
                wrong.append(DataError(message, file=file, line=reader.line_num, fix=fix))
                continue
            yield (
                reader.line_num,
                {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()},
            )
    except csv.Error as error:
        fix = "is every quote closed?"
        wrong.append(DataError(f"is no CSV: {error}", file=file, line=reader.line_num, fix=fix))


def _header(
    header: list[str], known: tuple[str, ...], required: tuple[str, ...], file: Path | str
) -> Iterator[DataError]:
    for name in header:
        if name not in known:
            fix = suggest(name, known, f"the columns are {', '.join(known)}")
            yield DataError("is not a column that kb knows", file=file, line=1, field=name or '""', fix=fix)
        elif header.count(name) > 1 and header.index(name) >= 0:
            yield DataError("is a column twice", file=file, line=1, field=name, fix="remove one of them")
    for name in required:
        if name not in header:
            yield DataError("the column is missing", file=file, line=1, field=name, fix="add it")


def number(cell: str, *, whole: bool = False) -> float | int | None:
    """The number in a cell; None if it is none. NaN, infinity, 1e5 and 1,000 are none."""
    if whole:
        return int(cell) if _WHOLE.fullmatch(cell) else None
    return float(cell) if _NUMBER.fullmatch(cell) else None


def _row(
    cells: Mapping[str, str], source: str, line: int, file: str, wrong: list[DataError]
) -> ReportedResult | None:
    values: dict[str, Any] = {"source": source}
    bad: list[DataError] = []
    for name, cell in cells.items():
        if name in _FLOATS or name in _INTS:
            values[name] = number(cell, whole=name in _INTS)
            if values[name] is None:
                fix = (
                    "write a whole number such as 3" if name in _INTS else "write a plain number such as 41.8"
                )
                bad.append(DataError(f"{cell!r} is no number", file=file, line=line, field=name, fix=fix))
        elif cell.startswith(_FORMULA):
            fix = "put a word or a quote mark before it"
            message = f"a spreadsheet would run {cell!r} as a formula"
            bad.append(DataError(message, file=file, line=line, field=name, fix=fix))
        else:
            values[name] = cell
    if not bad:
        try:
            return ReportedResult.model_validate_json(json.dumps(values))
        except ValidationError as error:
            for item in error.errors(include_url=False):
                message, fix = in_words(item)
                field = str(item["loc"][0]) if item["loc"] else None
                bad.append(DataError(message, file=file, line=line, field=field, fix=fix))
    wrong += bad
    return None


_KINDS = ("model", "method", "benchmark")


def spellings_of(words: Vocabulary) -> dict[str, Spellings]:
    """How models, methods and benchmarks may be written."""
    tables: dict[str, Mapping[str, Word]] = {
        "model": words.models,
        "method": words.methods,
        "benchmark": words.benchmarks,
    }
    return {kind: Spellings.of(table) for kind, table in tables.items()}


def unknown_word(kind: str, word: str, spellings: Mapping[str, Spellings]) -> tuple[str, str]:
    """What is wrong with a word that is no name of the vocabulary, and what to do."""
    if name := spellings[kind].find(word):
        return f"{word!r} is called {name} here", f"write {name}"
    fix = suggest(word, set(spellings[kind].names.values()), f"add it to results/_{kind}s.yaml")
    return f"there is no {kind} {word!r}", fix


def _unknown(
    row: ReportedResult, words: Vocabulary, spellings: Mapping[str, Spellings], line: int, file: str
) -> Iterator[DataError]:
    known: dict[str, Mapping[str, Any]] = {
        "model": words.models,
        "method": words.methods,
        "benchmark": words.benchmarks,
    }
    for kind in _KINDS:
        word = getattr(row, kind)
        if word not in known[kind]:
            message, fix = unknown_word(kind, word, spellings)
            yield DataError(message, file=file, line=line, field=kind, fix=fix)


def render_rows(rows: Iterable[ReportedResult]) -> str:
    """The text of a file: rows in the order of model, method, bits, benchmark; lines end in a line feed.

    Raises:
        DataError: a text that a spreadsheet would run.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(rows, key=_order):
        writer.writerow([_cell(name, getattr(row, name), row) for name in COLUMNS])
    return out.getvalue()


def _order(row: ReportedResult) -> tuple[Any, ...]:
    return (
        row.model,
        row.method,
        row.variant or "",
        -row.weight_bits,
        -row.act_bits,
        -row.kv_bits,
        row.benchmark,
        row.metric.value,
    )


def _cell(name: str, value: Any, row: ReportedResult) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    text = str(value)
    if isinstance(value, str) and text.startswith(_FORMULA):
        raise DataError(f"a spreadsheet would run {text!r} as a formula", field=f"{row.ref}: {name}")
    return text
