"""A chart: panels side by side, their key, what it says in words, and its figures as a table.

A panel is as wide as a phone; wider screens show several in a row, so that letters keep their size.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from kb.render.charts.style import FILE_STYLE
from kb.render.charts.svg import Element, Link, element, title, words, write
from kb.render.escape import visible
from kb.render.numbers import plain

WIDTH = 360.0  # units: about the pixels of a phone's column
_GAP = 12.0
_KEY = 16.0  # height of a line of the key
_LETTER = 5.6  # width of a letter of the key, at most

Value = str | float | None


@dataclass(frozen=True)
class Panel:
    """One picture of a chart.

    Attributes:
        body: what is drawn, above (0, height).
        said: what it shows, for who cannot see it.
        of: the name of the filter's choice that it belongs to; a filter for another one hides it.
    """

    title: str
    height: float
    body: tuple[Element, ...]
    said: str
    width: float = WIDTH
    of: str = ""


@dataclass(frozen=True)
class Key:
    """A line of the legend. `series`: the marks that it switches on and off, if it can."""

    label: str
    sign: Element
    series: str = ""


@dataclass(frozen=True)
class Table:
    """Figures: numbers, or text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]

    def csv(self) -> str:
        """For spreadsheets: a text that one would take for a formula gets an apostrophe in front."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(value) for value in row] for row in self.rows)
        return out.getvalue()

    def is_number(self, column: int) -> bool:
        """Whether a column holds numbers alone."""
        return all(not isinstance(row[column], str) for row in self.rows)


@dataclass(frozen=True)
class Chart:
    """A chart by name.

    Attributes:
        title: what it shows, in a few words.
        note: how to read it.
        table: what stands below it.
        data: what can be downloaded, if that is more than the table.
        filtered: whether the page's filters apply to it.
        across: panels in a row of the file.
        links: pages that say more, by what they are called.
    """

    name: str
    title: str
    note: str
    panels: tuple[Panel, ...]
    table: Table
    keys: tuple[Key, ...] = ()
    data: Table | None = None
    filtered: bool = False
    across: int = 2
    links: tuple[tuple[str, str], ...] = ()

    @property
    def csv(self) -> str:
        return (self.data or self.table).csv()


def as_file(chart: Chart, link: Link = lambda page: None) -> str:
    """The chart as a file of its own, on white: its panels are those of the page.

    Args:
        link: whole addresses, if the site has one; links are left out otherwise.
    """
    across = min(chart.across, len(chart.panels)) or 1
    rows = [chart.panels[at : at + across] for at in range(0, len(chart.panels), across)]
    width = max((sum(panel.width for panel in row) + _GAP * (len(row) - 1) for row in rows), default=WIDTH)
    body: list[Element] = []
    y = 0.0
    for row in rows:
        x = 0.0
        for panel in row:
            box = f"0 0 {panel.width:g} {panel.height:g}"
            body.append(
                element("svg", *panel.body, x=x, y=y, width=panel.width, height=panel.height, viewBox=box)
            )
            x += panel.width + _GAP
        y += max(panel.height for panel in row) + _GAP
    keys, height = _key_lines(chart.keys, width, y)
    root = element(
        "svg",
        title(chart.title),
        element("desc", chart.note),
        element("style", FILE_STYLE),
        element("rect", width="100%", height="100%", fill="#ffffff"),
        *body,
        *keys,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        class_="kb-p-ink",
    )
    return write(root, link) + "\n"


def panel_element(panel: Panel, ident: str) -> Element:
    """The panel in a page; `ident` is unique there."""
    return element(
        "svg",
        element("title", panel.title, id=f"{ident}-t"),
        element("desc", panel.said, id=f"{ident}-d"),
        *panel.body,
        class_="kb-p-panel",
        viewBox=f"0 0 {panel.width:g} {panel.height:g}",
        role="group",
        aria_labelledby=f"{ident}-t",
        aria_describedby=f"{ident}-d",
        data_of=panel.of or None,
    )


def mark(said: str, *shapes: Element, page: str = "", style: str = "", of: str | None = None) -> Element:
    """Something that says what it is when one points at it or reaches it by keyboard, and leads to `page`.

    Args:
        of: names of the choices of filters to which it belongs, with spaces between.
    """
    style = f"kb-p-m {style}".strip()
    tag, role = ("a", None) if page else ("g", "img")
    return element(tag, title(said), *shapes, page=page, class_=style, tabindex="-1", data_of=of, role=role)


def key_sign(*shapes: Element) -> Element:
    """A mark of 14 by 12 units as it stands in a legend, drawn about (7, 6)."""
    return element(
        "svg", *shapes, class_="kb-p-sign", viewBox="0 0 14 12", width=14, height=12, aria_hidden="true"
    )


def _key_lines(keys: tuple[Key, ...], width: float, y: float) -> tuple[list[Element], float]:
    """The legend below the panels, broken into lines; and where it ends."""
    made: list[Element] = []
    x = 8.0
    for key in keys:
        label = visible(key.label)
        wide = 30 + _LETTER * len(label)
        if x > 8 and x + wide > width:
            x, y = 8.0, y + _KEY
        attributes = (*key.sign.attributes, ("x", f"{x:g}"), ("y", f"{y:g}"))
        made.append(Element("svg", attributes, key.sign.children))
        made.append(words(x + 18, y + 9.5, label, "kb-p-tick"))
        x += wide
    return made, y + _KEY if keys else y - _GAP


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        text = visible(value)
        return f"'{text}" if text[:1] in "=+-@'" and text else text
    return f"{round(value, 4) + 0.0:.10g}"


def shown(value: Value) -> str:
    """A value of a table as people read it."""
    return "" if value is None else value if isinstance(value, str) else plain(value)
