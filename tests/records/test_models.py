"""Records: what is wrong is said with file, line, field and remedy; what is right survives a round trip."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import DataError
from kb.records.canonical import HEADER
from kb.records.library import parse_record, render_record
from kb.records.models import Paper
from tests.library import invent_papers
from tests.records.yaml_texts import exact

GOOD = """\
title: Frugal Chains
authors:
  - Ada Almeida
  - name: Jun Fukuda
    orcid: "0000-0002-1825-0097"
identifiers:
  arxiv_id: "2401.10000"
  arxiv_version: 2
  doi: 10.1145/3666122
  openreview: G8LaO1P0xv
  acl_anthology: 2024.acl-long.510
  semantic_scholar: "0123456789012345678901234567890123456789"
  url: "https://example.com/paper"
dates:
  published: "2024-01-17"
  updated: "2024-02"
venue: ICML 2025
publication_state: published
links:
  code:
    - "https://github.com/example/project"
status: included
labels:
  - branch: shorter/rl
    by: person
    source: Ada Almeida
    state: confirmed
    confidence: 0.5
review:
  state: draft
  summary: Short.
claims:
  - id: c1
    statement: It is faster.
    arxiv_version: 1
    place: Table 2
notes:
  - text: A remark.
    lang: en
    kind: note
