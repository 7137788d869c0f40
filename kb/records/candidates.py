"""papers/_candidates.jsonl: what sources named and no record holds yet. Written by a sync alone, read by people.

One line a work, so that a pull request shows what came in. The queue is derived from the last-seen entries and the
decisions; deleting it loses nothing.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kb.errors import DataError
from kb.records.files import read_if_there


class CandidateState(StrEnum):
    CANDIDATE = "candidate"  # known well enough to become a record, if a person wants it
    UNRESOLVED = "unresolved"  # too little is known: no identifier, or no author
    SUSPICIOUS = "suspicious"  # may be a paper that is here already; a person decides


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A word that people paste into a command: it can be neither an option nor anything to a shell."""


class Candidate(BaseModel):
    """A work that waits. `id` stays the same as long as the sources name the work in the same way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Name
    state: CandidateState
    title: str | None = None
    authors: tuple[str, ...] = ()
    identifiers: dict[str, str] = {}
    url: str | None = None
    published: str | None = None
    seen_in: tuple[str, ...] = ()  # "source entry_id"
    reason: str
    like: tuple[Name, ...] = ()  # keys of records that it may be the same as


def load_candidates(path: Path) -> tuple[Candidate, ...]:
    """The queue in `path`; empty if there is no such file.

    Raises:
        DataError: a line is not a candidate.
    """
    found = []
    for number, line in enumerate(
        read_if_there(path).split("\n"), start=1
    ):  # a value may hold other line breaks
        if not line:
            continue
        try:
            found.append(Candidate.model_validate_json(line))
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise DataError(
                message, file=path, line=number, fix="this file is made by kb sync; restore it from git"
            ) from None
    return tuple(found)


def render_candidates(candidates: tuple[Candidate, ...]) -> str:
    """One JSON line each, by state, then title, then id."""
    ordered = sorted(candidates, key=lambda c: (c.state.value, (c.title or "").casefold(), c.id))
    return "".join(f"{c.model_dump_json(exclude_defaults=True)}\n" for c in ordered)


def how_to_decide(candidate: Candidate) -> str:
    """The commands that settle a suspicious candidate."""
    if not candidate.seen_in:
        pair = " ".join(candidate.like)
        return f"kb same {pair}, or kb different {pair}"
    key = candidate.like[0] if len(candidate.like) == 1 else "KEY"
    return f"kb same {candidate.id} {key}, kb different {candidate.id} {key}, or kb reject {candidate.id} --reason ..."
