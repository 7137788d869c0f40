"""Phrases that an expert would look for: `cues` of taxonomy.yaml, found in a title and an abstract.

Fifty labelled papers of a branch do not contain every word for what it is about; the people who know the field name
the words at once. A cue is one or more words; a star at the end of a word stands for any ending ("quantiz*").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kb.classify.text import Document, plain_words
from kb.records.taxonomy import Taxonomy

_Rest = tuple[int, tuple[str, ...]]  # the column of a cue's branch, and the words that have to follow


Hit = tuple[int, str]  # the column of a cue's branch, and how the text says it


@dataclass(frozen=True)
class Found:
    """The cues in a text."""

    title: frozenset[Hit]
    abstract: frozenset[Hit]


class Cues:
    """The cues of branches, ready to be looked for. Two branches may share one, and a branch may come twice.

    Args:
        phrases: (branch, its cues).
    """

    def __init__(self, phrases: Iterable[tuple[str, Sequence[str]]] = ()) -> None:
        self.phrases = tuple((branch, tuple(said)) for branch, said in phrases)
        self.branches = tuple(branch for branch, _ in self.phrases)
        self._whole: dict[str, list[_Rest]] = {}
        self._begun: list[tuple[str, _Rest]] = []
        self._known: dict[str, tuple[_Rest, ...]] = {}
        for column, said in enumerate(said for _, said in self.phrases):
            for phrase in said:
                first, *rest = _patterns(phrase)
                if first.endswith("*"):
                    self._begun.append((first[:-1], (column, tuple(rest))))
                else:
                    self._whole.setdefault(first, []).append((column, tuple(rest)))

    def renamed(self, branches: Sequence[str]) -> Cues:
        """The same cues under other names of their branches."""
        return Cues(zip(branches, (said for _, said in self.phrases), strict=True))

    def counted(self, found: Sequence[Found]) -> np.ndarray:
        """float64 [texts, branches]: how many different cues each text has, those of the title twice."""
        rows = np.zeros((len(found), len(self.branches)))
        for row, each in zip(rows, found, strict=True):
            for part, worth in ((each.title, 2), (each.abstract, 1)):
                for column, _ in part:
                    row[column] += worth
        return rows

    def said(self, found: Found, under: str) -> list[str]:
        """The text's own words that are cues of a branch or of those below it, longest first."""
        words = {
            said
            for column, said in found.title | found.abstract
            if self.branches[column].split("/", 1)[0] == under
        }
        return sorted(words, key=lambda said: (-len(said), said))

    def find(self, document: Document) -> Found:
        """Every cue in the text."""
        return Found(self._in((document.title_words,)), self._in(document.sentences))

    def _in(self, sentences: Iterable[Sequence[str]]) -> frozenset[Hit]:
        found = set()
        for words in sentences:
            for at, word in enumerate(words):
                for column, rest in self._beginning(word):
                    if not rest:
                        found.add((column, word))
                        continue
                    following = words[at + 1 : at + 1 + len(rest)]
                    if len(following) == len(rest) and all(map(_fits, rest, following)):
                        found.add((column, " ".join((word, *following))))
        return frozenset(found)

    def _beginning(self, word: str) -> tuple[_Rest, ...]:
        known = self._known.get(word)
        if known is None:
            begun = (rest for start, rest in self._begun if word.startswith(start))
            known = self._known[word] = (*self._whole.get(word, ()), *begun)
        return known


def _patterns(phrase: str) -> list[str]:
    """The words of a cue in normal form; hyphens part words, as they do in texts."""
    starred = [part for piece in phrase.split() for part in piece.replace("-", " ").split()]
    found = []
    for part in starred:
        words = plain_words(part.rstrip("*")) or [""]
        found += [*words[:-1], words[-1] + ("*" if part.endswith("*") else "")]
    return [part for part in found if part not in {"", "*"}] or ["\0"]


def _fits(pattern: str, word: str) -> bool:
    return word.startswith(pattern[:-1]) if pattern.endswith("*") else word == pattern


def cues_of(taxonomy: Taxonomy) -> Cues:
    """What taxonomy.yaml names."""
    return Cues(
        (placed.id, placed.branch.cues) for placed in taxonomy.branches.values() if placed.branch.cues
    )
