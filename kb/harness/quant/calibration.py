"""Calibration rows: what a method may look at when it chooses its grid. Never what it is evaluated on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kb.errors import UsageError
from kb.harness.types import Sample


@dataclass(frozen=True)
class Calibration:
    """Token rows to run a model on.

    Attributes:
        token_rows: token ids, without padding.
        source: task, split, number and seed, such as "chain 1, calibration split, seed 0, n 128".
    """

    token_rows: Sequence[Sequence[int]]
    source: str

    @property
    def hash(self) -> str:
        """16 hex digits that name the rows."""
        text = "\n".join(" ".join(str(token) for token in row) for row in self.token_rows)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.source} ({self.hash})"


def keep_apart(calibration: Iterable[Sample], evaluated: Iterable[Sample]) -> None:
    """Refuse calibration samples that are evaluated: a method would have seen the questions.

    Questions are compared, not prompts: other instructions, or the same options in another order, hide nothing.

    Raises:
        UsageError: one of them asks what is evaluated.
    """
    known, texts = {sample.asks for sample in evaluated}, list(calibration)
    if shared := [sample.id for sample in texts if sample.asks in known]:
        raise UsageError(
            f"{len(shared)} of {len(texts)} calibration texts are evaluated, too, such as sample {shared[0]}",
            field="calibration.task",
            fix="calibrate on another task or data set",
        )
