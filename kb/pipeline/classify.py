"""`kb classify apply`: what the classifier proposes for every record, and the relevance of every candidate.

`kb sync` does not call it: a sync changes records only by what sources said. Run `kb classify apply` after one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from kb.classify.embed import Embedder, Progress
from kb.classify.explain import place_name
from kb.classify.learn import confirmed_example, relearn
from kb.classify.model import LABEL_SOURCE
from kb.classify.predict import Prediction
from kb.classify.text import Document
from kb.config import Config
from kb.errors import KbError
from kb.pipeline.relevance import write_relevance
from kb.pipeline.store import Store, locked, open_library, open_store, write_records
from kb.pipeline.voice import WORDS_ONLY, Voice, open_voice
from kb.records.library import render_record
from kb.records.models import Assignment, AssignmentState, Paper, Witness
from kb.records.taxonomy import Taxonomy
from kb.text import one_line

OWN = "kb-classifier/"
_MOST_EVIDENCE = 4


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
    return Voice(
        relearn(voice.classifier, found, vectors), voice.embedder, voice.notices, facets=voice.facets
    )


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
    facet: str = "direction"

    def __str__(self) -> str:
        verb = "would change" if self.dry_run else "changed"
        return (
            f"{self.source}: {self.proposals} proposals for {self.records} records, "
            f"{self.without_direction} without a {self.facet}; {verb} {len(self.changed)} records; "
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
        first = store.taxonomy.facets[0]
        voice = open_voice(config, words_only=words_only, embedder=embedder)
        predictions, taught = predict_records(store, voice, progress)
        report = ApplyReport(
            records=len(store.library),
            notices=taught.notices,
            source=taught.source,
            dry_run=dry_run,
            facet=first.title.lower(),
        )
        writes: dict[str, str] = {}
        for key, paper in store.library.items():
            changed = with_proposals(paper, predictions[key], store.taxonomy, taught.source)
            own = [label for label in changed.labels if _is_own(label)]
            report.proposals += len(own)
            report.without_direction += not any(
                store.taxonomy.facet_of(label.branch) == first.id for label in changed.labels
            )
            if changed != paper:
                writes[key] = render_record(changed, store.text(key), file=f"papers/{key}.yaml")
                report.changed.append(key)
        report.relevance = _relevance(store, taught)
        if not dry_run:
            write_records(store, writes)
            write_relevance(config, report.relevance)
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
    for facet, found in prediction.facets.items():
        if facet in settled:
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
    if "relevance" not in voice.classifier.words:  # nobody taught it what does not belong here
        return {}
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
