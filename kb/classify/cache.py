"""A cache on disk: bytes by key in a SQLite file, for what is costly to work out and can be worked out again."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from kb.errors import KbError

_PART = 500
_WAIT_S = 30.0
_IN_USE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class ByteCache:
    """Bytes by key. The file may be deleted at any time; one that is damaged or another program's is made anew.

    Args:
        table: the name of its table.
        generation: what was written under another one is dropped with the next `write`; 31 bits.
    """

    def __init__(self, path: Path, table: str, generation: int = 0) -> None:
        self.path = path
        self.table = table
        self.generation = generation

    def read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """What is there of these keys."""
        if not self.path.exists():
            return {}
        found: dict[bytes, bytes] = {}
        try:
            with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as database:
                for start in range(0, len(keys), _PART):
                    part = list(keys[start : start + _PART])
                    marks = ",".join("?" * len(part))
                    query = f"SELECT * FROM {self.table} WHERE key IN ({marks})"  # noqa: S608 - only "?"
                    found.update((key, value) for key, value in database.execute(query, part))
        except (sqlite3.Error, ValueError):  # damaged, or of another version: as if it were not there
            return {}
        return found

    def write(self, rows: Mapping[bytes, bytes]) -> None:
        """Keep `rows`.

        Raises:
            KbError: the file cannot be written.
        """
        try:
            try:
                self._insert(rows)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF in _IN_USE:
                    raise
                self.path.unlink(missing_ok=True)
                self._insert(rows)
        except (sqlite3.Error, OSError) as error:
            raise KbError(f"cannot be written: {error}", file=self.path) from error

    def _insert(self, rows: Mapping[bytes, bytes]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=_WAIT_S)) as database, database:
            (generation,) = database.execute("PRAGMA user_version").fetchone()
            if generation != self.generation:
                database.execute(f"DROP TABLE IF EXISTS {self.table}")
                database.execute(f"PRAGMA user_version = {self.generation}")
            database.execute(
                f"CREATE TABLE IF NOT EXISTS {self.table} (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
            )
            database.executemany(f"INSERT OR REPLACE INTO {self.table} VALUES (?, ?)", rows.items())  # noqa: S608
