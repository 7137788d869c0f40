"""What cannot both hold: claims against claims, results against results.

Claims are brought to one form: the set of effects that each allows (of a non-inferiority claim with margin 1: every effect of
-1 or more), and the settings, models and tasks that each speaks of. Two claims contradict each other if they speak of some
of the same and allow no effect in common. On their common ground the evidence is then asked which of them holds, and
whether it is a third thing, such as size, that decides.

Results contradict each other if two sources report of the same model, setting and benchmark, or of the same kind of
setting, size and task, effects that differ by more than chance (Holm's correction over all pairs that were held against
each other).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kb.errors import UsageError
from kb.harness.stats import holm
from kb.link.cells import Cell, make_cell
from kb.link.effects import ALPHA, Estimate, Unit, pool, pool_units, units_of, welch_p
from kb.link.match import Evidence
from kb.link.moderators import LEAST, Split, splits
from kb.link.relations import State, decide, decide_cells
from kb.link.scope import SIZES, Scope, Scopes, common, size_of
from kb.records.claims import Claim, Metric, Relation
from kb.records.results import Certainty, Vocabulary


@dataclass(frozen=True)
class ClaimSide:
    """One of two claims: what the evidence on the common ground says of it."""

    paper: str
    claim: Claim
    state: State

    @property
    def name(self) -> str:
        return f"{self.paper}/{self.claim.id}"


@dataclass(frozen=True)
class ClaimConflict:
    """Two claims that cannot both hold where both speak.

    Attributes:
        ground: what both speak of, in words.
        estimate: the effect there; None where nothing was measured.
        reconciled: cuts of the common ground of which one side bears out one claim, and the other side the other one (or
            at least not the first), surest first.
    """

    a: ClaimSide
    b: ClaimSide
    ground: str
    estimate: Estimate | None
    cells: tuple[Cell, ...]
    reconciled: tuple[Split, ...]


@dataclass(frozen=True)
class SourceSide:
    """What one source reports."""

    source: str
    estimate: Estimate
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ResultConflict:
    """Two sources whose effects differ by more than chance. `what`: the model, setting and task, or their kinds."""

    what: str
    a: SourceSide
    b: SourceSide
    p: float


@dataclass(frozen=True)
class Contradictions:
    """All that was found. `compared`: pairs of sources that were held against each other."""

    claims: tuple[ClaimConflict, ...]
    results: tuple[ResultConflict, ...]
    compared: int


def find(claims: Sequence[tuple[str, Claim]], evidence: Evidence, words: Vocabulary) -> Contradictions:
    """Every contradiction.

    Args:
        claims: (key of the record, claim).
    """
    results, compared = _results(evidence)
    scopes = Scopes(words, (each.setting for each in evidence.every if not each.unfit))
    return Contradictions(tuple(_claims(claims, evidence, scopes)), results, compared)


# Claims


def _claims(
    claims: Sequence[tuple[str, Claim]], evidence: Evidence, scopes: Scopes
) -> Iterator[ClaimConflict]:
    testable = [(paper, claim, scopes.of(claim)) for paper, claim in claims if claim.relation is not None]
    cells: dict[int, tuple[Cell, ...]] = {}
    for (at_a, (key_a, a, scope_a)), (at_b, (key_b, b, scope_b)) in itertools.combinations(
        enumerate(testable), 2
    ):
        if not cannot_both_hold(a, b) or (ground := common(scope_a, scope_b)) is None:
            continue
        for at, claim in ((at_a, a), (at_b, b)):
            if at not in cells:
                cells[at] = evidence.match(claim).cells
        yield _conflict((key_a, a, cells[at_a]), (key_b, b, cells[at_b]), ground)


def cannot_both_hold(a: Claim, b: Claim) -> bool:
    """Whether no effect is allowed by both, on common ground."""
    if a.relation is Relation.MONOTONE or b.relation is Relation.MONOTONE:
        return a.relation is b.relation and a.along is b.along and a.falling != b.falling
    if a.relation is Relation.LARGER_DROP or b.relation is Relation.LARGER_DROP:
        return (
            a.relation is b.relation
            and _swapped(a, b)
            # f times as much each way: both could hold only if nothing is lost at all
            and (a.factor or 1.0) * (b.factor or 1.0) >= 1.0
        )
    if a.unit != b.unit:
        return False
    low, high = _allowed(a), _allowed(b)
    bottom, top = max(low[0], high[0]), min(low[1], high[1])
    return bottom >= top and not (bottom == top and _closed(a) and _closed(b))


def _swapped(a: Claim, b: Claim) -> bool:
    """Whether one's conditions are the other's contrast. What both have in common is beside the point."""
    return (
        a.contrast is not None
        and b.contrast is not None
        and (a.conditions, a.contrast) == (b.contrast, b.conditions)
    )


def _allowed(claim: Claim) -> tuple[float, float]:
    """The effects (variant minus baseline) that a claim allows, as an interval."""
    margin = claim.margin or 0.0
    match claim.relation:
        case Relation.NON_INFERIOR if claim.metric.more_is_better:
            return -margin, math.inf
        case Relation.NON_INFERIOR:
            return -math.inf, margin
        case Relation.NO_DIFFERENCE:
            return -margin, margin
        case Relation.LOWER:
            return -math.inf, -margin
        case _:
            return margin, math.inf


def _closed(claim: Claim) -> bool:
    """Whether a claim holds at the very edge of what it allows. "Lower" and "higher" say more than nothing at all."""
    return claim.relation in {Relation.NON_INFERIOR, Relation.NO_DIFFERENCE}


def _conflict(
    first: tuple[str, Claim, tuple[Cell, ...]], second: tuple[str, Claim, tuple[Cell, ...]], ground: Scope
) -> ClaimConflict:
    (key_a, a, found_a), (key_b, b, found_b) = first, second
    refs = {cell.ref for cell in found_b}
    shared = tuple(cell for cell in found_a if cell.ref in refs)
    # Where one claim speaks of little, what decides may lie outside the common ground: all evidence on either is cut.
    either = {cell.ref: cell for cell in (*found_a, *found_b)}
    cuts = splits(tuple(either[ref] for ref in sorted(either)), lambda units: _says(a, b, units))
    return ClaimConflict(
        ClaimSide(key_a, a, _state(a, shared)),
        ClaimSide(key_b, b, _state(b, shared)),
        ground.words(),
        pool(shared) if shared else None,
        shared,
        tuple(cut for cut in cuts if cut.sides[0].state != cut.sides[1].state),
    )


def _state(claim: Claim, cells: Sequence[Cell]) -> State:
    made = decide_cells(claim, cells, ())
    return made.state if made is not None else State.UNTESTED


def _says(a: Claim, b: Claim, units: Sequence[Unit]) -> str:
    """Which of the two claims some units bear out."""
    made = pool_units(units)
    first, second = decide(a, made).state, decide(b, made).state
    if State.SUPPORTED in {first, second} or State.REFUTED in {first, second}:
        for_a = first is State.SUPPORTED or (second is State.REFUTED and first is not State.REFUTED)
        for_b = second is State.SUPPORTED or (first is State.REFUTED and second is not State.REFUTED)
        if for_a != for_b:
            return f"bears out {a.id if for_a else b.id}"
        return "bears out neither" if not for_a else "bears out both"
    return "leaves it open"


# Results


def _results(evidence: Evidence) -> tuple[tuple[ResultConflict, ...], int]:
    cells = list(against_full_precision(evidence))
    rows: list[tuple[str, SourceSide, SourceSide, float]] = []
    for what, sides in _tables(cells, _same):
        for a, b in itertools.combinations(sides, 2):
            rows.append((what, a, b, _p_single(a, b)))
    for what, sides in _tables(cells, _alike):
        for a, b in itertools.combinations(sides, 2):
            if min(a.estimate.units, b.estimate.units) >= LEAST:
                rows.append((what, a, b, _p_groups(a, b)))
    adjusted = holm([row[-1] for row in rows])
    found = [
        ResultConflict(what, a, b, p) for (what, a, b, _), p in zip(rows, adjusted, strict=True) if p < ALPHA
    ]
    return tuple(sorted(found, key=lambda one: (one.p, one.what))), len(rows)


def against_full_precision(evidence: Evidence) -> Iterator[Cell]:
    """Every score held against its model at full precision; special settings and what does not add up left out."""
    for each in evidence.every:
        if each.setting.is_full or each.setting.variant or each.certainty is Certainty.LOW or each.unfit:
            continue
        if each.metric is not Metric.ACCURACY:
            continue
        try:
            yield make_cell(each, evidence.baseline(None, each))
        except UsageError:
            continue


def _same(cell: Cell) -> str:
    one = cell.variant
    length = "" if one.chain_length is None else f", {one.chain_length} steps"
    return f"{cell.setting}, {one.model}, {one.benchmark}{length}"


def _alike(cell: Cell) -> str | None:
    one = cell.variant
    size = size_of(one.size_b)
    if size is None or one.task_kind is None:
        return None
    return f"{cell.setting.family} {cell.setting.bits}, models of {SIZES[size].title}, {one.task_kind}"


def _tables(
    cells: Iterable[Cell], name: Callable[[Cell], str | None]
) -> Iterator[tuple[str, list[SourceSide]]]:
    groups: dict[str, dict[str, list[Cell]]] = {}
    for cell in cells:
        what = name(cell)
        if what is not None:
            groups.setdefault(what, {}).setdefault(cell.variant.source, []).append(cell)
    for what in sorted(groups):
        by_source: Mapping[str, list[Cell]] = groups[what]
        if len(by_source) > 1:
            yield (
                what,
                [SourceSide(key, pool(by_source[key]), tuple(by_source[key])) for key in sorted(by_source)],
            )


def _p_single(a: SourceSide, b: SourceSide) -> float:
    """Two effects, each with the variance of its own scores; 1 where a source says nothing of it."""
    from scipy import stats

    spread = math.hypot(a.estimate.se, b.estimate.se)
    if not spread > 0:
        return 1.0
    return float(2 * stats.norm.sf(abs(a.estimate.value - b.estimate.value) / spread))


def differ(a: SourceSide, b: SourceSide) -> float:
    """p value against "the two sources report one effect"."""
    return _p_groups(a, b) if min(a.estimate.units, b.estimate.units) >= LEAST else _p_single(a, b)


def _p_groups(a: SourceSide, b: SourceSide) -> float:
    """Welch's test over units, or the test on scores' own variances, whichever is less sure."""
    first, second = ([unit.effect for unit in units_of(side.cells)] for side in (a, b))
    return max(welch_p(first, second), _p_single(a, b))
