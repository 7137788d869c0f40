"""`kb classify`: the files, caches and records around the classifier. kb.classify itself reads and writes nothing else.

`kb sync` does not call it: a sync changes records only by what sources said. Run `kb classify apply` after one.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kb.classify.data import DIRECTIONS, Example, Part, RawRows, branches_of, count, examples, of_taxonomy
from kb.classify.embed import DEFAULT, CachedEmbedder, Embedder, EmbedderError, Progress, SentenceEmbedder
from kb.classify.evaluate import no_step, reliability
from kb.classify.learn import confirmed_example, relearn
from kb.classify.model import LABEL_SOURCE, Classifier, place_name, train
from kb.classify.moved import moved
from kb.classify.predict import Prediction
from kb.classify.report import figures, markdown
from kb.classify.saved import MEANING, NUMBERS, WEIGHTS, dump_classifier, load_classifier
from kb.classify.text import MAX_CHARS, Document
from kb.config import Config
from kb.errors import DataError, KbError
from kb.pipeline.store import Store, locked, open_library, open_store, write_records
from kb.records.files import read_utf8, write_atomic
from kb.records.library import render_record
from kb.records.models import Assignment, AssignmentState, Paper, Witness
from kb.records.taxonomy import Taxonomy, load_taxonomy
from kb.text import one_line

OWN = "kb-classifier/"
WORDS_ONLY = f"{LABEL_SOURCE}-words"
_SIDES = ("direction", "stage", "scope")
_MOST_EVIDENCE = 4


@dataclass
class Voice:
    """A classifier ready to speak: its embedder if there is one, and a line on what is missing."""

    classifier: Classifier
    embedder: Embedder | None
    notices: list[str] = field(default_factory=list)

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
        """What the classifier says of each document."""
        return self.classifier.predict(documents, self.vectors(documents, progress), keys)

    @property
    def source(self) -> str:
        """How a label names it."""
        return LABEL_SOURCE if self.embedder is not None else WORDS_ONLY


def open_voice(config: Config, *, words_only: bool = False, embedder: Embedder | None = None) -> Voice:
    """The classifier that kb.toml asks for.

    Raises:
        DataError: its weights are missing or damaged.
    """
    settings = config.settings.classify
    folder = config.root / settings.weights if settings.weights else WEIGHTS
    classifier = moved(load_classifier(folder), load_taxonomy(config.taxonomy_path))
    if words_only:
        return Voice(classifier, None)
    chosen = embedder or default_embedder(config)
    if classifier.model != chosen.name:
        notice = (
            f"the weights in {folder.name}/ belong to {classifier.model}, not to {chosen.name}; "
            f"falling back to {WORDS_ONLY} (fix: kb classify train --data DIR --out weights, and name the folder in kb.toml)"
        )
        return Voice(classifier, None, [notice])
    return Voice(classifier, chosen)


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


# Records


def documents_of(store: Store) -> dict[str, Document]:
    """Every record as the classifier reads it: abstracts from the record or from the git-ignored cache."""
    abstracts = _abstracts(store)
    return {
        key: Document(
            title=paper.title,
            abstract=paper.abstract or abstracts.get(key, ""),
            id=key,
            arxiv_id=paper.identifiers.arxiv_id,
            filed=tuple(
                label.branch
                for label in paper.labels
                if label.by is Witness.LIST and label.state is not AssignmentState.REJECTED
            ),
        )
        for key, paper in store.library.items()
    }


def _abstracts(store: Store) -> dict[str, str]:
    """Abstracts by record key, the best source's first."""
    texts = _abstract_texts(store.config)
    found: dict[str, str] = {}
    for row in sorted(store.rows.values(), key=lambda row: row.rank):
        if row.paper and (text := texts.get(row.ref)):
            found.setdefault(row.paper, text)
    return found


def _abstract_texts(config: Config) -> dict[str, str]:
    path = config.state_dir / "abstracts.sqlite"
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(path)) as database:
            return dict(database.execute("SELECT ref, text FROM abstract"))
    except sqlite3.Error:  # a cache: what cannot be read is not there
        return {}


