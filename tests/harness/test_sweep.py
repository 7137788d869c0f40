"""Sweeps: every cell once, whatever dies on the way, and the results are those of runs made one by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kb.harness.run import run
from kb.harness.runs import load_run
from kb.harness.slurm import slurm_script
from kb.harness.spec import RunSpec, parse_grid
from kb.harness.sweep import Job, Outcome, Report, State, run_job, sweep
from kb.harness.sweep_local import Local
from tests.harness.fakes import FakeBench, FakeParts, Named

GRID: dict[str, Any] = {
    "model": "m",
    "task": {"name": "chain", "steps": [2, 4]},
    "n": 8,
    "quantizer": ["none", "rtn", "hqq"],
    "seed": [0, 1],
    "baseline": "full",
}


def cells(**changes: Any) -> list[RunSpec]:
    return parse_grid({**GRID, **changes}, complete=FakeParts().complete)


class Here:
    """The simplest backend: in this process, one after the other."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(self, jobs: Sequence[Job], report: Report) -> None:
        for job in jobs:
            self.ran.append(job.run_id)
            report(job, run_job(job))


@dataclass
class Faulty(FakeParts):
    """Parts with a method that fails, and one that kills its process the first time, or each time."""

    fails: str = ""
    kills: str = ""
    mark: str = ""

    def open(self, spec: RunSpec, model: Named, calibration: Any) -> FakeBench:
        method = spec.quantizer["method"]
        if method == self.fails:
            raise RuntimeError("shapes\ndo not fit")
        if method == self.kills and not (self.mark and Path(self.mark).exists()):
            if self.mark:
                Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().open(spec, model, calibration)


def samples(runs: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in runs.glob("*/samples.jsonl")}


def one_by_one(runs: Path) -> dict[str, bytes]:
    """What a sweep should come to."""
    for cell in cells():
        run(cell, runs, parts=FakeParts())
    return samples(runs)


def test_a_sweep_makes_every_cell_and_baselines_first(tmp_path: Path) -> None:
    """With the results of runs made one by one; progress counts to the end."""
    seen: list[tuple[int, int]] = []
    backend = Here()
    report = sweep(
        cells(),
        tmp_path / "runs",
        backend,
        parts=FakeParts(),
        progress=lambda outcome, done, total: seen.append((done, total)),
    )
    assert [outcome.state for outcome in report.outcomes] == [State.DONE] * 6
    assert [id.split("-")[1] for id in backend.ran[:2]] == ["none", "none"]
    assert seen == [(done, 6) for done in range(1, 7)]
    assert samples(tmp_path / "runs") == one_by_one(tmp_path / "alone")


def test_cells_that_are_complete_are_left_alone(tmp_path: Path) -> None:
    """A sweep that was stopped goes on with what is missing."""
    sweep(cells(quantizer=["none"]), tmp_path, Here(), parts=FakeParts())
    before = samples(tmp_path)
    backend = Here()
    report = sweep(cells(), tmp_path, backend, parts=FakeParts())
    assert [outcome.state for outcome in report.outcomes].count(State.SKIPPED) == 2
    assert len(backend.ran) == 4
    assert before.items() <= samples(tmp_path).items()
    again = Here()
    sweep(cells(), tmp_path, again, parts=FakeParts())
    assert again.ran == []


def test_a_cell_that_was_made_with_other_weights_is_no_cell_of_this_sweep(tmp_path: Path) -> None:
    """A model that was trained again under its old name does not pass for the one that was measured."""
    grid = cells(quantizer=["none"], baseline=None)
    sweep(grid, tmp_path, Here(), parts=FakeParts())
    before = samples(tmp_path)
    report = sweep(grid, tmp_path, Here(), parts=FakeParts(weight_hash="1" * 16))
    assert [outcome.state for outcome in report.outcomes] == [State.FAILED] * 2
    assert "model.weight_hash" in report.failed[0].message
    assert samples(tmp_path) == before


def test_a_cell_that_fails_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    """In one line."""
    report = sweep(cells(), tmp_path, Here(), parts=Faulty(fails="rtn"))
    assert [outcome.id.split("-")[1] for outcome in report.failed] == ["rtn", "rtn"]
    assert {outcome.message for outcome in report.failed} == {"a bug: RuntimeError: shapes do not fit"}
    assert len(samples(tmp_path)) == 4
    assert [o.state for o in report.outcomes].count(State.DONE) == 4


def test_cells_whose_baseline_failed_say_so(tmp_path: Path) -> None:
    """They are not run against nothing."""
    report = sweep(cells(), tmp_path, Here(), parts=Faulty(fails="none"))
    assert len(report.failed) == 6
    assert {o.message.split(":")[0] for o in report.failed} == {"a bug", "its baseline failed"}


