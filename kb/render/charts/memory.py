"""Accuracy against the memory of the weights: for each family of models, what buys most with the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kb.link.cells import Cell
from kb.link.evidence import FULL, RUNS, Measured
from kb.records.claims import Origin
from kb.render.charts.axes import Area, frame
from kb.render.charts.chart import Chart, Key, Panel, Table, Value, key_sign, mark
from kb.render.charts.scale import Scale, scale_of
from kb.render.charts.style import SERIES, shape
from kb.render.charts.svg import Element, element, line
from kb.render.env import count_text
from kb.render.numbers import plain
from kb.render.places import Places

PANELS = 6
"""Benchmarks that are drawn: those with the most scores."""
MOST = 240
"""Scores that a panel shows: those of the sources and families with the most of them, as far as they fit."""
_AREA = Area(left=36, bottom=210, top=26)


@dataclass(frozen=True)
class Score:
    """A model under one setting, with the memory of its weights in GB (10⁹ bytes) at nominal bits."""

    of: Measured
    gigabytes: float

    @property
    def group(self) -> tuple[str, str]:
        """Scores are held against each other only within a source and a family of models."""
        return self.of.source, self.of.family or self.of.model


def memory(cells: Iterable[Cell], places: Places) -> Chart | None:
    """A panel for each of the benchmarks with the most scores; None if no model's size is known."""
    benchmarks = _scores(cells)
    if not benchmarks:
        return None
    names = sorted(benchmarks, key=lambda name: (-len(benchmarks[name]), name))[:PANELS]
    shown = {name: drawn(benchmarks[name]) for name in names}
    families = Counter(score.group[1] for scores in shown.values() for score in scores)
    looks = sorted(families, key=lambda family: (-families[family], family))
    own = looks if len(looks) <= SERIES else looks[: SERIES - 1]
    x = scale_of(
        (score.gigabytes for scores in shown.values() for score in scores),
        _AREA.left + 10,
        _AREA.right - 10,
        kind="log",
    )
    return Chart(
        "memory",
        "Accuracy against the memory of the weights",
        "A point is a model under one setting, filled if the harness measured it. Lines join what no other model of the same "
        "family reaches with as little memory, in one source: scores of different sources are measured differently. Memory is "
        "that of all parameters at the nominal bits of a weight."
        f"{_left_out(benchmarks, shown)}",
        tuple(_panel(name, scores, x, looks, places) for name, scores in shown.items()),
        _table(shown, places),
        (
            *(Key(family, _sign(at), f"m{at}") for at, family in enumerate(own)),
            *([Key("other families", _sign(SERIES - 1), f"m{SERIES - 1}")] if len(own) < len(looks) else []),
        ),
        data=_data(benchmarks),
        filtered=True,
    )


def front(scores: Iterable[Score]) -> list[Score]:
    """Those that none with as little memory beats, from small to large."""
    found: list[Score] = []
    for score in sorted(scores, key=lambda each: (each.gigabytes, -each.of.score, each.of.ref)):
        if not found or score.of.score > found[-1].of.score:
            found.append(score)
    return found


def drawn(scores: Sequence[Score], most: int = MOST) -> list[Score]:
    """Whole groups, the largest first, as long as they fit; of one that is larger than all room, its front."""
    found: list[Score] = []
    for _, own in sorted(_groups(scores).items(), key=lambda pair: (-len(pair[1]), pair[0])):
        if len(found) + len(own) <= most:
            found += own
        elif not found:
            found = front(own)[:most]
    return sorted(found, key=lambda score: (score.gigabytes, score.of.score, score.of.ref))


def _left_out(benchmarks: Mapping[str, Sequence[Score]], shown: Mapping[str, Sequence[Score]]) -> str:
    number = sum(len(benchmarks[name]) - len(scores) for name, scores in shown.items())
    return f" {count_text(number, 'score')} of smaller groups stand in the CSV alone." if number else ""


def _scores(cells: Iterable[Cell]) -> dict[str, list[Score]]:
    """By benchmark: what was quantized, and each baseline once."""
    found: dict[str, dict[tuple[object, ...], Score]] = {}
    for cell in cells:
        one = cell.variant
        if one.size_b is None or one.origin is Origin.REFERENCE:
            continue
        where = one.benchmark if one.chain_length is None else f"{one.benchmark}, {one.chain_length} steps"
        if min(cell.setting.weight_bits, cell.setting.act_bits, cell.setting.kv_bits) < FULL:
            for each in (one, cell.baseline):
                key = (each.source, each.model, each.setting, each.score)
                gigabytes = one.size_b * each.setting.weight_bits / 8
                found.setdefault(where, {}).setdefault(key, Score(each, gigabytes))
    return {where: list(scores.values()) for where, scores in found.items()}


