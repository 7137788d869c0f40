"""Changing the taxonomy: rename, merge, move and split branches in the text of taxonomy.yaml.

Pure: the text goes in, the new text and what became of each branch come out. Comments and everything that does not
change stay as a person wrote them. The names of a branch travel with it, so that the headings of lists still find it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kb.errors import UsageError
from kb.records.taxonomy import Taxonomy, parse_taxonomy
from kb.records.yaml_read import parse_yaml
from kb.records.yaml_write import edit_yaml
from kb.text import normal_title

FILE = "taxonomy.yaml"
NOT_DESCRIBED = "Not described yet."
_SLUG = re.compile(r"[a-z][a-z0-9-]*")
Node = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A new taxonomy.yaml.

    Attributes:
        text: the file.
        moved: new ids by old ones, sub-branches included.
        made: ids of branches that are new.
    """

    text: str
    moved: Mapping[str, str] = field(default_factory=dict)
    made: tuple[str, ...] = ()

    @property
    def taxonomy(self) -> Taxonomy:
        return parse_taxonomy(self.text, file=FILE)


def rename(text: str, old: str, new: str, *, title: str | None = None) -> Change:
    """Give the branch `old` the id `new` (its last part, or the whole id), and another title if one is given.

    Raises:
        UsageError: there is no such branch, or the new name is taken or none.
    """
    tree = _Tree(text)
    parent, _, last = old.rpartition("/")
    slug = new.removeprefix(f"{parent}/") if parent else new
    target = f"{parent}/{slug}" if parent else slug
    if "/" in slug:
        raise UsageError(
            f"{new} is not beside {old}", fix=f"kb taxonomy move {old} {new.rpartition('/')[0]} first"
        )
    if not _SLUG.fullmatch(slug):
        fix = f"kb taxonomy rename {old} {_slug_of(slug)} --title {slug!r}"
        raise UsageError(f"{slug!r} cannot be an id: lower-case letters, digits and hyphens", fix=fix)
    if tree.was(old, target):
        return Change(text)
    node = tree.node(old)
    if slug != last:
        tree.free(target)
    if title is not None and normal_title(title) != normal_title(node["title"]):
        tree.unclaimed(title, old)
        _add_names(node, [node["title"]], but=title)
    if title is not None:
        node["title"] = title
    node["id"] = slug
    tree.save()
    return tree.finish({old: target} if slug != last else {})


def merge(text: str, gone: str, into: str) -> Change:
    """Make the branch `gone` part of `into`, with its names and its sub-branches.

    Raises:
        UsageError: a branch is unknown, they are of two facets, or one holds the other.
    """
    tree = _Tree(text)
    if gone not in tree.taxonomy.branches and tree.was(gone, into):
        return Change(text)
    source, target = tree.node(gone), tree.node(into)
    tree.same_facet(gone, into)
    if gone == into or into.startswith(f"{gone}/"):
        raise UsageError(f"{into} is part of {gone}", fix=f"kb taxonomy merge {into} {gone}, then rename")
    children = source.get("branches", [])
    taken = {child["id"] for child in target.get("branches", []) if child is not source}
    if both := sorted(taken & {child["id"] for child in children}):
        fix = f"kb taxonomy merge {gone}/{both[0]} {into}/{both[0]}, or rename it"
        raise UsageError(f"both have a branch {both[0]}", fix=fix)
    _add_names(target, [source["title"], *source.get("aliases", [])])
    if cues := source.get("cues"):
        _put(target, "cues", list(dict.fromkeys([*target.get("cues", []), *cues])))
    tree.save()  # first what changes in place, then what goes: fewer lines are touched
    tree.remove(gone)
    tree.save()
    if children:
        target.setdefault("branches", []).extend(children)
        tree.save()
    return tree.finish({gone: into})


