"""Reading the YAML subset that records are written in.

libyaml splits the text; what a plain scalar means is decided here, once, so that no reader of the same file can
differ. The subset is what YAML 1.1 and 1.2 agree on: a plain ``no``, ``12:30``, ``2025-04-07`` or ``0777`` is refused
with the advice to quote it, because some other reader would turn it into something else. Tags, anchors and aliases,
repeated keys, directives, merge conflicts, second documents, tabs and exotic line breaks are refused too. Nothing is
ever constructed but str, int, float, bool, None, list and dict.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs do not export it
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.resolver import BaseResolver

from kb.errors import DataError

BOM = "\ufeff"
MAX_CHARS = 2_000_000
MAX_DEPTH = 40
MAX_DIGITS = 18

_INT = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?")
# Plain text that YAML 1.1, YAML 1.2 or a common parser reads as something else than the text itself.
_AMBIGUOUS = re.compile(
    r"""(?ix)
    y|n|yes|no|on|off|true|false|null|~|=|<<
    | [-+]?\.(?:inf|nan) | [-+]?[0-9_]+(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)? | [-+]?\.[0-9_]+(?:e[-+]?[0-9]+)?
    | [-+]?0[xob]?[0-9a-f_]+ | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[tT\ \t].*)?
    """
)
_CONFLICT = re.compile(r"^(<{7}|={7}|>{7}|\|{7})( .*)?\r?$", re.M)
_MARKER = re.compile(r"^(?:%|\.\.\.(?=\s|$))", re.M)
# A tab is white space to some readers and an error to others; so are YAML 1.1's line breaks in YAML 1.2.
_REFUSED = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]|\r(?!\n)"
)
_SPACES_FIRST = re.compile(r"[|>][-+0-9]*[^\n]*\n +\r?\n")  # some readers find no indentation then
_REFUSED_NAMES = {"\0": "a NUL character", "\t": "a tab", "\r": "a carriage return without a line feed"}

Path = tuple[str | int, ...]
_KEY = "?"  # in a path: the name of a field, not its value


@dataclass(frozen=True)
class Document:
    """A parsed YAML mapping: its data, its node tree, and the 1-based line of every path in it."""

    text: str
    data: dict[str, Any]
    root: MappingNode
    lines: dict[Path, int]

    def line_of(self, path: Path) -> int | None:
        """The line of `path`, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))


