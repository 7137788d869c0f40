"""What every command that works on a knowledge base shares: reading it whole, one lock, and one order of writing.

Records are written first, then the last-seen entries that justify them, then the queue, and the cursors last. A run
that is killed anywhere in between leaves whole files behind, and the next run comes to the same end.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kb.config import Config
from kb.errors import DataError, KbError, LockError
from kb.reconcile.merge import Conflict, load_conflicts, render_conflicts
from kb.reconcile.reconcile import Base, Plan
from kb.reconcile.rows import (
    Row,
    Rows,
    load_cursors,
    load_rows,
    render_cursors,
    render_prose,
    render_rows,
    source_file,
    with_prose,
)
from kb.records.candidates import Candidate, load_candidates, render_candidates
from kb.records.decisions import Decisions, load_decisions, render_decisions
from kb.records.files import read_utf8, remove, remove_leftovers, write_all, write_atomic
from kb.records.library import Library, content_hash, load_library
from kb.records.results import Results
from kb.records.results_files import load_results
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

    @cached_property
    def results(self) -> Results:
        """What sources report, read when first asked for.

        Raises:
            DataError: something under results/ is wrong; carries everything that is.
        """
        return load_results(self.config.results_dir, titles_of(self.library))

    def text(self, key: str) -> str:
        """The YAML text of one record.

        Raises:
            LockError: a person has edited it since it was read.
        """
        self.check_unchanged(self.library.path(key))
        return read_utf8(self.library.path(key))

    def check_unchanged(self, path: Path) -> None:
        """Raise if the record in `path` is not what was read: a person's edit is newer than what kb worked out."""
        try:
            now = content_hash(path.read_bytes())
        except OSError:
            now = None
        if now != self.library.hashes.get(path.stem):
            raise LockError(
                "was edited while kb was at work; nothing of the edit is lost",
                file=path,
                fix="run the command again",
            )

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


def titles_of(library: Library) -> dict[str, str]:
    """What reported results ask of the records: which there are, and what they are called."""
    return {key: paper.title for key, paper in library.items()}


def library_cache(config: Config) -> Path:
    """Where parsed records are kept between runs."""
    return config.state_dir / "cache" / "records.jsonl"


def open_library(config: Config) -> Library:
    """The records alone, for commands that only read."""
    inside_root(config)
    return load_library(config.papers_dir, library_cache(config))


def open_store(config: Config) -> Store:
    """Read everything.

    Raises:
        DataError: something under papers/, or taxonomy.yaml, is wrong; carries everything that is.
    """
    inside_root(config)
    try:
        return Store(
            config=config,
            library=open_library(config),
            taxonomy=load_taxonomy(config.taxonomy_path),
            decisions=load_decisions(config.decisions_path),
            rows=_load_rows(config),
            conflicts=load_conflicts(config.sources_dir),
            candidates=load_candidates(config.candidates_path),
            cursors=load_cursors(config.sources_dir),
        )
    except DataError as error:
        raise DataError.bundle(_all_wrong(config) or [error]) from None


def _all_wrong(config: Config) -> list[DataError]:
    """Everything that keeps a knowledge base from being read, not only what comes first."""
    parts: tuple[Callable[[], object], ...] = (
        lambda: load_taxonomy(config.taxonomy_path),
        lambda: open_library(config),
        lambda: load_decisions(config.decisions_path),
        lambda: load_rows(config.sources_dir),
        lambda: load_conflicts(config.sources_dir),
        lambda: load_candidates(config.candidates_path),
        lambda: load_cursors(config.sources_dir),
    )
    wrong: list[DataError] = []
    for part in parts:
        try:
            part()
        except DataError as error:
            wrong += [error, *error.others]
    return wrong


def _waiting_prose(config: Config) -> Path:
    """Where the prose of entries without a record waits. Losing it costs no more than reading their source again."""
    return config.state_dir / "waiting.jsonl"


