"""Which records carry an identifier, and what an entry that is another work may therefore not give its record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from kb.ids import identify
from kb.reconcile.rows import Row
from kb.records.models import Paper

Holders = dict[tuple[str, str], set[str]]


def holders_of(papers: Mapping[str, Paper]) -> Holders:
    """The records that carry each identifier."""
    found: Holders = defaultdict(set)
    for paper in papers.values():
        hold(found, paper)
    return found


def hold(holders: Holders, paper: Paper) -> None:
    for pair in paper.identifiers.by_kind().items():
        holders[pair].add(paper.key)


def own(row: Row, key: str | None, holders: Holders) -> Row:
    """`row` as its record `key` may take it: without an identifier that only other records carry.

    A person said that the entry is another work than its identifier says.
    """
    ids = row.entry.identifiers
    kept = {
        kind: value
        for kind, value in ids.items()
        if not (there := holders.get((kind, value))) or key in there
    }
    if len(kept) == len(ids):
        return row
    changes: dict[str, object] = {"identifiers": kept}
    if identify(row.entry.url).items() - kept.items():
        changes["url"] = None
    return row.model_copy(update={"entry": row.entry.model_copy(update=changes)})
