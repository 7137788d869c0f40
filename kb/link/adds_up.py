"""Checks of reported results: what cannot be, and what does not add up. `RESULT_CHECKS` is all of them.

A source may be wrong, and so may whoever carried its figures over. What cannot be is an error; what does not add up is a
doubt: the row stays, and the doubt is shown with it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from kb.harness.stats import reported_counts
from kb.records.claims import Metric
from kb.records.results import Certainty, Method, ReportedResult, Results

_MOST_PASSES = 16
_CLOSE = 1e-9


@dataclass(frozen=True)
class Doubt:
    """Something that a person should look at.

    Attributes:
        check: the name of the check.
        wrong: it cannot be; otherwise it may be as it is said.
    """

    check: str
    row: ReportedResult
    reason: str
    wrong: bool = False

    def __str__(self) -> str:
        return f"{self.row.ref}: {self.reason}"


Finding = tuple[ReportedResult, str]
Check = Callable[[Results], Iterable[Finding]]


def in_range(results: Results) -> Iterator[Finding]:
    """An accuracy, its baseline and its spread lie between 0 and 100; nothing else is below 0."""
    for row in results.rows:
        most = 100 if row.metric is Metric.ACCURACY else math.inf
        for name in ("score", "baseline_score", "spread"):
            value = getattr(row, name)
            if value is not None and not 0 <= value <= most:
                yield row, f"{name} is {value:g}"


def percent(results: Results) -> Iterator[Finding]:
    """One unit in a source: a fraction among percentages is a slip.

    Small figures are no proof: a model may fall to 0.9 %. So a figure is taken for a fraction if, in its configuration, all
    scores are 1 or less although their baselines are not, and 100 times the best is near its baseline; or the other way.
    """
    for rows in _configurations(results.rows).values():
        held = [row for row in rows if row.metric is Metric.ACCURACY and row.baseline_score]
        if not held:
            continue
        scores, baselines = [row.score for row in held], [row.baseline_score or 0.0 for row in held]
        best = max(held, key=lambda row: row.score)
        near = 0.5 <= 100 * best.score / (best.baseline_score or 1) <= 1.5
        if max(scores) <= 1 < min(baselines) and near:
            yield (
                best,
                f"{best.score:g} looks like a fraction, its baseline {best.baseline_score:g} like percent",
            )
        elif max(baselines) <= 1 < max(scores):
            yield (
                best,
                f"the baseline {best.baseline_score:g} looks like a fraction, {best.score:g} like percent",
            )
        elif 0 < max(*scores, *baselines) <= 1:
            yield best, f"{best.score:g} and its baseline {best.baseline_score:g} look like fractions"


def averages(results: Results) -> Iterator[Finding]:
    """A printed mean is that of its parts, as far as rounding lets it."""
    decimals = _decimals(results.rows)
    for rows in _configurations(results.rows).values():
        by_name = {row.benchmark: row for row in rows if row.metric is Metric.ACCURACY}
        for name, row in by_name.items():
            names = results.words.benchmarks[name].mean_of
            if not names or not all(part in by_name for part in names):
                continue
            parts = [by_name[part].score for part in names]
            mean = math.fsum(parts) / len(parts)
            if (
                abs(mean - row.score) > 10.0 ** -decimals[row.source] + _CLOSE
            ):  # half of it from either rounding
                yield row, f"{row.score:g} is printed as the mean, and its parts have {mean:.4g}"


def baselines(results: Results) -> Iterator[Finding]:
    """One model has one baseline on a benchmark in a source, that of its own row at full precision."""
    groups: dict[tuple[str, ...], list[ReportedResult]] = defaultdict(list)
    for row in results.rows:
        groups[row.source, row.model, row.benchmark, row.metric.value].append(row)
    for rows in groups.values():
        said: dict[float, list[ReportedResult]] = defaultdict(list)
        for row in rows:
            if row.method == "none" and row.variant is None and row.bits == "w16a16kv16":
                said[row.score].append(row)
            if row.baseline_score is not None:
                said[row.baseline_score].append(row)
        usual, *others = sorted(said.items(), key=lambda each: (-len(each[1]), each[0])) or [(0.0, [])]
        for value, there in others:
            place, usually = there[0].place or "another row", usual[1][0].place or "the rest"
            yield there[0], f"the baseline is {value:g} in {place}, and {usual[0]:g} in {usually}"


def counts(results: Results) -> Iterator[Finding]:
    """A score is a number of right answers over items and seeds (the GRIM test), where the source says how many seeds."""
    for row, name, score, items, seeds, decimals in _countable(results):
        if seeds is not None and not reported_counts(score, items, seeds=seeds, decimals=decimals):
            yield row, f"no number of right answers out of {items * seeds} gives {name} {score:.{decimals}f}"


def passes(results: Results) -> Iterator[Finding]:
    """Scores that one pass over the items cannot give, where the source does not say how many passes there were."""
    groups: dict[tuple[str, str], list[tuple[ReportedResult, float, int, int]]] = defaultdict(list)
    for row, _, score, items, seeds, decimals in _countable(results):
        if seeds is None:
            groups[row.source, row.benchmark].append((row, score, items, decimals))
    for (_, benchmark), scores in groups.items():
        left = [each for each in scores if not reported_counts(each[1], each[2], decimals=each[3])]
        if left:
            row, score, items, decimals = left[0]
            some = f"{len(left)} of {len(scores)} scores on {benchmark}, such as {score:.{decimals}f}"
            enough = [
                n
                for n in range(2, _MOST_PASSES + 1)
                if all(reported_counts(s, i, seeds=n, decimals=d) for _, s, i, d in scores)
            ]
            more = (
                f"{enough[0]} passes would do"
                if enough
                else f"up to {_MOST_PASSES} passes do not give all of them"
            )
            yield row, f"{some}, are not of one pass over {items} items; {more}"


def bits(results: Results) -> Iterator[Finding]:
    """A method has the bits that it can have; what is not quantized has 16."""
    for row in results.rows:
        method: Method = results.words.methods[row.method]
        for name in ("weight_bits", "act_bits", "kv_bits"):
            can, has = getattr(method, name), getattr(row, name)
            if can is not None and has not in can:
                yield row, f"{method.title} has {can} {name.replace('_', ' ')}, not {has:g}"


def certainty(results: Results) -> Iterator[Finding]:
    """Whoever carried the figure over doubts it."""
    for row in results.rows:
        if row.certainty is Certainty.LOW:
            yield row, row.note or "marked as doubtful, without a reason"


def copies(results: Results) -> Iterator[Finding]:
    """Two configurations of one model do not have the same score on three benchmarks or more, unless all are 0."""
    seen: dict[tuple[object, ...], ReportedResult] = {}
    for rows in _configurations(results.rows).values():
        scores = tuple(sorted((row.benchmark, row.metric.value, row.score) for row in rows))
        if len(scores) < 3 or not any(score for *_, score in scores):
            continue
        first = seen.setdefault((rows[0].source, rows[0].model, scores), rows[0])
        if first is not rows[0]:
            yield rows[0], f"all {len(scores)} scores are those of {first.method} {first.bits}"


RESULT_CHECKS: dict[str, tuple[bool, Check]] = {
    "results-range": (True, in_range),
    "results-percent": (True, percent),
    "results-averages": (False, averages),
    "results-baselines": (False, baselines),
    "results-counts": (False, counts),
    "results-passes": (False, passes),
    "results-bits": (False, bits),
    "results-copies": (False, copies),
    "results-certainty": (False, certainty),
}
"""Every check by name, and whether what it finds cannot be. That a cell stands once, and is a number, loading checks."""


def doubts(results: Results, names: Iterable[str] = RESULT_CHECKS) -> list[Doubt]:
    """What the checks called `names` find, check by check, in the order of the rows."""
    return [
        Doubt(name, row, reason, RESULT_CHECKS[name][0])
        for name in names
        for row, reason in RESULT_CHECKS[name][1](results)
    ]


def _configurations(rows: Iterable[ReportedResult]) -> Mapping[tuple[object, ...], list[ReportedResult]]:
    """Rows by everything but the benchmark."""
    found: dict[tuple[object, ...], list[ReportedResult]] = defaultdict(list)
    for row in rows:
        found[row.source, row.model, row.method, row.variant, row.bits].append(row)
    return found


def _printed(value: float) -> int:
    return min(2, len(repr(value).removesuffix(".0").partition(".")[2]))


def _decimals(rows: Iterable[ReportedResult]) -> Mapping[str, int]:
    """How many decimals each source prints."""
    found: dict[str, int] = defaultdict(int)
    for row in rows:
        for value in (row.score, row.baseline_score):
            if value is not None and row.metric is Metric.ACCURACY:
                found[row.source] = max(found[row.source], _printed(value))
    return found


def _countable(results: Results) -> Iterator[tuple[ReportedResult, str, float, int, int | None, int]]:
    """Each score and each baseline that few enough items stand behind for rounding not to hide everything."""
    decimals = _decimals(results.rows)
    seen: set[tuple[object, ...]] = set()
    for row in results.rows:
        benchmark = results.words.benchmarks[row.benchmark]
        items = row.items or benchmark.items
        if row.metric is not Metric.ACCURACY or items is None or benchmark.mean_of:
            continue
        for name, value in (("the score", row.score), ("the baseline", row.baseline_score)):
            once = (row.source, row.model, row.benchmark, value) if name == "the baseline" else (row.cell,)
            if value is None or not 0 <= value <= 100 or once in seen:
                continue
            seen.add(once)
            shown = _printed(value) or decimals[row.source]  # 10 may stand for 10.00, 20.7 for itself
            if 100 / (items * (row.seeds or 1)) > 10.0**-shown:
                yield row, name, value, items, row.seeds, shown