def keys_of(papers: Mapping[str, Paper]) -> dict[str, str]:
    """Records by what labelled papers are looked up by."""
    found: dict[str, str] = {}
    for key, paper in papers.items():
        found.setdefault(place_name(title=paper.title), key)
        if paper.identifiers.arxiv_id:
            found.setdefault(place_name(arxiv_id=paper.identifiers.arxiv_id), key)
    return found


def known_keys(config: Config) -> dict[str, str]:
    """`keys_of` the records, as far as they can be read: a prediction does not need them."""
    try:
        return keys_of(open_library(config))
    except KbError:
        return {}


def with_corrections(voice: Voice, store: Store, documents: Mapping[str, Document]) -> Voice:
    """The voice after it learned what people confirmed in the records."""
    found = [
        example
        for key, paper in store.library.items()
        if (example := confirmed_example(paper, documents[key], store.taxonomy)) is not None
    ]
    if not found:
        return voice
    vectors = voice.vectors([example.document for example in found])
    return Voice(relearn(voice.classifier, found, vectors), voice.embedder, voice.notices)


def predict_records(
    store: Store, voice: Voice, progress: Progress | None = None
) -> tuple[dict[str, Prediction], Voice]:
    """What a classifier that knows every confirmed label says of every record, and that classifier."""
    documents = documents_of(store)
    taught = with_corrections(voice, store, documents)
    keys = list(documents)
    answers = taught.predict([documents[key] for key in keys], keys_of(store.library), progress)
    return dict(zip(keys, answers, strict=True)), taught


@dataclass
class ApplyReport:
    """What `kb classify apply` did."""

    records: int = 0
    changed: list[str] = field(default_factory=list)
    proposals: int = 0
    without_direction: int = 0
    relevance: dict[str, float] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    source: str = LABEL_SOURCE
    dry_run: bool = False

    def __str__(self) -> str:
        verb = "would change" if self.dry_run else "changed"
        return (
            f"{self.source}: {self.proposals} proposals for {self.records} records, "
            f"{self.without_direction} without a direction; {verb} {len(self.changed)} records; "
            f"{len(self.relevance)} candidates ranked"
        )


