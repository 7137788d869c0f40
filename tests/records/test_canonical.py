"""The canonical form: it says the same, keeps every comment, comes to rest at once, and is what a new record looks like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.records.canonical import HEADER, canonical_record
from kb.records.library import parse_record, render_record
from kb.records.models import Paper
from kb.records.yaml_read import parse_yaml
from tests.library import invent_papers
from tests.records.noisy import Noisy, noisy
from tests.records.test_yaml_write import DATA
from tests.records.yaml_texts import exact, with_ruamel

PAPERS = st.sampled_from(invent_papers(30)).map(Paper.to_data)


def form(text: str) -> str:
    return canonical_record(text, file="f")


def check_form(written: Noisy, data: dict[str, Any]) -> None:
    """Same meaning for both readers, same comments, and nothing to do a second time."""
    text = form(written.text)
    assert exact(parse_yaml(text, file="f").data) == exact(data)
    assert exact(with_ruamel(text)) == exact(data)
    found = [
        line[line.index("# remark-") :].split("-")[1] for line in text.splitlines() if "# remark-" in line
    ]
    assert sorted(found, key=int) == [str(number) for number in range(len(written.comments))]
    assert form(text) == text


@settings(max_examples=100)
@given(st.data())
def test_a_record_as_a_person_wrote_it(data: Any) -> None:
    """Records in any order, quoting, folding and indentation, with comments anywhere."""
    record = data.draw(PAPERS)
    check_form(data.draw(noisy(record)), record)


@settings(max_examples=100)
@given(st.data())
def test_any_data(data: Any) -> None:
    """Whatever stands in the mappings and lists, tempting scalars included."""
    value = data.draw(DATA)
    check_form(data.draw(noisy(value)), value)


@settings(max_examples=50)
@given(st.data())
def test_the_form_does_not_depend_on_the_writing(data: Any) -> None:
    """Without comments, a record has one form, and a sync writes new ones in it."""
    paper = data.draw(st.sampled_from(invent_papers(30)))
    written = data.draw(noisy(paper.to_data(), comments=False))
    assert form(written.text) == render_record(paper)


HAND = """\
# about the file

authors: [Ada Almeida,  # the first
  {name: Jun Fukuda}]
title: 'Frugal Chains' # as printed
claims:
# on the claim
- variant: {weight_bits: [4], method: [awq, none]}
  # on the conditions
  conditions:
    benchmark: [AIME-120]   # why this one
  id: c1
  statement: >-   # folded
    One
    two.
  # after the text
labels:
    - by: list
      branch: shorter/rl
      source: someone/list
    # after the label

# before the status
status: included
# the end
"""
FORMED = (
    HEADER
    + """\
# about the file
title: Frugal Chains # as printed
authors: # the first
  - Ada Almeida
  - name: Jun Fukuda
# before the status
status: included
labels:
  - branch: shorter/rl
    by: list
    source: someone/list
  # after the label
claims:
  # on the claim
  - id: c1
    statement: One two. # folded
    # after the text
    variant: {method: [awq, none], weight_bits: [4]}
    # on the conditions
    conditions:
      benchmark: # why this one
        - AIME-120
# the end
"""
)


def test_comments_stay_with_what_they_speak_of() -> None:
    """On a line, before a field, after an item: comments move with their fields, and none is lost."""
    text = form(HAND)
    assert text == FORMED
    assert form(text) == text


def test_a_claim_s_arms_stand_on_one_line_where_that_has_room() -> None:
    """Short ones do, in the order of the models; long ones and those with comments inside stand in block style."""
    names = [f"MODEL-{number}" for number in range(20)]
    data = {"title": "A", "claims": [{"id": "c", "statement": "S", "conditions": {"model": names}}]}
    paper = Paper.from_data("a", data)
    text = render_record(paper)
    assert "    conditions:\n      model:\n        - MODEL-0\n" in text
    assert form(text) == text
    data["claims"][0]["conditions"] = {"benchmark": ["A, B"], "difficulty": {"min": 2.5}}  # type: ignore[index]
    text = render_record(Paper.from_data("a", data))
    assert '    conditions: {benchmark: ["A, B"], difficulty: {min: 2.5}}\n' in text


def test_what_is_written_stays_written_and_nothing_else_comes_in() -> None:
    """Defaults, nulls, empty lists and whole numbers stay as the person put them; none is added."""
    text = 'title: "A"\nvenue:\nnotes: []\nlabels: [{branch: a, by: list, source: x, confidence: 1}]\n'
    assert form(text) == HEADER + (
        "title: A\nvenue: null\nlabels:\n  - branch: a\n    by: list\n    source: x\n    confidence: 1\nnotes: []\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ufefftitle: A\r\nvenue: B\r\n",
        "---\ntitle: A\nvenue: B",
        f"{HEADER}\n\n{HEADER}title: A\n\n\nvenue: B\n\n",
    ],
)
def test_marks_and_line_ends_are_of_one_kind(text: str) -> None:
    """No byte order mark, no carriage returns, no blank lines, one header, one line feed at the end."""
    assert form(text) == f"{HEADER}title: A\nvenue: B\n"


def test_the_form_reads_as_the_same_record() -> None:
    """The record is the same for the model, not only for the YAML reader."""
    assert parse_record("a", form(HAND), file="f") == parse_record("a", HAND, file="f")