def _groups(scores: Iterable[Score]) -> Mapping[tuple[str, str], list[Score]]:
    groups: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        groups.setdefault(score.group, []).append(score)
    return dict(sorted(groups.items()))


def _panel(name: str, scores: Sequence[Score], x: Scale, looks: Sequence[str], places: Places) -> Panel:
    y = scale_of((score.of.score for score in scores), _AREA.bottom - 4, _AREA.top + 10)
    y = replace(y, low=max(y.low, 0.0), high=min(y.high, 100.0))
    fronts = {group: front(own) for group, own in _groups(scores).items()}
    best = {id(score) for row in fronts.values() for score in row}
    ticks = [(x.at(each), plain(each)) for each in x.ticks(7)]
    body = [
        *frame(_AREA, name, ticks, y, x_name="GB of weights", y_name="accuracy, %"),
        *(
            element(
                "g",
                _thread(row, x, y),
                class_=f"kb-p-{_series(looks, group[1])}",
                data_of=f"m{_series(looks, group[1])}",
            )
            for group, row in fronts.items()
            if len(row) > 1
        ),
        *(_mark(score, x, y, looks, places, on_front=id(score) in best) for score in scores),
    ]
    models = len({score.of.model for score in scores})
    return Panel(
        name,
        _AREA.height,
        tuple(body),
        f"{count_text(len(scores), 'score')} of {count_text(models, 'model')}, {count_text(len(fronts), 'front')}",
    )


def _thread(row: Sequence[Score], x: Scale, y: Scale) -> Element:
    points = " ".join(f"{x.at(score.gigabytes):.2f},{y.at(score.of.score):.2f}" for score in row)
    return element("polyline", class_="kb-p-thread", points=points)


def _mark(
    score: Score, x: Scale, y: Scale, looks: Sequence[str], places: Places, *, on_front: bool
) -> Element:
    one = score.of
    series = _series(looks, score.group[1])
    fill = "kb-p-solid" if one.source == RUNS else "kb-p-hollow"
    source = places.source(one.source)
    items = "" if one.items is None else f", {one.items:,} items"
    said = (
        f"{source.label}: {one.model}, {_setting(one, places)}, {score.gigabytes:.3g} GB, {one.benchmark}: "
        f"{one.score:.1f} %{items}{', on its front' if on_front else ''}"
    )
    page = source.page or places.method(one.setting.method).page or places.benchmark(one.benchmark).page or ""
    drawn = shape(series, x.at(score.gigabytes), y.at(one.score), 4 if on_front else 2.8, fill)
    return mark(said, drawn, page=page, style=f"kb-p-dot kb-p-{series}", of=f"m{series}")


def _setting(one: Measured, places: Places) -> str:
    if one.setting.is_full:
        return "full precision"
    return f"{places.method(one.setting.method).label} {one.setting.bits}"


def _series(looks: Sequence[str], family: str) -> int:
    return min(looks.index(family), SERIES - 1)


def _sign(series: int) -> Element:
    return key_sign(
        line(0, 14, 6, 6, f"kb-p-thread kb-p-{series}"),
        shape(series, 7, 6, 4, f"kb-p-dot kb-p-hollow kb-p-{series}"),
    )


def _table(shown: Mapping[str, Sequence[Score]], places: Places) -> Table:
    """The fronts."""
    rows: list[tuple[Value, ...]] = []
    for name, scores in shown.items():
        for (source, family), own in _groups(scores).items():
            row = front(own)
            label = places.source(source).label
            for score in row if len(row) > 1 else ():
                rows.append(
                    (
                        name,
                        label,
                        family,
                        score.of.model,
                        _setting(score.of, places),
                        score.gigabytes,
                        score.of.score,
                    )
                )
    return Table(("Benchmark", "Source", "Family", "Model", "Setting", "GB", "Accuracy, %"), tuple(rows))


def _data(benchmarks: Mapping[str, Sequence[Score]]) -> Table:
    """Every score."""
    return Table(
        ("benchmark", "source", "family", "model", "size_b", "method", "weight_bits", "act_bits", "kv_bits", "gigabytes", "score"),
        tuple(
            (name, *score.group, score.of.model, score.of.size_b, setting.method, setting.weight_bits, setting.act_bits,
             setting.kv_bits, score.gigabytes, score.of.score)
            for name in sorted(benchmarks)
            for score in benchmarks[name]
            for setting in (score.of.setting,)
        ),
    )  # fmt: skip
