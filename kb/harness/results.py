"""What a run keeps of one completion: enough to recompute every metric, and to tell another run where it differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from kb.errors import DataError
from kb.harness.types import ErrorKind


@dataclass(frozen=True)
class SampleResult:
    """One line of samples.jsonl.

    Attributes:
        id, k: the sample, and which of its completions.
        group: what results are broken down by (chain length, kind of reasoning).
        output: the completion; None where the run keeps only its hash.
        tokens, reasoning_tokens: generated tokens, and those before the answer; None where a log from elsewhere counts none.
        answer, gold: what was extracted, and what is right.
        score: 1 right, 0 wrong, None unscored.
        first_error, error_kind: the first wrong step, from 0, and what is wrong with it; None where all steps are right.
        logprob, answer_logprob: natural log of the probability of the whole output and of its answer's tokens.
        differs_at: index of the first token that differs from the baseline run's output; None if none does or there is
            no baseline.
        kl: mean KL divergence from the full-precision model over the gold solution's tokens, nats; None if not measured.
    """

    id: str
    k: int
    group: str
    prompt_hash: str
    output: str | None
    output_hash: str
    tokens: int | None
    reasoning_tokens: int | None
    finish: str
    answer: str | None
    gold: str
    score: float | None
    why: str
    first_error: int | None = None
    error_kind: ErrorKind | None = None
    steps_right: int | None = None
    steps_total: int | None = None
    logprob: float | None = None
    answer_logprob: float | None = None
    differs_at: int | None = None
    kl: float | None = None

    def to_line(self) -> str:
        """One line of JSON, the same for the same result. Fields that say nothing are left out."""
        data = {name: value for name, value in asdict(self).items() if value is not None or name == "score"}
        return json.dumps(data, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_data(cls, data: Mapping[str, Any], *, file: str, line: int) -> SampleResult:
        """The opposite of `to_line`.

        Raises:
            DataError: a field is missing, unknown or of another type.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(data) - known):
            raise DataError("is no field of a result", file=file, line=line, field=unknown[0])
        values = {"output": None, "answer": None, "tokens": None, "reasoning_tokens": None, **data}
        if (kind := values.get("error_kind")) is not None:
            try:
                values["error_kind"] = ErrorKind(kind)
            except ValueError:
                raise DataError(
                    f"{kind!r} is no kind of error", file=file, line=line, field="error_kind"
                ) from None
        try:
            return cls(**values)
        except TypeError as error:
            raise DataError(str(error), file=file, line=line) from None
