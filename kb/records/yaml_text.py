"""Values as YAML in the canonical form: block style, two spaces, quotes only where they are needed."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from kb.errors import DataError
from kb.records.yaml_read import MAX_DIGITS, is_plain_text

WIDTH = 110
FLOW_MARKS = frozenset(",[]{}")
"""What means something inside a list on one line."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\xa0\ud800-\udfff\ufeff\u2028\u2029\ufffe\uffff]")


def render_yaml(data: Mapping[str, Any]) -> str:
    """`data` in the canonical form: block style, two spaces, strings quoted only where they need it."""
    return "".join(entry_text(key, value, 0) for key, value in data.items())


def flow_text(value: Any) -> str:
    """`value` on one line: {name: [a, b]}."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{flow_text(name)}: {flow_text(item)}' for name, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow_text, value))}]"
    if isinstance(value, str) and FLOW_MARKS & set(value):
        return quoted(value)
    return one_line_text(value)


def entry_text(key: str, value: Any, indent: int) -> str:
    """A field of a mapping, on lines of its own."""
    pad = " " * indent
    name = one_line_text(key)
    if isinstance(value, Mapping) and value:
        return f"{pad}{name}:\n" + "".join(entry_text(k, v, indent + 2) for k, v in value.items())
    if isinstance(value, list) and value:
        return f"{pad}{name}:\n" + "".join(item_text(item, indent + 2) for item in value)
    return f"{pad}{name}: {scalar_text(value, indent + 2)}\n"


def item_text(value: Any, indent: int) -> str:
    """An item of a list, on lines of its own."""
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        lines = "".join(entry_text(k, v, indent + 2) for k, v in value.items())
        return f"{pad}- {lines[indent + 2 :]}"
    if isinstance(value, list) and value:
        lines = "".join(item_text(item, indent + 2) for item in value)
        return f"{pad}- {lines[indent + 2 :]}"
    return f"{pad}- {scalar_text(value, indent + 2)}\n"


def scalar_text(value: Any, indent: int = 0) -> str:
    """A scalar or an empty collection, as it stands after `name: `; the lines of long text are indented by `indent`."""
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list):
        return "[]"
    if not isinstance(value, str):
        return one_line_text(value)
    pad = " " * indent
    if _is_literal(value):
        body = "\n".join(pad + line if line else "" for line in value.rstrip("\n").split("\n"))
        return ("|\n" if value.endswith("\n") else "|-\n") + body
    if len(value) > WIDTH and _is_folded(value):
        lines = textwrap.wrap(value, WIDTH - indent, break_long_words=False, break_on_hyphens=False)
        return ">-\n" + "\n".join(pad + line for line in lines)
    return one_line_text(value)


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


def one_line_text(value: Any) -> str:
    """A scalar on one line, in quotes where it needs them.

    Raises:
        DataError: half of a character, or a number that YAML cannot hold.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _int(value)
    if isinstance(value, float):
        return _float(value)
    if is_plain_text(value):
        return str(value)
    if _SURROGATE.search(value):
        raise DataError(f"{value[:50]!r} is half of a character and cannot be stored")
    return quoted(value)


def quoted(value: str) -> str:
    """Text in double quotes."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def styled(rendered: str, value: Any, style: str | None) -> str:
    """`rendered`, or `value` in the quotes that a person chose, where it can stand in them."""
    if isinstance(value, str) and style == "'" and "'" not in value and not _UNSAFE.search(value):
        return f"'{value}'"
    return quoted(value) if isinstance(value, str) and style == '"' else rendered


def _int(value: int) -> str:
    if len(str(abs(value))) > MAX_DIGITS:
        raise DataError(f"{value} has too many digits to be stored as a number", fix="store it as text")
    return str(value)


def _float(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise DataError(f"{value} cannot be stored")
    text = repr(value)
    if "e" in text:
        mantissa, exponent = text.split("e")
        sign = exponent[0] if exponent[0] in "+-" else "+"
        text = f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent.lstrip('+-')}"
    return text
