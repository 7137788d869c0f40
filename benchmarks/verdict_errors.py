"""How often a verdict is wrong, where the truth is known.

    python benchmarks/verdict_errors.py

Scores are drawn: six models on four benchmarks of 120 to 1319 items, right or wrong by a normal latent difficulty that
baseline and variant share (correlation 0.9). At the null boundary the true mean drop is exactly the claim's margin, so that
"supported" and "refuted" are both errors; a one-sided test at 5 % may make each in 5 % of the cases at most. Where models or
benchmarks differ, each has a drop of its own, drawn around the mean. Further off, the right verdict is counted: power.
Writes benchmarks/verdict_errors.json and the table in benchmarks/README.md.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kb.link.relations import State, decide_cells
from kb.pipeline.figures import readme_with_figures
from kb.records.claims import Claim
from kb.records.results import ReportedResult
from tests.link.planted import BASE, ITEMS, SIZES, claim, evidence, row

HERE = Path(__file__).parent
DRAWS = 200
SHARED = 0.9
MODELS = tuple(SIZES)
BENCHMARKS = ("Long", "Exam", "Science", "Olympiad")


@dataclass(frozen=True)
class World:
    """What the drops vary by, as standard deviations in points."""

    name: str
    models: Sequence[str] = MODELS
    benchmarks: Sequence[str] = BENCHMARKS
    of_unit: float = 0.0
    of_model: float = 0.0
    of_benchmark: float = 0.0


WORLDS = (
    World("all alike"),
    World("units differ by 2 points", of_unit=2.0),
    World("models differ by 2 points", of_model=2.0),
    World("benchmarks differ by 2 points", of_benchmark=2.0),
    World("models and benchmarks differ by 2 points", of_model=2.0, of_benchmark=2.0),
    World("three models that differ by 2 points", models=MODELS[:3], of_model=2.0),
    World("two models that differ by 2 points", models=MODELS[:2], of_model=2.0),
    World(
        "two units that differ by 3 points",
        models=MODELS[3:4],
        benchmarks=("Long", "Exam"),
        of_unit=3.0,
    ),
    World("one unit", models=MODELS[3:4], benchmarks=("Exam",)),
)


def draw(rng: np.random.Generator, world: World, drop: float) -> list[ReportedResult]:
    """A paper's table with this true mean drop."""
    from scipy.special import ndtri

    of_model = dict(zip(world.models, rng.normal(0, world.of_model, len(world.models)), strict=True))
    of_benchmark = rng.normal(0, world.of_benchmark, len(world.benchmarks))
    rows = []
    for model in world.models:
        for benchmark, more in zip(world.benchmarks, of_benchmark, strict=True):
            lost = drop + of_model[model] + more + rng.normal(0, world.of_unit)
            shared = rng.standard_normal(ITEMS[benchmark]) * SHARED**0.5
            base, score = (
                float(
                    100
                    * np.mean(
                        shared + rng.standard_normal(len(shared)) * (1 - SHARED) ** 0.5
                        < ndtri(np.clip(p / 100, 0.001, 0.999))
                    )
                )
                for p in (BASE[benchmark], BASE[benchmark] - lost)
            )
            figures = {"score": round(score, 2), "baseline_score": round(base, 2)}
            rows.append(row(model, benchmark).model_copy(update=figures))
    return rows


def shares(rng: np.random.Generator, world: World, said: Claim, drop: float) -> dict[str, float]:
    """How often each verdict comes out, in percent. Of one source, a claim's test is its verdict."""
    found: Counter[State] = Counter()
    for _ in range(DRAWS):
        outcome = decide_cells(said, evidence(*draw(rng, world, drop)).match(said).cells, ())
        found[outcome.state if outcome else State.UNTESTED] += 1
    return {state.value: round(100 * found[state] / DRAWS, 1) for state in State if found[state]}


def main() -> None:
    rng = np.random.default_rng(0)
    said = claim(relation="non_inferior", margin=2.0)
    rows = {
        world.name: {
            "at the margin": shares(rng, world, said, 2.0),
            "no drop": shares(rng, world, said, 0.0),
            "6 points": shares(rng, world, said, 6.0),
        }
        for world in WORLDS
    }
    (HERE / "verdict_errors.json").write_text(
        json.dumps({"draws": DRAWS, "rows": rows}, indent=1) + "\n", encoding="utf-8"
    )
    lines = [
        "| | supported, at the margin | refuted, at the margin | supported, no drop | refuted, 6 points lost |",
        "|---|---:|---:|---:|---:|",
    ]
    columns = (
        ("at the margin", "supported"),
        ("at the margin", "refuted"),
        ("no drop", "supported"),
        ("6 points", "refuted"),
    )
    for name, found in rows.items():
        values = [found[where].get(state, 0.0) for where, state in columns]
        lines.append(f"| {name} | {' | '.join(f'{value:.1f} %' for value in values)} |")
    table = (
        f"A claim of at most 2 points lost, {DRAWS} drawn tables each: the first two columns are errors (5 % "
        "each is allowed), the last two are right. Two models cannot show how far models differ: a verdict on two is\n"
        "about those two.\n\n" + "\n".join(lines)
    )
    path = HERE / "README.md"
    path.write_text(
        readme_with_figures(
            path, "verdict-errors", table, "## How often a verdict is wrong (`verdict_errors.py`)"
        ),
        encoding="utf-8",
    )
    sys.stdout.write(table + "\n")


if __name__ == "__main__":
    main()
