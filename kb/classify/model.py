"""The classifier: for each question a kernel machine over words, one over an expert's cues, one over embeddings.

The probabilities of the views that can speak are averaged; words and cues alone are the fallback of an installation
without a sentence-transformers model. A paper that is among the labelled ones is judged by what the others say of it
(leave-one-out), never by its own label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kb.classify import ridge
from kb.classify.answer import decided, ranked, sub_branches, unread, with_lists
from kb.classify.cues import Cues, Found
from kb.classify.data import Example, Part
from kb.classify.explain import Labelled, labelled, nearest, phrases, place_name
from kb.classify.heads import KINDS, Head, Setting, abstention, cue_columns, evened
from kb.classify.predict import FacetPrediction, Near, Prediction
from kb.classify.table import Table, View, leaning, likeness, points, table_of
from kb.classify.text import Document

VERSION = "2"
LABEL_SOURCE = f"kb-classifier/{VERSION}"
FACETS = ("direction", "stage", "scope")
_LEANING = 0.5
"""How much cues count for a direction by themselves, before any paper taught what they mean."""
_STRIPE = 1024


@dataclass(frozen=True)
class Classifier:
    """All heads over one table of labelled papers.

    Attributes:
        table: the labelled papers; `items` says what each row is labelled, without texts.
        heads: by view and name.
        cues: what is looked for in texts.
        model: the name of the embedding model that the vectors come from; None if there are no vectors.
        reliability: how often one list's word about a facet is right, from lists that speak of the same papers.
    """

    table: Table
    items: tuple[Example, ...]
    idf: np.ndarray
    heads: Mapping[View, Mapping[str, Head]]
    cues: Cues
    model: str | None = None
    reliability: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def words(self) -> Mapping[str, Head]:
        """The heads over words: every question has one."""
        return self.heads[View.WORDS]

    @property
    def settings(self) -> dict[tuple[str, View], Setting]:
        """What leave-one-out chose for each head."""
        return {
            (head.name, view): head.setting for view, found in self.heads.items() for head in found.values()
        }

    # What is worked out once

    @cached_property
    def labelled(self) -> tuple[Labelled, ...]:
        return tuple(map(labelled, self.items))

    @cached_property
    def _places(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for index, paper in enumerate(self.labelled):
            if paper.part != Part.TAXONOMY.value:
                found.setdefault(place_name(title=paper.title), index)
                if paper.arxiv_id:
                    found.setdefault(place_name(arxiv_id=paper.arxiv_id), index)
        return found

    @cached_property
    def _weighed(self) -> Table:
        return self.table.weighed(self.idf)

    @cached_property
    def _word_weights(self) -> dict[str, np.ndarray]:
        return {
            name: self._weighed.words.take(head.rows).transposed_dot(head.alpha)
            for name, head in self.words.items()
        }

    @cached_property
    def _gains(self) -> dict[str, np.ndarray]:
        """How much more a bucket speaks for a class than for the others."""
        return {
            name: (weights - weights.mean(axis=1, keepdims=True)) * self.idf[:, None]
            for name, weights in self._word_weights.items()
        }

    @cached_property
    def _neighbours(self) -> np.ndarray:
        parts = {Part.GOLD.value, Part.PERSON.value}
        return np.array([i for i, paper in enumerate(self.labelled) if paper.part in parts], dtype=np.int64)

    # Predicting

    def predict(
        self,
        documents: Sequence[Document],
        vectors: np.ndarray | None,
        keys: Mapping[str, str] | None = None,
    ) -> list[Prediction]:
        """What the heads say; over words and cues alone where there are no vectors.

        Args:
            keys: records by `place_name` of their title or arXiv id, to name labelled papers by.
        """
        if not documents:
            return []
        if not self._hears(vectors):
            vectors = None
        found = [self.cues.find(document) for document in documents]
        asked = table_of(documents, vectors, self.cues, found).weighed(self.idf)
        own = [self._place_of(document) for document in documents]
        likely = {name: self.probabilities(name, asked, own) for name in self.words}
        near = nearest(asked, self._weighed, self._neighbours, own, self.labelled, keys or {})
        bars = self.thresholds[vectors is None]
        return [
            self._prediction(document, found[i], bars, {name: p[i] for name, p in likely.items()}, near[i])
            for i, document in enumerate(documents)
        ]

    def records(self, keys: Mapping[str, str] | None) -> list[str | None]:
        """The records of all the papers that evidence may name, with the `keys` of `predict`."""
        return [self.labelled[index].record(keys or {}) for index in self._neighbours]

    def _hears(self, vectors: np.ndarray | None) -> bool:
        return vectors is not None and self.table.vectors is not None and bool(self.heads.get(View.SENSE))

    def _place_of(self, document: Document) -> int | None:
        """Where the paper itself is among the labelled ones."""
        place = self._places.get(place_name(arxiv_id=document.arxiv_id)) if document.arxiv_id else None
        if place is None and document.title.strip():
            place = self._places.get(place_name(title=document.title[:500]))
        return place

    def _prediction(
        self,
        document: Document,
        found: Found,
        bars: Mapping[str, float],
        likely: Mapping[str, np.ndarray],
        near: tuple[Near, ...],
    ) -> Prediction:
        mute = document.unreadable()
        facets = {
            facet: self._facet(facet, document, found, bars, likely, near, mute)
            for facet in FACETS
            if facet in self.words
        }
        relevance = 0.0
        if "relevance" in self.words:  # where nothing was read: the share of relevant ones
            relevance = float(self.words["relevance"].offset[1] if mute else likely["relevance"][1])
        return Prediction(document.id, facets, relevance, () if mute else near)

    def _facet(
        self,
        facet: str,
        document: Document,
        found: Found,
        bars: Mapping[str, float],
        likely: Mapping[str, np.ndarray],
        near: tuple[Near, ...],
        mute: str | None,
    ) -> FacetPrediction:
        head = self.words[facet]
        filed = [b for b in document.filed if b.split("/", 1)[0] in head.classes]
        if mute and not filed:
            return unread(facet, head.classes, head.offset, mute)
        p = np.full(len(head.classes), 1.0 / len(head.classes)) if mute else likely[facet]
        top = ranked(head.classes, with_lists(p, head.classes, filed, self.reliability.get(facet, 0.85)))
        best = top[0][0]
        evidence = tuple(f"lists file it under {branch}" for branch in dict.fromkeys(filed))
        if mute:
            return decided(facet, top, (), bars, evidence)
        evidence += phrases(
            document, self.cues.said(found, best), self._gains[facet][:, head.classes.index(best)]
        )
        if facet != "direction" or "branch" not in self.words:
            return decided(facet, top, (), bars, evidence)
        branches = self.words["branch"].classes
        reliability = self.reliability.get("branch", 0.8)
        subs = sub_branches(branches, likely["branch"], dict(top), filed, reliability)
        return decided(facet, top, subs, bars, (*evidence, *map(str, near)))

    # Probabilities

    @cached_property
    def thresholds(self) -> dict[bool, dict[str, float]]:
        """The probability below which a head abstains, without and with words and cues alone."""
        return {
            lexical: {
                kind.name: abstention(
                    kind, self.probabilities(kind.name, *self._itself(head, lexical)), head.left_out_labels
                )
                for kind in KINDS
                if (head := self.words.get(kind.name)) is not None
            }
            for lexical in (False, True)
        }

    def _itself(self, head: Head, lexical: bool) -> tuple[Table, list[int | None]]:
        """The papers that a head learned from, as papers to be judged by the others."""
        part = self._weighed.take(head.rows)
        return part.without_vectors() if lexical else part, [int(row) for row in head.rows]

    @cached_property
    def _sharpness(self) -> dict[bool, float]:
        """Averages are less sure than what they are made of; by how much, leave-one-out says."""
        found = {}
        head = self.words["direction"]
        known = head.left_out_labels >= 0
        labels = head.left_out_labels[known]
        even = evened(labels, next(kind.even for kind in KINDS if kind.name == "direction"))
        for lexical in (False, True):
            asked, own = self._itself(head, lexical)
            p, lean = self._blend(asked, own)[known], leaning(asked, head.classes)[known]
            found[lexical] = min(
                (step / 20 for step in range(14, 50)),
                key=lambda sharp: ridge.log_loss(_sharpened(p, lean, sharp), labels, even),
            )
        return found

    def probabilities(self, name: str, asked: Table, own: Sequence[int | None]) -> np.ndarray:
        """What the heads of this name say: [papers, classes].

        Args:
            asked: papers as TF-IDF rows, with embeddings or without.
            own: where each paper is among the labelled ones, if it is.
        """
        if name != "direction" or "branch" not in self.words:
            return self._views(name, asked, own)
        sharp = self._sharpness[not self._hears(asked.vectors)]
        return _sharpened(self._blend(asked, own), leaning(asked, self.words["direction"].classes), sharp)

    def _blend(self, asked: Table, own: Sequence[int | None]) -> np.ndarray:
        """A direction is as likely as the heads for directions say, and as its branches are together."""
        p = self._views("direction", asked, own)
        branch = self._views("branch", asked, own)
        classes = self.words["direction"].classes
        sums = np.zeros_like(p)
        for column, name in enumerate(self.words["branch"].classes):
            if (top := name.split("/", 1)[0]) in classes:
                sums[:, classes.index(top)] += branch[:, column]
        both: np.ndarray = (p + sums) / 2
        return both

    def _views(self, name: str, asked: Table, own: Sequence[int | None]) -> np.ndarray:
        """The average of the views that the papers have."""
        said = [
            head.calibration(_left_out(head, self._scores(head, asked) + head.offset, own))
            for view, heads in self.heads.items()
            if asked.has(view) and (head := heads.get(name)) is not None
        ]
        mean: np.ndarray = np.mean(said, axis=0)
        return mean

    def _scores(self, head: Head, asked: Table) -> np.ndarray:
        if head.view is View.WORDS:
            return asked.words.dot(self._word_weights[head.name])
        columns = cue_columns(head.classes, self.table.branches)
        known, rows = points(self.table, head.view, columns)[head.rows], points(asked, head.view, columns)
        stripes = [rows[start : start + _STRIPE] for start in range(0, len(rows), _STRIPE)]
        return np.concatenate([likeness(stripe, known, head.view) @ head.alpha for stripe in stripes])


def _left_out(head: Head, scores: np.ndarray, own: Sequence[int | None]) -> np.ndarray:
    """`scores`, with those of labelled papers replaced by what the other papers say of them."""
    at = {int(row): i for i, row in enumerate(head.rows)}
    for index, place in enumerate(own):
        if place is not None and place in at:
            scores[index] = head.left_out[at[place]]
    return scores


def _sharpened(p: np.ndarray, lean: np.ndarray, sharp: float) -> np.ndarray:
    return ridge.softmax(sharp * np.log(p + 1e-12) + _LEANING * lean)
