"""The words of the harness: samples, completions, scores, and the small protocols between its parts.

    Task    makes samples from a seed, and scores what was answered
    Engine  turns prompts into completions
    Quantizer (kb.harness.quant)  changes a model before an engine runs it

Nothing here imports torch: a manifest can be read and a verdict recomputed without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kb.errors import UsageError


class Frozen(BaseModel):
    """A configuration: immutable, strict, and without unknown fields, so that its JSON names one experiment."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


_Config = TypeVar("_Config", bound=Frozen)


def parse_options(cls: type[_Config], options: Mapping[str, Any], what: str) -> _Config:
    """A configuration from plain data, as YAML and JSON give it.

    Args:
        what: how a reader knows it: "task chain", "quantizer rtn".

    Raises:
        UsageError: an option that it does not know or that is out of range; one line an option.
    """
    try:
        return cls.model_validate(tuples(dict(options)))
    except ValidationError as error:
        known = ", ".join(cls.model_fields) or "none"
        raise UsageError.bundle(
            [
                UsageError(
                    "is no option of it" if item["type"] == "extra_forbidden" else _plain(item["msg"]),
                    field=f"{what}: {'.'.join(str(part) for part in item['loc'])}",
                    fix=f"its options are: {known}" if item["type"] == "extra_forbidden" else None,
                )
                for item in error.errors()
            ]
        ) from None


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "should be")


def tuples(value: Any) -> Any:
    """Lists as tuples, all the way down: the strict, frozen configurations hold no lists."""
    if isinstance(value, Mapping):
        return {key: tuples(item) for key, item in value.items()}
    return tuple(tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


class Split(StrEnum):
    """Which use a made-up sample is for. A sample's text decides, so that no two uses can share one."""

    EVAL = "eval"
    CALIBRATION = "calibration"
    TRAIN = "train"


def split_of(prompt: str) -> Split:
    """The one use that a sample with this prompt may serve: a tenth evaluates, a tenth calibrates, the rest trains."""
    match hashlib.sha256(prompt.encode()).digest()[0] % 10:
        case 0:
            return Split.EVAL
        case 1:
            return Split.CALIBRATION
    return Split.TRAIN


class ErrorKind(StrEnum):
    """What is wrong with the first wrong step of a chain of thought.

    premise      it starts from something that neither the question nor an earlier step says
    calculation  its premises are right, its result is not
    conclusion   every step is right, the final answer is not what the last one says
    form         there is no such step: it is missing, or cannot be read
    """

    PREMISE = "premise"
    CALCULATION = "calculation"
    CONCLUSION = "conclusion"
    FORM = "form"


@dataclass(frozen=True)
class Sample:
    """One item of an evaluation.

    Attributes:
        id: unique in its task for one seed; stable when `n` grows.
        prompt: the question, before any prompt template.
        answer: the gold answer.
        steps: the gold chain of thought, one step each; None where no one chain is the right one.
        group: what results are broken down by: the chain's length, the kind of reasoning, the subject.
        solution: a whole right output (steps and answer), for calibration and for teaching; None if not known.
        meta: what the task's own verifier needs.
        question: what is asked, where the prompt holds more: instructions, options in an order of their own.
    """

    id: str
    prompt: str
    answer: str
    steps: tuple[str, ...] | None = None
    group: str = ""
    solution: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    question: str | None = None

    @property
    def prompt_hash(self) -> str:
        return text_hash(self.prompt)

    @property
    def asks(self) -> str:
        """The question as `same_question` tells questions apart."""
        return same_question(self.prompt if self.question is None else self.question)


def same_question(text: str) -> str:
    """A text that is equal for questions that differ in case and spaces alone."""
    return " ".join(text.casefold().split())


def text_hash(text: str) -> str:
    """16 hex digits that name a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Score:
    """What an output is worth.

    Attributes:
        value: 1 right, 0 wrong, between for partial credit; None is *unscored*: nobody can say.
        extracted: the answer that was found in the output; None if there is none.
        why: one line for a reader.
        first_error: index of the first wrong step, from 0; None if all are right or steps are not known.
        error_kind: what is wrong with that step.
        steps_right, steps_total: how many gold steps the output has right; None where steps are not known.
    """

    value: float | None
    extracted: str | None
    why: str
    first_error: int | None = None
    error_kind: ErrorKind | None = None
    steps_right: int | None = None
    steps_total: int | None = None


class Task(Protocol):
    """Makes samples and scores outputs. Implementations are `Frozen` configurations in `kb.harness.tasks.TASKS`.

    Attributes:
        name: as in TASKS.
        version: changes whenever the same options and seed would give other samples or other scores.
    """

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def samples(self, n: int, seed: int, split: Split = Split.EVAL) -> list[Sample]:
        """`n` samples. The first m of them are the same for any n: a larger run extends a smaller one."""
        ...

    def score(self, sample: Sample, output: str) -> Score:
        """Judge an output. Never raises for what a model wrote."""
        ...


class Decoding(Frozen):
    """How tokens are chosen.

    Attributes:
        temperature: 0 is greedy.
        samples_per_item: completions of each prompt; more than one asks for a temperature.
        seed: of the sampling; completion k of a prompt depends on (seed, prompt, k) alone, not on the batch.
    """

    max_new_tokens: int = Field(512, ge=1)
    temperature: float = Field(0.0, ge=0)
    top_p: float = Field(1.0, gt=0, le=1)
    samples_per_item: int = Field(1, ge=1)
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Completion:
    """What an engine answered to one prompt.

    Attributes:
        text: the output, without the prompt and without special tokens.
        token_ids: the generated ids, the end token included; empty where the engine does not say.
        tokens: how many tokens were generated.
        logprobs: natural-log probability of each generated token; empty where the engine does not say.
        offsets: where in `text` each token starts, in characters; empty where the engine does not say.
        finish: "stop" (end token or stop text) or "length" (ran into `max_new_tokens`).
    """

    text: str
    tokens: int
    finish: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    offsets: tuple[int, ...] = ()


@dataclass(frozen=True)
class Request:
    """One prompt to complete. `index` is the caller's name for it; `k` counts completions of one prompt."""

    index: int
    prompt: str
    k: int = 0


class Engine(Protocol):
    """Turns prompts into completions. Implementations are in `kb.harness.engines.ENGINES`."""

    def generate(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, Completion]]:
        """Completions as they are done, in any order.

        Raises:
            RunStopped: a prompt longer than the context, numbers that are not finite, no memory left.
            UpstreamError: a server that has gone. In both cases what was yielded before stays good.
        """
        ...

    def facts(self) -> Mapping[str, Any]:
        """What a manifest says of the engine: library versions, kernels, dtype, device, threads, batch."""
        ...

    def close(self) -> None: ...
