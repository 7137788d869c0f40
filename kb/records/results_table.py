"""Rows of a shared table of figures, as one CSV for all sources, turned into rows of results/.

The table has these columns, in any order (empty cells are "not said"):

    paper_arxiv_id    an arXiv id, or the name of another source of results/_sources.yaml (an alias will do)
    model, method, benchmark
                      any spelling that the vocabulary knows. A setting may follow a method's name: GPTQ[calib=Numina],
                      AWQ+final-layer-MLP@16bit, QQQ (first try)
    weight_bits, act_bits, kv_bits
                      16 where nothing is quantized; "3.59avg" is an average over layers
    metric            such as accuracy_pct, exact_match_pct, pass@1_mean_10runs, accuracy_pct_mean_3seeds; all in percent
    score, baseline_score
    source_url_or_repo_path
                      where it stands. The version and the table are kept, and so is "(baseline=...)"
    certainty         high, medium or low, and after it why

A second table may give spreads: the same rows in the same order, with the columns of the first up to `benchmark`, then
score, score_std_or_pm (standard deviation over seeds) and delta_vs_baseline (score minus baseline, as printed).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kb.errors import DataError
from kb.records.claims import Metric
from kb.records.problems import in_words
from kb.records.results import ReportedResult, Vocabulary
from kb.records.results_files import number, read_table, spellings_of, unknown_word
from kb.records.results_words import Spellings, suggest

KEYS = ("paper_arxiv_id", "model", "method", "weight_bits", "act_bits", "kv_bits", "benchmark")
COLUMNS = (*KEYS, "metric", "score", "baseline_score", "source_url_or_repo_path", "certainty")
SPREAD_COLUMNS = (*KEYS, "score", "score_std_or_pm", "delta_vs_baseline")

_SETTING = (
    re.compile(r"(?P<base>[^\[\]]+?)\s*\[(?P<rest>[^\[\]]+)\]"),
    re.compile(r"(?P<base>[^()]+?)\s*\((?P<rest>[^()]+)\)"),
    re.compile(r"(?P<base>[^+]+?)\s*\+\s*(?P<rest>.+)"),
    re.compile(r"(?P<base>\S+)\s+(?P<rest>.+)"),
)
_FORMAT = re.compile(r"(?:(?:u?int|fp|w)\d+(?:a\d+)?(?:kv\d+)?(?:g\d+)?|\d+(?:\.\d+)?-?bits?)", re.I)
_AVERAGE = re.compile(r"([0-9.]+)\s*(?:avg|average|bpw)", re.I)
_RUNS = re.compile(r"(\d+)\s*_?(?:seeds?|runs?|tries|samples|passes)", re.I)
_ONE_SEED = re.compile(r"seed_?\d+")
_ACCURACY = re.compile(r"(?:accuracy|acc|exact_match|em|pass@1)(?![a-z])", re.I)
_BASELINE = re.compile(r"\(baseline=([^()]+)\)")
_VERSION = re.compile(r"^arxiv:[\d.]+(v\d+)")
_TABLE = re.compile(r"Table\s?([A-Z]?\d+(?:/[A-Z]?\d+)?)")
_CARD = re.compile(r"^hf:[^/\s]+/(\S+)")
_README = re.compile(r"^github:.*?([\w.-]+)\.md\b")
_STORED = re.compile(r"\s*\b(?:find_string )?id \d+\b")
_ROUNDING = 0.051  # a printed difference, and the difference of two printed scores


@dataclass(frozen=True)
class TableDoubt:
    """A row that can be read, and does not add up."""

    row: ReportedResult
    reason: str


@dataclass
class TableRows:
    """What a table holds: rows by source, in its order, and what is doubtful in it."""

    rows: list[ReportedResult] = field(default_factory=list)
    doubts: list[TableDoubt] = field(default_factory=list)


def method_of(spelling: str, methods: Spellings) -> tuple[str, str | None] | None:
    """The method that a spelling names, and its special setting.

    >>> method_of("GPTQ[calib=Numina]", Spellings({"gptq": "gptq"}))
    ('gptq', 'calib=Numina')
    """
    if name := methods.find(spelling):
        return name, None
    for pattern in _SETTING:
        found = pattern.fullmatch(spelling.strip())
        if found and (name := methods.find(found["base"])):
            rest = found["rest"].strip()  # INT4 and W4A8 are no settings: the bits say as much
            return name, None if _FORMAT.fullmatch(rest) else re.sub(r"\s*,\s*", ", ", " ".join(rest.split()))
    return None


def bits_of(cell: str) -> tuple[float, bool] | None:
    """The bits in a cell, and whether they are an average; None if it holds none."""
    average = _AVERAGE.fullmatch(cell)
    value = number(average[1] if average else cell)
    return None if value is None else (float(value), average is not None)


def source_of(name: str, address: str, words: Vocabulary, papers: Mapping[str, str]) -> str | None:
    """The source that a row names, by arXiv id (`papers`: from id to key), by name, or by the start of its address."""
    if name in papers:
        return papers[name]
    named = [one.id for one in words.sources.values() if name in {one.id, *one.aliases}]
    there = [
        one.id for one in words.sources.values() if any(address.startswith(alias) for alias in one.aliases)
    ]
    both = [id for id in named if id in there] or named or there
    return both[0] if len(both) == 1 else None


def read_rows(
    text: str,
    words: Vocabulary,
    papers: Mapping[str, str],
    *,
    file: Path | str,
    spread: tuple[str, Path | str] | None = None,
) -> TableRows:
    """The rows of a table, in the words of the vocabulary.

    Args:
        papers: keys of records by arXiv id.
        spread: the text of the second table, and its file.

    Raises:
        DataError: carries everything that is wrong in the tables.
    """
    wrong: list[DataError] = []
    required = ("paper_arxiv_id", "model", "method", "weight_bits", "benchmark", "score")
    table = list(read_table(text, file, COLUMNS, required, wrong))
    spreads = _spreads(table, spread, wrong) if spread else [{} for _ in table]
    reader = _Reader(words, papers, spellings_of(words), str(file))
    found = TableRows()
    seen: dict[tuple[str, ...], int] = {}
    for (line, cells), more in zip(table, spreads, strict=True):
        row = reader.row(line, cells, more, wrong)
        if row is None:
            continue
        if (first := seen.setdefault(row.cell, line)) != line:
            message, fix = f"says again what line {first} says of {row.ref}", "keep one of them"
            wrong.append(DataError(message, file=file, line=line, fix=fix))
        found.rows.append(row)
        if reason := _delta(row, more):
            found.doubts.append(TableDoubt(row, reason))
    if wrong:
        raise DataError.bundle(wrong)
    return found


def _spreads(
    table: list[tuple[int, dict[str, str]]], spread: tuple[str, Path | str], wrong: list[DataError]
) -> list[dict[str, str]]:
    """The cells of the second table, row by row; empty ones where it is not about the same rows."""
    text, file = spread
    rows = list(read_table(text, file, SPREAD_COLUMNS, ("score",), wrong))
    nothing: list[dict[str, str]] = [{} for _ in table]
    if len(rows) != len(table):
        if rows or not wrong:
            message = f"has {len(rows)} rows, and the table of scores {len(table)}"
            wrong.append(DataError(message, file=file, fix="both must hold the same rows in the same order"))
        return nothing
    for (_, cells), (line, more) in zip(table, rows, strict=True):
        for key in (*KEYS, "score"):
            if more.get(key, cells.get(key)) != cells.get(key):
                message = f"is {more[key]!r}, and in the table of scores {cells.get(key)!r}"
                fix = "both must hold the same rows in the same order"
                wrong.append(DataError(message, file=file, line=line, field=key, fix=fix))
    return [more for _, more in rows]


def _delta(row: ReportedResult, more: Mapping[str, str]) -> str | None:
    printed = number(more.get("delta_vs_baseline", ""))
    if printed is None or row.baseline_score is None:
        return None
    made = row.score - row.baseline_score
    if abs(made - printed) <= _ROUNDING:
        return None
    return (
        f"{printed:+g} is given as the difference, and {row.score:g} - {row.baseline_score:g} is {made:+.4g}"
    )


@dataclass(frozen=True)
class _Reader:
    words: Vocabulary
    papers: Mapping[str, str]
    spellings: Mapping[str, Spellings]
    file: str

    def row(
        self, line: int, cells: Mapping[str, str], more: Mapping[str, str], wrong: list[DataError]
    ) -> ReportedResult | None:
        bad: list[DataError] = []

        def refuse(column: str, message: str, fix: str) -> None:
            bad.append(DataError(message, file=self.file, line=line, field=column, fix=fix))

        values: dict[str, Any] = {}
        notes: list[str] = []
        self._names(cells, values, refuse)
        for column in ("weight_bits", "act_bits", "kv_bits"):
            cell = cells.get(column, "16")
            bits = bits_of(cell)
            if bits is None:
                refuse(column, f"{cell!r} is no number of bits", "write 4, or 3.59avg for an average")
                continue
            values[column] = bits[0]
            notes += ["bits are an average over layers"] if bits[1] else []
        numbers: tuple[tuple[str, str | None, str], ...] = (
            ("score", cells.get("score", ""), "score"),
            ("baseline_score", cells.get("baseline_score"), "baseline_score"),
            ("score_std_or_pm", more.get("score_std_or_pm"), "spread"),
        )
        for column, said, name in numbers:
            if said is not None:
                values[name] = number(said)
                if values[name] is None:
                    refuse(column, f"{said!r} is no number", "write a plain number such as 41.8")
        self._metric(cells.get("metric", "accuracy_pct"), values, refuse)
        address = cells.get("source_url_or_repo_path", "")
        values["place"] = _place(address)
        if baseline := _BASELINE.search(address):
            notes.append(f"baseline: {baseline[1]}")
        self._certainty(cells.get("certainty"), values, notes, refuse)
        values["note"] = "; ".join(notes) or None
        if not bad:
            try:
                return ReportedResult.model_validate_json(json.dumps(values))
            except ValidationError as error:
                for item in error.errors(include_url=False):
                    refuse(str(item["loc"][0]) if item["loc"] else "row", *in_words(item))
        wrong += bad
        return None

    def _names(self, cells: Mapping[str, str], values: dict[str, Any], refuse: Any) -> None:
        name = cells.get("paper_arxiv_id", "")
        source = source_of(name, cells.get("source_url_or_repo_path", ""), self.words, self.papers)
        if source is None:
            known = {*self.papers, *self.words.sources}
            fix = suggest(name, known, "kb import bibtex its paper, or add it to results/_sources.yaml")
            refuse("paper_arxiv_id", f"{name!r} is neither a paper's arXiv id nor one source", fix)
        values["source"] = source
        for kind in ("model", "method", "benchmark"):
            word = cells.get(kind, "")
            if kind == "method":
                found = method_of(word, self.spellings[kind])
                values["method"], values["variant"] = found or (None, None)
            else:
                values[kind] = self.spellings[kind].find(word)
            if values[kind] is None:
                refuse(kind, *unknown_word(kind, word, self.spellings))

    def _metric(self, cell: str, values: dict[str, Any], refuse: Any) -> None:
        if cell in set(Metric):
            values["metric"] = cell
        elif _ACCURACY.match(cell) and "fraction" not in cell:
            values["metric"] = Metric.ACCURACY.value
        else:
            known = ", ".join(Metric)
            refuse("metric", f"{cell!r} is no metric", f"write accuracy_pct (in percent), or one of {known}")
        if found := _RUNS.search(cell):
            values["seeds"] = int(found[1])
        elif _ONE_SEED.search(cell):
            values["seeds"] = 1

    def _certainty(self, cell: str | None, values: dict[str, Any], notes: list[str], refuse: Any) -> None:
        if cell is None:
            return
        level, _, why = re.sub(r"[\s_:]+", " ", cell).strip().partition(" ")
        if level.lower() not in {"high", "medium", "low"}:
            refuse(
                "certainty", f"{cell!r} does not begin with high, medium or low", "write one of them first"
            )
            return
        values["certainty"] = level.lower()
        if why := _STORED.sub("", why).strip():
            notes.append(why)


def _place(address: str) -> str | None:
    parts = [
        *(found[1] for pattern in (_VERSION, _CARD, _README) if (found := pattern.search(address))),
        *(f"Table {found[1]}" for found in [_TABLE.search(address)] if found),
    ]
    return ", ".join(parts) or None
