"""Merging two edits of one file, field by field: what `kb merge-driver` makes of records in git.

Edits of different fields never meet. Lists whose items have an identity (a label's branch, witness and source; a claim's id)
merge item by item, others as one value. Where both sides changed the same thing differently, the result holds both
between git's conflict markers, whole fields at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from kb.errors import DataError
from kb.records.canonical import Remarks, remarks_of
from kb.records.yaml_read import Document, Path, parse_yaml
from kb.records.yaml_write import edit_yaml, same_data

IDENTITY: Mapping[str, tuple[str, ...]] = {
    "labels": ("branch", "by", "source"),
    "claims": ("id",),
    "notes": ("text",),
    "veto": ("ref",),
    "same": ("a", "b"),
    "different": ("a", "b"),
    "rejected": ("key", "title", "identifiers"),
    "merged": ("gone",),
    "facets": ("id",),
    "branches": ("id",),
    "sources": ("id",),
    "models": ("name",),
    "benchmarks": ("name",),
    "methods": ("name",),
    **dict.fromkeys(("code", "data", "attach", "aliases", "cues"), ()),
}
"""By which of its fields an item of a list is the same on both sides, by the list's name; () is the item itself."""

_ABSENT: Any = object()
_OURS, _MIDDLE, _THEIRS = "<<<<<<< ours\n", "=======\n", ">>>>>>> theirs\n"


@dataclass(frozen=True)
class Merged:
    """The merged text, and the names of what both sides changed differently."""

    text: str
    conflicts: tuple[str, ...] = ()


def merge_texts(base: str, ours: str, theirs: str, *, file: str, by_lines: str | None = None) -> Merged:
    """What `ours` and `theirs` make of `base`. Layout and comments are those of `ours`; new comments of `theirs` come in
    where what they speak of is still there.

    Args:
        base: the common ancestor; empty if both sides added the file.
        by_lines: what a merge line by line gives, if it is without conflict; it stands if it says the same.
        file: for messages.

    Raises:
        DataError: a side cannot be read, or not be edited.
    """
    old = _document(base, file)
    mine, other = parse_yaml(ours, file=file), parse_yaml(theirs, file=file)
    merge = _Merge()
    left, right = merge.value(old.data if old else {}, mine.data, other.data, ())
    conflicts = tuple(merge.conflicts)
    if by_lines is not None and not conflicts:
        with suppress(DataError):
            if same_data(parse_yaml(by_lines, file=file).data, left):
                return Merged(by_lines)
    text = edit_yaml(ours, left, file=file)
    text = _with_comments(text, old, other, file)
    if not conflicts:
        return Merged(text)
    return Merged(_marked(text, edit_yaml(text, right, file=file), file), conflicts)


def _document(text: str, file: str) -> Document | None:
    said = any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())
    return parse_yaml(text, file=file) if said else None


@dataclass
class _Merge:
    """Merges data into two views, which are equal where there is no conflict: ours wins in the first, theirs in the other."""

    conflicts: list[str] = field(default_factory=list)

    def value(self, base: Any, ours: Any, theirs: Any, path: tuple[str, ...]) -> tuple[Any, Any]:
        if _same(ours, theirs) or _same(base, theirs):
            return ours, ours
        if _same(base, ours):
            return theirs, theirs
        if isinstance(ours, dict) and isinstance(theirs, dict):
            return self._mapping(base if isinstance(base, dict) else {}, ours, theirs, path)
        if isinstance(ours, list) and isinstance(theirs, list):
            name = path[-1] if path else ""
            old = _by_identity(name, base if isinstance(base, list) else [])
            mine, other = _by_identity(name, ours), _by_identity(name, theirs)
            if old is not None and mine is not None and other is not None:
                left, right = self._mapping(old, mine, other, path)
                return [*left.values()], [*right.values()]
        self.conflicts.append(".".join(path))
        return ours, theirs

    def _mapping(
        self,
        base: Mapping[Any, Any],
        ours: Mapping[Any, Any],
        theirs: Mapping[Any, Any],
        path: tuple[str, ...],
    ) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """Field by field, or item by item under their identities."""
        left: dict[Any, Any] = {}
        right: dict[Any, Any] = {}
        for name in _order([*base], [*ours], [*theirs]):
            shown = name if isinstance(name, str) else " ".join(part for part in name if part)
            old, mine, other = (each.get(name, _ABSENT) for each in (base, ours, theirs))
            left[name], right[name] = self.value(old, mine, other, (*path, shown))
        return _present(left), _present(right)


