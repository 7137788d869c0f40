"""What `kb` prints: progress, tables, and the plain data behind --json."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
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
from rich.text import Text

from kb.sources.entry import SourceResult, Status

if TYPE_CHECKING:
    from kb.pipeline.build import BuildReport
    from kb.pipeline.check import Finding
    from kb.pipeline.findings import Change
    from kb.pipeline.sync_report import SyncReport
    from kb.records.candidates import Candidate
    from kb.records.models import Paper

_MARK = {Status.OK: "ok", Status.EMPTY: "nothing new", Status.PARTIAL: "INCOMPLETE", Status.FAILED: "FAILED"}
_SHOWN = 10
# What a terminal may take as a command, and what is no character at all.
_STEERING = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]|(?![\t\n])[\x00-\x1f]")
# What GitHub's runner takes as a command in what a step prints: "::" at the start of a line, "##[" anywhere.
_RUNNER = re.compile(r"(?m)^([^\S\n]*):(?=:)|(##)(?=\[)")


def say(text: str, *, err: bool = False) -> None:
    """Print text in which nothing can steer a terminal, or a workflow: sources and queues may hold anything."""
    click.echo(_inert(text), err=err)


def _inert(text: str) -> str:
    text = _STEERING.sub("", text)
    if os.environ.get("GITHUB_ACTIONS"):
        text = _RUNNER.sub(lambda match: f"{match[0]} ", text)
    return text


def say_json(data: Any) -> None:
    """Print JSON for programs, safe to look at."""
    text = json.dumps(data, indent=1, ensure_ascii=False).replace("##[", "#\\u0023[")
    click.echo(_STEERING.sub(lambda match: f"\\u{ord(match.group()):04x}", text))


def count(number: int, noun: str) -> str:
    """``1 record``, ``2 records``, ``no records``."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number or 'no'} {noun if number == 1 else many}"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """On a terminal folded to its width; into a file or a pipe one line a row, however long."""
    clean = [[_STEERING.sub("", cell) for cell in row] for row in rows]
    console = Console(highlight=False)
    if console.is_terminal:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in clean:
            table.add_row(*map(Text, row))  # Text: nothing in it is markup
        console.print(table)
        return
    flat = [list(columns), *([" / ".join(filter(None, cell.split("\n"))) for cell in row] for row in clean)]
    widths = [max(len(row[index]) for row in flat) for index in range(len(columns))]
    for row in flat:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


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
    error = str(result.error) if result.error is not None else ""
    facts = [count(len(result.entries), "entry")] if result.entries and not result.summary else []
    if result.summary and result.summary not in error:
        facts.append(result.summary)
    if result.removed:
        facts.append(f"{len(result.removed)} removed")
    if result.missing:
        facts.append(f"not known there: {_some(result.missing)}")
    if error:
        facts.append(error)
    say(f"{result.source}: {_MARK[result.status]}{'; ' if facts else ''}{'; '.join(facts)}")
    for problem in result.problems[:_SHOWN]:
        say(f"  {problem}")
    if len(result.problems) > _SHOWN:
        say(f"  and {len(result.problems) - _SHOWN} more; all are in .kb/log/sync.jsonl")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def print_sync(report: SyncReport) -> None:
    """What the sync changed."""
    for line in (*report.notices, *report.problems):
        say(f"  {line}")
    if report.diff:
        say(report.diff.removesuffix("\n"))
    waiting = ", ".join(f"{count} {state}" for state, count in sorted(report.waiting.items())) or "nothing"
    how = "dry run: " if report.dry_run else "" if report.files_changed else "nothing changed; "
    verdict = f"{count(len(report.created), 'new record')}, {len(report.updated) or 'none'} updated; waiting: {waiting}"
    more = f" ({report.new_waiting} new: kb candidates)" if report.new_waiting else ""
    say(how + verdict + more)


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


def print_list(papers: Sequence[Paper], *, filtered: bool) -> None:
    """One line a record."""
    if not papers:
        say("no record matches" if filtered else "no records yet; kb sync, kb import and kb new make some")
        return
    rows = []
    for paper in papers:
        branches = sorted({label.branch for label in paper.labels if label.state.value != "rejected"})
        review = paper.review.state.value if paper.review else ""
        rows.append([paper.key, str(paper.year or ""), paper.title, ", ".join(branches), review])
    print_table(["key", "year", "title", "branches", "review"], rows)
    say(count(len(papers), "record"))


