"""A bench without a model: real tasks, an engine that knows the answers, and scripted faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kb.errors import RunStopped, UpstreamError
from kb.harness.run import CalibrationText
from kb.harness.spec import RunSpec
from kb.harness.tasks import make_task
from kb.harness.tasks.chain import ChainTask
from kb.harness.types import Completion, Decoding, Frozen, Request, Sample, Split, Task


class Knows:
    """An engine that answers from the gold solutions, one character a token.

    Args:
        wrong_every: every so many prompts the answer is wrong.
        stops_after: raises `fault` after so many completions.
    """

    def __init__(
        self,
        samples: Mapping[str, Sample],
        *,
        wrong_every: int = 0,
        stops_after: int | None = None,
        fault: BaseException | None = None,
        logprob: float = -0.25,
        device: str = "cpu",
    ) -> None:
        self.samples = samples
        self.wrong_every = wrong_every
        self.stops_after = stops_after
        self.fault = fault or UpstreamError("the server has gone")
        self.logprob = logprob
        self.device = device
        self.answered: list[Request] = []
        self.closed = False

    def generate(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, Completion]]:
        for request in reversed(requests):  # any order is allowed
            if self.stops_after is not None and len(self.answered) >= self.stops_after:
                raise self.fault
            sample = self.samples[request.prompt]
            text = sample.solution or sample.answer
            if self.wrong_every and int(sample.id.split("-")[1]) % self.wrong_every == 0:
                text = text[:-1] + ("0" if text[-1] != "0" else "1")
            self.answered.append(request)
            count = len(text) + 1
            yield (
                request,
                Completion(
                    text=text,
                    tokens=count,
                    finish="stop",
                    token_ids=(*map(ord, text), 0),
                    logprobs=(self.logprob,) * count,
                    offsets=tuple(range(count)),
                ),
            )

    def facts(self) -> Mapping[str, Any]:
        return {"name": "knows", "device": self.device, "dtype": "float32", "threads": 1}

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class Named:
    """A model that is only a name."""

    id: str
    already_quantized: str | None = None
    weight_hash: str = "0" * 16

    def to_data(self) -> dict[str, Any]:
        return {"id": self.id, "weight_hash": self.weight_hash, "already_quantized": self.already_quantized}


@dataclass
class FakeBench:
    engine: Knows
    quantization: dict[str, Any]

    def prompt(self, text: str) -> str:
        return text

    def kl(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        return [len(solution) / 1000 for _, solution in pairs]

    def close(self) -> None:
        self.engine.close()


class Once:
    """A task that offers the same texts for every use: a data set without splits."""

    name, version = "once", "1"

    def samples(self, n: int, seed: int, split: Split = Split.EVAL) -> list[Sample]:
        return [Sample(id=f"{seed}-{index}", prompt=f"{index}?", answer=str(index)) for index in range(n)]

    def score(self, sample: Sample, output: str) -> Any:
        return ChainTask().score(sample, output)


@dataclass
class FakeParts:
    """Parts whose engine is `Knows`, with the given arguments."""

    engine: dict[str, Any] = field(default_factory=dict)
    already_quantized: str | None = None
    weight_hash: str = "0" * 16
    open_fault: BaseException | None = None
    seen: list[CalibrationText | None] = field(default_factory=list)
    engines: list[Knows] = field(default_factory=list)

    def task(self, options: Mapping[str, Any]) -> Task:
        if options["name"] == "once":
            return Once()
        return make_task(options)

    def complete(self, spec: RunSpec) -> RunSpec:
        task = self.task(spec.task)
        options = task.model_dump(mode="json") if isinstance(task, Frozen) else {}
        return spec.model_copy(update={"task": {"name": task.name, **options}})

    def needs_calibration(self, spec: RunSpec) -> bool:
        return spec.quantizer["method"] == "gptq"

    def resolve(self, spec: RunSpec) -> Named:
        return Named(spec.model, self.already_quantized, self.weight_hash)

    def open(self, spec: RunSpec, model: Named, calibration: CalibrationText | None) -> FakeBench:
        if self.open_fault is not None:
            raise self.open_fault
        self.seen.append(calibration)
        samples = self.task(spec.task).samples(spec.n, spec.seed)
        engine = Knows({spec.prompt(sample.prompt): sample for sample in samples}, **self.engine)
        self.engines.append(engine)
        return FakeBench(engine, dict(spec.quantizer))


def stopped(message: str = "numbers that are not finite") -> RunStopped:
    return RunStopped(message)
