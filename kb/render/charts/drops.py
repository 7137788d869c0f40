"""Accuracy against bits: every difference from full precision, and the means of classes of models and kinds of tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb.link.cells import Cell
from kb.link.effects import Estimate, pool
from kb.link.evidence import FULL
from kb.records.claims import Origin
from kb.render.charts.axes import Area, frame
from kb.render.charts.chart import Chart, Key, Panel, Table, Value, key_sign, mark
from kb.render.charts.dots import SIZE_CLASSES, Dot, Looks, Names, grouped, size_class, spread, whisker
from kb.render.charts.scale import Scale, scale_of
from kb.render.charts.style import diamond, shape
from kb.render.charts.svg import Element, element, line
from kb.render.env import count_text
from kb.render.numbers import ends, plain, signed, span

_AREA = Area(left=36, bottom=230, top=26)
_HALF_BIT = 0.34  # dots of one number of bits spread over twice as much
_Y = "points"
_HOW = (
    "Differences from full precision in points of accuracy; the scale is stretched about nought. Diamonds: means with "
    "90 % intervals, every model and benchmark of a source counted once. A dot shows its own interval when it is pointed at."
)


@dataclass(frozen=True)
class Mean:
    """A mean at a place of the x axis. `at` names the place."""

    x: float
    at: str
    made: Estimate

    @property
    def reach(self) -> tuple[float | None, float | None]:
        return ends(self.made.interval())

    def said(self, of: str) -> str:
        low, high = self.reach
        return (
            f"Mean, {of}, {self.at}: {signed(self.made.value)} points, 90 % interval {span(low, high)}, "
            f"{count_text(self.made.cells, 'difference')} of {count_text(self.made.units, 'unit')}"
        )


def weights_only(cell: Cell) -> bool:
    """Whether nothing but the weights has fewer bits."""
    setting = cell.setting
    return setting.weight_bits < FULL and setting.act_bits == setting.kv_bits == FULL


def by_size(dots: Sequence[Dot], looks: Looks, names: Names) -> Chart | None:
    """A panel for each class of model sizes; None if there is nothing to draw."""
    own = [dot for dot in dots if weights_only(dot.first)]
    panels = grouped(own, lambda dot: size_class(dot.first))
    if not panels:
        return None
    y = _drops(own)
    x = scale_of((dot.first.setting.weight_bits for dot in own), _AREA.left + 14, _AREA.right - 14)
    bits = sorted({_whole(dot) for dot in own})
    ticks = [(x.at(min(max(each, x.low), x.high)), plain(each)) for each in bits]
    made: list[Panel] = []
    rows: list[Line] = []
    for where in _in_order(panels):
        at = {each: x.at(each) for each in bits}
        groups = {
            f"{each} bits": (at[each], [d for d in panels[where] if _whole(d) == each]) for each in bits
        }
        placed = _by_bits(panels[where], x)
        made.append(_panel(where, groups, placed, ticks, y, names, "bits of a weight", joined=True))
        rows += _rows(where, groups)
    return Chart(
        "drop-bits",
        "Accuracy lost, by bits of the weights and size of the model",
        f"{_HOW} Weights alone are quantized; means are of the nearest whole bit.",
        tuple(made),
        Table(("Models", "Weights", *_MEAN_COLUMNS), tuple(rows)),
        (*looks.legend(own), _MEAN_KEY),
        data=names.table(own),
        filtered=True,
    )


def by_setting(dots: Sequence[Dot], looks: Looks, names: Names) -> Chart | None:
    """Where activations or the cache have fewer bits as well; a panel for each class of model sizes."""
    own = [dot for dot in dots if not weights_only(dot.first)]
    panels = grouped(own, lambda dot: size_class(dot.first))
    if not panels:
        return None
    y = _drops(own)
    settings = sorted({_bits(dot) for dot in own}, reverse=True)[:_MOST_SETTINGS]
    wide = (_AREA.right - _AREA.left) / len(settings)
    place = {bits: _AREA.left + wide * (at + 0.5) for at, bits in enumerate(settings)}
    ticks = [(place[bits], _short(bits)) for bits in settings]
    made: list[Panel] = []
    rows: list[Line] = []
    for where in _in_order(panels):
        groups = {
            _short(bits): (place[bits], [d for d in panels[where] if _bits(d) == bits]) for bits in settings
        }
        placed = [
            (at + offset, dot)
            for at, group in groups.values()
            for offset, dot in zip(spread(len(group), wide * 0.7), group, strict=True)
        ]
        made.append(_panel(where, groups, placed, ticks, y, names, "bits of weights, activations, cache"))
        rows += _rows(where, groups)
    return Chart(
        "drop-activations",
        "Accuracy lost where activations or the cache are quantized",
        f"{_HOW} W4A8KV8: weights of 4 bits, activations and cache of 8; what is not named has 16.",
        tuple(made),
        Table(("Models", "Setting", *_MEAN_COLUMNS), tuple(rows)),
        (*looks.legend(own), _MEAN_KEY),
        data=names.table(own),
        filtered=True,
    )


def by_task(dots: Sequence[Dot]) -> Chart | None:
    """Means along the bits of the weights: a panel for each kind of task, a line for each class of model sizes."""
    own = [
        dot for dot in dots if weights_only(dot.first) and dot.first.variant.origin is not Origin.REFERENCE
    ]
    panels = grouped(own, lambda dot: dot.first.variant.task_kind)
    bits = sorted({_whole(dot) for dot in own})
    means: dict[str, dict[str, list[Mean]]] = {}
    x = scale_of(bits, _AREA.left + 20, _AREA.right - 20)
    for kind, of_kind in sorted(panels.items()):
        for where, group in grouped(of_kind, lambda dot: size_class(dot.first)).items():
            line_of = [
                Mean(x.at(each), f"{each} bits", pool(cells))
                for each in bits
                if len(cells := [cell for dot in group if _whole(dot) == each for cell in dot.cells]) > 1
            ]
            if line_of:
                means.setdefault(kind, {})[where] = line_of
    if not any(sum(map(len, lines.values())) > 1 for lines in means.values()):
        return None
    y = scale_of(
        (mean.made.value for lines in means.values() for row in lines.values() for mean in row),
        _AREA.bottom, _AREA.top + 8, kind="stretched", with_nought=True,
    )  # fmt: skip
    ticks = [(x.at(each), plain(each)) for each in bits]
    shown = [where for where in SIZE_CLASSES if any(where in lines for lines in means.values())]
    return Chart(
        "drop-tasks",
        "Accuracy lost, by kind of task",
        "Means of differences from full precision in points of accuracy with 90 % intervals (the scale is stretched about "
        "nought), where two differences or more are known; a line for each class of model sizes. Weights alone are quantized. "
        "A kind of task of which one mean is known stands in the table alone.",
        tuple(
            _lines(kind, lines, ticks, y)
            for kind, lines in means.items()
            if sum(map(len, lines.values())) > 1
        ),
        Table(
            ("Task", "Models", "Weights", *_MEAN_COLUMNS),
            tuple(
                (kind, where, mean.at, *figures_of_mean(mean.made))
                for kind, lines in means.items()
                for where in _in_order(lines)
                for mean in lines[where]
            ),
        ),
        tuple(Key(where, _line_sign(SIZE_CLASSES.index(where))) for where in shown),
    )


_MEAN_COLUMNS = ("Mean, points", "low", "high", "differences", "units")
_MEAN_KEY = Key("mean with its 90 % interval", key_sign(line(7, 7, 0, 12, "kb-p-reach"), diamond(3, 7, 11, 6, 4, "kb-p-mean kb-p-solid")))  # fmt: skip
_MOST_SETTINGS = 6
Line = tuple[Value, ...]


def _drops(dots: Iterable[Dot]) -> Scale:
    values = [dot.made.value for dot in dots]
    return scale_of(values, _AREA.bottom - 4, _AREA.top + 10, kind="stretched", with_nought=True)


def _whole(dot: Dot) -> int:
    return int(dot.first.setting.weight_bits + 0.5)


def _bits(dot: Dot) -> tuple[float, float, float]:
    setting = dot.first.setting
    return setting.weight_bits, setting.act_bits, setting.kv_bits


def _short(bits: tuple[float, float, float]) -> str:
    """
    >>> _short((4, 8, 8)), _short((16, 16, 3))
    ('W4A8KV8', 'KV3')
    """
    return "".join(
        f"{name}{each:g}" for name, each in zip(("W", "A", "KV"), bits, strict=True) if each < FULL
    )


def _by_bits(dots: Sequence[Dot], x: Scale) -> list[tuple[float, Dot]]:
    """Dots at their bits, those of the same number of bits side by side; from left to right."""
    placed = []
    for group in grouped(dots, lambda dot: f"{dot.first.setting.weight_bits:09.3f}").values():
        wide = abs(x.at(x.low + 2 * _HALF_BIT) - x.at(x.low)) if len(group) > 3 else 8.0
        placed += [
            (x.at(dot.first.setting.weight_bits) + offset, dot)
            for offset, dot in zip(spread(len(group), wide), group, strict=True)
        ]
    return sorted(placed, key=lambda pair: (pair[0], pair[1].order))


def _panel(
    where: str,
    groups: Mapping[str, tuple[float, Sequence[Dot]]],
    placed: Sequence[tuple[float, Dot]],
    ticks: Sequence[tuple[float, str]],
    y: Scale,
    names: Names,
    x_name: str,
    *,
    joined: bool = False,
) -> Panel:
    means = _means(groups)
    body = [
        *frame(_AREA, f"Models {where}" if where[0].isdigit() or where.startswith("below") else where.capitalize(), ticks, y, x_name=x_name, y_name=_Y),
        *(names.mark(dot, x, y) for x, dot in placed),
        element("g", *(_thread(means, y) if joined else ()), *(_diamond(mean, where, y) for mean in means), class_="kb-p-means kb-p-ink"),
    ]  # fmt: skip
    return Panel(
        where, _AREA.height, tuple(body), _in_words(len(placed), means), of=f"s{SIZE_CLASSES.index(where)}"
    )


def _means(groups: Mapping[str, tuple[float, Sequence[Dot]]]) -> list[Mean]:
    """Of two differences or more."""
    found = []
    for at, (x, dots) in groups.items():
        cells: list[Cell] = [cell for dot in dots for cell in dot.cells]
        if len(cells) > 1:
            found.append(Mean(x, at, pool(cells)))
    return found


def _thread(means: Sequence[Mean], y: Scale) -> Iterable[Element]:
    if len(means) > 1:
        points = " ".join(f"{mean.x:.2f},{y.at(mean.made.value):.2f}" for mean in means)
        yield element("polyline", class_="kb-p-thread", points=points)


def _diamond(mean: Mean, of: str, y: Scale) -> Element:
    at = y.at(mean.made.value)
    drawn = diamond(mean.x - 4.5, mean.x, mean.x + 4.5, at, 4.5, "kb-p-mean kb-p-solid")
    return mark(mean.said(of), *whisker(mean.x, mean.reach, y), drawn)


def _lines(
    kind: str, lines: Mapping[str, Sequence[Mean]], ticks: Sequence[tuple[float, str]], y: Scale
) -> Panel:
    body: list[Element] = [*frame(_AREA, kind.capitalize(), ticks, y, x_name="bits of a weight", y_name=_Y)]
    for where in _in_order(lines):
        at = SIZE_CLASSES.index(where)
        aside = [Mean(mean.x + (at - 1.5) * 5, mean.at, mean.made) for mean in lines[where]]
        body.append(
            element(
                "g",
                *_thread(aside, y),
                *(
                    mark(
                        mean.said(f"{kind}, models {where}"),
                        *whisker(mean.x, mean.reach, y),
                        shape(at, mean.x, y.at(mean.made.value), 4, "kb-p-mean kb-p-solid"),
                    )
                    for mean in aside
                ),
                class_=f"kb-p-{at}",
            )
        )
    means = [mean for row in lines.values() for mean in row]
    return Panel(
        kind, _AREA.height, tuple(body), f"{count_text(len(lines), 'line')}, {count_text(len(means), 'mean')}"
    )


def _line_sign(series: int) -> Element:
    return key_sign(line(0, 14, 6, 6, f"kb-p-thread kb-p-{series}"), shape(series, 7, 6, 4, f"kb-p-mean kb-p-solid kb-p-{series}"))  # fmt: skip


def _rows(where: str, groups: Mapping[str, tuple[float, Sequence[Dot]]]) -> Iterable[Line]:
    for mean in _means(groups):
        yield (where, mean.at, *figures_of_mean(mean.made))


def figures_of_mean(made: Estimate) -> tuple[float | None, ...]:
    """A mean in a table: value, ends of its interval, differences, units."""
    return (made.value, *ends(made.interval()), made.cells, made.units)


def _in_words(number: int, means: Sequence[Mean]) -> str:
    each = "; ".join(f"{mean.at}: {signed(mean.made.value)} on average" for mean in means)
    return f"{count_text(number, 'difference')}. {each}." if each else f"{count_text(number, 'difference')}."


def _in_order(classes: Iterable[str]) -> list[str]:
    return [where for where in SIZE_CLASSES if where in set(classes)]
