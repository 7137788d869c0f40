"""A sync for who reviews it: `kb sync --summary FILE`, the body of the weekly pull request.

What failed stands first. A source that could not be read brought nothing, and that is never the same as nothing new.
"""

from __future__ import annotations

from collections.abc import Iterator

from kb.errors import KbError
from kb.export.github import Code, Line, Section, as_markdown, for_github
from kb.pipeline.sync_report import SyncReport
from kb.records.candidates import CandidateState, how_to_decide
from kb.records.models import AssignmentState, PublicationState
from kb.sources.entry import SourceResult, Status

_ANSWERED = {Status.OK: "answered", Status.EMPTY: "nothing new"}


def headline(report: SyncReport) -> str:
    """One line: what came in, and how many sources failed. The title of the pull request."""
    parts = [
        _counted(len(report.created), "new paper"),
        _counted(len(report.updated), "updated record"),
        _counted(report.new_waiting, "new candidate"),
    ]
    said = ", ".join(part for part in parts if part) or "nothing came in"
    failed = sum(result.status is Status.FAILED for result in report.results)
    partial = sum(result.status is Status.PARTIAL for result in report.results)
    if failed:
        said += f"; {_counted(failed, 'source')} failed"
    if partial:
        said += f"; {_counted(partial, 'source')} incomplete"
    return f"Sync: {said}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if number else ""


def summary(report: SyncReport) -> str:
    """The sync as Markdown. Its first line is the headline."""
    conflicts = {note for note in report.notices if note.startswith("conflict: ")}  # are decisions
    parts = (
        ("Failed or incomplete: nothing is known of what is new there", list(_failed(report)), 40),
        ("Needs a decision", list(_decisions(report)), 40),
        ("Came in", list(_came_in(report)), 100),
        ("What happened to papers", [(note,) for note in report.notices if note not in conflicts], 60),
        ("Recognised as papers that are here", list(_recognised(report)), 30),
        ("Updated", [(Code(f"papers/{key}.yaml"),) for key in report.updated], 30),
        ("Not taken", [(problem,) for problem in report.problems], 30),
        ("Sources", [_source(result) for result in report.results], 60),
    )
    found = [Section(title, lines, most) for title, lines, most in parts if lines]
    return f"# {for_github(headline(report))}\n\n{as_markdown(found)}"


def failure(error: KbError) -> str:
    """The summary of a sync that did not get so far as to have a report."""
    sections = [Section("Nothing was asked", [(str(error),)])]
    return f"# Sync: failed\n\n{as_markdown(sections)}"


def _failed(report: SyncReport) -> Iterator[Line]:
    for result in report.results:
        if result.status in _ANSWERED and not result.missing:
            continue
        how = {Status.FAILED: "failed", Status.PARTIAL: "incomplete"}.get(result.status, "incomplete")
        said = [str(result.error)] if result.error else []
        said += [str(problem) for problem in result.problems[:3]]
        if len(result.problems) > 3:
            said.append(f"and {len(result.problems) - 3:,} more like it")
        if result.missing:
            said.append(f"not known there: {', '.join(result.missing[:5])}")
        yield Code(result.source), f": {how}: {'; '.join(said) or 'no reason was given'}"


def _decisions(report: SyncReport) -> Iterator[Line]:
    for conflict in report.conflicts:
        name = f"kb resolve {conflict.paper} {conflict.field}"
        yield f"{conflict}: ", Code(f"{name} --mine"), " or ", Code(f"{name} --theirs")
    suspicious = [each for each in report.arrived if each.state is CandidateState.SUSPICIOUS]
    for each in suspicious:
        yield f"{each.title or each.id}: {each.reason}: ", Code(how_to_decide(each))
    waiting = [each for each in report.arrived if each.state is CandidateState.CANDIDATE]
    for each in waiting:
        choice = Code(f"kb accept {each.id}"), " or ", Code(f"kb reject {each.id} --reason ...")
        yield (f"{each.title or each.id} ({each.reason}): ", *choice)


def _came_in(report: SyncReport) -> Iterator[Line]:
    for key in report.created:
        paper = report.papers[key]
        branches = sorted(
            {label.branch for label in paper.labels if label.state is not AssignmentState.REJECTED}
        )
        by = sorted({label.source for label in paper.labels})
        where = f"{', '.join(branches)}, by {', '.join(by)}" if branches else "no branch yet"
        year = f" ({paper.year})" if paper.year else ""
        if paper.publication_state is PublicationState.WITHDRAWN:
            year += ", withdrawn"
        yield f"{paper.title}{year}, ", Code(f"papers/{key}.yaml"), f": {where}"


def _recognised(report: SyncReport) -> Iterator[Line]:
    for ref, key, reason in report.recognised:
        yield f"{ref} is ", Code(key), f": {reason}"


def _source(result: SourceResult) -> Line:
    said = _ANSWERED.get(result.status, result.status.value)
    facts = [result.summary] if result.summary else [f"{len(result.entries):,} entries"]
    if result.removed:
        facts.append(f"{len(result.removed):,} removed")
    return Code(result.source), f": {said}; {'; '.join(facts)}"
