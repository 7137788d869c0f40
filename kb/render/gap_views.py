"""What the templates see of contradictions and of the gap matrix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from kb.link.contradictions import ClaimConflict, Contradictions
from kb.link.effects import Estimate
from kb.link.gaps import Gap, Matrix, Row
from kb.link.scope import SIZES
from kb.records.models import Paper
from kb.render.claim_views import Figures, figures
from kb.render.numbers import p_value, signed
from kb.render.places import Place, Places
from kb.render.views import page_of_claim, target_of

SIGNS: Mapping[str, tuple[str, str]] = {
    "agree": ("=", "two sources or more, and no two that differ by more than chance"),
    "conflict": ("⇄", "two sources that differ by more than chance"),
    "single": ("1", "one source"),
    "untested": ("○", "no source"),
}
"""Each state's sign, by which it is told from the others without its colour, and what it means."""
NEXT = 15


@dataclass(frozen=True)
class SideView:
    """One of two claims, and what the evidence on the common ground says of it."""

    statement: str
    page: str
    paper: str
    paper_page: str
    state: str


@dataclass(frozen=True)
class Cut:
    axis: str
    p: str
    sides: tuple[Figures, Figures]


@dataclass(frozen=True)
class ConflictView:
    sides: tuple[SideView, SideView]
    ground: str
    effect: Figures | None
    cuts: tuple[Cut, ...]


@dataclass(frozen=True)
class SourceConflict:
    what: str
    sides: tuple[Figures, Figures]
    p: str


@dataclass(frozen=True)
class GapCell:
    """A cell of the heat map; `title` is what it says in full."""

    state: str
    sign: str
    effect: str
    title: str
    page: str | None


@dataclass(frozen=True)
class GapRow:
    """A method at some bits; `commands` print a ready run for each cell that is untested."""

    method: Place
    bits: str
    anchor: str
    cells: tuple[GapCell, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True)
class NextGap:
    name: str
    claims: tuple[Place, ...]


@dataclass(frozen=True)
class GapView:
    """The matrix: columns of task kinds under classes of sizes."""

    sizes: tuple[tuple[str, int], ...]
    kinds: tuple[str, ...]
    rows: tuple[GapRow, ...]
    counts: tuple[tuple[str, str, int, str], ...]
    next: tuple[NextGap, ...]


def conflict_views(found: Contradictions, papers: Mapping[str, Paper]) -> list[ConflictView]:
    """Pairs of claims that cannot both hold; those first on which there is evidence."""
    ordered = sorted(found.claims, key=lambda one: -len(one.cells))
    return [_conflict(one, papers) for one in ordered]


def _conflict(one: ClaimConflict, papers: Mapping[str, Paper]) -> ConflictView:
    sides = []
    for side in (one.a, one.b):
        target = target_of(papers[side.paper])
        page = page_of_claim(side.paper, side.claim.id)
        statement = " ".join(side.claim.statement.split())
        sides.append(SideView(statement, page, target.label, target.page, side.state.value))
    cuts = []
    for split in one.reconciled:
        a, b = (figures(Place(each.what), _borne_out(one, each.state), each.estimate) for each in split.sides)
        cuts.append(Cut(split.axis, p_value(split.p), (a, b)))
    effect = figures(Place(""), "", one.estimate) if one.estimate else None
    return ConflictView((sides[0], sides[1]), one.ground, effect, tuple(cuts))


def _borne_out(one: ClaimConflict, said: str) -> str:
    """Which claim a side bears out, by its place on the page where ids alone would have to be looked up."""
    names = {
        f"bears out {one.b.claim.id}": "bears out the second",
        f"bears out {one.a.claim.id}": "bears out the first",
    }
    return names.get(said, said) if len(names) == 2 else said


def source_conflicts(found: Contradictions, places: Places) -> list[SourceConflict]:
    """Pairs of sources whose effects differ by more than chance."""
    views = []
    for one in found.results:
        a, b = (figures(places.source(side.source), "", side.estimate) for side in (one.a, one.b))
        views.append(SourceConflict(one.what, (a, b), p_value(one.p)))
    return views


def gap_view(
    matrix: Matrix, upcoming: Sequence[Gap], places: Places, statements: Mapping[str, str]
) -> GapView:
    """The heat map and what to run next.

    Args:
        upcoming: untested cells, those first that a run should fill first.
        statements: of claims, by name.
    """
    tally = dict.fromkeys(SIGNS, 0)
    for gap in matrix.cells.values():
        tally[gap.state.value] += 1
    sizes = tuple(
        (SIZES[at].title, len(list(each))) for at, each in groupby(matrix.columns, lambda pair: pair[0])
    )
    return GapView(
        sizes=sizes,
        kinds=tuple(kind.value for _, kind in matrix.columns),
        rows=tuple(_row(matrix, row, f"row-{at}", places) for at, row in enumerate(matrix.rows, start=1)),
        counts=tuple((state, sign, tally[state], meaning) for state, (sign, meaning) in SIGNS.items()),
        next=tuple(_next(gap, statements) for gap in upcoming[:NEXT]),
    )


def _row(matrix: Matrix, row: Row, anchor: str, places: Places) -> GapRow:
    method = places.method(row.method)
    gaps = [matrix.cells[row, size, kind] for size, kind in matrix.columns]
    commands = [f"kb gaps --manifest {gap.name}" for gap in gaps if gap.estimate is None]
    bits = f"W{row.weight_bits:g}A{row.act_bits:g}KV{row.kv_bits:g}"
    return GapRow(method, bits, anchor, tuple(_cell(gap, method, places) for gap in gaps), tuple(commands))


def _cell(gap: Gap, method: Place, places: Places) -> GapCell:
    state = gap.state.value
    where = f"{method.label} {gap.row.bits}, models {SIZES[gap.size].title}, {gap.task_kind.value}"
    if gap.estimate is None:
        bears = f"; {len(gap.claims)} undecided claims speak of it" if gap.claims else ""
        return GapCell(state, SIGNS[state][0], "", f"{where}: untested{bears}", None)
    sources = ", ".join(places.source(each).label for each in gap.sources)
    title = f"{where}: {state}, {_effect(gap.estimate)} points ({sources})"
    return GapCell(state, SIGNS[state][0], signed(gap.estimate.value, 1), title, method.page)


def _effect(made: Estimate) -> str:
    return f"{signed(made.value)} over {made.units} {'unit' if made.units == 1 else 'units'}"


def _next(gap: Gap, statements: Mapping[str, str]) -> NextGap:
    return NextGap(gap.name, tuple(_claim(name, statements) for name in gap.claims))


def _claim(name: str, statements: Mapping[str, str]) -> Place:
    paper, _, claim = name.partition("/")
    return Place(statements.get(name, name), page_of_claim(paper, claim))


def statements_of(claims: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Statements on one line, by the claims' names."""
    return {name: " ".join(statement.split()) for name, statement in claims}
