"""CSV comes back from the standard library's reader as it went in, and no cell of it is a formula."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.export.csv_table import COLUMNS, inert_cell, join_items, read_cell, render_csv, split_items
from kb.records.models import Paper
from tests.export.strange import LINES, TITLES, paper, papers

FORMULA = re.compile(r"(^|;)[=+\-@\t\r＝＋－＠]")


def parse(text: str) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    return [{name: read_cell(cell) for name, cell in row.items()} for row in rows]


@given(papers())
def test_any_record_comes_back(given_paper: Paper) -> None:
    """Every fact is in its column, and lists come apart into what they were joined from."""
    (row,) = parse(render_csv([given_paper]))
    data = given_paper.to_data()
    assert list(row) == list(COLUMNS)
    assert (row["key"], row["title"], row["state"]) == (
        "a2020b",
        given_paper.title,
        given_paper.publication_state,
    )
    assert split_items(row["authors"]) == [author.name for author in given_paper.authors]
    assert {name: row[name] for name in data.get("identifiers", {})} == {
        name: str(value) for name, value in data.get("identifiers", {}).items()
    }
    assert row["published"] == (given_paper.dates.published or "")
    assert row["venue"] == (given_paper.venue or "")
    assert row["withdrawn_reason"] == (given_paper.withdrawn_reason or "")


@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_is_no_formula(title: str) -> None:
    """Neither at the start of a cell nor where a locale that parts cells at semicolons would see one."""
    text = render_csv([paper(title, review={"state": "draft", "focus": "-1\n=2", "contribution": "; =x;=y"})])
    (_, row) = csv.reader(io.StringIO(text, newline=""))
    assert not [cell for cell in row if FORMULA.search(cell)]
    (read,) = parse(text)
    assert (read["title"], read["focus"], read["contribution"]) == (title, "-1\n=2", "; =x;=y")


@given(st.text(max_size=20) | LINES | st.text(alphabet=";'=+-@ \t", max_size=12))
def test_any_cell_is_inert_and_comes_back(text: str) -> None:
    """The apostrophes can always be taken off again."""
    assert not FORMULA.search(inert_cell(text))
    assert read_cell(inert_cell(text)) == text


@given(st.lists(LINES | st.text(alphabet="; \\a", min_size=1, max_size=6), max_size=4))
def test_any_list_comes_back(items: list[str]) -> None:
    """Items may hold semicolons and backslashes."""
    assert split_items(join_items(items)) == items


def test_confirmed_and_proposed_branches_are_told_apart() -> None:
    """What a person confirmed is in one column; the other has what nobody decided on."""
    labels = [
        {"branch": "shorter/rl", "by": "person", "source": "Ada", "state": "confirmed"},
        {"branch": "shorter/rl", "by": "list", "source": "x/y"},
        {"branch": "faster", "by": "list", "source": "x/y"},
        {"branch": "smaller", "by": "list", "source": "x/y"},
        {"branch": "smaller", "by": "person", "source": "Ada", "state": "rejected"},
    ]
    (row,) = parse(render_csv([paper(labels=labels)]))
    assert (row["confirmed_branches"], row["proposed_branches"]) == ("shorter/rl", "faster")
