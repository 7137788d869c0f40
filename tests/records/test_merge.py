"""Merging two edits of a record: different fields never meet, items meet by identity, nothing is lost."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import DataError
from kb.records.canonical import canonical_record
from kb.records.library import parse_record, render_record
from kb.records.merge import Merged, merge_texts
from kb.records.models import Paper
from kb.records.yaml_read import parse_yaml
from tests.library import invent_papers
from tests.records.noisy import noisy
from tests.records.yaml_texts import exact

BASE = """\
title: Frugal Chains # ours to keep
authors:
  - Ada Almeida
identifiers:
  arxiv_id: "2401.10000"
venue: ICML 2025
labels:
  - branch: shorter/rl
    by: list
    source: someone/list
    state: proposed
  - branch: smaller
    by: classifier
    source: v1
    confidence: 0.5
review:
  state: draft
  summary: Short.
claims:
  - id: c1
    statement: It is faster.
    # why so
    place: Table 2
  - id: c2
    statement: It is smaller.
"""


def merge(ours: str, theirs: str, base: str = BASE) -> Merged:
    return merge_texts(base, ours, theirs, file="papers/a.yaml")


def merged(ours: str, theirs: str, base: str = BASE) -> str:
    """The text of a merge that must be without conflict, whichever side is whose."""
    found, mirrored = merge(ours, theirs, base), merge(theirs, ours, base)
    assert (found.conflicts, mirrored.conflicts) == ((), ())
    assert parse_record("a", found.text, file="f") == parse_record("a", mirrored.text, file="f")
    return found.text


def sides(text: str) -> tuple[str, str]:
    """What is left if a person keeps ours everywhere, and theirs everywhere."""
    kept: tuple[list[str], list[str]] = ([], [])
    at: tuple[int, ...] = (0, 1)
    for line in text.splitlines(keepends=True):
        if line.startswith(("<<<<<<< ", "=======", ">>>>>>> ")):
            at = {"<": (0,), "=": (1,), ">": (0, 1)}[line[0]]
        else:
            for side in at:
                kept[side].append(line)
    return "".join(kept[0]), "".join(kept[1])


def edit(*changes: tuple[str, str], text: str = BASE) -> str:
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_neighbouring_fields_do_not_conflict() -> None:
    """Two changed lines beside each other are two fields, and both changes are in the result; so is the comment."""
    ours, theirs = edit(("ICML 2025", "TMLR")), edit(("2401.10000", "2401.10001"))
    assert merged(ours, theirs) == edit(("ICML 2025", "TMLR"), ("2401.10000", "2401.10001"))


def test_fields_of_one_item_do_not_conflict() -> None:
    """One confirms a label, the other says more of it: it is the same label."""
    ours = edit(("state: proposed", "state: confirmed"))
    theirs = edit(("state: proposed\n", "state: proposed\n    evidence:\n      - says so\n"))
    text = merged(ours, theirs)
    assert "state: confirmed\n    evidence:\n      - says so\n" in text


def test_both_add_labels_claims_and_notes() -> None:
    """What both sides add at the end of a list is added from both; what both add alike is added once."""
    label = "  - branch: {}\n    by: person\n    source: Ada\n"
    claim = "  - id: {}\n    statement: So.\n"
    both, mine, other = label.format("core"), label.format("faster"), label.format("adjacent")
    note = "notes:\n  - text: {}\n"
    ours = edit(("review:\n", f"{both}{mine}review:\n")) + claim.format("c3") + note.format("One.")
    theirs = edit(("review:\n", f"{other}{both}review:\n")) + claim.format("c4") + note.format("Two.")
    found = merge(ours, theirs)
    paper = parse_record("a", found.text, file="f")
    assert found.conflicts == ()
    assert [each.branch for each in paper.labels[2:]] == ["adjacent", "core", "faster"]
    assert [each.id for each in paper.claims] == ["c1", "c2", "c3", "c4"]
    assert [each.text for each in paper.notes] == ["One.", "Two."]


def test_one_takes_away_what_the_other_left_alone() -> None:
    """A removed claim stays removed while its neighbour is edited."""
    ours = edit(("  - id: c2\n    statement: It is smaller.\n", ""))
    theirs = edit(("It is faster.", "It is twice as fast."))
    paper = parse_record("a", merged(ours, theirs), file="f")
    assert [each.statement for each in paper.claims] == ["It is twice as fast."]


def test_an_order_that_one_side_changed_stays_changed() -> None:
    """Claims that one side sorted stay sorted, with the other side's edit in them."""
    first, second = (
        BASE[BASE.index("  - id: c1") : BASE.index("  - id: c2")],
        BASE[BASE.index("  - id: c2") :],
    )
    ours = BASE[: BASE.index("  - id: c1")] + second + first
    paper = parse_record("a", merged(ours, edit(("Table 2", "Table 3"))), file="f")
    assert [(each.id, each.place) for each in paper.claims] == [("c2", None), ("c1", "Table 3")]


