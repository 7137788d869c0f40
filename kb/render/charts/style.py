"""Colours and shapes. What differs in colour differs in shape as well.

The colours keep apart under the three kinds of colour-blindness and stand out from their ground by 3 to 1 at least, as
WCAG 2.2 (1.4.11) wants of graphics: those of Okabe and Ito (Color Universal Design, 2008), darkened for white paper and
lightened for a dark page. site/docs/assets/charts.css has the same ones; a test holds them together.
"""

from __future__ import annotations

from kb.render.charts.svg import Element, element, number

LIGHT = ("#0072b2", "#c44e00", "#00795a", "#a8528a", "#8a6200", "#5a6570")
DARK = ("#6cb8ee", "#ff9a4d", "#3ccb9e", "#e59ac8", "#f0c955", "#a9b4be")
GROUNDS = ("#ffffff", "#1e2129")
SERIES = 6
"""How many look different. The last one is for all that has no colour of its own."""

FILE_STYLE = (
    "text{font:10px sans-serif;fill:#1b1f24;stroke:none}"
    ".kb-p-head{font-weight:700;font-size:11px}.kb-p-tick,.kb-p-axis-title{fill:#4a525a}"
    ".kb-p-grid{stroke:#d8dce0;stroke-width:.6}.kb-p-axis,.kb-p-zero{stroke:#5a6570;stroke-width:.8}"
    ".kb-p-dot,.kb-p-mean{stroke:currentColor;stroke-width:1.1}.kb-p-dot{opacity:.75}.kb-p-hollow{fill:none}"
    ".kb-p-solid{fill:currentColor}.kb-p-reach{stroke:currentColor;stroke-width:1.4}.kb-p-dot .kb-p-reach{display:none}"
    ".kb-p-thread{fill:none;stroke:currentColor;stroke-width:1.3}.kb-p-bar{stroke:currentColor;stroke-width:.8}"
    ".kb-p-part{fill:currentColor;fill-opacity:.22}.kb-p-band{fill:currentColor;fill-opacity:.14;stroke:none}"
    ".kb-p-over{paint-order:stroke;stroke:#fff;stroke-width:2.5px}.kb-p-ink{color:#1b1f24}.kb-p-margin{color:#c2410c;stroke-width:1.2}"
    ".kb-p-box{fill:#eef3fb;stroke:#3f6fb5}.kb-p-leaf{fill:#f6f6f3;stroke:#a9a99c}.kb-p-edge{fill:none;stroke:#7f8a99}"
    + "".join(f".kb-p-{at}{{color:{colour}}}" for at, colour in enumerate(LIGHT))
)
"""The style of a picture as a file: on white, and without a page around it."""

_PATHS = (
    "",  # a circle
    "M-{a} -{a}H{a}V{a}H-{a}Z",
    "M0 -{b}L{b} {a}H-{b}Z",
    "M0 {b}L{b} -{a}H-{b}Z",
    "M-{b} 0L-{h} -{a}H{h}L{b} 0L{h} {a}H-{h}Z",
    "M-{b} -{h}H{b}V{h}H-{b}Z",
)


def shape(series: int, x: float, y: float, r: float, style: str) -> Element:
    """The shape of a series about (x, y)."""
    path = _PATHS[series % SERIES]
    if not path:
        return element("circle", class_=style, cx=x, cy=y, r=r)
    drawn = path.format(a=number(r * 0.9), b=number(r * 1.25), h=number(r * 0.6))
    return element("path", class_=style, d=drawn, transform=f"translate({number(x)} {number(y)})")


def diamond(left: float, middle: float, right: float, y: float, r: float, style: str) -> Element:
    """A mean, as wide as it is unsure or at least as wide as high."""
    corners = ((left, y), (middle, y - r), (right, y), (middle, y + r))
    return element("polygon", class_=style, points=" ".join(f"{number(a)},{number(b)}" for a, b in corners))
