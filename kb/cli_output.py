"""What `kb` prints: progress, tables, and the plain data behind --json."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from kb.sources.entry import SourceResult, Status

if TYPE_CHECKING:
    from kb.pipeline.build import BuildReport
    from kb.pipeline.check import Finding
    from kb.pipeline.sync import SyncReport
    from kb.records.candidates import Candidate
    from kb.records.models import Paper

# What is piped into a file or a program is not folded at 80 columns.
_out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
_MARK = {Status.OK: "ok", Status.EMPTY: "nothing new", Status.PARTIAL: "INCOMPLETE", Status.FAILED: "FAILED"}
_SHOWN = 10


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


class SyncProgress:
    """A bar for what is under way, on a terminal only, and a line for each source that ended."""

    def __init__(self, *, quiet: bool = False) -> None:
        console = Console(stderr=True)
        self.quiet = quiet
        self._tasks: dict[str, TaskID] = {}
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=quiet or not console.is_terminal,
        )

    def __enter__(self) -> SyncProgress:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def __call__(self, what: str, done: int, total: int | None) -> None:
        task = self._tasks.get(what)
        if task is None:
            task = self._tasks[what] = self._bars.add_task(escape(what), total=total)
        self._bars.update(task, completed=done, total=total)

    def finished(self, result: SourceResult) -> None:
        """Print the outcome of one source."""
        for task in self._tasks.values():
            self._bars.remove_task(task)
        self._tasks.clear()
        if not self.quiet:
            print_result(result)


def print_result(result: SourceResult) -> None:
    """One line for a source, and what it could not read."""
    facts = [f"{len(result.entries)} entries"] if result.entries else []
    if result.removed:
        facts.append(f"{len(result.removed)} removed")
    if result.missing:
        facts.append(f"{len(result.missing)} not known there: {', '.join(result.missing[:_SHOWN])}")
    if result.summary:
        facts.append(result.summary)
    if result.error is not None:
        facts.append(str(result.error))
    _out.print(escape(f"{result.source}: {_MARK[result.status]}{'; ' if facts else ''}{'; '.join(facts)}"))
    for problem in result.problems[:_SHOWN]:
        _out.print(escape(f"  {problem}"))
    if len(result.problems) > _SHOWN:
        _out.print(f"  and {len(result.problems) - _SHOWN} more; all are in .kb/log/sync.jsonl")


def print_sync(report: SyncReport) -> None:
    """What the sync changed."""
    for line in (*report.notices, *report.problems):
        _out.print(escape(f"  {line}"))
    if report.diff:
        sys.stdout.write(report.diff)
    waiting = ", ".join(f"{count} {state}" for state, count in sorted(report.waiting.items())) or "nothing"
    how = "dry run: " if report.dry_run else "" if report.files_changed else "nothing changed; "
    verdict = f"{len(report.created)} records new, {len(report.updated)} updated; waiting: {waiting}"
    more = f" ({report.new_waiting} new: kb candidates)" if report.new_waiting else ""
    _out.print(escape(how + verdict + more))


def sync_json(report: SyncReport) -> dict[str, Any]:
    """A sync's report as plain data."""
    return {
        "exit_code": report.exit_code,
        "sources": [
            {
                "source": r.source,
                "status": r.status.value,
                "entries": len(r.entries),
                "removed": list(r.removed),
                "missing": list(r.missing),
                "requests": r.requests,
                "problems": [{"where": p.where, "message": p.message} for p in r.problems],
                "error": str(r.error) if r.error else None,
                "summary": r.summary,
            }
            for r in report.results
        ],
        "created": report.created,
        "updated": report.updated,
        "notices": report.notices,
        "problems": report.problems,
        "waiting": report.waiting,
        "new_waiting": report.new_waiting,
        "files_changed": report.files_changed,
        "diff": report.diff,
    }


def print_list(papers: Sequence[Paper]) -> None:
    table = _table("key", "year", "title", "branches", "review")
    for paper in papers:
        branches = sorted({label.branch for label in paper.labels if label.state.value != "rejected"})
        review = paper.review.state.value if paper.review else ""
        table.add_row(
            paper.key, str(paper.year or ""), escape(paper.title), escape(", ".join(branches)), review
        )
    _out.print(table)
    _out.print(f"{len(papers)} records")


def print_paper(paper: Paper, witnesses: Mapping[str, Sequence[str]]) -> None:
    table = _table("field", "value", *(["who says so"] if witnesses else []))
    for name, value in _flat(paper.to_data()):
        base = name.split("[")[0]
        row = [name, escape(str(value))]
        if witnesses:
            row.append(escape("; ".join(witnesses.get(base, witnesses.get(name, ())))))
        table.add_row(*row)
    _out.print(f"[bold]{escape(paper.key)}[/bold]")
    _out.print(table)


def _flat(data: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            shown = [_short(item) for item in value]
            yield (
                f"{prefix}{name}",
                "\n".join(shown) if any(isinstance(v, dict) for v in value) else "; ".join(shown),
            )
        else:
            yield f"{prefix}{name}", value


def _short(item: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in item.items()) if isinstance(item, dict) else str(item)


def print_candidates(found: Sequence[Candidate]) -> None:
    table = _table("id", "state", "title", "why it waits")
    for candidate in found:
        title = candidate.title or ", ".join(candidate.identifiers.values()) or candidate.url or ""
        table.add_row(candidate.id, candidate.state.value, escape(title), escape(candidate.reason))
    _out.print(table)
    _out.print(f"{len(found)} waiting")


def print_findings(found: Sequence[Finding]) -> None:
    for finding in found:
        _out.print(escape(f"{finding.severity.value}: {finding.check}: {finding}"))
    errors = sum(f.severity.value == "error" for f in found)
    _out.print(f"{errors} errors, {len(found) - errors} warnings")


def build_json(report: BuildReport) -> dict[str, Any]:
    return {name: str(value) if name == "index" else value for name, value in vars(report).items()}


def print_build(report: BuildReport) -> None:
    _out.print(escape(str(report)))
