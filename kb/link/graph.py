"""What connects papers: likeness, citations, and whose method was measured by whom. One graph, many kinds of edges.

Nothing here reads embeddings: what they say was computed by `kb graph update` and lies in papers/_map.jsonl. A paper that
has no line there yet is placed by the words of its title.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from kb.classify.text import Document
from kb.link.neighbours import Near, Words
from kb.link.projection import Ground, Places, among, plane_of_words
from kb.records.models import AssignmentState, Paper, PublicationState, RecordStatus
from kb.records.paper_map import NEAR, PaperMap
from kb.records.results import Results
from kb.records.taxonomy import Taxonomy

if TYPE_CHECKING:
    import networkx as nx

T = TypeVar("T")
SIMILAR = 5
"""Similar papers that are shown, and edges of likeness that a paper begins."""


class Edge(StrEnum):
    """Kinds of edges. `similar` goes both ways; `cites` and `measures` lead from the later paper to the earlier one."""

    SIMILAR = "similar"
    CITES = "cites"
    MEASURES = "measures"


@dataclass(frozen=True)
class Similar:
    """A paper that is like another one.

    Attributes:
        likeness: 0 is an average pair of papers, 1 one as close as one pair in a thousand; where it is one of words, the
            cosine of the titles' TF-IDF.
        branches: that both papers stand in, the narrowest of each.
        words: that both titles say; only where the likeness is one of words.
    """

    key: str
    likeness: float
    branches: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """Figures that one paper reports of another one's method."""

    paper: str
    method: str
    rows: int


@dataclass(frozen=True)
class PaperGraph:
    """Everything by key.

    Attributes:
        places: on the map.
        by_words: papers that no embedding was computed for: likeness and place come from the words of their titles.
        similar: the most alike first; withdrawn papers and stubs are nobody's likes.
        cites, cited_by: records, by key.
        measures: methods of other papers that a paper reports figures of.
        measured_by: papers that report figures of a paper's method.
        model: what computed the embeddings; empty where there are none.
    """

    places: Places = field(default_factory=dict)
    by_words: frozenset[str] = frozenset()
    similar: Mapping[str, tuple[Similar, ...]] = field(default_factory=dict)
    cites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    cited_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measures: Mapping[str, tuple[Measured, ...]] = field(default_factory=dict)
    measured_by: Mapping[str, tuple[Measured, ...]] = field(default_factory=dict)
    model: str = ""

    def edges(self, kind: Edge) -> list[tuple[str, str, float]]:
        """From, to, weight; those of likeness once, by the order of the keys."""
        match kind:
            case Edge.CITES:
                return [(one, other, 1.0) for one, others in self.cites.items() for other in others]
            case Edge.MEASURES:
                return [
                    (one, each.paper, float(each.rows))
                    for one, all_ in self.measures.items()
                    for each in all_
                ]
        found: dict[tuple[str, str], float] = {}
        for one, likes in self.similar.items():
            for like in likes:
                pair = (min(one, like.key), max(one, like.key))
                found[pair] = max(like.likeness, found.get(pair, -9.0))
        return [(*pair, found[pair]) for pair in sorted(found)]

    def network(self, kinds: Iterable[Edge] = tuple(Edge)) -> nx.MultiDiGraph:
        """As a graph of networkx: nodes are keys, edges have `kind` and `weight`."""
        import networkx as nx

        graph = nx.MultiDiGraph()
        graph.add_nodes_from(sorted(self.places))
        for kind in kinds:
            for one, other, weight in self.edges(kind):
                graph.add_edge(one, other, kind=kind.value, weight=weight)
        return graph

    def components(self, kinds: Iterable[Edge] = tuple(Edge)) -> list[list[str]]:
        """Papers that hang together, whatever the direction of the edges; the largest group first."""
        import networkx as nx

        groups = [sorted(group) for group in nx.weakly_connected_components(self.network(kinds))]
        return sorted(groups, key=lambda group: (-len(group), group))

    def degrees(self, kind: Edge) -> dict[str, int]:
        """How many edges of a kind each paper has, by key; those that have none are left out."""
        count: dict[str, int] = {}
        for one, other, _ in self.edges(kind):
            for key in (one, other):
                count[key] = count.get(key, 0) + 1
        return dict(sorted(count.items()))


