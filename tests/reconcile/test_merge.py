"""The three-way merge: human text wins, real conflicts are kept, and sets follow the sources but not against people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from kb.errors import DataError
from kb.reconcile.fold import SCALARS, fields_of, fold
from kb.reconcile.merge import (
    Conflict,
    apply,
    load_conflicts,
    merge,
    render_conflicts,
    still_open,
)
from kb.reconcile.rows import digest
from kb.records.models import Paper


def record(**data: Any) -> Paper:
    return Paper.from_data("almeida2025chains", {"title": "Chains", **data})


def said(**fields: Any) -> dict[str, Any]:
    """What the sources say, names with `__` for dots; a title unless told otherwise."""
    return fold(()) | {"title": "Chains"} | {name.replace("__", "."): value for name, value in fields.items()}


# One field: (base, ours, theirs) -> result, conflict
FIELD = [
    (None, None, "ICML 2025", "ICML 2025", False),  # new knowledge
    ("ICML 2025", "ICML 2025", "ACL 2025", "ACL 2025", False),  # only the sources changed it
    ("ICML 2025", "ICML 2025", None, None, False),  # the sources took it back
    ("ICML 2025", "Mine", "ICML 2025", "Mine", False),  # only a person changed it
    ("ICML 2025", "Mine", "ACL 2025", "Mine", True),  # both did
    ("ICML 2025", "ACL 2025", "ACL 2025", "ACL 2025", False),  # both did the same
    ("ICML 2025", None, "ICML 2025", None, False),  # a person deleted it: it does not come back
    ("ICML 2025", None, "ACL 2025", None, True),  # ... unless the sources say something new: a conflict
    ("ICML 2025", "Mine", None, "Mine", True),
    (None, "Mine", None, "Mine", False),  # only a person ever said so
    (None, "Mine", "ICML 2025", "Mine", True),  # a person said so, and now the sources say otherwise
]


@pytest.mark.parametrize(("base", "ours", "theirs", "result", "conflict"), FIELD)
def test_who_wins_a_field(
    base: str | None, ours: str | None, theirs: str | None, result: str | None, conflict: bool
) -> None:
    """Every way in which a person and the sources can have changed one field."""
    paper = record(**({"venue": ours} if ours else {}))
    merged, conflicts = merge(paper, said(venue=base), said(venue=theirs))
    assert merged.venue == result
    expected = [Conflict(paper=paper.key, field="venue", ours=ours, theirs=theirs)] if conflict else []
    assert list(conflicts) == expected


def test_a_record_that_no_source_spoke_of_is_a_persons_without_conflict() -> None:
    """Sources fill what it leaves open; what it says stays, and nobody is bothered. A withdrawal still shows."""
    paper = record(venue="Mine")
    merged, conflicts = merge(
        paper,
        fold(()),
        said(title="CHAINS", venue="ICML 2025", publication_state="withdrawn", withdrawn_reason="An error."),
        first=True,
    )
    assert (merged.title, merged.venue, conflicts) == ("Chains", "Mine", ())
    assert (merged.publication_state, merged.withdrawn_reason) == ("withdrawn", "An error.")


def test_a_title_is_never_taken_away() -> None:
    """A source that forgets the title neither removes it nor makes a conflict that nobody could settle."""
    assert merge(record(), said(), said(title=None)) == (record(), ())
    mine = Paper.from_data("almeida2025chains", {"title": "Mine"})
    assert merge(mine, said(), said(title=None)) == (mine, ())


def test_prose_is_known_by_its_digest() -> None:
    """The base holds digests: unchanged text stays, new text arrives, a person's text is a conflict by digest."""
    old, new = "What they said.", "What they say now."
    base = said(review__summary=digest(old))
    same = merge(record(review={"state": "draft", "summary": old}), base, said(review__summary=digest(old)))
    assert same[1] == ()
    follows, _ = merge(record(review={"state": "draft", "summary": old}), base, said(review__summary=new))
    assert follows.review is not None
    assert follows.review.summary == new
    mine = record(review={"state": "done", "summary": "Mine."})
    merged, (conflict,) = merge(mine, base, said(review__summary=new))
    assert merged == mine
    assert (conflict.ours, conflict.theirs) == (digest("Mine."), digest(new))
    assert "Mine" not in render_conflicts([conflict])
    # A text of which only the digest is at hand is never written into a record.
    assert merge(record(), said(), base)[0] == record()