def _load_rows(config: Config) -> Rows:
    rows = load_rows(config.sources_dir)
    with suppress(OSError, ValueError, TypeError, KeyError):
        return with_prose(rows, _waiting_prose(config).read_text(encoding="utf-8"))
    return rows


def fingerprint(config: Config) -> dict[str, tuple[int, int, int]]:
    """What tells, without reading them, that the files which `open_store` reads are as they were: time, size, inode."""
    found: dict[str, tuple[int, int, int]] = {}
    for folder in (config.papers_dir, config.sources_dir):
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                stat = entry.stat(follow_symlinks=False)
                found[entry.path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    stat = config.taxonomy_path.stat()
    found[str(config.taxonomy_path)] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def inside_root(config: Config) -> None:
    """Refuse folders that lead out of the knowledge base.

    Raises:
        DataError: papers/, one of kb's own folders in it, or .kb is a link, or no folder.
    """
    for folder in (config.papers_dir, config.sources_dir, config.papers_dir / "_merged", config.state_dir):
        if folder.is_symlink():
            raise DataError(
                "is a link", file=folder, fix="kb writes only inside the knowledge base; use a folder"
            )
        if folder.exists() and not folder.is_dir():
            raise DataError("is not a folder", file=folder, fix="move it away")


@contextmanager
def locked(config: Config) -> Iterator[None]:
    """Hold the one lock of a knowledge base.

    Raises:
        LockError: another process holds it.
        DataError: a folder that kb writes into leads out of the knowledge base.
    """
    inside_root(config)
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
        for folder in (
            config.papers_dir,
            config.sources_dir,
            config.papers_dir / "_merged",
            library_cache(config).parent,
        ):
            remove_leftovers(folder)
        yield
    finally:
        lock.release()


def write_plan(store: Store, plan: Plan, cursors: Mapping[str, Mapping[str, Any]] | None = None) -> int:
    """Put `plan` on disk in the order that a kill cannot harm.

    Returns:
        The number of files that changed.

    Raises:
        LockError: a person edited a record in the meantime. What is written so far is whole, and running again
            comes to the same end.
    """
    changed = write_records(store, plan.writes)
    # Before the rows: once those are seen, nobody notices the difference again.
    changed += write_conflicts(store, plan.conflicts)
    changed += write_rows(store, plan.rows.values())
    write_waiting_prose(store, plan.rows.values())
    changed += write_candidates(store, plan.candidates)
    if cursors:
        changed += write_atomic(
            store.config.sources_dir / "_cursors.json", render_cursors({**store.cursors, **cursors})
        )
    return changed


def write_records(store: Store, texts: Mapping[str, str]) -> int:
    """Write records, none of which may have changed since `store` was read; returns how many changed."""
    files = ((store.library.path(key), texts[key]) for key in sorted(texts))
    return write_all(files, store.check_unchanged)


def write_conflicts(store: Store, conflicts: tuple[Conflict, ...]) -> int:
    path = store.config.sources_dir / "_conflicts.jsonl"
    if not conflicts and not path.exists():
        return 0
    return write_atomic(path, render_conflicts(conflicts))


def write_candidates(store: Store, candidates: tuple[Candidate, ...]) -> int:
    path = store.config.candidates_path
    if not candidates and not path.exists():
        return 0
    return write_atomic(path, render_candidates(candidates))


def write_waiting_prose(store: Store, rows: Iterable[Row]) -> None:
    path, text = _waiting_prose(store.config), render_prose(rows)
    if text or path.exists():
        write_atomic(path, text)


def write_rows(store: Store, rows: Iterable[Row]) -> int:
    """Write the last-seen entries, one file a source; returns how many changed."""
    files: dict[Path, list[Row]] = {}
    for row in rows:
        files.setdefault(source_file(store.config.sources_dir, row.entry.source), []).append(row)
    changed = {
        source_file(store.config.sources_dir, row.entry.source)
        for each in files.values()
        for row in each
        if store.rows.get(row.ref) is not row
    }
    return write_all((path, render_rows(files[path])) for path in sorted(changed))


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
    text = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=path) from error
    return path
