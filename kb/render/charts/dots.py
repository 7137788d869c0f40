"""Differences from full precision as dots, whose uncertainty and names come from `kb.link`: nothing is estimated here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from kb.link.cells import Cell
from kb.link.effects import Estimate, estimate
from kb.link.evidence import FULL, RUNS
from kb.link.scope import SIZES, size_of
from kb.records.claims import Origin
from kb.render.charts.chart import Key, Table, Value, key_sign, mark
from kb.render.charts.scale import Scale
from kb.render.charts.style import SERIES, shape
from kb.render.charts.svg import Element, element
from kb.render.numbers import ends, signed, span
from kb.render.places import Place, Places

MOST = 600
"""Differences that a chart shows one by one; of more, those of one model, setting and kind of task in one source are averaged."""
TOY = "models of the harness"
_R = 3.2


@dataclass(frozen=True)
class Dot:
    """One difference, or several averaged. All share source, model, setting and kind of task."""

    cells: tuple[Cell, ...]

    @property
    def first(self) -> Cell:
        return self.cells[0]

    @cached_property
    def made(self) -> Estimate:
        return estimate(self.cells)

    @property
    def reach(self) -> tuple[float | None, float | None]:
        """Ends of the 90 % interval."""
        return ends(self.made.interval())

    @property
    def is_run(self) -> bool:
        return self.first.variant.source == RUNS

    @property
    def benchmark(self) -> str:
        if len(self.cells) > 1:
            return f"mean of {len(self.cells)} benchmarks"
        one = self.first.variant
        return one.benchmark if one.chain_length is None else f"{one.benchmark}, {one.chain_length} steps"

    @property
    def items(self) -> int | None:
        """Items in all; None if one benchmark's are not known."""
        known = [cell.variant.items for cell in self.cells]
        return sum(each or 0 for each in known) if all(known) else None

    @property
    def order(self) -> str:
        return self.first.ref


def quantized(cells: Iterable[Cell]) -> list[Cell]:
    """Those of models with fewer bits; what makes a model cheaper in another way has no bits to be drawn at."""
    return [
        cell
        for cell in cells
        if min(cell.setting.weight_bits, cell.setting.act_bits, cell.setting.kv_bits) < FULL
    ]


def dots_of(cells: Sequence[Cell], most: int = MOST) -> list[Dot]:
    """A dot for each cell, in order of their names; averages if that were too many to look at."""
    if len(cells) <= most:
        return [Dot((cell,)) for cell in cells]
    groups: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        one = cell.variant
        groups.setdefault((one.source, one.model, cell.setting, one.task_kind), []).append(cell)
    return [Dot(tuple(group)) for group in groups.values()]


def size_class(cell: Cell) -> str | None:
    """The class of the model's size; the harness's own little models are one of their own. None if it is not known."""
    if cell.variant.origin is Origin.REFERENCE:
        return TOY
    at = size_of(cell.variant.size_b)
    return None if at is None else SIZES[at].title


SIZE_CLASSES = (*(size.title for size in SIZES), TOY)


@dataclass(frozen=True)
class Looks:
    """How families of methods are told apart: the commonest have a colour and a shape each, the others share one."""

    families: tuple[str, ...]

    @classmethod
    def of(cls, cells: Iterable[Cell]) -> Looks:
        found = Counter(cell.setting.family for cell in cells)
        return cls(tuple(sorted(found, key=lambda family: (-found[family], family))))

    def series(self, family: str) -> int:
        return min(self.families.index(family), SERIES - 1)

    def legend(self, dots: Iterable[Dot]) -> tuple[Key, ...]:
        """The families of what is drawn, then how reported figures and runs differ."""
        drawn = {(self.series(dot.first.setting.family), dot.is_run) for dot in dots}
        keys = []
        for at in sorted({series for series, _ in drawn}):
            shared = at == SERIES - 1 and len(self.families) > SERIES
            label = "other families" if shared else said(self.families[at])
            keys.append(Key(label, _sign(at, "kb-p-hollow"), f"m{at}"))
        kinds = {is_run for _, is_run in drawn}
        if False in kinds:
            keys.append(Key("hollow: a source reports it", _sign(SERIES - 1, "kb-p-hollow", 0)))
        if True in kinds:
            keys.append(Key("filled: a run of the harness", _sign(SERIES - 1, "kb-p-solid", 0)))
        return tuple(keys)


def said(family: str) -> str:
    """A family's name as words."""
    return family.replace("-", " ")


