"""A tree from left to right, each node a box, each leaf a wide one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap

from kb.render.charts.chart import Panel, mark
from kb.render.charts.svg import Element, element, words
from kb.render.env import count_text
from kb.render.escape import visible

_COLUMN, _GAP, _LEAF = 150.0, 30.0, 480.0
_LINE, _PADDING, _ROW_GAP = 13.0, 6.0, 7.0
_CHARS, _LEAF_CHARS = 25, 84
_EDGE = 2.0


@dataclass(frozen=True)
class Node:
    """A box with its text; `leaf` boxes are wide. `page` is what it leads to."""

    text: str
    nodes: tuple[Node, ...] = ()
    leaf: bool = False
    page: str = ""
    said: str = ""


@dataclass
class _Box:
    node: Node
    lines: list[str]
    column: int
    children: list[_Box]
    y: float = 0.0

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 2 * _PADDING

    @property
    def x(self) -> float:
        return _EDGE + self.column * (_COLUMN + _GAP)

    @property
    def width(self) -> float:
        return _LEAF if self.node.leaf else _COLUMN


def tree_panel(root: Node, title: str) -> Panel:
    """The tree of `root`."""
    box = _box(root, 0)
    bottom = _place(box, _EDGE)
    boxes = _walk(box)
    width = max(one.x + one.width for one in boxes) + _EDGE
    body = (*(edge for one in boxes for edge in _edges(one)), *(_drawn(one) for one in boxes))
    return Panel(
        title,
        bottom - _ROW_GAP + _EDGE,
        body,
        f"{count_text(len(boxes), 'box', 'boxes')} from left to right",
        width,
    )


def _box(node: Node, column: int) -> _Box:
    chars = _LEAF_CHARS if node.leaf else _CHARS
    lines = wrap(visible(node.text), chars) or [""]
    return _Box(node, lines, column, [_box(child, column + 1) for child in node.nodes])


def _place(box: _Box, top: float) -> float:
    """Give every box its place at or below `top`; returns where the next one may start."""
    if not box.children:
        box.y = top
        return top + box.height + _ROW_GAP
    bottom = top
    for child in box.children:
        bottom = _place(child, bottom)
    first, last = box.children[0], box.children[-1]
    middle = (first.y + last.y + last.height) / 2
    box.y = max(top, middle - box.height / 2)
    return max(bottom, box.y + box.height + _ROW_GAP)


def _walk(box: _Box) -> Sequence[_Box]:
    return [box, *(one for child in box.children for one in _walk(child))]


def _edges(box: _Box) -> Iterable[Element]:
    x, middle = box.x + box.width, box.y + box.height / 2
    for child in box.children:
        end = child.y + child.height / 2
        yield element("path", class_="kb-p-edge", d=f"M{x:g} {middle:g}H{x + _GAP / 2:g}V{end:g}H{child.x:g}")


def _drawn(box: _Box) -> Element:
    style = "kb-p-leaf" if box.node.leaf else "kb-p-box"
    drawn = [element("rect", class_=style, x=box.x, y=box.y, width=box.width, height=box.height, rx=4)]
    for at, said in enumerate(box.lines):
        drawn.append(words(box.x + 7, box.y + _PADDING + (at + 0.78) * _LINE, said, "kb-p-label"))
    if not box.node.page:
        return element("g", *drawn)
    return mark(box.node.said or box.node.text, *drawn, page=box.node.page)
