"""Every picture of the survey by name: where it stands in a page, and its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kb.config import SiteSettings
from kb.records.models import Paper
from kb.render.addresses import html_of
from kb.render.branches import BranchView, Entry, FacetView
from kb.render.charts.chart import Chart, Table, as_file
from kb.render.charts.filters import Filter
from kb.render.charts.growth import growth
from kb.render.charts.html import figure, file_of
from kb.render.charts.progress import coverage
from kb.render.charts.svg import Link
from kb.render.charts.timeline import timeline
from kb.render.charts.tree import Node, tree_panel
from kb.render.env import count_text
from kb.render.escape import SafeText
from kb.render.events import History
from kb.render.findings import Findings
from kb.render.places import Places
from kb.render.survey_table import PAGE as TABLE
from kb.render.survey_table import address_name


@dataclass(frozen=True)
class Pictures:
    """All charts, in the order of the page that gathers them, and the page on which each stands.

    Attributes:
        filters: of the charts of differences.
    """

    charts: Mapping[str, Chart]
    pages: Mapping[str, str]
    filters: tuple[Filter, ...] = ()

    def show(self, name: str, here: str) -> SafeText:
        """A chart on the page `here`; nothing if there is no such chart."""
        chart = self.charts.get(name)
        return figure(chart, here) if chart else SafeText("")

    def file(self, name: str, suffix: str) -> str:
        """Where a chart's file stands, relative to docs/."""
        return file_of(self.charts[name], suffix)

    def files(self, settings: SiteSettings) -> dict[str, str]:
        """Each chart as a picture and as figures, by path relative to docs/."""
        link = _outside(settings.url)
        made = {}
        for chart in self.charts.values():
            made[file_of(chart, "svg")] = as_file(chart, link)
            made[file_of(chart, "csv")] = chart.csv
        return made


def pictures_of(
    facets: Sequence[FacetView],
    every: Sequence[Entry],
    papers: Mapping[str, Paper],
    found: Findings,
    history: History,
    places: Places,
) -> Pictures:
    """All that there is something to show for.

    Args:
        facets: with papers counted.
        every: all papers, each confirmed if any of its labels is.
    """
    charts: list[tuple[str, Chart]] = []
    first = facets[0]
    facet = address_name(first.id)
    title = f"Papers by {first.title.lower()} and quarter"
    charts += _named("index.md", timeline("timeline", title, first.branches, TABLE, facet))
    for top in first.branches:
        title = f"{top.title}: papers by quarter"
        charts += _named(top.page, timeline(f"timeline-{top.id}", title, [top], TABLE, facet))
    charts += [("taxonomy.md", taxonomy_tree(facet)) for facet in facets]
    filters: tuple[Filter, ...] = ()
    if found.effects:
        from kb.render.charts.results import result_charts  # brings statistics with it

        made, filters = result_charts(found, places)
        charts += made
    verdicts: dict[str, list[str]] = {}
    for judged in found.judged:
        verdicts.setdefault(judged.verdict.paper, []).append(judged.state)
    charts += _named("progress.md", coverage(first.branches, every, papers, verdicts))
    charts += _named("progress.md", growth(history, papers))
    return Pictures(
        {chart.name: chart for _, chart in charts}, {chart.name: page for page, chart in charts}, filters
    )


def taxonomy_tree(facet: FacetView) -> Chart:
    """A facet's branches with their papers counted."""
    every = {entry.row.key for branch in facet.branches for entry in branch.entries}
    root = Node(f"{facet.title} ({len(every):,})", tuple(map(_node, facet.branches)))
    return Chart(
        f"taxonomy-{facet.id}",
        f"Taxonomy: {facet.title}",
        "A branch's papers in parentheses, those of its sub-branches included, and how many of them a person confirmed there.",
        (tree_panel(root, facet.title),),
        Table(("Branch", "papers", "confirmed"), tuple(_lines(facet.branches))),
        across=1,
    )


def _node(branch: BranchView) -> Node:
    said = f"{branch.title}: {count_text(branch.total, 'paper')}, {branch.confirmed} confirmed"
    sure = f", {branch.confirmed:,} confirmed" if branch.confirmed else ""
    text = f"{branch.title} ({branch.total:,}{sure})"
    return Node(text, tuple(map(_node, branch.children)), page=branch.page, said=said)


def _lines(branches: Iterable[BranchView]) -> Iterator[tuple[str | float, ...]]:
    for branch in branches:
        yield (
            " › ".join([*(title for title, _ in branch.trail), branch.title]),
            branch.total,
            branch.confirmed,
        )
        yield from _lines(branch.children)


def _named(page: str, chart: Chart | None) -> list[tuple[str, Chart]]:
    return [(page, chart)] if chart else []


def _outside(url: str | None) -> Link:
    """Links of a file that is read away from the site: whole addresses, or none."""

    def link(page: str) -> str | None:
        path, sign, query = page.partition("?")
        return f"{url}/{html_of(path)}{sign}{query}" if url and path else None

    return link
