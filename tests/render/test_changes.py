"""The pages and the feed of what changed."""

from __future__ import annotations

import re
from typing import Any

import feedparser
import pytest

from kb.config import SiteSettings
from kb.export.bibtex import render_bibtex
from kb.pipeline.stage import read_templates
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy
from kb.render.changes import FEED, LIMIT, MANY, PAGE
from kb.render.events import KINDS, Event, History
from kb.render.pages import render_site
from kb.render.site_input import SiteInput
from tests.library import HOSTILE, REPO, invent_papers
from tests.render.kit import findings, result

TEMPLATES = read_templates(REPO)
TAXONOMY = load_taxonomy(REPO / "taxonomy.yaml")
CLAIM = {
    "id": "c",
    "statement": "Rounding is free.",
    "relation": "non_inferior",
    "margin": 1.0,
    "variant": {"method": ["awq"]},
}


def pages(*events: Event, papers: list[Paper] | None = None, **given: Any) -> dict[str, str]:
    return render_site(
        SiteInput(
            papers={paper.key: paper for paper in (papers if papers is not None else invent_papers(30))},
            taxonomy=TAXONOMY,
            settings=SiteSettings(title="S", url="https://example.org"),
            templates=TEMPLATES,
            bibtex=render_bibtex,
            **({"history": History(events, "git")} | given),
        )
    ).pages


def event(day: str, kind: str = "new", paper: str = "a2025b", commit: str = "c0", **said: str) -> Event:
    return Event(f"{day}T10:00:00Z", kind, paper, commit, **said)


def entries(site: dict[str, str]) -> list[Any]:
    found = feedparser.parse(site[FEED].encode())
    assert not found.bozo
    return list(found.entries)


def test_every_event_stands_once_on_the_pages_and_once_in_the_feed() -> None:
    """The newest year is on the page, each older one on its own; no event is on two of them."""
    papers = invent_papers(30)
    many = [
        event(f"202{3 + n % 3}-01-{n + 1:02d}", list(KINDS)[n % 6], papers[n].key, f"c{n}") for n in range(30)
    ]
    many.sort(key=lambda each: each.at, reverse=True)
    site = pages(*many, papers=papers)
    shown = [path for path in site if path == PAGE or path.startswith("changes/")]
    assert shown == ["changes.md", "changes/2023.md", "changes/2024.md"]
    text = "".join(site[path] for path in shown)
    for paper in papers:
        assert len(re.findall(rf"^- .*papers/{paper.key}\.md", text, re.M)) == 1
    assert len({entry.id for entry in entries(site)}) == 30
    assert [entry.updated for entry in entries(site)] == [each.at for each in many]
    assert "changes/2024.md" in site[PAGE]
    assert "changes/2023.md" in site[PAGE]


def test_many_events_of_one_commit_are_folded() -> None:
    """A large import is one entry of the feed, and one fold of the page; nothing else is pushed out."""
    papers = invent_papers(MANY + 1)
    made = pages(
        *(event("2025-01-02", "new", paper.key) for paper in papers),
        event("2025-01-01", "reviewed", papers[0].key),
        papers=papers,
    )
    assert [entry.title for entry in entries(made)] == [
        f"New papers: {MANY + 1}",
        f"Reviewed: {papers[0].title}",
    ]
    assert entries(made)[0].link == "https://example.org/changes.html#day-2025-01-02"
    assert "{ #day-2025-01-02 }" in made[PAGE]
    assert made[PAGE].count("<details") == 1


def test_a_feed_of_changes_is_cut() -> None:
    """Only the newest entries are in the feed."""
    made = pages(*(event(f"2025-01-0{n % 9 + 1}", "reviewed", commit=f"c{n}") for n in range(LIMIT + 9)))
    assert len(entries(made)) == LIMIT


def test_what_is_gone_is_named_and_not_linked() -> None:
    """A record that was taken out is named by its last title; one that was merged leads to where its page sends on."""
    gone = [
        event("2025-01-02", "gone", "x2020gone", title="Once"),
        event("2025-01-01", "gone", "y2020gone", title="Twice"),
    ]
    made = pages(*gone, merged=(("y2020gone", invent_papers(1)[0].key),))
    assert "- Once\n" in made[PAGE]
    assert "- [Twice](papers/y2020gone.html)\n" in made[PAGE]


def test_a_verdict_leads_to_its_claim() -> None:
    """Both verdicts are shown; an old name of a verdict and a claim that is gone are shown as text."""
    paper = Paper.from_data("a2020b", {"title": "A", "claims": [CLAIM]})
    flips = (
        event("2025-01-03", "verdict", "a2020b", claim="c", before="supported", after="refuted"),
        event("2025-01-02", "verdict", "a2020b", claim="old", before="unclear", after="refuted"),
    )
    made = pages(*flips, papers=[paper], findings=findings([paper], [result()]))
    assert '[Rounding is free.](claims/a2020b/c.md) <span class="kb-badge kb-badge-supported">' in made[PAGE]
    assert re.search(r"^- a2020b/old unclear → <span", made[PAGE], re.M)
    assert [entry.title for entry in entries(made)] == [
        "supported → refuted: Rounding is free.",
        "unclear → refuted: a2020b/old",
    ]


def test_a_label_names_its_branch() -> None:
    """Confirmed, and taken back; a branch that is no more is named and not linked."""
    labels = (
        event("2025-01-03", "label", branch="smaller", before="proposed", after="confirmed"),
        event("2025-01-02", "label", branch="nowhere", before="rejected", after="proposed"),
    )
    made = pages(*labels, papers=[Paper.from_data("a2025b", {"title": "A"})])
    assert "- [A](papers/a2025b.md) in [Smaller](branches/smaller.md): proposed → confirmed\n" in made[PAGE]
    assert "- [A](papers/a2025b.md) in nowhere: rejected → proposed\n" in made[PAGE]
    assert [entry.title for entry in entries(made)] == [
        "Smaller confirmed: A",
        "nowhere no longer rejected: A",
    ]


@pytest.mark.parametrize("title", HOSTILE)
def test_hostile_titles_are_inert(title: str) -> None:
    """Titles of papers that are there and of those that are gone are text, on the page and in the feed."""
    paper = Paper.from_data("a2025b", {"title": title})
    made = pages(event("2025-01-02"), event("2025-01-01", "gone", "x2020gone", title=title), papers=[paper])
    assert "<script>" not in made[PAGE]
    assert "onerror=" not in made[PAGE]
    assert re.search(rb"<(script|img)", made[FEED].encode()) is None


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (History((), "records"), "without a git history"),
        (History((), "shallow", "2025-01-02"), "shallow clone, which begins on 2025-01-02"),
        (History((), "git"), "Nothing to list yet"),
    ],
)
def test_the_page_says_what_it_does_not_know(history: History, said: str) -> None:
    """Without git, or with a part of the history alone, the page says so; the feed is there all the same."""
    made = pages(history=history)
    assert said in made[PAGE]
    assert entries(made) == []
