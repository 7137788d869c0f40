"""Where the works of somebody else's list stand in the knowledge base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from kb.reconcile.decided import Decided
from kb.reconcile.match import Index, Kind, Work
from kb.reconcile.place import short_id
from kb.reconcile.rows import Rows
from kb.records.candidates import Candidate
from kb.records.decisions import Decisions
from kb.records.models import Paper
from kb.sources.entry import SourceEntry


class Standing(StrEnum):
    """PRESENT: a record. EXCLUDED: a person keeps it out. PENDING: it waits among the candidates. UNSURE: it may be a
    record, and a person has to look. MISSING: no source has named it yet.
    """

    PRESENT = "present"
    EXCLUDED = "excluded"
    PENDING = "pending"
    UNSURE = "unsure"
    MISSING = "missing"


@dataclass(frozen=True)
class Found:
    """A work of a list, and where it stands.

    Attributes:
        name: the same for one work on every list: a record's key, a candidate's id, or a name made of the entry's.
        entry: what the list says of it first.
        reason: why it stands there, where that is not plain.
    """

    name: str
    standing: Standing
    entry: SourceEntry
    reason: str | None = None


class Audit:
    """Places the entries of lists, one list after the other; a work has one name on all of them."""

    def __init__(
        self,
        papers: Mapping[str, Paper],
        candidates: Iterable[Candidate],
        decisions: Decisions,
        rows: Rows,
    ) -> None:
        self._papers = papers
        self._decided = Decided(decisions)
        self._rows = rows
        self._records, self._waiting, self._others = Index(), Index(), Index()
        self._seen_in: dict[str, str] = {}
        for key, paper in papers.items():
            self._records.add(key, Work.of_paper(paper))
        for row in sorted(rows.values(), key=lambda row: row.rank):  # titles that a paper no longer has
            if row.paper in papers and not row.entry.removed:
                self._records.add(row.paper or "", Work.of_entry(row.entry))
        for candidate in candidates:
            entry = SourceEntry(
                source="candidate",
                entry_id=candidate.id,
                title=candidate.title,
                identifiers=candidate.identifiers,
                published=candidate.published,
            )
            self._waiting.add(candidate.id, Work.of_entry(entry))
            self._seen_in |= dict.fromkeys(candidate.seen_in, candidate.id)

    def works(self, entries: Iterable[SourceEntry]) -> list[Found]:
        """Each work of a list once, in the order of the list."""
        found: dict[str, Found] = {}
        for entry in entries:
            one = self._place(entry)
            found.setdefault(one.name, one)
        return list(found.values())

    def _place(self, entry: SourceEntry) -> Found:
        ref = f"{entry.source} {entry.entry_id}"
        row = self._rows.get(ref)
        if row is not None and row.paper in self._papers:
            return Found(row.paper or "", Standing.PRESENT, entry)
        rejection = self._decided.rejection(entry)
        if rejection is not None:
            told = rejection.title or str(sorted(rejection.identifiers.items()))
            name = rejection.key or _name("x", told)
            return Found(name, Standing.EXCLUDED, entry, rejection.reason)
        if ref in self._seen_in:
            return Found(self._seen_in[ref], Standing.PENDING, entry)
        work = Work.of_entry(entry)
        records = self._records.find(work)
        if records and records[0][1].kind is Kind.SAME:
            return Found(records[0][0], Standing.PRESENT, entry)
        waiting = self._waiting.find(work)
        if waiting and waiting[0][1].kind is Kind.SAME:
            return Found(waiting[0][0], Standing.PENDING, entry)
        others = [name for name, match in self._others.find(work) if match.kind is Kind.SAME]
        name = others[0] if others else _name("m", ref)
        self._others.add(name, work)
        if records:
            key, match = records[0]
            return Found(name, Standing.UNSURE, entry, f"{match.reason} as {key}")
        return Found(name, Standing.MISSING, entry)


def _name(kind: str, told: str) -> str:
    return f"{kind}-{short_id(told).removeprefix('c-')}"
