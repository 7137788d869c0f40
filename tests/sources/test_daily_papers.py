"""The saved Daily Papers page. The papers and their texts are invented."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.sources.daily_papers import DailyPapers
from kb.sources.entry import SourceResult, Status

HEAD = "new\n\nGet trending papers in your email inbox!\n\nSubscribe\n\nDaily Papers\n\nbyAK and the research community\n\nDec 15\n\n"
ABSTRACT = "Trees are tall and we show how to trim them with care. " * 6


def block(title: str, meta: str = "") -> str:
    return f"{title}\n\n{ABSTRACT}\n\n" + (f"{meta}\n\n" if meta else "")


def parse(text: str) -> SourceResult:
    return DailyPapers().parse(text, where="page.txt")


def dates(*metas: str, head: str = HEAD) -> list[str | None]:
    text = head + "".join(
        block(f"Paper Number {n}", f"  • 3 authors\n·\n{meta}") for n, meta in enumerate(metas)
    )
    return [entry.published for entry in parse(text).entries]


def test_a_block_gives_title_abstract_count_of_authors_and_date() -> None:
    (entry,) = parse(HEAD + block("Trimming Trees", "  • 6 authors\n·\nMar 25, 2021")).entries
    assert (entry.title, entry.n_authors, entry.published) == ("Trimming Trees", 6, "2021-03-25")
    assert entry.abstract == ABSTRACT.strip()
    assert (entry.identifiers, entry.authors, entry.where) == ({}, (), "page.txt:13")


def test_its_papers_are_candidates() -> None:
    result = parse(HEAD + block("Trimming Trees"))
    assert (result.status, result.creates, result.complete) == (Status.OK, False, False)


def test_a_block_without_authors_and_date_does_not_take_its_neighbours() -> None:
    text = (
        HEAD
        + block("First Paper")
        + block("Second Paper", "  • 2 authors\n·\nMay 1, 2020")
        + block("Third Paper")
    )
    assert [(e.title, e.n_authors) for e in parse(text).entries] == [
        ("First Paper", None),
        ("Second Paper", 2),
        ("Third Paper", None),
    ]


def test_an_organisation_is_no_paper() -> None:
    (entry,) = parse(HEAD + block("Trimming Trees", "tree-ai TreeAI\n·\nNov 27, 2024 2")).entries
    assert (entry.n_authors, entry.published) == (None, "2024-11-27")


def test_the_number_after_a_date_counts_comments() -> None:
    assert dates("Dec 13, 2023 2", "Aug 11 13") == ["2023-12-13", "2024-08-11"]


def test_a_date_without_a_year_is_of_the_year_after_the_newest_printed_one() -> None:
    assert dates("Mar 24", "Dec 19, 2024", "Apr 10, 2021") == ["2025-03-24", "2024-12-19", "2021-04-10"]


def test_a_date_after_the_day_of_the_page_is_of_the_year_before() -> None:
    assert dates("Dec 20", "Dec 15", "Dec 19, 2023") == ["2023-12-20", "2024-12-15", "2023-12-19"]


def test_a_year_in_the_header_of_the_page_is_the_year_of_the_page() -> None:
    assert dates("Mar 24", "Jan 2, 2020", head=HEAD.replace("Dec 15", "Dec 15, 2025"))[0] == "2025-03-24"


def test_without_any_year_on_the_page_a_date_stays_unknown() -> None:
    assert dates("Mar 24") == [None]


def test_a_day_that_does_not_exist_leaves_the_month() -> None:
    assert dates("Feb 30, 2020") == ["2020-02"]


def test_blocks_without_empty_lines_are_told_apart() -> None:
    (entry,) = parse(HEAD + f"Trimming Trees\n{ABSTRACT}\n  • 3 authors\n·\nMay 2, 2020\n").entries
    assert (entry.title, entry.n_authors, entry.published) == ("Trimming Trees", 3, "2020-05-02")


def test_a_paper_that_stands_twice_comes_once() -> None:
    assert len(parse(HEAD + block("Trimming Trees") + block("Trimming trees")).entries) == 1


@pytest.mark.parametrize(
    "text", [HEAD + "A Title Alone", HEAD + ABSTRACT, HEAD + "A Title Alone\n\n" + block("Trimming Trees")]
)
def test_what_has_no_counterpart_is_a_problem_with_its_line(text: str) -> None:
    result = parse(text)
    assert result.status is Status.PARTIAL
    assert str(result.problems[0]).startswith("page.txt:13: ")


def test_an_empty_page_is_empty() -> None:
    assert (parse("").status, parse(HEAD).status) == (Status.EMPTY, Status.EMPTY)


@given(
    st.lists(
        st.sampled_from(
            [HEAD, ABSTRACT, "Title", "·", "  • 3 authors", "Dec 3", "Dec 99, 2020", "\n", "\n\n"]
        )
        | st.text(max_size=30),
        max_size=20,
    )
)
@settings(max_examples=100, deadline=None)
def test_no_text_breaks_it(parts: list[str]) -> None:
    for entry in parse("\n".join(parts)).entries:
        assert entry.title
        assert entry.abstract
