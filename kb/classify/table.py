"""The labelled papers as numbers, and how alike two papers are: in their words, in an expert's cues, in their meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from kb.classify import ridge
from kb.classify.cues import Cues, Found
from kb.classify.text import Document, Sparse, counts, weigh


class View(StrEnum):
    """What two papers are compared by. Words and cues are always there; embeddings need a model."""

    WORDS = "words"
    CUES = "cues"
    SENSE = "sense"


@dataclass(frozen=True)
class Table:
    """Papers, row by row, without any text.

    Attributes:
        words: damped counts of hashed words and pairs.
        vectors: embeddings, if there is a model.
        cues: how many cues of each of `branches` a paper has, if the taxonomy names any.
    """

    words: Sparse
    vectors: np.ndarray | None
    cues: np.ndarray | None = None
    branches: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.words)

    def take(self, rows: np.ndarray) -> Table:
        return Table(
            self.words.take(rows),
            None if self.vectors is None else self.vectors[rows],
            None if self.cues is None else self.cues[rows],
            self.branches,
        )

    def joined(self, other: Table) -> Table:
        """The rows of both, in the views that both have."""
        both_vectors = self.vectors is not None and other.vectors is not None
        return Table(
            self.words.joined(other.words),
            np.concatenate([self.vectors, other.vectors]) if both_vectors else None,
            None if self.cues is None or other.cues is None else np.concatenate([self.cues, other.cues]),
            self.branches,
        )

    def without_vectors(self) -> Table:
        return replace(self, vectors=None)

    def weighed(self, idf: np.ndarray) -> Table:
        """The same papers with TF-IDF rows in place of counts."""
        return replace(self, words=weigh(self.words, idf))

    def has(self, view: View) -> bool:
        return {
            View.WORDS: True,
            View.CUES: self.cues is not None and self.cues.shape[1] > 0,
            View.SENSE: self.vectors is not None,
        }[view]


def table_of(
    documents: Iterable[Document],
    vectors: np.ndarray | None,
    cues: Cues,
    found: Sequence[Found] | None = None,
) -> Table:
    """Documents as rows.

    Args:
        found: the cues in each, where they are known already.
    """
    listed = list(documents)
    if not cues.branches:
        return Table(counts(listed), vectors)
    hits = [cues.find(document) for document in listed] if found is None else found
    return Table(counts(listed), vectors, cues.counted(hits), cues.branches)


def points(table: Table, view: View, columns: np.ndarray) -> np.ndarray:
    """Unit rows of a dense view: embeddings, or the log counts of the cues of these columns.

    Raises:
        ValueError: the table lacks the view.
    """
    if view is View.SENSE and table.vectors is not None:
        return table.vectors
    if view is View.CUES and table.cues is not None:
        rows = np.log1p(table.cues[:, columns])
        unit: np.ndarray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        return unit
    raise ValueError(f"the table has no {view.value}")


def likeness(a: np.ndarray, b: np.ndarray, view: View) -> np.ndarray:
    """The kernel between `points`: [rows of a, rows of b]."""
    return ridge.radial(a, b) if view is View.SENSE else a @ b.T


def alike(table: Table, view: View, columns: np.ndarray) -> np.ndarray:
    """The kernel between all rows of a table with TF-IDF rows."""
    if view is View.WORDS:
        return table.words.products(table.words)
    rows = points(table, view, columns)
    return likeness(rows, rows, view)


def leaning(table: Table, classes: tuple[str, ...]) -> np.ndarray:
    """How much the cues of each class and of the branches below it say: log counts, centred, [papers, classes]."""
    found = np.zeros((len(table), len(classes)))
    if table.cues is None:
        return found
    tops = [branch.split("/", 1)[0] for branch in table.branches]
    for place, name in enumerate(classes):
        found[:, place] = np.log1p(table.cues[:, [i for i, top in enumerate(tops) if top == name]].sum(1))
    centred: np.ndarray = found - found.mean(1, keepdims=True)
    return centred


def rounded(table: Table) -> Table:
    """The table as it is saved: what is trained before and after saving is then the same."""
    words = replace(table.words, values=table.words.values.astype(np.float16).astype(np.float64))
    vectors = None if table.vectors is None else table.vectors.astype(np.float16).astype(np.float32)
    return replace(table, words=words, vectors=vectors)