def test_the_same_field_is_left_to_a_person() -> None:
    """The conflict is named, holds both values whole, and either choice is a record."""
    ours, theirs = edit(("ICML 2025", "TMLR")), edit(("ICML 2025", "NeurIPS 2025"), ("Table 2", "Table 4"))
    found = merge(ours, theirs)
    assert found.conflicts == ("venue",)
    assert "<<<<<<< ours\nvenue: TMLR\n=======\nvenue: NeurIPS 2025\n>>>>>>> theirs\n" in found.text
    with pytest.raises(DataError, match="unresolved merge conflict"):
        parse_yaml(found.text, file="f")
    mine, other = sides(found.text)
    assert mine == edit(("ICML 2025", "TMLR"), ("Table 2", "Table 4"))
    assert other == edit(("ICML 2025", "NeurIPS 2025"), ("Table 2", "Table 4"))


def test_a_long_text_conflicts_as_a_whole() -> None:
    """Two edits of one folded paragraph: a person chooses between texts, and not between their lines."""
    words = "word " * 60
    base = render_record(Paper.from_data("a", {"title": "A", "review": {"summary": f"{words}end."}}))
    ours = base.replace("end.", "our end.")
    theirs = base.replace("end.", "their end.")
    found = merge(ours, theirs, base)
    assert found.conflicts == ("review.summary",)
    for side in sides(found.text):
        assert side in {ours, theirs}
    assert found.text.count("summary: >-") == 2


def test_removed_here_and_edited_there_is_a_conflict() -> None:
    """Neither the removal nor the edit wins by itself."""
    ours = edit(("  - id: c2\n    statement: It is smaller.\n", ""))
    theirs = edit(("It is smaller.", "It is tiny."))
    found = merge(ours, theirs)
    assert found.conflicts == ("claims.c2",)
    mine, other = (parse_record("a", side, file="f") for side in sides(found.text))
    assert [len(mine.claims), len(other.claims)] == [1, 2]
    assert other.claims[1].statement == "It is tiny."


def test_added_on_both_sides() -> None:
    """Without an ancestor, what both say is taken, and what they say differently is a conflict."""
    found = merge("title: A\nvenue: B\nstatus: stub\n", "title: A\nvenue: C\nauthors:\n  - Ada\n", base="")
    assert found.conflicts == ("venue",)
    mine, other = sides(found.text)
    assert parse_yaml(mine, file="f").data == {
        "title": "A",
        "venue": "B",
        "status": "stub",
        "authors": ["Ada"],
    }
    assert parse_yaml(other, file="f").data["venue"] == "C"


def test_comments_of_both_sides_are_kept() -> None:
    """Ours stay where they stand; new ones of theirs come in at what they speak of, whatever its number there."""
    ours = edit(
        (
            "  - branch: shorter/rl",
            "  - branch: core\n    by: person\n    source: Ada\n  # first\n  - branch: shorter/rl",
        )
    )
    theirs = edit(
        ("    confidence: 0.5", "    # how sure\n    confidence: 0.6"),
        ("venue: ICML 2025", "venue: ICML 2025 # a talk"),
    )
    theirs = f"# about it\n{theirs}# the end\n"
    text = merged(ours, theirs)
    assert "    # how sure\n    confidence: 0.6\n" in text
    assert "# a talk\nvenue: ICML 2025\n" in text
    for said in ("# ours to keep", "# why so", "# first", "# about it", "# the end"):
        assert text.count(said) == 1, said


