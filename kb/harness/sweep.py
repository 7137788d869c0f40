"""Grids of runs: each cell is a run of its own, so a sweep that was stopped goes on with what is missing.

A *backend* runs jobs somewhere and says how each ended: `sweep_local.Local` in processes of this machine,
`sweep_ray.OnRay` on a Ray cluster. Cells that others are held against are done first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from kb.errors import KbError
from kb.harness.manifest import RUNNING, first_difference
from kb.harness.run import Parts, real_parts, run
from kb.harness.runs import load_manifest
from kb.harness.spec import IN_PROCESS, RunSpec, parse_spec, portable


@dataclass(frozen=True)
class Job:
    """One cell on its way to a worker: plain data, and parts that can be pickled.

    Attributes:
        threads: of torch in one worker; None leaves the spec's own.
    """

    spec: Mapping[str, Any]
    run_id: str
    runs: str
    commit: Mapping[str, Any] | None = None
    parts: Parts | None = None
    threads: int | None = 1

    @property
    def baseline(self) -> str | None:
        value: str | None = self.spec["baseline"]
        return value


class State(StrEnum):
    DONE = "done"
    SKIPPED = "skipped"  # it was complete before
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """How a cell ended."""

    id: str
    state: State
    message: str = ""


@dataclass
class SweepReport:
    """How a sweep ended, in the order of its cells."""

    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.state is State.FAILED]


Report = Callable[[Job, str | None], None]
"""Called once a job, with None or with what went wrong."""


class Backend(Protocol):
    """Runs jobs, in any order, and reports each."""

    def __call__(self, jobs: Sequence[Job], report: Report) -> None: ...


def sweep(
    cells: Sequence[RunSpec],
    runs: Path,
    backend: Backend,
    *,
    parts: Parts | None = None,
    commit: Mapping[str, Any] | None = None,
    progress: Callable[[Outcome, int, int], None] = lambda outcome, done, total: None,
) -> SweepReport:
    """Make every run of the grid that is not complete. A cell that fails costs only itself and those that need it.

    Args:
        cells: as `parse_grid` gives them, defaults written out (`Parts.complete`).
        progress: called with each outcome, how many cells have ended, and of how many.
    """
    ended: dict[str, Outcome] = {}

    def end(outcome: Outcome) -> None:
        ended[outcome.id] = outcome
        progress(outcome, len(ended), len(cells))

    def report(job: Job, error: str | None) -> None:
        end(Outcome(job.run_id, State.FAILED if error else State.DONE, error or ""))

    jobs = []
    for cell in cells:
        if is_complete(runs / cell.run_id):
            stale = _is_stale(cell, runs / cell.run_id, parts or real_parts())
            end(Outcome(cell.run_id, State.FAILED if stale else State.SKIPPED, stale))
        else:
            jobs.append(job_of(cell, runs, commit=commit, parts=parts))
    first, second = in_phases(jobs)
    for phase in (first, second):
        ready = []
        for job in phase:
            needed = ended.get(job.baseline or "")
            if needed is not None and needed.state is State.FAILED:
                end(Outcome(job.run_id, State.FAILED, f"its baseline failed: {needed.id}"))
            else:
                ready.append(job)
        if ready:
            backend(ready, report)
    return SweepReport([ended[cell.run_id] for cell in cells])


def _is_stale(cell: RunSpec, folder: Path, parts: Parts) -> str:
    """What differs between a complete cell and what it would be today; "" if nothing does, or nobody can say."""
    manifest = load_manifest(folder)
    try:
        now = {
            "model": portable(parts.resolve(cell).to_data()),
            "task": {"version": parts.task(cell.task).version},
        }
    except KbError:  # the model is not on this machine
        return ""
    was = {"model": manifest.get("model"), "task": {"version": (manifest.get("task") or {}).get("version")}}
    if (found := first_difference(was, now, ("model", "task"))) is None:
        return ""
    name, before, after = found
    return f"is there already, but with {name} {before!r}, not {after!r}: move it away to make it again"


def in_phases(jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
    """Jobs that others are held against (and all that need nobody), then those that need one of the first."""
    ids = {job.run_id for job in jobs}
    second = [job for job in jobs if job.baseline in ids]
    return [job for job in jobs if job.baseline not in ids], second


def job_of(
    cell: RunSpec, runs: Path, *, commit: Mapping[str, Any] | None = None, parts: Parts | None = None
) -> Job:
    """The job that makes this cell's run in `runs`."""
    return Job(spec=cell.to_data(), run_id=cell.run_id, runs=str(runs), commit=commit, parts=parts)


def is_complete(folder: Path) -> bool:
    """Whether a run's folder holds a whole run."""
    try:
        return bool(load_manifest(folder)["state"] != RUNNING)
    except KbError:
        return False


def run_job(job: Job, runs: Path | None = None) -> str | None:
    """Make the job's run here, in this process.

    Returns:
        None, or one line on what went wrong: a sweep outlives every cell.
    """
    folder = runs or Path(job.runs)
    if is_complete(folder / job.run_id):  # its process was killed right after the last line
        return None
    spec = parse_spec(job.spec)
    if job.threads is not None and spec.engine["name"] == IN_PROCESS:
        spec = spec.model_copy(update={"engine": {**spec.engine, "threads": job.threads}})
    try:
        run(spec, folder, parts=job.parts, commit=job.commit)
    except KbError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a bug in one cell is reported with it, and the rest goes on
        return " ".join(f"a bug: {type(error).__name__}: {error}".split())
    return None