@pytest.mark.slow
def test_processes_come_to_the_same_results(tmp_path: Path) -> None:
    """Two workers, and one of them is killed in the middle: its cell is run again."""
    parts = Faulty(kills="rtn", mark=str(tmp_path / "killed"))
    report = sweep(cells(), tmp_path / "runs", Local(2), parts=parts)
    assert (tmp_path / "killed").exists()
    assert report.failed == []
    assert samples(tmp_path / "runs") == one_by_one(tmp_path / "alone")


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_a_cell_that_always_kills_its_process_is_given_up(tmp_path: Path, workers: int) -> None:
    """And the others are done, also those that ran beside it."""
    report = sweep(cells(baseline=None, seed=0), tmp_path, Local(workers), parts=Faulty(kills="rtn"))
    assert [(o.id.split("-")[1], o.state) for o in report.outcomes] == [
        ("none", State.DONE),
        ("rtn", State.FAILED),
        ("hqq", State.DONE),
    ]
    assert "killed twice" in report.failed[0].message


@pytest.mark.slow
def test_ray_survives_the_death_of_a_worker(tmp_path: Path) -> None:
    """A real cluster of two workers on this machine; one is killed, and the results are still those of single runs."""
    pytest.importorskip("ray")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kb.harness.sweep import sweep\n"
        "from kb.harness.sweep_ray import OnRay\n"
        "from tests.harness.test_sweep import Faulty, cells\n"
        "folder = Path(sys.argv[1])\n"
        "parts = Faulty(kills='rtn', mark=str(folder / 'killed'))\n"
        "report = sweep(cells(), folder / 'runs', OnRay(workers=2), parts=parts)\n"
        "print([outcome.message for outcome in report.failed])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
    assert (tmp_path / "killed").exists()
    assert samples(tmp_path / "runs") == one_by_one(tmp_path / "alone")
    assert load_run(tmp_path / "runs" / cells()[0].run_id).state == "complete"


def test_the_slurm_script_runs_every_cell_once_and_baselines_first(tmp_path: Path) -> None:
    """With a stand-in for sbatch that runs the array it is given."""
    script, log = tmp_path / "my sweep.sh", tmp_path / "log"
    kb = tmp_path / "kb"
    kb.write_text(f'#!/bin/sh\necho "$@" >> {log}\n')
    sbatch = tmp_path / "sbatch"
    sbatch.write_text(
        "#!/bin/sh\n"
        f'echo "$@" >> {log}\n'
        'for word in "$@"; do case "$word" in --array=*) range="${word#--array=}";; esac; script="$word"; done\n'
        'for i in $(seq "${range%-*}" "${range#*-}"); do SLURM_ARRAY_TASK_ID=$i sh "$script"; done\n'
        'echo "17;cluster"\n'
    )
    for path in (kb, sbatch):
        path.chmod(0o755)
    grid = cells()
    script.write_text(slurm_script(grid, command=["kb", "eval", "sweep", "my grid.yaml"], file=str(script)))
    path = f"{tmp_path}:{os.environ['PATH']}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")} | {"PATH": path}
    subprocess.run(["sh", str(script)], env=env, check=True, capture_output=True)
    lines = log.read_text().splitlines()
    assert lines[0] == f"--parsable --array=0-1 {script}"
    assert lines[1:3] == [f"eval sweep my grid.yaml --cell {cell}" for cell in (0, 1)]
    assert lines[3] == f"--dependency=afterany:17 --array=2-5 {script}"
    assert lines[4:] == [f"eval sweep my grid.yaml --cell {cell}" for cell in range(2, 6)]


def test_outcomes_come_in_the_order_of_the_grid(tmp_path: Path) -> None:
    """Whatever order a backend ends them in."""

    def backwards(jobs: Sequence[Job], report: Report) -> None:
        for job in reversed(jobs):
            report(job, run_job(job))

    grid = cells()
    report = sweep(grid, tmp_path, backwards, parts=FakeParts())
    assert report.outcomes == [Outcome(cell.run_id, State.DONE) for cell in grid]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes as Linux shows them")
def test_workers_end_with_a_sweep_that_is_killed() -> None:
    """SIGKILL leaves no time to say goodbye: they see it by themselves."""
    code = (
        "import os, sys, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "from kb.harness.sweep_local import begin\n"
        "if __name__ == '__main__':\n"
        "    with ProcessPoolExecutor(1, mp_context=get_context('spawn'), initializer=begin) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as sweep:
        assert sweep.stdout is not None
        worker = int(sweep.stdout.readline())
        assert is_running(worker)
        sweep.kill()
        sweep.wait()
        deadline = time.monotonic() + 30
        while is_running(worker):
            assert time.monotonic() < deadline, "the worker outlives its sweep"
            time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether the process is there and more than a body that nobody has fetched."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
