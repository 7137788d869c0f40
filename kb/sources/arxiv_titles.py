"""Finding a paper by its title alone, without guessing.

A list may name a paper by nothing but its title. arXiv is asked for the phrase, and what it gives counts only if it
is the same title as a person would see it: equal in normal form, or written apart differently, or with a misprint.
"""

from __future__ import annotations

import re

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from kb.text import normal_title

MIN_WORDS = 3  # shorter titles are shared by different papers
_MAX_WORDS = 40
_MIN_RATIO = 97.0


def title_query(title: str) -> str | None:
    """The search for `title` as a phrase; None if it is too short to be one paper's.

    >>> title_query('A "Safe" Title: with $\\\\phi$ AND \\\\more')
    'ti:"a safe title with phi and"'
    """
    words = re.findall(r"\w+", normal_title(title).replace("_", " "))[:_MAX_WORDS]
    return f'ti:"{" ".join(words)}"' if len(words) >= MIN_WORDS else None


def same_title(one: str, other: str) -> bool:
    """Whether two titles are one title.

    >>> same_title("Long chain-of-thought tuning", "Long Chain of Thought Tuning")
    True
    >>> same_title("Reasoning with tools in long and hard tasks", "Reasoning without tools in long and hard tasks")
    False
    """
    first, second = normal_title(one), normal_title(other)
    if first == second or first.replace(" ", "") == second.replace(" ", ""):
        return True
    words, others = first.split(), second.split()
    if len(words) != len(others) or words[:MIN_WORDS] != others[:MIN_WORDS]:
        return False
    close = fuzz.ratio(first, second) >= _MIN_RATIO
    return close and all(a == b or _misprint(a, b) for a, b in zip(words, others, strict=True))


def _misprint(one: str, other: str) -> bool:
    """One letter of a long word, and never its first: "symmetric" is not "asymmetric", and no digit is a misprint."""
    if not (one.isalpha() and other.isalpha()) or min(len(one), len(other)) < 6:
        return False
    return one[0] == other[0] and Levenshtein.distance(one, other) == 1
