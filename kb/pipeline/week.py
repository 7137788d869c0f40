"""`kb week`: the maintainer's page. What came in, what waits for a decision, what went stale, what other lists have.

Reads only, and asks no network. What is written stands on the page in one place: the site's page "What needs work" lists
everything that waits; this one says what to do first, and why.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from kb.config import Config
from kb.errors import UsageError
from kb.pipeline.audit import FORMATS, Report, audit
from kb.pipeline.git import Git
from kb.pipeline.history import load_history
from kb.pipeline.relevance import load_relevance
from kb.pipeline.store import Store, open_store
from kb.pipeline.triage_session import load_memory
from kb.pipeline.week_models import Audited, Happened, KindRow, Plan, Task, Week
from kb.pipeline.week_stale import load_sync_log, stale_runs, stale_sources
from kb.pipeline.week_tasks import Tasks, in_order
from kb.pipeline.week_value import KINDS, PAGES_OF_NEW, Cost, costs
from kb.reconcile.audit import Standing
from kb.render.events import Event, History
from kb.render.needs_work import open_work
from kb.text import one_line

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def week(
    config: Config,
    *,
    since: str | None = None,
    minutes: float | None = None,
    audits: Sequence[Path] = (),
    today: str | None = None,
) -> Week:
    """The page.

    Args:
        since: a day (2026-11-19) or a commit that git knows; by default as many days ago as kb.toml says.
        minutes: plan so many.
        audits: lists and bibliographies besides those of kb.toml.
        today: the day of the page, UTC.

    Raises:
        UsageError: `since` is neither, or a list cannot be read.
        ConfigError: kb.toml names a kind of task that there is not.
        DataError: the knowledge base does not load.
    """
    today = today or datetime.now(UTC).date().isoformat()
    store, cost = open_store(config), costs(config)
    begin, after = _begin(config, since, today)
    history = _history(store, begin, after)
    work = open_work(store.library.values(), store.candidates)
    tasks = Tasks(
        store=store,
        work=work,
        cost=cost,
        skipped=load_memory(config).skipped,
        relevance=load_relevance(config),
        events=history.events,
    )
    report = _audit(config, audits)
    found = in_order([*tasks.all(), *(_missing(tasks, report) if report else ())])
    log = load_sync_log(config)
    counts = Counter(task.kind for task in found)
    return Week(
        since=begin,
        today=today,
        history=history.source,
        history_since=history.since,
        happened=tuple(_told(event, store) for event in history.events),
        uncommitted=uncommitted(config),
        troubles=log.troubles,
        tasks=tuple(found),
        notices=(*stale_sources(config, log, today), *stale_runs(config)),
        audited=_audited(report) if report else (),
        kinds=tuple(_kind(name, counts[name], cost) for name in KINDS),
        open=work.counts(),
        plan=plan(found, minutes) if minutes is not None else None,
    )


def plan(tasks: Sequence[Task], minutes: float) -> Plan:
    """The tasks that fit, most value per minute first; one that is too long for what is left is passed over.

    Args:
        tasks: in that order.
    """
    taken, chosen = 0.0, []
    for task in tasks:
        if task.value > 0 and taken + task.minutes <= minutes + 1e-9:
            chosen.append(task)
            taken += task.minutes
    return Plan(
        minutes=minutes,
        taken=round(taken, 2),
        value=round(sum(task.value for task in chosen), 2),
        tasks=tuple(task.id for task in chosen),
    )


# What came in


def _begin(config: Config, since: str | None, today: str) -> tuple[str, str | None]:
    """Where the page begins, as it is said, and the last commit before; None where there is none."""
    if since is None:
        since = (date.fromisoformat(today) - timedelta(days=config.settings.week.days)).isoformat()
    if _DAY.fullmatch(since):
        try:
            date.fromisoformat(since)
        except ValueError:
            raise UsageError(f"--since: there is no day {since}", fix="a day such as 2026-11-19") from None
        return since, Git(config.root).last_before(since)
    return since, Git(config.root).commit(since)


def _history(store: Store, begin: str, after: str | None) -> History:
    """What happened since, newest first."""
    history = load_history(store.config, store.library, store.taxonomy, after=after)
    if after is None and _DAY.fullmatch(begin):  # no commit is older, or there is no git
        return replace(history, events=tuple(event for event in history.events if event.at[:10] >= begin))
    return history


def _told(event: Event, store: Store) -> Happened:
    paper = store.library.get(event.paper)
    return Happened(
        at=event.at,
        kind=event.kind,
        paper=event.paper,
        title=one_line(paper.title if paper else event.title or event.paper),
        claim=event.claim,
        branch=event.branch,
        before=event.before,
        after=event.after,
    )


def uncommitted(config: Config) -> dict[str, int]:
    """How many records are new, changed or gone and not committed; empty without git, or where nothing is."""
    git = Git(config.root)
    folder = config.papers_dir.relative_to(config.root).as_posix()
    names = {"A": "new", "M": "changed", "T": "changed", "D": "gone"}
    found = Counter(
        names[each.status]
        for each in git.changes("HEAD", folder)
        if each.status in names and _is_record(each.file, folder)
    )
    found["new"] += sum(_is_record(file, folder) for file in git.untracked(folder))
    return {name: found[name] for name in ("new", "changed", "gone") if found[name]}


def _is_record(file: str, folder: str) -> bool:
    return re.fullmatch(rf"{re.escape(folder)}/[a-z][^/]*\.yaml", file) is not None


# What other lists have


def _audit(config: Config, audits: Sequence[Path]) -> Report | None:
    """Lists of kb.toml that lie here, and those that are given; None without any.

    Raises:
        UsageError: a file is not there, or holds no paper.
    """
    settings = config.settings
    named = [*settings.week.audits, *(each.path for each in settings.sources.lists if each.path)]
    files = list(dict.fromkeys([*(config.root / name for name in named), *audits]))
    for path in files:
        if path.suffix.lower() not in FORMATS:
            fix = f"one of {', '.join(FORMATS)}; kb audit --format reads others"
            raise UsageError("is of no format that kb knows by its name", file=path, fix=fix)
        if not path.is_file():
            raise UsageError(
                "there is no such list", file=path, fix="correct [week] audits in kb.toml, or --audit"
            )
    return audit(config, files) if files else None


def _missing(tasks: Tasks, report: Report) -> list[Task]:
    found = []
    for one, lists in report.gaps():
        unsure = one.standing is Standing.UNSURE
        ids = one.entry.identifiers
        name = ids.get("arxiv_id") or ids.get("doi") or ""
        named = (
            f"named by {lists} of {len(report.lists)} lists" if len(report.lists) > 1 else "named by the list"
        )
        why = f"perhaps here already: {one.reason}" if unsure and one.reason else named
        found.append(
            tasks.task(
                "missing",
                one.name,
                title=one.entry.title or one.entry.url or one.name,
                why=f"{why} {' '.join(f'{kind}:{value}' for kind, value in sorted(ids.items()))}",
                do=f"kb new {name}" if ids.get("arxiv_id") else "kb import, or leave it out",
                pages=PAGES_OF_NEW,
                chance=1 - 0.5**lists,
                section="missing",
            )
        )
    return found


def _audited(report: Report) -> tuple[Audited, ...]:
    unseen = {
        pair.first: pair.estimate.unseen
        for pair in report.pairs
        if pair.second.startswith("the base") and pair.estimate.usable
    }
    return tuple(
        Audited(
            file=one_line(each.file),
            works=len(each.works),
            present=each.count(Standing.PRESENT),
            excluded=each.count(Standing.EXCLUDED),
            pending=each.count(Standing.PENDING),
            unsure=each.count(Standing.UNSURE),
            missing=each.count(Standing.MISSING),
            unseen=round(unseen[each.file], 1) if each.file in unseen else None,
        )
        for each in report.lists
    )


def _kind(name: str, count: int, cost: Cost) -> KindRow:
    kind = KINDS[name]
    return KindRow(
        kind=name,
        title=kind.title,
        count=count,
        minutes=cost.of(name),
        minutes_from=cost.sources[name],
        chance=kind.chance,
    )
