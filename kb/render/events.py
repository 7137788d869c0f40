"""What happens to a survey: an event has a day, a kind and a subject. Made by `kb.pipeline.history`, shown by pages and feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KINDS = {
    "new": "New papers",
    "gone": "Papers taken out",
    "published": "Preprints that were published",
    "withdrawn": "Papers that were withdrawn",
    "restored": "Papers that are no longer withdrawn",
    "reviewed": "Reviews that were completed",
    "verdict": "Verdicts that changed",
    "label": "Labels that a person confirmed, rejected or took back",
}
"""Kinds of events, in the order in which a day's are listed, and their heading."""


@dataclass(frozen=True)
class Event:
    """One thing that happened, once.

    Attributes:
        at: when it came into the survey, as RFC 3339 in UTC.
        kind: one of `KINDS`.
        paper: the record's key.
        commit: in which it came; empty where only the record says so.
        title: what the record was called, of one that is gone.
        claim: the id of the claim whose verdict changed.
        branch: of a label.
        before, after: verdict or standing; `after` is "proposed" where a person took a word back.
    """

    at: str
    kind: str
    paper: str
    commit: str = ""
    title: str = ""
    claim: str = ""
    branch: str = ""
    before: str = ""
    after: str = ""

    @property
    def name(self) -> str:
        """What tells it from every other event, for ever."""
        return "/".join(filter(None, (self.commit, self.kind, self.paper, self.claim or self.branch)))


@dataclass(frozen=True)
class History:
    """Events, newest first, and where they come from.

    Attributes:
        source: git; a git history that was cut off (shallow); or records, where there is no git.
        since: the day at which a shallow history begins.
    """

    events: tuple[Event, ...] = ()
    source: Literal["git", "shallow", "records"] = "records"
    since: str = ""
