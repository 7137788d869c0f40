"""Which papers are most like a paper: by embeddings and words where both are known, else by the words of the titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kb.classify.text import BUCKETS, Document, bucket, counts, inverse_frequency, weigh

Near = tuple[tuple[str, float], ...]
"""Keys and similarities, the most alike first; of two that are equally alike, the one whose key comes first."""
DIGITS = 2
"""Of a similarity: what comes after says nothing, and differs between machines."""
LEAST = 0.01
"""Papers that are less alike than this are no neighbours."""
_BLOCK = 512
_FEW = 20  # pairs of two kinds below which they have no scale of their own


def nearest(
    keys: Sequence[str], likeness: np.ndarray, count: int, rows: Sequence[int] | None = None
) -> dict[str, Near]:
    """The `count` papers most like each of `rows` (all by default), by `likeness` [papers, papers]."""
    wanted = range(len(keys)) if rows is None else rows
    return {keys[row]: best(keys, likeness[row], count, row) for row in wanted}


def calibrated(cosine: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Cosines [papers, papers] on a scale on which pairs of any two kinds can be compared: 0 is an average pair of these
    kinds, 1 one that is as close as one in a thousand of them.

    Without that, a text with an abstract is like nothing but other texts with abstracts, whatever they are about: of the
    nearest papers of those with an abstract 99 in 100 had one, where half of all papers do.

    Args:
        kinds: of each paper's text [papers], such as whether it has an abstract.
    """
    found = cosine.astype(np.float32)
    apart = ~np.eye(len(cosine), dtype=bool)
    for one in np.unique(kinds):
        for other in np.unique(kinds):
            block = np.outer(kinds == one, kinds == other)
            told = cosine[block & apart]
            if len(told) < _FEW:
                told = cosine[apart]
            if len(told):
                average, top = float(told.mean()), float(np.quantile(told, 0.999))
                found[block] = (cosine[block] - average) / max(top - average, 1e-6)
    return found


def best(keys: Sequence[str], likeness: np.ndarray, count: int, own: int) -> Near:
    """The `count` papers with the highest `likeness` [papers], without the one at `own`."""
    rounded = np.round(likeness.astype(float), DIGITS)
    rounded[own] = -np.inf
    few = min(count, len(keys) - 1)
    if few <= 0:
        return ()
    floor = np.partition(rounded, -few)[-few]
    places = np.flatnonzero(rounded >= max(floor, LEAST)).tolist()
    order = sorted(places, key=lambda at: (-rounded[at], keys[at]))[:few]
    return tuple((keys[at], float(rounded[at])) for at in order)


@dataclass(frozen=True)
class Words:
    """Papers as weights of the words of their texts: TF-IDF, rows of length one.

    Attributes:
        keys: of the papers.
        documents: by key.
        weights: a sparse matrix [papers, buckets].
        seen: in how many papers the words of a bucket stand.
    """

    keys: Sequence[str]
    documents: Mapping[str, Document]
    weights: Any
    seen: np.ndarray

    @classmethod
    def of(cls, documents: Mapping[str, Document]) -> Words:
        """The words of `documents` by key."""
        from scipy.sparse import csr_array

        texts = list(documents.values())
        tf = counts(texts)
        weighed = weigh(tf, inverse_frequency(tf))
        shape = (len(texts), BUCKETS)
        rows = csr_array((weighed.values, weighed.columns, weighed.start), shape=shape)
        return cls(list(documents), documents, rows, np.bincount(tf.columns, minlength=BUCKETS))

    def nearest(self, count: int, rows: Sequence[int] | None = None) -> dict[str, Near]:
        """As `nearest` above."""
        wanted = range(len(self.keys)) if rows is None else rows
        across = self.weights.T.tocsr()
        found: dict[str, Near] = {}
        for start in range(0, len(wanted), _BLOCK):
            block = list(wanted[start : start + _BLOCK])
            for row, likeness in zip(block, (self.weights[block] @ across).toarray(), strict=True):
                found[self.keys[row]] = best(self.keys, likeness, count, row)
        return found

    def cosines(self) -> np.ndarray:
        """Of every two papers [papers, papers]."""
        found: np.ndarray = (self.weights @ self.weights.T.tocsr()).toarray()
        return found

    def shared(self, one: str, other: str, most: int = 3) -> tuple[str, ...]:
        """The rarest words that both texts say, as the first of them spells them."""
        first, second = self.documents[one], self.documents[other]
        common = [gram for gram in first.grams if gram in second.grams and " " not in gram]
        common.sort(key=lambda gram: (self.seen[bucket(gram)], gram))
        return tuple(first.spelled.get(gram, gram) for gram in common[:most])
