"""A claim's relation, tested on cells: p values against "it is false" and against "it is true"."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kb.link.cells import Cell
from kb.link.effects import ALPHA, Estimate, Unit, estimate, pool, pool_units, together
from kb.records.claims import Axis, Claim, Metric, Relation


class State(StrEnum):
    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    CONTESTED = "contested"
    STALE = "stale"
    UNTESTED = "untested"


@dataclass(frozen=True)
class Outcome:
    """One test of a claim: p values against "it is false" and against "it is true"."""

    estimate: Estimate
    p_support: float
    p_refute: float

    @property
    def state(self) -> State:
        if self.p_support < ALPHA:
            return State.SUPPORTED
        return State.REFUTED if self.p_refute < ALPHA else State.INCONCLUSIVE


def decide(claim: Claim, estimate: Estimate) -> Outcome:
    """The claim's relation against an estimate of the effect."""
    bound = claim.margin or 0.0
    below, above = estimate.p_below, estimate.p_above
    match claim.relation:
        case Relation.NON_INFERIOR if claim.metric.more_is_better:
            return Outcome(estimate, above(-bound), below(-bound))
        case Relation.NON_INFERIOR:
            return Outcome(estimate, below(bound), above(bound))
        case Relation.NO_DIFFERENCE:
            inside = max(above(-bound), below(bound))
            return Outcome(estimate, inside, min(1.0, 2 * min(below(-bound), above(bound))))
        case Relation.LOWER:
            return Outcome(estimate, below(-bound), above(-bound))
        case Relation.HIGHER | Relation.LARGER_DROP:
            return Outcome(estimate, above(bound), below(bound))
        case Relation.MONOTONE if claim.falling:
            return Outcome(estimate, below(0.0), above(0.0))
        case Relation.MONOTONE:
            return Outcome(estimate, above(0.0), below(0.0))
        case _:
            return Outcome(estimate, 1.0, 1.0)


def decide_cells(claim: Claim, cells: Sequence[Cell], contrast: Sequence[Cell]) -> Outcome | None:
    """The claim's test on these cells; None where they cannot speak to it."""
    if claim.relation is Relation.LARGER_DROP:
        return _larger_drop(claim, cells, contrast)
    if claim.relation is Relation.MONOTONE:
        return _monotone(claim, cells)
    if not cells:
        return None
    in_points = claim.metric is Metric.ACCURACY and claim.unit == "points"
    return decide(claim, estimate(cells) if in_points else pool(cells))


def aside(claim: Claim, cells: Sequence[Cell], contrast: Sequence[Cell]) -> dict[str, str]:
    """Cells that have nothing to be held against where others have, by ref: why each does not count."""
    if claim.relation is Relation.LARGER_DROP:
        left, right = _by(cells, _twin), _by(contrast, _twin)
        both = left.keys() & right.keys()
        why = "the other side of the comparison was not measured for this model and setting"
        return {cell.ref: why for cell in (*cells, *contrast) if both and _twin(cell) not in both}
    if claim.relation is not Relation.MONOTONE:
        return {}
    found = {cell.ref: f"{claim.along} is not known" for cell in cells if along(claim.along, cell) is None}
    blocks = _blocks(claim.along, cells)
    alone = [block for block in blocks.values() if len(block) < 2]
    if len(alone) < len(blocks):
        why = f"no other {claim.along} was measured beside it with all else alike"
        found |= {cell.ref: why for block in alone for level in block.values() for cell in level}
    return found


def _twin(cell: Cell) -> tuple[object, ...]:
    """What two sides of a larger drop have in common."""
    return cell.variant.source, cell.variant.model, cell.setting


def _larger_drop(claim: Claim, cells: Sequence[Cell], contrast: Sequence[Cell]) -> Outcome | None:
    """Loss under the conditions less `factor` times the loss under the contrast; by pairs where both were measured alike."""
    factor = claim.factor or 1.0
    sign = -1.0 if claim.metric.more_is_better else 1.0
    left, right = _by(cells, _twin), _by(contrast, _twin)
    if shared := sorted(left.keys() & right.keys(), key=str):
        units = []
        for name in shared:
            a, b = pool(left[name]), pool(right[name])
            spread = a.se**2 + factor**2 * b.se**2
            effect = sign * (a.value - factor * b.value)
            units.append(
                Unit(
                    (str(name[0]), str(name[1]), "", 0),
                    effect,
                    None if math.isnan(spread) else spread,
                    a.cells + b.cells,
                    _known_to_be_paired((a, b), (*left[name], *right[name])),
                )
            )
        return decide(claim, pool_units(_together(units)))
    if not cells or not contrast:
        return None
    a, b = pool(cells), pool(contrast)
    return decide(claim, _welch(a, b, sign, factor))