def test_a_first_review_is_a_draft_and_only_a_person_calls_it_done() -> None:
    """The state follows the text, and stays what a person made of it."""
    merged, _ = merge(record(), said(), said(review__summary="Short."))
    assert merged.review is not None
    assert merged.review.state == "draft"
    done = record(review={"state": "done", "summary": "Short.", "reviewer": "Ada"})
    again, _ = merge(done, said(review__summary="Short."), said(review__summary="New."))
    assert again.review is not None
    assert (again.review.state, again.review.reviewer) == ("done", "Ada")


def labels(paper: Paper) -> list[tuple[str, str, str, str]]:
    return [(*label.identity, label.state.value) for label in paper.labels]


LIST = ("shorter", "list", "a/list")
OTHER = ("faster", "list", "b/list")


def label(identity: tuple[str, str, str], state: str = "proposed") -> dict[str, str]:
    return dict(zip(("branch", "by", "source"), identity, strict=True)) | {"state": state}


def test_labels_follow_the_lists() -> None:
    """A new one is added behind, one that its list dropped goes, a person's and a classifier's stay."""
    mine, model = (
        label(("faster", "person", "Ada")),
        label(("faster", "classifier", "v1")) | {"confidence": 0.5},
    )
    paper = record(labels=[label(LIST), mine, model])
    merged, _ = merge(paper, said(labels=(LIST,)), said(labels=(OTHER,)))
    assert labels(merged) == [
        ("faster", "person", "Ada", "proposed"),
        ("faster", "classifier", "v1", "proposed"),
        (*OTHER, "proposed"),
    ]


@pytest.mark.parametrize("state", ["confirmed", "rejected"])
def test_a_label_that_a_person_judged_is_untouched(state: str) -> None:
    """Neither its list's silence nor its list's repetition changes it."""
    paper = record(labels=[label(LIST, state)])
    for base, theirs in (((LIST,), ()), ((LIST,), (LIST,)), ((), (LIST,))):
        assert merge(paper, said(labels=base), said(labels=theirs)) == (paper, ())


def test_a_label_that_a_person_deleted_does_not_come_back() -> None:
    """The list goes on saying it; the record does not."""
    assert merge(record(), said(labels=(LIST,)), said(labels=(LIST, OTHER)))[0].labels[0].identity == OTHER


def test_notes_and_links_are_merged_as_sets() -> None:
    """A person's stay, theirs come and go; a note is known by its digest, and a deleted one stays away."""
    theirs = ("Theirs.", "en", "a/list", "note")
    kept = (digest("Theirs."), "en", "a/list", "note")
    merged, _ = merge(record(notes=[{"text": "Mine."}]), said(), said(notes=(theirs,)))
    assert [(n.text, n.source) for n in merged.notes] == [("Mine.", None), ("Theirs.", "a/list")]
    assert merge(merged, said(notes=(kept,)), said(notes=(kept,)))[0] == merged
    assert [n.text for n in merge(merged, said(notes=(kept,)), said())[0].notes] == ["Mine."]
    assert merge(record(), said(notes=(kept,)), said(notes=(theirs,)))[0] == record()
    assert merge(record(), said(), said(notes=(kept,)))[0] == record()
    one, two = "https://github.com/a/b", "https://github.com/a/c"
    linked = record(links={"code": [one, "https://example.com/mine"]})
    merged, _ = merge(linked, said(links__code=(one,)), said(links__code=(two,)))
    assert merged.links.code == ("https://example.com/mine", two)


def test_what_no_record_can_hold_is_an_error_and_not_a_record() -> None:
    """The caller decides; nothing half-right comes back."""
    with pytest.raises(ValidationError):
        merge(record(), said(), said(identifiers__arxiv_id="hello"))


