"""Last-seen entries on disk: sorted, one line each, and without other people's prose."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import DataError
from kb.reconcile.rows import (
    Row,
    digest,
    is_digest,
    load_cursors,
    load_rows,
    render_cursors,
    render_rows,
    source_file,
    without_digests,
)
from kb.sources.entry import EntryNote, EntryReview, SourceEntry
from tests.reconcile.invent import arxiv, listed, zotero

PROSE = "Other people's sentence, which no file of ours may hold."


def wordy(paper: str | None) -> Row:
    entry = zotero(
        "A",
        "Chains",
        abstract=PROSE,
        review=EntryReview(summary=PROSE, critique=PROSE),
        notes=(EntryNote(text=PROSE, lang="en"),),
        where="items?page=1",
    )
    return Row(entry=entry, paper=paper, creates=True)


def reread(text: str) -> list[Row]:
    return [Row.model_validate_json(line) for line in text.splitlines()]


@pytest.mark.parametrize("paper", [None, "almeida2025chains"])
def test_prose_is_kept_as_digests_only(paper: str | None) -> None:
    """Abstract, review and notes leave no sentence on disk, and what does not belong to the paper no trace at all."""
    text = render_rows([wordy(paper)])
    assert "sentence" not in text
    assert "items?page" not in text
    assert render_rows(reread(text)) == text


def test_a_digest_says_that_prose_changed_and_nothing_else() -> None:
    """Equal for equal texts, itself for itself, absent for nothing."""
    assert digest(PROSE) == digest(digest(PROSE))
    assert digest(PROSE) != digest(PROSE + " ")
    assert digest(None) is None
    assert is_digest(digest(PROSE))
    assert not is_digest(PROSE)
    assert not is_digest(None)


def test_prose_that_no_record_received_can_still_arrive() -> None:
    """Without a record an entry keeps not even the digest, or the text would count as known when it comes again."""
    (row,) = reread(render_rows([wordy(None)]))
    assert (row.entry.abstract, row.entry.review, row.entry.notes) == (None, None, ())
    (stored,) = reread(render_rows([wordy("almeida2025chains")]))
    moved = without_digests(stored)
    assert moved.entry.review == EntryReview()
    assert (moved.entry.abstract, moved.entry.notes) == (None, ())
    fresh = wordy(None)
    assert without_digests(fresh) == fresh


def test_rows_are_in_one_order_whatever_order_they_came_in() -> None:
    """The file is the same for the same entries."""
    rows = [Row(entry=zotero(name, name)) for name in ("C", "A", "B")]
    assert render_rows(rows) == render_rows(reversed(rows))
    assert [row.entry.entry_id for row in reread(render_rows(rows))] == ["A", "B", "C"]


def test_the_best_source_ranks_first() -> None:
    """arXiv before people's libraries before lists; what kb does not know comes last."""
    rows = [
        Row(entry=one)
        for one in (
            SourceEntry(source="elsewhere", entry_id="x"),
            listed("b/list", "T"),
            listed("a/list", "T"),
            zotero("Z"),
            arxiv("2504.00001", "T"),
        )
    ]
    ranked = [row.entry.source for row in sorted(rows, key=lambda row: row.rank)]
    assert ranked == ["arxiv", "zotero", "awesome_list:a/list", "awesome_list:b/list", "elsewhere"]


@given(st.text(max_size=40).filter(lambda text: "\0" not in text))
def test_any_title_survives_the_disk(title: str) -> None:
    """Line separators and control characters in a title split no line."""
    row = Row(entry=zotero("A", title))
    text = render_rows([row])
    assert text.count("\n") == 1
    assert Row.model_validate_json(text.split("\n")[0]) == row


def test_files_are_read_back_by_reference(tmp_path: Path) -> None:
    """Each source has its file; names that start with an underscore are not entries."""
    rows = {row.ref: row for row in (Row(entry=zotero("A", "T")), Row(entry=listed("a/list", "T")))}
    for row in rows.values():
        source_file(tmp_path, row.entry.source).write_text(render_rows([row]))
    (tmp_path / "_conflicts.jsonl").write_text("not a row\n")
    assert load_rows(tmp_path) == rows
    assert {path.name for path in tmp_path.iterdir()} == {
        "_conflicts.jsonl",
        "zotero.jsonl",
        "awesome_list__a__list.jsonl",
    }


def test_a_broken_row_is_named_with_its_line(tmp_path: Path) -> None:
    """A damaged file stops the sync; it is not taken for an empty one."""
    (tmp_path / "zotero.jsonl").write_text(render_rows([Row(entry=zotero("A"))]) + '{"entry": 7}\n')
    with pytest.raises(DataError) as caught:
        load_rows(tmp_path)
    assert (caught.value.line, caught.value.exit_code) == (2, 3)
    assert "zotero.jsonl" in str(caught.value)


def test_cursors_are_json_or_an_error(tmp_path: Path) -> None:
    """They come back as they were; a damaged file is named, not forgotten."""
    cursors = {"zotero": {"library": "groups/1", "version": 7}, "arxiv": {}}
    assert load_cursors(tmp_path) == {}
    (tmp_path / "_cursors.json").write_text(render_cursors(cursors))
    assert load_cursors(tmp_path) == cursors
    (tmp_path / "_cursors.json").write_text("{")
    with pytest.raises(DataError, match="_cursors"):
        load_cursors(tmp_path)
