"""What becomes of an issue, in the terms that its answer is written in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kb.errors import EXIT_DATA, EXIT_OK, EXIT_UPSTREAM
from kb.export.github import Code, Line, Link, to_record
from kb.pipeline.store import Store


class Kind(StrEnum):
    """CHANGE: files changed, for a pull request. KNOWN: nothing is to be done. EXCLUDED: people said no before. WAITS: a
    person decides. UNFIT: the issue has to be corrected. LATER: a source did not answer. NONE: kb is not asked.
    """

    CHANGE = "change"
    KNOWN = "known"
    EXCLUDED = "excluded"
    WAITS = "waits"
    UNFIT = "unfit"
    LATER = "later"
    NONE = "none"


CODES = {Kind.UNFIT: EXIT_DATA, Kind.LATER: EXIT_UPSTREAM}
"""Exit codes of `kb from-issue`; of every other outcome it is 0."""


@dataclass(frozen=True)
class Outcome:
    """What became of it.

    Attributes:
        title: of the pull request, as it may stand there; else what is to be said in some words.
        lines: what is to be said in full; parts from the issue are escaped by what writes them.
    """

    kind: Kind
    title: str
    lines: tuple[Line, ...] = ()

    @property
    def exit_code(self) -> int:
        return CODES.get(self.kind, EXIT_OK)


def record(store: Store, key: str) -> Code | Link:
    """Where people find a record."""
    return to_record(store.config.settings.site, key, store.library[key].title)
