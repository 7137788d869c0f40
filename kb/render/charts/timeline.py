"""When the papers of each direction appeared: bars by quarter, those with a confirmed label apart from the others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kb.render.branches import BranchView, Entry
from kb.render.charts.axes import Area, frame
from kb.render.charts.chart import Chart, Key, Panel, Table, Value, key_sign, mark
from kb.render.charts.scale import Scale, counts_of
from kb.render.charts.svg import Element, cut, element
from kb.render.env import count_text
from kb.render.numbers import plain

QUARTERS = 18
"""That are shown one by one; what appeared before them is one bar."""
_NEWEST = 3
_WIDEST = 24.0
_TITLE = 60


@dataclass(frozen=True)
class Bin:
    """A quarter, or all time before `year` (quarter 0). Quarters count from 1."""

    year: int
    quarter: int

    @property
    def name(self) -> str:
        return f"{self.year} Q{self.quarter}" if self.quarter else f"before {self.year}"

    @property
    def query(self) -> str:
        """The years, for the table of all papers."""
        return f"from={self.year}&to={self.year}" if self.quarter else f"to={self.year - 1}"


@dataclass(frozen=True)
class _Bar:
    bin: Bin
    entries: tuple[Entry, ...]

    @property
    def confirmed(self) -> int:
        return sum(entry.confirmed for entry in self.entries)


def timeline(
    name: str, title: str, branches: Sequence[BranchView], table_page: str, facet: str
) -> Chart | None:
    """A panel for each branch; None if no paper of theirs has a month.

    Args:
        table_page: the table of all papers.
        facet: what its address calls the branches' facet.
    """
    dated = {branch.id: [_dated(entry) for entry in branch.entries] for branch in branches}
    every = {at for known in dated.values() for at, _ in known if at is not None}
    if not every:
        return None
    bins = bins_of(every)
    bars = {id: _bars(bins, known) for id, known in dated.items()}
    y = counts_of((len(bar.entries) for row in bars.values() for bar in row), _AREA.bottom, _AREA.top + 6)
    panels = tuple(
        _panel(branch, bars[branch.id], y, f"{table_page}?{facet}={branch.id}") for branch in branches
    )
    unknown = {entry.row.key for known in dated.values() for at, entry in known if at is None}
    note = "A quarter's papers, by their first appearance."
    if len(branches) > 1:
        note += " A paper of two directions counts in both."
    if unknown:
        note += f" {count_text(len(unknown), 'paper')} of no known month left out."
    return Chart(
        name,
        title,
        f"{note} The last quarter may not be complete.",
        panels,
        _table(bins, branches, bars),
        _KEYS,
        across=3,
    )


_AREA = Area(left=34, bottom=130, top=24)
_KEYS = (
    Key("a person confirmed the label", key_sign(element("rect", class_="kb-p-0 kb-p-bar kb-p-solid", x=2, y=1, width=10, height=10))),
    Key("proposed", key_sign(element("rect", class_="kb-p-0 kb-p-bar kb-p-part", x=2, y=1, width=10, height=10))),
)  # fmt: skip


def quarter_of(published: str) -> int | None:
    """Quarters since the year 0; None where no month is known.

    >>> quarter_of("2025-04-07") - quarter_of("2025-03"), quarter_of("2025")
    (1, None)
    """
    year, _, rest = published.partition("-")
    month = rest[:2]
    if not (year.isdecimal() and month.isdecimal() and 1 <= int(month) <= 12):
        return None
    return int(year) * 4 + (int(month) - 1) // 3


def bins_of(quarters: Iterable[int]) -> list[Bin]:
    """Every quarter from the first to the last; of long times the last ones, from the start of a year on, and one bar for
    what was before."""
    known = set(quarters)
    first, last = min(known), max(known)
    earlier = last - first + 1 > QUARTERS
    if earlier:
        first = math.ceil((last - QUARTERS + 1) / 4) * 4
    found = [Bin(at // 4, at % 4 + 1) for at in range(first, last + 1)]
    return [Bin(first // 4, 0), *found] if earlier else found


def _dated(entry: Entry) -> tuple[int | None, Entry]:
    return quarter_of(entry.row.published), entry


def _bars(bins: Sequence[Bin], known: Iterable[tuple[int | None, Entry]]) -> list[_Bar]:
    places: dict[Bin, list[Entry]] = {each: [] for each in bins}
    earlier = bins[0] if bins[0].quarter == 0 else None
    for at, entry in known:
        if at is None:
            continue
        own = Bin(at // 4, at % 4 + 1)
        if own in places:
            places[own].append(entry)
        elif earlier:
            places[earlier].append(entry)
    return [_Bar(each, tuple(sorted(places[each], key=_age, reverse=True))) for each in bins]


def _age(entry: Entry) -> tuple[str, str]:
    return entry.row.published, entry.row.key


def _panel(branch: BranchView, bars: Sequence[_Bar], y: Scale, address: str) -> Panel:
    wide = (_AREA.right - _AREA.left) / len(bars)
    x = {bar.bin: _AREA.left + wide * (number + 0.5) for number, bar in enumerate(bars)}
    years = [each for each in x if each.quarter == 1]
    ticks = [
        (x[each], _tick(each)) for each in x if each.quarter == 0 or each in years[bars[0].bin.quarter == 0 :]
    ]
    body = [
        *frame(_AREA, f"{branch.title}: {plain(sum(len(bar.entries) for bar in bars))}", ticks, y),
        *(
            mark(
                _said(branch, bar),
                *_shapes(bar, x[bar.bin], wide, y),
                page=f"{address}&{bar.bin.query}",
                style="kb-p-0",
            )
            for bar in bars
            if bar.entries
        ),
    ]
    most = max(bars, key=lambda bar: len(bar.entries))
    said = f"{branch.title}: {count_text(len(bars), 'bar')}, the highest of {count_text(len(most.entries), 'paper')} in {most.bin.name}"
    return Panel(branch.title, _AREA.bottom + 22, tuple(body), said)


def _tick(each: Bin) -> str:
    """The year before which all is one bar has no room for its own."""
    return str(each.year) if each.quarter else f"< {each.year}"


def _shapes(bar: _Bar, x: float, wide: float, y: Scale) -> Iterable[Element]:
    """Confirmed below, proposed above; and room to point at that reaches to the top."""
    half = min(max(wide * 0.5 - 1, 1), _WIDEST / 2)
    left, floor = x - half, y.at(0)
    split, top = y.at(bar.confirmed), y.at(len(bar.entries))
    yield element(
        "rect", class_="kb-p-hit", x=left, y=_AREA.top, width=2 * half, height=floor - _AREA.top, fill="none"
    )
    if bar.confirmed:
        yield element(
            "rect", class_="kb-p-bar kb-p-solid", x=left, y=split, width=2 * half, height=floor - split
        )
    if top < split:
        yield element("rect", class_="kb-p-bar kb-p-part", x=left, y=top, width=2 * half, height=split - top)


def _said(branch: BranchView, bar: _Bar) -> str:
    titles = "; ".join(cut(entry.row.title, _TITLE) for entry in bar.entries[:_NEWEST])
    papers = count_text(len(bar.entries), "paper")
    return f"{branch.title}, {bar.bin.name}: {papers}, {bar.confirmed} confirmed. Newest: {titles}"


def _table(bins: Sequence[Bin], branches: Sequence[BranchView], bars: dict[str, list[_Bar]]) -> Table:
    columns = [name for branch in branches for name in (branch.title, f"{branch.title}, confirmed")]
    rows: list[tuple[Value, ...]] = []
    for at, each in enumerate(bins):
        own = [bars[branch.id][at] for branch in branches]
        rows.append((each.name, *(number for bar in own for number in (len(bar.entries), bar.confirmed))))
    return Table(("Quarter", *columns), tuple(rows))
