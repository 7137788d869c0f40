"""The maintainer's page for people: blocks of lines and tables, and the same as Markdown in which nothing is markup."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from kb.pipeline.week_models import Happened, Section, Task, Week
from kb.render.escape import escape_text
from kb.render.events import KINDS as EVENTS

SHOWN = 5
"""Tasks and events of a kind that are listed unless all are asked for."""
VALUE = (
    "Value is the number of pages of the site that are expected to say something else afterwards: pages that speak of it, "
    "times the chance that the answer changes them. What brings most of it in a minute comes first."
)
_COMMAND = re.compile(r"[A-Za-z0-9 ,:./=+_-]+")
_SECTIONS: tuple[tuple[Section, str], ...] = (
    ("decide", "Needs a decision"),
    ("stale", "Went stale"),
    ("missing", "Missing here"),
)
_OPEN = {
    "suspicious": "may be here already",
    "unresolved": "unresolved",
    "candidates": "waiting to be taken in",
    "stubs": "stubs",
    "unlabelled": "without a label",
    "unreviewed": "without a review",
}


@dataclass(frozen=True)
class Block:
    """A part of the page: lines of prose, then a table if it has rows."""

    heading: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    after: tuple[str, ...] = ()


def blocks(week: Week, *, everything: bool = False, site: str | None = None) -> list[Block]:
    """The page. What there is nothing of is left out, but for what came in and what needs a decision.

    Args:
        everything: list all of it.
        site: the address of the built site, if it has one.
    """
    found = [_planned(week), _happened(week, everything), _troubles(week)]
    found += [_section(week, section, heading, everything) for section, heading in _SECTIONS]
    found += [_notices(week), _audited(week), _open(week, site), _order(week)]
    return [block for block in found if block is not None]


def markdown(week: Week, *, everything: bool = False, site: str | None = None) -> str:
    """The page as a Markdown file; titles and reasons are inert, commands are code."""
    parts = [f"# The week from {escape_text(week.since)} to {week.today}"]
    for block in blocks(week, everything=everything, site=site):
        parts.append(f"## {escape_text(block.heading)}")
        parts += [_prose(line) for line in block.lines]
        if block.rows:
            parts.append("\n".join(_table(block)))
        parts += [_prose(line) for line in block.after]
    return "\n\n".join(parts) + "\n"


def _table(block: Block) -> Iterable[str]:
    yield f"| {' | '.join(map(escape_text, block.columns))} |"
    yield f"|{'|'.join('---' for _ in block.columns)}|"
    for row in block.rows:
        yield f"| {' | '.join(_cell(name, cell) for name, cell in zip(block.columns, row, strict=True))} |"


def _cell(column: str, text: str) -> str:
    return f"`{text}`" if column == "do" and _COMMAND.fullmatch(text) else _prose(text)


def _prose(text: str) -> str:
    """Inert text, in which nobody is called: GitHub would tell whoever stands behind an at sign."""
    return escape_text(text).replace("&#64;", "&#64;&#8203;")


# Parts


def _planned(week: Week) -> Block | None:
    if week.plan is None:
        return None
    by_id = {task.id: task for task in week.tasks}
    chosen = [by_id[name] for name in week.plan.tasks]
    line = (
        f"{_count(len(chosen), 'task')} in {week.plan.taken:g} minutes; {week.plan.value:.1f} pages are expected to change."
        if chosen
        else "Nothing that waits fits."
    )
    return Block(f"In {week.plan.minutes:g} minutes", (line,), *_task_table(chosen))


def _happened(week: Week, everything: bool) -> Block:
    lines = [f"Since {week.since}: {_counts(week) or 'nothing'}."]
    if week.history == "shallow":
        lines.append(
            f"This clone begins on {week.history_since or week.today}: what came before is not told."
        )
    elif week.history == "records":
        lines.append("There is no git history here: only reviews are told, by their dates.")
    if week.uncommitted:
        said = ", ".join(f"{number} {name}" for name, number in week.uncommitted.items())
        lines.append(f"Records that are not committed yet: {said}.")
    rows: list[tuple[str, ...]] = []
    more = 0
    for kind in EVENTS:
        events = [event for event in week.happened if event.kind == kind]
        shown = events if everything else events[:SHOWN]
        more += len(events) - len(shown)
        rows += [(event.at[:10], EVENTS[kind], event.paper, _change(event)) for event in shown]
    after = (f"And {more} more; --all lists them.",) if more else ()
    return Block("Came in", tuple(lines), ("day", "what", "paper", "of it"), tuple(rows), after)


def _counts(week: Week) -> str:
    found = []
    for kind, heading in EVENTS.items():
        number = sum(event.kind == kind for event in week.happened)
        if number:
            found.append(f"{number} {heading[0].lower()}{heading[1:]}")
    return "; ".join(found)


def _change(event: Happened) -> str:
    if event.kind == "verdict":
        return f"{event.claim}: {event.before} -> {event.after}"
    if event.kind == "label":
        return f"{event.branch}: {event.before} -> {event.after}"
    return event.title


def _troubles(week: Week) -> Block | None:
    if not week.troubles:
        return None
    rows = tuple((each.at[:16], each.source, each.status, each.message) for each in week.troubles)
    return Block("Syncs that did not go well", (), ("when", "source", "status", "why"), rows)


def _section(week: Week, section: Section, heading: str, everything: bool) -> Block | None:
    tasks = [task for task in week.tasks if task.section == section]
    if not tasks:
        return Block(heading, ("Nothing.",)) if section == "decide" else None
    total = sum(task.minutes for task in tasks)
    lines = [f"{_count(len(tasks), 'task')}, {_minutes(total)} in all: {_by_kind(week, tasks)}."]
    shown = tasks if everything else _first(tasks)
    after = (f"And {len(tasks) - len(shown)} more; --all lists them.",) if len(shown) < len(tasks) else ()
    return Block(heading, tuple(lines), *_task_table(shown), after)


def _first(tasks: Sequence[Task]) -> list[Task]:
    """A few of each kind."""
    seen: Counter[str] = Counter()
    kept: list[Task] = []
    for task in tasks:
        seen[task.kind] += 1
        if seen[task.kind] <= SHOWN:
            kept.append(task)
    return kept


def _by_kind(week: Week, tasks: Sequence[Task]) -> str:
    titles = {row.kind: row.title for row in week.kinds}
    ordered = sorted(tasks, key=lambda task: list(titles).index(task.kind))
    groups = [(kind, len(list(group))) for kind, group in groupby(ordered, key=lambda task: task.kind)]
    return "; ".join(f"{number} {kind} ({titles[kind]})" for kind, number in groups)


def _task_table(tasks: Sequence[Task]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    rows = tuple(
        (task.kind, f"{task.per_minute:.2f}", f"{task.minutes:g}", task.title, task.why, task.do)
        for task in tasks
    )
    return ("kind", "value/min", "min", "title", "why", "do"), rows


def _notices(week: Week) -> Block | None:
    if not week.notices:
        return None
    rows = tuple((each.kind, each.name, each.why, each.do) for each in week.notices)
    return Block("To be run again", (), ("kind", "name", "why", "do"), rows)


def _audited(week: Week) -> Block | None:
    if not week.audited:
        return None
    rows = tuple(
        (
            each.file,
            *(str(number) for number in (each.works, each.present, each.excluded, each.pending)),
            *(str(number) for number in (each.unsure, each.missing)),
            f"{each.unseen:.0f}" if each.unseen is not None else "too few in common",
        )
        for each in week.audited
    )
    columns = ("list", "works", "present", "excluded", "pending", "unsure", "missing", "on neither")
    return Block("Held against other lists", ("kb audit says more.",), columns, rows)


def _open(week: Week, site: str | None) -> Block | None:
    found = [f"{number} {_OPEN[name]}" for name, number in week.open.items() if number]
    if not found:
        return None
    where = f"{site}/needs-work.html" if site else 'the page "What needs work" of the site'
    return Block("Waiting besides", (f"{'; '.join(found)}. All of it: {where}.",))


def _order(week: Week) -> Block:
    rows = tuple(
        (row.kind, row.title, str(row.count), f"{row.minutes:g}", row.minutes_from, row.chance)
        for row in week.kinds
    )
    columns = ("kind", "what it is", "wait", "min", "minutes from", "chance that the answer changes a page")
    return Block("How this is ordered", (VALUE,), columns, rows)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def _minutes(total: float) -> str:
    if total >= 120:
        return f"{total / 60:.0f} hours"
    return f"{total:.0f} minutes" if total >= 10 else f"{total:g} minutes"
