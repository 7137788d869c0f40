"""Atom feeds, read back by feedparser and by lxml."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import feedparser
import pytest
from lxml import etree

from kb.config import SiteSettings
from kb.export.bibtex import render_bibtex
from kb.pipeline.stage import read_templates
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy
from kb.render.atom import Feed, FeedEntry, instant, newest, render_feed
from kb.render.feeds import ALL, LIMIT
from kb.render.pages import render_site
from kb.render.site_input import SiteInput
from tests.library import HOSTILE, REPO, invent_papers

ATOM = "{http://www.w3.org/2005/Atom}"
TAXONOMY = load_taxonomy(REPO / "taxonomy.yaml")
TEMPLATES = read_templates(REPO)
SITE = SiteSettings(
    title="A <survey> & more", url="https://example.org/kb", citation_authors=("Ada Almeida",)
)


def feeds(papers: list[Paper], settings: SiteSettings = SITE, **given: Any) -> dict[str, str]:
    site = render_site(
        replace(
            SiteInput(
                papers={paper.key: paper for paper in papers},
                taxonomy=TAXONOMY,
                settings=settings,
                templates=TEMPLATES,
                bibtex=render_bibtex,
            ),
            **given,
        )
    )
    return {path: text for path, text in site.pages.items() if path.startswith("feeds/")}


def read(text: str) -> Any:
    """What a feed reader makes of it; it has nothing to complain of."""
    found = feedparser.parse(text.encode())
    assert not found.bozo, found.get("bozo_exception")
    assert found.version == "atom10"
    return found


def required(text: str) -> None:
    """What RFC 4287, 4.1.1 and 4.1.2, ask for."""
    root = etree.fromstring(text.encode())
    assert root.tag == f"{ATOM}feed"
    for node in (root, *root.findall(f"{ATOM}entry")):
        for once in ("id", "title", "updated"):
            assert len(node.findall(ATOM + once)) == 1, once
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", node.findtext(f"{ATOM}updated") or "")
        assert re.match(r"https://|urn:uuid:", node.findtext(f"{ATOM}id") or "")
        assert [link.get("rel") for link in node.findall(f"{ATOM}link")].count("alternate") == 1
        assert all(author.findtext(f"{ATOM}name") for author in node.findall(f"{ATOM}author"))
    assert [link.get("rel") for link in root.findall(f"{ATOM}link")].count("self") == 1
    assert root.findall(f"{ATOM}author")
    ids = [entry.findtext(f"{ATOM}id") for entry in root.findall(f"{ATOM}entry")]
    assert len(ids) == len(set(ids))


def test_every_feed_is_valid_and_readable() -> None:
    """There is a feed of all papers, one of what changed and one of each branch, each with what the RFC asks for."""
    made = feeds(invent_papers(30))
    assert set(made) == {
        ALL,
        "feeds/changes.xml",
        *(f"feeds/branches/{branch}.xml" for branch in TAXONOMY.branches),
    }
    for text in made.values():
        required(text)
        read(text)


def test_hostile_titles_come_back_as_they_were() -> None:
    """Markup in a title is text to a reader; characters that XML cannot hold are dropped."""
    titles = [*HOSTILE, "]]> <!-- \ufffe& \U0001f600"]
    papers = [
        Paper.from_data(f"a2025b{chr(97 + n)}", {"title": " ".join(t.split())}) for n, t in enumerate(titles)
    ]
    entries = etree.fromstring(feeds(papers)[ALL].encode()).findall(f"{ATOM}entry")
    assert {entry.findtext(f"{ATOM}title") for entry in entries} == {
        p.title.replace("\ufffe", "") for p in papers
    }
    assert all(entry.findall(f"{ATOM}title/*") == [] for entry in entries)


def test_dates_are_those_of_the_records() -> None:
    """An entry was updated when its paper or its review was; a feed when its newest entry was; no clock is read."""
    papers = [
        Paper.from_data(
            "a2025b", {"title": "Old", "dates": {"published": "2024-05", "updated": "2024-06-01"}}
        ),
        Paper.from_data("c2025d", {"title": "None"}),
        Paper.from_data(
            "e2025f", {"title": "Reviewed", "dates": {"published": "2023"}, "review": {"date": "2026-01-02"}}
        ),
    ]
    found = read(feeds(papers)[ALL])
    assert [(entry.title, entry.updated) for entry in found.entries] == [
        ("Reviewed", "2026-01-02T00:00:00Z"),
        ("Old", "2024-06-01T00:00:00Z"),
        ("None", "1970-01-01T00:00:00Z"),
    ]
    assert found.feed.updated == "2026-01-02T00:00:00Z"
    assert found.entries[1].published == "2024-05-01T00:00:00Z"


def test_ids_stay_when_a_paper_changes() -> None:
    """The id of an entry depends on the key alone: its page's address, or a UUID while there is none."""
    before, after = ({"title": "A"}, {"title": "B", "dates": {"updated": "2026"}})
    for settings in (SITE, SiteSettings(title="S")):
        ids = [
            read(feeds([Paper.from_data("a2025b", data)], settings)[ALL]).entries[0].id
            for data in (before, after)
        ]
        assert ids[0] == ids[1]
    assert (
        read(feeds([Paper.from_data("a2025b", before)])[ALL]).entries[0].id
        == "https://example.org/kb/papers/a2025b.html"
    )