abstract: Text.
"""


def lines_of(text: str) -> dict[str, int]:
    return {line.strip(): number for number, line in enumerate(text.splitlines(), start=1)}


def test_a_good_record_reads_and_renders_the_same() -> None:
    """Every field, read and written again, byte for byte; a new text names its schema first."""
    paper = parse_record("almeida2024frugal", GOOD, file="papers/almeida2024frugal.yaml")
    assert render_record(paper) == HEADER + GOOD
    assert render_record(paper, GOOD) == GOOD
    assert paper.year == 2024
    assert paper.identifiers.by_kind()["doi"] == "10.1145/3666122"


@pytest.mark.parametrize(
    ("good", "bad", "field", "what", "fix"),
    [
        ("title: Frugal Chains", "titel: X", "titel", "not a field", "remove it"),
        ("title: Frugal Chains", "venue2: X", "title", "is missing", "add the field"),
        ("title: Frugal Chains", "title:", "title", "no value", "leave the field out"),
        ("title: Frugal Chains", "title: 2025", "title", "2025 is read as a number", "double quotes"),
        ("title: Frugal Chains", "title: true", "title", "read as true or false", "double quotes"),
        ("title: Frugal Chains", 'title: ""', "title", "is empty", "one line"),
        ("title: Frugal Chains", 'title: " x"', "title", "spaces", "one line"),
        ("title: Frugal Chains", 'title: "a\\nb"', "title", "more than one line", "one line"),
        ("title: Frugal Chains", 'title: "a\\u202eb"', "title", "direction-override", "remove it"),
        ("title: Frugal Chains", 'title: "a\\eb"', "title", "control", "remove it"),
        ("title: Frugal Chains", f"title: {'x' * 2001}", "title", "at most 2000", "shorten"),
        ("title: Frugal Chains", "title: [x]", "title", "valid string", "double quotes"),
        ("title: Frugal Chains", "title: {x: z}", "title", "valid string", "double quotes"),
        ("title: Frugal Chains", "title: x\nkey: z", "key", "the key is the file's name", "remove"),
        ("- Ada Almeida", "- 12", "authors.0", "fields", "name: value"),
        ("- Ada Almeida", "- given: Ada", "authors.0.name", "is missing", "add"),
        (
            'orcid: "0000-0002-1825-0097"',
            "orcid: 0000-0002-1825-0098",
            "authors.1.orcid",
            "check digit",
            "orcid.org",
        ),
        (
            'arxiv_id: "2401.10000"',
            "arxiv_id: 2401.10000",
            "identifiers.arxiv_id",
            "a number",
            "double quotes",
        ),
        ('arxiv_id: "2401.10000"', "arxiv_id: 2401.10000v2", "identifiers.arxiv_id", "bare", "arxiv_version"),
        ('arxiv_id: "2401.10000"', "arxiv_id: x", "identifiers.arxiv_id", "bare", "2504.04823"),
        ("arxiv_version: 2", 'arxiv_version: "2"', "identifiers.arxiv_version", "integer", "without quotes"),
        ("arxiv_version: 2", "arxiv_version: 0", "identifiers.arxiv_version", "greater", "correct"),
        ("arxiv_version: 2", "arxiv_version: 1.5", "identifiers.arxiv_version", "integer", "whole number"),
        ("doi: 10.1145/3666122", "doi: 10.1145/ABC", "identifiers.doi", "lower case", "10.1145"),
        ("doi: 10.1145/3666122", "doi: 10.48550/arxiv.2401.10000", "identifiers.doi", "DOI", "arxiv_id"),
        ("openreview: G8LaO1P0xv", "openreview: a b", "identifiers.openreview", "forum", "forum?id="),
        (
            "acl_anthology: 2024.acl-long.510",
            "acl_anthology: x",
            "identifiers.acl_anthology",
            "Anthology",
            "2024",
        ),
        (
            'semantic_scholar: "0123456789012345678901234567890123456789"',
            "semantic_scholar: abc",
            "identifiers.semantic_scholar",
            "Semantic Scholar",
            "40 digits",
        ),
        (
            'url: "https://example.com/paper"',
            "url: javascript:alert(1)",
            "identifiers.url",
            "web address",
            "http",
        ),
        (
            'published: "2024-01-17"',
            "published: 2024-01-17",
            "dates.published",
            "differently",
            '"2024-01-17"',
        ),
        ('published: "2024-01-17"', "published: 2024", "dates.published", "a number", "double quotes"),
        ('published: "2024-01-17"', "published: spring", "dates.published", "not a date", "2025-04"),
        ('published: "2024-01-17"', 'published: "2024-02-31"', "dates.published", "not a date", "2025-04"),
        (
            "publication_state: published",
            "publication_state: lost",
            "publication_state",
            "'withdrawn'",
            "one of",
        ),
        ("status: included", "status: maybe", "status", "'stub'", "one of"),
        ("status: included", "status: included\nlinks2: {}", "links2", "not a field", "spelling"),
        ('- "https://github.com/example/project"', "- github.com/x", "links.code.0", "web address", "http"),
        ("- branch: shorter/rl", "- branch: Shorter RL", "labels.0.branch", "not a branch", "taxonomy.yaml"),
        ("by: person", "by: nobody", "labels.0.by", "'person'", "one of"),
        ("by: person", "why: person", "labels.0.by", "is missing", "add"),
        ("confidence: 0.5", "confidence: 1.5", "labels.0.confidence", "less than", "correct"),
        ("confidence: 0.5", "confidence: high", "labels.0.confidence", "number", "without quotes"),
        ("state: draft", "state: finished", "review.state", "'done'", "one of"),
        ("summary: Short.", "summry: Short.", "review.summry", "not a field", "spelling"),
        ("summary: Short.", 'summary: ""', "review.summary", "at least 1", "leave the field out"),
        ("- id: c1", "- id: C 1", "claims.0.id", "claim's id", "lower-case"),
        ("lang: en", "lang: English", "notes.0.lang", "language tag", "en"),
        ("lang: en", "lang: no", "notes.0.lang", "differently", '"no"'),
        ("kind: note", "kind: rant", "notes.0.kind", "kind of note", "screening"),
    ],
)
def test_a_wrong_field_is_named_with_its_place_and_remedy(
    good: str, bad: str, field: str, what: str, fix: str
) -> None:
    """File, line, dotted field, what is wrong, what to do: in one line."""
    assert GOOD.count(good) == 1
    text = GOOD.replace(good, bad)
    with pytest.raises(DataError) as caught:
        parse_record("almeida2024frugal", text, file="papers/almeida2024frugal.yaml")
    errors = (caught.value, *caught.value.others)
    error = next(e for e in errors if e.field == field)
    assert error.file == "papers/almeida2024frugal.yaml"
    assert what in error.message
    assert error.fix is not None
    assert fix in error.fix
    first = lines_of(GOOD)[good]
    assert error.line is not None
    assert first - 2 <= error.line <= first + bad.count("\n")
    assert len(str(error)) < 400


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("title: A\nauthors: Ada\n", "authors"),
        ("title: A\nauthors:\n", "authors"),
        ("title: A\nidentifiers: x\n", "identifiers"),
        ("title: A\nidentifiers: [x]\n", "identifiers"),
        ("title: A\nlabels:\n  branch: x\n", "labels"),
        ("title: A\nlabels:\n  - x\n", "labels.0"),
        ("title: A\nreview: good\n", "review"),
        ("title: A\nlinks:\n  code: https://example.com\n", "links.code"),
    ],
)
def test_a_value_of_the_wrong_shape_is_named(text: str, field: str) -> None:
    """Text for a list, a list for fields, nothing where something has to be."""
    with pytest.raises(DataError) as caught:
        parse_record("a", text, file="papers/a.yaml")
    assert caught.value.field == field
    assert caught.value.line in {2, 3}
    assert caught.value.fix
    assert caught.value.fix != "correct the value"


def test_all_errors_of_a_record_are_found_at_once() -> None:
    """A person mends a file in one go."""
    text = "title: 12\nvenue: ' x'\nstatus: maybe\nnonsense: 1\ndates:\n  published: never\n"
    with pytest.raises(DataError) as caught:
        parse_record("a", text, file="papers/a.yaml")
    found = {(error.line, error.field) for error in (caught.value, *caught.value.others)}
    assert found == {(1, "title"), (2, "venue"), (3, "status"), (4, "nonsense"), (6, "dates.published")}


def test_records_do_not_change() -> None:
    """A value that was checked stays as it was checked."""
    paper = parse_record("a", GOOD, file="f")
    with pytest.raises(ValueError, match="frozen"):
        paper.title = "Other"  # type: ignore[misc]


@pytest.mark.parametrize("paper", invent_papers(60), ids=lambda paper: paper.key)
def test_invented_records_round_trip(paper: Paper) -> None:
    """Paper to text to paper to text: nothing is lost, hostile titles and notes included."""
    text = render_record(paper)
    again = parse_record(paper.key, text, file="f")
    assert again == paper
    assert render_record(again) == text
    assert render_record(again, text) == text


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=300).map(
    lambda text: " ".join(text.split())
)


@settings(max_examples=150)
@given(TEXTS, st.lists(TEXTS.filter(bool), max_size=3), st.text(max_size=200))
def test_any_text_that_a_record_accepts_survives(title: str, authors: list[str], note: str) -> None:
    """Whatever characters the models let in, the file gives back."""
    try:
        paper = Paper.from_data("a", {"title": title, "authors": authors, "notes": [{"text": note}]})
    except ValueError:
        return
    assert parse_record("a", render_record(paper), file="f") == paper


# A change elsewhere leaves a person's spelling alone


HAND = """\
# my copy
authors: [Ada Almeida, {name: Jun Fukuda}]   # two
title: 'Frugal Chains'
identifiers: {arxiv_id: "2401.10000", doi: null}
links:
    code: []
