"""YAML as people write it: the same data with comments, blank lines, quotes, indentation and styles of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from kb.records.yaml_read import is_plain_text


@dataclass
class Noisy:
    """A text and what a test wants to know of it."""

    text: str
    blocks: dict[str, str] = field(
        default_factory=dict
    )  # the lines of each top-level field, comments included
    comments: list[str] = field(default_factory=list)


class Hand:
    """Writes data with choices drawn from `draw`. `eol` is the line end."""

    def __init__(self, draw: Any, *, comments: bool = True, flow: bool = True) -> None:
        self.draw = draw
        self.comments = comments
        self.flow_allowed = flow
        self.found: list[str] = []

    def chance(self, one_in: int) -> bool:
        return bool(self.draw(st.integers(0, one_in - 1)) == one_in - 1)

    def comment(self) -> str:
        self.found.append(f"# remark-{len(self.found)}-")
        return self.found[-1]

    def around(self, indent: int) -> list[str]:
        """Comments on their own lines, and blank lines."""
        lines: list[str] = []
        if self.chance(6):
            lines.append("")
        if self.comments and self.chance(5):
            lines.append(" " * self.draw(st.sampled_from([indent, indent, 0])) + self.comment())
        return lines

    def tail(self) -> str:
        """A comment at the end of a line."""
        return (
            f" {' ' * self.draw(st.integers(0, 2))}{self.comment()}"
            if self.comments and self.chance(5)
            else ""
        )

    def entry(self, name: str, value: Any, indent: int) -> list[str]:
        pad = " " * indent
        key = self.inline(name)
        if isinstance(value, dict) and value and not self.take_flow(value):
            step = self.draw(st.sampled_from([2, 2, 4]))
            return [f"{pad}{key}:{self.tail()}", *self.mapping(value, indent + step)]
        if isinstance(value, list) and value and not self.take_flow(value):
            step = self.draw(st.sampled_from([2, 2, 0, 4]))
            return [f"{pad}{key}:{self.tail()}", *self.items(value, indent + step)]
        return self.after(f"{pad}{key}:", value, indent)

    def after(self, head: str, value: Any, indent: int) -> list[str]:
        """A scalar or a flow collection after `name:` or `-`."""
        if isinstance(value, list | dict):
            return self.flow(head, value, indent)
        if isinstance(value, str) and (lines := self.block(head, value, indent)):
            return lines
        if (
            isinstance(value, str)
            and self.chance(8)
            and "\n" not in value
            and value == value.strip()
            and value
        ):
            return [head + self.tail(), " " * (indent + 2) + self.inline(value)]
        if value is None and self.chance(2):
            return [head + self.tail()]
        return [f"{head} {self.inline(value)}{self.tail()}"]

    def block(self, head: str, value: str, indent: int) -> list[str]:
        """`value` as a literal or folded block, where that can hold it."""
        body = value.removesuffix("\n")
        lines = body.split("\n")
        if not body or not all(line.isprintable() and line == line.strip() for line in lines):
            return []
        if not lines[0] or not lines[-1] or not self.chance(2):
            return []
        chomp = "" if value.endswith("\n") else "-"
        pad = " " * (indent + self.draw(st.sampled_from([2, 2, 4])))
        if len(lines) == 1 and "  " not in body and self.chance(2):
            words = body.split(" ")
            cut = self.draw(st.integers(0, len(words)))
            lines, style = [" ".join(part) for part in (words[:cut], words[cut:]) if part], ">"
        else:
            style = "|"
        return [f"{head} {style}{chomp}{self.tail()}", *(pad + line if line else "" for line in lines)]

    def inline(self, value: Any) -> str:
        if not isinstance(value, str):
            return json.dumps(value)
        style = self.draw(st.sampled_from(["plain", "plain", "single", "double"]))
        if style == "plain" and is_plain_text(value) and not set(value) & set(",[]{}"):
            return value
        if style == "single" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        return json.dumps(value)

    def take_flow(self, value: Any) -> bool:
        return self.flow_allowed and self.chance(4)

    def flow(self, head: str, value: Any, indent: int) -> list[str]:
        parts = (
            [self.flow_text(item) for item in value] if isinstance(value, list) else self.flow_pairs(value)
        )
        open_, close = "[]" if isinstance(value, list) else "{}"
        if parts and self.chance(3):
            pad = " " * (indent + 2)
            return [
                f"{head} {open_}{self.tail()}",
                *(f"{pad}{p},{self.tail()}" for p in parts),
                f"{pad}{close}",
            ]
        return [f"{head} {open_}{', '.join(parts)}{close}{self.tail()}"]

    def flow_text(self, value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(self.flow_text(item) for item in value)}]"
        return f"{{{', '.join(self.flow_pairs(value))}}}" if isinstance(value, dict) else self.inline(value)

    def flow_pairs(self, value: dict[str, Any]) -> list[str]:
        return [f"{self.inline(name)}: {self.flow_text(item)}" for name, item in value.items()]

    def mapping(self, value: dict[str, Any], indent: int) -> list[str]:
        lines: list[str] = []
        for name, item in value.items():
            lines += [*self.around(indent), *self.entry(name, item, indent)]
        return lines

    def items(self, value: list[Any], indent: int) -> list[str]:
        lines: list[str] = []
        for item in value:
            lines += self.around(indent)
            gap = self.draw(st.sampled_from([1, 1, 1, 3]))
            head = f"{' ' * indent}-"
            if isinstance(item, dict) and item and not self.take_flow(item):
                first, *rest = self.pairs_tight(item, indent + 1 + gap)
                lines += [f"{head}{' ' * gap}{first.lstrip(' ')}", *rest]
            elif isinstance(item, list) and item and not self.take_flow(item):
                lines += [head + self.tail(), *self.items(item, indent + 2)]
            else:
                lines += self.after(head, item, indent)
        return lines

    def pairs_tight(self, value: dict[str, Any], indent: int) -> list[str]:
        """A mapping whose first field shares its line with a dash."""
        (name, item), *rest = value.items()
        return [*self.entry(name, item, indent), *self.mapping(dict(rest), indent)]


@st.composite
def noisy(draw: Any, data: dict[str, Any], *, comments: bool = True, flow: bool = True) -> Noisy:
    """`data` as a person may have written it."""
    hand = Hand(draw, comments=comments, flow=flow)
    order = draw(st.permutations(list(data)))
    lines: list[str] = hand.around(0)
    if draw(st.integers(0, 9)) == 9:
        lines = ["---", *lines]
    blocks = {}
    for name in order:
        lines += hand.around(0)
        own = hand.entry(name, data[name], 0)
        blocks[name] = "".join(f"{line}\n" for line in own)
        lines += own
    lines += hand.around(0)
    text = "".join(f"{line}\n" for line in lines)
    return Noisy(text, blocks, hand.found)
