"""Writing YAML: a canonical form for new text, and edits that leave every other line alone.

`edit_yaml` changes the text of a file so that it reads back as the new data. It works on the positions of the parsed
nodes: a changed scalar is replaced where it stands, an added field goes where its order puts it, and comments, blank
lines, order, indentation and quoting of everything else stay as a person left them.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kb.errors import DataError
from kb.records.yaml_read import Document, construct, is_plain_text, parse_yaml

WIDTH = 110
Edit = tuple[int, int, str]  # replace text[start:end]
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\xa0\ud800-\udfff\ufeff\u2028\u2029\ufffe\uffff]")


def render_yaml(data: Mapping[str, Any]) -> str:
    """`data` in the canonical form: block style, two spaces, strings quoted only where they need it."""
    return "".join(_entry(key, value, 0) for key, value in data.items())


def _entry(key: str, value: Any, indent: int) -> str:
    pad = " " * indent
    name = _scalar(key)
    if isinstance(value, Mapping) and value:
        return f"{pad}{name}:\n" + "".join(_entry(k, v, indent + 2) for k, v in value.items())
    if isinstance(value, list) and value:
        return f"{pad}{name}:\n" + "".join(_item(item, indent + 2) for item in value)
    return f"{pad}{name}: {_value(value, indent + 2)}\n"


def _item(value: Any, indent: int) -> str:
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        lines = "".join(_entry(k, v, indent + 2) for k, v in value.items())
        return f"{pad}- {lines[indent + 2 :]}"
    if isinstance(value, list) and value:
        lines = "".join(_item(item, indent + 2) for item in value)
        return f"{pad}- {lines[indent + 2 :]}"
    return f"{pad}- {_value(value, indent + 2)}\n"


def _value(value: Any, indent: int) -> str:
    """A scalar or an empty collection after `name: `; the lines of a block scalar are indented by `indent`."""
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list):
        return "[]"
    if not isinstance(value, str):
        return _scalar(value)
    pad = " " * indent
    if _is_literal(value):
        body = "\n".join(pad + line if line else "" for line in value.rstrip("\n").split("\n"))
        return ("|\n" if value.endswith("\n") else "|-\n") + body
    if len(value) > WIDTH and _is_folded(value):
        lines = textwrap.wrap(value, WIDTH - indent, break_long_words=False, break_on_hyphens=False)
        return ">-\n" + "\n".join(pad + line for line in lines)
    return _scalar(value)


def _is_literal(text: str) -> bool:
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and all(lines[i] for i in (0, -1))
        and not lines[0].startswith(" ")
        and not _UNSAFE.search(text.replace("\n", ""))
    )


def _is_folded(text: str) -> bool:
    return (
        " " in text
        and text == " ".join(text.split(" ")).strip()
        and "  " not in text
        and not _UNSAFE.search(text)
    )


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if is_plain_text(value):
        return str(value)
    quoted = json.dumps(value, ensure_ascii=False)
    return _UNSAFE.sub(lambda m: f"\\u{ord(m.group()):04x}", quoted)


def _float(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise DataError(f"{value} cannot be stored")
    text = repr(value)
    if "e" in text:
        mantissa, exponent = text.split("e")
        sign = exponent[0] if exponent[0] in "+-" else "+"
        text = f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent.lstrip('+-')}"
    return text


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
    if document.data == new:
        return text
    for editor in (_Editor(document), _Editor(document, whole_fields=True)):
        changed = editor.apply(new)
        try:
            if parse_yaml(changed, file=file).data == dict(new):
                return changed
        except DataError:
            continue
    raise DataError("cannot be edited in place", file=file, fix="lay the file out as one field a line")


class _Editor:
    def __init__(self, document: Document, *, whole_fields: bool = False) -> None:
        self.text = document.text if document.text.endswith("\n") else document.text + "\n"
        self.root = document.root
        self.whole_fields = whole_fields
        self.edits: list[Edit] = []
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self.masked = self._mask(document.root)

    def apply(self, new: Mapping[str, Any]) -> str:
        if self.root.flow_style or not self.root.value:
            self.edits = [(0, len(self.text), self._comments(0, len(self.text), 0) + render_yaml(new))]
        else:
            self._mapping(self.root, new, len(self.text))
        text = self.text
        for start, end, replacement in sorted(self.edits, reverse=True):
            text = text[:start] + replacement + text[end:]
        return text

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
                    if chars[index] not in "\n ":
                        chars[index] = "x"
            elif isinstance(node, SequenceNode):
                stack.extend(node.value)
            elif isinstance(node, MappingNode):
                stack.extend(part for pair in node.value for part in pair)
        return "".join(chars)

    def _comments(self, start: int, end: int, indent: int) -> str:
        """The comments in [start, end) as lines of their own."""
        found = re.finditer(r"(?:^|(?<=\s))#[^\n]*", self.masked[start:end])
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
                after.setdefault(place, []).append(_entry(name, value, indent))
        for index, (name, key, value_node) in enumerate(pairs):
            start = self._offset(key)
            end = self._content_end(self._line_start(start), ends[index])
            if index == 0 and -1 in after:
                self._insert(self._line_start(start), start, after[-1], indent)
            if name not in new:
                self._replace_lines(start, end, "", indent)
            elif not _same(old[name], new[name]):
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
        if not self.whole_fields:
            if (
                isinstance(node, MappingNode)
                and isinstance(new, Mapping)
                and new
                and node.value
                and not node.flow_style
            ):
                return self._mapping(node, new, end)
            if (
                isinstance(node, SequenceNode)
                and isinstance(new, list)
                and new
                and node.value
                and not node.flow_style
            ):
                return self._sequence(node, new, end)
            if isinstance(node, ScalarNode) and self._replace_scalar(node, new, indent):
                return None
        return self._replace_lines(self._offset(key), end, _entry(str(key.value), new, indent), indent)

    def _replace_scalar(self, node: ScalarNode, new: Any, indent: int) -> bool:
        start, end = self._offset(node), self._offset(node, end=True)
        rendered = _value(new, indent + 2)
        simple = node.style not in {"|", ">"} and start < end and "\n" not in self.text[start:end]
        if isinstance(new, Mapping | list) or not simple or "\n" in rendered:
            return False
        if isinstance(new, str) and node.style == "'" and "'" not in new and not _UNSAFE.search(new):
            rendered = f"'{new}'"
        elif isinstance(new, str) and node.style == '"' and not rendered.startswith('"'):
            rendered = f'"{rendered}"'
        self.edits.append((start, end, rendered))
        return True

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
        matcher = SequenceMatcher(
            a=[_key(item) for item in old], b=[_key(item) for item in new], autojunk=False
        )
        for tag, a0, a1, b0, b1 in matcher.get_opcodes():
            if tag == "equal":
                continue
            paired = min(a1 - a0, b1 - b0)
            for offset in range(paired):
                self._item_change(
                    node.value[a0 + offset], new[b0 + offset], starts[a0 + offset], ends[a0 + offset], indent
                )
            for index in range(a0 + paired, a1):
                self.edits.append(
                    (starts[index], ends[index], self._comments(starts[index], ends[index], indent))
                )
            extra = "".join(_item(item, indent) for item in new[b0 + paired : b1])
            if extra:
                at = ends[a0 + paired - 1] if a0 + paired else starts[0]
                self.edits.append((at, at, extra))

    def _item_change(self, node: Node, new: Any, start: int, end: int, indent: int) -> None:
        if (
            isinstance(node, MappingNode)
            and isinstance(new, Mapping)
            and new
            and node.value
            and not node.flow_style
        ):
            self._mapping(node, new, end)
        elif not (isinstance(node, ScalarNode) and self._replace_scalar(node, new, indent)):
            self.edits.append((start, end, self._comments(start, end, indent) + _item(new, indent)))

    def _dash(self, item: Node) -> int:
        return self.masked.rfind("-", 0, self._offset(item))

    def _data(self, node: Node) -> Any:
        return construct(node)


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=False, ensure_ascii=False)
