"""`kb audit`: what other people's lists hold that the knowledge base does not, and what no list holds. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from kb.config import Config, ListSettings
from kb.errors import UsageError
from kb.pipeline.store import Store, open_store
from kb.reconcile.audit import Audit, Found, Standing
from kb.reconcile.capture import Estimate, chapman
from kb.sources import FILE_SOURCES
from kb.sources.entry import SourceEntry, read_text

FORMATS = {".bib": "bibtex", ".md": "awesome_list", ".markdown": "awesome_list"}
_SAME_LIST = (
    0.5  # share of its entries that a source of the base has seen, from which on a list is taken for it
)


@dataclass(frozen=True)
class AuditedList:
    """One list, and where its works stand.

    Attributes:
        read_as: the source under which the base reads this list already; None if it does not.
        unread: lines that could not be read.
    """

    file: str
    works: tuple[Found, ...]
    read_as: str | None
    unread: int

    def count(self, standing: Standing) -> int:
        return sum(one.standing is standing for one in self.works)

    @property
    def names(self) -> frozenset[str]:
        """The works that may belong to the survey: all but those that a person excluded."""
        return frozenset(one.name for one in self.works if one.standing is not Standing.EXCLUDED)


@dataclass(frozen=True)
class Pair:
    """What two lists, or a list and everything else that the base reads, say of the size of the field."""

    first: str
    second: str
    estimate: Estimate


@dataclass(frozen=True)
class Report:
    lists: tuple[AuditedList, ...]
    pairs: tuple[Pair, ...]

    def gaps(self) -> list[tuple[Found, int]]:
        """What is missing or unsure, with the number of lists that name it: what most name comes first."""
        named = Counter(one.name for each in self.lists for one in each.works)
        found = {
            one.name: one
            for each in reversed(self.lists)
            for one in each.works
            if one.standing in {Standing.MISSING, Standing.UNSURE}
        }
        rows = [(one, named[one.name]) for one in found.values()]
        return sorted(rows, key=lambda row: (-row[1], (row[0].entry.title or "").casefold(), row[0].name))

    def to_data(self) -> dict[str, Any]:
        return {
            "lists": [
                {
                    "file": each.file,
                    "read_as": each.read_as,
                    "unread": each.unread,
                    "works": len(each.works),
                    "counts": {standing.value: each.count(standing) for standing in Standing},
                    "found": [_found(one) for one in each.works],
                }
                for each in self.lists
            ],
            "estimates": [
                {"first": pair.first, "second": pair.second, "seen": pair.estimate.seen}
                | {"sizes": [pair.estimate.first, pair.estimate.second], "both": pair.estimate.both}
                | {
                    name: round(getattr(pair.estimate, name), 1) if pair.estimate.usable else None
                    for name in ("total", "low", "high", "unseen")
                }
                for pair in self.pairs
            ],
        }


def _found(one: Found) -> dict[str, Any]:
    entry = one.entry
    data = {
        "standing": one.standing.value,
        "name": one.name,
        "reason": one.reason,
        "title": entry.title,
        "identifiers": entry.identifiers,
        "url": entry.url,
        "where": entry.where,
    }
    return {name: value for name, value in data.items() if value}


def audit(config: Config, files: Sequence[Path], form: str | None = None) -> Report:
    """Compare the knowledge base with the lists in `files`.

    Args:
        form: the format of all of them, a name in `kb.sources.FILE_SOURCES`; None tells it by the file's name.

    Raises:
        UsageError: a file has no format that kb reads, or names no paper.
    """
    store = open_store(config)
    placing = Audit(store.library, store.candidates, store.decisions, store.rows)
    lists = tuple(_audited(store, placing, path, form) for path in files)
    return Report(lists, tuple(_pairs(store, lists)))


def _audited(store: Store, placing: Audit, path: Path, form: str | None) -> AuditedList:
    kind = form or FORMATS.get(path.suffix.lower())
    if kind is None:
        fix = f"--format: one of {', '.join(FILE_SOURCES)}"
        raise UsageError("is of no format that kb knows by its name", file=path, fix=fix)
    result = FILE_SOURCES[kind](ListSettings(name="audited")).parse(read_text(path), where=path.name)
    if not result.entries:
        raise UsageError("holds no paper that kb can find", file=path, fix=f"is it a {kind} file?")
    known = _known_as(store, result.entries)
    entries = [entry.model_copy(update={"source": known}) if known else entry for entry in result.entries]
    return AuditedList(path.name, tuple(placing.works(entries)), known, len(result.problems))


def _known_as(store: Store, entries: Sequence[SourceEntry]) -> str | None:
    """The source of the base that most of these entries are from: it is the same list, however the file is called."""
    ids = {entry.entry_id for entry in entries}
    kind = entries[0].source.partition(":")[0]
    shared = Counter(
        row.entry.source
        for row in store.rows.values()
        if row.entry.entry_id in ids and row.entry.source.partition(":")[0] == kind
    )
    sizes = Counter(row.entry.source for row in store.rows.values())
    best = max(sorted(shared), key=lambda name: shared[name], default=None)
    if best is None or shared[best] < _SAME_LIST * max(len(ids), sizes[best]):
        return None
    return best


def _pairs(store: Store, lists: Sequence[AuditedList]) -> list[Pair]:
    """Each list with what all other sources gave the base, and each two lists."""
    found: list[Pair] = []
    for each in lists:
        others = {
            row.paper
            for row in store.rows.values()
            if row.paper in store.library and not row.entry.removed and row.entry.source != each.read_as
        }
        if each.read_as is None:
            others = set(store.library)
        name = "the base without it" if each.read_as else "the base"
        found.append(Pair(each.file, name, _estimate(each.names, frozenset(filter(None, others)))))
    found += [
        Pair(one.file, other.file, _estimate(one.names, other.names)) for one, other in combinations(lists, 2)
    ]
    return found


def _estimate(first: frozenset[str], second: frozenset[str]) -> Estimate:
    return chapman(len(first), len(second), len(first & second))
