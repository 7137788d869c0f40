"""The canonical form of a record: what a new one looks like, and what `kb fmt` makes of one that a person wrote.

The form follows from the data and the comments alone: the header, the fields in the order of the models, block style,
quotes only where they are needed, long text folded, the arms and conditions of a claim on one line where that has room.
Items of a list keep their order, and nothing that is written down is left out or added, defaults included.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from yaml.nodes import MappingNode, Node, SequenceNode

from kb.errors import DataError
from kb.records.models import Paper
from kb.records.schema import models_in
from kb.records.yaml_read import BOM, Document, Path, parse_yaml
from kb.records.yaml_text import WIDTH, flow_text, scalar_text
from kb.records.yaml_write import masked, same_data

HEADER = "# yaml-language-server: $schema=../schema/paper.json\n"
"""The first line of a record: with it, an editor completes and checks while one types."""

_ON_ONE_LINE = frozenset({"variant", "baseline", "conditions", "contrast"})
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\r\n]*", re.M)


@dataclass
class Remarks:
    """The comments of a document, each with the field or item that it speaks of.

    Attributes:
        head, end: before the first field, and after the last.
        before, after: on lines of their own, around a field or an item.
        tail: at the end of a line.
    """

    head: list[str] = field(default_factory=list)
    end: list[str] = field(default_factory=list)
    before: defaultdict[Path, list[str]] = field(default_factory=lambda: defaultdict(list))
    after: defaultdict[Path, list[str]] = field(default_factory=lambda: defaultdict(list))
    tail: defaultdict[Path, list[str]] = field(default_factory=lambda: defaultdict(list))

    def below(self, path: Path) -> bool:
        """Whether a comment speaks of something inside `path`."""
        places = (*self.before, *self.after, *self.tail)
        return any(len(place) > len(path) and place[: len(path)] == path for place in places)


def canonical_record(text: str, *, file: str) -> str:
    """The canonical form of the record in `text`, with its comments.

    Raises:
        DataError: `text` cannot be read.
    """
    document = parse_yaml(text, file=file)
    remarks = remarks_of(document)
    remarks.head = [each for each in remarks.head if each != HEADER.rstrip("\n")]
    result = render_canonical(document.data, remarks)
    if not same_data(parse_yaml(result, file=file).data, document.data):
        raise DataError("cannot be formatted without changing what it says", file=file, fix="report it")
    return result


def render_canonical(data: Mapping[str, Any], remarks: Remarks | None = None) -> str:
    """The canonical text of a record's data (`Paper.to_data`)."""
    writer = _Writer(remarks or Remarks())
    lines = [
        *writer.remarks.head,
        *writer.mapping(in_order(data, Paper), (), 0),
        *writer.remarks.end,
    ]
    return HEADER + "".join(f"{line}\n" for line in lines)


def in_order(value: Any, model: type[BaseModel] | None) -> Any:
    """`value` with the fields of every mapping in the order of its model; what has none keeps its order."""
    if isinstance(value, list):
        return [in_order(item, model) for item in value]
    if not isinstance(value, Mapping) or model is None:
        return value
    known = [name for name in model.model_fields if name in value]
    kept: dict[str, Any] = {}
    for name in (*known, *(name for name in value if name not in known)):
        about = model.model_fields.get(name)
        inner = models_in(about.annotation) if about else []
        kept[name] = in_order(value[name], inner[0] if inner else None)
    return kept


