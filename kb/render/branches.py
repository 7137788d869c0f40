"""The branches of the taxonomy with their papers counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kb.records.models import Assignment, Paper
from kb.records.taxonomy import Taxonomy
from kb.render.views import Row, Voices, page_of_branch, standings, voices_of


@dataclass(frozen=True)
class Entry:
    """A paper in a branch or below it: `confirmed` by a person, or proposed; and by whom."""

    row: Row
    confirmed: bool
    voices: Voices = field(default_factory=Voices)


@dataclass(frozen=True)
class Year:
    """The papers of one year, newest first. `page` is set where they have a page of their own."""

    title: str
    page: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class BranchView:
    """A branch, its sub-branches included in the counts."""

    id: str
    page: str
    title: str
    description: str
    trail: tuple[tuple[str, str], ...]  # (title, page) of each branch above it, outermost first
    children: tuple[BranchView, ...]
    entries: tuple[Entry, ...]

    @property
    def total(self) -> int:
        return len(self.entries)

    @property
    def confirmed(self) -> int:
        return sum(entry.confirmed for entry in self.entries)

    @property
    def proposed(self) -> int:
        return self.total - self.confirmed


@dataclass(frozen=True)
class FacetView:
    id: str
    title: str
    description: str
    branches: tuple[BranchView, ...]


def view_facets(
    taxonomy: Taxonomy, papers: Mapping[str, Paper], rows: Mapping[str, Row]
) -> tuple[FacetView, ...]:
    """Every facet with its branches and their papers. `rows` are in the order in which to list them."""
    members: dict[str, dict[str, list[Assignment]]] = {branch: {} for branch in taxonomy.branches}
    for key in rows:
        live = {branch for branch, state in standings(papers[key]).items() if state != "rejected"}
        for label in papers[key].labels:
            for above in taxonomy.ancestors(label.branch) if label.branch in live else ():
                members[above].setdefault(key, []).append(label)
    views: dict[str, BranchView] = {}
    for placed in reversed(taxonomy.branches.values()):  # children before their parents
        trail = tuple(reversed(taxonomy.ancestors(placed.id)[1:]))
        views[placed.id] = BranchView(
            id=placed.id,
            page=page_of_branch(placed.id),
            title=placed.title,
            description=placed.branch.description,
            trail=tuple((taxonomy.branches[up].title, page_of_branch(up)) for up in trail),
            children=tuple(views[f"{placed.id}/{child.id}"] for child in placed.branch.branches),
            entries=tuple(
                Entry(rows[key], any(x.state == "confirmed" for x in labels), voices_of(labels))
                for key, labels in members[placed.id].items()
            ),
        )
    return tuple(
        FacetView(facet.id, facet.title, facet.description, tuple(views[top.id] for top in facet.branches))
        for facet in taxonomy.facets
    )


def walk(branches: tuple[BranchView, ...]) -> list[BranchView]:
    """Every branch below and among `branches`, parents before children."""
    found: list[BranchView] = []
    for branch in branches:
        found += [branch, *walk(branch.children)]
    return found


def by_year(entries: tuple[Entry, ...], folder: str) -> tuple[Year, ...]:
    """`entries` grouped by year, newest first; each year's own page would be ``<folder>/<year>.md``."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.row.year, []).append(entry)
    return tuple(
        Year(year_title(year), f"{folder}/{year}.md", tuple(groups[year]))
        for year in sorted(groups, reverse=True)
    )


def year_title(year: str) -> str:
    return year if year != "0" else "No date"
