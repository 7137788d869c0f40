"""Forest plots as SVG: one row an effect with its interval, diamonds for means. Text in, text out; no plotting library.

Drawn for the width of a phone: a label stands above its interval and not beside it. The picture is put into the page
itself, so that lines and letters take the page's colour (currentColor), in light and in dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from kb.render.escape import SafeText, escape_code, visible
from kb.render.numbers import plain, signed, span

WIDTH = 360  # units: about the pixels of a phone's column
MARGIN = 8
ROW = 25
HEAD = 20
_LABEL = 40  # letters that leave room for the figures, also in a wide font
_TITLE = 52
_TICKS = 5  # at most

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


@dataclass(frozen=True)
class Scale:
    """From effects to the picture's units."""

    low: float
    high: float

    def x(self, value: float) -> float:
        """How far from the left."""
        return MARGIN + (WIDTH - 2 * MARGIN) * (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round numbers within the scale."""
        step = _step((self.high - self.low) / (_TICKS - 1))
        first = math.ceil(self.low / step - 1e-9)
        return [round(at * step, 10) for at in range(first, math.floor(self.high / step + 1e-9) + 1)]


def scale_of(groups: Iterable[Group], lines: Iterable[float] = ()) -> Scale:
    """Wide enough for every interval, for nought and for `lines`, with a little air."""
    ends = [0.0, *lines]
    for group in groups:
        for mark in group.marks:
            ends += [end for end in (mark.value, mark.low, mark.high) if end is not None]
    low, high = min(ends), max(ends)
    air = 0.04 * (high - low) or 1.0
    return Scale(low - air, high + air)


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
    rows: list[str] = []
    y = 4.0
    for group in groups:
        if group.title:
            rows.append(_text(MARGIN, y + 13, _cut(group.title, _TITLE), "kb-f-head"))
            y += HEAD
        for mark in group.marks:
            rows += _mark(mark, y, scale, digits)
            y += ROW
    height = y + 46
    ident = "kb-forest"
    return SafeText(
        "\n".join(
            [
                f'<svg class="kb-f" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {_number(height)}" role="img"'
                f' aria-labelledby="{ident}-title {ident}-desc" fill="currentColor" stroke="none">',
                f'<title id="{ident}-title">{_escaped(title)}</title>',
                f'<desc id="{ident}-desc">{_escaped(description)}</desc>',
                *_frame(scale, y, axis, lines, sides),
                *rows,
                "</svg>",
            ]
        )
    )


def _frame(
    scale: Scale, y: float, axis: str, lines: Sequence[float], sides: tuple[str, str]
) -> Iterable[str]:
    """Axis, nought, margins: under the rows."""
    yield _line(scale.x(scale.low), scale.x(scale.high), y + 4, y + 4, "kb-f-axis")
    for tick in scale.ticks():
        at = scale.x(tick)
        yield _line(at, at, y + 4, y + 8, "kb-f-axis")
        yield _text(min(max(at, 14), WIDTH - 14), y + 19, plain(tick), "kb-f-tick", "middle")
    yield _line(scale.x(0), scale.x(0), 2, y + 4, "kb-f-zero")
    for line in lines:
        yield _line(scale.x(line), scale.x(line), 2, y + 4, "kb-f-margin", dashed=True)
    yield _text(WIDTH / 2, y + 36, axis, "kb-f-tick", "middle")
    if sides[0]:
        yield _text(MARGIN, y + 36, f"← {sides[0]}", "kb-f-tick")
    if sides[1]:
        yield _text(WIDTH - MARGIN, y + 36, f"{sides[1]} →", "kb-f-tick", "end")


def _mark(mark: Mark, y: float, scale: Scale, digits: int) -> Iterable[str]:
    pooled = mark.kind != "unit"
    style = f"kb-f-{mark.kind}"
    known = mark.low is not None and mark.high is not None
    said = "not known" if mark.low is None or mark.high is None else span(mark.low, mark.high, digits)
    said = f"{signed(mark.value, digits)} ({said})"
    yield f'<g class="{style}">'
    shown = visible(mark.label)
    if len(shown) > _LABEL:  # names of models differ at their ends
        yield f"<title>{_escaped(shown)}</title>"
        shown = f"…{shown[1 - _LABEL :]}"
    yield _text(MARGIN, y + 9, shown, "kb-f-label")
    yield _text(WIDTH - MARGIN, y + 9, said, "kb-f-label", "end")
    middle, at = y + 17, scale.x(mark.value)
    if pooled:
        left = scale.x(mark.low) if mark.low is not None else at - 4
        right = scale.x(mark.high) if mark.high is not None else at + 4
        corners = ((left, middle), (at, middle - 4.5), (right, middle), (at, middle + 4.5))
        points = " ".join(f"{_number(a)},{_number(b)}" for a, b in corners)
        yield f'<polygon class="{"kb-f-mean" if known else "kb-f-hollow"}" points="{points}"/>'
    else:
        if mark.low is not None and mark.high is not None:
            yield _line(scale.x(mark.low), scale.x(mark.high), middle, middle, "kb-f-interval")
        box = "kb-f-point" if known else "kb-f-hollow"
        yield f'<rect class="{box}" x="{_number(at - 2.5)}" y="{_number(middle - 2.5)}" width="5" height="5"/>'
    yield "</g>"


def _line(x1: float, x2: float, y1: float, y2: float, style: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 3"' if dashed else ""
    ends = f'x1="{_number(x1)}" x2="{_number(x2)}" y1="{_number(y1)}" y2="{_number(y2)}"'
    return f'<line class="{style}" {ends} stroke="currentColor"{dash}/>'


def _text(x: float, y: float, text: str, style: str, anchor: str = "start") -> str:
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{style}" x="{_number(x)}" y="{_number(y)}"{where}>{_escaped(text)}</text>'


def _escaped(text: str) -> SafeText:
    return escape_code(visible(text))


def _cut(text: str, most: int) -> str:
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:g}"


def _step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least * (1 - 1e-9))
