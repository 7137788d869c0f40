"""The taxonomy's tree as an SVG picture: the twin of the `forest` figure, for HTML, where `forest` cannot go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap

from kb.export.latex_text import visible
from kb.export.latex_tree import TreeNode

_COLUMN, _GAP, _LEAF = 170, 34, 560  # pixels
_LINE, _PADDING, _ROW_GAP = 16, 7, 10
_CHARS, _LEAF_CHARS = 22, 84
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1b1f24}.n{fill:#eef3fb;stroke:#3f6fb5}.l{fill:#f6f6f3;stroke:#a9a99c}"
    ".e{fill:none;stroke:#7f8a99}"
)


@dataclass
class _Box:
    lines: list[str]
    column: int
    leaf: bool
    children: list[_Box]
    y: float = 0.0

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 2 * _PADDING


def render_svg(root: TreeNode, title: str) -> str:
    """A picture of the tree from left to right, `title` its accessible name."""
    box = _box(root, 0)
    bottom = _place(box, 0.0)
    boxes = _walk(box)
    width = max(_x(one) + _width(one) for one in boxes) + 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 {width + 2:g} {bottom + 2:g}" role="img">',
        f"<title>{_xml(title)}</title><style>{_STYLE}</style>",
    ]
    for one in boxes:
        x, mid = _x(one) + _width(one), one.y + one.height / 2
        for child in one.children:
            to, end = _x(child), child.y + child.height / 2
            parts.append(f'<path class="e" d="M{x:g} {mid:g}H{x + _GAP / 2:g}V{end:g}H{to:g}"/>')
    for one in boxes:
        kind = "l" if one.leaf else "n"
        parts.append(
            f'<rect class="{kind}" x="{_x(one):g}" y="{one.y:g}" width="{_width(one)}" height="{one.height:g}" rx="4"/>'
        )
        for number, line in enumerate(one.lines):
            y = one.y + _PADDING + (number + 0.8) * _LINE
            parts.append(f'<text x="{_x(one) + 8:g}" y="{y:g}">{_xml(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _box(node: TreeNode, column: int) -> _Box:
    children = [_box(child, column + 1) for child in node.nodes]
    if node.names or node.left_out:
        said = "; ".join(
            f"{visible(paper.name)} ({paper.year})" if paper.year else paper.name for paper in node.names
        )
        more = f"{'; ' if said else ''}and {node.left_out} more" if node.left_out else ""
        children.append(_Box(_lines(said + more, _LEAF_CHARS), column + 1, True, []))
    return _Box(_lines(f"{node.title} ({node.total})", _CHARS), column, False, children)


def _lines(text: str, chars: int) -> list[str]:
    return wrap(visible(text), chars) or [""]


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


def _x(box: _Box) -> float:
    return box.column * (_COLUMN + _GAP)


def _width(box: _Box) -> int:
    return _LEAF if box.leaf else _COLUMN


def _xml(text: str) -> str:
    """Text for an XML document, without characters that none may hold."""
    return escape("".join(char for char in visible(text) if char.isprintable() or char == " "))
