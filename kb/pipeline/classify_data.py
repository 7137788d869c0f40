"""`kb classify train` and `evaluate`: from a folder of labelled papers to weights and to figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.classify.cues import Cues, cues_of
from kb.classify.data import DIRECTIONS, Example, Part, RawRows, count, examples, of_taxonomy
from kb.classify.embed import DEFAULT, Embedder, EmbedderError, Progress
from kb.classify.evaluate import no_step, reliability
from kb.classify.model import Classifier
from kb.classify.report import figures, markdown
from kb.classify.saved import MEANING, NUMBERS, WEIGHTS, dump_classifier
from kb.classify.text import Document
from kb.classify.training import train
from kb.config import Config
from kb.errors import DataError, KbError
from kb.pipeline.figures import markers, readme_with_figures, with_figures
from kb.pipeline.store import Store, open_store
from kb.pipeline.voice import default_embedder
from kb.records.files import read_utf8, write_atomic
from kb.records.models import Witness
from kb.records.taxonomy import Taxonomy, load_taxonomy

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
    cues: Cues
    digests: Mapping[str, str]


def load_corpus(config: Config, folder: Path) -> Corpus:
    """Labelled papers of `folder`, the branches' own descriptions, and the records that lists file under a stage."""
    taxonomy = load_taxonomy(config.taxonomy_path)
    rows, digests = load_raw(folder)
    items = [*examples(rows, taxonomy), *of_taxonomy(taxonomy)]
    if config.papers_dir.is_dir():
        items += _staged(open_store(config), rows)
    return Corpus(tuple(items), cues_of(taxonomy), digests)


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
        corpus.cues,
        model=chosen.name,
        reliability={"direction": reliability(gold), "branch": 0.8, "stage": 0.8, "scope": 0.8},
        facts={"data": dict(corpus.digests), "papers": count(corpus.items)},
    )
    return classifier, write_weights(classifier, out or WEIGHTS)


def write_weights(classifier: Classifier, folder: Path) -> list[Path]:
    """The two files of a classifier.

    Raises:
        KbError: the folder cannot be written.
    """
    numbers, meaning = dump_classifier(classifier)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / NUMBERS).write_bytes(numbers)
        write_atomic(folder / MEANING, meaning)
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=folder) from error
    return [folder / NUMBERS, folder / MEANING]


# Measuring

NAME = "classify"


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
    found = figures(corpus.items, vectors, titles, described, corpus.cues, repeats=repeats, step=step)
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
    """Put the figures into benchmarks/classify.json and, between two markers, into Markdown for people.

    That is benchmarks/README.md and, where the site has such a page, site/docs/sorting.md.
    """
    folder = config.root / "benchmarks"
    folder.mkdir(exist_ok=True)
    numbers, readme = folder / "classify.json", folder / "README.md"
    write_atomic(numbers, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    section = markdown(found)
    heading = "## Sorting papers (`kb classify evaluate`)"
    write_atomic(readme, readme_with_figures(readme, NAME, section, heading))
    page = config.root / "site" / "docs" / "sorting.md"
    if not page.is_file() or markers(NAME)[0] not in (old := read_utf8(page)):
        return [numbers, readme]
    write_atomic(page, with_figures(old, NAME, section))
    return [numbers, readme, page]
