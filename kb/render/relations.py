"""What the templates see of a paper's connections: similar papers with the reason, citations, figures of its method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kb.link.graph import Measured, PaperGraph, Similar
from kb.records.results import Results
from kb.records.taxonomy import Taxonomy
from kb.render.prose import Target
from kb.render.views import Row, page_of_branch

MAP = "map.md"
GRAPH = "graph.md"


@dataclass(frozen=True)
class Like:
    """A similar paper. `likeness` is written with two digits; `words` are in both titles, where no embedding is there."""

    row: Row
    likeness: str
    branches: tuple[Target, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """Figures of one method that a paper reports."""

    row: Row
    method: str
    rows: int


@dataclass(frozen=True)
class Rerun:
    """Somebody else's repetition of what a paper reports."""

    title: str
    url: str | None
    rows: int


@dataclass(frozen=True)
class Relations:
    """All connections of a paper. `by_words`: no embedding was computed for it yet."""

    key: str
    similar: tuple[Like, ...]
    by_words: bool
    cites: tuple[Row, ...]
    cited_by: tuple[Row, ...]
    measures: tuple[Figures, ...]
    measured_by: tuple[Figures, ...]
    reruns: tuple[Rerun, ...]


def relations_of(
    graph: PaperGraph, rows: Mapping[str, Row], taxonomy: Taxonomy, results: Results
) -> Callable[[str], Relations]:
    """Gives the connections of a paper by its key."""
    figures_of = Counter(row.source for row in results.rows)
    reruns: dict[str, list[Rerun]] = {}
    for source in results.words.sources.values():
        if source.of and figures_of[source.id]:
            reruns.setdefault(source.of, []).append(Rerun(source.title, source.url, figures_of[source.id]))

    def like(one: Similar) -> Like:
        branches = tuple(
            Target(page_of_branch(id), taxonomy.branches[id].title) for id in one.branches if "/" in id
        )
        tops = tuple(Target(page_of_branch(id), taxonomy.branches[id].title) for id in one.branches)
        return Like(rows[one.key], f"{one.likeness:.2f}", (branches or tops)[:2], one.words)

    def figures(found: Sequence[Measured]) -> tuple[Figures, ...]:
        return tuple(Figures(rows[each.paper], each.method, each.rows) for each in found)

    def of(key: str) -> Relations:
        return Relations(
            key=key,
            similar=tuple(map(like, graph.similar.get(key, ()))),
            by_words=key in graph.by_words,
            cites=tuple(rows[other] for other in graph.cites.get(key, ())),
            cited_by=tuple(rows[other] for other in graph.cited_by.get(key, ())),
            measures=figures(graph.measures.get(key, ())),
            measured_by=figures(graph.measured_by.get(key, ())),
            reruns=tuple(reruns.get(key, ())),
        )

    return of
