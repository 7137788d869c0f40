"""What all sources of one paper say together: precedence, not order, decides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.reconcile.fold import SCALARS, SETS, fields_of, fold, labels_of, same
from kb.reconcile.rows import Row, digest
from kb.records.models import Paper
from kb.sources.entry import EntryAuthor, EntryNote, EntryReview, SourceEntry
from tests.reconcile.invent import TAXONOMY, arxiv, entry, listed, zotero


def say(*entries: SourceEntry, abstracts: bool = False) -> dict[str, Any]:
    rows = [Row(entry=one, labels=labels_of(one, TAXONOMY)) for one in entries]
    return fold(rows, abstracts=abstracts)


def test_the_best_source_that_knows_a_field_gives_it() -> None:
    """arXiv's title and authors, Zotero's DOI, the list's link: each field by itself."""
    said = say(
        listed("a/list", "thrifty chains", arxiv_id="2504.00001", code=("https://github.com/a/b",)),
        zotero("Z", "Thrifty chains", "A. Almeida", doi="10.1/x"),
        arxiv("2504.00001", "Thrifty Chains", "Ada Almeida", "Jun Fukuda"),
    )
    assert said["title"] == "Thrifty Chains"
    assert said["authors"] == (("Ada Almeida", None), ("Jun Fukuda", None))
    assert said["identifiers.doi"] == "10.1/x"
    assert said["identifiers.arxiv_id"] == "2504.00001"
    assert said["links.code"] == ("https://github.com/a/b",)


def test_authors_with_and_without_orcid() -> None:
    """An ORCID whose check digit is right is taken; a wrong one is left out; an author without a name too."""
    people = (
        EntryAuthor(name="Ada  Almeida", orcid="https://orcid.org/0000-0002-1825-0097"),
        EntryAuthor(name="Jun Fukuda", orcid="0000-0002-1825-0098"),
        EntryAuthor(name="\u200b "),
    )
    said = say(SourceEntry(source="bibtex", entry_id="x", authors=people))
    assert said["authors"] == (("Ada Almeida", "0000-0002-1825-0097"), ("Jun Fukuda", None))


@pytest.mark.parametrize(
    ("entries", "published"),
    [
        ([zotero("Z", published="2025")], "2025"),
        ([zotero("Z", published="2024"), listed("a/list", "T", published="2025-03")], "2024"),
        ([zotero("Z", published="2025"), listed("a/list", "T", published="2025-03")], "2025-03"),
        # The identifier tells the month of the first version; a later year is the venue's.
        ([zotero("Z", published="2026", arxiv_id="2504.00001")], "2025-04"),
        ([zotero("Z", published="2025-04-09", arxiv_id="2504.00001")], "2025-04-09"),
        (
            [zotero("Z", published="2025-04-09"), arxiv("2504.00001", "T", published="2025-04-07")],
            "2025-04-07",
        ),
        ([listed("a/list", "T", arxiv_id="hep-th/9901001")], "1999-01"),
        ([listed("a/list", "T")], None),
    ],
)
def test_when_a_paper_appeared(entries: list[SourceEntry], published: str | None) -> None:
    """As early as the identifier says, as precisely as any source that agrees."""
    assert say(*entries)["dates.published"] == published


@pytest.mark.parametrize(
    ("venues", "venue", "state"),
    [
        ({"arxiv": None, "zotero": None}, None, "preprint"),
        ({"arxiv": "ICML 2025", "zotero": None}, "ICML 2025", "published"),
        ({"arxiv": "Proc. 42nd Int. Conf.", "zotero": "ICML 2025"}, "ICML 2025", "published"),
        ({"zotero": "arXiv preprint arXiv:2504.00001"}, None, "preprint"),
        ({"zotero": "CoRR"}, None, "preprint"),
        ({"zotero": "Technical Report"}, None, "preprint"),
        ({"zotero": "ICLR2025"}, "ICLR 2025", "published"),
    ],
)
def test_the_venue_is_the_curated_one(venues: dict[str, str | None], venue: str | None, state: str) -> None:
    """People know the venue better than arXiv's journal reference; a preprint server is none."""
    said = say(*(SourceEntry(source=name, entry_id="x", venue=value) for name, value in venues.items()))
    assert (said["venue"], said["publication_state"]) == (venue, state)


