"""Claims: what a paper says, in a form that can be held against results.

A claim compares two arms, `variant` and `baseline`, on a metric, under conditions:

    - id: w4-lossless
      statement: Rounding weights to 4 bits costs at most one point.
      relation: non_inferior
      margin: 1.0
      variant: {method: [awq, gptq], weight_bits: [4]}
      conditions: {model_size_b: {min: 14}}
      arxiv_version: 3
      place: Table 1
      strength: measured

What it leaves open matches anything. What it does not say of the baseline is as in the variant, except that without a
baseline the variant is held against the same model at full precision. A claim without a relation is kept and shown, and
nothing is held against it. Effects are variant minus baseline.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from kb.records.value import Line, Text, Value, checked


class Relation(StrEnum):
    """What is said of the variant, or of its effect.

    NON_INFERIOR    not worse than the baseline by more than `margin`
    NO_DIFFERENCE   neither worse nor better by more than `margin`
    LOWER, HIGHER   by at least `margin` (by anything at all, without one)
    MONOTONE        the effect rises along `along` (or falls, with `falling`)
    LARGER_DROP     what the variant loses under `conditions` is `factor` times (once, without one) what it loses under
                    `contrast`, and `margin` points more
    """

    NON_INFERIOR = "non_inferior"
    NO_DIFFERENCE = "no_difference"
    LOWER = "lower"
    HIGHER = "higher"
    MONOTONE = "monotone"
    LARGER_DROP = "larger_drop"


class Metric(StrEnum):
    """What is measured. `accuracy`: the share of right answers in percent, whatever a source calls it."""

    ACCURACY = "accuracy"
    REASONING_TOKENS = "reasoning_tokens"
    ECE = "ece"
    LATENCY = "latency"
    MEMORY = "memory"
    SPEED = "speed"

    @property
    def more_is_better(self) -> bool:
        return self in {Metric.ACCURACY, Metric.SPEED}


class Origin(StrEnum):
    """How a model came by its reasoning. `reference`: the small models that come with the harness."""

    DISTILLED = "distilled"
    RL = "rl"
    HYBRID = "hybrid"
    INSTRUCT = "instruct"
    BASE = "base"
    REFERENCE = "reference"


class TaskKind(StrEnum):
    MATH = "math"
    ARITHMETIC = "arithmetic"
    SCIENCE = "science"
    CODE = "code"
    LOGIC = "logic"
    TEMPORAL = "temporal"
    MULTIHOP = "multihop"
    KNOWLEDGE = "knowledge"
    OTHER = "other"


class Axis(StrEnum):
    """Along what a monotone claim orders."""

    WEIGHT_BITS = "weight_bits"
    ACT_BITS = "act_bits"
    KV_BITS = "kv_bits"
    MODEL_SIZE = "model_size_b"
    CHAIN_LENGTH = "chain_length"
    DIFFICULTY = "difficulty"


class Strength(StrEnum):
    """How the paper says it: shown in its figures, said in its text, or offered as an explanation."""

    MEASURED = "measured"
    STATED = "stated"
    SUGGESTED = "suggested"


class Range(Value):
    """From `min` to `max`, both included."""

    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.min is None and self.max is None:
            raise PydanticCustomError("kb", "{what}", {"what": "has no end", "fix": "write min, max or both"})
        if self.min is not None and self.max is not None and self.min > self.max:
            raise PydanticCustomError("kb", "{what}", {"what": "min is above max", "fix": "swap them"})
        return self

    def __contains__(self, value: float) -> bool:
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)

    def __str__(self) -> str:
        if self.min == self.max:
            return f"{self.min:g}"
        if self.max is None:
            return f"{self.min:g} or more"
        return f"up to {self.max:g}" if self.min is None else f"{self.min:g} to {self.max:g}"


Slug = Annotated[
    str,
    checked(
        re.compile(r"[a-z0-9][a-z0-9.+-]*").fullmatch,
        "is not a name of the vocabulary",
        "write lower-case letters, digits and hyphens, as in results/_methods.yaml",
    ),
]
Bits = tuple[Annotated[float, Field(gt=0, le=32)], ...]
Names = tuple[Slug, ...]
Lines = tuple[Line, ...]


class Arm(Value):
    """One side of a comparison. Several values are alternatives; 16 bits is "not quantized".

    Attributes:
        method: names or families of results/_methods.yaml; "none" is the model as it is.
        variant: a special setting of the method (an ablation); without it, rows of special settings do not count.
    """

    method: Names = ()
    variant: Line | None = None
    weight_bits: Bits = ()
    act_bits: Bits = ()
    kv_bits: Bits = ()


class Conditions(Value):
    """Where the claim is said to hold. Models of the harness count only where `model_origin` names them.

    Attributes:
        model_size_b: parameters in billions; of a mixture of experts, all of them.
        difficulty: of the benchmark, 1 (grade school) to 5 (olympiad).
        chain_length: steps, where a task knows them.
    """

    model: Lines = ()
    model_size_b: Range | None = None
    model_origin: tuple[Origin, ...] = ()
    task_kind: tuple[TaskKind, ...] = ()
    benchmark: Lines = ()
    difficulty: Range | None = None
    chain_length: Range | None = None


class Veto(Value):
    """Evidence that a person takes out, and why. `ref` may hold * for any text."""

    ref: Line
    reason: Line


class Evidence(Value):
    """What a person adds to, or takes from, what the matcher found. Patterns over the refs of evidence."""

    attach: tuple[Line, ...] = ()
    veto: tuple[Veto, ...] = ()


class Claim(Value):
    """Something a paper says that can be checked, pinned to the version that says it.

    Attributes:
        margin: in the metric's own unit (points of 100 for accuracy), or in percent of the baseline with `unit`.
        each: it is said of every cell, not of their mean.
    """

    id: Annotated[
        str,
        checked(
            re.compile(r"[a-z0-9][a-z0-9-]*").fullmatch,
            "cannot be a claim's id",
            "write lower-case letters, digits and hyphens",
        ),
    ]
    statement: Text
    relation: Relation | None = None
    metric: Metric = Metric.ACCURACY
    margin: Annotated[float, Field(ge=0)] | None = None
    unit: Annotated[
        str, checked({"points", "percent"}.__contains__, "is no unit", "write points or percent")
    ] = "points"
    factor: Annotated[float, Field(gt=0)] | None = None
    along: Axis | None = None
    falling: bool = False
    each: bool = False
    variant: Arm | None = None
    baseline: Arm | None = None
    conditions: Conditions = Conditions()
    contrast: Conditions | None = None
    arxiv_version: Annotated[int, Field(ge=1, le=999)] | None = None
    place: Line | None = None  # "Table 2", "p. 7"
    strength: Strength = Strength.STATED
    evidence: Evidence = Evidence()

    @model_validator(mode="after")
    def _can_be_tested(self) -> Claim:
        for wrong, what, fix in self._faults():
            if wrong:
                raise PydanticCustomError("kb", "{what}", {"what": what, "fix": fix})
        return self

    def _faults(self) -> list[tuple[bool, str, str]]:
        relation = self.relation
        margin_asked = relation in {Relation.NON_INFERIOR, Relation.NO_DIFFERENCE}
        return [
            (
                relation is not None and self.variant is None,
                "has a relation, but no variant",
                "say what is compared: variant: {method: [awq], weight_bits: [4]}",
            ),
            (
                margin_asked and not self.margin,
                f"{relation} asks for a margin above 0",
                "write margin: 1.0 (points of 100)",
            ),
            (
                (relation is Relation.MONOTONE) != (self.along is not None),
                "monotone and along belong together",
                "write relation: monotone and along: weight_bits",
            ),
            (
                (relation is Relation.LARGER_DROP) != (self.contrast is not None),
                "larger_drop and contrast belong together",
                "write contrast: {benchmark: [GSM8K]}, the conditions of the smaller drop",
            ),
            (
                self.factor is not None and relation is not Relation.LARGER_DROP,
                "factor belongs to larger_drop",
                "remove it, or write relation: larger_drop",
            ),
            (
                self.falling and relation is not Relation.MONOTONE,
                "falling belongs to monotone",
                "remove it",
            ),
            (
                self.unit == "percent" and relation in {Relation.LARGER_DROP, Relation.MONOTONE},
                "percent of the baseline is not for this relation",
                "write the margin in points",
            ),
            (
                self.unit == "percent" and self.metric is Metric.ACCURACY and (self.margin or 0) > 100,
                "a margin of more than 100 percent",
                "write what share of the baseline is meant",
            ),
        ]
