"""A run as another harness logged it, and what the readers of all formats share."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.errors import DataError, UsageError
from kb.harness.judge import answer_place, tokens_before
from kb.harness.results import SampleResult
from kb.harness.spec import portable
from kb.harness.types import Completion, text_hash

EXPECTED = (
    "model.id model.revision model.weight_hash quantization task.version task.seed task.n task.n_shot task.metric "
    "template decoding.max_new_tokens decoding.temperature decoding.top_p decoding.samples_per_item decoding.seed "
    "engine.name engine.version engine.dtype engine.device engine.batch_size"
).split()
"""Settings that decide what a number means. Those that a log does not state are unknown."""

LARGEST = 1 << 30
"""Bytes of one file of a log."""


@dataclass(frozen=True)
class ImportedRun:
    """One task of one run made elsewhere.

    Attributes:
        manifest: sections model, quantization, task, decoding, engine, libraries, template and source (the tool and its
            version) with what the log states, and nothing else. No machine paths.
        unknown: dotted names of EXPECTED settings that it does not state, and "results.tokens" where the log has no
            token counts (`SampleResult.tokens` is then None).
        results: one per completion.
    """

    manifest: Mapping[str, Any]
    unknown: tuple[str, ...]
    results: tuple[SampleResult, ...]


def imported(manifest: Mapping[str, Any], results: Iterable[SampleResult]) -> ImportedRun:
    """A run without what says nothing."""
    results = tuple(results)
    kept: dict[str, Any] = portable(without_none(manifest))
    unknown = [name for name in EXPECTED if not _has(kept, name.split("."))]
    if all(result.tokens is None for result in results):
        unknown.append("results.tokens")
    return ImportedRun({"state": "imported", **kept}, tuple(unknown), results)


def _has(data: Any, parts: list[str]) -> bool:
    for part in parts:
        if not isinstance(data, Mapping) or part not in data:
            return False
        data = data[part]
    return True


def without_none(data: Any) -> Any:
    """Without the fields that are null or empty: they state nothing."""
    if isinstance(data, Mapping):
        kept = {str(key): without_none(value) for key, value in data.items()}
        return {key: value for key, value in kept.items() if value is not None and value not in ({}, [], "")}
    if isinstance(data, (list, tuple)):
        return [without_none(value) for value in data]
    return data


def load_json(path: Path) -> dict[str, Any]:
    """A JSON object in a file.

    Raises:
        DataError: it cannot be read, is no JSON object, or holds NaN or infinity.
    """
    return parse_object(read_text(path), path.name)


def is_object_with(path: Path, names: set[str]) -> bool:
    """Whether this is a .json file that holds an object with these fields."""
    if path.suffix != ".json" or path.is_dir():
        return False
    try:
        return names <= set(load_json(path))
    except DataError:
        return False


def only_results(folder: Path) -> Path:
    """The one results_<date>.json in a folder.

    Raises:
        UsageError: there is none, or more than one.
    """
    found = sorted(folder.glob("results_*.json"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found)
        raise UsageError(f"{folder.name} holds {len(found)} runs", fix=f"name one: {names}")
    return found[0]


def read_text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise DataError("is larger than a gigabyte", file=path.name)
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", file=path.name) from None


def parse_object(text: str, file: str, line: int | None = None) -> dict[str, Any]:
    """A JSON object; NaN and infinity are refused."""
    try:
        data = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is no JSON: {error}", file=file, line=line, fix="copy the log again") from None
    if not isinstance(data, dict):
        raise DataError("is no JSON object", file=file, line=line)
    return data


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def mapping(value: Any) -> dict[str, Any]:
    """An optional part of a log; nothing where it is missing or something else."""
    return value if isinstance(value, dict) else {}


def section(data: Mapping[str, Any], name: str, file: str) -> dict[str, Any]:
    """A part of a log that must be an object.

    Raises:
        DataError: it is missing or something else.
    """
    value = data.get(name)
    if not isinstance(value, dict):
        raise DataError("is missing" if value is None else "is no object", file=file, field=name)
    return value


def as_score(value: Any) -> float | None:
    """A metric of one sample, from 0 to 1; None if it is something else (a list, a perplexity)."""
    if isinstance(value, bool) or (
        isinstance(value, (int, float)) and math.isfinite(value) and 0 <= value <= 1
    ):
        return float(value)
    return None


def result(
    *,
    id: str,
    group: str,
    prompt: str,
    output: str,
    gold: str,
    score: float | None,
    why: str,
    k: int = 0,
    answer: str | None = None,
    tokens: int | None = None,
    reasoning_tokens: int | None = None,
    finish: str = "unknown",
    answer_logprob: float | None = None,
) -> SampleResult:
    """One completion. Reasoning tokens that a log does not count are those before the answer, by its place in the text."""
    if reasoning_tokens is None and tokens is not None:
        place = answer_place(output, answer)
        done = Completion(output, tokens, finish)
        reasoning_tokens = tokens_before(done, place[0]) if place else done.tokens
    return SampleResult(
        id=id,
        k=k,
        group=group,
        prompt_hash=text_hash(prompt),
        output=output,
        output_hash=text_hash(output),
        tokens=tokens,
        reasoning_tokens=reasoning_tokens,
        finish=finish,
        answer=answer,
        gold=gold,
        score=score,
        why=" ".join(why.split())[:200],
        answer_logprob=answer_logprob,
    )


class Once:
    """Refuses a completion that stands twice in a log."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._seen: set[object] = set()

    def check(self, what: str, key: object, line: int | None = None) -> None:
        """Raises: DataError: `key` was seen before."""
        if key in self._seen:
            raise DataError(f"{what} stands here twice", file=self.file, line=line)
        self._seen.add(key)


def complete(found: int, expected: Any, file: str) -> None:
    """Raises: DataError: a log has not as many samples as it says that it ran."""
    if isinstance(expected, int) and expected >= 0 and found != expected:
        raise DataError(
            f"has {found} samples, and the run says {expected}",
            file=file,
            fix="copy the log again, or run it again with all samples logged",
        )
