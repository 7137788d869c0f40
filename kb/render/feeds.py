"""Feeds of papers: of all, and of each branch (a direction is a branch), its sub-branches included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kb.config import SiteSettings
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.render.addresses import Addresses
from kb.render.atom import Feed, FeedEntry, instant, newest, render_feed
from kb.render.branches import FacetView, walk
from kb.render.views import PaperView

ALL = "feeds/all.xml"
LIMIT = 50
"""Entries of a feed. Whoever reads it once in a while misses nothing; the whole survey is in the API."""


def feed_of_branch(branch: str) -> str:
    """Where the feed of a branch is, relative to docs/."""
    return f"feeds/branches/{branch}.xml"


def paper_feeds(
    papers: Mapping[str, Paper],
    views: Mapping[str, PaperView],
    facets: Iterable[FacetView],
    taxonomy: Taxonomy,
    settings: SiteSettings,
) -> Iterator[tuple[str, str]]:
    """Every feed: path relative to docs/, and text. One of a branch that moved stays, and says what the new one says."""
    at = Addresses(settings)
    authors = settings.citation_authors or (settings.title,)

    def feed(path: str, title: str, subtitle: str, page: str, keys: Iterable[str]) -> str:
        entries = newest((_entry(papers[key], views[key], at, path) for key in keys), LIMIT)
        link, own = at.of(page, path), at.of(path, path)
        return render_feed(Feed(at.name(path), title, subtitle, link, own, authors, entries))

    yield ALL, feed(ALL, settings.title, "Papers, newest first.", "index.md", views)
    texts: dict[str, str] = {}
    for branch in (branch for facet in facets for branch in walk(facet.branches)):
        path = feed_of_branch(branch.id)
        title = f"{settings.title}: {branch.title}"
        keys = [entry.row.key for entry in branch.entries]
        texts[branch.id] = feed(path, title, branch.description, branch.page, keys)
        yield path, texts[branch.id]
    for old in sorted(taxonomy.redirects.keys() - taxonomy.branches.keys()):
        if (now := taxonomy.final_branch(old)) is not None:
            yield feed_of_branch(old), texts[now]


def _entry(paper: Paper, view: PaperView, at: Addresses, here: str) -> FeedEntry:
    dates = (paper.dates.published, paper.dates.updated, paper.review.date if paper.review else None)
    labels = [label for label in view.labels if label.standing != "rejected"]
    return FeedEntry(
        id=at.name(view.row.page),
        title=paper.title if not view.row.withdrawn else f"Withdrawn: {paper.title}",
        link=at.of(view.row.page, here),
        updated=max(map(instant, dates)),
        published=instant(paper.dates.published) if paper.dates.published else None,
        authors=tuple(author.name for author in paper.authors),
        summary=" ".join(span.text for paragraph in view.review.summary for span in paragraph),
        categories=tuple((label.branch, label.title) for label in labels),
        related=view.identifiers[0].url if view.identifiers else None,
    )