def apply(
    config: Config,
    *,
    dry_run: bool = False,
    words_only: bool = False,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> ApplyReport:
    """Give every record the classifier's proposals, and every candidate its relevance.

    What a person confirmed or rejected, and what lists say, stays. A second run changes nothing.
    """
    with locked(config):
        store = open_store(config)
        voice = open_voice(config, words_only=words_only, embedder=embedder)
        predictions, taught = predict_records(store, voice, progress)
        report = ApplyReport(
            records=len(store.library), notices=taught.notices, source=taught.source, dry_run=dry_run
        )
        writes: dict[str, str] = {}
        for key, paper in store.library.items():
            changed = with_proposals(paper, predictions[key], store.taxonomy, taught.source)
            own = [label for label in changed.labels if _is_own(label)]
            report.proposals += len(own)
            report.without_direction += not any(
                store.taxonomy.facet_of(label.branch) == "direction" for label in changed.labels
            )
            if changed != paper:
                writes[key] = render_record(changed, store.text(key), file=f"papers/{key}.yaml")
                report.changed.append(key)
        report.relevance = _relevance(store, taught)
        if not dry_run:
            write_records(store, writes)
            _write_relevance(config, report.relevance)
        return report


def _is_own(label: Assignment) -> bool:
    return (
        label.by is Witness.CLASSIFIER
        and label.source.startswith(OWN)
        and label.state is AssignmentState.PROPOSED
    )


def with_proposals(paper: Paper, prediction: Prediction, taxonomy: Taxonomy, source: str) -> Paper:
    """`paper` with what the classifier proposes now in place of what it proposed before.

    A facet that a person has settled gets no proposal, nor does a branch that a person has rejected. The fallback over
    words alone does not replace what the whole classifier said.
    """
    if source == WORDS_ONLY and any(
        _is_own(label) and label.source == LABEL_SOURCE for label in paper.labels
    ):
        return paper
    others = [label for label in paper.labels if not _is_own(label)]
    settled = {
        taxonomy.facet_of(label.branch) for label in others if label.state is AssignmentState.CONFIRMED
    }
    refused = {label.branch for label in others if label.state is AssignmentState.REJECTED}
    proposals = []
    for facet in _SIDES:
        found = prediction.facets.get(facet)
        if found is None or facet in settled:
            continue
        for branch, probability in found.proposed:
            if taxonomy.facet_of(branch) != facet or refused & set(taxonomy.ancestors(branch)):
                continue
            proposals.append(
                Assignment(
                    branch=branch,
                    by=Witness.CLASSIFIER,
                    source=source,
                    confidence=round(probability, 2),
                    evidence=tuple(one_line(line)[:300] for line in _evidence(found.evidence)),
                )
            )
    return paper.model_copy(update={"labels": (*others, *proposals)})


def _evidence(lines: Sequence[str]) -> list[str]:
    """The lines worth storing: the paper's own words and its likes; what lists say stands beside it anyway."""
    own = [line for line in lines if not line.startswith("lists file it")]
    says = [line for line in own if line.startswith("says")]
    like = [line for line in own if not line.startswith("says")]
    return [*says[: _MOST_EVIDENCE - min(2, len(like))], *like[:2]]


def _relevance(store: Store, voice: Voice) -> dict[str, float]:
    texts = _abstract_texts(store.config)
    waiting = [candidate for candidate in store.candidates if candidate.title]
    documents = [
        Document(
            title=candidate.title or "",
            abstract=next((texts[ref] for ref in candidate.seen_in if ref in texts), ""),
            arxiv_id=candidate.identifiers.get("arxiv_id"),
        )
        for candidate in waiting
    ]
    answers = voice.predict(documents)
    return {c.id: round(a.relevance, 2) for c, a in zip(waiting, answers, strict=True)}


def relevance_path(config: Config) -> Path:
    """Where the relevance of candidates is kept: a cache, since a sync makes the queue anew."""
    return config.state_dir / "cache" / "relevance.json"


def _write_relevance(config: Config, relevance: Mapping[str, float]) -> None:
    path = relevance_path(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(relevance, indent=1, sort_keys=True) + "\n")


def load_relevance(config: Config) -> dict[str, float]:
    """Relevance by candidate id, as `kb classify apply` left it; empty if it never ran."""
    try:
        found = json.loads(relevance_path(config).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


# Training

FILES = {
    "gold": "gold_labels_dev.jsonl",
    "inscope": "inscope_other_dev.jsonl",
    "silver": "silver_labels_dev.jsonl",
    "background": "background_dev.jsonl",
    "metadata": "arxiv_metadata_dev.jsonl",
}


def load_raw(folder: Path) -> tuple[RawRows, dict[str, str]]:
    """The labelled papers in `folder`, and a digest of each file.

    Raises:
        DataError: a file is missing, or a line of it is not what it should be.
    """
    rows = RawRows()
    digests = {}
    for part, name in FILES.items():
        path = folder / name
        if not path.is_file():
            raise DataError(
                "is not there", file=path, fix=f"name a folder that holds {', '.join(FILES.values())}"
            )
        text = read_utf8(path)
        digests[name] = hashlib.sha256(text.encode()).hexdigest()[:16]
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"is not JSON: {error}", file=path, line=number) from None
            if not isinstance(row, dict) or not isinstance(row.get("title"), str):
                raise DataError("has no title", file=path, line=number)
            getattr(rows, part).append(row)
    return rows, digests


@dataclass(frozen=True)
class Corpus:
    """What a training or an evaluation works on."""

    items: tuple[Example, ...]
    digests: Mapping[str, str]


def load_corpus(config: Config, folder: Path) -> Corpus:
    """Labelled papers of `folder`, the branches' own descriptions, and the records that lists file under a stage."""
    taxonomy = load_taxonomy(config.taxonomy_path)
    rows, digests = load_raw(folder)
    items = [*examples(rows, taxonomy), *of_taxonomy(taxonomy)]
    if config.papers_dir.is_dir():
        items += _staged(open_store(config), rows)
    return Corpus(tuple(items), digests)


def _staged(store: Store, rows: RawRows) -> list[Example]:
    """Records that a list files under a stage. No data file knows stages."""
    abstracts = {
        row["arxiv_id"]: row.get("abstract") or ""
        for row in (*rows.background, *rows.metadata)
        if row.get("arxiv_id")
    }
    found = []
    for paper in store.library.values():
        stages = {
            label.branch.split("/", 1)[0]
            for label in paper.labels
            if label.by is Witness.LIST and store.taxonomy.facet_of(label.branch) == "stage"
        }
        if len(stages) == 1:
            arxiv_id = paper.identifiers.arxiv_id
            found.append(
                Example(
                    document=Document(paper.title, abstracts.get(arxiv_id or "", "")),
                    part=Part.RECORD,
                    arxiv_id=arxiv_id,
                    stage=stages.pop(),
                )
            )
    return found


def train_weights(
    config: Config,
    data: Path,
    out: Path | None = None,
    *,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> tuple[Classifier, list[Path]]:
    """Train on `data` and write the two files of a classifier into `out`: kb's own weights by default.

    Raises:
        DataError: the data are not as they should be.
        EmbedderError: there is no model to embed with.
    """
    corpus = load_corpus(config, data)
    chosen = embedder or default_embedder(config)
    if out is None and chosen.name != DEFAULT:
        raise KbError(
            f"kb's own weights belong to {DEFAULT}, not to {chosen.name}",
            fix='write others into the knowledge base: --out weights, and weights = "weights" in kb.toml',
        )
    vectors = chosen.encode([item.document.text for item in corpus.items], progress)
    gold = [item for item in corpus.items if item.part is Part.GOLD]
    classifier = train(
        corpus.items,
        vectors,
        model=chosen.name,
        reliability={"direction": reliability(gold), "branch": 0.8, "stage": 0.8, "scope": 0.8},
        facts={"data": dict(corpus.digests), "papers": count(corpus.items)},
    )
    numbers, meaning = dump_classifier(classifier)
    folder = out or WEIGHTS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NUMBERS).write_bytes(numbers)
        write_atomic(folder / MEANING, meaning)
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=folder) from error
    return classifier, [folder / NUMBERS, folder / MEANING]


