"""What was measured how often, and what to measure next: method and bits against model size and task.

    agree      two sources or more, and no two that differ by more than chance
    conflict   two sources that do
    single     one source
    untested   none

Untested cells are put in the order of how many claims a run there would bear on that are undecided now.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kb.harness.stats import holm
from kb.link.cells import Cell
from kb.link.contradictions import SourceSide, against_full_precision, differ
from kb.link.effects import ALPHA, Estimate, pool
from kb.link.evidence import FULL
from kb.link.match import Evidence
from kb.link.relations import State
from kb.link.scope import SIZES, Scope, Scopes, size_of
from kb.records.claims import Claim, Conditions, Metric, Origin, TaskKind
from kb.records.results import Vocabulary


class GapState(StrEnum):
    AGREE = "agree"
    CONFLICT = "conflict"
    SINGLE = "single"
    UNTESTED = "untested"


@dataclass(frozen=True)
class Row:
    """A method under one setting of bits."""

    method: str
    weight_bits: float
    act_bits: float
    kv_bits: float

    @property
    def bits(self) -> str:
        return f"w{self.weight_bits:g}a{self.act_bits:g}kv{self.kv_bits:g}"


@dataclass(frozen=True)
class Gap:
    """One cell of the matrix.

    Attributes:
        name: how the command line calls it, such as awq/w4a16kv16/3B-to-10B/math.
        size: place in SIZES.
        estimate: mean effect over what was measured; None if nothing was.
        sources: who measured.
        claims: undecided claims that a result here would bear on, by name.
    """

    row: Row
    size: int
    task_kind: TaskKind
    state: GapState
    estimate: Estimate | None
    sources: tuple[str, ...]
    cells: tuple[Cell, ...]
    claims: tuple[str, ...]

    @property
    def name(self) -> str:
        return "/".join(
            (self.row.method, self.row.bits, SIZES[self.size].title.replace(" ", "-"), self.task_kind.value)
        )


@dataclass(frozen=True)
class Matrix:
    """All cells: rows in order, columns of sizes and tasks. `next`: untested cells, most claims first."""

    rows: tuple[Row, ...]
    columns: tuple[tuple[int, TaskKind], ...]
    cells: Mapping[tuple[Row, int, TaskKind], Gap]

    @property
    def next(self) -> tuple[Gap, ...]:
        untested = [gap for gap in self.cells.values() if gap.state is GapState.UNTESTED]
        return tuple(sorted(untested, key=lambda gap: (-len(gap.claims), gap.name)))


def matrix(evidence: Evidence, claims: Sequence[tuple[str, Claim, State]], words: Vocabulary) -> Matrix:
    """The gap matrix.

    Args:
        claims: (key of the record, claim, its verdict).
    """
    places: dict[tuple[Row, int, TaskKind], list[Cell]] = {}
    for cell in against_full_precision(evidence):
        size = size_of(cell.variant.size_b)
        if size is None or cell.variant.task_kind is None or cell.variant.origin is Origin.REFERENCE:
            continue
        setting = cell.setting
        if setting.weight_bits == setting.act_bits == setting.kv_bits == FULL:
            continue  # what makes a model cheaper without fewer bits
        row = Row(setting.method, setting.weight_bits, setting.act_bits, setting.kv_bits)
        places.setdefault((row, size, cell.variant.task_kind), []).append(cell)
    rows = sorted(
        {row for row, _, _ in places},
        key=lambda row: (row.weight_bits, row.act_bits, row.kv_bits, row.method),
    )
    kinds = sorted({kind for _, _, kind in places})
    columns = tuple(itertools.product(range(len(SIZES)), kinds))
    conflicts = _conflicts(places)
    scopes = Scopes(words, (each.setting for each in evidence.every if not each.unfit))
    undecided = [
        (f"{paper}/{claim.id}", claim, scopes.of(claim))
        for paper, claim, state in claims
        if claim.relation is not None
        and claim.metric is Metric.ACCURACY
        and state in {State.UNTESTED, State.INCONCLUSIVE, State.CONTESTED}
    ]
    found = {}
    for row in rows:
        for size, kind in columns:
            cells = places.get((row, size, kind), [])
            found[row, size, kind] = Gap(
                row,
                size,
                kind,
                _state(cells, (row, size, kind) in conflicts),
                pool(cells) if cells else None,
                tuple(sorted({cell.variant.source for cell in cells})),
                tuple(cells),
                tuple(
                    name
                    for name, claim, scope in undecided
                    if _names(scope, row) and _reaches(claim, size, kind, words)
                ),
            )
    return Matrix(tuple(rows), columns, found)


def _state(cells: Sequence[Cell], conflict: bool) -> GapState:
    if not cells:
        return GapState.UNTESTED
    if conflict:
        return GapState.CONFLICT
    return GapState.AGREE if len({cell.variant.source for cell in cells}) > 1 else GapState.SINGLE


def _conflicts(places: Mapping[tuple[Row, int, TaskKind], list[Cell]]) -> set[tuple[Row, int, TaskKind]]:
    """The places where two sources differ by more than chance: on one model and benchmark, or on the whole."""
    tested = []
    for place, cells in places.items():
        for a, b in _pairs(cells):
            tested.append((place, differ(a, b)))
    adjusted = holm([p for _, p in tested])
    return {place for (place, _), p in zip(tested, adjusted, strict=True) if p < ALPHA}


def _pairs(cells: Sequence[Cell]) -> Iterator[tuple[SourceSide, SourceSide]]:
    by_source: dict[str, list[Cell]] = {}
    for cell in cells:
        by_source.setdefault(cell.variant.source, []).append(cell)
    for a, b in itertools.combinations(sorted(by_source), 2):
        yield _side(a, by_source[a]), _side(b, by_source[b])
        same = {(cell.variant.model, cell.variant.benchmark): cell for cell in by_source[b]}
        for cell in by_source[a]:
            other = same.get((cell.variant.model, cell.variant.benchmark))
            if other is not None:
                yield _side(a, [cell]), _side(b, [other])


def _side(source: str, cells: Sequence[Cell]) -> SourceSide:
    return SourceSide(source, pool(cells), tuple(cells))


def _names(scope: Scope, row: Row) -> bool:
    """Whether a claim of this scope speaks of the row's setting."""
    asked = (
        (scope.weight_bits, row.weight_bits),
        (scope.act_bits, row.act_bits),
        (scope.kv_bits, row.kv_bits),
    )
    return (not scope.method or row.method in scope.method) and all(
        not wanted or bits in wanted for wanted, bits in asked
    )


def _reaches(claim: Claim, size: int, kind: TaskKind, words: Vocabulary) -> bool:
    """Whether some model of the size and some task of the kind fulfil the claim's conditions, or its contrast's."""
    return any(
        _fulfil(zone, size, kind, words)
        for zone in (claim.conditions, claim.contrast)
        if zone is not None and Origin.REFERENCE not in zone.model_origin
    )


def _fulfil(zone: Conditions, size: int, kind: TaskKind, words: Vocabulary) -> bool:
    if zone.task_kind and kind not in zone.task_kind:
        return False
    kinds = {words.benchmarks[name].kind for name in zone.benchmark if name in words.benchmarks}
    if zone.benchmark and kind not in kinds:
        return False
    sizes = {size_of(words.models[name].size_b) for name in zone.model if name in words.models}
    if zone.model and size not in sizes:
        return False
    span, bounds = zone.model_size_b, SIZES[size]
    return span is None or not (
        (span.max is not None and span.max < bounds.low) or (span.min is not None and span.min >= bounds.high)
    )
