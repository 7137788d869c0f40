"""The frame of a panel: heading, grid, ticks, names of axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kb.render.charts.chart import WIDTH
from kb.render.charts.scale import Scale
from kb.render.charts.svg import Element, cut, line, words
from kb.render.numbers import plain

_HEAD_LETTERS = 56
_ROW = 24.0  # between two lines of the grid, at least


@dataclass(frozen=True)
class Area:
    """Where a panel's marks stand: inside of its axes."""

    left: float = 40.0
    right: float = WIDTH - 8
    top: float = 24.0
    bottom: float = 190.0

    @property
    def height(self) -> float:
        """Of the whole panel, the axis with its name included."""
        return self.bottom + 36


Ticks = Sequence[tuple[float, str]]
"""Places and what stands there."""


def frame(
    area: Area, heading: str, x: Ticks, y: Scale, *, x_name: str = "", y_name: str = ""
) -> Iterable[Element]:
    """Everything that stands below the marks."""
    if heading:
        yield words(8, 14, cut(heading, _HEAD_LETTERS), "kb-p-head")
    yield from _rows(area, y)
    if y_name:
        yield words(area.left + 3, area.top + 1, y_name, "kb-p-axis-title")
    yield line(area.left, area.right, area.bottom, area.bottom, "kb-p-axis")
    for at, said in x:
        yield line(at, at, area.bottom, area.bottom + 4, "kb-p-axis")
        yield words(at, area.bottom + 15, said, "kb-p-tick", "middle")
    if x_name:
        yield words((area.left + area.right) / 2, area.bottom + 30, x_name, "kb-p-axis-title", "middle")


def _rows(area: Area, y: Scale) -> Iterable[Element]:
    for tick in y.ticks(max(3, int((area.bottom - area.top) / _ROW))):
        at = y.at(tick)
        yield line(area.left, area.right, at, at, "kb-p-zero" if tick == 0 else "kb-p-grid")
        yield words(area.left - 5, at + 3.5, plain(tick), "kb-p-tick", "end")
