"""All papers as data for one page that sorts and filters them in the reader's browser, and the choices it offers.

The data are two files beside the page: what the table shows, and the papers' BibTeX, which is fetched when it is asked for.
Titles and prose stand in them as they are: the page's script puts them into the document as text and never as HTML.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kb.ids import is_safe_url
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.render.claim_words import BADGES
from kb.render.escape import visible
from kb.render.prose import Prose
from kb.render.views import NO_YEAR, PaperView, page_of_branch

PAGE = "survey/table.md"
DATA = "survey/papers.json"
BIBTEX = "survey/bibtex.json"
FORMAT = 1
"""Of the data. The page's script refuses another one."""

COLUMNS = (
    "key", "title", "byline", "authors", "published", "venue", "series", "confirmed", "proposed", "code", "review",
    "verdicts", "state", "arxiv", "doi", "summary", "focus", "contribution", "limitations",
)  # fmt: skip
"""The cells of a paper in the data; those at the end that are empty are left out.

`series` is the venue's short name without the year. `confirmed` and `proposed` are places in the list of branches.
`verdicts` counts the paper's claims by verdict. `state` is withdrawn, stub or nothing.
"""

# What the page's address and its columns are called; a facet of the same id gets another name.
_TAKEN = frozenset(
    "find branch from to venue code review verdict sure sort cols rows title authors published claims summary focus "
    "contribution limitations arxiv doi key".split()
)


@dataclass(frozen=True)
class Choice:
    """One of a filter's values."""

    value: str
    title: str


@dataclass(frozen=True)
class FacetChoices:
    """A filter by the top branches of a facet; `name` is what the page's address calls it."""

    id: str
    name: str
    title: str
    tops: tuple[Choice, ...]


@dataclass(frozen=True)
class SurveyTable:
    """What the page is made from.

    Attributes:
        data: the text of `DATA`.
        bibtex: the text of `BIBTEX`: entries by the papers' keys.
        facets: filters, in the order of the taxonomy.
        groups: the first facet's branches below its top ones, by the title of the top branch.
        years: that papers have, newest first.
        venues: short names of venues, by alphabet.
    """

    data: str
    bibtex: str
    facets: tuple[FacetChoices, ...]
    groups: tuple[tuple[str, tuple[Choice, ...]], ...]
    years: tuple[str, ...]
    venues: tuple[str, ...]


def survey_table(
    papers: Mapping[str, Paper],
    views: Mapping[str, PaperView],
    taxonomy: Taxonomy,
    venue_series: Callable[[str], str],
) -> SurveyTable:
    """The table of `views`, in their order.

    Args:
        papers: records by key.
        views: what pages show of them, by key.
        venue_series: gives a venue's short name without the year.
    """
    series = {key: venue_series(view.row.venue) if view.row.venue else "" for key, view in views.items()}
    numbers = {branch: number for number, branch in enumerate(taxonomy.branches)}
    rows = [_row(papers[key], view, series[key], numbers) for key, view in views.items()]
    facets = [facet.id for facet in taxonomy.facets]
    branches = [
        [id, placed.title, facets.index(placed.facet), page_of_branch(id).removesuffix(".md") + ".html"]
        for id, placed in taxonomy.branches.items()
    ]
    signs = {state: sign for state, (sign, _) in BADGES.items()}
    return SurveyTable(
        data=_lines(
            {"format": FORMAT, "facets": facets, "branches": branches, "signs": signs, "columns": COLUMNS},
            rows,
        ),
        bibtex=_json({key: view.bibtex for key, view in views.items()}) + "\n",
        facets=tuple(
            FacetChoices(
                facet.id,
                address_name(facet.id),
                facet.title,
                tuple(Choice(top.id, top.title) for top in facet.branches),
            )
            for facet in taxonomy.facets
        ),
        groups=_groups(taxonomy),
        years=tuple(sorted({view.row.year for view in views.values()} - {NO_YEAR}, reverse=True)),
        venues=tuple(sorted(set(series.values()) - {""}, key=lambda name: (name.casefold(), name))),
    )


def address_name(facet: str) -> str:
    """What the page's address calls a facet's filter."""
    return f"facet-{facet}" if facet in _TAKEN else facet


def plain_text(prose: Prose) -> str:
    """Prose without its links, a paragraph a line."""
    return "\n".join(visible("".join(span.text for span in paragraph)) for paragraph in prose)


def _row(paper: Paper, view: PaperView, series: str, numbers: Mapping[str, int]) -> list[Any]:
    row, cells = view.row, view.cells
    standing: dict[str, list[int]] = {"confirmed": [], "proposed": []}
    for label in view.labels:
        if label.standing in standing:
            standing[label.standing].append(numbers[label.branch])
    texts = [view.review.summary, *((cells.focus, cells.contribution, cells.limitations) if cells else ())]
    found: list[Any] = [
        row.key,
        visible(row.title),
        visible(row.byline),
        [visible(author.name) for author in view.authors],
        row.published,
        visible(row.venue or ""),
        visible(series),
        standing["confirmed"],
        standing["proposed"],
        [url for url in paper.links.code if is_safe_url(url)],
        row.review_state or "",
        dict(view.verdicts),
        "withdrawn" if row.withdrawn else "stub" if row.stub else "",
        paper.identifiers.arxiv_id or "",
        paper.identifiers.doi or "",
        *map(plain_text, texts),
    ]
    while not found[-1]:  # the key is never empty
        found.pop()
    return found


def _groups(taxonomy: Taxonomy) -> tuple[tuple[str, tuple[Choice, ...]], ...]:
    groups: dict[str, list[Choice]] = {top.id: [] for top in taxonomy.facets[0].branches}
    for id in taxonomy.branches:
        above = taxonomy.ancestors(id)
        if above[-1] in groups and len(above) > 1:
            titles = [taxonomy.branches[each].title for each in reversed(above[:-1])]
            groups[above[-1]].append(Choice(id, " › ".join(titles)))
    return tuple((taxonomy.branches[top].title, tuple(below)) for top, below in groups.items() if below)


def _lines(head: Mapping[str, Any], rows: Sequence[Sequence[Any]]) -> str:
    """`head` with the rows as "papers", one on a line, so that a change of one paper is a change of one line."""
    papers = ",\n".join(map(_json, rows))
    return f'{_json(head)[:-1]},"papers":[\n{papers}\n]}}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
