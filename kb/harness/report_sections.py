"""What a block of a page may show: a table for each question, and the pictures that go with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from kb.errors import DataError
from kb.harness.compare import Comparison, compare
from kb.harness.compare_text import finding, markdown_cell, p_value, points, share
from kb.harness.metrics import Pick, Steps, summary
from kb.harness.metrics.calibration import calibration
from kb.harness.report import Variant
from kb.harness.stats import Interval, holm
from kb.harness.types import ErrorKind

MARGIN = 0.02
"""A difference of accuracies that these pages call none: two points of a hundred."""

UNKNOWN = "–"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    lines = [caption, "", f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _name(row: Variant) -> str:
    return markdown_cell(row.label)


def _share(interval: Interval) -> str:
    return share(interval) if interval.known else UNKNOWN


def _number(interval: Interval) -> str:
    if not interval.known:
        return UNKNOWN
    bounds = f" [{interval.low:.1f}, {interval.high:.1f}]" if interval.low == interval.low else ""
    return f"{interval.value:.1f}{bounds}"


def accuracy_section(rows: Sequence[Variant]) -> str:
    """Accuracy over all and by group, with each model's own."""
    groups = sorted({name for row in rows for name in row.summary.groups})
    many = len(rows[0].runs)
    table = []
    for row in rows:
        cells = [_name(row), _share(row.summary.overall.accuracy.rate)]
        if many > 1:
            own = (summary(run).overall.accuracy.rate.value for run in row.runs)
            cells.append(" / ".join(f"{100 * value:.1f}" for value in own))
        parts = [row.summary.groups.get(name) for name in groups]
        table.append([*cells, *(_share(part.accuracy.rate) if part else UNKNOWN for part in parts)])
    return _table(
        ["weights", "all", *(["each run"] if many > 1 else []), *map(markdown_cell, groups)],
        table,
        f"Right answers on {rows[0].summary.overall.items:,} items"
        + (f", {many} runs (models or seeds) together" if many > 1 else "")
        + "; 95 % intervals over items.",
    )


def _held(rows: Sequence[Variant]) -> tuple[Variant, list[tuple[Variant, Comparison]]]:
    """Every variant against the models as they are."""
    full = next((row for row in rows if row.is_full), None)
    if full is None:
        raise DataError(
            "no run takes the models as they are, to hold the others against",
            field="equivalence",
            fix="put none into the spec's quantizers",
        )
    return full, [(row, compare(full.pooled, row.pooled, MARGIN)) for row in rows if row is not full]


def equivalence_section(rows: Sequence[Variant]) -> str:
    """Each variant against the models as they are: difference, test, and what may be said."""
    full, held = _held(rows)
    adjusted = holm([found.overall.p for _row, found in held])
    table = [
        [
            _name(row),
            points(found.overall.difference),
            p_value(p)[2:].removeprefix("= "),
            f"{100 * found.overall.margin_shown:.1f}",
            finding(replace(found.overall, p=p)).removeprefix("B "),
        ]
        for (row, found), p in zip(held, adjusted, strict=True)
    ]
    return _table(
        [
            "weights",
            "difference",
            "p (Holm)",
            "smallest drop that so many items rule out",
            "what may be said",
        ],
        table,
        f"Right answers against {_name(full)} on the same items, in points of 100; "
        f"less than {100 * MARGIN:g} points count as no difference.",
    )


def first_error_section(rows: Sequence[Variant]) -> str:
    """Where and how chains first go wrong."""
    known = [(row, found) for row in rows if (found := row.summary.overall.steps) is not None]
    if not known:
        raise DataError(
            "the task's steps are not known", field="first-error", fix="take the section out of the marker"
        )
    return f"{_kinds(known)}\n\n{_hazards(known)}"


