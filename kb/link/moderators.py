"""Where an effect differs: by model size, origin, task, difficulty, bits.

Each axis is cut in two everywhere that leaves three units on both sides; the two means are compared by Welch's test, and
Holm's correction runs over all cuts that were tried. What models differ in is compared between models (three on both sides,
each with the mean of its units), what benchmarks differ in between benchmarks: ten benchmarks do not make a model ten. A cut is an observation and no experiment: large models also differ
from small ones in other ways.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kb.harness.stats import holm
from kb.link.cells import Cell
from kb.link.effects import ALPHA, Estimate, Unit, pool_units, units_of, welch_p

LEAST = 3
"""Units, models or benchmarks on a side."""


@dataclass(frozen=True)
class Side:
    """`what`: the condition as people say it. `state`: what the claim's test says of this side alone."""

    what: str
    estimate: Estimate
    state: str


@dataclass(frozen=True)
class Split:
    """Two sides between which the effect differs. `p`: by Welch's test, after Holm's correction over all cuts tried."""

    axis: str
    p: float
    sides: tuple[Side, Side]
    tried: int


_NUMBERS: dict[str, Callable[[Cell], float | None]] = {
    "model size": lambda cell: cell.variant.size_b,
    "difficulty": lambda cell: cell.variant.difficulty,
    "weight bits": lambda cell: cell.setting.weight_bits,
    "activation bits": lambda cell: cell.setting.act_bits,
    "KV bits": lambda cell: cell.setting.kv_bits,
}
_NAMES: dict[str, Callable[[Cell], str | None]] = {
    "model origin": lambda cell: cell.variant.origin,
    "task kind": lambda cell: cell.variant.task_kind,
    "method": lambda cell: cell.setting.method,
}


def splits(cells: Sequence[Cell], state: Callable[[Sequence[Unit]], Any]) -> tuple[Split, ...]:
    """The cuts whose sides differ for certain, surest first, one for each axis.

    Args:
        state: what a claim's test says of some units.
    """
    tried: list[tuple[str, str, str, list[Unit], list[Unit], float]] = []
    for axis, low, high, left, right in _cuts(cells):
        a, b = units_of(left), units_of(right)
        one, other = _compared(axis, a), _compared(axis, b)
        if min(len(one), len(other)) >= LEAST:
            tried.append((axis, low, high, a, b, welch_p(one, other)))
    adjusted = holm([row[-1] for row in tried])
    found: dict[str, Split] = {}
    # Nine digits: of cuts that are alike, such as "math" and "not math", the first one, whatever the last bits say.
    surest = sorted(zip(tried, adjusted, strict=True), key=lambda row: float(f"{row[1]:.9g}"))
    for (axis, low, high, a, b, _), p in surest:
        if p < ALPHA and axis not in found:
            sides = (
                Side(low, pool_units(a), str(state(a))),
                Side(high, pool_units(b), str(state(b))),
            )
            found[axis] = Split(axis, p, sides, len(tried))
    return tuple(found.values())


_MODEL, _BENCHMARK = 1, 2
_LEVELS = {"model size": _MODEL, "model origin": _MODEL, "difficulty": _BENCHMARK, "task kind": _BENCHMARK}
"""Axes that all units of one model, or of one benchmark, share: its place in the units' keys."""


def _compared(axis: str, units: Sequence[Unit]) -> list[float]:
    """The effects that are compared: of units, or the means of models or of benchmarks."""
    level = _LEVELS.get(axis)
    if level is None:
        return [unit.effect for unit in units]
    rows: dict[object, list[float]] = {}
    for unit in units:
        rows.setdefault(unit.key[level], []).append(unit.effect)
    return [math.fsum(row) / len(row) for row in rows.values()]


def _cuts(cells: Sequence[Cell]) -> Iterator[tuple[str, str, str, list[Cell], list[Cell]]]:
    for axis, number in _NUMBERS.items():
        values = [number(cell) for cell in cells]
        known = sorted({value for value in values if value is not None})
        for below, above in itertools.pairwise(known):
            left = [
                cell
                for cell, value in zip(cells, values, strict=True)
                if value is not None and value <= below
            ]
            right = [
                cell
                for cell, value in zip(cells, values, strict=True)
                if value is not None and value >= above
            ]
            unit = "B" if axis == "model size" else ""
            yield axis, f"{axis} up to {below:g}{unit}", f"{axis} of {above:g}{unit} or more", left, right
    for axis, name in _NAMES.items():
        names = [name(cell) for cell in cells]
        for value in sorted({each for each in names if each is not None}):
            left = [cell for cell, each in zip(cells, names, strict=True) if each == value]
            right = [cell for cell, each in zip(cells, names, strict=True) if each not in {value, None}]
            yield axis, f"{axis} {value}", f"other {axis}", left, right