def paper_graph(
    papers: Mapping[str, Paper],
    taxonomy: Taxonomy,
    found: PaperMap | None = None,
    cited: Mapping[tuple[str, str], Iterable[str]] | None = None,
    results: Results | None = None,
) -> PaperGraph:
    """The graph of all `papers`.

    Args:
        found: places and likenesses that were computed before.
        cited: keys by (source, citing paper); what is no record is left out.
        results: reported figures, and the papers that propose the methods in them.
    """
    known = {key: line for key, line in (found.lines if found else {}).items() if key in papers}
    missing = [key for key in papers if key not in known]
    words = Words.of({key: Document(title=paper.title) for key, paper in papers.items()}) if missing else None
    near: dict[str, Near] = {key: line.near for key, line in known.items()}
    if words is not None:
        rows = [at for at, key in enumerate(words.keys) if key not in known]
        near |= words.nearest(NEAR, rows)
    places: Places = {key: (line.x, line.y) for key, line in known.items()}
    if words is not None:
        places |= _places_of_others(words, places, near)
    branches = {key: directions_of(paper, taxonomy) for key, paper in papers.items()}

    def likes(key: str) -> Iterator[Similar]:
        for other, likeness in near.get(key, ()):
            if other in papers and _is_shown(papers[other]):
                common = words.shared(key, other) if words is not None and key not in known else ()
                yield Similar(other, likeness, _in_common(branches[key], branches[other]), common)

    similar = {key: tuple(islice(likes(key), SIMILAR)) for key in papers}
    cites, cited_by = _citations(papers, cited or {})
    measures, measured_by = _measured(papers, results)
    model = found.model if found and known else ""
    return PaperGraph(
        dict(sorted(places.items())),
        frozenset(missing),
        similar,
        cites,
        cited_by,
        measures,
        measured_by,
        model,
    )


def directions_of(paper: Paper, taxonomy: Taxonomy) -> tuple[str, ...]:
    """Branches of the first facet that the paper stands in, by anybody's word, unless a person rejected it."""
    states: dict[str, set[AssignmentState]] = {}
    for label in paper.labels:
        states.setdefault(label.branch, set()).add(label.state)
    first = taxonomy.facets[0].id
    return tuple(
        branch
        for branch, placed in taxonomy.branches.items()
        if placed.facet == first
        and branch in states
        and (AssignmentState.CONFIRMED in states[branch] or AssignmentState.REJECTED not in states[branch])
    )


def _is_shown(paper: Paper) -> bool:
    return paper.publication_state is not PublicationState.WITHDRAWN and paper.status is not RecordStatus.STUB


def _places_of_others(words: Words, known: Places, near: Mapping[str, Near]) -> Places:
    """Places of papers without a line: among their likes, or, where nothing has a place yet, by their words alone."""
    if not known:
        return plane_of_words(words.keys, words.weights)
    ground = Ground(known.values())
    found: Places = {}
    for key in words.keys:
        if key not in known:
            found[key] = ground.settle(key, among(near.get(key, ()), known) or (0.0, 0.0))
    return found


def _in_common(one: Iterable[str], other: Iterable[str]) -> tuple[str, ...]:
    """Branches that stand in both, without those above another one of them."""
    second = set(other)
    both = [branch for branch in one if branch in second]
    return tuple(b for b in both if not any(each.startswith(f"{b}/") for each in both))


def _citations(
    papers: Mapping[str, Paper], cited: Mapping[tuple[str, str], Iterable[str]]
) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    pairs = {
        (one, other)
        for (_, one), others in cited.items()
        if one in papers
        for other in others
        if other in papers and other != one
    }
    cites: dict[str, list[str]] = {}
    cited_by: dict[str, list[str]] = {}
    for one, other in sorted(pairs):
        cites.setdefault(one, []).append(other)
        cited_by.setdefault(other, []).append(one)
    return _tuples(cites), _tuples(cited_by)


def _measured(
    papers: Mapping[str, Paper], results: Results | None
) -> tuple[dict[str, tuple[Measured, ...]], dict[str, tuple[Measured, ...]]]:
    """Who reports figures of whose method; a paper's figures of its own method are no news."""
    count: dict[tuple[str, str, str], int] = {}
    for row in results.rows if results else ():
        word = results.words.methods.get(row.method) if results else None
        proposed = word.paper if word else None
        if word and proposed in papers and row.source in papers and proposed != row.source:
            name = (row.source, str(proposed), word.title)
            count[name] = count.get(name, 0) + 1
    measures: dict[str, list[Measured]] = {}
    measured_by: dict[str, list[Measured]] = {}
    for (source, paper, method), rows in sorted(count.items()):
        measures.setdefault(source, []).append(Measured(paper, method, rows))
        measured_by.setdefault(paper, []).append(Measured(source, method, rows))
    return _tuples(measures), _tuples(measured_by)


def _tuples(lists: Mapping[str, list[T]]) -> dict[str, tuple[T, ...]]:
    return {key: tuple(lists[key]) for key in sorted(lists)}
