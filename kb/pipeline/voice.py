"""The classifier that a knowledge base speaks with, and its answers to papers from a file that no record holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kb.classify.data import branches_of, facets_asked
from kb.classify.embed import CachedEmbedder, Embedder, EmbedderError, Progress, SentenceEmbedder
from kb.classify.model import LABEL_SOURCE, Classifier
from kb.classify.moved import moved
from kb.classify.predict import Prediction
from kb.classify.remember import PredictionCache
from kb.classify.saved import MEANING, NUMBERS, WEIGHTS, load_classifier
from kb.classify.text import MAX_CHARS, Document
from kb.config import Config
from kb.errors import DataError, UsageError
from kb.records.taxonomy import Taxonomy, load_taxonomy

WORDS_ONLY = f"{LABEL_SOURCE}-words"


@dataclass
class Voice:
    """A classifier ready to speak: its embedder if there is one, and a line on what is missing.

    Attributes:
        kept: what it said before; None for a classifier that people are teaching.
        facets: the facet of the taxonomy that each of the classifier's questions is about, where it has another name.
    """

    classifier: Classifier
    embedder: Embedder | None
    notices: list[str] = field(default_factory=list)
    kept: PredictionCache | None = None
    facets: Mapping[str, str] = field(default_factory=dict)

    def vectors(self, documents: Sequence[Document], progress: Progress | None = None) -> np.ndarray | None:
        """Embeddings; None, and a notice, if the model cannot be loaded. Nothing else is lost."""
        if self.embedder is None or not documents:
            return None
        try:
            return self.embedder.encode([document.text for document in documents], progress)
        except EmbedderError as error:
            self.embedder = None
            self.notices.append(f"{error}; falling back to {WORDS_ONLY}, which reads words alone")
            return None

    def predict(
        self,
        documents: Sequence[Document],
        keys: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> list[Prediction]:
        """What the classifier says of each document, or said of it before, by the facets of the taxonomy."""
        said = self._predict(documents, keys, progress)
        return [self._named(each) for each in said] if any(a != b for a, b in self.facets.items()) else said

    def _named(self, said: Prediction) -> Prediction:
        named = {self.facets.get(name, name): facet for name, facet in said.facets.items()}
        return replace(said, facets={name: replace(facet, facet=name) for name, facet in named.items()})

    def _predict(
        self, documents: Sequence[Document], keys: Mapping[str, str] | None, progress: Progress | None
    ) -> list[Prediction]:
        if self.kept is None:
            return self.classifier.predict(documents, self.vectors(documents, progress), keys)
        model = self.embedder.name if self.embedder is not None else None
        records = self.classifier.records(keys)
        known = self.kept.read(documents, model, records)
        new = [document for document, said in zip(documents, known, strict=True) if said is None]
        vectors = self.vectors(new, progress)
        if model is not None and self.embedder is None:
            return self._predict(documents, keys, progress)  # all by words alone, not some
        answers = self.classifier.predict(new, vectors, keys)
        if new:
            self.kept.write(new, model, records, answers)
        fresh = iter(answers)
        return [next(fresh) if said is None else said for said in known]

    @property
    def source(self) -> str:
        """How a label names it."""
        return LABEL_SOURCE if self.embedder is not None else WORDS_ONLY


def open_voice(config: Config, *, words_only: bool = False, embedder: Embedder | None = None) -> Voice:
    """The classifier that kb.toml asks for.

    Raises:
        DataError: its weights are missing or damaged.
        ForeignWeightsError: they sort papers into branches that this taxonomy does not have.
    """
    settings = config.settings.classify
    folder = config.root / settings.weights if settings.weights else WEIGHTS
    taxonomy = load_taxonomy(config.taxonomy_path)
    classifier = moved(load_classifier(folder), taxonomy)
    _stop_at_foreign(classifier, taxonomy, settings.weights)
    asked = facets_asked(taxonomy)
    kept = PredictionCache(
        config.state_dir / "cache" / "predictions.sqlite",
        (folder / NUMBERS, folder / MEANING, config.taxonomy_path),
    )
    if words_only or classifier.model is None:  # trained on words alone
        return Voice(classifier, None, kept=kept, facets=asked)
    chosen = embedder or default_embedder(config)
    if classifier.model != chosen.name:
        notice = (
            f"the weights in {folder.name}/ belong to {classifier.model}, not to {chosen.name}; "
            f"falling back to {WORDS_ONLY} (fix: kb classify train --data DIR --out weights, and name the folder in kb.toml)"
        )
        return Voice(classifier, None, [notice], kept, asked)
    return Voice(classifier, chosen, kept=kept, facets=asked)


class ForeignWeightsError(UsageError):
    """A classifier of another field: it would sort papers into branches that are not here."""


def _stop_at_foreign(classifier: Classifier, taxonomy: Taxonomy, weights: str | None) -> None:
    head = classifier.words.get("direction")
    known = [name for name in head.classes if name in taxonomy.branches] if head else []
    if head and 2 * len(known) > len(head.classes):
        return
    learned = ", ".join(head.classes) if head else "nothing"
    raise ForeignWeightsError(
        f"{weights or 'the weights that come with kb'} sort papers into {learned}, and taxonomy.yaml has other branches",
        fix="confirm labels with kb triage, then kb classify train learns from them",
    )


def default_embedder(config: Config) -> Embedder:
    """The model that kb.toml names, with the cache of the knowledge base."""
    model = config.settings.classify.model
    return CachedEmbedder(SentenceEmbedder(model), config.state_dir / "cache" / "embeddings.sqlite")


# Predicting from a file


@dataclass(frozen=True)
class Answer:
    """One line of a file: what was predicted, or what is wrong with the line."""

    prediction: Prediction | None = None
    problem: DataError | None = None


_CHUNK = 256


def predict_lines(
    voice: Voice,
    lines: Iterable[bytes],
    *,
    name: str,
    taxonomy: Taxonomy,
    keys: Mapping[str, str] | None = None,
) -> Iterator[Answer]:
    """An answer to every line that is not blank, in order; a wrong line costs only itself."""
    waiting: list[Document | DataError] = []

    def answered() -> Iterator[Answer]:
        good = [item for item in waiting if isinstance(item, Document)]
        found = iter(voice.predict(good, keys))
        for item in waiting:
            yield Answer(prediction=next(found)) if isinstance(item, Document) else Answer(problem=item)
        waiting.clear()

    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        waiting.append(parse_line(line, name=name, number=number, taxonomy=taxonomy))
        if len(waiting) == _CHUNK:
            yield from answered()
    yield from answered()


def parse_line(line: bytes, *, name: str, number: int, taxonomy: Taxonomy) -> Document | DataError:
    """The paper on one line, or what is wrong with it."""
    fix = 'write {"title": "...", "abstract": "..."} on one line'
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return DataError(f"is not JSON: {str(error)[:100]}", file=name, line=number, fix=fix)
    if not isinstance(row, dict):
        return DataError("is not a JSON object", file=name, line=number, fix=fix)
    for wanted in ("title", "abstract"):
        if not isinstance(row.get(wanted), str | None):
            return DataError("is not text", file=name, line=number, field=wanted, fix=fix)
    identifier = row.get("id")
    if not isinstance(identifier, str | int | None) or isinstance(identifier, bool):
        return DataError("is neither text nor a number", file=name, line=number, field="id", fix=fix)
    headings = row.get("headings") or []
    if not isinstance(headings, list) or not all(isinstance(heading, str) for heading in headings):
        return DataError("is not a list of texts", file=name, line=number, field="headings", fix=fix)
    return Document(
        title=(row.get("title") or "")[:MAX_CHARS],
        abstract=(row.get("abstract") or "")[:MAX_CHARS],
        id=None if identifier is None else str(identifier),
        filed=tuple(b for heading in headings for b in branches_of(heading, taxonomy)),
    )
