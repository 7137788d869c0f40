"""What the templates see of a claim and its verdict: frozen values, every decision already taken."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from kb.ids import ArxivId
from kb.link.cells import Cell
from kb.link.effects import ALPHA, Estimate
from kb.link.verdict import Verdict, needed_words, units_in
from kb.records.claims import Claim, Metric
from kb.records.models import Paper
from kb.render.claim_words import (
    arm_words,
    baseline_words,
    conditions_words,
    margins,
    relation_words,
    strength_words,
    tested_words,
    unit_of,
)
from kb.render.escape import SafeText
from kb.render.findings import Judgement
from kb.render.forest_of import MOST, forest_of
from kb.render.numbers import ends, minus_signs, p_value, plain, signed, span
from kb.render.places import Place, Places
from kb.render.views import Link, edit_link, page_of_claim, target_of

LEFT_OUT = 12  # reasons shown
_Z = NormalDist().inv_cdf(1 - ALPHA)


@dataclass(frozen=True)
class EvidenceRow:
    """A cell: one setting against another."""

    source: Place
    place: str | None
    model: str
    setting: str
    method: Place
    benchmark: Place
    steps: int | None
    score: str
    baseline: str
    effect: str
    interval: str
    items: str
    ref: str


@dataclass(frozen=True)
class Figures:
    """An estimate: of all, of one source, of one side of a split."""

    what: Place
    state: str
    effect: str
    interval: str
    units: int
    cells: int
    p_false: str = ""
    p_true: str = ""


@dataclass(frozen=True)
class SplitView:
    axis: str
    p: str
    tried: int
    sides: tuple[Figures, Figures]


@dataclass(frozen=True)
class ClaimRow:
    """A claim in a list."""

    name: str
    page: str
    statement: str
    paper: str
    paper_page: str
    state: str
    why: str


@dataclass(frozen=True)
class ClaimPage:
    """Everything that a claim's page shows. `evidence` may come in two parts, each with its heading."""

    row: ClaimRow
    says: str
    relation: str
    metric: str
    variant: str
    baseline: str
    conditions: str
    contrast: str
    strength: str
    place: str | None
    version: int | None
    url: str | None
    by_hand: tuple[str, ...]
    whole: Figures | None
    unit: str
    tested: str
    excluded: tuple[str, str]
    needed: str
    voices: tuple[Figures, ...]
    forest: SafeText
    by_model: bool
    has_margin: bool
    evidence: tuple[tuple[str, tuple[EvidenceRow, ...]], ...]
    splits: tuple[SplitView, ...]
    left_out: tuple[tuple[str, int], ...]
    left_out_more: int
    left_out_total: int
    against: tuple[ClaimRow, ...]  # claims that cannot hold with this one
    edit: Link | None


def claim_row(judged: Judgement, paper: Paper) -> ClaimRow:
    target = target_of(paper)
    return ClaimRow(
        name=judged.name,
        page=page_of_claim(paper.key, judged.claim.id),
        statement=" ".join(judged.claim.statement.split()),
        paper=target.label,
        paper_page=target.page,
        state=judged.state,
        why=minus_signs(judged.verdict.why),
    )


def claim_page(
    judged: Judgement,
    paper: Paper,
    places: Places,
    repository: str | None,
    against: tuple[ClaimRow, ...] = (),
) -> ClaimPage:
    """The view of a claim's page. `against` are the claims that cannot hold with it."""
    claim, verdict = judged.claim, judged.verdict
    reasons = Counter(each.reason for each in verdict.left_out)
    ordered = sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    arxiv = paper.identifiers.arxiv_id
    version = f"v{claim.arxiv_version}" if claim.arxiv_version else ""
    return ClaimPage(
        row=claim_row(judged, paper),
        says=verdict.says.value,
        relation=relation_words(claim),
        metric=claim.metric.value.replace("_", " "),
        variant=arm_words(claim.variant, places.method_words) if claim.variant else "",
        baseline=baseline_words(claim, places.method_words) if claim.relation else "",
        conditions=conditions_words(claim.conditions),
        contrast=conditions_words(claim.contrast) if claim.contrast else "",
        strength=strength_words(claim.strength),
        place=claim.place,
        version=claim.arxiv_version,
        url=ArxivId(arxiv).url + version if arxiv else None,
        by_hand=_by_hand(claim),
        whole=_whole(verdict),
        unit=unit_of(claim),
        tested=_tested(claim, verdict),
        excluded=_excluded(verdict),
        needed=needed_words(verdict),
        voices=_voices(verdict, places),
        forest=forest_of(judged, places),
        by_model=len(units_in(verdict)) > MOST,
        has_margin=bool(margins(claim)),
        evidence=_evidence(claim, verdict, places),
        splits=_splits(verdict),
        left_out=tuple(ordered[:LEFT_OUT]),
        left_out_more=sum(n for _, n in ordered[LEFT_OUT:]),
        left_out_total=len(verdict.left_out),
        against=against,
        edit=edit_link(repository, f"papers/{paper.key}.yaml"),
    )