class _Writer:
    """Writes data as lines, with the comments where they belong."""

    def __init__(self, remarks: Remarks) -> None:
        self.remarks = remarks

    def mapping(self, value: Mapping[str, Any], path: Path, indent: int) -> list[str]:
        return [
            line for name, item in value.items() for line in self.entry(name, item, (*path, name), indent)
        ]

    def entry(self, name: str, value: Any, path: Path, indent: int) -> list[str]:
        pad = " " * indent
        head = f"{pad}{scalar_text(name)}:"
        before, tail = self.around(path, pad)
        if isinstance(value, Mapping | list) and value:
            flow = f"{head} {flow_text(value)}" if self.may_flow(path) else None
            if flow is not None and len(flow) <= WIDTH:
                lines = [flow + tail]
            elif isinstance(value, Mapping):
                lines = [head + tail, *self.mapping(value, path, indent + 2)]
            else:
                lines = [head + tail, *self.items(value, path, indent + 2)]
        else:
            first, *rest = scalar_text(value, indent + 2).split("\n")
            lines = [f"{head} {first}{tail}", *rest]
        return [*before, *lines, *(pad + each for each in self.remarks.after[path])]

    def items(self, values: list[Any], path: Path, indent: int) -> list[str]:
        return [line for index, item in enumerate(values) for line in self.item(item, (*path, index), indent)]

    def item(self, value: Any, path: Path, indent: int) -> list[str]:
        pad = " " * indent
        before, tail = self.around(path, pad)
        if isinstance(value, Mapping | list) and value:
            if tail:  # of the dash alone
                before.append(pad + tail.strip())
            if isinstance(value, Mapping):
                lines = self.mapping(value, path, indent + 2)
            else:
                lines = self.items(value, path, indent + 2)
            while lines[0].lstrip().startswith("#"):
                before.append(pad + lines.pop(0).lstrip())
            lines[0] = f"{pad}- {lines[0][indent + 2 :]}"
        else:
            first, *rest = scalar_text(value, indent + 2).split("\n")
            lines = [f"{pad}- {first}{tail}", *rest]
        return [*before, *lines, *(pad + each for each in self.remarks.after[path])]

    def around(self, path: Path, pad: str) -> tuple[list[str], str]:
        """The comments before an entry, and the one at the end of its line."""
        before, tail = self.remarks.before[path], self.remarks.tail[path]
        if len(tail) == 1:
            return [pad + each for each in before], f" {tail[0]}"
        return [pad + each for each in (*before, *tail)], ""

    def may_flow(self, path: Path) -> bool:
        of_claim = len(path) == 3 and path[0] == "claims" and path[2] in _ON_ONE_LINE
        return of_claim and not self.remarks.below(path)


# Whose comment is it?


@dataclass(frozen=True)
class _Entry:
    """A field or an item in block style: where it starts, and where its value ends."""

    path: Path
    start: int
    column: int
    value_end: int


def remarks_of(document: Document) -> Remarks:
    """Every comment of `document` with what it speaks of: of what stands on its line, of what follows it, or, where it is
    indented deeper than that, of what stands before it.
    """
    text = document.text.removeprefix(BOM)
    black = masked(text, document.root)
    entries = sorted(_entries(document.root, (), black), key=lambda each: each.start)
    found = Remarks()
    for match in _COMMENT.finditer(black):
        at = match.start()
        said = text[at : match.end()].rstrip()
        column = at - (black.rfind("\n", 0, at) + 1)
        earlier = [each for each in entries if each.start < at]
        following = next((each for each in entries if each.start > at), None)
        if black[at - column : at].strip(" "):
            if earlier:
                found.tail[earlier[-1].path].append(said)
            else:  # --- # comment
                found.head.append(said)
        elif not earlier:
            found.head.append(said)
        elif at < earlier[-1].value_end:
            found.before[earlier[-1].path].append(said)
        elif following is not None and column <= following.column:
            found.before[following.path].append(said)
        else:
            owner = next((each for each in reversed(earlier) if each.column <= column), earlier[0])
            if following is None and owner.column == 0:
                found.end.append(said)
            else:
                found.after[owner.path].append(said)
    return found


def _entries(node: Node, path: Path, black: str) -> Iterator[_Entry]:
    if isinstance(node, MappingNode) and not node.flow_style:
        for key, value in node.value:
            name = (*path, str(key.value))
            yield _Entry(name, key.start_mark.index, key.start_mark.column, _end(value))
            yield from _entries(value, name, black)
    elif isinstance(node, SequenceNode) and not node.flow_style:
        for index, item in enumerate(node.value):
            dash = black.rfind("-", 0, item.start_mark.index)
            column = dash - (black.rfind("\n", 0, dash) + 1)
            yield _Entry((*path, index), dash, column, _end(item))
            yield from _entries(item, (*path, index), black)


def _end(value: Node) -> int:
    """Where a value that is no block of entries ends; a block's entries have ends of their own."""
    block = isinstance(value, MappingNode | SequenceNode) and not value.flow_style
    return 0 if block else int(value.end_mark.index)