def print_paper(paper: Paper, witnesses: Mapping[str, Sequence[str]]) -> None:
    """A record, one field a line, with who says so where that was asked for."""
    rows = []
    for name, value in _flat(paper.to_data()):
        row = [name, str(value)]
        if witnesses:
            row.append("; ".join(witnesses.get(name, ())))
        rows.append(row)
    say(paper.key)
    print_table(["field", "value", *(["who says so"] if witnesses else [])], rows)


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
    """An item of a list in one line: its main part, then the rest in parentheses."""
    if not isinstance(item, dict):
        return str(item)
    first, *rest = item.items()
    return f"{first[1]} ({', '.join(f'{name} {value}' for name, value in rest)})" if rest else str(first[1])


def print_candidates(found: Sequence[Candidate], relevance: Mapping[str, float]) -> None:
    """One line a work that waits, with its relevance where that is known."""
    if not found:
        say("nothing waits")
        return
    rows = []
    for candidate in found:
        title = candidate.title or ", ".join(candidate.identifiers.values()) or candidate.url or ""
        share = f"{relevance[candidate.id]:.0%}" if candidate.id in relevance else ""
        rows.append([candidate.id, candidate.state.value, share, title, candidate.reason])
    print_table(["id", "state", "relevance", "title", "why it waits"], rows)
    say(f"{len(found)} waiting")


def print_findings(found: Sequence[Finding], *, annotate: bool = False) -> None:
    """One line a finding, and how many; `annotate`: as commands of GitHub's runner, which shows them at their lines."""
    for finding in found:
        if annotate:
            click.echo(_annotation(finding))
            continue
        say(f"{finding.severity.value}: {finding.check}: {finding}")
    errors = sum(f.severity.value == "error" for f in found)
    say(f"{count(errors, 'error')}, {count(len(found) - errors, 'warning')}")


# https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands: what has to be escaped.
_ESCAPED = {"%": "%25", "\r": "%0D", "\n": "%0A"}


def _annotation(finding: Finding) -> str:
    place = {"file": finding.file, "line": str(finding.line or 1), "title": f"kb check: {finding.check}"}
    inner = {**_ESCAPED, ":": "%3A", ",": "%2C"}
    said = ",".join(f"{name}={_escaped(value, inner)}" for name, value in place.items())
    message = f"{finding.message} (fix: {finding.fix})" if finding.fix else finding.message
    return f"::{finding.severity.value} {said}::{_escaped(message, _ESCAPED)}"


def _escaped(text: str, table: Mapping[str, str]) -> str:
    return _STEERING.sub("", "".join(table.get(char, char) for char in text))


def build_json(report: BuildReport) -> dict[str, Any]:
    data = {name: str(value) if name == "index" else value for name, value in vars(report).items()}
    return data | {"verdicts": [vars(change) for change in report.verdicts]}


def _print_verdicts(changes: Sequence[Change]) -> None:
    """Which verdicts flipped, each; how many are new or gone."""
    flipped = [change for change in changes if change.flipped]
    new = sum(change.before is None for change in changes)
    gone = len(changes) - len(flipped) - new
    said = [count(len(flipped), "verdict") + " flipped"] if flipped else []
    said += [f"{number} {word}" for number, word in ((new, "new"), (gone, "gone")) if number]
    if said:
        say(f"claims: {', '.join(said)}")
    for change in flipped[:_SHOWN]:
        say(f"  {change}")
    if len(flipped) > _SHOWN:
        say(f"  and {len(flipped) - _SHOWN} more")


def print_build(report: BuildReport) -> None:
    kept = f", kept {report.unchanged:,}" if report.unchanged else ""
    pages = (
        f"made {report.written:,} pages{kept}"
        if report.written
        else f"all {report.unchanged:,} pages are up to date"
    )
    say(f"{pages} in {report.seconds:.1f} s")
    _print_verdicts(report.verdicts)
    for remark in report.remarks:
        say(remark)
    for problem in report.problems:
        say(f"  {problem}")
