"""A sweep in processes of this machine: one thread of torch each, since threads that wait for each other cost more."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from threading import Thread

from kb.harness.sweep import Job, Report, run_job

TRIES = 2
"""A cell whose process was killed twice (by the system, for its memory) is given up."""


@dataclass(frozen=True)
class Local:
    """Runs jobs in `workers` processes that are started afresh (spawn: torch does not survive a fork)."""

    workers: int = 1

    def __call__(self, jobs: Sequence[Job], report: Report) -> None:
        tries: Counter[str] = Counter()
        waiting = list(jobs)
        while waiting:
            killed = self._until_one_is_killed(waiting, report)
            for job in killed:
                tries[job.run_id] += 1
                if tries[job.run_id] >= TRIES:
                    report(job, "its process was killed twice: is there enough memory?")
                else:
                    waiting.append(job)

    def _until_one_is_killed(self, waiting: list[Job], report: Report) -> list[Job]:
        """Work off `waiting`; the jobs that ran when a process was killed, since nobody knows whose it was."""
        running: dict[Future[str | None], Job] = {}
        with ProcessPoolExecutor(
            min(self.workers, len(waiting)), mp_context=get_context("spawn"), initializer=begin
        ) as pool:
            killed: list[Job] = []
            while (waiting and not killed) or running:
                try:
                    while waiting and not killed and len(running) < self.workers:
                        running[pool.submit(run_job, waiting[0])] = waiting[0]
                        del waiting[0]  # one by one: what waits here was not killed
                except BrokenProcessPool:
                    pass  # those that are running say so
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        killed.append(job)
                    else:
                        report(job, future.result())
        return killed


def begin() -> None:
    """What a worker does first: threads, before torch is imported, and an eye on the process that it works for."""
    one_thread()
    Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    """A sweep that is killed takes its workers along: what they have done is kept, the next sweep goes on from there."""
    if (parent := parent_process()) is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def one_thread() -> None:
    """Before torch is imported; afterwards it is too late for some of its libraries."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
