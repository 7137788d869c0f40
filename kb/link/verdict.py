"""What follows from the evidence for a claim. Computed, never typed.

    supported      the data exclude that the claim is false
    refuted        the data exclude that it is true
    inconclusive   they exclude neither: too few items or models, or no uncertainty is reported
    contested      sources disagree: one supports and another refutes it, or one says the opposite of all together
    stale          the paper has a newer version than the claim was read in
    untested       nothing speaks to it

"Exclude" means a one-sided test at 5 % (two one-sided tests, Schuirmann 1987, for "as good as"): a large p value is never
taken for equality. Where several sources speak, refutations and supports by single sources count as disagreement only after
Holm's correction over the sources; a claim about every cell (`each`) is refuted by a cell only after Holm's over the cells,
and supported only if every cell supports it (intersection-union, Berger 1982), which needs no correction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kb.harness.stats import holm
from kb.link.cells import Cell
from kb.link.effects import ALPHA, Unit, pool_units, units_of
from kb.link.evidence import RUNS
from kb.link.match import Evidence, LeftOut, Matched
from kb.link.moderators import Split, splits
from kb.link.relations import Outcome, State, aside, decide, decide_cells
from kb.records.claims import Claim, Metric, Relation

LEAST_MORE = 1.25
"""The least that is asked for where what there is did not decide."""


@dataclass(frozen=True)
class Voice:
    """What one source's cells say by themselves."""

    source: str
    own: bool
    outcome: Outcome


@dataclass(frozen=True)
class Verdict:
    """What follows for a claim, with the statistics.

    Attributes:
        paper, claim: the record's key and the claim's id.
        says: the verdict that the evidence gives, where `state` is stale; else the same.
        why: one sentence.
        outcome: over all units; None if untested.
        voices: by source.
        splits: where the effect differs, surest first.
        needed: how many times as many items (one or two units) or units would decide, if the effect is as estimated;
            None where that is no matter of numbers (see `_needed`).
    """

    paper: str
    claim: str
    state: State
    says: State
    why: str
    outcome: Outcome | None
    voices: tuple[Voice, ...]
    splits: tuple[Split, ...]
    cells: tuple[Cell, ...]
    contrast: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]
    needed: float | None = None

    @property
    def name(self) -> str:
        return f"{self.paper}/{self.claim}"


def judge(paper: str, claim: Claim, evidence: Evidence, *, latest: int | None = None) -> Verdict:
    """The verdict on a claim.

    Args:
        paper: the key of the record that makes it.
        latest: the paper's newest version; a claim read in an older one is stale.
    """
    found = _speaking(claim, evidence.match(claim))
    state, why, outcome, voices = _weigh(paper, claim, found)
    says = state
    if latest and claim.arxiv_version and claim.arxiv_version < latest:
        state = State.STALE
        why = f"read in version {claim.arxiv_version}, and version {latest} is out; the evidence says: {says}"
    parts = (
        splits(found.cells, lambda units: decide(claim, pool_units(units)).state) if _splits(claim) else ()
    )
    return Verdict(
        paper,
        claim.id,
        state,
        says,
        why,
        outcome,
        voices,
        parts,
        found.cells,
        found.contrast,
        found.left_out,
        _needed(claim, outcome) if says is State.INCONCLUSIVE else None,
    )


# One claim


def _speaking(claim: Claim, found: Matched) -> Matched:
    """Without cells that the claim's relation has nothing to hold against."""
    silent = aside(claim, found.cells, found.contrast)
    if not silent:
        return found
    left = (*found.left_out, *(LeftOut(ref, why) for ref, why in silent.items()))
    return Matched(
        tuple(cell for cell in found.cells if cell.ref not in silent),
        tuple(cell for cell in found.contrast if cell.ref not in silent),
        tuple(sorted(left, key=lambda each: each.ref)),
    )


def _weigh(paper: str, claim: Claim, found: Matched) -> tuple[State, str, Outcome | None, tuple[Voice, ...]]:
    if claim.relation is None:
        return State.UNTESTED, "it is not put in a form that can be tested", None, ()
    by_source: dict[str, Outcome] = {}
    cells, contrast = _by_source(found.cells), _by_source(found.contrast)
    for source in sorted(cells.keys() | contrast.keys()):
        outcome = decide_cells(claim, cells.get(source, ()), contrast.get(source, ()))
        if outcome is not None:
            by_source[source] = outcome
    whole = decide_cells(claim, found.cells, found.contrast)
    voices = tuple(Voice(source, source == paper, each) for source, each in by_source.items())
    if whole is None:
        return State.UNTESTED, _nothing(claim, found), None, voices
    if claim.each:
        return *_each(claim, found, whole), voices
    supporting = _certain([(each.source, each.outcome.p_support) for each in voices])
    refuting = _certain([(each.source, each.outcome.p_refute) for each in voices])
    against = (
        refuting if whole.state is State.SUPPORTED else supporting if whole.state is State.REFUTED else []
    )
    if supporting and refuting:
        why = f"{_listed(supporting)} {_verb(supporting, 'support')} it, {_listed(refuting)} {_verb(refuting, 'refute')} it"
        return State.CONTESTED, why, whole, voices
    if against:
        verb = "refute" if whole.state is State.SUPPORTED else "support"
        why = f"all sources together leave it {whole.state}, {_listed(against)} {_verb(against, verb)} it"
        return State.CONTESTED, why, whole, voices
    return whole.state, _because(claim, whole), whole, voices