class Names:
    """What dots are called, where they lead, and which filters' choices they belong to."""

    def __init__(self, places: Places, cells: Sequence[Cell], looks: Looks) -> None:
        self.places = places
        self.looks = looks
        self.benchmarks = _numbered(cell.variant.benchmark for cell in cells)
        self.kinds = _numbered(str(cell.variant.task_kind or "other") for cell in cells)

    def of(self, dot: Dot) -> str:
        """The choices of the filters, as in a mark's `data-of`."""
        cell = dot.first
        family = self.looks.families.index(cell.setting.family)
        where = size_class(cell)
        names = [
            f"m{self.looks.series(cell.setting.family)}",
            f"f{family}",
            f"t{self.kinds[str(cell.variant.task_kind or 'other')]}",
        ]
        names += [f"b{at}" for at in sorted({self.benchmarks[cell.variant.benchmark] for cell in dot.cells})]
        if where is not None:
            names.append(f"s{SIZE_CLASSES.index(where)}")
        return " ".join(names)

    def source(self, dot: Dot) -> Place:
        return self.places.source(dot.first.variant.source)

    def page(self, dot: Dot) -> str:
        """Of the paper, where a paper reports it; else of the method."""
        method = self.places.method(dot.first.setting.method)
        return (
            self.source(dot).page
            or method.page
            or self.places.benchmark(dot.first.variant.benchmark).page
            or ""
        )

    def said(self, dot: Dot) -> str:
        cell = dot.first
        method = self.places.method(cell.setting.method).label
        low, high = dot.reach
        sure = f"90 % interval {span(low, high)}" if low is not None else "uncertainty not known"
        items = "" if dot.items is None else f", {dot.items:,} items"
        scores = (
            f" ({cell.variant.score:.1f} against {cell.baseline.score:.1f})" if len(dot.cells) == 1 else ""
        )
        return (
            f"{self.source(dot).label}: {cell.variant.model}, {method} {cell.setting.bits}, {dot.benchmark}: "
            f"{signed(dot.made.value)} points{scores}, {sure}{items}"
        )

    def mark(self, dot: Dot, x: float, y: Scale) -> Element:
        """The dot with its interval, which shows when it is pointed at."""
        series = self.looks.series(dot.first.setting.family)
        fill = "kb-p-solid" if dot.is_run else "kb-p-hollow"
        return mark(
            self.said(dot),
            *whisker(x, dot.reach, y),
            shape(series, x, y.at(dot.made.value), _R, fill),
            page=self.page(dot),
            style=f"kb-p-dot kb-p-{series}",
            of=self.of(dot),
        )

    def table(self, dots: Sequence[Dot]) -> Table:
        """Every dot, for spreadsheets."""
        return Table(
            (
                *(
                    "source",
                    "model",
                    "size_b",
                    "method",
                    "family",
                    "weight_bits",
                    "act_bits",
                    "kv_bits",
                    "benchmark",
                ),
                *(
                    "task_kind",
                    "score",
                    "baseline",
                    "difference",
                    "low",
                    "high",
                    "items",
                    "differences",
                    "kind",
                ),
            ),
            tuple(self._row(dot) for dot in dots),
        )

    def _row(self, dot: Dot) -> tuple[Value, ...]:
        one, setting = dot.first.variant, dot.first.setting
        single = len(dot.cells) == 1
        return (
            *(one.source, one.model, one.size_b, setting.method, setting.family),
            *(
                setting.weight_bits,
                setting.act_bits,
                setting.kv_bits,
                dot.benchmark,
                str(one.task_kind or ""),
            ),
            *(one.score if single else None, dot.first.baseline.score if single else None),
            *(dot.made.value, *dot.reach, dot.items, len(dot.cells), "run" if dot.is_run else "reported"),
        )


def whisker(x: float, reach: tuple[float | None, float | None], y: Scale) -> tuple[Element, ...]:
    """An interval, if it is known; what lies beyond the scale is cut off at its end."""
    low, high = reach
    if low is None or high is None:
        return ()
    bottom, top = y.at(max(low, y.low)), y.at(min(high, y.high))
    return (element("line", class_="kb-p-reach", x1=x, x2=x, y1=bottom, y2=top),)


def spread(number: int, wide: float) -> list[float]:
    """Offsets of so many dots that share a place: even, and no two neighbours close (multiples of the golden ratio)."""
    return [((at + 1) * 0.618034 % 1 - 0.5) * wide if number > 1 else 0.0 for at in range(number)]


def grouped(dots: Iterable[Dot], name: Callable[[Dot], str | None]) -> Mapping[str, list[Dot]]:
    """Dots by a name; those without one left out."""
    found: dict[str, list[Dot]] = {}
    for dot in dots:
        if (of := name(dot)) is not None:
            found.setdefault(of, []).append(dot)
    return found


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: at for at, name in enumerate(sorted(set(names)))}


def _sign(series: int, fill: str, own: int | None = None) -> Element:
    return key_sign(shape(series if own is None else own, 7, 6, 4, f"kb-p-dot kb-p-{series} {fill}"))
