"""Atom feeds (RFC 4287) as text. Nothing here knows what the entries are about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from kb.render.escape import visible

_ATOM = "http://www.w3.org/2005/Atom"
# RFC 3339 has no date without a time. Before any paper: what has no date sorts last.
NO_DATE = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class FeedEntry:
    """One entry.

    Attributes:
        id: for ever the same, and nobody else's.
        updated, published: as `instant` makes them.
        summary: plain text.
        categories: (term, label).
        related: the address of what it is about, on another site.
    """

    id: str
    title: str
    link: str
    updated: str
    published: str | None = None
    authors: tuple[str, ...] = ()
    summary: str = ""
    categories: tuple[tuple[str, str], ...] = ()
    related: str | None = None


@dataclass(frozen=True)
class Feed:
    """A feed and its newest entries, newest first. `link` is the page that shows the same, `own` the feed itself."""

    id: str
    title: str
    subtitle: str
    link: str
    own: str
    authors: tuple[str, ...]
    entries: tuple[FeedEntry, ...]


def instant(date: str | None) -> str:
    """The first moment of a day, month or year, as RFC 3339 writes it.

    >>> instant("2025"), instant("2025-04"), instant("2025-04-07"), instant(None)
    ('2025-01-01T00:00:00Z', '2025-04-01T00:00:00Z', '2025-04-07T00:00:00Z', '1970-01-01T00:00:00Z')
    """
    if not date:
        return NO_DATE
    return f"{date}{'-01-01'[len(date) - 4 :] if len(date) < 10 else ''}T00:00:00Z"


def newest(entries: Iterable[FeedEntry], limit: int) -> tuple[FeedEntry, ...]:
    """The `limit` entries that changed last; of equals, in the order of their ids."""
    by_id = sorted(entries, key=lambda entry: entry.id)
    return tuple(sorted(by_id, key=lambda entry: entry.updated, reverse=True)[:limit])


def render_feed(feed: Feed) -> str:
    """The feed as XML. It was last updated when its newest entry was: no clock is read."""
    root = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
    _text(root, "id", feed.id)
    _text(root, "title", feed.title)
    _text(root, "subtitle", feed.subtitle)
    _text(root, "updated", max((entry.updated for entry in feed.entries), default=NO_DATE))
    ET.SubElement(root, "link", {"rel": "self", "type": "application/atom+xml", "href": feed.own})
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": feed.link})
    _people(root, feed.authors)
    for entry in feed.entries:
        _entry(ET.SubElement(root, "entry"), entry)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _entry(node: ET.Element, entry: FeedEntry) -> None:
    _text(node, "id", entry.id)
    _text(node, "title", entry.title)
    _text(node, "updated", entry.updated)
    if entry.published:
        _text(node, "published", entry.published)
    ET.SubElement(node, "link", {"rel": "alternate", "type": "text/html", "href": entry.link})
    if entry.related:
        ET.SubElement(node, "link", {"rel": "related", "href": entry.related})
    _people(node, entry.authors)
    for term, label in entry.categories:
        ET.SubElement(node, "category", {"term": term, "label": _plain(label)})
    if entry.summary:
        _text(node, "summary", entry.summary)


def _people(node: ET.Element, names: Iterable[str]) -> None:
    for name in names:
        _text(ET.SubElement(node, "author"), "name", name)


def _text(node: ET.Element, name: str, text: str) -> None:
    """Text, never markup: readers that take a title for HTML all the same find none in it that they would run."""
    ET.SubElement(node, name).text = _plain(text)


_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _plain(text: str) -> str:
    return _NOT_XML.sub("", visible(text))