def _kinds(known: Sequence[tuple[Variant, Steps]]) -> str:
    table = [
        [
            _name(row),
            _share(found.all_right),
            *(f"{found.kinds[kind].count:,}" if kind in found.kinds else "0" for kind in ErrorKind),
            _share(found.conclusion.rate),
            f"{found.right_anyway.count:,}",
        ]
        for row, found in known
    ]
    return _table(
        [
            "weights",
            "no wrong step",
            *ErrorKind,
            "wrong conclusion after right steps",
            "right answer after a wrong step",
        ],
        table,
        f"First errors by kind, of {known[0][1].completions:,} completions each.",
    )


def _hazards(known: Sequence[tuple[Variant, Steps]]) -> str:
    """Every step of short chains, every second of long ones."""
    last = max(at.step for _row, found in known for at in found.hazard)
    shown = [step for step in range(last + 1) if last < 8 or step % 2 == 0]
    table = []
    for row, found in known:
        by_step = {at.step: at.rate for at in found.hazard}
        table.append([_name(row), *(_share(by_step[at]) if at in by_step else UNKNOWN for at in shown)])
    return _table(
        ["weights", *(f"step {step + 1}" for step in shown)],
        table,
        "Chance that a step is the first wrong one, given that all before it are right.",
    )


def calibration_section(rows: Sequence[Variant]) -> str:
    """How sure against how right, by the answer's probability and by the whole output's."""
    table = []
    for row in rows:
        cells = [_name(row), _share(row.summary.overall.accuracy.rate)]
        for found in (row.summary.overall.calibration, calibration(row.pooled.samples, Pick.SEQUENCE)):
            if found is None:
                cells += [UNKNOWN] * 3
            else:
                cells += [
                    share(found.confidence),
                    points(found.overconfidence),
                    share(found.equal_mass.ece),
                ]
        table.append(cells)
    head = ["weights", "right"]
    for what in ("answer", "whole output"):
        head += [f"confidence, {what}", f"too sure by, {what}", f"ECE, {what}"]
    return _table(
        head,
        table,
        "Confidence is the probability that the model gave to its answer's tokens, or to all it wrote.",
    )


def tokens_section(rows: Sequence[Variant]) -> str:
    """Reasoning tokens of right and wrong answers."""
    table = []
    for row in rows:
        found = row.summary.overall.tokens
        means = (found.all.mean, found.right.mean, found.wrong.mean, found.within_groups)
        table.append([_name(row), *map(_number, means), _share(row.summary.overall.truncated)])
    return _table(
        ["weights", "all", "right", "wrong", "wrong minus right, same group", "cut off"],
        table,
        "Reasoning tokens, mean. The difference is within groups: problems of one length or kind against each other.",
    )


def runs_section(rows: Sequence[Variant]) -> str:
    """Which runs the tables come from."""
    return "\n".join(
        ["Runs:", "", *(f"- {_name(row)}: {', '.join(f'`{run.id}`' for run in row.runs)}" for row in rows)]
    )


SECTIONS: Mapping[str, Callable[[Sequence[Variant]], str]] = {
    "accuracy": accuracy_section,
    "equivalence": equivalence_section,
    "first-error": first_error_section,
    "calibration": calibration_section,
    "tokens": tokens_section,
    "runs": runs_section,
}
"""What a block may ask for, by name."""

PICTURES: Mapping[str, Mapping[str, str]] = {
    "accuracy": {
        "accuracy-by-bits": "Plot: share of right answers against the bits of a weight, with 95 % intervals",
        "accuracy-by-length": "Plot: share of right answers by group of problems, a line for each kind of weights",
    },
    "first-error": {
        "first-error-by-step": "Plot: chance that a step is the first wrong one, by step, a line for each kind of weights",
        "error-kinds": "Plot: bars of the kinds of first errors, one for each kind of weights",
    },
    "calibration": {
        "calibration": "Plot: share of right answers against confidence, a panel for each kind of weights",
    },
    "tokens": {
        "reasoning-tokens": "Plot: mean reasoning tokens of right and of wrong answers, for each kind of weights",
    },
}
"""The pictures of a section (names of `kb.harness.plots.PLOTS`), with what stands for them where they cannot be seen."""
