"""The map of papers as SVG: for the page, where it works without a script, and as a file, for a paper or a talk.

Every direction has a colour and a shape, so that colour is not needed to tell them apart. Text in, text out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from kb.link.projection import HALF_SIDE
from kb.records.taxonomy import Taxonomy
from kb.render.env import relative
from kb.render.escape import SafeText, escape_code, visible
from kb.render.graph_data import Dot

COLOURS = ("#00629b", "#b3461b", "#2e7d32", "#7b1fa2", "#795500", "#ad1457", "#00695c", "#455a64")
"""Of directions, in their order, from the start again where there are more. At least 4.5:1 against white."""
NONE = "#616161"
LINKED = 1500
"""Papers up to which every dot is a link with a title; above, the picture alone would weigh more than a page may."""
_SHAPES = (  # the same area, a little over 2.2 wide
    "M-1.1 0a1.1 1.1 0 1 0 2.2 0a1.1 1.1 0 1 0-2.2 0z",
    "M-1-1h2v2h-2z",
    "M0-1.35L1.25.85h-2.5z",
    "M0-1.4L1.4 0 0 1.4-1.4 0z",
)
_EDGE = HALF_SIDE + 5
_LABELLED = 5  # papers that a branch has at least, to have its name on the map
_LETTER, _LINE = 2.2, 5.0  # about the width of a letter and the height of a line of a label


def map_inline(dots: Sequence[Dot], taxonomy: Taxonomy, here: str) -> SafeText:
    """The picture for the page `here`; colours come from the site's style sheet."""
    lines = [f'<svg class="kb-map" id="kb-map" viewBox="{_box()}" aria-labelledby="kb-map-title">']
    lines.append('<title id="kb-map-title">Map of papers: those that are alike lie close together</title>')
    lines.append(_shapes(taxonomy))
    if len(dots) <= LINKED:
        lines += [_link(dot, here) for dot in dots]
    else:
        lines += _strokes(dots, taxonomy)
    lines += _labels(dots, taxonomy, escape_code)
    lines.append("</svg>")
    return SafeText("\n".join(lines))


