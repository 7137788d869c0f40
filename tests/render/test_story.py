"""What a paper's page says of its versions, of what happened to it, and of who says what."""

from __future__ import annotations

from typing import Any

from kb.pipeline.query import provenance
from kb.reconcile.rows import Row
from kb.records.models import Paper
from kb.render.events import Event, History
from kb.render.story import review_is_older, tell
from kb.sources.entry import EntryAuthor, SourceEntry
from tests.library import HOSTILE
from tests.render.test_pages import TAXONOMY, paper, render

IDS = {"arxiv_id": "2504.04823", "arxiv_version": 3}
DATES = {"published": "2025-04-07", "updated": "2025-06-01"}
CARD = dict.fromkeys(("problem", "approach", "insight", "critique", "reviewer"), "x") | {"state": "done"}


def event(kind: str, day: str, **fields: str) -> Event:
    return Event(f"{day}T10:00:00Z", kind, "a2020b", "c" * 40, **fields)


def versions(**fields: Any) -> list[tuple[int, str | None, bool, tuple[str, ...]]]:
    found = tell(paper(**fields), (), {}, TAXONOMY, has_claims=True).versions
    return [(each.number, each.date, each.newest, each.about) for each in found]


def test_versions_that_are_known_are_listed_with_what_speaks_of_them() -> None:
    """The first, the newest, those that claims were read in; dates only of the first and the newest."""
    claims = [
        {"id": f"c{n}", "statement": "x", "arxiv_version": version} for n, version in enumerate((2, 2, 3))
    ]
    review = {**CARD, "date": "2025-05-01"}
    assert versions(identifiers=IDS, dates=DATES, claims=claims, review=review) == [
        (1, "2025-04-07", False, ()),
        (2, None, False, ("2 claims of it",)),
        (3, "2025-06-01", True, ("1 claim of it", "the review is older")),
    ]
    assert versions(identifiers={"arxiv_id": "2504.04823"}, dates=DATES) == []  # the facts have it
    assert versions(identifiers={"doi": "10.1145/3666122"}, dates=DATES) == []


def test_a_review_is_older_only_where_the_dates_say_so() -> None:
    """A year alone is not before a day of that year; a stub is no review."""
    for date, updated, expected in (
        ("2025-05-01", "2025-06-01", True),
        ("2025", "2025-06-01", False),
        ("2024", "2025-06-01", True),
        ("2025-06-01", "2025-06", False),
    ):
        assert review_is_older(paper(review={**CARD, "date": date}, dates={"updated": updated})) is expected
    assert not review_is_older(paper(review={"state": "stub", "date": "2020"}, dates={"updated": "2025"}))


def test_the_page_tells_what_happened_oldest_first() -> None:
    """From the day it came in; verdicts lead to their claims, labels to their branches; of other papers nothing."""
    history = History(
        (
            event("verdict", "2026-01-05", claim="c1", before="untested", after="supported"),
            event("verdict", "2026-01-05", claim="gone", before="untested", after="supported"),
            event("label", "2026-01-04", branch="shorter/rl", before="proposed", after="confirmed"),
            event("published", "2026-01-03"),
            Event("2026-01-02T10:00:00Z", "new", "other2020x", "d" * 40),
            event("new", "2026-01-01"),
        ),
        "git",
    )
    page = render(paper(claims=[{"id": "c1", "statement": "It is short."}]), history=history).pages[
        "papers/a2020b.md"
    ]
    part = page.split("### In the survey { #what-changed }")[1].split("##")[0]
    lines = [line for line in part.splitlines() if line.startswith("- ")]
    assert [line[2:12] for line in lines] == ["2026-01-01", "2026-01-03", "2026-01-04", "2026-01-05"]
    assert lines[:2] == [
        "- 2026-01-01: The record came into the survey",
        "- 2026-01-03: The preprint was published",
    ]
    assert "](../branches/shorter/rl.md): proposed → confirmed" in lines[2]
    assert "It is short" in lines[3]


def row(source: str, **fields: Any) -> Row:
    return Row(entry=SourceEntry(source=source, entry_id="1", **fields), paper="a2020b")


def test_each_field_names_who_says_so() -> None:
    """Sources that say the same stand together; what none of them says is a person's, and comes last."""
    record = paper(
        identifiers={"arxiv_id": "2504.04823"}, venue="ACL 2025", review={"summary": "x", "problem": "y"}
    )
    rows = [
        row(
            "arxiv",
            title="A Title",
            authors=(EntryAuthor(name="Ada Almeida"),),
            identifiers={"arxiv_id": "2504.04823"},
        ),
        row("awesome_list:some/list", title="A Title", identifiers={"arxiv_id": "2504.04823"}),
    ]
    told = tell(record, (), provenance({"a2020b": record}, rows)["a2020b"], TAXONOMY, has_claims=False).told
    by = {each.who: each.fields for each in told}
    assert by["arxiv", "some/list"] == ("title", "arXiv id", "state")
    assert by["arxiv",] == ("authors",)
    assert by["person",][-1] == "review card"
    assert "venue" in by["person",]
    assert told[-1].person
    said = {"review.summary": ["survey_readme"], "review.insight": ["person"], "title": ["survey_readme"]}
    told = tell(record, (), said, TAXONOMY, has_claims=False).told
    assert [each.fields for each in told] == [("title", "review card (summary)"), ("review card (insight)",)]
    page = render(record, provenance={"a2020b": said}).pages["papers/a2020b.md"]
    assert "- a survey&#39;s README: title" in page or "- a survey's README: title" in page


def test_the_page_says_first_what_the_paper_is_about_and_always_where_to_edit() -> None:
    """Summary line, facts, card; the line stands once; the record and its link are among the facts of every paper."""
    given = paper(review={"state": "draft", "summary": "One line."}), paper("c2020d")
    pages = render(*given, provenance={"a2020b": {"title": ["some/list"]}}).pages
    page = pages["papers/a2020b.md"]
    assert page.count("One line.") == 1
    order = [
        "One line.",
        'class="kb-facts"',
        "## Review card",
        "## Labels",
        "## Versions and sources",
        "## Cite",
    ]
    assert [page.index(part) for part in order] == sorted(page.index(part) for part in order)
    assert "- some/list: title" in page
    for key in ("a2020b", "c2020d"):
        facts = pages[f"papers/{key}.md"].split('class="kb-facts"')[1].split("</div>")[0]
        assert f'href="https://github.com/example/survey/edit/main/papers/{key}.yaml"' in facts
    assert "Versions and sources" not in pages["papers/c2020d.md"]


def test_hostile_words_stay_words() -> None:
    """A source's name, a claim and a branch of former times that are markup are text."""
    for text in HOSTILE:
        given: Paper = paper(claims=[{"id": "c1", "statement": text}])
        history = History(
            (
                event("verdict", "2026-01-05", claim="c1", before=text, after=text),
                event("label", "2026-01-04", branch=text, before=text, after=text),
            ),
            "git",
        )
        page = render(given, history=history, provenance={"a2020b": {"title": [text]}}).pages[
            "papers/a2020b.md"
        ]
        part = page.split("## Versions and sources")[1].split("## Cite")[0]
        assert "<script" not in part
        assert "<img" not in part
        assert "](javascript:" not in part
        assert "{{" not in part
