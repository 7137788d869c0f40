"""Invented runs: what a chain of thought with errors at known rates would leave in samples.jsonl."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kb.harness.results import SampleResult
from kb.harness.types import ErrorKind, text_hash


@dataclass(frozen=True)
class InventedRun:
    """A run for metrics and comparisons."""

    samples: tuple[SampleResult, ...]
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def change(self, **settings: Any) -> InventedRun:
        """The same run with other settings; names as in the manifest, `__` between levels."""
        manifest: dict[str, Any] = dict(self.manifest)
        for name, value in settings.items():
            *path, last = name.split("__")
            at = manifest
            for key in path:
                at[key] = dict(at[key])
                at = at[key]
            at[last] = value
        return InventedRun(self.samples, manifest)


def manifest(
    id: str = "invented", *, n: int = 60, bits: int | None = None, baseline: str | None = None
) -> dict[str, Any]:
    """What the manifest of a finished run says, as far as metrics and comparisons read it."""
    return {
        "id": id,
        "state": "complete",
        "spec": {
            "template": "{prompt}",
            "chat": False,
            "decoding": {"temperature": 0.0, "max_new_tokens": 512, "samples_per_item": 1, "seed": 0},
            "engine": {"name": "transformers", "batch_size": 32},
            "baseline": baseline,
        },
        "model": {"id": "invented-model", "revision": None, "weight_hash": "0123456789abcdef"},
        "task": {
            "name": "chain",
            "version": "1",
            "options": {"name": "chain", "steps": [2, 4, 8], "difficulty": 3},
            "seed": 0,
            "n": n,
        },
        "quantization": {"method": "rtn", "effective_bits": bits + 0.5, "weight_bits": bits}
        if bits
        else None,
        "engine": {"dtype": "float32", "device": "cpu", "threads": 1, "batch_size": 32},
        "libraries": {"torch": "2.13.0"},
    }


def result(id: str = "0-0", score: float | None = 1.0, **fields: Any) -> SampleResult:
    """One completion; whatever is not named is unremarkable."""
    answer = "42" if score == 1.0 else "17"
    output = fields.get("output", f"#{answer}")
    values: dict[str, Any] = {
        "id": id,
        "k": 0,
        "group": "",
        "prompt_hash": text_hash(f"prompt {id}"),
        "output": output,
        "output_hash": text_hash(output or ""),
        "tokens": 12,
        "reasoning_tokens": 10,
        "finish": "stop",
        "answer": answer,
        "gold": "42",
        "score": score,
        "why": "invented",
    }
    return SampleResult(**(values | fields))


def results(scores: Sequence[float | None], **fields: Any) -> tuple[SampleResult, ...]:
    """One completion an item."""
    return tuple(result(f"0-{at}", score, **fields) for at, score in enumerate(scores))


def invent_run(
    n: int = 60,
    *,
    k: int = 1,
    hazard: float = 0.02,
    steps: Sequence[int] = (2, 4, 8),
    longer_when_wrong: int = 6,
    sureness: float = 3.0,
    seed: int = 0,
    id: str = "invented",
    bits: int | None = None,
    baseline: str | None = None,
) -> InventedRun:
    """A run of `n` chains in which each step goes wrong with chance `hazard`.

    Args:
        k: completions an item.
        longer_when_wrong: reasoning tokens that a wrong output has more.
        sureness: larger is more confident, right or wrong.
        seed: runs with one seed have the same items; how they are answered depends on `hazard` alone.
    """
    made = []
    for index in range(n):
        total = steps[index % len(steps)]
        for at in range(k):
            draw = random.Random(f"{seed}/{index}/{at}")
            luck = [draw.random() for _ in range(total + 1)]
            kind = draw.choices(
                [ErrorKind.CALCULATION, ErrorKind.PREMISE, ErrorKind.FORM], weights=[6, 3, 1]
            )[0]
            first = next(
                (step for step, value in enumerate(luck) if value < (hazard if step < total else hazard / 4)),
                None,
            )
            right = first is None
            if first == total:
                kind = ErrorKind.CONCLUSION
            noise = draw.gauss(0, 1)
            sure = 1 / (1 + math.exp(-(sureness + noise - (0 if right else 1.5))))
            answer = "42" if right else str(draw.randrange(10, 40))
            output = f"{total} steps, {first}#{answer}"
            made.append(
                result(
                    f"{seed}-{index}",
                    float(right),
                    k=at,
                    group=f"{total:02d} steps",
                    output=output,
                    answer=answer,
                    tokens=12 * total + 3 + (0 if right else longer_when_wrong),
                    reasoning_tokens=12 * total + draw.randrange(3) + (0 if right else longer_when_wrong),
                    first_error=first,
                    error_kind=None if right else kind,
                    steps_right=total if right else first,
                    steps_total=total,
                    logprob=math.log(sure) - 0.02 * total,
                    answer_logprob=math.log(sure),
                    differs_at=None if right or not baseline else 12 * (first or 0),
                    kl=hazard * (0.5 + draw.random()) if baseline else None,
                )
            )
    return InventedRun(tuple(made), manifest(id, n=n, bits=bits, baseline=baseline))


def relabel(run: InventedRun, index: int, **fields: Any) -> InventedRun:
    """The same run with one result changed."""
    samples = list(run.samples)
    samples[index] = replace(samples[index], **fields)
    return InventedRun(tuple(samples), run.manifest)