# Measuring

BEGIN, END = "<!-- classify -->", "<!-- /classify -->"


def evaluate(
    config: Config,
    data: Path,
    *,
    embedder: Embedder | None = None,
    words_only: bool = False,
    repeats: int = 5,
    progress: Progress | None = None,
    step: Callable[[str, int, int], None] = no_step,
) -> tuple[dict[str, Any], list[str]]:
    """Every figure about the classifier on the labelled papers of `data`, and lines on what could not be measured."""
    corpus = load_corpus(config, data)
    notices: list[str] = []
    vectors = titles = described = None
    chosen = None if words_only else embedder or default_embedder(config)
    if chosen is not None:
        try:
            vectors = chosen.encode([item.document.text for item in corpus.items], progress)
            titles = chosen.encode([Document(item.document.title).text for item in corpus.items], progress)
            described = chosen.encode(_descriptions(load_taxonomy(config.taxonomy_path)))
        except EmbedderError as error:
            notices.append(f"{error}; measuring words alone")
            vectors = titles = described = None
    found = figures(corpus.items, vectors, titles, described, repeats=repeats, step=step)
    found["data"] = dict(corpus.digests)
    found["model"] = chosen.name if chosen is not None and vectors is not None else None
    return found, notices


def _descriptions(taxonomy: Taxonomy) -> list[str]:
    """What each direction is about, with its sub-branches."""
    tops = {name: taxonomy.branches[name] for name in DIRECTIONS if name in taxonomy.branches}
    return [
        ". ".join(
            [top.title, top.branch.description, *(f"{b.title}: {b.description}" for b in top.branch.branches)]
        )
        for top in tops.values()
    ]


def write_figures(config: Config, found: Mapping[str, Any]) -> list[Path]:
    """Put the figures into benchmarks/: classify.json, and a section between two markers of README.md."""
    folder = config.root / "benchmarks"
    folder.mkdir(exist_ok=True)
    numbers, readme = folder / "classify.json", folder / "README.md"
    write_atomic(numbers, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    old = read_utf8(readme) if readme.exists() else "# Measurements\n"
    if BEGIN not in old:
        old += f"\n## Sorting papers (`kb classify evaluate`)\n\n{BEGIN}\n{END}\n"
    head, rest = old.split(BEGIN)
    write_atomic(readme, f"{head}{BEGIN}\n\n{markdown(found)}\n\n{END}{rest.split(END)[1]}")
    return [numbers, readme]
