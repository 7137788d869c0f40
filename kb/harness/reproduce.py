"""A run again, from its manifest alone, and what came out differently, sample by sample."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from kb.errors import UsageError
from kb.harness.manifest import COMPLETE, IMPORTED, differences
from kb.harness.results import SampleResult
from kb.harness.run import Parts, Progress, no_progress, run
from kb.harness.runs import Run, load_run
from kb.harness.spec import RunSpec, parse_spec

TOLERANCE = 1e-3
"""Sums of log-probabilities (nats) that are this near are the same: the order of additions is not ours to say."""

_NUMBERS = ("logprob", "answer_logprob", "kl")
_SECTIONS = ("model", "task", "quantization", "calibration", "engine", "libraries", "commit")


@dataclass(frozen=True)
class Difference:
    """One field of one completion."""

    id: str
    k: int
    field: str
    was: Any
    now: Any


@dataclass(frozen=True)
class Reproduction:
    """What a second run says of the first.

    Attributes:
        differences: per sample; empty if it was reproduced.
        settings: what was not the same around it: versions, kernels, weights, commit (dotted name, was, is).
        rounding: the largest difference of a log-probability within the tolerance, nats.
        samples: how many completions were held against each other.
    """

    run_id: str
    samples: int
    differences: tuple[Difference, ...]
    settings: tuple[tuple[str, Any, Any], ...]
    rounding: float

    @property
    def same(self) -> bool:
        return not self.differences

    def to_data(self) -> dict[str, Any]:
        return {
            "run": self.run_id,
            "same": self.same,
            "samples": self.samples,
            "differing_samples": len({(one.id, one.k) for one in self.differences}),
            "differences": [vars(one) for one in self.differences],
            "settings": [{"name": name, "was": was, "now": now} for name, was, now in self.settings],
            "rounding": self.rounding,
        }


def reproduce(
    run_id: str,
    runs: Path,
    *,
    model: str | None = None,
    data: Path | None = None,
    calibration_data: Path | None = None,
    parts: Parts | None = None,
    commit: Mapping[str, Any] | None = None,
    progress: Progress = no_progress,
) -> Reproduction:
    """Run it again in a temporary folder, and hold the two against each other.

    Args:
        model: where the model lies on this machine, if the run's own name for it does not say.
        data, calibration_data: the same of the files that a data set was read from: a manifest names no folder of its
            maker's machine.

    Raises:
        UsageError: the run is not complete, or was made elsewhere; a file of its data set is not here, or is named where
            there is none.
    """
    first = load_run(runs / run_id)
    if first.state == IMPORTED:
        raise UsageError("was made elsewhere, and can only be repeated there", file=run_id)
    if first.state != COMPLETE:
        raise UsageError("is not complete", file=run_id, fix="kb eval run goes on with it")
    with tempfile.TemporaryDirectory(prefix="kb-reproduce-") as folder:
        again = run(
            spec_of(first, model, data, calibration_data),
            Path(folder),
            parts=parts,
            commit=commit,
            baselines=runs,
            progress=progress,
        )
    return hold_against(first, again)


def spec_of(
    run: Run, model: str | None = None, data: Path | None = None, calibration_data: Path | None = None
) -> RunSpec:
    """The spec that a manifest holds, with things where they lie on this machine.

    Raises:
        UsageError: a file is not here, or is named where the run has none.
    """
    changes: dict[str, Any] = {"model": model} if model else {}
    task = dict(run.spec["task"])
    for option, field, path in (
        ("--data", "path", data),
        ("--calibration-data", "calibration_path", calibration_data),
    ):
        if path is not None and not task.get(field):
            raise UsageError(f"{option}: the task {task.get('name')} was given no such file", file=run.id)
        if path is not None:
            task[field] = str(path.resolve())
        elif task.get(field) and not Path(task[field]).exists():
            raise UsageError(
                f"was made from {task[field]}, which is not here",
                file=run.id,
                field=f"task.{field}",
                fix=f"say where it lies: {option} FILE",
            )
    return parse_spec({**run.spec, **changes, "task": task}, file=f"{run.id}/manifest.json")


def hold_against(first: Run, again: Run) -> Reproduction:
    """Per-sample differences between a run and its repetition."""
    found: list[Difference] = []
    rounding = 0.0
    new = again.by_key()
    for old in first.samples:
        other = new.pop((old.id, old.k), None)
        if other is None:
            found.append(Difference(old.id, old.k, "sample", "there", "missing"))
            continue
        for name, was, now in _fields_that_differ(old, other):
            if name in _NUMBERS and was is not None and now is not None and abs(was - now) <= TOLERANCE:
                rounding = max(rounding, abs(was - now))
            else:
                found.append(Difference(old.id, old.k, name, was, now))
    found += [Difference(id, k, "sample", "missing", "there") for id, k in new]
    settings = [
        item
        for section in _SECTIONS
        for item in differences(first.manifest.get(section), again.manifest.get(section), section)
    ]
    return Reproduction(first.id, len(first.samples), tuple(found), tuple(settings), rounding)


def _fields_that_differ(old: SampleResult, new: SampleResult) -> list[tuple[str, Any, Any]]:
    return [
        (field.name, getattr(old, field.name), getattr(new, field.name))
        for field in fields(SampleResult)
        if getattr(old, field.name) != getattr(new, field.name)
    ]
