"""People and teams: a name taken apart, so that each format can write it in its own way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kb.records.models import Author
from kb.text import is_team, surname

# Chinese, Japanese and Korean names put the family first and are not taken apart by a space.
_FAMILY_FIRST = re.compile(
    r"[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]"
)
_SEVERAL = re.compile(",.*,")
_SUFFIX = re.compile(r"(?:Jr|Sr)\.?|II|III|IV")


@dataclass(frozen=True)
class Name:
    """A person's name in parts; of a name that is not to be taken apart, `family` is all of it and `whole` is true."""

    family: str
    given: str = ""
    particle: str = ""
    suffix: str = ""
    whole: bool = False

    def __str__(self) -> str:
        return " ".join(filter(None, (self.given, self.particle, self.family, self.suffix)))


def split_name(name: str) -> Name:
    """The parts of "Given Family", "Given van der Family", "Given Family Jr." or "Family, Given".

    >>> split_name("Peter H. N. de With")
    Name(family='With', given='Peter H. N.', particle='de', suffix='', whole=False)
    >>> split_name("Martin Luther King, Jr.").suffix, split_name("Qwen Team").whole, split_name("王小明").whole
    ('Jr.', True, True)
    """
    # A team's name is one word to every format: split, it would be sorted and shortened as if it were a person's.
    if is_team(name) or _SEVERAL.search(name) or _FAMILY_FIRST.search(name):
        return Name(name, whole=True)
    before, comma, after = (part.strip() for part in name.partition(","))
    if comma and not (before and after):
        return Name(name, whole=True)
    suffix = after if comma and _SUFFIX.fullmatch(after) else ""
    if comma and not suffix:
        return Name(before, given=after)
    words = before.split(" ")
    if not suffix and len(words) > 2 and _SUFFIX.fullmatch(words[-1]):
        suffix = words.pop()
    full = " ".join(words)
    last = surname(full)  # with its particles: the lower-case words in front
    *particles, family = last.split(" ")
    return Name(family, full.removesuffix(last).strip(), " ".join(particles), suffix)


def byline(authors: Sequence[Author]) -> str:
    """The short form: family names or teams of up to two, "et al." beyond; empty where nobody is known.

    >>> byline([Author(name="Ada van Dam"), Author(name="Qwen Team"), Author(name="Jun Fukuda")])
    'van Dam et al.'
    """
    names = []
    for author in authors[:2]:
        name = split_name(author.name)
        names.append(" ".join(filter(None, (name.particle, name.family))))
    return f"{names[0]} et al." if len(authors) > 2 else " and ".join(names)
