"""From a completion to a result: the score, how much of the output came before the answer, how sure the model was."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Sequence

from kb.errors import RunStopped
from kb.harness.results import SampleResult
from kb.harness.types import Completion, Sample, Score, text_hash

DIGITS = 5
"""Decimals that are kept of a log-probability: more would differ between batch sizes."""


def result_of(
    sample: Sample,
    k: int,
    completion: Completion,
    score: Score,
    *,
    baseline: SampleResult | None = None,
    kl: float | None = None,
    keep_output: bool = True,
) -> SampleResult:
    """One line of a run.

    Raises:
        RunStopped: a log-probability is not finite: the model is broken, not wrong.
    """
    if not all(map(math.isfinite, completion.logprobs)):
        raise RunStopped(
            f"the model's numbers are not finite at sample {sample.id}",
            fix="take more bits, another dtype, or another method; what was done is kept",
        )
    place = answer_place(completion.text, score.extracted)
    return SampleResult(
        id=sample.id,
        k=k,
        group=sample.group,
        prompt_hash=sample.prompt_hash,
        output=completion.text if keep_output else None,
        output_hash=text_hash(completion.text),
        tokens=completion.tokens,
        reasoning_tokens=tokens_before(completion, place[0]) if place else completion.tokens,
        finish=completion.finish,
        answer=score.extracted,
        gold=sample.answer,
        score=score.value,
        why=score.why,
        first_error=score.first_error,
        error_kind=score.error_kind,
        steps_right=score.steps_right,
        steps_total=score.steps_total,
        logprob=_rounded(sum(completion.logprobs)) if completion.logprobs else None,
        answer_logprob=_answer_logprob(completion, place),
        differs_at=differs_at(completion, baseline.output)
        if baseline and baseline.output is not None
        else None,
        kl=float(f"{kl:.6g}") if kl is not None else None,
    )


def answer_place(text: str, extracted: str | None) -> tuple[int, int] | None:
    """Where in `text` the extracted answer stands, [start, end) in characters: the last place that reads like it.

    It stands alone there, if it does anywhere: the answer B is not the first letter of "Because", nor 4 a part of 54.
    """
    if not extracted:
        return None
    if alone := list(re.finditer(rf"(?<!\w){re.escape(extracted)}(?!\w)", text)):
        return alone[-1].span()
    start = text.rfind(extracted)
    return (start, start + len(extracted)) if start >= 0 else None


def tokens_before(completion: Completion, character: int) -> int:
    """How many tokens start before this character; by the share of characters where the engine gives no offsets."""
    if completion.offsets:
        return min(sum(offset < character for offset in completion.offsets), completion.tokens)
    return round(completion.tokens * character / max(1, len(completion.text)))


def _answer_logprob(completion: Completion, place: tuple[int, int] | None) -> float | None:
    """Sum over the tokens that hold a part of the answer."""
    offsets, values = completion.offsets, completion.logprobs
    if place is None or not offsets or len(offsets) != len(values):
        return None
    start, end = place
    ends = [*offsets[1:], len(completion.text)]
    return _rounded(
        sum(
            value
            for value, begins, stops in zip(values, offsets, ends, strict=True)
            if begins < end and stops > start
        )
    )


def differs_at(completion: Completion, other: str) -> int | None:
    """Index of the first token whose text is not that of `other`, another output to the same prompt; None if none is.

    Where the engine gives no offsets the index is a guess, by the share of characters before it.
    """
    text, offsets = completion.text, completion.offsets
    if text == other:
        return None
    character = _common(text, other)
    if not offsets:
        return tokens_before(completion, character)
    return min(_token_at(offsets, character), len(offsets) - 1)


def _common(a: str, b: str) -> int:
    for at, (one, two) in enumerate(zip(a, b, strict=False)):
        if one != two:
            return at
    return min(len(a), len(b))


def _token_at(offsets: Sequence[int], character: int) -> int:
    """The token that holds this character; the first of those that start there and are not empty."""
    return max(0, bisect_right(offsets, character) - 1)


def _rounded(value: float) -> float:
    return round(value, DIGITS) + 0.0  # no -0.0
