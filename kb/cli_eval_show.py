"""What `kb eval` prints: tables of runs, and the plain data behind --json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kb.cli_output import SyncProgress, count, print_table, say

if TYPE_CHECKING:
    from kb.errors import KbError
    from kb.harness.metrics import Summary
    from kb.harness.reproduce import Reproduction
    from kb.harness.runs import Run
    from kb.harness.stats import Interval
    from kb.harness.sweep import Outcome, SweepReport

_SHOWN = 20


class Bar:
    """A bar with the time that is left, on a terminal only."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._bars = SyncProgress(quiet=quiet)

    def __enter__(self) -> Self:
        self._bars.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.__exit__(kind, error, trace)

    def progress(self, what: str) -> Callable[[int, int], None]:
        """For what counts samples or tokens."""
        return lambda done, total: self._bars(what, done, total)

    def outcomes(self, what: str) -> Callable[[Outcome, int, int], None]:
        """For what counts the cells of a sweep."""
        return lambda outcome, done, total: self._bars(what, done, total)


# Figures


def percent(interval: Interval) -> str:
    """87.5 % [82, 91]"""
    if not interval.known:
        return "?"
    return f"{interval.value:.1%} [{interval.low * 100:.0f}, {interval.high * 100:.0f}]"


def number(interval: Interval | None, digits: int = 1) -> str:
    """12.3 [11.8, 12.9]"""
    if interval is None or not interval.known:
        return ""
    value, low, high = interval.value, interval.low, interval.high
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def size(size_bytes: int | None) -> str:
    """3.4 MB"""
    if size_bytes is None:
        return ""
    value, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB"):  # noqa: B007 - the last one is used
        if value < 1000:
            break
        value /= 1000
    return f"{value:.3g} {unit}"


def what_was_done(manifest: Mapping[str, Any]) -> str:
    """rtn 4 bits g32, kv 8 bits; what a log from elsewhere states."""
    from kb.harness.plots import label_of

    if manifest.get("state") == "imported":
        stated = manifest.get("quantization")
        return str(stated) if stated else "not stated"
    return label_of(manifest)


# Runs


def _summaries(runs: Sequence[Run]) -> list[Summary]:
    from kb.harness.metrics import summary

    return [summary(run) for run in runs]