labels:
- {branch: shorter/rl, by: list, source: someone/list}
- branch: smaller   # mine
  by: person
  source: Ada
  confidence: 1
"""


def test_a_changed_field_changes_its_line_and_no_other() -> None:
    """Defaults that nobody wrote stay unwritten; empty lists, nulls, short and long forms of an author stay."""
    paper = parse_record("a", HAND, file="f")
    renamed = paper.model_copy(update={"title": "Thrifty Chains"})
    assert render_record(renamed, HAND) == HAND.replace("Frugal", "Thrifty")
    assert render_record(paper, HAND) == HAND


def test_an_added_field_is_the_only_new_line() -> None:
    """A venue comes in where it belongs, and nothing else moves."""
    paper = parse_record("a", HAND, file="f").model_copy(update={"venue": "TMLR"})
    before, after = HAND.splitlines(), render_record(paper, HAND).splitlines()
    assert [line for line in after if line not in before] == ["venue: TMLR"]
    assert [line for line in after if line != "venue: TMLR"] == before


def test_a_label_that_is_confirmed_says_so_and_nothing_more() -> None:
    """A default that changes is written; its neighbours keep their form."""
    paper = parse_record("a", HAND, file="f")
    data = paper.to_data()
    data["labels"][1]["state"] = "confirmed"
    text = render_record(Paper.from_data("a", data), HAND)
    expected = HAND.replace("  source: Ada\n", "  source: Ada\n  state: confirmed\n")
    assert text == expected
    assert exact(parse_record("a", text, file="f").to_data()) == exact(data)


def test_an_author_who_is_added_leaves_the_others_alone() -> None:
    """In a list that changes length, what stays is spelled as it was."""
    text = "title: A\nauthors:\n  - name: Ada Almeida   # the first\n  - Jun Fukuda\n"
    data: dict[str, Any] = parse_record("a", text, file="f").to_data()
    data["authors"].append("Hana Jensen")
    assert render_record(Paper.from_data("a", data), text) == text + "  - Hana Jensen\n"
