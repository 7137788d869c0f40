"""kb.sources.arxiv_titles: a title finds its own paper or none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.sources.arxiv_titles import same_title, title_query


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Shorter Chains of Thought", "SHORTER CHAINS OF THOUGHT."),
        ("Shorter Chain-of-Thought: a study", "Shorter chain of thought - A Study"),
        ("On $\\phi$-decoding for models", "On φ-Decoding for Models"),
        ("Self speculative decoding in models", "Selfspeculative decoding in models"),
        ("A long study of the optimization of reasoning traces in models", "A long study of the optimisation of reasoning traces in models"),
    ],
)  # fmt: skip
def test_one_title_written_differently_is_one_title(one: str, other: str) -> None:
    assert same_title(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Shorter Chains of Thought", "Shorter Chains of Thought: A Survey"),
        ("Evaluating long reasoning in Llama 2 and its many quantized siblings", "Evaluating long reasoning in Llama 3 and its many quantized siblings"),
        ("Long and patient reasoning with tools in the many hard tasks", "Long and patient reasoning without tools in the many hard tasks"),
        ("A long study of quantization with symmetric rounding of weights", "A long study of quantization with asymmetric rounding of weights"),
        ("A long study of typical failures of reasoning language models", "A long study of atypical failures of reasoning language models"),
        ("Wholly different words here", "Not the same at all"),
    ],
)  # fmt: skip
def test_titles_that_differ_in_meaning_are_two(one: str, other: str) -> None:
    assert not same_title(one, other)


def test_a_title_that_several_papers_may_share_is_not_searched_for() -> None:
    assert title_query("Deep Thinking") is None


@given(st.text(max_size=300))
def test_no_title_can_leave_its_quotes(title: str) -> None:
    query = title_query(title)
    assert query is None or re.fullmatch(r'ti:"\w+( \w+){2,}"', query)
