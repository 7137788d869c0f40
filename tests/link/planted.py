"""Invented results whose truth is known: models of several sizes, benchmarks of several lengths, exact scores."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from kb.link.evidence import reported
from kb.link.match import Evidence
from kb.records.claims import Claim, Metric, Origin, TaskKind
from kb.records.results import (
    Benchmark,
    Certainty,
    Method,
    MethodKind,
    Model,
    ReportedResult,
    Results,
    ResultSource,
    SourceKind,
    Vocabulary,
)

SIZES = {
    "Small-1B": 1.0,
    "Small-4B": 4.0,
    "Middle-8B": 8.0,
    "Large-14B": 14.0,
    "Large-32B": 32.0,
    "Large-70B": 70.0,
}
ITEMS = {"Long": 1319, "Exam": 500, "Science": 198, "Olympiad": 120, "Tiny": 30}
DIFFICULTY = {"Long": 1, "Exam": 3, "Science": 4, "Olympiad": 5, "Tiny": 5}
BASE = {"Long": 90.0, "Exam": 85.0, "Science": 50.0, "Olympiad": 40.0, "Tiny": 50.0}

WORDS = Vocabulary(
    sources={
        name: ResultSource(id=name, kind=SourceKind.PAPER, title=f"Paper {name}")
        for name in ("own2025paper", "other2025paper", "third2025paper")
    },
    models={
        name: Model(
            name=name,
            family="Series",
            origin=Origin.RL if name == "Large-32B" else Origin.DISTILLED,
            size_b=size,
        )
        for name, size in SIZES.items()
    },
    benchmarks={
        name: Benchmark(
            name=name,
            kind=TaskKind.SCIENCE if name == "Science" else TaskKind.MATH,
            items=items,
            difficulty=DIFFICULTY[name],
        )
        for name, items in ITEMS.items()
    }
    | {"Mean": Benchmark(name="Mean", kind=TaskKind.OTHER, mean_of=("Long", "Exam"))},
    methods={
        name: Method(name=name, title=name, family=family, kind=MethodKind.POST_TRAINING)
        for name, family in {
            "none": "none",
            "round": "rounding",
            "clever": "weight-only",
            "other": "weight-only",
        }.items()
    },
)


def row(
    model: str = "Large-14B",
    benchmark: str = "Exam",
    drop: float = 0.0,
    *,
    method: str = "clever",
    bits: float = 4,
    source: str = "own2025paper",
    seeds: int | None = 3,
    **more: object,
) -> ReportedResult:
    """A figure that lies `drop` points below its baseline."""
    base = BASE.get(benchmark, 50.0)
    fields: dict[str, object] = {
        "source": source,
        "model": model,
        "method": method,
        "weight_bits": float(bits),
        "act_bits": 16.0,
        "kv_bits": 16.0,
        "benchmark": benchmark,
        "metric": Metric.ACCURACY,
        "score": base - drop,
        "baseline_score": base,
        "seeds": seeds,
        "certainty": Certainty.HIGH,
    }
    return ReportedResult.model_validate(fields | more)


def table(
    drops: Mapping[str, float],
    *,
    wobble: float = 0.2,
    benchmarks: Iterable[str] = ("Long", "Exam", "Science", "Olympiad"),
    **more: object,
) -> list[ReportedResult]:
    """A paper's table: for each model its drop on every benchmark, give or take `wobble`."""
    return [
        row(model, benchmark, drop + wobble * (-1) ** (at + place), **more)  # type: ignore[arg-type]
        for place, (model, drop) in enumerate(drops.items())
        for at, benchmark in enumerate(benchmarks)
    ]


def evidence(*rows: ReportedResult) -> Evidence:
    """What is reported, and no run."""
    return Evidence(reported(Results(tuple(rows), WORDS)))


def claim(**fields: object) -> Claim:
    """A claim about 4-bit weights; `fields` as in a record's file."""
    data: dict[str, object] = {
        "id": "c",
        "statement": "It holds.",
        "variant": {"method": ["clever"], "weight_bits": [4.0]},
        **fields,
    }

    return Claim.model_validate_json(json.dumps(data))