def test_apply_leaves_everything_else_alone() -> None:
    """Fields are replaced or removed under their dotted names."""
    paper = record(
        identifiers={"arxiv_id": "2504.00001", "doi": "10.1145/1"},
        authors=[{"name": "Ada Almeida", "orcid": "0000-0002-1825-0097"}],
        review={"state": "done", "summary": "Short."},
    )
    changed = apply(paper, {"identifiers.doi": None, "venue": "ICML 2025"})
    assert fields_of(changed) == fields_of(paper) | {"identifiers.doi": None, "venue": "ICML 2025"}


text = st.sampled_from([None, "One", "Two", "Three"])


@given(text, text, text, st.booleans())
@settings(max_examples=100)
def test_a_merge_never_overwrites_a_person_and_is_done_at_once(
    base: str | None, ours: str | None, theirs: str | None, first: bool
) -> None:
    """What differs from the base stays; what the sources said is then known, and a second merge does nothing."""
    paper = record(**({"venue": ours} if ours else {}))
    merged, _ = merge(paper, said(venue=base), said(venue=theirs), first=first)
    assert merged.venue == (theirs if ours == base else ours)
    again, conflicts = merge(merged, said(venue=theirs), said(venue=theirs))
    assert (again, conflicts) == (merged, ())


def test_conflicts_stay_open_until_the_record_changes() -> None:
    """A person who edits the field has answered; a record that is gone has no conflicts."""
    paper = record(venue="Mine", authors=["Ada Almeida"])
    venue = Conflict(paper=paper.key, field="venue", ours="Mine", theirs="ICML 2025")
    authors = Conflict(paper=paper.key, field="authors", ours=(("Ada Almeida", None),), theirs=(("B", None),))
    stored = tuple(
        Conflict.model_validate_json(line) for line in render_conflicts([venue, authors]).splitlines()
    )
    assert {c.field for c in still_open(stored, {paper.key: paper})} == {"venue", "authors"}
    edited = record(venue="ICML 2025", authors=["Ada Almeida"])
    assert [c.field for c in still_open(stored, {paper.key: edited})] == ["authors"]
    assert still_open(stored, {}) == ()
    assert str(venue) == "almeida2025chains: venue: the record says 'Mine', the sources say 'ICML 2025'"
    assert "the record says Ada Almeida, the sources say B" in str(authors)


def test_conflicts_survive_the_disk(tmp_path: Path) -> None:
    """Whatever line breaks their values hold; a broken line is named."""
    conflict = Conflict(paper="a2025b", field="venue", ours="One\u2028two\x85three", theirs=None)
    path = tmp_path / "_conflicts.jsonl"
    assert load_conflicts(tmp_path) == ()
    path.write_text(render_conflicts([conflict]))
    assert load_conflicts(tmp_path) == (conflict,)
    path.write_text(json.dumps({"paper": 1}) + "\n")
    with pytest.raises(DataError, match="_conflicts"):
        load_conflicts(tmp_path)


def test_every_scalar_field_of_a_source_is_merged() -> None:
    """None is forgotten between the fold and the record."""
    values: dict[str, Any] = {
        "title": "New",
        "authors": (("Ada Almeida", None),),
        "identifiers.arxiv_id": "2504.00001",
        "identifiers.arxiv_version": 2,
        "identifiers.doi": "10.1145/1",
        "identifiers.openreview": "G8LaO1P0xv",
        "identifiers.acl_anthology": "2024.acl-long.1",
        "identifiers.semantic_scholar": "a" * 40,
        "identifiers.url": "https://example.com",
        "dates.published": "2025",
        "dates.updated": "2026",
        "publication_state": "withdrawn",
    } | {name: "Text." for name in SCALARS if name.startswith(("review.", "abstract", "venue", "withdrawn"))}
    assert set(values) == set(SCALARS)
    merged, _ = merge(record(), said(), said() | values)
    assert {name: fields_of(merged)[name] for name in SCALARS} == values
