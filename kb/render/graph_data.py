"""The map and the graph as data for the scripts of their pages: papers with places, and edges by kind.

Two files, fetched by the pages that show them alone. Titles stand in them as they are: scripts put them into the document
as text. A paper is named in the edges by its number in the list of papers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kb.link.graph import Edge, PaperGraph
from kb.records.models import AssignmentState, Paper, Witness
from kb.records.taxonomy import Taxonomy
from kb.render.escape import visible
from kb.render.views import NO_YEAR, Row

PAPERS = "graph/papers.json"
EDGES = "graph/edges.json"
FORMAT = 1
"""Of the data. The pages' scripts refuse another one."""
COLUMNS = ("key", "title", "byline", "year", "x", "y", "main", "branches", "words", "state")
"""Of a paper in the data. `main` is the number of its direction, -1 for none; `branches` are numbers of branches; `words` is 1
where its place comes from the words of its title."""


@dataclass(frozen=True)
class Dot:
    """A paper on the map. `main` is the number of its direction among the top branches, -1 for none."""

    row: Row
    x: float
    y: float
    main: int
    branches: tuple[str, ...]
    by_words: bool


def dots_of(
    graph: PaperGraph, papers: Mapping[str, Paper], rows: Mapping[str, Row], taxonomy: Taxonomy
) -> list[Dot]:
    """Every paper that has a place, by key."""
    tops = [top.id for top in taxonomy.facets[0].branches]
    found = []
    for key, (x, y) in graph.places.items():
        worth = worth_of_branches(papers[key], taxonomy)
        main = main_direction(worth, tops)
        found.append(Dot(rows[key], x, y, main, tuple(worth), key in graph.by_words))
    return found


def worth_of_branches(paper: Paper, taxonomy: Taxonomy) -> dict[str, float]:
    """Branches of the first facet in which the paper stands, and how much speaks for each: a person's word decides, then
    lists count, then how sure the classifier is. In the order of the taxonomy."""
    first = taxonomy.facets[0].id
    worth: dict[str, float] = {}
    refused = set()
    for label in paper.labels:
        if label.branch not in taxonomy.branches or taxonomy.facet_of(label.branch) != first:
            continue
        if label.state is AssignmentState.REJECTED:
            refused.add(label.branch)
            continue
        says = 10.0 if label.by is not Witness.CLASSIFIER else label.confidence or 0.0
        if label.state is AssignmentState.CONFIRMED:
            says = 1000.0
        worth[label.branch] = worth.get(label.branch, 0.0) + says
    return {
        id: worth[id] for id in taxonomy.branches if id in worth and (id not in refused or worth[id] >= 1000)
    }


def main_direction(worth: Mapping[str, float], tops: Sequence[str]) -> int:
    """The number of the top branch for which most speaks; -1 where there is none."""
    sums = [
        sum(value for id, value in worth.items() if id == top or id.startswith(f"{top}/")) for top in tops
    ]
    return max(range(len(tops)), key=lambda at: (sums[at], -at)) if any(sums) else -1


def papers_json(dots: Sequence[Dot], taxonomy: Taxonomy) -> str:
    """The text of `PAPERS`, a paper a line."""
    first = taxonomy.facets[0]
    branches = [id for id, placed in taxonomy.branches.items() if placed.facet == first.id]
    numbers = {id: number for number, id in enumerate(branches)}
    head = {
        "format": FORMAT,
        "directions": [[top.id, visible(top.title)] for top in first.branches],
        "branches": [[id, visible(taxonomy.branches[id].title)] for id in branches],
        "columns": COLUMNS,
    }
    lines = [_json(_cells(dot, numbers)) for dot in dots]
    return f'{_json(head)[:-1]},"papers":[\n' + ",\n".join(lines) + "\n]}\n"


def _cells(dot: Dot, numbers: Mapping[str, int]) -> list[Any]:
    row = dot.row
    return [
        row.key,
        visible(row.title),
        visible(row.byline),
        "" if row.year == NO_YEAR else row.year,
        dot.x,
        dot.y,
        dot.main,
        [numbers[id] for id in dot.branches],
        int(dot.by_words),
        "withdrawn" if row.withdrawn else "stub" if row.stub else "",
    ]


def edges_json(dots: Sequence[Dot], graph: PaperGraph) -> str:
    """The text of `EDGES`: from, to and weight, a kind a list."""
    numbers = {dot.row.key: number for number, dot in enumerate(dots)}
    lines = []
    for kind in Edge:
        edges = [[numbers[one], numbers[other], weight] for one, other, weight in graph.edges(kind)]
        lines.append(f'"{kind.value}":{_json(edges)}')
    return f'{{"format":{FORMAT},\n' + ",\n".join(lines) + "\n}\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
