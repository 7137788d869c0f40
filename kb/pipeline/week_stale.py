"""What went stale and a command mends: sources that were not read for long, runs that their spec no longer gives."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from shlex import quote

from kb.config import Config
from kb.errors import DataError, KbError
from kb.harness.manifest import COMPLETE, RUNNING
from kb.harness.parts import RealParts
from kb.harness.runs import Run, list_runs
from kb.harness.spec import canonical, data_hash, experiment, parse_spec, portable
from kb.pipeline.evaluate import load_grid, runs_dir
from kb.pipeline.git import Git
from kb.pipeline.week_models import Notice, Trouble
from kb.reconcile.rows import source_file
from kb.records.files import read_regular
from kb.sources.entry import CITATIONS, Status

_READ = frozenset({Status.OK.value, Status.EMPTY.value})


# Sources


@dataclass(frozen=True)
class SyncLog:
    """What .kb/log/sync.jsonl says of each source: its last outcome, and when it was last read well."""

    last: Mapping[str, Trouble]
    read: Mapping[str, str]

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """Sources whose last sync did not go well."""
        return tuple(each for _, each in sorted(self.last.items()) if each.status not in _READ)


def load_sync_log(config: Config) -> SyncLog:
    """The log of this machine; empty where there is none. Lines that cannot be read are passed over."""
    last: dict[str, Trouble] = {}
    read: dict[str, str] = {}
    try:
        text = read_regular(config.state_dir / "log" / "sync.jsonl").decode("utf-8", "replace")
    except DataError:
        return SyncLog({}, {})
    for line in text.split("\n"):
        with suppress(ValueError, TypeError, KeyError):
            row = json.loads(line)
            source, at, status = str(row["source"]), str(row["time"]), str(row["status"])
            said = row.get("error") or "; ".join(map(str, row.get("problems") or ())) or ""
            if row.get("missing"):
                said = said or f"not known there: {', '.join(map(str, row['missing']))}"
            last[source] = Trouble(source=source, at=at, status=status, message=str(said))
            if status in _READ:
                read[source] = at
    return SyncLog(last, read)


def stale_sources(config: Config, log: SyncLog, today: str) -> Iterator[Notice]:
    """Sources of kb.toml that nobody has read for long. Where this machine has not asked, the day counts on which the
    entries of the source last changed."""
    sources = config.settings.sources
    asked = {"zotero": sources.zotero.enabled and sources.zotero.group, "arxiv": sources.arxiv.enabled}
    names = [name for name, on in asked.items() if on]
    if sources.citations.enabled:  # its file is papers/_citations.jsonl, which may be right for years
        names.append(CITATIONS)
    names += [f"awesome_list:{each.name}" for each in sources.lists if each.url or each.path]
    folder = config.sources_dir.relative_to(config.root).as_posix()
    changed = Git(config.root).last_days(folder)
    for name in names:
        file = f"{folder}/{source_file(config.sources_dir, name).name}"
        day = max(log.read.get(name, "")[:10], changed.get(file, ""))
        age = _days(day, today)
        if age is None or age > config.settings.week.stale_days:
            why = f"last read {day}, {age} days ago" if age is not None else "was never read"
            yield Notice(kind="source", name=name, why=why, do=f"kb sync {quote(name.split(':', 1)[-1])}")


def _days(day: str, today: str) -> int | None:
    try:
        return (date.fromisoformat(today) - date.fromisoformat(day)).days
    except ValueError:
        return None


# Runs


def stale_runs(config: Config) -> Iterator[Notice]:
    """Runs that stand unfinished, or whose settings mean something else by now, and grids whose runs are not all there.

    Nothing is run and no model is loaded: the spec of each manifest is read as it would be today, and the version of its
    task is held against the one that it was scored with. Data sets are not read.
    """
    folder = runs_dir(config)
    runs, problems = list_runs(folder)
    for problem in problems:
        yield Notice(kind="run", name="runs", why=str(problem), do="take it from git again")
    parts = RealParts(str(config.root))
    versions: dict[str, str | None] = {}
    for run in runs:
        if why := _stale_run(run, parts, versions):
            do = f"kb eval run again, with the settings of runs/{run.id}/manifest.json"
            if run.state == COMPLETE:
                do = f"kb eval reproduce {quote(run.id)}"
            yield Notice(kind="run", name=run.id, why=why, do=do)
    there = {run.id for run in runs if run.state != RUNNING}
    for path in sorted((config.root / "experiments").glob("*.yaml")):
        name = path.relative_to(config.root).as_posix()
        try:
            missing = [cell.run_id for cell in load_grid(path, parts) if cell.run_id not in there]
        except KbError as error:
            yield Notice(kind="grid", name=name, why=f"cannot be read: {error}", do=f"edit {name}")
            continue
        if missing:
            why = f"{len(missing)} of its runs are not there, such as {missing[0]}"
            yield Notice(kind="grid", name=name, why=why, do=f"kb eval sweep {quote(name)}")


def _stale_run(run: Run, parts: RealParts, versions: dict[str, str | None]) -> str | None:
    """What is wrong with a run; None if nothing is."""
    if run.state == RUNNING:
        return "was never finished"
    if run.state != COMPLETE:  # made elsewhere
        return None
    try:
        spec = parts.complete(parse_spec(dict(run.spec), file=f"{run.id}/manifest.json"))
    except KbError as error:
        return f"its settings are refused now: {error.message}"
    if data_hash(experiment(portable(spec.to_data()))) != run.manifest.get("spec_hash"):
        return "its settings have other defaults now"
    said = run.manifest.get("task")
    was = said.get("version") if isinstance(said, dict) else None
    name = canonical(run.spec["task"])
    if name not in versions:
        versions[name] = _version(run, parts)
    now = versions[name]
    return f"its task is of version {was}, and now of {now}" if now is not None and now != was else None


def _version(run: Run, parts: RealParts) -> str | None:
    """The version of the run's task as the program has it now; None where it takes reading a data set."""
    if run.spec["task"].get("name") == "dataset":
        return None
    try:
        return parts.task(run.spec["task"]).version
    except KbError:
        return None
