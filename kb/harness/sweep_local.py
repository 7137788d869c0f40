"""A sweep in processes of this machine: one thread of torch each, since threads that wait for each other cost more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from threading import Thread

from kb.harness.sweep import Job, Report, run_job


@dataclass(frozen=True)
class Local:
    """Runs jobs in `workers` processes that are started afresh (spawn: torch does not survive a fork).

    Where a process is killed (by the system, for its memory), the cells that ran are made again, one at a time; one
    whose process is killed then, too, is given up.
    """

    workers: int = 1

    def __call__(self, jobs: Sequence[Job], report: Report) -> None:
        waiting = list(jobs)
        while waiting:
            for job in _until_one_is_killed(waiting, report, self.workers):
                # One of those that ran; alone, there is no doubt which, and all the memory for it.
                if _until_one_is_killed([job], report, 1):
                    report(job, "its process was killed twice: is there enough memory?")


def _until_one_is_killed(waiting: list[Job], report: Report, workers: int) -> list[Job]:
    """Work off `waiting`; the jobs that ran when a process was killed, since nobody knows whose it was."""
    running: dict[Future[str | None], Job] = {}
    killed: list[Job] = []
    with ProcessPoolExecutor(
        min(workers, len(waiting)), mp_context=get_context("spawn"), initializer=begin
    ) as pool:
        while (waiting and not killed) or running:
            try:
                while waiting and not killed and len(running) < workers:
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
