"""Cite keys: first author's surname, year, first significant title word; a letter where that is taken."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain, product
from string import ascii_lowercase

from kb.errors import DataError
from kb.ids import parse_paper_key
from kb.text import ascii_fold, first_significant_word, surname


def new_key(author: str, year: int, title: str, taken: Collection[str]) -> str:
    """A key that is not in `taken`. The same paper gets the same key while `taken` is the same.

    >>> new_key("Ruikang Liu", 2025, "Quantization Hurts Reasoning?", {"liu2025quantization"})
    'liu2025quantizationb'
    """
    slug = re.sub(r"[^a-z0-9]", "", ascii_fold(surname(author)).lower())[:30]
    if not slug or not slug[0].isalpha():
        slug = f"anon{slug}"
    stem = f"{slug}{year}{first_significant_word(title)[:30]}"
    for suffix in chain(("",), ascii_lowercase[1:], map("".join, product(ascii_lowercase, repeat=2))):
        if stem + suffix not in taken:
            return parse_paper_key(stem + suffix)
    raise DataError(f"no key is left for {stem}")