def map_file(dots: Sequence[Dot], taxonomy: Taxonomy, title: str) -> str:
    """The picture as a file of its own, with a legend; light, for print."""
    tops = taxonomy.facets[0].branches
    legend = _legend(dots, taxonomy)
    low = -_EDGE
    height = 2 * _EDGE + 7 * len(legend) + 4
    colours = "".join(f".kb-d{at}{{fill:{COLOURS[at % len(COLOURS)]}}}" for at in range(len(tops)))
    style = (
        f"text{{font:4px system-ui,sans-serif;fill:#1b1f24}}.kb-map-name{{font-weight:600;paint-order:stroke;stroke:#fff;"
        f"stroke-width:1;text-anchor:middle}}.kb-dot{{fill-opacity:.8}}{colours}.kb-dn{{fill:none;stroke:{NONE};stroke-width:.4}}"
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{low:g} {low:g} {2 * _EDGE:g} {height:g}" role="img">',
        f"<title>{_xml(title)}</title><style>{style}</style>",
        f'<rect x="{low:g}" y="{low:g}" width="{2 * _EDGE:g}" height="{height:g}" fill="#fff"/>',
        _shapes(taxonomy),
        *(
            f'<g class="kb-dot {_class(dot.main)}"><title>{_xml(dot.row.title)}</title>{_use(dot)}</g>'
            for dot in dots
        ),
        *_labels(dots, taxonomy, _xml),
    ]
    for number, (main, said) in enumerate(legend):
        y = _EDGE + 4 + 7 * number
        shape = f'<use href="#{_shape(main)}" x="{low + 6:g}" y="{y:g}"/>'
        parts.append(
            f'<g class="{_class(main)}">{shape}</g><text x="{low + 10:g}" y="{y + 1.4:g}">{_xml(said)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _legend(dots: Sequence[Dot], taxonomy: Taxonomy) -> list[tuple[int, str]]:
    found = [(at, top.title) for at, top in enumerate(taxonomy.facets[0].branches)]
    found.append((-1, "In no direction"))
    count = {at: sum(dot.main == at for dot in dots) for at, _ in found}
    return [(at, f"{title} ({count[at]})") for at, title in found if count[at]]


def _box() -> str:
    return f"{-_EDGE:g} {-_EDGE:g} {2 * _EDGE:g} {2 * _EDGE:g}"


def _class(main: int) -> str:
    return f"kb-d{main}" if main >= 0 else "kb-dn"


def _shape(main: int) -> str:
    return f"kb-s{main % len(_SHAPES)}" if main >= 0 else "kb-s0"


def _shapes(taxonomy: Taxonomy) -> str:
    count = max(1, min(len(_SHAPES), len(taxonomy.facets[0].branches)))
    paths = "".join(f'<path id="kb-s{at}" d="{_SHAPES[at]}"/>' for at in range(count))
    return f"<defs>{paths}</defs>"


def _use(dot: Dot) -> str:
    return f'<use href="#{_shape(dot.main)}" x="{dot.x:g}" y="{dot.y:g}"/>'


def _link(dot: Dot, here: str) -> str:
    """A dot that leads to its paper. It is no stop of the tab key: the list below the map is."""
    href = relative(dot.row.page.removesuffix(".md") + ".html", here)
    title = escape_code(visible(dot.row.title))
    return f'<a class="kb-dot {_class(dot.main)}" href="{href}" tabindex="-1"><title>{title}</title>{_use(dot)}</a>'


def _strokes(dots: Sequence[Dot], taxonomy: Taxonomy) -> list[str]:
    """All dots of a direction as one path of round line ends."""
    lines = []
    for main in (*range(len(taxonomy.facets[0].branches)), -1):
        steps = "".join(f"M{dot.x:g} {dot.y:g}h0" for dot in dots if dot.main == main)
        if steps:
            lines.append(f'<path class="kb-dots {_class(main)}" d="{steps}"/>')
    return lines


def _labels(dots: Sequence[Dot], taxonomy: Taxonomy, text: Callable[[str], str]) -> list[str]:
    """Names of branches in the middle of their papers, those of large branches first; one that finds no room is left out."""
    first = taxonomy.facets[0].id
    groups = []
    for id, placed in taxonomy.branches.items():
        members = [dot for dot in dots if id in dot.branches]
        if placed.facet == first and id.count("/") == 1 and len(members) >= _LABELLED:
            groups.append((id, placed.title, members))
    taken: list[tuple[float, float, float]] = []
    found = []
    for _, title, members in sorted(groups, key=lambda group: (-len(group[2]), group[0])):
        name = visible(title)
        half = len(name) * _LETTER / 2
        middle = [_median([dot.x for dot in members]), _median([dot.y for dot in members])]
        x = max(half - _EDGE + 1, min(_EDGE - half - 1, middle[0]))
        y = next((y for y in _steps(middle[1]) if _is_room(x, y, half, taken)), None)
        if y is not None:
            taken.append((x, y, half))
            found.append(f'<text class="kb-map-name" x="{x:.1f}" y="{y:.1f}">{text(name)}</text>')
    return found


def _steps(y: float) -> list[float]:
    around = [y + sign * _LINE * step for step in range(5) for sign in ((1, -1) if step else (1,))]
    return [each for each in around if -_EDGE + _LINE < each < _EDGE - 1]


def _is_room(x: float, y: float, half: float, taken: Sequence[tuple[float, float, float]]) -> bool:
    return all(abs(y - b) >= _LINE or abs(x - a) >= half + other + 2 for a, b, other in taken)


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _xml(text: str) -> str:
    """Text for an XML document, without characters that none may hold."""
    return escape("".join(char for char in visible(text) if char.isprintable() or char == " "))
