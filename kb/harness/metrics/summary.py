"""All metrics of a run, over all of it and by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from kb.harness.metrics.accuracy import Accuracy, accuracy, by_item, majority_at, pass_at
from kb.harness.metrics.calibration import Calibration, Pick, calibration
from kb.harness.metrics.outputs import Divergence, Tokens, divergence, tokens, truncated
from kb.harness.metrics.steps import Steps, steps
from kb.harness.results import SampleResult
from kb.harness.stats import Interval, plain


class RunLike(Protocol):
    """What metrics and comparisons need of a run: `kb.harness.runs.Run`."""

    @property
    def manifest(self) -> Mapping[str, Any]: ...

    @property
    def samples(self) -> Sequence[SampleResult]: ...


@dataclass(frozen=True)
class Part:
    """A run, or one group of it.

    Attributes:
        items, completions: how many.
        pass_at, majority_at: by k; only k = 1 where there is one completion an item.
        calibration, steps, divergence: None where nothing of it is known.
    """

    items: int
    completions: int
    accuracy: Accuracy
    pass_at: Mapping[int, Interval]
    majority_at: Mapping[int, Interval]
    truncated: Interval
    tokens: Tokens
    calibration: Calibration | None
    steps: Steps | None
    divergence: Divergence | None


@dataclass(frozen=True)
class Summary:
    """All metrics of a run.

    Attributes:
        id: of the run.
        level: of the intervals.
        overall: the whole run; `groups`: by chain length, kind of reasoning or subject, sorted by name.
    """

    id: str
    level: float
    overall: Part
    groups: Mapping[str, Part]

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON; NaN is null."""
        data: dict[str, Any] = plain(self)
        return data


def summary(run: RunLike, *, level: float = 0.95, pick: Pick = Pick.ANSWER) -> Summary:
    """All metrics of a run.

    Args:
        level: of all intervals.
        pick: whose probability is the confidence.
    """
    has_baseline = bool((run.manifest.get("spec") or {}).get("baseline"))
    samples = sorted(run.samples, key=lambda result: (result.id, result.k))  # resampling sees the order
    groups: dict[str, list[SampleResult]] = {}
    for result in samples:
        groups.setdefault(result.group, []).append(result)

    def part(results: Sequence[SampleResult]) -> Part:
        return Part(
            len(by_item(results)),
            len(results),
            accuracy(results, level),
            pass_at(results, level),
            majority_at(results, level),
            truncated(results, level),
            tokens(results, level),
            calibration(results, pick, level),
            steps(results, level),
            divergence(results, has_baseline=has_baseline, level=level),
        )

    return Summary(
        str(run.manifest.get("id", "")),
        level,
        part(samples),
        {name: part(groups[name]) for name in sorted(groups)} if len(groups) > 1 else {},
    )
