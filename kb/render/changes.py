"""What changed in the survey: a page a year, and a feed. Every event stands once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from kb.config import SiteSettings
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.render.addresses import Addresses
from kb.render.atom import Feed, FeedEntry, newest, render_feed
from kb.render.events import KINDS, Event, History
from kb.render.views import page_of_branch, page_of_claim, page_of_paper

PAGE = "changes.md"
FEED = "feeds/changes.xml"
LIMIT = 100
MANY = 12
"""More events of one kind in one commit are one entry of the feed, and are folded on the page."""
_SAID = {
    "new": "New",
    "gone": "Taken out",
    "published": "Published",
    "withdrawn": "Withdrawn",
    "restored": "No longer withdrawn",
    "reviewed": "Reviewed",
}


@dataclass(frozen=True)
class Line:
    """An event as it is shown: `words` lead to `page`, if there is one; `branch` is (title, page)."""

    words: str
    page: str | None
    before: str
    after: str
    branch: tuple[str, str | None] | None = None


@dataclass(frozen=True)
class Day:
    """`groups`: kind, heading and lines, in the order of `KINDS`."""

    date: str
    groups: tuple[tuple[str, str, tuple[Line, ...]], ...]


@dataclass(frozen=True)
class YearOfChanges:
    title: str
    page: str
    total: int
    days: tuple[Day, ...]


@dataclass(frozen=True)
class Changes:
    """Turns events into pages and entries.

    Attributes:
        papers: as they are now; an event may be of one that is gone.
        pages: paths that there are, relative to docs/: what is not among them is not linked to.
    """

    history: History
    papers: Mapping[str, Paper]
    taxonomy: Taxonomy
    pages: Mapping[str, str]
    settings: SiteSettings

    def years(self) -> tuple[YearOfChanges, ...]:
        """Newest first; the newest one's page is `PAGE`, the others' stand under changes/."""
        found: list[YearOfChanges] = []
        for year, events in groupby(self._by_day(), key=lambda event: event.at[:4]):
            of_year = list(events)
            days = tuple(
                Day(day, tuple(self._groups(list(of_day))))
                for day, of_day in groupby(of_year, key=lambda event: event.at[:10])
            )
            found.append(YearOfChanges(year, f"changes/{year}.md" if found else PAGE, len(of_year), days))
        return tuple(found)

    def _by_day(self) -> list[Event]:
        return sorted(self.history.events, key=lambda event: event.at[:10], reverse=True)

    def _groups(self, events: Sequence[Event]) -> list[tuple[str, str, tuple[Line, ...]]]:
        return [
            (kind, heading, lines)
            for kind, heading in KINDS.items()
            if (lines := tuple(self.line(event) for event in events if event.kind == kind))
        ]

    def line(self, event: Event) -> Line:
        paper = self.papers.get(event.paper)
        words = paper.title if paper else event.title or event.paper
        page = self._there(page_of_paper(event.paper), f"papers/{event.paper}.html")
        branch = None
        if event.kind == "verdict":
            claims = {claim.id: claim.statement for claim in paper.claims} if paper else {}
            words = claims.get(event.claim, f"{event.paper}/{event.claim}")
            page = self._there(page_of_claim(event.paper, event.claim))
        elif event.kind == "label":
            placed = self.taxonomy.branches.get(event.branch)
            title = placed.title if placed else event.branch
            branch = (title, self._there(page_of_branch(event.branch)))
        return Line(" ".join(words.split()), page, event.before, event.after, branch)

    def _there(self, *paths: str) -> str | None:
        return next((path for path in paths if path in self.pages), None)

    def feed(self) -> str:
        """The events as a feed: an entry each, or one for all of a kind where a commit brings many."""
        at = Addresses(self.settings)
        entries: list[FeedEntry] = []
        for (commit, _), group in groupby(self.history.events, key=lambda event: (event.commit, event.kind)):
            events = list(group)
            if commit and len(events) > MANY:
                entries.append(self._bundle(events, at))
            else:
                entries += [self._entry(event, at) for event in events]
        authors = self.settings.citation_authors or (self.settings.title,)
        title, said = f"{self.settings.title}: what changed", "Papers, reviews, labels and verdicts."
        link, own = at.of(PAGE, FEED), at.of(FEED, FEED)
        return render_feed(Feed(at.name(FEED), title, said, link, own, authors, newest(entries, LIMIT)))

    def _entry(self, event: Event, at: Addresses) -> FeedEntry:
        line = self.line(event)
        if line.branch:
            said = f"{line.branch[0]} {_standing(event)}"
        elif event.kind == "verdict":
            said = f"{event.before} → {event.after}"
        else:
            said = _SAID[event.kind]
        return FeedEntry(
            at.name(f"changes/{event.name}"),
            f"{said}: {line.words}",
            at.of(line.page or PAGE, FEED),
            event.at,
            event.at,
            categories=((event.kind, KINDS[event.kind]),),
        )

    def _bundle(self, events: Sequence[Event], at: Addresses) -> FeedEntry:
        first = events[0]
        page = f"{at.of(PAGE, FEED)}#day-{first.at[:10]}"
        named = "; ".join(self.line(event).words for event in events[:MANY])
        return FeedEntry(
            at.name(f"changes/{first.commit}/{first.kind}"),
            f"{KINDS[first.kind]}: {len(events):,}",
            page,
            first.at,
            first.at,
            summary=f"{named}; and {len(events) - MANY:,} more",
            categories=((first.kind, KINDS[first.kind]),),
        )


def _standing(event: Event) -> str:
    return event.after if event.after != "proposed" else f"no longer {event.before}"
