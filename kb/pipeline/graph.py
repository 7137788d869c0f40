"""`kb graph`: the map of papers and their likes, computed once and committed; and the whole graph, read back for pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kb.classify.embed import Embedder, Progress
from kb.classify.text import Document
from kb.config import Config
from kb.errors import UsageError
from kb.link.graph import PaperGraph, paper_graph
from kb.link.neighbours import DIGITS, LEAST, Near, Words, calibrated, nearest
from kb.link.projection import DIGITS as PLACE_DIGITS
from kb.link.projection import Ground, Places, among, layout, scaled, turned_onto
from kb.pipeline.citations import known_citations
from kb.pipeline.classify import documents_of
from kb.pipeline.store import locked, open_library, open_store
from kb.pipeline.voice import default_embedder
from kb.records.files import write_atomic
from kb.records.models import Paper
from kb.records.paper_map import FILE, NEAR, MapLine, PaperMap, load_map, render_map
from kb.records.results import Results
from kb.records.taxonomy import Taxonomy, load_taxonomy
from kb.render.graph_data import dots_of
from kb.render.map_svg import map_file
from kb.render.views import row_of


def open_graph(
    config: Config, papers: Mapping[str, Paper], taxonomy: Taxonomy, results: Results | None = None
) -> PaperGraph:
    """The graph of a knowledge base as its files have it; needs no model.

    Raises:
        DataError: a file that kb made is damaged.
    """
    return paper_graph(papers, taxonomy, load_map(config.papers_dir), known_citations(config), results)


def connections(
    config: Config, papers: Mapping[str, Paper], taxonomy: Taxonomy, results: Results, key: str
) -> dict[str, list[dict[str, Any]]]:
    """What one paper is connected with, as plain data by kind."""
    found = open_graph(config, papers, taxonomy, results)
    return {
        "similar": [
            {"paper": each.key, "similarity": each.likeness, "branches": list(each.branches)}
            for each in found.similar.get(key, ())
        ],
        "cites": [{"paper": other} for other in found.cites.get(key, ())],
        "cited by": [{"paper": other} for other in found.cited_by.get(key, ())],
        "measures a method of": [vars(each) for each in found.measures.get(key, ())],
        "its method measured by": [vars(each) for each in found.measured_by.get(key, ())],
    }


def picture(config: Config) -> str:
    """The map as an SVG file."""
    papers, taxonomy = open_library(config), load_taxonomy(config.taxonomy_path)
    rows = {key: row_of(paper, taxonomy) for key, paper in papers.items()}
    dots = dots_of(open_graph(config, papers, taxonomy), papers, rows, taxonomy)
    return map_file(dots, taxonomy, f"{config.settings.site.title}: map of papers")


@dataclass
class MapReport:
    """What `kb graph update` did. `held`: lines kept because the abstract they were made from is not on this machine."""

    papers: int = 0
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    held: int = 0
    from_titles: int = 0
    among_neighbours: int = 0
    written: bool = False
    dry_run: bool = False

    def __str__(self) -> str:
        if not (self.added or self.changed or self.removed):
            said = f"{self.papers} papers: the map is current"
        else:
            verb = "would be" if self.dry_run else "were"
            said = (
                f"{self.papers} papers: {len(self.added)} {verb} added, {len(self.changed)} changed, "
                f"{len(self.removed)} removed"
            )
        notes = []
        if self.from_titles:
            notes.append(f"{self.from_titles} by their titles alone, without an abstract")
        if self.held:
            notes.append(f"{self.held} kept as they were: their abstracts are not on this machine")
        if self.among_neighbours:
            notes.append(f"{self.among_neighbours} came after the last layout (kb graph update --layout)")
        return "; ".join([said, *notes])


def update_map(
    config: Config,
    *,
    fresh: bool = False,
    dry_run: bool = False,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> MapReport:
    """Bring papers/_map.jsonl up to date with the records.

    Places that were given out stay: a new paper is put among those most like it. A line changes only where its text did,
    or where a changed paper enters or leaves its likes. Where nothing changed, no model is loaded.

    Args:
        fresh: lay all papers out anew, turned to lie as near as can be to where they lay.

    Raises:
        EmbedderError: something changed, and there is no model to embed with.
        UsageError: a new layout is wanted, and abstracts are missing.
    """
    with locked(config):
        store = open_store(config)
        chosen = embedder or default_embedder(config)
        documents = documents_of(store)
        before = load_map(config.papers_dir)
        old = dict(before.lines) if before.model == chosen.name else {}
        if fresh and (held := _held(old, documents)):
            raise UsageError(
                f"--layout: the abstracts of {len(held)} papers on the map are not on this machine",
                fix="kb sync arxiv brings them; a layout by titles alone would be a step back",
            )
        now = _renewed(documents, old, chosen, fresh, progress)
        report = _report(before, now, documents, dry_run)
        if not dry_run and (now or before.lines):
            text = render_map(PaperMap(chosen.name, now))
            report.written = write_atomic(config.papers_dir / FILE, text)
        return report


def _held(old: Mapping[str, MapLine], documents: Mapping[str, Document]) -> set[str]:
    """Papers whose lines were made from an abstract that is not on this machine: a title alone would be a step back."""
    return {
        key
        for key, line in old.items()
        if key in documents and line.read == "abstract" and not documents[key].abstract
    }


def _renewed(
    documents: Mapping[str, Document],
    old: Mapping[str, MapLine],
    embedder: Embedder,
    fresh: bool,
    progress: Progress | None,
) -> dict[str, MapLine]:
    held = _held(old, documents)
    new = {
        key
        for key, document in documents.items()
        if key not in old or (key not in held and old[key].text != document.digest)
    }
    gone = old.keys() - documents.keys()
    if not (new or gone or (fresh and documents)):
        return dict(old)
    keys = list(documents)
    likeness = likeness_of(documents, embedder, progress)
    near = _likes(keys, likeness, old, new, held)
    places = {key: (line.x, line.y) for key, line in old.items() if key in documents}
    laid_out = {key for key in places if old[key].placed == "layout"}
    if fresh or not places:
        spots = scaled(turned_onto(layout(likeness), keys, places))
        places = {key: _rounded(x, y) for key, (x, y) in zip(keys, spots.tolist(), strict=True)}
        laid_out = set(keys)
    else:
        places |= _joining([key for key in keys if key not in places], near, places)
    return {
        key: MapLine(
            paper=key,
            x=places[key][0],
            y=places[key][1],
            placed="layout" if key in laid_out else "neighbours",
            read="abstract" if document.abstract or key in held else "title",
            text=document.digest if key in new else old[key].text,
            near=near[key],
        )
        for key, document in documents.items()
    }


def _rounded(x: float, y: float) -> tuple[float, float]:
    return round(x, PLACE_DIGITS) + 0.0, round(y, PLACE_DIGITS) + 0.0  # no -0.0


def _joining(keys: list[str], near: Mapping[str, Near], places: Places) -> Places:
    ground = Ground(places.values())
    return {key: ground.settle(key, among(near[key], places) or (0.0, 0.0)) for key in keys}


def likeness_of(
    documents: Mapping[str, Document], embedder: Embedder, progress: Progress | None = None
) -> np.ndarray:
    """How alike every two papers are [papers, papers]: the mean of what embeddings and words say, each on a scale on which
    0 is an average pair and 1 one that is as close as one in a thousand.

    Raises:
        EmbedderError: there is no model to embed with.
    """
    vectors = embedder.encode([document.text for document in documents.values()], progress)
    kinds = np.array([bool(document.abstract) for document in documents.values()])
    words = Words.of(documents).cosines()
    both: np.ndarray = (calibrated(vectors @ vectors.T, kinds) + calibrated(words, kinds)) / 2
    return both


def _likes(
    keys: list[str], likeness: np.ndarray, old: Mapping[str, MapLine], new: set[str], held: set[str]
) -> dict[str, Near]:
    """The likes of every paper. Those of a paper that did not change are as they were, but for papers that did: so that
    the last digit of a figure on another machine changes no line."""
    row = {key: at for at, key in enumerate(keys)}
    kept: dict[str, Near] = {}
    for key, line in old.items():
        rest = tuple((other, like) for other, like in line.near if other in row and other not in new)
        whole = len(rest) == len(line.near) or key in held
        if key in row and key not in new and whole:
            kept[key] = rest
    found = nearest(keys, likeness, NEAR, [row[key] for key in keys if key not in kept])
    entering = sorted(new)
    columns = [row[key] for key in entering]
    for key, rest in kept.items():
        told = np.round(likeness[row[key], columns].astype(float), DIGITS)
        more = [(other, float(like)) for other, like in zip(entering, told, strict=True) if like >= LEAST]
        found[key] = tuple(sorted([*rest, *more], key=lambda each: (-each[1], each[0]))[:NEAR])
    return found


def _report(
    before: PaperMap, now: Mapping[str, MapLine], documents: Mapping[str, Document], dry_run: bool
) -> MapReport:
    return MapReport(
        papers=len(now),
        added=sorted(now.keys() - before.lines.keys()),
        changed=sorted(key for key, line in now.items() if before.lines.get(key, line) != line),
        removed=sorted(before.lines.keys() - now.keys()),
        held=len(_held(now, documents)),
        from_titles=sum(line.read == "title" for line in now.values()),
        among_neighbours=sum(line.placed == "neighbours" for line in now.values()),
        dry_run=dry_run,
    )
