"""The first taxonomy of a new survey: facets as they were told on the command line, or topics to be edited."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from kb.errors import UsageError


@dataclass(frozen=True)
class BranchSpec:
    """A branch of a facet."""

    id: str
    title: str
    description: str


@dataclass(frozen=True)
class FacetSpec:
    """A way of sorting papers, with its top branches."""

    id: str
    title: str
    description: str
    branches: tuple[BranchSpec, ...]
    single: bool = False


_TOPIC = FacetSpec(
    "topic",
    "Topic",
    "What a paper is about.",
    (
        BranchSpec("methods", "Methods", "New ways of doing it."),
        BranchSpec("data", "Data and benchmarks", "What is learned from, and what is measured on."),
        BranchSpec("analysis", "Theory and analysis", "Why it works, and where it does not."),
        BranchSpec("applications", "Applications", "What it is used for."),
    ),
)
_SCOPE = FacetSpec(
    "scope",
    "Scope",
    "How close a paper is to the question of the survey.",
    (
        BranchSpec("core", "Core", "About the question itself."),
        BranchSpec("adjacent", "Adjacent", "About a neighbouring question, and useful here."),
        BranchSpec("background", "Background", "Needed to read the rest, other surveys among it."),
    ),
    single=True,
)


def facets_told(told: Sequence[str]) -> tuple[FacetSpec, ...]:
    """The facets of "Title: Branch, Branch", and the scope of a paper, which every survey asks for."""
    names: set[str] = {_SCOPE.id}
    ids = {branch.id for branch in _SCOPE.branches}
    found = []
    for line in told:
        title, _, rest = (part.strip() for part in line.partition(":"))
        titles = list(dict.fromkeys(part.strip() for part in rest.split(",") if part.strip()))
        if not title or not titles or not line.isprintable():
            raise UsageError(
                f"--facet: {line!r} is no facet with branches",
                fix='such as "Task: Structure, Function, Design"',
            )
        branches = tuple(
            BranchSpec(unique(slug(each), "branch", ids), each, f"Papers on {_inside(each)}.")
            for each in titles
        )
        found.append(
            FacetSpec(unique(slug(title), "facet", names), title, f"Papers by {_inside(title)}.", branches)
        )
    return (*(found or [_TOPIC]), _SCOPE)


def _inside(title: str) -> str:
    """A title in the middle of a sentence: "DNA" and "E. coli" keep their capitals."""
    return title[0].lower() + title[1:] if title[1:2].islower() else title


def slug(text: str) -> str:
    """A title as an id; empty if it has no letter that an id may have."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"^[^a-z]+|-+$", "", re.sub(r"[^a-z0-9]+", "-", plain))[:40].rstrip("-")


def unique(wish: str, instead: str, taken: set[str]) -> str:
    """`wish`, or `instead` where it is empty, with a number where it is taken; it is taken then."""
    name, number = wish or instead, 2
    while name in taken:
        name, number = f"{wish or instead}-{number}", number + 1
    taken.add(name)
    return name
