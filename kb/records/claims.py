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

What it leaves open matches anything. What it does not say of the baseline is as in the variant (a method that is not said is
the variant's at other bits, and any other one at the same bits), except that without a baseline the variant is held against
the same model at full precision. A claim without a relation is kept and shown, and
nothing is held against it. Effects are variant minus baseline.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from kb.records.value import Line, Text, Value, checked, one_of


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
    """How a model was trained. `reference`: the small models that come with the harness."""

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
    """From `min` to `max`, both included.

    Attributes:
        min: the lower end; without it, there is none.
        max: the upper end; without it, there is none.
    """

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


_SLUG = r"[a-z0-9][a-z0-9.+-]*"
_CLAIM_ID = r"[a-z0-9][a-z0-9-]*"
Slug = Annotated[
    str,
    checked(
        re.compile(_SLUG).fullmatch,
        "is not a name of the vocabulary",
        "write lower-case letters, digits and hyphens, as in results/_methods.yaml",
        pattern=_SLUG,
    ),
]
Bits = tuple[Annotated[float, Field(gt=0, le=32)], ...]
Names = tuple[Slug, ...]
Lines = tuple[Line, ...]


class Arm(Value):
    """One side of a comparison. Several values are alternatives; 16 bits is the model as it is.

    Attributes:
        method: names or families of results/_methods.yaml; "none" is the model as it is.
        variant: a special setting of the method (an ablation); without it, rows of special settings do not count.
        weight_bits, act_bits, kv_bits: bits of the weights, the activations and the KV cache, such as [4] or [3, 4].
    """

    method: Names = ()
    variant: Line | None = None
    weight_bits: Bits = ()
    act_bits: Bits = ()
    kv_bits: Bits = ()


class Conditions(Value):
    """Where the claim is said to hold. Models of the harness count only where `model_origin` names them.

    Attributes:
        model: names of results/_models.yaml.
        benchmark: names of results/_benchmarks.yaml.
        model_origin: how the model was trained.
        task_kind: what the benchmark asks for.
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
    """Evidence that a person takes out, and why.

    Attributes:
        ref: of the evidence; * stands for any text.
        reason: why it does not count.
    """

    ref: Line
    reason: Line


class Evidence(Value):
    """What a person adds to, or takes from, what the matcher found. Patterns over the refs of evidence.

    Attributes:
        attach: what counts as well.
        veto: what does not count.
    """

    attach: tuple[Line, ...] = ()
    veto: tuple[Veto, ...] = ()


def _asks_for(field: str, *relations: Relation) -> JsonValue:
    """In JSON Schema: a claim of one of these relations needs `field`."""
    among: JsonValue = {"enum": [each.value for each in relations]}
    return {
        "if": {"properties": {"relation": among}, "required": ["relation"]},
        "then": {"required": [field]},
    }


# What `Claim._faults` finds, as far as an editor can check it.
_BELONGS: list[JsonValue] = [
    _asks_for("variant", *Relation),
    _asks_for("margin", Relation.NON_INFERIOR, Relation.NO_DIFFERENCE),
    _asks_for("along", Relation.MONOTONE),
    _asks_for("contrast", Relation.LARGER_DROP),
]


class Claim(Value):
    """Something a paper says that can be checked, pinned to the version that says it.

    Attributes:
        id: its name within the record, for ever: verdicts and pages are named by it.
        statement: what the paper says, in our own words.
        relation: how variant and baseline compare; without one, nothing is held against the claim.
        metric: what is measured.
        unit: of the margin.
        factor: how many times larger a larger_drop is.
        along: what a monotone effect is ordered by.
        falling: a monotone effect falls instead of rising.
        variant: what is compared.
        baseline: what it is compared with; without one, the same model at full precision.
        conditions: where it is said to hold.
        contrast: the conditions of the lesser drop. What fulfils both counts for the one that says more.
        arxiv_version: the version of the paper that says so.
        place: where it says so, such as Table 2 or p. 7.
        strength: shown in figures, said in the text, or offered as an explanation.
        evidence: what a person adds to, or takes from, the evidence.
        margin: in the metric's own unit (points of 100 for accuracy), or in percent of the baseline with `unit`.
        each: it is said of every cell, not of their mean. Not with monotone and larger_drop.
    """

    model_config = ConfigDict(json_schema_extra={"allOf": _BELONGS})

    id: Annotated[
        str,
        checked(
            re.compile(_CLAIM_ID).fullmatch,
            "cannot be a claim's id",
            "write lower-case letters, digits and hyphens",
            pattern=_CLAIM_ID,
        ),
    ]
    statement: Text
    relation: Relation | None = None
    metric: Metric = Metric.ACCURACY
    margin: Annotated[float, Field(ge=0)] | None = None
    unit: Annotated[str, one_of("points", "percent", what="is no unit")] = "points"
    factor: Annotated[float, Field(gt=0)] | None = None
    along: Axis | None = None
    falling: bool = False
    each: bool = False
    variant: Arm | None = None
    baseline: Arm | None = None
    conditions: Conditions = Conditions()
    contrast: Conditions | None = None
    arxiv_version: Annotated[int, Field(ge=1, le=999)] | None = None
    place: Line | None = None
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
                self.contrast is not None and self.contrast == self.conditions,
                "contrast is the same as conditions",
                "write the conditions of the smaller drop",
            ),
            (
                self.each and relation in {Relation.LARGER_DROP, Relation.MONOTONE},
                f"each does not go with {relation}, which compares cells with each other",
                "remove it",
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