def test_a_withdrawal_outranks_a_venue_and_gives_its_reason() -> None:
    """The paper counts as withdrawn, and the record says why; without a withdrawal there is no reason."""
    gone = arxiv("2504.00001", "T", publication_state="withdrawn", withdrawn_reason="Lemma 2  is wrong")
    said = say(gone, zotero("Z", venue="ICML 2025"))
    assert (said["publication_state"], said["withdrawn_reason"]) == ("withdrawn", "Lemma 2 is wrong")
    assert say(zotero("Z", withdrawn_reason="noise"))["withdrawn_reason"] is None


def test_the_url_is_only_for_papers_without_an_identifier() -> None:
    """An identifier is the better address; an unsafe address is none."""
    assert say(zotero("Z", url="https://example.com/p"))["identifiers.url"] == "https://example.com/p"
    assert say(zotero("Z", url="https://example.com/p", doi="10.1/x"))["identifiers.url"] is None
    assert say(zotero("Z", url="javascript:alert(1)"))["identifiers.url"] is None


def test_removed_entries_speak_of_the_paper_but_not_of_its_place() -> None:
    """What was once said stays a fact; the branch a list no longer files it under does not."""
    one = listed("a/list", "T", at="Quantization", arxiv_id="2504.00001", code=("https://github.com/a/b",))
    assert say(one)["labels"] == (("smaller/quantization", "list", "a/list"),)
    gone = say(one.model_copy(update={"removed": True}))
    assert gone["labels"] == ()
    assert gone["links.code"] == ("https://github.com/a/b",)


def test_abstracts_only_where_records_may_hold_them() -> None:
    """Off by default."""
    one = zotero("Z", abstract="Long.")
    assert say(one)["abstract"] is None
    assert say(one, abstracts=True)["abstract"] == "Long."


def test_a_record_and_its_fold_speak_the_same_language() -> None:
    """Every field that sources can fill is read from a record in the same form."""
    paper = Paper.from_data(
        "almeida2025chains",
        {
            "title": "Chains",
            "authors": ["Ada Almeida", {"name": "Jun Fukuda", "orcid": "0000-0002-1825-0097"}],
            "labels": [{"branch": "shorter", "by": "list", "source": "a/list"}],
            "notes": [{"text": "Good.", "source": "a/list"}],
            "links": {"code": ["https://github.com/a/b"]},
            "review": {"summary": "Short."},
            "publication_state": "withdrawn",
            "withdrawn_reason": "An error.",
        },
    )
    here = fields_of(paper)
    assert set(here) == {*SCALARS, *SETS}
    assert set(here) == set(say())
    assert here["authors"] == (("Ada Almeida", None), ("Jun Fukuda", "0000-0002-1825-0097"))
    assert here["labels"] == (("shorter", "list", "a/list"),)
    assert here["notes"] == (("Good.", "en", "a/list", "note"),)
    assert (here["review.summary"], here["withdrawn_reason"]) == ("Short.", "An error.")


def test_prose_equals_its_digest_and_other_fields_do_not() -> None:
    """A title that looks like a digest is a title."""
    assert same("review.summary", "Text.", digest("Text."))
    assert not same("review.summary", "Text.", digest("Other."))
    assert not same("title", "Text.", digest("Text."))


SAID = [
    arxiv("2504.00001", "Chains", "Ada Almeida", abstract="A."),
    zotero("Z", "chains", "Jun Fukuda", venue="ICML 2025", doi="10.1/x", published="2025-04"),
    zotero("Y", "CHAINS", arxiv_version=3, url="https://example.com"),
    listed("a/list", "Chains!", at="Short chains", code=("https://github.com/a/b",)),
    listed("b/list", "Chains?", at="Quantization", code=("https://github.com/a/c", "https://github.com/a/b")),
    entry("survey_readme", "r", "Chains", review=EntryReview(summary="S."), published="2025-04-30"),
    entry("daily_papers", "d", "Chains", notes=(EntryNote(text="N.", lang="zh"),)),
    zotero("X", removed=True, at="Faster"),
]


@given(st.permutations(SAID))
@settings(max_examples=50)
def test_the_order_of_the_sources_does_not_show(entries: list[SourceEntry]) -> None:
    """The same entries say the same, order within sets included."""
    assert say(*entries) == say(*SAID)