def move(text: str, branch: str, parent: str) -> Change:
    """Put `branch` with all below it under `parent`: a branch, or a facet for the top.

    Raises:
        UsageError: either is unknown, they are of two facets, or the place is taken.
    """
    tree = _Tree(text)
    facet = parent.removeprefix("facet:")
    top = parent not in tree.taxonomy.branches and facet in {each.id for each in tree.taxonomy.facets}
    slug = branch.rpartition("/")[2]
    target = slug if top else f"{parent}/{slug}"
    if tree.was(branch, target):
        return Change(text)
    node = tree.node(branch)
    if top:
        if tree.taxonomy.facet_of(branch) != facet:
            raise UsageError(f"{branch} is not of the facet {facet}", fix="facets do not share branches")
        place = next(each for each in tree.data["facets"] if each["id"] == facet)
    else:
        place = tree.node(parent)
        tree.same_facet(branch, parent)
        if parent == branch or parent.startswith(f"{branch}/"):
            raise UsageError(f"{parent} is part of {branch}", fix="name a branch outside it")
    if target == branch:
        return Change(text)
    tree.free(target)
    tree.remove(branch)
    tree.save()
    place.setdefault("branches", []).append(node)
    tree.save()
    return tree.finish({branch: target})


def split(text: str, branch: str, into: Sequence[tuple[str, str | None]], *, beside: bool = False) -> Change:
    """Make the branches `into` (id, title) under `branch`, or beside it. No label moves by itself.

    A title that is one of the headings of `branch` takes that heading along: what lists filed under it is sorted then.

    Raises:
        UsageError: the branch is unknown, or a name is taken.
    """
    tree = _Tree(text)
    node = tree.node(branch)
    parent = branch.rpartition("/")[0] if beside else branch
    fresh: list[tuple[str, Node]] = []
    for slug, title in into:
        if not _SLUG.fullmatch(slug):
            raise UsageError(
                f"{slug!r} cannot be an id", fix=f'write {_slug_of(slug)}="{slug}": the id, and its title'
            )
        target = f"{parent}/{slug}" if parent else slug
        words = title or slug.replace("-", " ").capitalize()
        there = tree.taxonomy.branches.get(target)
        if there is not None and title in (None, there.title):
            continue  # made before
        tree.free(target)
        if target in dict(fresh):
            raise UsageError(f"{target} is named twice", fix="name it once")
        tree.unclaimed(words, branch)
        if normal_title(words) == normal_title(node["title"]):
            raise UsageError(f"{words!r} is the title of {branch}", fix="give the new branch another")
        fresh.append((target, {"id": slug, "title": words, "description": NOT_DESCRIBED}))
    taken = {normal_title(new["title"]) for _, new in fresh}
    kept = [alias for alias in node.get("aliases", []) if normal_title(alias) not in taken]
    if len(kept) != len(node.get("aliases", [])):
        node["aliases"] = kept
        if not kept:
            del node["aliases"]
        tree.save()
    nodes = [new for _, new in fresh]
    if beside:
        siblings, index = tree.place(branch)
        siblings[index + 1 : index + 1] = nodes
    elif nodes:
        node.setdefault("branches", []).extend(nodes)
    tree.save()
    return tree.finish({}, made=tuple(target for target, _ in fresh))


def _slug_of(words: str) -> str:
    return normal_title(words).replace(" ", "-").lstrip("0123456789-") or "name"


def _names(node: Node) -> list[str]:
    return [node["title"], *node.get("aliases", [])]


def _add_names(node: Node, names: Sequence[str], *, but: str | None = None) -> None:
    """Let `node` have `names` as aliases, apart from those that it has."""
    has = {_heading(name) for name in (_names(node) if but is None else [but, *node.get("aliases", [])])}
    fresh = [name for name in dict.fromkeys(names) if _heading(name) not in has]
    if fresh:
        _put(node, "aliases", [*node.get("aliases", []), *fresh])


