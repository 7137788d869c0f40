"""The classifier: for each question one kernel machine over words and one over embeddings.

Heads answer: which direction, which branch below it, which stage, how close to the survey's question, relevant at all.
Each exists twice: one over words, one over embeddings of the text. Where both can speak, their probabilities are
averaged; words alone are the fallback of an installation without a sentence-transformers model. A paper that is among the labelled
ones is judged by what the others say of it (leave-one-out), never by its own label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from kb.classify import ridge
from kb.classify.data import DIRECTIONS, SCOPES, Example, Part
from kb.classify.predict import FacetPrediction, Near, Prediction
from kb.classify.ridge import Calibration
from kb.classify.text import (
    Document,
    Sparse,
    counts,
    inverse_frequency,
    weigh,
)
from kb.text import normal_title

VERSION = "1"
LABEL_SOURCE = f"kb-classifier/{VERSION}"
FACETS = ("direction", "stage", "scope")
RELEVANCE = ("no", "yes")


@dataclass(frozen=True)
class Setting:
    """What leave-one-out chooses for a head."""

    ridge: float
    silver: float = 0.1  # how much a label of a neighbouring field counts

    def __str__(self) -> str:
        return f"ridge {self.ridge:g}, silver {self.silver:g}"


GRID = tuple(Setting(r) for r in (0.5, 1.0, 2.0))
LEXICAL_GRID = tuple(Setting(r) for r in (0.15, 0.3, 0.6))
_CLOSE = 0.45
_ALSO = 0.4


@dataclass(frozen=True)
class HeadKind:
    """What a head asks, who may teach it, and when it keeps silent.

    Attributes:
        answer: the classes an example belongs to; empty if it says nothing.
        trusted: the parts whose labels are worth calibrating on.
        precision: it proposes only where leave-one-out is right this often.
        least: it never proposes below this probability.
        even: how far calibration leaves the mix of classes among the labelled papers: other lists have another mix.
    """

    name: str
    answer: Callable[[Example], tuple[str, ...]]
    trusted: frozenset[Part]
    precision: float
    least: float
    order: tuple[str, ...] = ()
    even: float = 0.0


def _person(*parts: Part) -> frozenset[Part]:
    return frozenset({*parts, Part.PERSON})


def _one(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


KINDS = (
    HeadKind(
        "direction",
        lambda e: _one(e.direction),
        _person(Part.GOLD),
        precision=0.9,
        least=0.5,
        order=DIRECTIONS,
        even=0.5,
    ),
    HeadKind("branch", lambda e: e.branches, _person(Part.GOLD), precision=0.75, least=0.5, even=0.5),
    HeadKind("stage", lambda e: _one(e.stage), _person(Part.RECORD), precision=0.8, least=0.5),
    HeadKind(
        "scope",
        lambda e: _one(e.scope),
        _person(Part.GOLD, Part.INSCOPE, Part.SILVER, Part.BACKGROUND),
        precision=0.9,
        least=0.5,
        order=SCOPES,
    ),
    HeadKind(
        "relevance",
        lambda e: () if e.relevant is None else (RELEVANCE[int(e.relevant)],),
        _person(Part.GOLD, Part.INSCOPE, Part.BACKGROUND),
        precision=0.0,
        least=0.0,
        order=RELEVANCE,
    ),
)


@dataclass(frozen=True)
class Table:
    """The labelled papers as a head sees them: word counts and embeddings, row by row. No text."""

    words: Sparse  # 1 + log counts
    vectors: np.ndarray | None

    def __len__(self) -> int:
        return len(self.words)

    def take(self, rows: np.ndarray) -> Table:
        return Table(self.words.take(rows), None if self.vectors is None else self.vectors[rows])


@dataclass(frozen=True)
class Head:
    """A trained head. `rows` are the labelled papers it learned from, by their place in the table."""

    name: str
    classes: tuple[str, ...]
    rows: np.ndarray
    alpha: np.ndarray
    offset: np.ndarray
    left_out: np.ndarray
    left_out_labels: np.ndarray  # what trusted rows are; -1 for the others
    calibration: Calibration
    setting: Setting
    lexical: bool


def kernel(a: Table, b: Table, idf: np.ndarray, *, lexical: bool) -> np.ndarray:
    """How alike the rows of two tables are, in their words or in their embeddings."""
    if lexical:
        weighed = weigh(a.words, idf)
        return weighed.products(weighed if a is b else weigh(b.words, idf))
    if a.vectors is None or b.vectors is None:
        raise ValueError("there are no embeddings")
    return ridge.radial(a.vectors, b.vectors)


def fit_head(
    kind: HeadKind,
    items: Sequence[Example],
    table: Table,
    idf: np.ndarray,
    *,
    lexical: bool,
    settings: Sequence[Setting] | None = None,
) -> Head | None:
    """Train a head; the setting with the best leave-one-out log loss on trusted rows wins. None if nobody teaches it."""
    answers = [kind.answer(item) for item in items]
    trusted_all = [bool(a) and item.part in kind.trusted for a, item in zip(answers, items, strict=True)]
    known = {name for answer in answers for name in answer}
    ordered = tuple(name for name in kind.order if name in known)
    classes = (*ordered, *sorted(known - set(ordered)))  # a taxonomy may have got other directions since
    rows = np.array([i for i, answer in enumerate(answers) if answer], dtype=np.int64)
    if len(classes) < 2 or sum(trusted_all) < 10:
        return None
    place = {name: i for i, name in enumerate(classes)}
    targets = np.zeros((len(rows), len(classes)))
    for at, row in enumerate(rows):
        for name in answers[row]:
            targets[at, place[name]] = 1.0 / len(answers[row])
    labels = targets.argmax(1)
    trusted = np.array([trusted_all[row] for row in rows])
    part = table.take(rows)
    alike = kernel(part, part, idf, lexical=lexical)
    best: tuple[float, Head] | None = None
    for setting in settings or (LEXICAL_GRID if lexical else GRID):
        weights = _weights([items[row] for row in rows], targets, kind, setting)
        fitted = ridge.fit(alike, targets, weights, setting.ridge)
        ones = _even(labels[trusted], kind.even)
        scores = fitted.left_out[trusted]
        calibration = ridge.calibrate(scores, labels[trusted], ones)
        p = calibration(scores)
        loss = ridge.log_loss(p, labels[trusted], ones)
        head = Head(
            name=kind.name,
            classes=classes,
            rows=rows,
            alpha=fitted.alpha,
            offset=fitted.offset,
            left_out=fitted.left_out,
            calibration=calibration,
            left_out_labels=np.where(trusted, labels, -1),
            setting=setting,
            lexical=lexical,
        )
        if best is None or loss < best[0] - 1e-9:
            best = (loss, head)
    return best[1] if best else None


def _even(labels: np.ndarray, power: float) -> np.ndarray:
    """A weight for each row that makes classes count more evenly; 0 leaves them as they are."""
    size = np.bincount(labels) + 1.0
    weights = ((size.sum() / len(size) / size) ** power)[labels]
    even: np.ndarray = weights / weights.mean()
    return even


def _weights(items: Sequence[Example], targets: np.ndarray, kind: HeadKind, setting: Setting) -> np.ndarray:
    """What each row counts: its part's worth, and more in a small class."""
    worth = np.array(
        [
            item.weight * (setting.silver if item.part is Part.SILVER and kind.name != "scope" else 1.0)
            for item in items
        ]
    )
    trusted = np.array([item.part in kind.trusted for item in items])
    size = targets[trusted].sum(0) + 1.0
    factor = np.clip((size.sum() / len(size) / size) ** 0.75, 0.3, 3.0)
    return worth * np.where(trusted, targets @ factor, 1.0)


