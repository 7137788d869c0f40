"""Short ways to invent entries, results and a knowledge base in memory, and to reconcile them as syncs would."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kb.reconcile.merge import Conflict
from kb.reconcile.reconcile import Base, Plan, reconcile
from kb.reconcile.rows import Row, Rows, render_rows
from kb.records.decisions import Decisions, Pair
from kb.records.library import parse_record
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.sources.entry import EntryAuthor, Heading, SourceEntry, SourceResult, Status

TAXONOMY = Taxonomy.model_validate_json(
    """{"facets": [{"id": "direction", "title": "Direction", "description": "What gets less.", "branches": [
        {"id": "shorter", "title": "Shorter", "description": "Fewer tokens.", "aliases": ["Short chains"]},
        {"id": "smaller", "title": "Smaller", "description": "Fewer bits.", "branches": [
            {"id": "quantization", "title": "Quantization", "description": "Fewer bits a weight."}]},
        {"id": "faster", "title": "Faster", "description": "Less time."}]}]}"""
)


def entry(
    source: str, entry_id: str, title: str | None = None, *authors: str, at: str = "", **fields: Any
) -> SourceEntry:
    """An entry; `at` is the heading that files it, keyword arguments named like identifiers become those."""
    kinds = ("arxiv_id", "doi", "openreview", "acl_anthology", "semantic_scholar")
    ids = {kind: fields.pop(kind) for kind in kinds if kind in fields}
    headings = (Heading(path=(at,)),) if at else ()
    people = tuple(EntryAuthor(name=name) for name in authors)
    return SourceEntry(
        source=source,
        entry_id=entry_id,
        title=title,
        authors=people,
        identifiers=ids,
        headings=headings,
        **fields,
    )


def zotero(entry_id: str, title: str | None = None, *authors: str, **fields: Any) -> SourceEntry:
    return entry("zotero", entry_id, title, *authors, **{"published": "2025"} | fields)


def arxiv(arxiv_id: str, title: str, *authors: str, **fields: Any) -> SourceEntry:
    fields = {"published": "2025-04-07", "arxiv_version": 1, "publication_state": "preprint"} | fields
    return entry("arxiv", arxiv_id, title, *authors, arxiv_id=arxiv_id, **fields)


def listed(name: str, title: str, *authors: str, **fields: Any) -> SourceEntry:
    return entry(f"awesome_list:{name}", fields.get("arxiv_id", title.casefold()), title, *authors, **fields)


def results(*entries: SourceEntry, complete: bool = False) -> list[SourceResult]:
    """One OK result a source; all sources but arXiv make records."""
    found: dict[str, list[SourceEntry]] = {}
    for one in entries:
        found.setdefault(one.source, []).append(one)
    return [
        SourceResult(name, Status.OK, tuple(said), complete=complete, creates=name != "arxiv")
        for name, said in found.items()
    ]


@dataclass
class Survey:
    """A knowledge base in memory. `sync` does what a sync does to it, rows through their stored form and back."""

    papers: dict[str, Paper] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    rows: Rows = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    decisions: Decisions = field(default_factory=Decisions)
    plan: Plan = field(default_factory=Plan)
    abstracts: bool = False

    def sync(self, *entries: SourceEntry, complete: bool = False) -> Plan:
        return self.take(results(*entries, complete=complete))

    def take(self, said: list[SourceResult]) -> Plan:
        base = Base(
            papers=self.papers,
            taxonomy=TAXONOMY,
            decisions=self.decisions,
            rows=self.rows,
            conflicts=self.conflicts,
            texts=self.texts.__getitem__,
            abstracts=self.abstracts,
        )
        self.plan = reconcile(base, said)
        for key, text in self.plan.writes.items():
            self.edit(key, text)
        stored = render_rows(self.plan.rows.values()).splitlines()
        self.rows = {row.ref: row for row in map(Row.model_validate_json, stored)}
        self.conflicts = self.plan.conflicts
        return self.plan

    def edit(self, key: str, text: str) -> None:
        """A person's new text of a record."""
        self.texts[key] = text
        self.papers[key] = parse_record(key, text, file=f"papers/{key}.yaml")

    def replace(self, key: str, old: str, new: str) -> None:
        """A person's edit of a part of a record."""
        assert old in self.texts[key], self.texts[key]
        self.edit(key, self.texts[key].replace(old, new))

    def same(self, a: str, b: str) -> None:
        same = (*self.decisions.same, Pair(a=a, b=b))
        self.decisions = self.decisions.model_copy(update={"same": same})

    def different(self, a: str, b: str) -> None:
        different = (*self.decisions.different, Pair(a=a, b=b))
        self.decisions = self.decisions.model_copy(update={"different": different})

    def key_of(self, one: SourceEntry) -> str | None:
        return self.rows[f"{one.source} {one.entry_id}"].paper

    def waiting(self) -> dict[str, str]:
        """Why entries wait, by title."""
        return {c.title or c.id: f"{c.state}: {c.reason}" for c in self.plan.candidates}

    def snapshot(self) -> tuple[object, ...]:
        """Everything that a sync writes."""
        return (
            dict(self.texts),
            render_rows(self.rows.values()),
            self.plan.candidates,
            self.conflicts,
        )