def _put(node: Node, name: str, value: Any) -> None:
    """Set a field at its place in the order of the file."""
    branches = node.pop("branches", None)
    node[name] = value
    if branches is not None:
        node["branches"] = branches


def _heading(name: str) -> str:
    return " > ".join(normal_title(part) for part in name.split(">"))


class _Tree:
    """taxonomy.yaml while it is edited: its text, its plain data, and the taxonomy as it was."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.data: dict[str, Any] = parse_yaml(text, file=FILE).data
        self.taxonomy = parse_taxonomy(text, file=FILE)

    def save(self) -> None:
        self.text = edit_yaml(self.text, self.data, file=FILE)

    def _walk(self) -> Iterator[tuple[str, list[Node], int]]:
        def below(branches: list[Node], parent: str) -> Iterator[tuple[str, list[Node], int]]:
            for index, node in enumerate(branches):
                full = f"{parent}{node['id']}"
                yield full, branches, index
                yield from below(node.get("branches") or [], f"{full}/")

        for facet in self.data["facets"]:
            yield from below(facet["branches"], "")

    def place(self, branch: str) -> tuple[list[Node], int]:
        """The list that `branch` stands in, and where."""
        for full, siblings, index in self._walk():
            if full == branch:
                return siblings, index
        near = [name for name in self.taxonomy.branches if branch.rsplit("/", 1)[-1] in name][:5]
        now = self.taxonomy.final_branch(branch)
        fix = f"it is {now} now" if now else f"one of: {', '.join(near or self.taxonomy.branches)}"
        raise UsageError(f"no branch {branch}", fix=fix)

    def node(self, branch: str) -> Node:
        siblings, index = self.place(branch)
        return siblings[index]

    def remove(self, branch: str) -> None:
        siblings, index = self.place(branch)
        del siblings[index]
        if not siblings:
            for node in self._nodes():
                if node.get("branches") is siblings:
                    del node["branches"]
                    return

    def _nodes(self) -> list[Node]:
        return [siblings[index] for _, siblings, index in self._walk()]

    def was(self, old: str, new: str) -> bool:
        """Whether `old` has become `new` before: a run that was killed is being repeated."""
        branches = self.taxonomy.branches
        return old not in branches and new in branches and self.taxonomy.final_branch(old) == new

    def free(self, target: str) -> None:
        if target in self.taxonomy.branches:
            raise UsageError(f"there is a branch {target}", fix="kb taxonomy merge joins two branches")

    def same_facet(self, one: str, other: str) -> None:
        a, b = self.taxonomy.facet_of(one), self.taxonomy.facet_of(other)
        if a != b:
            raise UsageError(f"{one} is of the facet {a}, {other} of {b}", fix="facets do not share branches")

    def unclaimed(self, title: str, but: str) -> None:
        """Raise unless lists' headings that read `title` are free, or those of the branch `but`."""
        facet = self.taxonomy.facet_of(but)
        for placed in self.taxonomy.branches.values():
            names = (placed.title, *placed.branch.aliases)
            if (
                placed.facet == facet
                and placed.id != but
                and _heading(title) in {_heading(name) for name in names}
            ):
                raise UsageError(
                    f"{title!r} is a heading of {placed.id} already", fix="two branches would share it"
                )

    def finish(self, moved: Mapping[str, str], made: tuple[str, ...] = ()) -> Change:
        """Write the redirects of `moved` branches and of all below them."""
        every = {
            old: new + old[len(top) :]
            for top, new in moved.items()
            for old in self.taxonomy.branches
            if old == top or old.startswith(f"{top}/")
        }
        there = {full for full, _, _ in self._walk()}
        redirects = self.data.get("redirects") or {}
        before = {old: every.get(new, new) for old, new in redirects.items()}
        after = {old: new for old, new in (before | every).items() if old not in there}
        if after != redirects:
            self.data["redirects"] = after
            if not after:
                del self.data["redirects"]
            self.save()
        return Change(self.text, every, made)


Operation = Callable[[str], Change]
