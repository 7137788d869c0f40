"""`kb results`: what sources report, read with the records it refers to; importing a table; choosing rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.config import Config
from kb.errors import DataError
from kb.pipeline.store import locked, open_library, titles_of
from kb.records.files import decode_utf8, read_regular, write_all
from kb.records.library import Library
from kb.records.results import ReportedResult, Results
from kb.records.results_files import load_results, render_rows
from kb.records.results_table import TableDoubt, read_rows


def open_results(config: Config, library: Library | None = None) -> Results:
    """All reported results of a knowledge base.

    Raises:
        DataError: something under results/ is wrong; carries everything that is.
    """
    return load_results(config.results_dir, titles_of(open_library(config) if library is None else library))


@dataclass(frozen=True)
class Imported:
    """What an import did, or would do.

    Attributes:
        new, same: numbers of rows by source.
        other: figures that differ from those that are there, which stay unless `replace`: (there, in the table).
        doubts: rows of the table that do not add up by themselves.
    """

    new: Mapping[str, int]
    same: Mapping[str, int]
    other: tuple[tuple[ReportedResult, ReportedResult], ...]
    doubts: tuple[TableDoubt, ...]
    replaced: bool
    dry_run: bool

    def to_data(self) -> dict[str, Any]:
        """Plain data, for programs."""
        return {
            "new": dict(self.new),
            "there": dict(self.same),
            "differ": [
                {"ref": new.ref, "there": _figures(old), "file": _figures(new)} for old, new in self.other
            ],
            "doubts": [{"ref": each.row.ref, "reason": each.reason} for each in self.doubts],
            "replaced": self.replaced,
            "dry_run": self.dry_run,
        }


def import_table(
    config: Config, file: Path, spread: Path | None = None, *, replace: bool = False, dry_run: bool = False
) -> Imported:
    """Add the rows of a table to results/. A row that is there keeps what people wrote in it.

    Raises:
        DataError: the table, or what is under results/, is wrong; nothing is written then.
    """
    with locked(config):
        library = open_library(config)
        there = open_results(config, library)
        papers = {
            paper.identifiers.arxiv_id: key for key, paper in library.items() if paper.identifiers.arxiv_id
        }
        table = read_rows(
            _text(file), there.words, papers, file=file, spread=(_text(spread), spread) if spread else None
        )
        known = {row.cell: row for row in there.rows}
        new: dict[str, int] = {}
        same: dict[str, int] = {}
        other: list[tuple[ReportedResult, ReportedResult]] = []
        for row in table.rows:
            old = known.get(row.cell)
            figures = _figures(row)
            if old is None:
                known[row.cell] = row
            elif any(getattr(old, name) != value for name, value in figures.items()):
                other.append((old, row))
                if replace:
                    known[row.cell] = old.model_copy(update=figures)
            count = new if old is None else same
            count[row.source] = count.get(row.source, 0) + 1
        if not dry_run:
            write_all(
                (
                    config.results_dir / f"{source}.csv",
                    render_rows(row for row in known.values() if row.source == source),
                )
                for source in sorted({row.source for row in table.rows})
            )
    return Imported(new, same, tuple(other), tuple(table.doubts), replace, dry_run)


def _text(file: Path) -> str:
    if not file.exists():
        raise DataError("there is no such file", file=file, fix="check the path")
    return decode_utf8(read_regular(file), file)


def _figures(row: ReportedResult) -> dict[str, float]:
    """The figures that a row says, by field."""
    names = ("score", "baseline_score", "spread", "seeds", "items")
    return {name: value for name in names if (value := getattr(row, name)) is not None}