def test_what_lines_give_is_taken_where_it_says_the_same() -> None:
    """git's own result keeps every comment and all layout, so it wins if it is right, and loses if it is not."""
    ours, theirs = edit(("ICML 2025", "TMLR")), edit(("Table 2", "Table 3"))
    right = edit(("ICML 2025", "TMLR  # spaced"), ("Table 2", "Table 3"))
    assert merge_texts(BASE, ours, theirs, file="f", by_lines=right).text == right
    for wrong in (ours, "title: [\n"):
        text = merge_texts(BASE, ours, theirs, file="f", by_lines=wrong).text
        assert text == edit(("ICML 2025", "TMLR"), ("Table 2", "Table 3"))


def test_a_side_that_cannot_be_read_is_not_guessed_at() -> None:
    with pytest.raises(DataError):
        merge("title: [\n", BASE)


PAPERS = [paper for paper in invent_papers(30) if paper.labels and paper.authors]
TEXT = st.sampled_from(["One.", "it's", "a: b # c", "Two\n\nparagraphs.", "word " * 40 + "end", "[x"])
FIELDS = ("title", "venue", "dates", "review", "abstract", "notes", "links", "publication_state")


@st.composite
def changed(draw: Any, data: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """`data` with some of `fields` given another value, or taken away."""
    new = copy.deepcopy(data)
    for name in fields:
        value = {
            "title": st.sampled_from(["One", "Two: a study"]),
            "venue": st.sampled_from(["ACL 2026", "TMLR"]),
            "dates": st.sampled_from([{"published": "2026"}, {"updated": "2026-01"}]),
            "review": st.fixed_dictionaries({"state": st.just("draft"), "summary": TEXT}),
            "abstract": TEXT,
            "notes": st.lists(st.fixed_dictionaries({"text": TEXT}), min_size=1, max_size=2, unique_by=repr),
            "links": st.just({"data": ["https://example.com/d"]}),
            "publication_state": st.just("withdrawn"),
        }[name]
        if name != "title" and draw(st.integers(0, 3)) == 0:
            new.pop(name, None)
        else:
            new[name] = draw(value)
    return new


@settings(max_examples=100)
@given(st.data())
def test_edits_of_different_fields_never_conflict(data: Any) -> None:
    """Whatever the layout and the edits: both are in the result, and nothing else is."""
    base = data.draw(st.sampled_from(PAPERS)).to_data()
    split = data.draw(st.permutations(FIELDS))
    cut = data.draw(st.integers(0, len(FIELDS)))
    ours = data.draw(changed(base, split[:cut]))
    theirs = data.draw(changed(base, split[cut:]))
    expected = {name: ours.get(name) for name in split[:cut]} | {
        name: theirs.get(name) for name in split[cut:]
    }
    texts = [data.draw(noisy(each, comments=False)).text for each in (base, ours, theirs)]
    found = merge_texts(*texts, file="f")
    assert found.conflicts == ()
    whole = {name: value for name, value in (base | expected).items() if value is not None}
    assert exact(parse_yaml(found.text, file="f").data) == exact(whole)


@settings(max_examples=100)
@given(st.data())
def test_either_side_of_a_conflict_is_a_whole_record(data: Any) -> None:
    """Whatever both sides did: keeping ours everywhere, or theirs, gives a record that says what that side said."""
    base = data.draw(st.sampled_from(PAPERS)).to_data()
    ours, theirs = (data.draw(changed(base, data.draw(st.permutations(FIELDS))[:4])) for _ in range(2))
    texts = [
        canonical_record(data.draw(noisy(each, comments=False)).text, file="f")
        for each in (base, ours, theirs)
    ]
    found = merge_texts(*texts, file="f")
    for side, mine, other in zip(sides(found.text), (ours, theirs), (theirs, ours), strict=True):
        read = parse_yaml(side, file="f").data
        for name in FIELDS:
            if base.get(name) == other.get(name):
                assert exact(read.get(name)) == exact(mine.get(name)), name
            elif name in found.conflicts and name in mine:
                assert exact(read.get(name)) == exact(mine[name]), name


@settings(max_examples=50)
@given(st.data())
def test_one_side_alone_is_that_side(data: Any) -> None:
    """Where only one side changed, the result says what that side says."""
    base = data.draw(st.sampled_from(PAPERS)).to_data()
    ours = data.draw(changed(base, list(FIELDS[:4])))
    texts = [data.draw(noisy(each, comments=False)).text for each in (base, ours)]
    for left, right in ((texts[1], texts[0]), (texts[0], texts[1])):
        found = merge_texts(texts[0], left, right, file="f")
        assert (found.conflicts, exact(parse_yaml(found.text, file="f").data)) == ((), exact(ours))
