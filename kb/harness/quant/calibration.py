"""Calibration rows: what a method may look at when it chooses its grid. Never what it is evaluated on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kb.errors import UsageError
from kb.harness.types import Sample, Split, Task, split_of


@dataclass(frozen=True)
class Calibration:
    """Token rows to run a model on.

    Attributes:
        token_rows: token ids, without padding.
        source: task, split, number and seed, such as "chain 1 calibration n=128 seed=0".
        prompt_hashes: of the samples that the rows were made from (`Sample.prompt_hash`).
    """

    token_rows: Sequence[Sequence[int]]
    source: str
    prompt_hashes: frozenset[str] = frozenset()

    @property
    def hash(self) -> str:
        """16 hex digits that name the rows."""
        text = "\n".join(" ".join(str(token) for token in row) for row in self.token_rows)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.source} ({self.hash})"

    def keep_apart(self, samples: Iterable[Sample]) -> None:
        """Raise UsageError if one of these samples, which are to evaluate, served calibration."""
        for sample in samples:
            if sample.prompt_hash in self.prompt_hashes:
                raise UsageError(
                    f"sample {sample.id} is in the evaluation, too", field=f"calibration {self.source}"
                )


def calibration_from(
    task: Task, tokenizer: Any, n: int, seed: int, render: Callable[[Sample], str] | None = None
) -> Calibration:
    """Rows of `n` samples of a task's calibration split.

    Args:
        tokenizer: of transformers.
        render: a sample as the model is to see it, prompt template and worked solution included; without it the
            prompt followed by the solution.

    Raises:
        UsageError: no samples asked for, none given, or one that belongs to the evaluation split.
    """
    where = f"calibration of task {task.name}"
    if n < 1:
        raise UsageError(f"n is {n}, and calibration needs at least one sample", field=where)
    samples = task.samples(n, seed, Split.CALIBRATION)
    if not samples:
        raise UsageError("the task has no calibration samples", field=where)
    for sample in samples:
        if split_of(sample.prompt) is Split.EVAL:
            raise UsageError(f"sample {sample.id} is of the evaluation split", field=where)
    texts = [render(sample) if render else sample.prompt + (sample.solution or "") for sample in samples]
    return Calibration(
        token_rows=tuple(tuple(tokenizer(text)["input_ids"]) for text in texts),
        source=f"{task.name} {task.version} {Split.CALIBRATION.value} n={len(samples)} seed={seed}",
        prompt_hashes=frozenset(sample.prompt_hash for sample in samples),
    )
