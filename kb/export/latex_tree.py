"""The taxonomy as a tree for a `forest` figure: what stands in each node, and figures that fit on a page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kb.export.latex_text import Latex
from kb.export.latex_view import BranchPart, PaperLine

# In centimetres and characters of \scriptsize, measured on the page.
WIDTH_CM = 16.0
_ROOT_CM, _INNER_CM, _GAP_CM = 0.9, 2.7, 0.55
_CHARS_PER_CM = 6.6
_LINES = 62  # of \scriptsize on a page, with room for the caption
_NAMES = 14
_CITATION = 5  # characters of " [123]"


@dataclass(frozen=True)
class TreeNode:
    """A branch in a figure. A leaf has `names` and says how many papers it leaves out."""

    title: str
    total: int
    names: tuple[PaperLine, ...]
    left_out: int
    nodes: tuple[TreeNode, ...]


@dataclass(frozen=True)
class TreeFigure:
    """A figure that fits on a page; `part` of `parts` for one root. Widths in centimetres."""

    slug: Latex
    root: TreeNode
    inner_cm: float
    leaf_cm: float
    part: int = 1
    parts: int = 1


def tree_figures(root: BranchPart) -> tuple[TreeFigure, ...]:
    """The tree of one root, with as many names a branch as fit, in as many figures as it needs."""
    depth = _depth(root)
    inner = _INNER_CM if depth <= 3 else max(1.7, 2 * _INNER_CM / (depth - 2))
    leaf = WIDTH_CM - _ROOT_CM - (depth - 2) * inner - (depth - 1) * _GAP_CM
    leaf = max(leaf, 4.0)
    chunks: list[list[BranchPart]] = [[]]
    for part in root.parts:  # a branch starts a new figure where even few names of it do not fit any more
        if chunks[-1] and sum(_lines(one, leaf, 4) for one in [*chunks[-1], part]) > _LINES:
            chunks.append([])
        chunks[-1].append(part)
    figures = []
    for number, chunk in enumerate(chunks, start=1):
        own = BranchPart(
            root.id, root.slug, root.title, root.description, root.papers if number == 1 else (), tuple(chunk)
        )
        names = next((n for n in range(_NAMES, 1, -1) if _lines(own, leaf, n) <= _LINES), 1)
        slug = root.slug if len(chunks) == 1 else Latex(f"{root.slug}-{number}")
        figures.append(TreeFigure(slug, _node(own, names), inner, leaf, number, len(chunks)))
    return tuple(figures)


def overview(title: str, roots: Sequence[BranchPart]) -> TreeNode:
    """All branches without papers."""
    return TreeNode(title, sum(root.total for root in roots), (), 0, tuple(_bare(root) for root in roots))


def _bare(part: BranchPart) -> TreeNode:
    return TreeNode(part.title, part.total, (), 0, tuple(_bare(one) for one in part.parts))


def _node(part: BranchPart, names: int) -> TreeNode:
    """`part` with up to `names` papers a branch; papers right in a branch that is divided are a leaf of their own."""
    nodes = tuple(_node(one, names) for one in part.parts)
    if not nodes:
        shown = _chosen(part.papers, names)
        return TreeNode(part.title, part.total, shown, len(part.papers) - len(shown), ())
    if part.papers:
        shown = _chosen(part.papers, names)
        general = TreeNode("General", len(part.papers), shown, len(part.papers) - len(shown), ())
        nodes = (general, *nodes)
    return TreeNode(part.title, part.total, (), 0, nodes)


def _chosen(papers: Sequence[PaperLine], names: int) -> tuple[PaperLine, ...]:
    """Reviewed papers first, then those with a name of their own, then published ones; each the newest first."""
    alive = [paper for paper in papers if not paper.withdrawn]
    order = sorted(alive, key=lambda p: (not p.reviewed, p.name == p.byline, p.venue in {"", "arXiv"}))
    return tuple(order[:names])


def _depth(part: BranchPart) -> int:
    """Columns of the figure: the root, what lies between, the papers."""
    return 2 + max((_depth(one) - 1 for one in part.parts), default=0)


def _lines(part: BranchPart, leaf_cm: float, names: int) -> float:
    """Height in lines, a little space around each leaf included."""
    own = 0.0
    if part.papers or not part.parts:
        shown = _chosen(part.papers, names)
        chars = sum(len(paper.name) + _CITATION + 2 for paper in shown) + 14
        own = max(math.ceil(chars / (leaf_cm * _CHARS_PER_CM)), 2) + 1.4
    return own + sum(_lines(one, leaf_cm, names) for one in part.parts)