def _by_source(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.variant.source, []).append(cell)
    return found


def _each(claim: Claim, found: Matched, whole: Outcome) -> tuple[State, str, Outcome]:
    cells = [(cell, decide_cells(claim, [cell], ())) for cell in found.cells]
    tested = [(cell, outcome) for cell, outcome in cells if outcome is not None]
    adjusted = holm([outcome.p_refute for _, outcome in tested])
    broken = [cell for (cell, _), p in zip(tested, adjusted, strict=True) if p < ALPHA]
    if broken:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        return State.REFUTED, f"it does not hold for {broken[0].ref}{more} of {len(tested)} cells", whole
    if tested and all(outcome.p_support < ALPHA for _, outcome in tested):
        return State.SUPPORTED, f"every one of {len(tested)} cells supports it", whole
    open_ = sum(outcome.p_support >= ALPHA for _, outcome in tested)
    return State.INCONCLUSIVE, f"{open_} of {len(tested)} cells can neither show nor exclude it", whole


# Sentences


def _certain(rows: Sequence[tuple[str, float]]) -> list[str]:
    """The sources whose p value stands Holm's correction over all of them."""
    adjusted = holm([p for _, p in rows])
    return [source for (source, _), p in zip(rows, adjusted, strict=True) if p < ALPHA]


def _listed(names: Sequence[str]) -> str:
    said = ["runs of the harness" if name == RUNS else name for name in names]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _verb(names: Sequence[str], verb: str) -> str:
    return verb if len(names) > 1 or names[0] == RUNS else f"{verb}s"


def _nothing(claim: Claim, found: Matched) -> str:
    if found.cells and claim.relation is Relation.MONOTONE:
        return f"no two settings differ in {claim.along} alone"
    if claim.relation is Relation.LARGER_DROP and (found.cells or found.contrast):
        return "only one side of the comparison was measured"
    if found.left_out:
        return "results come near, and none fulfils its conditions"
    return "nothing that was measured speaks to it"


def _because(claim: Claim, outcome: Outcome) -> str:
    made = outcome.estimate
    unit = "%" if claim.unit == "percent" else ("points" if claim.metric is Metric.ACCURACY else "")
    low, high = made.interval()
    over = f"{made.units} unit{'s' if made.units != 1 else ''}, {made.cells} cell{'s' if made.cells != 1 else ''}"
    if math.isnan(low):
        return f"{made.value:+.2f} {unit} ({over}), and how sure that is the source does not say".replace(
            "  ", " "
        )
    return f"{made.value:+.2f} {unit}, 90 % interval {low:+.2f} to {high:+.2f} ({over})".replace("  ", " ")


def _splits(claim: Claim) -> bool:
    return claim.relation not in {None, Relation.LARGER_DROP, Relation.MONOTONE}


def _needed(claim: Claim, outcome: Outcome | None) -> float | None:
    """How many times as much evidence would let a test of 80 % power decide, if the truth is as estimated.

    The standard error falls with the root of the number of items or units (Cohen 1988, ch. 2). None where that is no matter
    of numbers: where no uncertainty is known, or where each cell must speak for itself. With a handful of units t has wide
    tails, which a few more units cure: never less than a quarter more.
    """
    from scipy import stats

    if outcome is None or not outcome.estimate.se > 0 or claim.relation is None or claim.each:
        return None
    made = outcome.estimate
    bound = claim.margin or 0.0
    match claim.relation:
        case Relation.NON_INFERIOR:
            distance = made.value + bound if claim.metric.more_is_better else made.value - bound
        case Relation.NO_DIFFERENCE:
            distance = bound - abs(made.value)
        case Relation.LOWER:
            distance = made.value + bound
        case Relation.MONOTONE:
            distance = made.value
        case _:
            distance = made.value - bound
    if abs(distance) < 1e-9:
        return None
    reach = float(stats.norm.ppf(1 - ALPHA) + stats.norm.ppf(0.8))
    return max(LEAST_MORE, (reach * made.se / distance) ** 2)


def needed_words(verdict: Verdict) -> str:
    """How much evidence would decide; in items, where the claim rests on one unit. "" where that is no matter of numbers."""
    if verdict.needed is None:
        return ""
    if verdict.needed <= 1:
        return "a little more evidence would decide, if the effect is as estimated"
    said = (
        f"about {_rough(verdict.needed)} times as much evidence would decide, if the effect is as estimated"
    )
    items = {cell.variant.items for cell in verdict.cells}
    if len(units_of(verdict.cells)) == 1 and len(items) == 1 and (have := items.pop()):
        return f"{said}: {_rough(have * verdict.needed)} items instead of {have:,}"
    return said


def _rough(value: float) -> str:
    """Two significant digits."""
    return f"{float(f'{value:.2g}'):,g}" if value < 1e5 else f"{float(f'{value:.2g}'):,.0f}"


def units_in(verdict: Verdict) -> list[Unit]:
    """The units that were averaged, for tables and forest plots."""
    return units_of(verdict.cells)


__all__ = ["Outcome", "State", "Verdict", "Voice", "judge", "units_in"]
