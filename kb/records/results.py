"""Reported results: what sources say they measured, as plain rows; and the words in which the rows are written.

results/<source>.csv holds one row a figure. `_sources.yaml`, `_models.yaml`, `_benchmarks.yaml` and `_methods.yaml` beside
it say what the words mean: how large a model is and how it came by its reasoning, how many items a benchmark has, what
family a method belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kb.records.claims import Lines, Metric, Origin, Range, Slug, TaskKind
from kb.records.value import Line, Url, Value


class SourceKind(StrEnum):
    """`rerun`: somebody else measured again what a paper reports. `report`: a user's figure in an issue."""

    PAPER = "paper"
    MODEL_CARD = "model_card"
    REPOSITORY = "repository"
    RERUN = "rerun"
    REPORT = "report"


class ResultSource(Value):
    """Who reports. A paper's source has the paper's key; every other one is listed in results/_sources.yaml.

    Attributes:
        id: its file is results/<id>.csv.
        kind: what sort of source it is.
        title: what pages call it.
        url: where it stands.
        aliases: how a table of rows names it, or the start of the addresses that it gives for the rows.
        of: the paper that a rerun repeats.
        note: what was read, and what a check found; in our own words.
    """

    id: Line
    kind: SourceKind
    title: Line
    aliases: Lines = ()
    url: Url | None = None
    of: Line | None = None
    note: Line | None = None


class Model(Value):
    """A model whose results are reported. `size_b`: all its parameters in billions; `active_b`: those used for a token.

    Attributes:
        name: as the rows of results/ write it.
        aliases: other spellings that sources use.
        family: models of one family share an architecture or a training.
        origin: how it was trained.
        size_b: all its parameters, in billions.
        active_b: those used for a token, in billions, of a mixture of experts.
    """

    name: Line
    aliases: Lines = ()
    family: Line
    origin: Origin
    size_b: Annotated[float, Field(gt=0)]
    active_b: Annotated[float, Field(gt=0)] | None = None


class Benchmark(Value):
    """A set of items.

    Attributes:
        name: as the rows of results/ write it.
        aliases: other spellings that sources use.
        kind: what it asks for.
        note: what is particular about it.
        items: how many; without it, nothing can be said of a score's uncertainty.
        difficulty: 1 grade school, 2 high school, 3 hard high school or first degree, 4 graduate, 5 olympiad.
        mean_of: benchmarks of which this is a printed average. Averages are shown, and are no evidence of their own.
    """

    name: Line
    aliases: Lines = ()
    kind: TaskKind
    difficulty: Annotated[int, Field(ge=1, le=5)] | None = None
    items: Annotated[int, Field(ge=1)] | None = None
    mean_of: Lines = ()
    note: Line | None = None


class MethodKind(StrEnum):
    """`training`: the weights are trained with the method, or after it."""

    NONE = "none"
    POST_TRAINING = "post_training"
    TRAINING = "training"
    OTHER = "other"


class Method(Value):
    """A way to make a model cheaper.

    Attributes:
        name: as the rows of results/ write it.
        title: what pages call it.
        aliases: other spellings that sources use.
        kind: whether the weights are trained with it.
        paper: the key of the paper that proposes it.
        family: a coarser name, by which a claim may mean several methods.
        weight_bits, act_bits, kv_bits: what it can do; without one, anything.
    """

    name: Slug
    title: Line
    aliases: Lines = ()
    family: Slug
    kind: MethodKind
    weight_bits: Range | None = None
    act_bits: Range | None = None
    kv_bits: Range | None = None
    paper: Line | None = None


class Certainty(StrEnum):
    """How sure it is that the source says so: read and recomputed; read or second-hand; does not add up."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class ReportedResult(Value):
    """One figure that a source reports. Accuracies and their spread are in percent; 16 bits is the model as it is.

    Attributes:
        source: a paper's key, or the id of another source.
        model, benchmark, method: names of the vocabulary.
        variant: a special setting of the method, such as another calibration set; None is its usual one.
        weight_bits: an average where `variant` or the method mixes bits.
        baseline_score: of the same model at full precision, in the same source.
        spread: standard deviation over seeds.
        items: if other than the benchmark's.
        seeds: completions of an item, or repetitions, in the mean.
        place: where in the source ("Table 1").
    """

    source: Line
    model: Line
    method: Slug
    variant: Line | None = None
    weight_bits: Annotated[float, Field(gt=0, le=32)]
    act_bits: Annotated[float, Field(gt=0, le=32)] = 16
    kv_bits: Annotated[float, Field(gt=0, le=32)] = 16
    benchmark: Line
    metric: Metric = Metric.ACCURACY
    score: float
    baseline_score: float | None = None
    spread: Annotated[float, Field(ge=0)] | None = None
    items: Annotated[int, Field(ge=1)] | None = None
    seeds: Annotated[int, Field(ge=1)] | None = None
    place: Line | None = None
    certainty: Certainty = Certainty.MEDIUM
    note: Line | None = None

    @property
    def bits(self) -> str:
        """Such as w4a16kv16."""
        return f"w{self.weight_bits:g}a{self.act_bits:g}kv{self.kv_bits:g}"

    @property
    def cell(self) -> tuple[str, ...]:
        """What may stand in a table once."""
        return (
            self.source,
            self.model,
            self.method,
            self.variant or "",
            self.bits,
            self.benchmark,
            self.metric.value,
        )

    @property
    def ref(self) -> str:
        """The name by which a claim attaches or vetoes it."""
        method = f"{self.method}[{self.variant}]" if self.variant else self.method
        place = "/".join((self.source, self.model, method, self.bits, self.benchmark))
        return place if self.metric is Metric.ACCURACY else f"{place}/{self.metric.value}"


@dataclass(frozen=True)
class Vocabulary:
    """The words of the rows, each by its name."""

    sources: Mapping[str, ResultSource]
    models: Mapping[str, Model]
    benchmarks: Mapping[str, Benchmark]
    methods: Mapping[str, Method]


@dataclass(frozen=True)
class Results:
    """All that is reported, in the order of sources and rows."""

    rows: tuple[ReportedResult, ...]
    words: Vocabulary
