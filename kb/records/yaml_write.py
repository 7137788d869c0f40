"""Editing YAML so that every other line stays as it is; `kb.records.yaml_text` has the form of what is new.

`edit_yaml` changes the text of a file so that it reads back as the new data. It works on the positions of the parsed
nodes: a changed scalar is replaced where it stands, an added field goes where its order puts it, and comments, blank
lines, order, indentation and quoting of everything else stay as a person left them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from difflib import SequenceMatcher
from operator import itemgetter
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kb.errors import DataError
from kb.records.yaml_read import BOM, construct, parse_yaml
from kb.records.yaml_text import (
    FLOW_MARKS,
    entry_text,
    item_text,
    one_line_text,
    quoted,
    render_yaml,
    scalar_text,
    styled,
)

Edit = tuple[int, int, str]  # replace text[start:end]
_WHOLE_FLOAT = re.compile(r"(?<=\d)\.0(?![\d])")


def masked(text: str, root: MappingNode) -> str:
    """`text` with every scalar blacked out, so that what looks like a comment is one. `root` is what it was parsed to."""
    return _Editor(text, root).masked


def edit_yaml(text: str, new: Mapping[str, Any], *, file: str) -> str:
    """`text` changed so that it reads as `new`. Fields keep their order; new ones go where `new` has them.

    Args:
        text: a file that `parse_yaml` accepts.
        new: the data that the result must hold; every leaf a str, int, float, bool or None.
        file: for messages.

    Raises:
        DataError: `text` is not readable, or is laid out so that it cannot be edited without losing something.
    """
    document = parse_yaml(text, file=file)
    if same_data(document.data, new):
        return text
    mark, body = text[: text.startswith(BOM)], text.removeprefix(BOM)
    for editor in (_Editor(body, document.root), _Editor(body, document.root, whole_fields=True)):
        changed = editor.apply(new)
        # A file that does not end in a line feed stays so, unless that would change what its last field says.
        for candidate in (changed[: -len(editor.eol)], changed) if editor.unended else (changed,):
            with suppress(DataError):
                if same_data(parse_yaml(candidate, file=file).data, new):
                    return mark + candidate
    raise DataError("cannot be edited in place", file=file, fix="lay the file out as one field a line")


class _Editor:
    """Collects the edits that turn one text into another. `root` is what `text` was parsed to."""

    def __init__(self, text: str, root: MappingNode, *, whole_fields: bool = False) -> None:
        first_line = text.partition("\n")[0]
        self.eol = "\r\n" if first_line.endswith("\r") else "\n"
        self.unended = not text.endswith("\n")
        self.text = text + self.eol if self.unended else text
        self.root = root
        self.whole_fields = whole_fields
        self.edits: list[Edit] = []
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self.masked = self._mask(root)

    def apply(self, new: Mapping[str, Any]) -> str:
        if self.root.flow_style or not self.root.value or not new:
            whole = render_yaml(new) if new else "{}\n"
            self.edits = [(0, len(self.text), self._comments(0, len(self.text), 0) + whole)]
        else:
            self._mapping(self.root, new, len(self.text))
        parts: list[str] = []
        at = 0
        for start, end, replacement in sorted(self.edits, key=itemgetter(0, 1)):
            parts += self.text[at:start], replacement.replace("\n", self.eol)
            at = end
        return "".join(parts) + self.text[at:]

    # Places

    def _offset(self, node: Node, *, end: bool = False) -> int:
        mark = node.end_mark if end else node.start_mark
        if mark.line >= len(self.line_starts):
            return len(self.text)
        return min(self.line_starts[mark.line] + mark.column, len(self.text))

    def _line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def _line_end(self, offset: int) -> int:
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end + 1

    def _content_end(self, start: int, limit: int) -> int:
        """The end of the last line in [start, limit) that is neither blank nor a comment."""
        end = start
        position = start
        while position < limit:
            next_line = self._line_end(position)
            line = self.masked[position:next_line].strip()
            if line and not line.startswith("#"):
                end = next_line
            position = next_line
        return min(end, limit)

    def _mask(self, root: Node) -> str:
        """The text with every scalar blacked out, so that what looks like a comment is one."""
        chars = list(self.text)
        stack: list[Node] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, ScalarNode):
                start, end = self._offset(node), self._offset(node, end=True)
                if node.style in {"|", ">"}:
                    start = self._line_end(start)
                for index in range(start, end):
                    if chars[index] not in "\r\n ":
                        chars[index] = "x"
            elif isinstance(node, SequenceNode):
                stack.extend(node.value)
            elif isinstance(node, MappingNode):
                stack.extend(part for pair in node.value for part in pair)
        return "".join(chars)

    def _comments(self, start: int, end: int, indent: int) -> str:
        """The comments in [start, end) as lines of their own."""
        found = re.finditer(r"(?:^|(?<=\s))#[^\r\n]*", self.masked[start:end])
        return "".join(f"{' ' * indent}{self.text[start + m.start() : start + m.end()]}\n" for m in found)

    # Changes

    def _mapping(self, node: MappingNode, new: Mapping[str, Any], limit: int) -> None:
        pairs = [(str(key.value), key, value) for key, value in node.value]
        indent = pairs[0][1].start_mark.column
        ends = [self._line_start(self._offset(key)) for _, key, _ in pairs[1:]] + [limit]
        names = [name for name, _, _ in pairs]
        old = {name: self._data(value) for name, _, value in pairs}
        after: dict[int, list[str]] = {}
        place = -1
        for name, value in new.items():
            if name in old:
                place = max(place, names.index(name))
            else:
                after.setdefault(place, []).append(entry_text(name, value, indent))
        for index, (name, key, value_node) in enumerate(pairs):
            start = self._offset(key)
            end = self._content_end(self._line_start(start), ends[index])
            if index == 0 and -1 in after:
                self._insert(self._line_start(start), start, after[-1], indent)
            if name not in new:
                self._replace_lines(start, end, "", indent)
            elif not same_data(old[name], new[name]):
                self._field(key, value_node, new[name], end, indent)
            if index in after:
                self.edits.append((end, end, "".join(after[index])))

    def _insert(self, line_start: int, start: int, entries: list[str], indent: int) -> None:
        """Before the first field; in a list item that field shares its line with the dash."""
        text = "".join(entries)
        if self.text[line_start:start].strip():
            self.edits.append((start, start, text.removeprefix(" " * indent) + " " * indent))
        else:
            self.edits.append((line_start, line_start, text))

    def _field(self, key: ScalarNode, node: Node, new: Any, end: int, indent: int) -> None:
        if self.whole_fields or not self._in_place(node, new, end, indent):
            self._replace_lines(self._offset(key), end, entry_text(str(key.value), new, indent), indent)

    def _item(self, node: Node, new: Any, start: int, end: int, indent: int) -> None:
        if not self._in_place(node, new, end, indent):
            self.edits.append((start, end, self._comments(start, end, indent) + item_text(new, indent)))

    def _in_place(self, node: Node, new: Any, end: int, indent: int) -> bool:
        """Change `node` to `new` inside the lines where it stands; False if its shape does not allow that."""
        if isinstance(node, ScalarNode):
            return self._replace_scalar(node, new, indent)
        if not isinstance(node, MappingNode | SequenceNode) or node.flow_style:
            edits = self._flow(node, new)
            self.edits += edits or ()
            return edits is not None
        if isinstance(node, MappingNode) and isinstance(new, Mapping) and new:
            self._mapping(node, new, end)
            return True
        if isinstance(node, SequenceNode) and isinstance(new, list) and new:
            self._sequence(node, new, end)
            return True
        return False

    def _replace_scalar(self, node: ScalarNode, new: Any, indent: int) -> bool:
        start, end = self._offset(node), self._offset(node, end=True)
        if isinstance(new, Mapping | list) or not self._on_one_line(node):
            return False
        rendered = scalar_text(new, indent + 2)
        if "\n" in rendered:
            return False
        if start == end:  # nothing after `name:` or `-`
            rendered = f" {rendered}"
        self.edits.append((start, end, styled(rendered, new, node.style)))
        return True

    def _flow(self, node: Node, new: Any) -> list[Edit] | None:
        """The edits inside a flow collection that keeps its shape; None if it does not."""
        if same_data(self._data(node), new):
            return []
        if isinstance(node, SequenceNode) and isinstance(new, list) and len(new) == len(node.value):
            inner = [self._flow(item, value) for item, value in zip(node.value, new, strict=True)]
        elif (
            isinstance(node, MappingNode) and isinstance(new, Mapping) and new.keys() == set(self._data(node))
        ):
            inner = [self._flow(value, new[key.value]) for key, value in node.value]
        elif isinstance(node, ScalarNode) and self._on_one_line(node) and not isinstance(new, Mapping | list):
            start, end = self._offset(node), self._offset(node, end=True)
            if start == end:
                return None
            rendered = one_line_text(new)
            plain = not isinstance(new, str) or not FLOW_MARKS & set(new)
            inner = [[(start, end, styled(rendered if plain else quoted(new), new, node.style))]]
        else:
            return None
        if any(edits is None for edits in inner) or not inner:
            return None
        return [edit for edits in inner for edit in edits or ()]

    def _on_one_line(self, node: ScalarNode) -> bool:
        start, end = self._offset(node), self._offset(node, end=True)
        return node.style not in {"|", ">"} and "\n" not in self.text[start:end]

    def _replace_lines(self, start: int, end: int, replacement: str, indent: int) -> None:
        """Replace from `start` to the end of its lines, keeping the comments that stood there."""
        line_start = self._line_start(start)
        comments = self._comments(start, end, indent)
        if dash := self.text[line_start:start].strip():  # the first field of a list item
            lead = self.text[line_start:start]
            body = replacement + comments if replacement else comments
            if not replacement:  # the next field moves up to the dash
                nxt = re.compile(rf" {{{indent}}}(?=[^\s#-])").match(self.text, end)
                if nxt is None:
                    body = f"{' ' * indent}{{}}\n" if dash else body
                else:
                    self.edits.append((line_start, nxt.end(), lead))
                    if comments:
                        self.edits.append((line_start, line_start, comments))
                    return
            self.edits.append((start, end, body[indent:]))
            return
        self.edits.append((line_start, end, comments + replacement))

    def _sequence(self, node: SequenceNode, new: list[Any], limit: int) -> None:
        old = [self._data(item) for item in node.value]
        dashes = [self._dash(item) for item in node.value]
        indent = dashes[0] - self._line_start(dashes[0])
        starts = [self._line_start(dash) for dash in dashes]
        ends = [
            self._content_end(start, end) for start, end in zip(starts, [*starts[1:], limit], strict=True)
        ]
        for a0, a1, b0, b1 in changed_items(old, new):
            paired = min(a1 - a0, b1 - b0)
            for offset in range(paired):
                at = a0 + offset
                self._item(node.value[at], new[b0 + offset], starts[at], ends[at], indent)
            for index in range(a0 + paired, a1):
                self.edits.append(
                    (starts[index], ends[index], self._comments(starts[index], ends[index], indent))
                )
            extra = "".join(item_text(item, indent) for item in new[b0 + paired : b1])
            if extra:
                at = ends[a0 + paired - 1] if a0 + paired else starts[0]
                self.edits.append((at, at, extra))

    def _dash(self, item: Node) -> int:
        return self.masked.rfind("-", 0, self._offset(item))

    def _data(self, node: Node) -> Any:
        return construct(node)


def changed_items(old: list[Any], new: list[Any]) -> list[tuple[int, int, int, int]]:
    """Which `old[a0:a1]` have to become which `new[b0:b1]`, in the way that touches the fewest items."""
    a, b = [_key(item) for item in old], [_key(item) for item in new]
    matcher = SequenceMatcher(a=a, b=b, autojunk=False)
    found = [(a0, a1, b0, b1) for tag, a0, a1, b0, b1 in matcher.get_opcodes() if tag != "equal"]
    if len(a) == len(b):
        each = [(n, n + 1, n, n + 1) for n in range(len(a)) if a[n] != b[n]]
        if len(each) <= sum(max(a1 - a0, b1 - b0) for a0, a1, b0, b1 in found):
            return each
    return found


def same_data(a: Any, b: Any) -> bool:
    """Whether two values say the same: 1 and 1.0 do, 1 and true do not, and the order of fields does not count."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_data(value, b[name]) for name, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_data, a, b))
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _key(value: Any) -> str:
    """A text that two values share if they say the same."""
    plain = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return _WHOLE_FLOAT.sub("", plain) if ".0" in plain else plain
