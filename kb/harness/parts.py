"""The real parts of a run: tasks, models, quantizers and engines by the names that a spec gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.errors import UsageError
from kb.harness.run import Bench, CalibrationText
from kb.harness.spec import IN_PROCESS, CalibrationSpec, RunSpec, is_full
from kb.harness.types import Engine, Frozen, Task, parse_options, tuples

if TYPE_CHECKING:
    from kb.harness.engines.transformers import TransformersEngine
    from kb.harness.loading import Loaded
    from kb.harness.models import ModelRef
    from kb.harness.quant import Calibration, KvConfig


@dataclass(frozen=True)
class RealParts:
    """See `kb.harness.run.Parts`.

    Attributes:
        root: the knowledge base, where a spec's relative paths of models begin.
    """

    root: str | None = None

    def task(self, options: Mapping[str, Any]) -> Task:
        from kb.harness.tasks import make_task

        return make_task(options)

    def complete(self, spec: RunSpec) -> RunSpec:
        """Every default of every part spelled out: an id names all that decides the results."""
        from kb.harness.engines import engine_options
        from kb.harness.quant import make_quantizer, options_of

        kv, quantizer = _kv(spec), make_quantizer(spec.quantizer)
        changes: dict[str, Any] = {
            "task": options_of_task(self.task(spec.task)),
            "quantizer": dict(options_of(quantizer)),
            "kv": kv.model_dump(mode="json") if kv else None,
            "engine": {"name": spec.engine["name"], **engine_options(spec.engine).model_dump(mode="json")},
        }
        if spec.calibration is None and quantizer.needs_calibration:
            changes["calibration"] = CalibrationSpec()
        elif spec.calibration is not None and spec.calibration.task is not None:
            other = options_of_task(self.task(spec.calibration.task))
            changes["calibration"] = spec.calibration.model_copy(update={"task": other})
        return spec.model_copy(update=tuples(changes))

    def needs_calibration(self, spec: RunSpec) -> bool:
        from kb.harness.quant import make_quantizer

        needs = make_quantizer(spec.quantizer).needs_calibration
        if spec.calibration is not None and not needs:
            raise UsageError(
                f"{spec.quantizer['method']} looks at no text", field="calibration", fix="leave it out"
            )
        return needs

    def resolve(self, spec: RunSpec) -> ModelRef:
        from kb.harness.models import resolve_model

        name = spec.model
        if self.root is not None and "://" not in name and (Path(self.root) / name).exists():
            name = str(Path(self.root) / name)
        ref = resolve_model(name, trust_remote_code=spec.trust_remote_code)
        # A manifest names a model as its spec does, so that it can be found again from there.
        return ref if name == spec.model or Path(spec.model).is_absolute() else replace(ref, id=spec.model)

    def open(self, spec: RunSpec, model: ModelRef, calibration: CalibrationText | None) -> Bench:
        if spec.engine["name"] != IN_PROCESS:
            from kb.harness.engines import open_engine

            return Elsewhere(open_engine(spec.engine, model))
        return _in_process(spec, model, calibration)


def options_of_task(task: Task) -> dict[str, Any]:
    """Plain data from which `make_task` makes the same task again."""
    options = task.model_dump(mode="json") if isinstance(task, Frozen) else {}
    return {"name": task.name, **options}


def _kv(spec: RunSpec) -> KvConfig | None:
    from kb.harness.quant import KvConfig

    return parse_options(KvConfig, spec.kv, "kv") if spec.kv is not None else None


@dataclass
class Elsewhere:
    """An engine that holds the model itself: a server, llama.cpp."""

    engine: Engine
    quantization: Mapping[str, Any] | None = None

    def prompt(self, text: str) -> str:
        return text

    def kl(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        raise UsageError("the engine does not hold the model itself", field="kl", fix="leave kl out")

    def close(self) -> None:
        self.engine.close()


@dataclass
class InProcess:
    """A transformers model in this process, and a second copy at full precision where the divergence is asked for."""

    engine: TransformersEngine
    loaded: Loaded
    quantization: Mapping[str, Any] | None
    full: TransformersEngine | None

    def prompt(self, text: str) -> str:
        return self.loaded.chat_prompt(text)

    def kl(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        from kb.harness.engines.transformers import divergence

        if self.full is None:
            raise UsageError("nothing was quantized", field="kl")
        rows = [_ids(self.loaded, prompt, solution) for prompt, solution in pairs]
        found = divergence(self.full, self.engine, rows)
        self.full.close()
        self.full = None  # its memory is needed now
        return found

    def close(self) -> None:
        self.engine.close()
        if self.full is not None:
            self.full.close()


def _in_process(spec: RunSpec, model: ModelRef, calibration: CalibrationText | None) -> InProcess:
    import torch

    from kb.harness.engines import engine_options
    from kb.harness.engines.transformers import TransformersEngine, TransformersOptions
    from kb.harness.models import load_model
    from kb.harness.quant import make_quantizer

    options = engine_options(spec.engine)
    assert isinstance(options, TransformersOptions)  # noqa: S101 - for the types; ENGINES says so
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(spec.seed)  # of methods that draw; completions have draws of their own

    def load() -> Loaded:
        return load_model(
            model,
            device=options.device,
            dtype=options.dtype,
            trust_remote_code=spec.trust_remote_code,
            attention=options.attention,
        )

    loaded = load()
    full = TransformersEngine(load(), options) if spec.kl and not is_full(spec) else None
    quantizer = make_quantizer(spec.quantizer)
    report = None
    if quantizer.method != "none" or not getattr(loaded.model, "is_quantized", False):
        rows = _calibration(spec, loaded, calibration)
        report = quantizer.apply(loaded.model, rows).to_data()
    return InProcess(TransformersEngine(loaded, options, _kv(spec)), loaded, report, full)


def _calibration(spec: RunSpec, loaded: Loaded, text: CalibrationText | None) -> Calibration | None:
    from kb.harness.quant import Calibration

    if text is None:
        return None
    context = loaded.context
    rows = []
    for prompt, solution in text.pairs:
        before, after = _ids(loaded, loaded.chat_prompt(prompt) if spec.chat else prompt, solution)
        rows.append(tuple([*before, *after][:context]))
    return Calibration(rows, text.source)


def _ids(loaded: Loaded, prompt: str, solution: str) -> tuple[list[int], list[int]]:
    """Ids of a prompt as the engine reads it, and of what follows, without special tokens of its own."""
    after = loaded.tokenizer(solution, add_special_tokens=False)["input_ids"]
    return loaded.encode(prompt), [int(id) for id in after]