def _by(
    cells: Sequence[Cell], key: Callable[[Cell], tuple[object, ...]]
) -> dict[tuple[object, ...], list[Cell]]:
    rows: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        rows.setdefault(key(cell), []).append(cell)
    return rows


def _known_to_be_paired(parts: Sequence[Estimate], cells: Sequence[Cell]) -> bool:
    """Whether nothing more is to be taken off for two scores on the same items: averages of three have it taken off."""
    return any(part.units >= 3 for part in parts) or all(cell.paired for cell in cells)


def _together(units: Sequence[Unit]) -> list[Unit]:
    """Units of one key averaged: settings of one model share baselines and items, as cells of one unit do."""
    rows: dict[tuple[str, str, str, int], list[Unit]] = {}
    for unit in units:
        rows.setdefault(unit.key, []).append(unit)
    return [together(key, rows[key]) for key in sorted(rows)]


def _welch(a: Estimate, b: Estimate, sign: float, factor: float) -> Estimate:
    """A difference of two independent means. Source: B. L. Welch, Biometrika 34 (1947) 28."""
    va, vb = a.se**2, factor**2 * b.se**2
    if va + vb == 0 or math.isnan(va + vb):
        df = math.inf
    else:
        df = (va + vb) ** 2 / (va**2 / a.df + vb**2 / b.df) if va / a.df + vb / b.df > 0 else math.inf
    return Estimate(
        sign * (a.value - factor * b.value),
        math.sqrt(va + vb),
        df,
        a.units + b.units,
        a.cells + b.cells,
        "Welch, two groups of units",
    )


def _monotone(claim: Claim, cells: Sequence[Cell]) -> Outcome | None:
    """Mean over blocks (all else alike) of the change in effect from the axis's low end to its high end; settings of one
    model on the same items count once.

    Within a block the change is the least-squares slope over the ranks of the axis, times the number of steps.
    """
    blocks = _blocks(claim.along, cells)
    units = []
    for key in sorted(blocks, key=str):
        levels = sorted(blocks[key])
        if len(levels) < 2:
            continue
        means = [pool(blocks[key][level]) for level in levels]
        middle = (len(levels) - 1) / 2
        weights = [(at - middle) for at in range(len(levels))]
        scale = (len(levels) - 1) / math.fsum(weight * weight for weight in weights)
        effect = scale * math.fsum(w * each.value for w, each in zip(weights, means, strict=True))
        spread = scale**2 * math.fsum((w * each.se) ** 2 for w, each in zip(weights, means, strict=True))
        source, model, benchmark, length = key[:4]
        units.append(
            Unit(
                (str(source), str(model), str(benchmark), int(str(length))),
                effect,
                None if math.isnan(spread) else spread,
                sum(each.cells for each in means),
                _known_to_be_paired(means, [cell for level in levels for cell in blocks[key][level]]),
            )
        )
    return decide(claim, pool_units(_together(units))) if units else None


def _blocks(axis: Axis | None, cells: Sequence[Cell]) -> dict[tuple[object, ...], dict[float, list[Cell]]]:
    """Cells by everything but the axis, then by where they stand on it."""
    blocks: dict[tuple[object, ...], dict[float, list[Cell]]] = {}
    for cell in cells:
        at = along(axis, cell)
        if at is not None:
            blocks.setdefault(_block(axis, cell), {}).setdefault(at, []).append(cell)
    return blocks


def along(axis: Axis | None, cell: Cell) -> float | None:
    """Where a cell stands on the axis of a monotone claim; None where that is not known."""
    one = cell.variant
    value = {
        Axis.WEIGHT_BITS: one.setting.weight_bits,
        Axis.ACT_BITS: one.setting.act_bits,
        Axis.KV_BITS: one.setting.kv_bits,
        Axis.MODEL_SIZE: one.size_b,
        Axis.CHAIN_LENGTH: one.chain_length,
        Axis.DIFFICULTY: one.difficulty,
    }.get(axis)  # type: ignore[arg-type]
    return None if value is None else float(value)


def _block(axis: Axis | None, cell: Cell) -> tuple[object, ...]:
    """All but what the axis changes. Models of one size series differ in name; of one origin and family they are one series."""
    one, setting = cell.variant, cell.setting
    model = (one.family, one.origin) if axis is Axis.MODEL_SIZE else (one.model,)
    items = "" if axis is Axis.DIFFICULTY else one.benchmark
    length = 0 if axis is Axis.CHAIN_LENGTH else one.chain_length or 0
    bits = tuple(
        value
        for name, value in (
            (Axis.WEIGHT_BITS, setting.weight_bits),
            (Axis.ACT_BITS, setting.act_bits),
            (Axis.KV_BITS, setting.kv_bits),
        )
        if name is not axis
    )
    return (one.source, "/".join(map(str, model)), items, length, setting.method, setting.variant, *bits)
