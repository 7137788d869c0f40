"""Every error that kb raises on purpose.

    KbError                     exit code
    ├── UsageError              2   a command was asked for something it cannot do
    ├── ConfigError             2   kb.toml or the environment is wrong
    ├── DataError               3   a record, a taxonomy or a decision file is wrong
    ├── UpstreamError           4   a source answered badly or not at all
    │   ├── NotAuthorised       5   a source refused the key, or wants one
    │   └── NotGiven            7   a source answered without what was asked for
    ├── LockError               6   another kb process holds the lock
    ├── SafetyStop              7   going on would remove or rewrite too much
    └── RunStopped              7   an evaluation cannot go on; what was done is kept

An error says what is wrong, where, and how to mend it, in one line. Anything else that escapes is a
bug and is shown as one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_UPSTREAM = 4
EXIT_NOT_AUTHORISED = 5
EXIT_LOCKED = 6
EXIT_PARTIAL = 7
EXIT_INTERRUPTED = 130


class KbError(Exception):
    """Base of the tree above.

    Args:
        message: what is wrong, one line.
        file: the file concerned, if there is one.
        line: 1-based line in `file`.
        field: dotted path of the field, such as ``identifiers.arxiv_id``.
        fix: what the reader can do about it, one line.

    `others` holds further errors of the same load, so that a person can mend all of them in one go.
    """

    exit_code = EXIT_BUG
    others: tuple[Self, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        field: str | None = None,
        fix: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = str(file) if file is not None else None
        self.line = line
        self.field = field
        self.fix = fix

    def __str__(self) -> str:
        place = self.file or ""
        if place and self.line is not None:
            place += f":{self.line}"
        parts = [part for part in (place, self.field, self.message) if part]
        text = ": ".join(parts)
        text = f"{text} (fix: {self.fix})" if self.fix else text
        return " ".join(text.split())

    @classmethod
    def bundle(cls, errors: list[Self]) -> Self:
        """The first of `errors`, carrying the rest."""
        first, *rest = errors
        first.others = tuple(rest)
        return first


class UsageError(KbError):
    """A command was asked for something it cannot do."""

    exit_code = EXIT_USAGE


class ConfigError(KbError):
    """kb.toml or the environment is wrong."""

    exit_code = EXIT_USAGE


class DataError(KbError):
    """A record, the taxonomy or a decision file is wrong."""

    exit_code = EXIT_DATA


class UpstreamError(KbError):
    """A source answered badly, or not at all. Never means "nothing new"."""

    exit_code = EXIT_UPSTREAM


class NotAuthorised(UpstreamError):
    """A source refused the key, or wants one."""

    exit_code = EXIT_NOT_AUTHORISED


class NotGiven(UpstreamError):
    """A source answered, without what was asked for."""

    exit_code = EXIT_PARTIAL


class LockError(KbError):
    """Another kb process holds the lock."""

    exit_code = EXIT_LOCKED


class SafetyStop(KbError):
    """Going on would remove or rewrite more than a person is likely to want."""

    exit_code = EXIT_PARTIAL


class RunStopped(KbError):
    """An evaluation cannot go on. What was done is kept, and the same command goes on from there."""

    exit_code = EXIT_PARTIAL
