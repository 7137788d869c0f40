"""A sweep on Ray: an existing cluster, or one of `workers` processes on this machine.

Workers share no folder with us. A cell's half-done run and the baseline it is held against travel with the job; what
the worker made travels back, and is written into runs/ as each cell ends. Ray starts a cell again whose worker or
machine died: https://docs.ray.io/en/latest/ray-core/fault_tolerance/tasks.html. Every machine needs kb installed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from kb.errors import KbError, UpstreamError, UsageError
from kb.harness.runs import MANIFEST, SAMPLES, write_file
from kb.harness.sweep import Job, Report, run_job
from kb.harness.sweep_local import one_thread

Files = Mapping[str, str]
"""Texts of a run's folder by file name."""


@dataclass(frozen=True)
class OnRay:
    """Where jobs run, and what each takes.

    Attributes:
        address: of a cluster ("auto", "ray://host:10001"); None starts one here, or takes $RAY_ADDRESS.
        workers: how many cells at a time on a cluster that is started here.
        cpus, gpus: what one cell takes; a cluster runs as many cells as fit.
        resources: of other kinds, by the names that the cluster gave them.
        retries: how often a cell is started again after its worker died.
    """

    address: str | None = None
    workers: int = 2
    cpus: float = 1
    gpus: float = 0
    resources: Mapping[str, float] = field(default_factory=dict)
    retries: int = 3

    def __call__(self, jobs: Sequence[Job], report: Report) -> None:
        ray = self._ray()
        remote = ray.remote(work).options(
            num_cpus=self.cpus,
            num_gpus=self.gpus,
            resources=dict(self.resources) or None,
            max_retries=self.retries,
        )
        running = {remote.remote(job, *_luggage(job)): job for job in jobs}
        while running:
            (ended, *_), _ = ray.wait(list(running), num_returns=1)
            job = running.pop(ended)
            try:
                error, files = ray.get(ended)
            except ray.exceptions.RayError as gone:
                report(job, f"Ray: {' '.join(str(gone).split())[:300]}")
                continue
            _unpack(Path(job.runs) / job.run_id, files)
            report(job, error)

    def _ray(self) -> Any:
        """Ray, connected. A cluster that is started here serves all later calls, and ends with this process."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told that we sweep
        try:
            ray: Any = import_module("ray")
        except ImportError:
            raise UsageError(
                "Ray is not installed",
                field="--on ray",
                fix="pip install 'kb-survey[eval-ray]', or --on local",
            ) from None
        if ray.is_initialized():
            return ray
        address = self.address or os.environ.get("RAY_ADDRESS")
        here = {"num_cpus": max(1, round(self.workers * self.cpus)), "include_dashboard": False}
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", **({} if address else here))
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise UpstreamError(
                f"no Ray cluster: {' '.join(str(error).split())[:200]}", field="--address"
            ) from error
        return ray


def work(job: Job, mine: Files, baseline: Files) -> tuple[str | None, dict[str, str]]:
    """On the worker: the run in a folder of its own. Whatever it made comes back, finished or not."""
    one_thread()
    with tempfile.TemporaryDirectory(prefix="kb-sweep-") as name:
        runs = Path(name)
        _unpack(runs / job.run_id, mine)
        if job.baseline:
            _unpack(runs / job.baseline, baseline)
        error = run_job(job, runs)
        return error, _pack(runs / job.run_id)


def _luggage(job: Job) -> tuple[dict[str, str], dict[str, str]]:
    runs = Path(job.runs)
    return _pack(runs / job.run_id), _pack(runs / job.baseline) if job.baseline else {}


def _pack(folder: Path) -> dict[str, str]:
    names = (SAMPLES, MANIFEST)
    return {name: (folder / name).read_bytes().decode() for name in names if (folder / name).exists()}


def _unpack(folder: Path, files: Files) -> None:
    """The manifest last: it is what says that the rest is whole."""
    if not files:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KbError(f"cannot be made: {error.strerror or error}", file=folder) from error
    for name in sorted(files, reverse=True):
        write_file(folder / name, files[name])
