"""What a check of the knowledge base says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from kb.pipeline.store import Store


class Severity(StrEnum):
    ERROR = "error"  # kb check fails
    WARNING = "warning"  # a person should look


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be, with the way to mend it."""

    check: str
    severity: Severity
    file: str
    message: str
    line: int | None = None
    field: str | None = None
    fix: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        name = f" {self.field}:" if self.field else ""
        fix = f" (fix: {self.fix})" if self.fix else ""
        return f"{place}:{name} {self.message}{fix}"


@dataclass(frozen=True)
class Found:
    """A finding before its file and line are looked up."""

    message: str
    key: str | None = None  # of a record; None for the knowledge base as a whole
    path: tuple[str | int, ...] = ()
    fix: str | None = None
    severity: Severity = Severity.ERROR
    file: str | None = None


Check = Callable[[Store], Iterable[Found]]


def warn(
    message: str, key: str | None = None, *path: str | int, fix: str | None = None, file: str | None = None
) -> Found:
    """Something that a person should look at; `path` is where in the record of `key`."""
    return Found(message, key, path, fix, Severity.WARNING, file)
