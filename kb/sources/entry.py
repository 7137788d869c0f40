"""What a source says, in the one shape that the rest of kb understands.

A source knows nothing of records. It turns what it fetched or was given into `SourceEntry` values and
says how far it got; reconcile decides what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from kb.errors import DataError, KbError

CITATIONS = "citations"
"""The name of a source that speaks of what records cite, and of no papers."""


class Status(StrEnum):
    """How a source ended. FAILED and PARTIAL never look like "nothing new"."""

    OK = "ok"
    EMPTY = "empty"  # it answered, and has nothing new
    PARTIAL = "partial"  # some of it could not be read; the cursor stays
    FAILED = "failed"  # nothing of it may be used


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EntryAuthor(_Value):
    """An author as a source spells the name, "Given Family" wherever the source tells the two apart."""

    name: str
    orcid: str | None = None


class Heading(_Value):
    """Where a source filed a paper: the path of headings, a collection, a tag."""

    path: tuple[str, ...]
    facet: str | None = None  # the facet it speaks of, where the source knows


class EntryNote(_Value):
    """A remark of the source on the paper."""

    text: str
    lang: str  # BCP 47: en, zh, und
    kind: str = "note"  # or "screening": a remark on whether the paper belongs


class EntryReview(_Value):
    """What a review section of the user's README says, its headings mapped to the parts of a card."""

    summary: str | None = None
    problem: str | None = None
    approach: str | None = None
    insight: str | None = None
    critique: str | None = None
    focus: str | None = None
    contribution: str | None = None
    limitations: str | None = None
    stub: bool = False  # every part was "..."


class SourceEntry(_Value):
    """One paper as one source tells it. Every field but the first two may be unknown.

    `entry_id` is stable within the source across runs: a Zotero item key, an arXiv id, or for a list the best
    identifier of the paper, else its normal title. Dates are ISO 8601, as precise as the source was: "2025",
    "2025-04" or "2025-04-07". Text is one line, without markup.
    """

    source: str  # "zotero", "arxiv", "survey_readme", "awesome_list:owner/name" ...
    entry_id: str
    title: str | None = None
    authors: tuple[EntryAuthor, ...] = ()
    n_authors: int | None = None  # where a source counts authors without naming them
    identifiers: dict[str, str] = {}  # kinds of kb.ids.KINDS, normal forms
    arxiv_version: int | None = None
    url: str | None = None
    published: str | None = None
    updated: str | None = None
    venue: str | None = None
    publication_state: str | None = None  # preprint, published, withdrawn
    withdrawn_reason: str | None = None
    code: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    headings: tuple[Heading, ...] = ()
    notes: tuple[EntryNote, ...] = ()
    review: EntryReview | None = None
    abstract: str | None = None
    removed: bool = False  # trashed or deleted at the source
    where: str | None = None  # "README.md:117", for messages; never stored


@dataclass(frozen=True)
class Problem:
    """Something a source could not read: named, counted, never swallowed."""

    where: str  # an id, "file:line" or a URL without secrets
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True)
class Answer:
    """What a record cites: keys of records. Only a `complete` answer says that what it does not name is not cited."""

    cites: tuple[str, ...]
    complete: bool = True


@dataclass(frozen=True)
class SourceResult:
    """What a run of a source gave.

    `complete` says that `entries` is all the source holds, so that what is missing from it is gone. `removed` names
    entries that the source says are gone. `cursor` is stored after the records are on disk, and only then; None leaves
    the old one in place. `missing` names ids that were asked for and not given. `cites` is what records cite, by key.
    """

    source: str
    status: Status
    entries: tuple[SourceEntry, ...] = ()
    problems: tuple[Problem, ...] = ()
    removed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    complete: bool = False
    creates: bool = False
    cursor: dict[str, Any] | None = None
    requests: int = 0
    error: KbError | None = None
    summary: str = ""  # one line for people, such as "library version 4711, up to date"
    cites: Mapping[str, Answer] = field(default_factory=dict)


Progress = Callable[[str, int, int | None], None]
"""Called with (what, done, total or None) as work goes on."""


def no_progress(what: str, done: int, total: int | None) -> None:
    """A `Progress` that says nothing."""


@dataclass(frozen=True)
class Known:
    """What kb already has that a source may want to ask about, given to it by the pipeline.

    `cursor` is what the source's last good run left. `arxiv_versions` maps every arXiv id in the base to its stored
    version (None where unknown). `entry_ids` are the ids last seen from this source. `unresolved_titles` are titles
    without an identifier that arXiv may know. `allow_removals` lifts the source's stop on mass removal, which comes where more
    than `max_removed_share` would go. `records` are identifiers by kind of every record, and `cites` what the source said
    that they cite; both only for a source of citations.
    """

    cursor: dict[str, Any] = field(default_factory=dict)
    arxiv_versions: dict[str, int | None] = field(default_factory=dict)
    entry_ids: frozenset[str] = frozenset()
    unresolved_titles: tuple[str, ...] = ()
    allow_removals: bool = False
    max_removed_share: float = 0.2
    records: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    cites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Source(Protocol):
    """A place that papers come from over the network."""

    name: str

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        """Ask the source what is new. Upstream trouble is in the result, never raised."""
        ...


class FileSource(Protocol):
    """A format that papers can be imported from."""

    name: str

    def parse(self, text: str, *, where: str) -> SourceResult:
        """The papers that `text` names. `where` is the file's name, for messages."""
        ...


def read_text(path: Path, *, max_bytes: int = 64_000_000) -> str:
    """The UTF-8 text of an import file; a byte order mark and broken bytes do not stop it.

    Raises:
        DataError: the file is absent, is not a file, or is larger than `max_bytes`.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise DataError(f"is larger than {max_bytes} bytes", file=path)
        return path.read_bytes().decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error