def abstention(kind: HeadKind, p: np.ndarray, labels: np.ndarray) -> float:
    """The probability below which a head of this kind abstains, from leave-one-out answers to rows with a label."""
    known = labels >= 0
    right = p[known].argmax(1) == labels[known]
    return ridge.threshold(p[known].max(1), right, kind.precision, kind.least)


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


@dataclass(frozen=True)
class Classifier:
    """All heads over one table of labelled papers.

    Attributes:
        words, sense: heads over words and over embeddings, by name.
        model: the name of the embedding model that the vectors come from; None if there are no vectors.
        reliability: how often one list's word about a facet is right, from lists that speak of the same papers.
    """

    table: Table
    labelled: tuple[Labelled, ...]
    items: tuple[Example, ...]  # what each row is labelled; without texts
    idf: np.ndarray
    words: Mapping[str, Head]
    sense: Mapping[str, Head]
    model: str | None = None
    reliability: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)

    # What is worked out once

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
    def _weighed(self) -> Sparse:
        return weigh(self.table.words, self.idf)

    @cached_property
    def _word_weights(self) -> dict[str, np.ndarray]:
        return {
            name: self._weighed.take(head.rows).transposed_dot(head.alpha)
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
        """What the heads say; over words alone where there are no vectors.

        Args:
            keys: records by `place_name` of their title or arXiv id, to name labelled papers by.
        """
        if not documents:
            return []
        words = weigh(counts(documents), self.idf)
        if self.table.vectors is None or not self.sense:
            vectors = None
        own = [self._place_of(document) for document in documents]
        likely = {name: self.probabilities(name, words, vectors, own) for name in self.words}
        near = self._near(words, vectors, own, keys or {})
        bars = self.thresholds[vectors is None]
        return [
            self._prediction(document, bars, {name: p[i] for name, p in likely.items()}, near[i])
            for i, document in enumerate(documents)
        ]

    # Probabilities

    @cached_property
    def thresholds(self) -> dict[bool, dict[str, float]]:
        """The probability below which a head abstains, without and with words alone."""
        return {
            lexical: {
                name: abstention(
                    kind,
                    self.probabilities(name, *self._itself(head, lexical=lexical)),
                    head.left_out_labels,
                )
                for kind in KINDS
                for name, head in self.words.items()
                if kind.name == name
            }
            for lexical in (False, True)
        }

    def _itself(self, head: Head, *, lexical: bool) -> tuple[Sparse, np.ndarray | None, list[int | None]]:
        """The papers that a head learned from, as papers to be judged by the others."""
        vectors = None if lexical or self.table.vectors is None else self.table.vectors[head.rows]
        return self._weighed.take(head.rows), vectors, [int(row) for row in head.rows]

    @cached_property
    def _sharpness(self) -> dict[bool, float]:
        """Averages are less sure than what they are made of; by how much, leave-one-out says."""
        found = {}
        head = self.words["direction"]
        known = head.left_out_labels >= 0
        for lexical in (False, True):
            p = self._blend(*self._itself(head, lexical=lexical))[known]
            labels = head.left_out_labels[known]
            even = _even(labels, 0.5)
            found[lexical] = min(
                (step / 20 for step in range(14, 50)),
                key=lambda t: ridge.log_loss(ridge.softmax(t * np.log(p + 1e-12)), labels, even),
            )
        return found

    def probabilities(
        self, name: str, words: Sparse, vectors: np.ndarray | None, own: Sequence[int | None]
    ) -> np.ndarray:
        """What the heads of this name say: [papers, classes].

        Args:
            words: TF-IDF rows.
            vectors: embeddings, or None.
            own: where each paper is among the labelled ones, if it is.
        """
        if name != "direction" or "branch" not in self.words:
            return self._views(name, words, vectors, own)
        sharp = self._sharpness[vectors is None or not self.sense]
        return ridge.softmax(sharp * np.log(self._blend(words, vectors, own) + 1e-12))

    def _blend(self, words: Sparse, vectors: np.ndarray | None, own: Sequence[int | None]) -> np.ndarray:
        """A direction is as likely as the head for directions says, and as its branches are together."""
        p = self._views("direction", words, vectors, own)
        branch = self._views("branch", words, vectors, own)
        classes = self.words["direction"].classes
        sums = np.zeros_like(p)
        for column, name in enumerate(self.words["branch"].classes):
            if (top := name.split("/", 1)[0]) in classes:
                sums[:, classes.index(top)] += branch[:, column]
        both: np.ndarray = (p + sums) / 2
        return both

    def _views(
        self, name: str, words: Sparse, vectors: np.ndarray | None, own: Sequence[int | None]
    ) -> np.ndarray:
        head = self.words[name]
        p = head.calibration(self._left_out(head, words.dot(self._word_weights[name]) + head.offset, own))
        if vectors is None or self.table.vectors is None or name not in self.sense:
            return p
        sense = self.sense[name]
        scores = np.concatenate(
            [
                ridge.radial(vectors[start : start + 1024], self.table.vectors[sense.rows]) @ sense.alpha
                for start in range(0, len(vectors), 1024)
            ]
        )
        q = sense.calibration(self._left_out(sense, scores + sense.offset, own))
        both: np.ndarray = (p + q) / 2
        return both

    @staticmethod
    def _left_out(head: Head, scores: np.ndarray, own: Sequence[int | None]) -> np.ndarray:
        """`scores`, with those of labelled papers replaced by what the other papers say of them."""
        at = {int(row): i for i, row in enumerate(head.rows)}
        for index, place in enumerate(own):
            if place is not None and place in at:
                scores[index] = head.left_out[at[place]]
        return scores

    def _place_of(self, document: Document) -> int | None:
        """Where the paper itself is among the labelled ones."""
        place = self._places.get(place_name(arxiv_id=document.arxiv_id)) if document.arxiv_id else None
        if place is None and document.title.strip():
            place = self._places.get(place_name(title=document.title[:500]))
        return place

    def _near(
        self,
        words: Sparse,
        vectors: np.ndarray | None,
        own: Sequence[int | None],
        keys: Mapping[str, str],
        most: int = 3,
    ) -> list[tuple[Near, ...]]:
        rows = self._neighbours
        if not len(rows):
            return [() for _ in own]
        if vectors is not None and self.table.vectors is not None:
            alike = vectors.astype(np.float64) @ self.table.vectors[rows].astype(np.float64).T
            least = _CLOSE
        else:
            alike = words.products(self._weighed.take(rows))
            least = 0.08
        found = []
        for index, place in enumerate(own):
            order = [int(i) for i in np.argsort(-alike[index], kind="stable")[: most + 1] if rows[i] != place]
            found.append(
                tuple(
                    Near(
                        title=self.labelled[rows[i]].title,
                        arxiv_id=self.labelled[rows[i]].arxiv_id,
                        branch=self.labelled[rows[i]].branch,
                        similarity=float(alike[index, i]),
                        key=self._key(rows[i], keys),
                    )
                    for i in order[:most]
                    if alike[index, i] >= least
                )
            )
        return found

    def _key(self, row: int, keys: Mapping[str, str]) -> str | None:
        paper = self.labelled[row]
        return keys.get(place_name(arxiv_id=paper.arxiv_id)) or keys.get(place_name(title=paper.title))

    def _prediction(
        self,
        document: Document,
        bars: Mapping[str, float],
        likely: Mapping[str, np.ndarray],
        near: tuple[Near, ...],
    ) -> Prediction:
        mute = document.unreadable()
        facets = {}
        for facet in FACETS:
            if facet in self.words:
                facets[facet] = self._facet(facet, document, bars, likely, near, mute)
        relevance = float(likely["relevance"][1]) if "relevance" in likely and not mute else 0.0
        if mute and "relevance" in self.words:
            relevance = float(
                self.words["relevance"].offset[1]
            )  # nothing was read: the share of relevant ones
        return Prediction(document.id, facets, relevance, () if mute else near)

    def _facet(
        self,
        facet: str,
        document: Document,
        bars: Mapping[str, float],
        likely: Mapping[str, np.ndarray],
        near: tuple[Near, ...],
        mute: str | None,
    ) -> FacetPrediction:
        head = self.words[facet]
        p = likely[facet]
        filed = [b for b in document.filed if b.split("/", 1)[0] in head.classes]
        if mute and not filed:
            prior = np.clip(head.offset, 1e-6, None) / np.clip(head.offset, 1e-6, None).sum()
            order = np.argsort(-prior, kind="stable")
            top = tuple((head.classes[i], float(prior[i])) for i in order)
            return FacetPrediction(facet, None, 0.0, True, top=top, reason=mute)
        if mute:
            p = np.full(len(p), 1.0 / len(p))
        p = self._with_lists(p, head.classes, filed, self.reliability.get(facet, 0.85))
        order = np.argsort(-p, kind="stable")
        top = tuple((head.classes[i], float(p[i])) for i in order)
        best, probability = top[0]
        subs: tuple[tuple[str, float], ...] = ()
        if facet == "direction" and "branch" in self.words and not mute:
            subs = self._branches(self.words["branch"].classes, likely["branch"], dict(top), filed)
        abstained = probability < bars[facet]
        proposed: tuple[tuple[str, float], ...] = ()
        if not abstained:
            proposed = tuple(
                self._specific(b, q, subs, bars.get("branch", 1.01))
                for b, q in top
                if b == best or (q >= _ALSO and facet != "scope")
            )
        evidence = (
            *(f"lists file it under {branch}" for branch in dict.fromkeys(filed)),
            *(() if mute else self._phrases(head, document, head.classes.index(best))),
            *(str(one) for one in near if facet == "direction"),
        )
        reason = f"unsure: {best} {probability:.0%}" if abstained else None
        return FacetPrediction(facet, best, probability, abstained, evidence, top, subs[:5], proposed, reason)

    @staticmethod
    def _with_lists(
        p: np.ndarray, classes: tuple[str, ...], filed: Sequence[str], reliability: float
    ) -> np.ndarray:
        """Bayes: each list is a witness who is right as often as `reliability` says."""
        if not filed:
            return p
        others = (1.0 - reliability) / max(1, len(classes) - 1)
        for branch in filed:
            p = p * np.array([reliability if name == branch.split("/", 1)[0] else others for name in classes])
        result: np.ndarray = p / p.sum()
        return result

    def _branches(
        self, classes: tuple[str, ...], p: np.ndarray, directions: Mapping[str, float], filed: Sequence[str]
    ) -> tuple[tuple[str, float], ...]:
        """Sub-branches: how likely the direction is, times how likely the branch within it."""
        within = dict.fromkeys(directions, 0.0)
        p = p.copy()
        reliability = self.reliability.get("branch", 0.8)
        for branch in filed:
            if branch in classes:
                p *= np.array([reliability if c == branch else (1 - reliability) / 5 for c in classes])
        for name, q in zip(classes, p, strict=True):
            within[name.split("/", 1)[0]] = within.get(name.split("/", 1)[0], 0.0) + float(q)
        found = [
            (name, directions.get(top, 0.0) * float(q) / max(within[top], 1e-12))
            for name, q in zip(classes, p, strict=True)
            for top in [name.split("/", 1)[0]]
        ]
        return tuple(sorted(found, key=lambda item: (-item[1], item[0])))

    @staticmethod
    def _specific(
        branch: str, probability: float, subs: tuple[tuple[str, float], ...], bar: float
    ) -> tuple[str, float]:
        """The sub-branch, where it is sure enough; else the direction."""
        for name, p in subs:
            if name.startswith(f"{branch}/"):
                return (name, p) if p >= bar else (branch, probability)
        return (branch, probability)

    def _phrases(self, head: Head, document: Document, best: int, most: int = 4) -> tuple[str, ...]:
        """The words of the text that speak most for a class."""
        names = list(document.grams)
        if not names:
            return ()
        often = 1 + np.log(np.fromiter(document.grams.values(), float, len(names)))
        pairs = np.fromiter((1.3 if " " in name else 1.0 for name in names), float, len(names))
        gains = self._gains[head.name][document.columns, best] * often * pairs
        order = np.argsort(-gains, kind="stable")[: 4 * most]
        chosen: list[str] = []
        for at in order.tolist():
            ngram = names[at]
            if gains[at] <= 1e-9 or len(chosen) == most:
                break
            if not any(set(ngram.split()) & set(other.split()) for other in chosen):
                chosen.append(ngram)
        return tuple(f"says {ngram}" for ngram in chosen)


# Training


def rounded(table: Table) -> Table:
    """The table as it is saved: what is trained before and after saving is then the same."""
    words = replace(table.words, values=table.words.values.astype(np.float16).astype(np.float64))
    vectors = None if table.vectors is None else table.vectors.astype(np.float16).astype(np.float32)
    return Table(words, vectors)


def branch_of(item: Example) -> str | None:
    """The most specific thing known of a labelled paper."""
    return item.branches[0] if item.branches else item.direction or item.stage or item.scope


def train(
    items: Sequence[Example],
    vectors: np.ndarray | None,
    *,
    model: str | None = None,
    settings: Mapping[tuple[str, bool], Setting] | None = None,
    reliability: Mapping[str, float] | None = None,
    facts: Mapping[str, object] | None = None,
) -> Classifier:
    """Train every head that has teachers.

    Args:
        settings: per (head, lexical) what an earlier training chose; chosen anew where missing.
    """
    table = rounded(Table(counts(item.document for item in items), vectors))
    return fit_all(
        table,
        items,
        tuple(labelled(item) for item in items),
        inverse_frequency(table.words),
        model=model,
        settings=settings or {},
        reliability=reliability or {},
        facts=facts or {},
    )


def labelled(item: Example) -> Labelled:
    return Labelled(item.document.title, item.arxiv_id, item.part.value, branch_of(item))


def fit_all(
    table: Table,
    items: Sequence[Example],
    named: tuple[Labelled, ...],
    idf: np.ndarray,
    *,
    model: str | None,
    settings: Mapping[tuple[str, bool], Setting],
    reliability: Mapping[str, float],
    facts: Mapping[str, object],
    kinds: Sequence[str] = (),
) -> Classifier:
    """The heads over a table that is already there: of these `kinds`, or all."""
    found: dict[bool, dict[str, Head]] = {False: {}, True: {}}
    for lexical in (True, False):
        if not lexical and table.vectors is None:
            continue
        for kind in KINDS:
            if kinds and kind.name not in kinds:
                continue
            fixed = settings.get((kind.name, lexical))
            head = fit_head(kind, items, table, idf, lexical=lexical, settings=(fixed,) if fixed else None)
            if head is not None:
                found[lexical][kind.name] = head
    return Classifier(
        table=table,
        labelled=named,
        items=tuple(replace(item, document=Document(item.document.title)) for item in items),
        idf=idf,
        words=found[True],
        sense=found[False],
        model=model,
        reliability=reliability,
        facts=facts,
    )