class _Composer(CParser, BaseResolver):
    """libyaml's composer without any implicit type, and with a bottom: it recurses in C, where nothing else stops it."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)
        self.depth = 0

    def descend_resolver(self, current_node: Node | None, current_index: Any) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = current_node.start_mark if current_node is not None else None
            raise ComposerError(problem="nested too deeply", problem_mark=mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1


def parse_yaml(text: str, *, file: str, plain: frozenset[str] = frozenset()) -> Document:
    """The mapping that `text` holds.

    Args:
        file: for messages.
        plain: words that are text without quotes although some readers differ: names of fields such as n.

    Raises:
        DataError: the text is not in the subset; with the line and what to do about it.
    """
    if len(text) > MAX_CHARS:
        raise DataError(f"is larger than {MAX_CHARS} characters", file=file)
    text = text.removeprefix(BOM)
    _refuse(text, file)
    try:
        root = _Composer(text).get_single_node()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        raise _not_yaml(error, mark, text, file) from None
    except (RecursionError, ValueError) as error:
        raise DataError(f"not YAML: {error}", file=file) from None
    if not isinstance(root, MappingNode):
        raise DataError("must hold fields (name: value)", file=file, line=1)
    reader = _Reader(file, text, plain)
    data = reader.construct(root, ())
    return Document(text, data, root, reader.lines)


def construct(node: Node, *, file: str = "") -> Any:
    """The data of one node of a document that `parse_yaml` accepted."""
    return _Reader(file, "").construct(node, ())


def _refuse(text: str, file: str) -> None:
    """Raise for what may stand nowhere in a file, whatever is around it."""
    if found := _CONFLICT.search(text):
        message, fix = "an unresolved merge conflict", "edit the file so that one side is left"
    elif found := _REFUSED.search(text):
        char = found.group()
        message = _REFUSED_NAMES.get(char, f"the character U+{ord(char):04X}")
        fix = "write spaces" if char == "\t" else "remove it"
    elif found := _MARKER.search(text):
        message, fix = "a line that starts with % or ... is not allowed", "remove it, or indent it"
    else:
        return
    raise DataError(message, file=file, line=text.count("\n", 0, found.start()) + 1, fix=fix)


_ADVICE = {
    "mapping values are not allowed in this context": 'text that holds ": " must stand in double quotes',
    "could not find expected ':'": "every line is `name: value`, or indented under one",
    "found character that cannot start any token": "text that starts with @, ` or % must stand in double quotes",
    "did not find expected key": "is the indentation right, and is every quote closed?",
    "but found another document": "remove the second ---",
}


def _not_yaml(error: yaml.YAMLError, mark: yaml.Mark | None, text: str, file: str) -> DataError:
    problem = getattr(error, "problem", None) or str(error)
    # At the end of the text the mark is beyond the last line.
    line = min(mark.line, max(0, len(text.splitlines()) - 1)) + 1 if mark else None
    return DataError(f"not YAML: {problem}", file=file, line=line, fix=_ADVICE.get(problem))


class _Reader:
    def __init__(self, file: str, text: str, plain: frozenset[str] = frozenset()) -> None:
        self.file = file
        self.text = text
        self.plain = plain
        self.lines: dict[Path, int] = {}
        self.seen: set[int] = set()

    def error(self, node: Node, message: str, path: Path, fix: str | None = None) -> DataError:
        field = ".".join(str(part) for part in path if part != _KEY) or None
        return DataError(message, file=self.file, line=node.start_mark.line + 1, field=field, fix=fix)

    def construct(self, node: Node, path: Path) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if id(node) in self.seen:
            raise self.error(node, "an alias (*name) is not allowed", path, "write the value out")
        self.seen.add(id(node))
        # The composer forgets anchors and what `!` and `!!str` did; the text still has them.
        first = self.text[node.start_mark.index : node.start_mark.index + 1]
        if first == "!" or node.tag not in _PLAIN_TAGS:
            raise self.error(node, f"a tag ({node.tag}) is not allowed", path, "remove the tag")
        if first == "&":
            raise self.error(node, "an anchor (&name) is not allowed", path, "remove it")
        if isinstance(node, ScalarNode):
            return self.scalar(node, path)
        if isinstance(node, SequenceNode):
            return [self.construct(item, (*path, index)) for index, item in enumerate(node.value)]
        return self.mapping(node, path) if isinstance(node, MappingNode) else None

    def mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct(key_node, (*path, _KEY))
            if not isinstance(key, str):
                raise self.error(key_node, f"a field name must be text, not {key!r}", path)
            if key in data:
                raise self.error(
                    key_node, f"the field {key!r} stands here twice", path, "keep one of the two"
                )
            data[key] = self.construct(value_node, (*path, key))
            self.lines[*path, key] = key_node.start_mark.line + 1
        return data

    def scalar(self, node: ScalarNode, path: Path) -> str | int | float | bool | None:
        text = str(node.value)
        if node.style in {"'", '"', "|", ">"}:
            if _SPACES_FIRST.match(self.text, node.start_mark.index):
                raise self.error(node, "the text starts with a line of spaces", path, "empty that line")
            return text
        if text in {"", "null"}:
            return None
        if text in {"true", "false"}:
            return text == "true"
        if _INT.fullmatch(text) and len(text.lstrip("-")) <= MAX_DIGITS:
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        if text not in self.plain and _AMBIGUOUS.fullmatch(text):
            raise self.error(
                node, f"{text} is read differently by different YAML readers", path, f'write "{text}"'
            )
        return text


def is_plain_text(text: str) -> bool:
    """Whether `text`, unquoted in a block mapping, reads back as itself with every YAML reader."""
    if not re.fullmatch(
        r"[A-Za-z0-9(À-ɏ][^\x00-\x1f\x7f-\xa0#:\ud800-\udfff\ufeff\u2028\u2029\ufffe\uffff]*", text
    ):
        return False
    # A date such as 2025-04 would read back as itself, but beside a quoted 2025-04-07 it looks like a mistake.
    return text == text.strip() and not _AMBIGUOUS.fullmatch(text) and not re.fullmatch(r"[0-9.:-]+", text)
