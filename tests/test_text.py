"""Normal forms of titles and names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.text import ascii_fold, first_significant_word, normal_author, normal_title, one_line, surname


@given(st.text())
def test_normal_forms_are_stable_and_never_fail(text: str) -> None:
    """Taking a normal form twice changes nothing, and no text makes one fail."""
    assert one_line(one_line(text)) == one_line(text)
    assert "\n" not in one_line(text)
    assert ascii_fold(text).isascii()
    assert normal_title(text) == normal_title(f"  {text}\n")
    normal_author(text)
    word = first_significant_word(text)
    assert word
    assert word.isascii()
    assert word.isalnum()


@given(st.text(alphabet="abcxyz ABC-:,.!?'", max_size=40))
def test_a_normal_title_ignores_case_and_punctuation(text: str) -> None:
    """What people type differently is the same title."""
    assert normal_title(text.upper()) == normal_title(text.lower())
    assert normal_title(normal_title(text)) == normal_title(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Chain-of-Thought: a survey", "Chain of Thought — A Survey"),
        ("{LLM}s that \\emph{think}", "LLMs that think"),
        ("$\\alpha$-pruning", "α-Pruning"),
        ("Naïve  façade", "naive facade"),
        ("ﬁne-tuning", "fine-tuning"),
        ("Don’t think", "Don't think"),
    ],
)
def test_two_spellings_of_a_title_are_equal(one: str, other: str) -> None:
    """Dashes, quotes, ligatures, accents, braces, LaTeX and Greek."""
    assert normal_title(one) == normal_title(other)


def test_a_title_in_another_script_is_not_empty() -> None:
    """Two Chinese titles are two titles."""
    assert normal_title("大模型推理") != normal_title("量化")
    assert normal_title("大模型推理")


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Ada Lovelace", "Lovelace"),
        ("Lovelace, Ada", "Lovelace"),
        ("Ludwig van den Berg", "van den Berg"),
        ("Martin King Jr.", "King"),
        ("Plato", "Plato"),
        ("", ""),
        ("  Ada \n Lovelace ", "Lovelace"),
        ("Jr.", "Jr."),
        ("Prime Intellect Team", "Prime Intellect Team"),
        ("Meta AI", "Meta AI"),
        ("Tom & Co.", "Tom & Co."),
        ("Wei Ai", "Ai"),
    ],
)
def test_the_family_name_is_found(name: str, family: str) -> None:
    """Both orders, particles, suffixes, single names; a team has none and keeps its name."""
    assert surname(name) == family


@pytest.mark.parametrize(
    ("title", "word"),
    [
        ("On the Cost of Thought", "cost"),
        ("1-bit reasoning", "bit"),
        ("2025", "2025"),
        ("The", "the"),
        ("", "untitled"),
        ("量化", "untitled"),
    ],
)
def test_the_word_a_title_is_remembered_by(title: str, word: str) -> None:
    """Articles, prepositions and numbers are passed over where anything else is there."""
    assert first_significant_word(title) == word


def test_control_and_direction_characters_are_dropped() -> None:
    """What cannot be seen is not part of a line."""
    assert one_line("a\x00\x1b[31mb\u202ec\ufeff\ud800 \t\n d") == "a[31mbc d"
