"""Whether a trained model is good enough to lose something: how many steps it has right, written out by itself.

The bar is 99.9 % of the steps that are reached after right ones, at every length that the task asks for.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kb.harness.reference.train import Recipe
from kb.harness.tasks.chain import ChainTask

ACCURACY = "accuracy.json"
BAR = 0.999
SEED = 20_000
"""Of the checked samples: another than that of any shipped experiment."""


def check(
    folder: Path, *, each: int = 500, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Any]:
    """Let the model write `each` chains of every advertised length, and keep what came of it in accuracy.json.

    Returns:
        by length: chains, share of right answers, steps that were reached after right ones and how many of these are
        right, with the exact 95 % interval (Clopper and Pearson 1934) of their share.
    """
    from kb.harness.metrics import steps
    from kb.harness.parts import RealParts
    from kb.harness.run import run
    from kb.harness.spec import parse_spec
    from kb.harness.stats import clopper_pearson

    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    known = Recipe(**{name: value for name, value in recipe.items() if name in Recipe.model_fields})
    task = ChainTask(
        steps=tuple(n for n in ChainTask().steps if n <= known.longest) or (known.longest,),
        difficulty=known.difficulty,
    )
    spec = parse_spec(
        {
            "model": str(folder.resolve()),
            "task": {"name": task.name, **task.model_dump(mode="json")},
            "n": each * len(task.steps),
            "seed": SEED,
            "decoding": {"max_new_tokens": 12 * known.longest + 8},
            "engine": {"name": "transformers", "batch_size": 64},
        }
    )
    parts = RealParts()
    with tempfile.TemporaryDirectory() as place:
        made = run(parts.complete(spec), Path(place), parts=parts, commit=None, progress=progress)
    found: dict[str, Any] = {}
    for length in task.steps:
        rows = [result for result in made.samples if result.steps_total == length]
        counted = steps(rows)
        assert counted is not None  # noqa: S101 - chains have steps
        reached = sum(step.at_risk for step in counted.hazard)
        right = reached - sum(step.errors for step in counted.hazard)
        interval = clopper_pearson(right, reached)
        found[str(length)] = {
            "chains": len(rows),
            "answers_right": sum(result.score == 1 for result in rows),
            "steps_reached": reached,
            "steps_right": right,
            "interval": [round(interval.low, 5), round(interval.high, 5)],
        }
    (folder / ACCURACY).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def is_good(found: dict[str, Any]) -> bool:
    """Whether every length reaches the bar."""
    return all(row["steps_right"] >= BAR * row["steps_reached"] for row in found.values())


def figures(folders: Sequence[Path]) -> str:
    """The table of the model card, from each model's accuracy.json."""
    lines = ["| Model | Steps | Answers right | Steps right | 95 % interval, % |", "|---|---:|---:|---:|---|"]
    for folder in folders:
        for length, row in json.loads((folder / ACCURACY).read_text(encoding="utf-8")).items():
            low, high = (f"{100 * bound:.2f}" for bound in row["interval"])
            lines.append(
                f"| {folder.name} | {length} | {row['answers_right']} of {row['chains']} "
                f"| {row['steps_right']:,} of {row['steps_reached']:,} | {low} to {high} |"
            )
    return "\n".join(lines) + "\n"
