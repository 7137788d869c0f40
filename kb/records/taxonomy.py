"""taxonomy.yaml: facets, each a tree of branches, with the list headings that map to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from kb.errors import DataError
from kb.records.files import read_utf8
from kb.records.problems import from_pydantic
from kb.records.value import BranchId, Line, Text, Value, checked
from kb.records.yaml_read import parse_yaml
from kb.text import normal_title

_SLUG = r"[a-z][a-z0-9-]*"
Slug = Annotated[
    str,
    checked(
        re.compile(_SLUG).fullmatch,
        "cannot be an id",
        "write lower-case letters, digits and hyphens, a letter first",
        pattern=_SLUG,
    ),
]


class Branch(Value):
    """One place in a facet. Its full id is the path of slugs from its facet's top branch: ``structure/folding``.

    `aliases` are headings, collection names or tags under which lists file the same papers; matching ignores case and
    punctuation. An alias may name its parent to be exact: "Structure > Folding".
    `cues` are phrases that a paper of this branch is likely to use: what `kb classify` looks for. "predict*" stands for
    every word that begins so.

    Attributes:
        id: its slug; the full id is the path of slugs.
        title: what pages call it.
        description: what belongs here, in a sentence.
        aliases: headings under which lists file such papers.
        cues: phrases that such a paper is likely to use.
        branches: what it is divided into.
    """

    id: Slug
    title: Line
    description: Text
    aliases: tuple[Line, ...] = ()
    cues: tuple[Line, ...] = ()
    branches: tuple[Branch, ...] = ()


class Facet(Value):
    """One way of sorting papers. A paper may have several branches of one facet unless `single`.

    Attributes:
        id: its slug.
        title: what pages call it.
        description: what it sorts by.
        single: a paper has at most one confirmed branch of it.
        branches: the top branches.
    """

    id: Slug
    title: Line
    description: Text
    single: bool = False
    branches: tuple[Branch, ...] = Field(min_length=1)


class PlacedBranch(Value):
    """A branch with its place: full id, facet, depth (0 for a top branch), parent."""

    id: str
    facet: str
    depth: int
    parent: str | None
    branch: Branch

    @property
    def title(self) -> str:
        return self.branch.title


class Taxonomy(Value):
    """All facets, and what became of branches that are no more.

    `redirects` leads from the full id of a branch that was renamed, moved or merged to the branch that stands for it
    now: old links, labels in other people's changes and trained weights still find their place.

    Attributes:
        facets: the ways of sorting.
        redirects: from the full id of a branch that is no more to the one that stands for it now.
    """

    facets: tuple[Facet, ...] = Field(min_length=1)
    redirects: dict[BranchId, BranchId] = Field(default_factory=dict)

    @cached_property
    def branches(self) -> dict[str, PlacedBranch]:
        """Every branch by full id, in the order of the file."""
        return {
            placed.id: placed for facet in self.facets for placed in _walk(facet.id, facet.branches, None, 0)
        }

    @cached_property
    def _aliases(self) -> dict[tuple[str, str], tuple[str, ...]]:
        table: dict[tuple[str, str], list[str]] = {}
        for placed in self.branches.values():
            for alias in (placed.branch.title, *placed.branch.aliases):
                name = " > ".join(normal_title(part) for part in alias.split(">"))
                ids = table.setdefault((placed.facet, name), [])
                if placed.id not in ids:
                    ids.append(placed.id)
        return {key: tuple(ids) for key, ids in table.items()}

    @property
    def shared_names(self) -> dict[str, tuple[str, ...]]:
        """Headings that several branches of one facet claim, in normal form: they speak of none of them."""
        return {name: ids for (_, name), ids in self._aliases.items() if len(ids) > 1}

    def branches_for(self, path: tuple[str, ...], facet: str | None = None) -> tuple[str, ...]:
        """The branches that a path of headings speaks of: of every facet, its most specific match.

        An alias written "Parent > Child" wins over "Child"; inner headings win over outer ones. An ambiguous heading
        (two branches of one facet share the alias) speaks of none.

        Args:
            path: headings from the outermost to the innermost.
            facet: only this facet.
        """
        names = [name for part in path if (name := normal_title(part))]
        found: list[str] = []
        for each in self.facets:
            if facet is None or each.id == facet:
                match = self._match(each.id, names)
                if match:
                    found.append(match)
        return tuple(found)

    def _match(self, facet: str, names: list[str]) -> str | None:
        for end in range(len(names), 0, -1):
            for start in range(end - 1):
                for sub in (names[start:end], [names[start], names[end - 1]]):
                    ids = self._aliases.get((facet, " > ".join(sub)), ())
                    if len(ids) == 1:
                        return ids[0]
            ids = self._aliases.get((facet, names[end - 1]), ())
            if len(ids) == 1:
                return ids[0]
        return None

    def final_branch(self, branch_id: str) -> str | None:
        """The branch that `branch_id` is called now; None if nothing leads to one."""
        seen: set[str] = set()
        while branch_id not in self.branches:
            if branch_id in seen or branch_id not in self.redirects:
                return None
            seen.add(branch_id)
            branch_id = self.redirects[branch_id]
        return branch_id

    def facet_of(self, branch_id: str) -> str | None:
        placed = self.branches.get(branch_id)
        return placed.facet if placed else None

    def ancestors(self, branch_id: str) -> tuple[str, ...]:
        """The branch itself and everything above it, innermost first."""
        chain: list[str] = []
        placed = self.branches.get(branch_id)
        while placed is not None:
            chain.append(placed.id)
            placed = self.branches.get(placed.parent) if placed.parent else None
        return tuple(chain)


def _walk(facet: str, branches: tuple[Branch, ...], parent: str | None, depth: int) -> Iterator[PlacedBranch]:
    for branch in branches:
        full = f"{parent}/{branch.id}" if parent else branch.id
        yield PlacedBranch(id=full, facet=facet, depth=depth, parent=parent, branch=branch)
        yield from _walk(facet, branch.branches, full, depth + 1)


def _places(
    branches: tuple[Branch, ...], parent: str | None, path: tuple[str | int, ...]
) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Every branch's full id, and where in the file it stands."""
    for index, branch in enumerate(branches):
        full = f"{parent}/{branch.id}" if parent else branch.id
        yield full, (*path, index, "id")
        yield from _places(branch.branches, full, (*path, index, "branches"))


def load_taxonomy(path: Path) -> Taxonomy:
    """Read taxonomy.yaml.

    Raises:
        DataError: it is absent or wrong, with the line.
    """
    if not path.exists():
        raise DataError("there is no such file", file=path, fix="every knowledge base needs a taxonomy.yaml")
    return parse_taxonomy(read_utf8(path), file=path)


def parse_taxonomy(text: str, *, file: Path | str) -> Taxonomy:
    """The taxonomy in `text`.

    Raises:
        DataError: it is wrong, with the line.
    """
    document = parse_yaml(text, file=str(file))
    data: dict[str, Any] = document.data
    try:
        taxonomy = Taxonomy.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise from_pydantic(error, document, file=str(file)) from None
    seen: set[str] = set()
    for index, facet in enumerate(taxonomy.facets):
        for full, place in _places(facet.branches, None, ("facets", index, "branches")):
            if full in seen:
                message, field = f"the branch {full!r} is defined twice", ".".join(map(str, place))
                line = document.line_of(place)
                raise DataError(message, file=file, line=line, field=field, fix="rename one")
            seen.add(full)
    return taxonomy
