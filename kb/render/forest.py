"""Forest plots as SVG: one row an effect with its interval, diamonds for means. Text in, text out; no plotting library.

Drawn for the width of a phone: a label stands above its interval and not beside it. The picture is put into the page
itself, so that lines and letters take the page's colour (currentColor), in light and in dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from kb.render.charts.scale import Scale
from kb.render.charts.scale import scale_of as scale_between
from kb.render.charts.style import diamond
from kb.render.charts.svg import Element, cut, element, line, words, write
from kb.render.charts.svg import title as named
from kb.render.escape import SafeText, visible
from kb.render.numbers import plain, signed, span

WIDTH = 360.0  # units: about the pixels of a phone's column
MARGIN = 8.0
ROW = 25.0
HEAD = 20.0
_LABEL = 40  # letters that leave room for the figures, also in a wide font
_TITLE = 52

Kind = Literal["unit", "pooled", "overall"]


@dataclass(frozen=True)
class Mark:
    """An effect. Without `low` and `high` nothing is known of how sure it is.

    Attributes:
        kind: `unit` is drawn as a square, a mean of several (`pooled`, `overall`) as a diamond.
    """

    label: str
    value: float
    low: float | None
    high: float | None
    kind: Kind = "unit"


@dataclass(frozen=True)
class Group:
    """Marks under a heading; without one if `title` is empty."""

    title: str
    marks: tuple[Mark, ...]


def scale_of(groups: Iterable[Group], lines: Iterable[float] = ()) -> Scale:
    """Wide enough for every interval, for nought and for `lines`, with a little air."""
    ends = [end for group in groups for mark in group.marks for end in (mark.value, mark.low, mark.high)]
    return scale_between([*ends, *lines], MARGIN, WIDTH - MARGIN, with_nought=True)


def forest(
    groups: Sequence[Group],
    *,
    title: str,
    description: str,
    axis: str,
    lines: Sequence[float] = (),
    sides: tuple[str, str] = ("", ""),
) -> SafeText:
    """The plot, as one SVG element without an empty line.

    Args:
        title, description: for who cannot see it.
        axis: what is drawn, with its unit.
        lines: where a claim's margin lies; dashed.
        sides: what it means to lie to the left, and to the right.
    """
    scale = scale_of(groups, lines)
    digits = 1 if scale.high - scale.low > 10 else 2
    rows: list[Element] = []
    y = 4.0
    for group in groups:
        if group.title:
            rows.append(words(MARGIN, y + 13, cut(group.title, _TITLE), "kb-f-head"))
            y += HEAD
        for mark in group.marks:
            rows.append(_mark(mark, y, scale, digits))
            y += ROW
    ident = "kb-forest"
    svg = element(
        "svg",
        element("title", title, id=f"{ident}-title"),
        element("desc", description, id=f"{ident}-desc"),
        *_frame(scale, y, axis, lines, sides),
        *rows,
        class_="kb-f",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:g} {y + 46:g}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
        fill="currentColor",
        stroke="none",
    )
    return write(svg)


def _frame(
    scale: Scale, y: float, axis: str, lines: Sequence[float], sides: tuple[str, str]
) -> Iterable[Element]:
    """Axis, nought, margins: under the rows."""
    yield line(scale.start, scale.end, y + 4, y + 4, "kb-f-axis")
    for tick in scale.ticks():
        at = scale.at(tick)
        yield line(at, at, y + 4, y + 8, "kb-f-axis")
        yield words(min(max(at, 14), WIDTH - 14), y + 19, plain(tick), "kb-f-tick", "middle")
    yield line(scale.at(0), scale.at(0), 2, y + 4, "kb-f-zero")
    for each in lines:
        yield line(scale.at(each), scale.at(each), 2, y + 4, "kb-f-margin", dashed=True)
    yield words(WIDTH / 2, y + 36, axis, "kb-f-tick", "middle")
    if sides[0]:
        yield words(MARGIN, y + 36, f"← {sides[0]}", "kb-f-tick")
    if sides[1]:
        yield words(WIDTH - MARGIN, y + 36, f"{sides[1]} →", "kb-f-tick", "end")


def _mark(mark: Mark, y: float, scale: Scale, digits: int) -> Element:
    said = "not known" if mark.low is None or mark.high is None else span(mark.low, mark.high, digits)
    shown = visible(mark.label)
    whole = [named(shown)] if len(shown) > _LABEL else []
    if whole:  # names of models differ at their ends
        shown = f"…{shown[1 - _LABEL :]}"
    return element(
        "g",
        *whole,
        words(MARGIN, y + 9, shown, "kb-f-label"),
        words(WIDTH - MARGIN, y + 9, f"{signed(mark.value, digits)} ({said})", "kb-f-label", "end"),
        *_drawn(mark, y + 17, scale),
        class_=f"kb-f-{mark.kind}",
    )


def _drawn(mark: Mark, middle: float, scale: Scale) -> Iterable[Element]:
    at = scale.at(mark.value)
    known = mark.low is not None and mark.high is not None
    if mark.kind != "unit":
        left = scale.at(mark.low) if mark.low is not None else at - 4
        right = scale.at(mark.high) if mark.high is not None else at + 4
        yield diamond(left, at, right, middle, 4.5, "kb-f-mean" if known else "kb-f-hollow")
        return
    if mark.low is not None and mark.high is not None:
        yield line(scale.at(mark.low), scale.at(mark.high), middle, middle, "kb-f-interval")
    yield element(
        "rect", class_="kb-f-point" if known else "kb-f-hollow", x=at - 2.5, y=middle - 2.5, width=5, height=5
    )
