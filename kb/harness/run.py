"""One run from spec to results: resolve, load, quantize, generate, score; append each batch; go on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from kb.errors import RunStopped, UsageError
from kb.harness.judge import result_of
from kb.harness.manifest import (
    COMPLETE,
    RUNNING,
    first_difference,
    first_manifest,
    peak_memory_bytes,
    resumed,
    rounded,
)
from kb.harness.memory import memory_counts
from kb.harness.results import SampleResult
from kb.harness.runs import Key, Run, RunWriter, load_manifest, load_run
from kb.harness.spec import CalibrationSpec, RunSpec, data_hash, is_full, portable
from kb.harness.types import Engine, Request, Sample, Split, Task

FLUSH_EVERY = 32
FLUSH_SECONDS = 2.0
Progress = Callable[[int, int], None]
"""Called with how many completions are done, and of how many."""


def no_progress(done: int, total: int) -> None:
    """Shows nothing."""


class NamedModel(Protocol):
    """What a spec's model turned out to be (kb.harness.models.ModelRef)."""

    @property
    def already_quantized(self) -> str | None: ...

    def to_data(self) -> Mapping[str, Any]:
        """id, revision, weight_hash, format, already_quantized, facts: what a manifest keeps."""
        ...


class Bench(Protocol):
    """A model that is loaded, quantized and ready."""

    @property
    def engine(self) -> Engine: ...

    @property
    def quantization(self) -> Mapping[str, Any] | None:
        """The quantizer's report; None where the engine holds the model."""
        ...

    def prompt(self, text: str) -> str:
        """A user's message in the model's chat format."""
        ...

    def kl(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        """For each (prompt, solution): mean KL divergence from full precision over the solution's tokens, nats."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class CalibrationText:
    """What a quantizer may look at: whole texts (prompt and solution), and how a reader knows them."""

    pairs: tuple[tuple[str, str], ...]
    source: str

    def to_data(self) -> dict[str, Any]:
        return {"source": self.source, "n": len(self.pairs), "hash": data_hash(list(map(list, self.pairs)))}


class Parts(Protocol):
    """Where a run gets its parts from. `kb.harness.parts` has the real ones."""

    def task(self, options: Mapping[str, Any]) -> Task: ...

    def complete(self, spec: RunSpec) -> RunSpec:
        """The spec with the defaults of its task, quantizer, engine and cache written out.

        Raises:
            UsageError: an option that one of them does not know.
        """
        ...

    def needs_calibration(self, spec: RunSpec) -> bool: ...

    def resolve(self, spec: RunSpec) -> NamedModel: ...

    def open(self, spec: RunSpec, model: Any, calibration: CalibrationText | None) -> Bench: ...


def run(
    spec: RunSpec,
    runs: Path,
    *,
    parts: Parts | None = None,
    commit: Mapping[str, Any] | None = None,
    baselines: Path | None = None,
    progress: Progress = no_progress,
) -> Run:
    """Make the run, or what is missing of it, in `runs`/<id>.

    Args:
        parts: where task, model and engine come from; the real ones by default.
        commit: of the knowledge base, for the manifest.
        baselines: where the spec's baseline run lies, if not in `runs`.

    Raises:
        UsageError: the spec asks for what cannot be; the run is complete already, or was begun with other settings.
        RunStopped, UpstreamError: it cannot go on; what was done is kept, and the same call goes on from there.
    """
    parts = parts or real_parts()
    spec = parts.complete(spec)
    folder = runs / spec.run_id
    refuse_complete(folder)
    job = _plan(spec, parts, baselines or runs)
    model = parts.resolve(spec)
    _refuse_false_baseline(spec, model.already_quantized)
    manifest = first_manifest(spec, task=job.task, samples=job.samples, model=model.to_data(), commit=commit)
    manifest["calibration"] = job.calibration.to_data() if job.calibration else None
    with RunWriter(folder, manifest) as writer:
        began = time.monotonic()
        if job.missing(writer):
            with _memory(), closing(parts.open(spec, model, job.calibration)) as bench:
                writer.update(
                    {
                        "engine": resumed(writer.manifest["engine"], portable(rounded(bench.engine.facts()))),
                        "quantization": rounded(bench.quantization),
                    }
                )
                opened = time.monotonic()
                _generate(job, bench, writer, progress, load_s=opened - began)
        return writer.complete(job.order, {})


def real_parts() -> Parts:
    """Tasks, models and engines by the names that a spec gives them; loaded when first needed."""
    from kb.harness.parts import RealParts

    return RealParts()


def refuse_complete(folder: Path) -> None:
    """Say so before anything is loaded."""
    if (folder / "manifest.json").exists() and load_manifest(folder)["state"] != RUNNING:
        raise UsageError(
            "is complete and is not overwritten",
            file=folder,
            fix="kb eval show prints it, kb eval reproduce runs it again beside it",
        )


@dataclass(frozen=True)
class _Job:
    """What is known before a model is loaded."""

    spec: RunSpec
    task: Task
    samples: tuple[Sample, ...]
    calibration: CalibrationText | None
    baseline: Mapping[Key, SampleResult]

    @property
    def order(self) -> list[Key]:
        return [(sample.id, k) for sample in self.samples for k in range(self.spec.decoding.samples_per_item)]

    def missing(self, writer: RunWriter) -> list[tuple[int, int]]:
        """(index of the sample, k) of what is not on disk."""
        return [
            (index, k)
            for index, sample in enumerate(self.samples)
            for k in range(self.spec.decoding.samples_per_item)
            if (sample.id, k) not in writer.done
        ]


def _plan(spec: RunSpec, parts: Parts, baselines: Path) -> _Job:
    task = parts.task(spec.task)
    samples = tuple(task.samples(spec.n, spec.seed))
    if not samples:
        raise UsageError(
            "the task has no samples", field="task", fix="choose other options; see kb eval tasks"
        )
    if spec.kl and not is_full(spec) and any(sample.solution is None for sample in samples):
        raise UsageError(
            f"the task {task.name} has no whole solutions to measure a divergence on",
            field="kl",
            fix="leave kl out, or take a task that has them: chain",
        )
    calibration = _calibration(spec, parts, task, samples) if parts.needs_calibration(spec) else None
    return _Job(spec, task, samples, calibration, _baseline(spec, baselines))


def _calibration(spec: RunSpec, parts: Parts, task: Task, samples: Sequence[Sample]) -> CalibrationText:
    from kb.harness.quant import keep_apart

    wanted = spec.calibration or CalibrationSpec()
    source = parts.task(wanted.task) if wanted.task else task
    texts = source.samples(wanted.n, wanted.seed, Split.CALIBRATION)
    keep_apart(texts, samples)
    pairs = tuple((spec.prompt(sample.prompt), sample.solution or sample.answer) for sample in texts)
    return CalibrationText(
        pairs, f"{source.name} {source.version}, calibration split, seed {wanted.seed}, n {len(pairs)}"
    )


def _baseline(spec: RunSpec, runs: Path) -> Mapping[Key, SampleResult]:
    """Results of the run that this one is held against.

    Raises:
        UsageError: it is not there, not complete, or did something else with other samples.
    """
    if spec.baseline is None:
        return {}
    found = load_run(runs / spec.baseline)
    if found.state != COMPLETE:
        raise UsageError(
            "is not complete", file=spec.baseline, field="baseline", fix="run it to its end first"
        )
    mine = spec.to_data()
    alike = ("task", "seed", "template", "chat", "decoding")
    theirs = {name: found.spec.get(name) for name in alike} | {"engine": found.spec["engine"]["name"]}
    ours = {name: mine[name] for name in alike} | {"engine": mine["engine"]["name"]}
    if difference := first_difference(theirs, ours, [*alike, "engine"]):
        name, before, now = difference
        raise UsageError(
            f"has {name} {before!r}, this run {now!r}: they cannot be held against each other",
            file=spec.baseline,
            field="baseline",
        )
    if found.spec["n"] < spec.n:
        raise UsageError(
            f"has {found.spec['n']} samples, this run {spec.n}", file=spec.baseline, field="baseline"
        )
    if any(sample.output is None for sample in found.samples):
        raise UsageError(
            "keeps only hashes of its outputs: nobody can say where others leave them",
            file=spec.baseline,
            field="baseline",
            fix="make it again without keep_outputs: false, or leave baseline out",
        )
    _refuse_false_baseline(spec, found.manifest["model"].get("already_quantized"))
    return found.by_key()


def _refuse_false_baseline(spec: RunSpec, already: str | None) -> None:
    """A model that somebody quantized already runs as it is, but nothing is called its full precision unawares."""
    if spec.starts_from is not None and spec.starts_from != already:
        raise UsageError(
            f"the model is {already or 'not quantized'}, not {spec.starts_from}", field="starts_from"
        )
    if already and spec.starts_from is None and (not is_full(spec) or spec.kl or spec.baseline):
        raise UsageError(
            f"is quantized already ({already}), so it is no full-precision baseline",
            field="model",
            fix=f'take a full-precision model, or say what it starts from: starts_from: "{already}"',
        )


def _generate(job: _Job, bench: Bench, writer: RunWriter, progress: Progress, *, load_s: float) -> None:
    """Complete what is missing, and keep each batch as it comes."""
    missing = job.missing(writer)
    total = len(job.order)
    progress(total - len(missing), total)
    divergence = _divergence(job, bench, {index for index, _ in missing})
    requests = [Request(index, _prompt(job, bench, index), k) for index, k in missing]
    waiting: list[SampleResult] = []
    meter = _Meter(writer.manifest.get("measured"), load_s)
    last = time.monotonic()
    try:
        for request, completion in bench.engine.generate(requests, job.spec.decoding):
            sample = job.samples[request.index]
            meter.tokens += completion.tokens
            waiting.append(
                result_of(
                    sample,
                    request.k,
                    completion,
                    job.task.score(sample, completion.text),
                    baseline=job.baseline.get((sample.id, request.k)),
                    kl=divergence.get(request.index),
                    keep_output=job.spec.keep_outputs,
                )
            )
            if len(waiting) >= FLUSH_EVERY or time.monotonic() - last > FLUSH_SECONDS:
                batch, waiting = waiting, []  # a batch that cannot be written is not tried again below
                writer.append(batch)
                last = time.monotonic()
                progress(len(writer.done), total)
    finally:
        writer.append(waiting)
        writer.update({"measured": meter.to_data()})
        progress(len(writer.done), total)
    if left := len(job.missing(writer)):
        raise RunStopped(f"the engine left {left} of {total} prompts unanswered", fix="run it again")


def _prompt(job: _Job, bench: Bench, index: int) -> str:
    text = job.spec.prompt(job.samples[index].prompt)
    return bench.prompt(text) if job.spec.chat else text


def _divergence(job: _Job, bench: Bench, indices: set[int]) -> dict[int, float]:
    """KL by index of the sample; empty if it is not asked for, or nothing was quantized."""
    if not job.spec.kl or is_full(job.spec):
        return {}
    ordered = sorted(indices)
    pairs = [(_prompt(job, bench, index), job.samples[index].solution or "") for index in ordered]
    return dict(zip(ordered, bench.kl(pairs), strict=True))


class _Meter:
    """Speed and memory; adds to what the first half of a run that was killed measured."""

    def __init__(self, before: Mapping[str, Any] | None, load_s: float) -> None:
        self.before = before or {}
        self.load_s = load_s
        self.began = time.monotonic()
        self.tokens = 0

    def to_data(self) -> dict[str, Any]:
        seconds = time.monotonic() - self.began + self.before.get("generate_s", 0.0)
        tokens = self.tokens + self.before.get("tokens", 0)
        peak = max(peak_memory_bytes() or 0, self.before.get("peak_memory_bytes") or 0)
        return {
            "load_s": round(self.load_s + self.before.get("load_s", 0.0), 3),
            "generate_s": round(seconds, 3),
            "tokens": tokens,
            "tokens_per_s": round(tokens / seconds, 1) if seconds > 0 else None,
            "peak_memory_bytes": peak or None,
        }


def _memory() -> AbstractContextManager[None]:
    """The run stops, and can go on with a smaller batch, or elsewhere."""
    return memory_counts(
        "no memory is left", "take a smaller batch_size or a smaller model; what was done is kept"
    )
