"""What a sync did: for people, for programs, and for the log."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kb.errors import EXIT_OK, EXIT_PARTIAL, EXIT_UPSTREAM
from kb.pipeline.store import Store
from kb.reconcile.merge import Conflict
from kb.reconcile.reconcile import Plan
from kb.records.candidates import Candidate
from kb.records.models import Paper
from kb.sources.entry import SourceResult, Status


@dataclass
class SyncReport:
    """What a sync did, for people and for programs."""

    results: list[SourceResult] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)  # new versions, withdrawals, conflicts
    waiting: dict[str, int] = field(default_factory=dict)  # queue length by state
    new_waiting: int = 0
    problems: list[str] = field(default_factory=list)
    papers: dict[str, Paper] = field(default_factory=dict)  # the new and updated records
    recognised: list[tuple[str, str, str]] = field(default_factory=list)  # new entry, record, reason
    arrived: list[Candidate] = field(default_factory=list)  # works that wait now and did not before
    conflicts: list[Conflict] = field(default_factory=list)  # all that are open
    diff: str = ""  # only of a dry run
    files_changed: int = 0
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """The worst of what happened: what upstream refused, then what was incomplete."""
        codes = [
            r.error.exit_code if r.error is not None else EXIT_UPSTREAM
            for r in self.results
            if r.status is Status.FAILED
        ]
        if codes:
            return max(codes)
        partial = any(r.status is Status.PARTIAL or r.missing for r in self.results)
        locked_out = [r.error.exit_code for r in self.results if r.error is not None]
        return max(locked_out, default=EXIT_PARTIAL) if partial or self.problems else EXIT_OK


def report_of(store: Store, plan: Plan, results: list[SourceResult]) -> SyncReport:
    updated = [key for key in plan.papers if key not in plan.created]
    waiting: dict[str, int] = {}
    for candidate in plan.candidates:
        waiting[candidate.state.value] = waiting.get(candidate.state.value, 0) + 1
    old = {candidate.id for candidate in store.candidates}
    notices = [note for key in updated for note in _notices(store.library[key], plan.papers[key])]
    notices += [f"conflict: {conflict}; kb resolve settles it" for conflict in plan.new_conflicts]
    return SyncReport(
        results=results,
        created=sorted(plan.created),
        updated=sorted(updated),
        notices=notices,
        waiting=waiting,
        new_waiting=sum(candidate.id not in old for candidate in plan.candidates),
        problems=[str(problem) for problem in plan.problems],
        papers=dict(plan.papers),
        recognised=[(ref, key, match.reason) for ref, key, match in plan.matches if key not in plan.created],
        arrived=[candidate for candidate in plan.candidates if candidate.id not in old],
        conflicts=list(plan.conflicts),
    )


def _notices(old: Paper, new: Paper) -> list[str]:
    """What a reader of the survey should hear about a changed record."""
    notes = []
    before, after = old.identifiers.arxiv_version, new.identifiers.arxiv_version
    if before and after and after > before:
        stale = [claim.id for claim in new.claims if (claim.arxiv_version or after) < after]
        again = f"; check again: {', '.join(stale)}" if stale else ""
        notes.append(f"{new.key}: version {after} on arXiv (was {before}){again}")
    if old.publication_state != new.publication_state:
        reason = f": {new.withdrawn_reason}" if new.withdrawn_reason else ""
        notes.append(f"{new.key}: now {new.publication_state}{reason}")
    return notes


def diff_of(store: Store, plan: Plan) -> str:
    """The changes to records as a unified diff."""
    parts: list[str] = []
    for key in sorted(plan.writes):
        old = store.text(key) if key in store.library else ""
        name = f"papers/{key}.yaml"
        parts += difflib.unified_diff(
            old.splitlines(keepends=True),
            plan.writes[key].splitlines(keepends=True),
            fromfile=name if old else "/dev/null",
            tofile=name,
        )
    return "".join(parts)


def log_of(report: SyncReport, plan: Plan) -> list[dict[str, Any]]:
    when = now()
    rows: list[dict[str, Any]] = [outcome(result, when) for result in report.results]
    rows += [
        {"time": when, "match": ref, "paper": key, "reason": match.reason, "score": match.score}
        for ref, key, match in plan.matches
    ]
    rows.append(
        {"time": when, "created": report.created, "updated": report.updated, "problems": report.problems}
    )
    return rows


def outcome(result: SourceResult, when: str) -> dict[str, Any]:
    return {
        "time": when,
        "source": result.source,
        "status": result.status.value,
        "entries": len(result.entries),
        "requests": result.requests,
        "missing": list(result.missing),
        "problems": [str(problem) for problem in result.problems],
        "error": str(result.error) if result.error else None,
    }


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
