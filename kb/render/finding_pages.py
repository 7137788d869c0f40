"""Pages of claims and of reported results. Loaded only where there are some: verdicts bring statistics with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kb.records.models import Paper
from kb.render.claim_views import ClaimRow, claim_page, claim_row
from kb.render.findings import CLAIMS, CONTRADICTIONS, GAPS, RESULTS, Findings
from kb.render.gap_views import conflict_views, gap_view, source_conflicts, statements_of
from kb.render.places import Places
from kb.render.result_views import benchmark_pages, method_pages, source_lines

Add = Callable[..., None]
"""Makes a page: path, template, values."""
ORDER = ("contested", "refuted", "supported", "inconclusive", "stale", "untested")
"""In which verdicts are listed: what surprises comes first."""


def add_claims(
    add: Add, found: Findings, papers: Mapping[str, Paper], places: Places, repository: str | None
) -> None:
    """A page for each claim, and their index."""
    rows: dict[str, list[ClaimRow]] = {state: [] for state in ORDER}
    moved: list[tuple[str, ClaimRow]] = []
    every = {judged.name: claim_row(judged, papers[judged.verdict.paper]) for judged in found.judged}
    pairs = _pairs(found)
    for judged in found.judged:
        row, paper = every[judged.name], papers[judged.verdict.paper]
        against = tuple(every[name] for name in pairs.get(judged.name, ()))
        add(row.page, "claim.md.j2", claim=claim_page(judged, paper, places, repository, against))
        rows[judged.state].append(row)
        if judged.committed is not None and judged.committed != judged.state:
            moved.append((judged.committed, row))
    values: dict[str, Any] = {"total": len(found.judged), "rows": rows, "moved": moved}
    add(CLAIMS, "claims.md.j2", **values)


def _pairs(found: Findings) -> dict[str, list[str]]:
    """For each claim, those that cannot hold with it."""
    pairs: dict[str, list[str]] = {}
    for one in found.contradictions.claims if found.contradictions else ():
        pairs.setdefault(one.a.name, []).append(one.b.name)
        pairs.setdefault(one.b.name, []).append(one.a.name)
    return pairs


def add_results(add: Add, found: Findings, places: Places) -> None:
    """A page for each benchmark and each method, and their index."""
    benchmarks, methods = benchmark_pages(found, places), method_pages(found, places)
    for page in benchmarks:
        add(page.page, "results.md.j2", of="benchmark", page=page)
    for page in methods:
        add(page.page, "results.md.j2", of="method", page=page)
    add(
        RESULTS,
        "results-index.md.j2",
        benchmarks=benchmarks,
        methods=methods,
        sources=source_lines(found, places),
        total=len(found.results.rows),
    )


def add_contradictions(add: Add, found: Findings, papers: Mapping[str, Paper], places: Places) -> None:
    """What cannot both hold, if it was asked."""
    if found.contradictions is None:
        return
    add(
        CONTRADICTIONS,
        "contradictions.md.j2",
        claims=conflict_views(found.contradictions, papers),
        sources=source_conflicts(found.contradictions, places),
        compared=found.contradictions.compared,
    )


def add_gaps(add: Add, found: Findings, places: Places) -> None:
    """What was measured and what was not, if anything was."""
    if found.gaps is None or not found.gaps.rows:
        return
    statements = statements_of((judged.name, judged.claim.statement) for judged in found.judged)
    add(GAPS, "gaps.md.j2", gaps=gap_view(found.gaps, found.upcoming, places, statements))