def _by_hand(claim: Claim) -> tuple[str, ...]:
    attached = [f"attached: {pattern}" for pattern in claim.evidence.attach]
    return (*attached, *(f"taken out: {each.ref} ({each.reason})" for each in claim.evidence.veto))


def figures(what: Place, state: str, made: Estimate, p_false: str = "", p_true: str = "") -> Figures:
    low, high = ends(made.interval())
    return Figures(what, state, signed(made.value), span(low, high), made.units, made.cells, p_false, p_true)


def _whole(verdict: Verdict) -> Figures | None:
    found = verdict.outcome
    if found is None:
        return None
    p_false, p_true = p_value(found.p_support), p_value(found.p_refute)
    return figures(Place("all"), verdict.says.value, found.estimate, p_false, p_true)


def _excluded(verdict: Verdict) -> tuple[str, str]:
    """Whether "it is false", and whether "it is true", is excluded."""
    found = verdict.outcome
    if found is None:
        return "", ""
    first, second = ("excluded" if p < ALPHA else "not excluded" for p in (found.p_support, found.p_refute))
    return first, second


def _tested(claim: Claim, verdict: Verdict) -> str:
    if verdict.outcome is None:
        return ""
    exact = len(verdict.cells) == 1 and verdict.cells[0].pairs is not None
    return tested_words(claim, verdict.outcome.estimate.method, exact=exact)


def _voices(verdict: Verdict, places: Places) -> tuple[Figures, ...]:
    """Each source alone, where more than one speaks."""
    if len(verdict.voices) < 2:
        return ()
    return tuple(
        figures(
            places.source(voice.source),
            voice.outcome.state.value,
            voice.outcome.estimate,
            p_value(voice.outcome.p_support),
            p_value(voice.outcome.p_refute),
        )
        for voice in verdict.voices
    )


def _splits(verdict: Verdict) -> tuple[SplitView, ...]:
    found = []
    for split in verdict.splits:
        a, b = (figures(Place(side.what), side.state, side.estimate) for side in split.sides)
        found.append(SplitView(split.axis, p_value(split.p), split.tried, (a, b)))
    return tuple(found)


def _evidence(
    claim: Claim, verdict: Verdict, places: Places
) -> tuple[tuple[str, tuple[EvidenceRow, ...]], ...]:
    parts: list[tuple[str, Sequence[Cell]]] = [("", verdict.cells)]
    if verdict.contrast and claim.contrast:
        parts = [
            (conditions_words(claim.conditions) or "Under the conditions", verdict.cells),
            (conditions_words(claim.contrast), verdict.contrast),
        ]
    return tuple(
        (title, tuple(_row(claim, cell, places) for cell in cells)) for title, cells in parts if cells
    )


def _row(claim: Claim, cell: Cell, places: Places) -> EvidenceRow:
    one = cell.variant
    reach = None if cell.variance is None else _Z * math.sqrt(cell.variance)
    show = plain if claim.metric is Metric.ACCURACY or one.score >= 1 else (lambda value: f"{value:.4g}")
    baseline = show(cell.baseline.score)
    if not cell.baseline.setting.is_full:
        baseline = f"{baseline} ({cell.baseline.setting})"
    return EvidenceRow(
        source=places.source(one.source),
        place=one.place,
        model=one.model,
        setting=str(cell.setting),
        method=places.method(cell.setting.method),
        benchmark=places.benchmark(one.benchmark),
        steps=one.chain_length,
        score=show(one.score),
        baseline=baseline,
        effect=signed(cell.effect),
        interval="not known" if reach is None else span(cell.effect - reach, cell.effect + reach),
        items="" if one.items is None else f"{one.items:,}",
        ref=one.ref,
    )
