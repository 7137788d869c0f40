"""`kb classify train` in a survey of another field: the classifier learns from what people confirmed in the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kb.classify.cues import cues_of
from kb.classify.data import Example, Part, facets_asked, of_taxonomy
from kb.classify.embed import Embedder, EmbedderError, Progress
from kb.classify.learn import confirmed_example
from kb.classify.model import Classifier
from kb.classify.training import train
from kb.config import Config
from kb.errors import UsageError
from kb.pipeline.classify import documents_of
from kb.pipeline.classify_data import write_weights
from kb.pipeline.store import Store, open_store
from kb.pipeline.voice import default_embedder
from kb.records.taxonomy import Taxonomy

LEAST = 20
"""Papers with a confirmed branch of the first facet: with fewer it would guess, and say how sure it is."""
LEAST_A_BRANCH = 3
_FOLDER = "weights"


def train_on_records(
    config: Config,
    out: Path | None = None,
    *,
    words_only: bool = False,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> tuple[Classifier, list[Path], list[str]]:
    """Train on the confirmed labels of the records and the descriptions in taxonomy.yaml.

    Args:
        out: a folder [default: the one that kb.toml names, else weights/].

    Returns:
        The classifier, its files, and lines on what is missing.

    Raises:
        UsageError: too few labels are confirmed.
    """
    store = open_store(config)
    items = [*confirmed(store), *of_taxonomy(store.taxonomy)]
    _enough(items, store.taxonomy)
    notices: list[str] = []
    vectors, model = None, None
    if not words_only:
        chosen = embedder or default_embedder(config)
        try:
            vectors, model = chosen.encode([item.document.text for item in items], progress), chosen.name
        except EmbedderError as error:
            notices.append(f"{error}; trained on words alone")
    classifier = train(items, vectors, cues_of(store.taxonomy), model=model, facts={"papers": _count(items)})
    folder = out or config.root / (config.settings.classify.weights or _FOLDER)
    return classifier, write_weights(classifier, folder), notices


def confirmed(store: Store) -> list[Example]:
    """Every record with a label that a person confirmed."""
    documents = documents_of(store)
    found = (confirmed_example(paper, documents[key], store.taxonomy) for key, paper in store.library.items())
    return [example for example in found if example is not None]


def _enough(items: Sequence[Example], taxonomy: Taxonomy) -> None:
    counts = Counter(item.direction for item in items if item.part is Part.PERSON and item.direction)
    known = [name for name, papers in counts.items() if papers >= LEAST_A_BRANCH]
    if sum(counts.values()) >= LEAST and len(known) > 1:
        return
    facet = next(each for each in taxonomy.facets if each.id == facets_asked(taxonomy)["direction"])
    raise UsageError(
        f"{sum(counts.values())} papers have a confirmed {facet.title.lower()}; {LEAST} are needed, in two branches or more "
        f"with {LEAST_A_BRANCH} each",
        fix="kb triage confirms labels",
    )


def _count(items: Sequence[Example]) -> dict[str, int]:
    return dict(Counter(item.part.value for item in items))
