"""Whether two descriptions are one work, with the reason and a score.

An identifier decides, unless the titles say that one of the two carries a wrong one. Without a shared identifier, equal
or nearly equal titles decide, together with the authors where both sides name them. Two different identifiers of one
kind never meet in one work by themselves.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from rapidfuzz import fuzz, process

from kb.ids import KINDS
from kb.records.models import Paper
from kb.sources.entry import SourceEntry
from kb.text import normal_author, normal_title

# Below this, two titles under one identifier are so unlike that one of the identifiers is likely wrong. Retitled
# versions of one paper mostly stay above it, or share their authors.
UNLIKE = 56.0
NEAR = 96.0
NEAR_MIN_LENGTH = 25
SHORT_TITLE = 12  # characters of a normal title that by itself proves nothing
MAX_YEARS_APART = 3
SURE = 0.92
_MAX_BLOCK = 200
_COMMON = frozenset(
    "a an the on of for in to and or with by from is are do does can at as via how what when why not towards toward "
    "using be it its your you we our large language model models llm llms lrm lrms reasoning efficient efficiency "
    "inference thought thoughts chain cot time test".split()
)


class Kind(StrEnum):
    SAME = "same"
    SUSPICIOUS = "suspicious"  # a person decides
    DIFFERENT = "different"


@dataclass(frozen=True)
class Match:
    """The outcome of comparing an entry with a work.

    Attributes:
        score: 0 to 1; says how sure, not how alike.
        by_identifier: the two share an identifier.
    """

    kind: Kind
    reason: str
    score: float
    by_identifier: bool = False

    @property
    def sure(self) -> bool:
        """More than a title speaks for it: an identifier, or the authors."""
        return self.kind is Kind.SAME and self.score >= SURE

    @property
    def retitled(self) -> bool:
        """An identifier speaks for it, and the titles do not."""
        return self.sure and self.by_identifier and self.score < 1.0


@dataclass(frozen=True)
class Work:
    """The parts of a record or an entry that tell which work it is."""

    title: str = ""  # normal form
    authors: tuple[str, ...] = ()  # normal surnames
    identifiers: Mapping[str, str] = field(default_factory=dict)
    year: int | None = None
    n_authors: int | None = None

    @classmethod
    def of_entry(cls, entry: SourceEntry, *, without: Iterable[str] = ()) -> Work:
        dropped = set(without)
        return cls(
            title=normal_title(entry.title) if entry.title else "",
            authors=tuple(normal_author(a.name) for a in entry.authors),
            identifiers={k: v for k, v in entry.identifiers.items() if k in KINDS and k not in dropped},
            year=int(entry.published[:4]) if entry.published else None,
            n_authors=entry.n_authors,
        )

    @classmethod
    def of_paper(cls, paper: Paper) -> Work:
        return cls(
            title=normal_title(paper.title),
            authors=tuple(normal_author(a.name) for a in paper.authors),
            identifiers=paper.identifiers.by_kind(),
            year=paper.year,
        )

    def under(self, identifiers: Mapping[str, str], authors: tuple[str, ...]) -> Work:
        """This description as another title of a work with `identifiers`."""
        return Work(
            self.title,
            authors or self.authors,
            {**self.identifiers, **identifiers},
            self.year,
            self.n_authors,
        )


def compare(a: Work, b: Work) -> Match:
    """Whether `a` and `b` are one work."""
    shared = [
        kind for kind in KINDS if kind in a.identifiers and a.identifiers[kind] == b.identifiers.get(kind)
    ]
    clash = [
        kind
        for kind in KINDS
        if kind in a.identifiers and a.identifiers[kind] != b.identifiers.get(kind, a.identifiers[kind])
    ]
    if shared and clash:
        return Match(Kind.SUSPICIOUS, f"same {shared[0]}, but another {clash[0]}", 0.5, True)
    if shared:
        return _by_identifier(a, b, shared[0])
    return _by_title(a, b, clash)


def _by_identifier(a: Work, b: Work, kind: str) -> Match:
    value = a.identifiers[kind]
    if not a.title or not b.title:
        return Match(Kind.SAME, f"same {kind} {value}", 0.95, True)
    if a.title == b.title or _nearly(a.title, b.title):
        return Match(Kind.SAME, f"same {kind} {value}", 1.0, True)
    if likeness(a.title, b.title) >= UNLIKE or share_authors(a, b):
        return Match(Kind.SAME, f"same {kind} {value}, another title", 0.96, True)
    return Match(Kind.SUSPICIOUS, f"same {kind} {value}, but unlike titles", 0.4, True)


def _by_title(a: Work, b: Work, clash: list[str]) -> Match:
    if not a.title or not b.title:
        return Match(Kind.DIFFERENT, "no title to compare", 0.0)
    equal = a.title == b.title
    near = not equal and _nearly(a.title, b.title)
    if not equal and not near:
        return Match(Kind.DIFFERENT, "unlike titles", 0.0)
    how = "same title" if equal else "nearly the same title"
    if clash:
        return Match(Kind.SUSPICIOUS, f"{how}, but another {clash[0]}", 0.3)
    both_named = bool(a.authors and b.authors)
    if both_named and not share_authors(a, b):
        return Match(Kind.SUSPICIOUS, f"{how}, but other authors", 0.3)
    if not both_named and not _counts_agree(a, b):
        return Match(Kind.SUSPICIOUS, f"{how}, but another number of authors", 0.3)
    if a.year and b.year and abs(a.year - b.year) > MAX_YEARS_APART:
        return Match(Kind.SUSPICIOUS, f"{how}, but {abs(a.year - b.year)} years apart", 0.3)
    if len(a.title) < SHORT_TITLE and not both_named:
        return Match(Kind.SUSPICIOUS, f"{how}, but too short to be sure", 0.3)
    score = (0.97 if equal else 0.92) if both_named else (0.9 if equal else 0.85)
    return Match(Kind.SAME, how + (" and authors" if both_named else ""), score)


def likeness(a: str, b: str) -> float:
    """How alike two normal titles are, 0 to 100; a title and its part before the colon are alike.

    Words that half of the field's titles share do not count: they would make any two of them alike.

    >>> likeness("efficient reasoning via unconscious thought", "concise step by step efficient reasoning") < UNLIKE
    True
    """
    a, b = _significant(a), _significant(b)
    return max(fuzz.ratio(a, b), fuzz.token_set_ratio(a, b))


def _significant(title: str) -> str:
    return " ".join(word for word in title.split() if word not in _COMMON) or title


def _nearly(a: str, b: str) -> bool:
    if min(len(a), len(b)) < NEAR_MIN_LENGTH or fuzz.ratio(a, b, score_cutoff=NEAR) < NEAR:
        return False
    return re.findall(r"\d+", a) == re.findall(r"\d+", b)


def share_authors(a: Work, b: Work) -> bool:
    """Whether one side's first author is among the other's authors."""
    if not a.authors or not b.authors:
        return False
    return a.authors[0] in b.authors or b.authors[0] in a.authors


def _counts_agree(a: Work, b: Work) -> bool:
    counts = [len(w.authors) or w.n_authors for w in (a, b)]
    if counts[0] is None or counts[1] is None or not counts[0] or not counts[1]:
        return True
    return abs(counts[0] - counts[1]) <= 2  # author lists change between versions


class Index:
    """Works by name, found by identifier, by title, and by the rare words of a title.

    One name may stand for several descriptions of the same work: lists keep titles that a paper no longer has.
    """

    def __init__(self) -> None:
        self.works: dict[str, list[Work]] = defaultdict(list)
        self._identifiers: dict[str, dict[str, str]] = defaultdict(dict)
        self._by_id: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._by_title: dict[str, set[str]] = defaultdict(set)
        self._by_word: dict[str, set[str]] = defaultdict(set)

    def add(self, name: str, work: Work) -> None:
        """Add a description of the work `name`."""
        if work in self.works[name]:
            return
        self.works[name].append(work)
        for kind, value in work.identifiers.items():
            self._identifiers[name].setdefault(kind, value)
            self._by_id[kind, value].add(name)
        if work.title:
            self._by_title[work.title].add(name)
            for word in set(work.title.split()):
                self._by_word[word].add(work.title)

    def identifiers(self, name: str) -> dict[str, str]:
        """Everything that `name` is called elsewhere; the first description is the best one."""
        return dict(self._identifiers.get(name, {}))

    def remove(self, name: str) -> None:
        """Forget the work `name`."""
        for work in self.works.pop(name, ()):
            for pair in work.identifiers.items():
                self._by_id[pair].discard(name)
            self._by_title[work.title].discard(name)
        self._identifiers.pop(name, None)

    def find(self, work: Work) -> list[tuple[str, Match]]:
        """Every work that may be the same, the surest first, then by name."""
        names = self._sharing(work)
        if work.title and not names:
            names = self._neighbours(work.title)
        return self._matches(work, names)

    def sharing(self, work: Work, *, besides: str) -> list[tuple[str, Match]]:
        """`find` among the works, other than `besides`, that share an identifier or the exact title."""
        return self._matches(work, self._sharing(work) - {besides})

    def _sharing(self, work: Work) -> set[str]:
        names: set[str] = set()
        for pair in work.identifiers.items():
            names |= self._by_id.get(pair, set())
        return names | self._by_title.get(work.title, set()) if work.title else names

    def _matches(self, work: Work, names: Iterable[str]) -> list[tuple[str, Match]]:
        found = [(name, self._compare(work, name)) for name in names]
        return sorted(
            ((name, match) for name, match in found if match.kind is not Kind.DIFFERENT),
            key=lambda item: (_order(item[1]), item[0]),
        )

    def _compare(self, work: Work, name: str) -> Match:
        """`work` beside the description that fits best, each under all identifiers that `name` has.

        Otherwise a description without an identifier would let another paper of the same title in.
        """
        identifiers = self.identifiers(name)
        return min((compare(work, other.under(identifiers, ())) for other in self.works[name]), key=_order)

    def _neighbours(self, title: str) -> set[str]:
        """The works whose titles share a rare word with `title` and are nearly the same."""
        words = sorted(set(title.split()), key=lambda word: (len(self._by_word.get(word, ())), word))
        titles: set[str] = set()
        for word in words[:4]:
            block = self._by_word.get(word, set())
            if len(block) <= _MAX_BLOCK:
                titles |= block
        near = process.extract(
            title, titles, scorer=fuzz.ratio, processor=None, score_cutoff=NEAR, limit=None
        )
        return {name for found, *_ in near for name in self._by_title.get(found, ())}


def _order(match: Match) -> tuple[int, float]:
    return (list(Kind).index(match.kind), -match.score)