def summaries_json(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Each run's manifest and metrics."""
    return [
        {"id": run.id, "manifest": dict(run.manifest), "summary": found.to_data()}
        for run, found in zip(runs, _summaries(runs), strict=True)
    ]


def print_summaries(runs: Sequence[Run]) -> None:
    """One line a run, and how much is right in each group."""
    if not runs:
        say("no complete runs")
        return
    found = _summaries(runs)
    rows = [_row(run, summary) for run, summary in zip(runs, found, strict=True)]
    names = ["weights", "bits", "size", "right", "first error", "tokens", "differs", "KL", "ECE", "tokens/s"]
    used = [at for at in range(len(names)) if any(row[at] for row in rows)]
    print_table([names[at] for at in used], [[row[at] for at in used] for row in rows])
    groups = sorted({name for summary in found for name in summary.groups})
    if groups:
        say("")
        print_table(
            ["right, by group", *groups],
            [
                [
                    what_was_done(run.manifest),
                    *(percent(s.groups[g].accuracy.rate) if g in s.groups else "" for g in groups),
                ]
                for run, s in zip(runs, found, strict=True)
            ],
        )


def _row(run: Run, summary: Summary) -> list[str]:
    from kb.harness.plots import cell_of

    part, manifest = summary.overall, run.manifest
    report = manifest.get("quantization")
    report = report if isinstance(report, Mapping) else {}
    bits = cell_of(run, summary).effective_bits if run.state != "imported" else None
    # What a file that was quantized before takes is not what it takes unpacked.
    unpacked = bool((manifest.get("model") or {}).get("already_quantized")) and not report.get("layers")
    speed = (manifest.get("measured") or {}).get("tokens_per_s")
    steps, divergence, calibration = part.steps, part.divergence, part.calibration
    return [
        what_was_done(manifest),
        f"{bits:.2f}" if bits is not None else "",
        size(None if unpacked else report.get("size_bytes")),
        percent(part.accuracy.rate)
        + (f" ({part.accuracy.unscored} unscored)" if part.accuracy.unscored else ""),
        f"step {steps.first_error.value + 1:.0f}" if steps is not None and steps.first_error.known else "",
        f"{part.tokens.all.mean.value:.1f}" if part.tokens.all.mean.known else "not stated",
        percent(divergence.differing) if divergence is not None and divergence.differing.known else "",
        f"{divergence.kl.value:.2g}" if divergence is not None and divergence.kl.known else "",
        f"{calibration.equal_mass.ece.value:.3f}" if calibration is not None else "",
        f"{speed:,.0f}" if speed else "",
    ]


def runs_json(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The manifests."""
    return [dict(run.manifest) for run in runs]


def print_runs(runs: Sequence[Run]) -> None:
    """One line a run."""
    if not runs:
        say("no runs yet; kb eval run --quick makes some")
        return
    rows = []
    for run in runs:
        task = run.manifest.get("task") or {}
        results = run.manifest.get("results") or {}
        rows.append(
            [
                run.id,
                run.state,
                str((run.manifest.get("model") or {}).get("id", "")),
                what_was_done(run.manifest),
                str(task.get("name", "")),
                str(results.get("count", "")),
            ]
        )
    print_table(["run", "state", "model", "weights", "task", "results"], rows)
    say(count(len(runs), "run"))


def run_json(run: Run, *, samples: bool) -> dict[str, Any]:
    """A run, with its metrics if there is anything to measure."""
    import json

    data: dict[str, Any] = {"id": run.id, "manifest": dict(run.manifest)}
    if run.samples:
        data["summary"] = _summaries([run])[0].to_data()
    if samples:
        data["samples"] = [json.loads(sample.to_line()) for sample in run.samples]
    return data


def print_run(run: Run, *, samples: bool) -> None:
    """Settings, figures, and the completions if they are asked for."""
    say(f"{run.id} ({run.state}, {count(len(run.samples), 'result')})")
    rows = [[name, value] for name, value in _settings(run.manifest)]
    print_table(["setting", "value"], rows)
    if run.samples:
        say("")
        print_summaries([run])
    if samples:
        say("")
        print_table(
            ["sample", "k", "score", "answer", "gold", "tokens", "why"],
            [
                [s.id, str(s.k), "unscored" if s.score is None else f"{s.score:g}", s.answer or "", s.gold,
                 "not stated" if s.tokens is None else str(s.tokens), s.why]
                for s in run.samples
            ],
        )  # fmt: skip


def _settings(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The manifest's leaves, a line each, without the layers of the quantizer's report."""
    report = manifest.get("quantization")
    shown = dict(manifest)
    if isinstance(report, Mapping):
        layers = report.get("layers") or ()
        shown["quantization"] = {
            **report,
            "layers": f"{len(layers)} layers",
            "kept": len(report.get("kept") or ()),
        }
    return [(name, str(value)) for name, value in _leaves(shown) if value not in (None, "", [], {})]


def _leaves(value: Any, name: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        return [
            leaf
            for key, item in value.items()
            for leaf in _leaves(item, f"{name}.{key}" if name else str(key))
        ]
    return [(name, value)]


# Sweeps, repetitions


def outcomes_json(report: SweepReport) -> list[dict[str, Any]]:
    """How each cell ended."""
    return [{"id": one.id, "state": one.state.value, "message": one.message} for one in report.outcomes]


def print_outcomes(report: SweepReport) -> None:
    """One line a cell."""
    print_table(["run", "how it ended"], [[one.id, one.state.value] for one in report.outcomes])


def print_reproduction(found: Reproduction) -> None:
    """What differs, sample by sample, and what was not the same around it."""
    for name, was, now in found.settings:
        say(f"setting {name}: {_short(was)} then, {_short(now)} now")
    differing = sorted({(one.id, one.k) for one in found.differences})
    for one in found.differences[:_SHOWN]:
        say(
            f"sample {one.id}, completion {one.k}: {one.field}: {_short(one.was)} then, {_short(one.now)} now"
        )
    if len(found.differences) > _SHOWN:
        say(f"and {len(found.differences) - _SHOWN} more; --json has all")
    rounding = f" (log-probabilities within {found.rounding:.1g})" if found.rounding else ""
    if found.same:
        say(f"{found.run_id}: all {count(found.samples, 'completion')} came out the same{rounding}")
    else:
        say(f"{found.run_id}: {len(differing)} of {count(found.samples, 'completion')} differ{rounding}")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def print_problems(problems: Sequence[KbError]) -> None:
    """What could not be read, one line each."""
    for problem in problems:
        say(f"kb: {problem}", err=True)
