"""`kb graph evaluate`: how good the likes are, and how much of them the map keeps. Into benchmarks/, for pages to name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from kb.classify.embed import Embedder, Progress
from kb.classify.text import Document
from kb.config import Config
from kb.errors import UsageError
from kb.link.graph import SIMILAR
from kb.link.neighbours import Near, Words, calibrated, nearest
from kb.link.projection import kept_share
from kb.pipeline.classify import documents_of
from kb.pipeline.figures import readme_with_figures
from kb.pipeline.graph import likeness_of
from kb.pipeline.store import open_store
from kb.pipeline.voice import default_embedder
from kb.records.files import write_atomic
from kb.records.models import AssignmentState, Paper, Witness
from kb.records.paper_map import load_map
from kb.records.taxonomy import Taxonomy
from kb.render.graph_pages import MapFigures

NAME = "graph"
KEPT = 10
"""Neighbours of which the share that the map keeps is measured."""
_LEAST = 20  # papers with a branch, below which a share says nothing


def load_figures(config: Config) -> MapFigures | None:
    """The figures of benchmarks/graph.json; None where nothing was measured."""
    try:
        found = json.loads((config.root / "benchmarks" / f"{NAME}.json").read_text(encoding="utf-8"))
        alike = found["similar"]
        return MapFigures(
            float(found["map"]["kept"]),
            float(alike["both"]["share"]),
            float(alike["chance"]["share"]),
            int(found["papers_with_branch"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def sub_branches(paper: Paper, taxonomy: Taxonomy) -> frozenset[str]:
    """Branches below the top of the first facet under which lists or people put the paper, and nobody rejected. What the
    classifier says does not count: it reads the same embeddings."""
    first = taxonomy.facets[0].id
    refused = {label.branch for label in paper.labels if label.state is AssignmentState.REJECTED}
    return frozenset(
        label.branch
        for label in paper.labels
        if label.by is not Witness.CLASSIFIER
        and label.branch not in refused
        and label.branch.count("/") >= 1
        and taxonomy.branches.get(label.branch) is not None
        and taxonomy.facet_of(label.branch) == first
    )


def measure(
    config: Config, *, embedder: Embedder | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """All figures.

    Raises:
        UsageError: there is no map, or too few papers have a branch.
        EmbedderError: there is no model to embed with.
    """
    store = open_store(config)
    documents = documents_of(store)
    lines = load_map(config.papers_dir).lines
    mapped = [key for key in documents if key in lines]
    branches = {key: sub_branches(paper, store.taxonomy) for key, paper in store.library.items()}
    judged = [key for key in mapped if branches[key]]
    if len(judged) < _LEAST:
        fix = "kb graph update first; and let lists or people put papers into branches"
        raise UsageError(f"only {len(judged)} papers on the map stand in a branch", fix=fix)
    chosen = embedder or default_embedder(config)
    whole = {key: documents[key] for key in mapped}
    bare = {key: Document(title=documents[key].title) for key in mapped}
    vectors = chosen.encode([document.text for document in whole.values()], progress)
    titles = chosen.encode([document.title for document in bare.values()], progress)
    both = likeness_of(whole, chosen)
    kinds = np.array([bool(document.abstract) for document in whole.values()])
    at = [mapped.index(key) for key in judged]

    def agreement(likeness: np.ndarray) -> dict[str, float]:
        return _agreement(nearest(judged, likeness[np.ix_(at, at)], SIMILAR), branches)

    places = np.array([(lines[key].x, lines[key].y) for key in mapped])
    drawn = np.random.default_rng(0).permuted(np.arange(len(mapped)))
    return {
        "model": chosen.name,
        "papers": len(mapped),
        "papers_with_abstract": int(kinds.sum()),
        "papers_with_branch": len(judged),
        "similar": {
            "both": agreement(both),
            "words": agreement(calibrated(Words.of(whole).cosines(), kinds)),
            "embeddings": agreement(calibrated(vectors @ vectors.T, kinds)),
            "embeddings_as_they_are": agreement(vectors @ vectors.T),
            "words_of_titles": agreement(Words.of(bare).cosines()),
            "embeddings_of_titles": agreement(titles @ titles.T),
            "chance": _by_chance(judged, branches),
        },
        "map": {
            "kept": round(kept_share(both, places, KEPT), 3),
            "kept_by_chance": round(kept_share(both, places[drawn], KEPT), 3),
        },
    }


def _agreement(likes: Mapping[str, Near], branches: Mapping[str, frozenset[str]]) -> dict[str, float]:
    """Of a paper's likes, the share that stands in a branch with it: the mean over papers, and its 95 % interval."""
    shares = np.array(
        [
            sum(bool(branches[key] & branches[other]) for other, _ in near) / SIMILAR
            for key, near in likes.items()
        ]
    )
    return _figures(shares)


def _by_chance(keys: list[str], branches: Mapping[str, frozenset[str]]) -> dict[str, float]:
    """The same, expected of papers drawn at random."""
    shares = [
        sum(bool(branches[key] & branches[other]) for other in keys if other != key) / (len(keys) - 1)
        for key in keys
    ]
    return _figures(np.array(shares))


def _figures(shares: np.ndarray) -> dict[str, float]:
    mean, half = float(shares.mean()), 1.96 * float(shares.std(ddof=1)) / float(np.sqrt(len(shares)))
    return {"share": round(mean, 3), "low": round(mean - half, 3), "high": round(mean + half, 3)}


_NAMES = {
    "both": "Embeddings and words of title and abstract, on one scale: what the site shows",
    "words": "TF-IDF alone",
    "embeddings": "Embeddings alone",
    "embeddings_as_they_are": "Their cosines, not brought to one scale",
    "words_of_titles": "TF-IDF of titles: what the site shows until `kb graph update`",
    "embeddings_of_titles": "Embeddings of titles",
    "chance": "Drawn at random",
}


def markdown(found: Mapping[str, Any]) -> str:
    """The figures for benchmarks/README.md."""
    lines = [f"| The {SIMILAR} most similar by | in a branch with the paper |", "|---|---:|"]
    for name, said in _NAMES.items():
        one = found["similar"][name]
        lines.append(f"| {said} | {one['share']:.0%} ({one['low']:.0%} to {one['high']:.0%}) |")
    kept = found["map"]
    return (
        "\n".join(lines)
        + f"\n\n{found['papers_with_branch']} papers that lists or people put into a branch below the three directions; mean and 95 % interval"
        f"\nover papers. The classifier's labels do not count: it reads the same embeddings. Model: {found['model']}; of "
        f"{found['papers']} papers on the map\n{found['papers_with_abstract']} had an abstract here. On the map, {kept['kept']:.0%} of a paper's "
        f"{KEPT} nearest papers are still among its {KEPT} nearest ({kept['kept_by_chance']:.0%} if places\nare drawn at random). `kb graph evaluate` writes this."
    )


def write_figures(config: Config, found: Mapping[str, Any]) -> None:
    """Keep the figures in benchmarks/."""
    folder = config.root / "benchmarks"
    write_atomic(folder / f"{NAME}.json", json.dumps(found, indent=1) + "\n")
    text = readme_with_figures(
        folder / "README.md", NAME, markdown(found), "## Similar papers and the map (`kb graph evaluate`)"
    )
    write_atomic(folder / "README.md", text)
