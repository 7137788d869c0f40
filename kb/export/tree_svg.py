"""The taxonomy's tree as an SVG picture: the twin of the `forest` figure, for HTML, where `forest` cannot go."""

from __future__ import annotations

from kb.export.latex_text import visible
from kb.export.latex_tree import TreeNode
from kb.render.charts.chart import Chart, Table, as_file
from kb.render.charts.tree import Node, tree_panel


def render_svg(root: TreeNode, title: str) -> str:
    """A picture of the tree from left to right, `title` its accessible name."""
    return as_file(Chart("taxonomy", title, "", (tree_panel(_node(root), title),), Table((), ()), across=1))


def _node(node: TreeNode) -> Node:
    nodes = [_node(child) for child in node.nodes]
    if node.names or node.left_out:
        said = "; ".join(
            f"{visible(paper.name)} ({paper.year})" if paper.year else paper.name for paper in node.names
        )
        more = f"{'; ' if said else ''}and {node.left_out} more" if node.left_out else ""
        nodes.append(Node(said + more, leaf=True))
    return Node(f"{node.title} ({node.total})", tuple(nodes))
