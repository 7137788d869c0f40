"""The pages "Map of papers" and "Graph", the data that their scripts fetch, and the map as a picture to take along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kb.link.graph import Edge, PaperGraph
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.render.from_disk import twin
from kb.render.graph_data import EDGES, PAPERS, dots_of, edges_json, papers_json
from kb.render.map_svg import LINKED, map_file, map_inline
from kb.render.relations import GRAPH, MAP
from kb.render.views import Row

PICTURE = "graph/map.svg"
_MOST = 15  # papers in a list of the most connected ones


@dataclass(frozen=True)
class MapFigures:
    """What pages say of the map's quality, as it was measured last. Shares are from 0 to 1.

    Attributes:
        kept: of a paper's ten nearest papers, how many are also among its ten nearest on the map.
        alike: of a paper's similar papers, how many stand in a branch with it.
        chance: the same for papers drawn at random.
        papers: with a branch, over which `alike` is a mean.
    """

    kept: float
    alike: float
    chance: float
    papers: int

    @property
    def words(self) -> dict[str, str]:
        """The shares in percent."""
        return {name: f"{getattr(self, name):.0%}" for name in ("kept", "alike", "chance")}


@dataclass(frozen=True)
class Connected:
    """A paper with many edges of a kind."""

    row: Row
    edges: int


def add_graph(
    add: Callable[..., None],
    put: Callable[[str, str], None],
    graph: PaperGraph,
    papers: Mapping[str, Paper],
    rows: Mapping[str, Row],
    taxonomy: Taxonomy,
    title: str,
    figures: MapFigures | None = None,
) -> None:
    """Both pages with their data.

    Args:
        add: makes a page: path, template, values.
        put: keeps a file: path, text.
        rows: of all papers by key.
        title: of the survey.
    """
    dots = dots_of(graph, papers, rows, taxonomy)
    for path, text in ((PAPERS, papers_json(dots, taxonomy)), (EDGES, edges_json(dots, graph))):
        put(path, text)
        put(*twin(path, text))
    put(PICTURE, map_file(dots, taxonomy, f"{title}: map of papers"))
    count = {kind.value: len(graph.edges(kind)) for kind in Edge}
    tops = taxonomy.facets[0].branches
    add(
        MAP,
        "map.md.j2",
        picture=map_inline(dots, taxonomy, MAP) if dots else "",
        linked=len(dots) <= LINKED,
        total=len(dots),
        by_words=len(graph.by_words),
        model=graph.model,
        figures=figures,
        facet=taxonomy.facets[0],
        tops=tops,
        main=[sum(dot.main == at for dot in dots) for at in (*range(len(tops)), -1)],
        branches=_branches(taxonomy),
        papers=PAPERS,
        file=PICTURE,
    )
    groups = graph.components()
    add(
        GRAPH,
        "graph.md.j2",
        total=len(dots),
        count=count,
        facet=taxonomy.facets[0],
        tops=tops,
        branches=_branches(taxonomy),
        largest=len(groups[0]) if groups else 0,
        single=sum(len(group) == 1 for group in groups),
        likes=_most(graph, Edge.SIMILAR, rows),
        cited=_in_degree({key: len(found) for key, found in graph.cited_by.items()}, rows),
        measured=_in_degree(
            {key: sum(m.rows for m in found) for key, found in graph.measured_by.items()}, rows
        ),
        model=graph.model,
        figures=figures,
        papers=PAPERS,
        edges=EDGES,
    )


def _branches(taxonomy: Taxonomy) -> list[tuple[str, list[tuple[str, str]]]]:
    """The first facet's branches below its top ones, by the title of the top branch."""
    groups: dict[str, list[tuple[str, str]]] = {top.id: [] for top in taxonomy.facets[0].branches}
    for id, placed in taxonomy.branches.items():
        top = id.split("/", 1)[0]
        if top in groups and id != top:
            groups[top].append((id, placed.title))
    return [(taxonomy.branches[top].title, found) for top, found in groups.items() if found]


def _most(graph: PaperGraph, kind: Edge, rows: Mapping[str, Row]) -> list[Connected]:
    return _in_degree(graph.degrees(kind), rows)


def _in_degree(count: Mapping[str, int], rows: Mapping[str, Row]) -> list[Connected]:
    """The papers with most edges."""
    order = sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST]
    return [Connected(rows[key], edges) for key, edges in order]
