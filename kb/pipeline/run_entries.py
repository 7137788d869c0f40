"""Runs of the harness as the API lists them: what was run, and how much of it was right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kb.config import Config
from kb.render.api_models import RunEntry, Share

if TYPE_CHECKING:
    from kb.harness.results import SampleResult
    from kb.harness.runs import Run

_DIGITS = 4
_FULL = 16.0  # bits of what is not quantized


def runs_if_any(config: Config) -> list[Run]:
    """Every run with its samples. The harness is loaded only where there is one.

    Raises:
        DataError: a run cannot be read.
    """
    if not any((config.root / "runs").glob("*/manifest.json")):
        return []
    from kb.pipeline.claims import load_runs

    return load_runs(config)


def run_entries(runs: Sequence[Run]) -> tuple[RunEntry, ...]:
    """Those that are not under way."""
    return tuple(_entry(run) for run in runs if run.state != "running")


def _entry(run: Run) -> RunEntry:
    manifest = run.manifest
    model, task, spec = manifest["model"], manifest["task"], manifest["spec"]
    quantization = manifest.get("quantization") or {}
    cache = (manifest.get("engine") or {}).get("kv") or spec.get("kv") or {}
    groups: dict[str, list[SampleResult]] = {}
    for sample in run.samples:
        groups.setdefault(sample.group, []).append(sample)
    version = task.get("version")
    return RunEntry(
        id=run.id,
        state=run.state,
        model=str(model["id"]),
        weight_hash=model.get("weight_hash"),
        method=str(quantization.get("method") or "none"),
        weight_bits=float(quantization.get("weight_bits") or _FULL),
        act_bits=float(quantization.get("act_bits") or _FULL),
        kv_bits=float(cache.get("bits") or _FULL),
        effective_bits=_rounded(quantization.get("effective_bits")),
        task=str(task["name"]),
        task_version=None if version is None else str(version),
        seed=task.get("seed"),
        baseline=spec.get("baseline"),
        accuracy=_share(run.samples),
        unscored=sum(sample.score is None for sample in run.samples),
        groups={group: _share(groups[group]) for group in sorted(groups) if len(groups) > 1},
    )


def _share(samples: Sequence[SampleResult]) -> Share:
    from kb.harness.metrics.accuracy import accuracy

    rate = accuracy(samples).rate
    return Share(value=_rounded(rate.value), low=_rounded(rate.low), high=_rounded(rate.high), items=rate.n)


def _rounded(value: Any) -> float | None:
    """None for what is no number, and so that machines which differ in the last bits agree."""
    return None if value is None or not math.isfinite(value) else round(float(value), _DIGITS)
