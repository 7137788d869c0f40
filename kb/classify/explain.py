"""Why the classifier says what it says: words of the text, and labelled papers that read alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kb.classify.data import Example
from kb.classify.predict import Near
from kb.classify.table import Table
from kb.classify.text import Document
from kb.text import normal_title

_MOST_PHRASES, _MOST_CUES = 4, 2
_MOST_NEAR = 3
_CLOSE_SENSE, _CLOSE_WORDS = 0.45, 0.08
"""Below these likenesses of embeddings and of words, a paper is no evidence."""


def place_name(*, title: str = "", arxiv_id: str | None = None) -> str:
    """What a paper is looked up by."""
    return f"arxiv:{arxiv_id}" if arxiv_id else f"title:{normal_title(title)}"


@dataclass(frozen=True)
class Labelled:
    """What is known of a labelled paper besides its numbers: enough to name it."""

    title: str
    arxiv_id: str | None
    part: str
    branch: str | None

    @cached_property
    def places(self) -> tuple[str, ...]:
        """What its record is looked up by, the surest first."""
        by_title = place_name(title=self.title)
        return (place_name(arxiv_id=self.arxiv_id), by_title) if self.arxiv_id else (by_title,)

    def record(self, records: Mapping[str, str]) -> str | None:
        """Its record among `records` by `place_name`."""
        return next((records[place] for place in self.places if place in records), None)


def labelled(item: Example) -> Labelled:
    """How a labelled paper is named: with the most specific thing known of it."""
    branch = item.branches[0] if item.branches else item.direction or item.stage or item.scope
    return Labelled(item.document.title, item.arxiv_id, item.part.value, branch)


def phrases(document: Document, cues: Sequence[str], gains: np.ndarray) -> tuple[str, ...]:
    """Words of the text that speak for a branch: an expert's cues first, then what the labelled papers taught.

    Args:
        cues: those of the branch that the text says.
        gains: how much more each bucket of words speaks for the branch than for the others.
    """
    chosen: list[str] = []

    def choose(said: str, most: int) -> None:
        if len(chosen) < most and not any(set(said.split()) & set(other.split()) for other in chosen):
            chosen.append(said)

    for said in cues:
        choose(said, _MOST_CUES)
    names = list(document.grams)
    worth = gains[document.columns] * document.emphasis
    for at in np.argsort(-worth, kind="stable")[: 4 * _MOST_PHRASES].tolist():
        if worth[at] > 1e-9:
            choose(document.spelled[names[at]], _MOST_PHRASES)
    return tuple(f"says {said}" for said in chosen)


def nearest(
    asked: Table,
    known: Table,
    rows: np.ndarray,
    own: Sequence[int | None],
    papers: Sequence[Labelled],
    records: Mapping[str, str],
) -> list[tuple[Near, ...]]:
    """For each row of `asked`, the `papers` most like it among these `rows` of `known`; never the paper itself.

    Args:
        asked, known: tables with TF-IDF rows; compared by embeddings where both have them.
        own: where each asked paper is among the known ones, if it is.
        records: keys of records by `place_name`.
    """
    if not len(rows):
        return [() for _ in own]
    if asked.vectors is not None and known.vectors is not None:
        likeness = asked.vectors.astype(np.float64) @ known.vectors[rows].astype(np.float64).T
        least = _CLOSE_SENSE
    else:
        likeness = asked.words.products(known.words.take(rows))
        least = _CLOSE_WORDS
    found = []
    for index, place in enumerate(own):
        order = np.argsort(-likeness[index], kind="stable")[: _MOST_NEAR + 1].tolist()
        close = [i for i in order if rows[i] != place and likeness[index, i] >= least][:_MOST_NEAR]
        found.append(
            tuple(
                Near(
                    paper.title,
                    paper.arxiv_id,
                    paper.branch,
                    float(likeness[index, i]),
                    paper.record(records),
                )
                for i in close
                for paper in [papers[rows[i]]]
            )
        )
    return found
