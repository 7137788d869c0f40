"""The forest plot of a claim: its units by source, or what stands in for them where they are many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kb.link.cells import Cell
from kb.link.effects import Estimate, Unit, pool_units, units_of
from kb.link.relations import along
from kb.records.claims import Claim, Relation
from kb.render.claim_words import axis_label, axis_words, conditions_words, margins, side_words
from kb.render.escape import SafeText
from kb.render.findings import Judgement
from kb.render.forest import Group, Kind, Mark, forest
from kb.render.numbers import ends, plain, signed, span
from kb.render.places import Places

MOST = 60
"""Units that are drawn one by one; more are drawn by source and model."""


def forest_of(judged: Judgement, places: Places) -> SafeText:
    """The plot; empty where nothing was measured."""
    groups = groups_of(judged, places)
    if not groups:
        return SafeText("")
    claim = judged.claim
    return forest(
        groups,
        title=f"Effects that were measured: {judged.name}",
        description=_said(groups),
        axis=axis_label(claim),
        lines=margins(claim),
        sides=side_words(claim),
    )


def groups_of(judged: Judgement, places: Places) -> list[Group]:
    """The rows of the plot under their headings."""
    claim, verdict = judged.claim, judged.verdict
    if not (verdict.cells or verdict.contrast):
        return []
    if claim.relation is Relation.MONOTONE:
        return _levels(claim, verdict.cells)
    if claim.relation is Relation.LARGER_DROP and claim.contrast is not None:
        parts = (
            (conditions_words(claim.conditions) or "under the conditions", verdict.cells),
            (conditions_words(claim.contrast), verdict.contrast),
        )
        return [_part(title, cells, _series(cells, places)) for title, cells in parts if cells]
    groups = _series(verdict.cells, places)
    if verdict.outcome is not None and sum(len(group.marks) for group in groups) > 1:
        groups.append(Group("", (_mark("All together", verdict.outcome.estimate, "overall"),)))
    return groups


def _series(cells: Sequence[Cell], places: Places) -> list[Group]:
    """By source: its units, and their mean if there are several sources."""
    units = units_of(cells)
    sources = list(dict.fromkeys(unit.key[0] for unit in units))
    groups = []
    for source in sources:
        own = [unit for unit in units if unit.key[0] == source]
        marks = [*_by_model(own)] if len(units) > MOST else [_single(unit) for unit in own]
        if len(sources) > 1 and len(marks) > 1:
            marks.append(_mark("mean of the source", pool_units(own), "pooled"))
        groups.append(Group(places.source(source).label, tuple(marks)))
    return groups


def _single(unit: Unit) -> Mark:
    _, model, benchmark, steps = unit.key
    where = f"{benchmark}, {steps} steps" if steps else benchmark
    settings = f" ×{unit.cells}" if unit.cells > 1 else ""
    return _mark(f"{model}, {where}{settings}", pool_units([unit]), "unit")


def _by_model(units: Iterable[Unit]) -> Iterable[Mark]:
    models: dict[str, list[Unit]] = {}
    for unit in units:
        models.setdefault(unit.key[1], []).append(unit)
    for model, own in models.items():
        yield (
            _single(own[0]) if len(own) == 1 else _mark(f"{model}, {len(own)} units", pool_units(own), "unit")
        )


def _part(title: str, cells: Sequence[Cell], groups: Sequence[Group]) -> Group:
    """One side of a comparison of two conditions, without headings of sources."""
    marks = [mark for group in groups for mark in group.marks if mark.label != "mean of the source"]
    if len(marks) > 1:
        marks.append(_mark("Mean", pool_units(units_of(cells)), "overall"))
    return Group(title, tuple(marks))


def _levels(claim: Claim, cells: Sequence[Cell]) -> list[Group]:
    """Along the axis of a monotone claim: the mean at each of its values."""
    by_level: dict[float, list[Cell]] = {}
    for cell in cells:
        at = along(claim.along, cell)
        if at is not None:
            by_level.setdefault(at, []).append(cell)
    name = axis_words(str(claim.along))
    marks = []
    for level in sorted(by_level):
        units = units_of(by_level[level])
        marks.append(_mark(f"{name} {plain(level)}, {len(units)} units", pool_units(units), "pooled"))
    return [Group("", tuple(marks))] if marks else []


def _mark(label: str, made: Estimate, kind: Kind) -> Mark:
    low, high = ends(made.interval())
    return Mark(label, made.value, low, high, kind)


def _said(groups: Sequence[Group]) -> str:
    """The plot in words: its means, or all of it where there are none."""
    rows = [(group.title, mark) for group in groups for mark in group.marks]
    shown = [row for row in rows if row[1].kind != "unit"] or rows
    said = "; ".join(
        f"{f'{title}, ' if title else ''}{mark.label}: {signed(mark.value)}, 90 % interval {span(mark.low, mark.high)}"
        for title, mark in shown
    )
    return f"{len(rows)} rows. {said}."
