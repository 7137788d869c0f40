"""Cite keys: short, safe as a file name, and never given twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import DataError
from kb.ids import parse_paper_key
from kb.reconcile.keys import new_key


@pytest.mark.parametrize(
    ("author", "title", "key"),
    [
        ("Ruikang Liu", "Quantization Hurts Reasoning?", "liu2025quantization"),
        ("Łukasz Kaiser", "The Ünder-Thinking of Models", "kaiser2025under"),
        ("Peter H. N. de With", "On the Cost of It", "dewith2025cost"),
        ("Qwen Team", "Qwen3 Technical Report", "qwenteam2025qwen3"),
        ("Prime Intellect Team", "INTELLECT-2: A Model", "primeintellectteam2025intellect"),
        ("王伟", "思考", "anon2025untitled"),
        ("3M", "4-bit Chains", "anon3m2025bit"),
        ("Ada Almeida", "On It and Of It", "almeida2025on"),
    ],
)
def test_keys_are_made_of_surname_year_and_a_word_to_remember(author: str, title: str, key: str) -> None:
    """The key that a person would choose; letters that ASCII lacks are folded or left out."""
    assert new_key(author, 2025, title, ()) == key


def test_a_taken_key_gets_a_letter_and_then_two() -> None:
    """b after the first, and so on past z, until none is left."""
    taken: list[str] = []
    for _ in range(1 + 25 + 26 * 26):
        taken.append(new_key("Ada Almeida", 2025, "Chains", taken))
    assert taken[:3] == ["almeida2025chains", "almeida2025chainsb", "almeida2025chainsc"]
    assert taken[25:28] == ["almeida2025chainsz", "almeida2025chainsaa", "almeida2025chainsab"]
    assert len(set(taken)) == len(taken)
    with pytest.raises(DataError):
        new_key("Ada Almeida", 2025, "Chains", taken)


@given(st.text(max_size=200), st.integers(0, 9999), st.text(max_size=400))
def test_whatever_a_source_says_the_key_is_safe(author: str, year: int, title: str) -> None:
    """A key is a key, whatever author and title hold, and the same for the same paper."""
    key = new_key(author, year, title, ())
    assert parse_paper_key(key) == key == new_key(author, year, title, ())
