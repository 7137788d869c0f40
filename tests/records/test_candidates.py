"""papers/_candidates.jsonl: one line a work, in an order that does not change by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import DataError
from kb.records.candidates import Candidate, CandidateState, load_candidates, render_candidates

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CANDIDATES = st.builds(
    Candidate,
    id=st.from_regex(r"c-[0-9a-f]{8}", fullmatch=True),
    state=st.sampled_from(list(CandidateState)),
    title=st.none() | TEXT,
    authors=st.lists(TEXT, max_size=2).map(tuple),
    identifiers=st.dictionaries(st.sampled_from(["arxiv_id", "doi"]), TEXT, max_size=2),
    reason=TEXT,
    like=st.lists(st.from_regex(r"[a-z]{1,8}[0-9]{4}[a-z]{1,8}", fullmatch=True), max_size=2).map(tuple),
)


@given(st.lists(CANDIDATES, max_size=5, unique_by=lambda c: c.id))
def test_the_queue_round_trips_in_one_order(
    tmp_path_factory: pytest.TempPathFactory, found: list[Candidate]
) -> None:
    """Whatever order the candidates come in, the file is the same, and reads back whole."""
    text = render_candidates(tuple(found))
    assert text == render_candidates(tuple(reversed(found)))
    assert text.count("\n") == len(found)
    path = tmp_path_factory.mktemp("q") / "q.jsonl"
    path.write_bytes(text.encode())
    again = load_candidates(path)
    assert sorted(again, key=lambda c: c.id) == sorted(found, key=lambda c: c.id)
    assert render_candidates(again) == text


def test_no_file_is_an_empty_queue(tmp_path: Path) -> None:
    """Nothing waits before the first sync."""
    assert load_candidates(tmp_path / "none") == ()


@pytest.mark.parametrize(
    "line", ["not json", "{}", "[]", '{"id": "c-1", "state": "lost", "reason": ""}', "<<<<<<< ours"]
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    """With its file and number; the file is made by a sync, so git has it."""
    path = tmp_path / "q.jsonl"
    good = Candidate(id="c-1", state=CandidateState.CANDIDATE, reason="r")
    path.write_text(render_candidates((good,)) + line + "\n")
    with pytest.raises(DataError) as caught:
        load_candidates(path)
    assert (caught.value.file, caught.value.line) == (str(path), 2)
    assert "git" in (caught.value.fix or "")
