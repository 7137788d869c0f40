"""What every command that works on a knowledge base shares: reading it whole, one lock, and one order of writing.

Records are written first, then the last-seen entries that justify them, then the queue, and the cursors last. A run
that is killed anywhere in between leaves whole files behind, and the next run comes to the same end.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kb.config import Config
from kb.errors import DataError, KbError, LockError
from kb.reconcile.merge import Conflict, load_conflicts, render_conflicts
from kb.reconcile.reconcile import Base, Plan
from kb.reconcile.rows import Row, Rows, load_cursors, load_rows, render_cursors, render_rows, source_file
from kb.records.candidates import Candidate, load_candidates, render_candidates
from kb.records.decisions import Decisions, load_decisions, render_decisions
from kb.records.files import read_utf8, remove, remove_leftovers, write_atomic
from kb.records.library import Library, load_library
from kb.records.taxonomy import Taxonomy, load_taxonomy
from kb.sources.entry import SourceEntry


@dataclass(frozen=True)
class Store:
    """A knowledge base as it lies on disk."""

    config: Config
    library: Library
    taxonomy: Taxonomy
    decisions: Decisions
    rows: Rows
    conflicts: tuple[Conflict, ...]
    candidates: tuple[Candidate, ...]
    cursors: Mapping[str, Mapping[str, Any]]

    def text(self, key: str) -> str:
        """The YAML text of one record."""
        return read_utf8(self.library.path(key))

    def base(self, *, rows: Rows | None = None, decisions: Decisions | None = None) -> Base:
        """What reconcile starts from; `rows` and `decisions` replace those on disk."""
        return Base(
            papers=self.library,
            taxonomy=self.taxonomy,
            decisions=decisions or self.decisions,
            rows=self.rows if rows is None else rows,
            conflicts=self.conflicts,
            texts=self.text,
            abstracts=self.config.settings.store_abstracts,
        )


def library_cache(config: Config) -> Path:
    """Where parsed records are kept between runs."""
    return config.state_dir / "cache" / "records.jsonl"


def open_library(config: Config) -> Library:
    """The records alone, for commands that only read."""
    return load_library(config.papers_dir, library_cache(config))


def open_store(config: Config) -> Store:
    """Read everything.

    Raises:
        DataError: something under papers/, or taxonomy.yaml, is wrong.
    """
    inside_root(config)
    return Store(
        config=config,
        library=open_library(config),
        taxonomy=load_taxonomy(config.taxonomy_path),
        decisions=load_decisions(config.decisions_path),
        rows=load_rows(config.sources_dir),
        conflicts=load_conflicts(config.sources_dir),
        candidates=load_candidates(config.candidates_path),
        cursors=load_cursors(config.sources_dir),
    )


def inside_root(config: Config) -> None:
    """Refuse folders that lead out of the knowledge base.

    Raises:
        DataError: papers/ or one of kb's own folders in it is a link.
    """
    for folder in (config.papers_dir, config.sources_dir, config.papers_dir / "_merged"):
        if folder.is_symlink():
            raise DataError(
                "is a link", file=folder, fix="kb writes only inside the knowledge base; use a folder"
            )


@contextmanager
def locked(config: Config) -> Iterator[None]:
    """Hold the one lock of a knowledge base.

    Raises:
        LockError: another process holds it.
    """
    try:
        config.state_dir.mkdir(parents=True, exist_ok=True)
        lock = FileLock(config.state_dir / "lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise LockError(
            "another kb process is writing this knowledge base", fix="wait for it, then run the command again"
        ) from None
    except OSError as error:
        raise KbError(f"cannot be locked: {error.strerror or error}", file=config.state_dir) from error
    try:
        for folder in (config.papers_dir, config.sources_dir, config.papers_dir / "_merged"):
            remove_leftovers(folder)
        yield
    finally:
        lock.release()


def write_plan(store: Store, plan: Plan, cursors: Mapping[str, Mapping[str, Any]] | None = None) -> int:
    """Put `plan` on disk in the order that a kill cannot harm.

    Returns:
        The number of files that changed.
    """
    config = store.config
    config.papers_dir.mkdir(parents=True, exist_ok=True)
    changed = sum(write_atomic(store.library.path(key), plan.writes[key]) for key in sorted(plan.writes))
    changed += write_rows(store, plan.rows.values())
    conflicts = config.sources_dir / "_conflicts.jsonl"
    if plan.conflicts or conflicts.exists():
        changed += write_atomic(conflicts, render_conflicts(plan.conflicts))
    if plan.candidates or config.candidates_path.exists():
        changed += write_atomic(config.candidates_path, render_candidates(plan.candidates))
    if cursors:
        changed += write_atomic(
            config.sources_dir / "_cursors.json", render_cursors({**store.cursors, **cursors})
        )
    return changed


def write_rows(store: Store, rows: Iterable[Row]) -> int:
    """Write the last-seen entries, one file a source."""
    by_source: dict[str, list[Row]] = {}
    for row in rows:
        by_source.setdefault(row.entry.source, []).append(row)
    folder = store.config.sources_dir
    return sum(
        write_atomic(source_file(folder, name), render_rows(by_source[name])) for name in sorted(by_source)
    )


def write_decisions(store: Store, decisions: Decisions) -> None:
    path = store.config.decisions_path
    write_atomic(path, render_decisions(decisions, path))


def remove_record(store: Store, key: str) -> None:
    remove(store.library.path(key))


def keep_abstracts(config: Config, entries: Iterable[SourceEntry]) -> None:
    """Keep abstracts in the git-ignored cache, by reference of the entry: other people's text is not committed."""
    found = [(f"{e.source} {e.entry_id}", e.abstract) for e in entries if e.abstract]
    if not found:
        return
    try:
        config.state_dir.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(config.state_dir / "abstracts.sqlite")) as database, database:
            database.execute("CREATE TABLE IF NOT EXISTS abstract (ref TEXT PRIMARY KEY, text TEXT NOT NULL)")
            database.executemany("INSERT OR REPLACE INTO abstract VALUES (?, ?)", found)
    except sqlite3.Error as error:
        raise KbError(f"cannot be written: {error}", file=config.state_dir / "abstracts.sqlite") from error


def write_log(config: Config, name: str, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Append what a run did to a git-ignored log, one JSON line a fact."""
    path = config.state_dir / "log" / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)
    return path
