"""What people decided, arranged for looking up: a sync asks about every entry it sees."""

from __future__ import annotations

from collections import defaultdict

from kb.records.decisions import Decisions, Pair, Rejection
from kb.sources.entry import SourceEntry
from kb.text import normal_title


class Decided:
    """Answers about names. A name is a record's key, or a reference to an entry ("source entry_id")."""

    def __init__(self, decisions: Decisions) -> None:
        self._into = {merged.gone: merged.into for merged in decisions.merged}
        self._same = _partners(decisions.same)
        self._different = _partners(decisions.different)
        self._by_id: dict[tuple[str, str], list[Rejection]] = defaultdict(list)
        self._by_title: dict[str, list[Rejection]] = defaultdict(list)
        for rejection in decisions.rejected:
            for pair in rejection.identifiers.items():
                self._by_id[pair].append(rejection)
            if rejection.title:
                self._by_title[normal_title(rejection.title)].append(rejection)

    def survivor(self, key: str) -> str:
        """The record that `key` was merged into, however often; `key` itself if it was not."""
        seen = {key}
        while (into := self._into.get(key)) is not None and into not in seen:
            seen.add(into)
            key = into
        return key

    def same(self, name: str) -> tuple[str, ...]:
        """What a person called the same as `name`, in the order of the decisions."""
        return tuple(self._same.get(name, ()))

    def different(self, name: str) -> tuple[str, ...]:
        """What a person told apart from `name`."""
        return tuple(self._different.get(name, ()))

    def apart(self, a: str, b: str) -> bool:
        """Whether a person said that `a` and `b` differ."""
        return b in self._different.get(a, ())

    def rejected(self, entry: SourceEntry) -> bool:
        """Whether a person keeps the work that `entry` names out."""
        return self.rejected_by_identifier(entry) or self._rejected_by_title(entry)

    def rejection(self, entry: SourceEntry) -> Rejection | None:
        """The decision that keeps the work that `entry` names out."""
        for pair in entry.identifiers.items():
            if pair in self._by_id:
                return self._by_id[pair][0]
        return next(iter(self._by_its_title(entry)), None)

    def rejected_by_identifier(self, entry: SourceEntry) -> bool:
        return any(pair in self._by_id for pair in entry.identifiers.items())

    def _rejected_by_title(self, entry: SourceEntry) -> bool:
        return bool(self._by_its_title(entry))

    def _by_its_title(self, entry: SourceEntry) -> list[Rejection]:
        """A title counts unless the identifiers speak against it."""
        return [
            rejection
            for rejection in self._by_title.get(normal_title(entry.title or ""), ())
            if all(
                entry.identifiers.get(kind, value) == value for kind, value in rejection.identifiers.items()
            )
        ]


def _partners(pairs: tuple[Pair, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        found[pair.a].append(pair.b)
        found[pair.b].append(pair.a)
    return found