def _present(view: dict[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in view.items() if value is not _ABSENT}


def _same(a: Any, b: Any) -> bool:
    return a is b if a is _ABSENT or b is _ABSENT else same_data(a, b)


def _by_identity(name: str, items: list[Any]) -> dict[Any, Any] | None:
    """The items by identity; None if the list knows none, or two items share one."""
    fields = IDENTITY.get(name)
    if fields is None:
        return None
    found = {_identity(item, fields): item for item in items}
    return found if len(found) == len(items) else None


def _identity(item: Any, fields: Sequence[str]) -> tuple[str, ...]:
    said = [item.get(each, "") for each in fields] if isinstance(item, Mapping) and fields else [item]
    return tuple(each if isinstance(each, str) else repr(each) for each in said)


def _order(base: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any]:
    """All names, in the order of the side that changed it; what the other side added follows what it followed there."""

    def moved(side: list[Any]) -> bool:
        return [each for each in side if each in base] != [each for each in base if each in side]

    main, other = (theirs, ours) if moved(theirs) and not moved(ours) else (ours, theirs)
    found = list(main)
    after = -1
    for name in other:
        if name in found:
            after = found.index(name)
            continue
        after += 1
        while after < len(found) and found[after] not in base and found[after] not in other:
            after += 1
        found.insert(after, name)
    return found


# Comments


def _with_comments(text: str, base: Document | None, theirs: Document, file: str) -> str:
    """`text` with those comments of `theirs` that neither it nor `base` has."""
    document = parse_yaml(text, file=file)
    known = Counter(said for _, said in _comments(remarks_of(document)))
    if base is not None:
        known |= Counter(said for _, said in _comments(remarks_of(base)))
    where = {_named(path, document.data): path for path in document.lines}
    lines = document.text.splitlines(keepends=True)
    added: dict[int, list[str]] = {}
    for path, said in _comments(remarks_of(theirs)):
        known[said] -= 1
        place = where.get(_named(path, theirs.data)) if path else ()
        if known[said] < 0 and place is not None:
            number = document.lines[place] - 1 if place else 0
            line = lines[number]
            added.setdefault(number, []).append(f"{line[: len(line) - len(line.lstrip(' '))]}{said}\n")
    if not added:
        return text
    commented = "".join(each for n, line in enumerate(lines) for each in (*added.get(n, ()), line))
    with suppress(DataError):
        if same_data(parse_yaml(commented, file=file).data, document.data):
            return commented
    return text


def _comments(remarks: Remarks) -> Iterator[tuple[Path, str]]:
    for said in (*remarks.head, *remarks.end):
        yield (), said
    for places in (remarks.before, remarks.tail, remarks.after):
        for path, each in places.items():
            for said in each:
                yield path, said


def _named(path: Path, data: Any) -> tuple[Any, ...]:
    """`path` with the identities of items instead of their numbers."""
    named: list[Any] = []
    name = ""
    for part in path:
        if isinstance(part, int) and name in IDENTITY and isinstance(data, list):
            named.append(_identity(data[part], IDENTITY[name]))
        else:
            named.append(part)
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):  # the name of a field, not its value
            data = None
        name = part if isinstance(part, str) else ""
    return tuple(named)


# Conflicts


def _marked(ours: str, theirs: str, file: str) -> str:
    """One text that holds both, with git's markers around the fields that differ."""
    sides = [text.splitlines(keepends=True) for text in (ours, theirs)]
    starts = [set(parse_yaml(text, file=file).lines.values()) for text in (ours, theirs)]
    for side in sides:
        if side and not side[-1].endswith("\n"):
            side[-1] += "\n"
    parts: list[str] = []
    at = 0
    for i0, i1, j0, j1 in _whole_fields(sides, starts):
        parts += [
            *sides[0][at:i0],
            _OURS,
            *sides[0][i0:i1],
            _MIDDLE,
            *sides[1][j0:j1],
            _THEIRS,
        ]
        at = i1
    return "".join([*parts, *sides[0][at:]])


def _whole_fields(sides: list[list[str]], starts: list[set[int]]) -> Iterable[tuple[int, int, int, int]]:
    """Where the two differ, each place widened to whole fields: a person chooses a text and not some of its lines."""
    found: list[list[int]] = []
    matcher = SequenceMatcher(a=sides[0], b=sides[1], autojunk=False)
    changed = [codes for tag, *codes in matcher.get_opcodes() if tag != "equal"]
    ends = [*(codes[0] for codes in changed[1:]), len(sides[0])]
    for (i0, i1, j0, j1), end in zip(changed, ends, strict=True):
        floor = found[-1][1] if found else 0
        while i0 > floor and ((i0 < i1 and i0 + 1 not in starts[0]) or (j0 < j1 and j0 + 1 not in starts[1])):
            i0, j0 = i0 - 1, j0 - 1
        while i1 < end and i1 + 1 not in starts[0] and sides[0][i1].strip():
            i1, j1 = i1 + 1, j1 + 1
        if found and i0 == found[-1][1]:
            found[-1][1], found[-1][3] = i1, j1
        else:
            found.append([i0, i1, j0, j1])
    return [(a, b, c, d) for a, b, c, d in found]