def test_a_branch_has_its_own_papers_and_those_below() -> None:
    """A rejected label puts a paper into no feed; a label of a sub-branch puts it into the direction's feed."""

    def labelled(key: str, branch: str, state: str) -> Paper:
        return Paper.from_data(
            key, {"title": key, "labels": [{"branch": branch, "by": "person", "source": "A", "state": state}]}
        )

    made = feeds(
        [labelled("a2025b", "smaller/quantization", "confirmed"), labelled("c2025d", "smaller", "rejected")]
    )
    for branch in ("smaller", "smaller/quantization"):
        assert [entry.title for entry in read(made[f"feeds/branches/{branch}.xml"]).entries] == ["a2025b"]
    assert read(made["feeds/branches/shorter.xml"]).entries == []


def test_the_feed_of_a_renamed_branch_goes_on() -> None:
    """Whoever follows the old name gets what the new one has."""
    moved = TAXONOMY.model_copy(update={"redirects": {"lighter": "smaller"}})
    made = feeds(invent_papers(12), taxonomy=moved)
    assert made["feeds/branches/lighter.xml"] == made["feeds/branches/smaller.xml"]


def test_a_feed_is_cut_at_its_newest_entries() -> None:
    """A feed of a large survey stays small."""
    assert len(read(feeds(invent_papers(LIMIT + 20))[ALL]).entries) == LIMIT


def test_relative_links_lead_from_the_feed_to_the_page() -> None:
    """Without an address of the site, links are relative to the feed's own place."""
    made = feeds(
        [
            Paper.from_data(
                "a2025b",
                {"title": "A", "labels": [{"branch": "smaller/quantization", "by": "list", "source": "L"}]},
            )
        ],
        SiteSettings(title="S"),
    )
    entry = etree.fromstring(made["feeds/branches/smaller/quantization.xml"].encode()).find(
        f"{ATOM}entry/{ATOM}link"
    )
    assert entry is not None
    assert entry.get("href") == "../../../papers/a2025b.html"


def test_a_withdrawn_paper_says_so() -> None:
    """A follower sees the withdrawal in the title."""
    gone = Paper.from_data(
        "a2025b", {"title": "A", "publication_state": "withdrawn", "withdrawn_reason": "an error"}
    )
    assert read(feeds([gone])[ALL]).entries[0].title == "Withdrawn: A"


@pytest.mark.parametrize("count", [0, 1])
def test_a_feed_without_entries_has_a_date(count: int) -> None:
    """`updated` is asked for even where nothing ever happened."""
    entries = (FeedEntry("urn:x", "t", "l", instant("2025")),) * count
    text = render_feed(Feed("urn:f", "T", "S", "l", "o", ("A",), newest(entries, 5)))
    assert read(text).feed.updated == ("2025-01-01T00:00:00Z" if count else "1970-01-01T00:00:00Z")
