"""The charts of measured differences, and the filters that they share. Loaded only where something was measured."""

from __future__ import annotations

from collections.abc import Sequence

from kb.link.cells import Cell
from kb.render.charts.chart import Chart
from kb.render.charts.dots import SIZE_CLASSES, Looks, Names, dots_of, quantized, said, size_class
from kb.render.charts.drops import by_setting, by_size, by_task, weights_only
from kb.render.charts.filters import Choice, Filter
from kb.render.charts.memory import memory
from kb.render.charts.sizes import size_decides, turning_point
from kb.render.findings import BITS, CONTRADICTIONS, MEMORY, Findings
from kb.render.places import Places


def result_charts(found: Findings, places: Places) -> tuple[list[tuple[str, Chart]], tuple[Filter, ...]]:
    """Charts with their pages, and the filters of those on the page of bits."""
    cells = quantized(found.effects)
    if not cells:
        return [], ()
    looks = Looks.of(cells)
    weights = dots_of([cell for cell in cells if weights_only(cell)])
    others = dots_of([cell for cell in cells if not weights_only(cell)])
    names = Names(places, cells, looks)
    turning = turning_point(found)
    made = [
        (CONTRADICTIONS, size_decides(turning) if turning else None),
        (BITS, by_size(weights, looks, names)),
        (BITS, by_task(weights)),
        (BITS, by_setting(others, looks, names)),
        (MEMORY, memory(cells, places)),
    ]
    return [(page, chart) for page, chart in made if chart], _filters(cells, looks, names)


def _filters(cells: Sequence[Cell], looks: Looks, names: Names) -> tuple[Filter, ...]:
    known = {size_class(cell) for cell in cells}
    return (
        Filter("family", "Method family", tuple(Choice(each, said(each), f"f{at}") for at, each in enumerate(looks.families))),
        Filter("benchmark", "Benchmark", tuple(Choice(each, each, f"b{at}") for each, at in names.benchmarks.items())),
        Filter("task", "Kind of task", tuple(Choice(each, each, f"t{at}") for each, at in names.kinds.items())),
        Filter("size", "Size of the model", tuple(Choice(_slug(each), each, f"s{at}") for at, each in enumerate(SIZE_CLASSES) if each in known)),
    )  # fmt: skip


def _slug(size: str) -> str:
    """
    >>> _slug("3B to 10B")
    '3B-to-10B'
    """
    return size.replace(" ", "-")
