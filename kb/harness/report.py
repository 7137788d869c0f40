"""Pages about runs: tables between markers in a Markdown file, made from committed runs; the words around them are a person's.

    <!-- kb eval report experiments/bits.yaml: accuracy first-error -->
    (made by kb eval report)
    <!-- /kb eval report -->

Cells that differ in the model's training seed alone are pooled: an item then has one completion from each model, and
intervals are over items. The accuracy of each model stands beside, so that the spread between models is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from kb.errors import DataError
from kb.harness.compare import Comparison, compare
from kb.harness.compare_text import finding, p_value, points, share
from kb.harness.metrics import Pick, Summary, summary
from kb.harness.metrics.calibration import calibration
from kb.harness.plots import label_of
from kb.harness.results import SampleResult
from kb.harness.runs import Run
from kb.harness.stats import Interval, holm
from kb.harness.types import ErrorKind

MARGIN = 0.02
"""A difference of accuracies that these pages call none: two points of a hundred."""
_BLOCK = re.compile(
    r"(?P<open><!-- kb eval report (?P<spec>[\w./-]+): (?P<sections>[a-z -]+?) -->\n)(?P<body>.*?)(?P<close><!-- /kb eval report -->)",
    re.DOTALL,
)


@dataclass(frozen=True)
class Pooled:
    """Runs of one variant on several models, as one: completion k of an item is that of the k-th model."""

    manifest: Mapping[str, Any]
    samples: tuple[SampleResult, ...]


@dataclass(frozen=True)
class Variant:
    """What was done to the models: a row of the tables.

    Attributes:
        runs: one a model, in the models' order.
    """

    label: str
    runs: tuple[Run, ...]

    @cached_property
    def pooled(self) -> Pooled:
        """All models together. The settings are those of the first; the model is left out."""
        many = len(self.runs) > 1
        samples = (
            replace(result, k=place * 1000 + result.k) if many else result
            for place, run in enumerate(self.runs)
            for result in run.samples
        )
        return Pooled(self.runs[0].manifest, tuple(samples))

    @cached_property
    def summary(self) -> Summary:
        return summary(self.pooled)

    @property
    def is_full(self) -> bool:
        """Whether the models run as they are."""
        spec = self.runs[0].spec
        return spec["quantizer"]["method"] == "none" and not spec.get("kv")


def variants(runs: Sequence[Run]) -> list[Variant]:
    """Runs by what was done to the model, in the order in which they first come."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(label_of(run.manifest), []).append(run)
    return [Variant(label, tuple(rows)) for label, rows in found.items()]


def render_page(text: str, runs_of: Callable[[str], Sequence[Run]], *, file: str = "") -> str:
    """The page with every block made anew from its runs. Nothing outside the markers changes.

    Args:
        runs_of: the complete runs of a spec, by the path that stands in the marker.

    Raises:
        DataError: a section that is not in SECTIONS, a spec without complete runs, a marker without its end.
    """
    if text.count("<!-- kb eval report ") != len(_BLOCK.findall(text)):
        raise DataError(
            "a block is not closed, or its first line cannot be read",
            file=file,
            fix="<!-- kb eval report SPEC: SECTION ... --> ... <!-- /kb eval report -->",
        )

    def made(match: re.Match[str]) -> str:
        names = match["sections"].split()
        if unknown := [name for name in names if name not in SECTIONS]:
            raise DataError(
                f"there is no section {unknown[0]!r}", file=file, fix=f"sections are: {', '.join(SECTIONS)}"
            )
        rows = variants(runs_of(match["spec"]))
        if not rows:
            raise DataError(
                f"{match['spec']} has no complete run", file=file, fix=f"kb eval sweep {match['spec']}"
            )
        body = "\n\n".join(SECTIONS[name](rows).strip() for name in names)
        how = f"Made by `kb eval sweep {match['spec']}` and `kb eval report {file or 'PAGE'}`."
        return f"{match['open']}\n{body}\n\n{how}\n\n{match['close']}"

    return _BLOCK.sub(made, text)


# Sections


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    lines = [caption, "", f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(
        [*lines, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)]
    )


def _number(interval: Interval, digits: int = 1, scale: float = 1.0) -> str:
    if not interval.known:
        return "–"
    bounds = (
        f" [{interval.low * scale:.{digits}f}, {interval.high * scale:.{digits}f}]"
        if interval.low == interval.low
        else ""
    )
    return f"{interval.value * scale:.{digits}f}{bounds}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def accuracy_section(rows: Sequence[Variant]) -> str:
    """Accuracy over all and by group, with each model's own."""
    groups = sorted({name for row in rows for name in row.summary.groups})
    many = max(len(row.runs) for row in rows) > 1
    items = rows[0].summary.overall.items
    table = []
    for row in rows:
        cells = [row.label, share(row.summary.overall.accuracy.rate)]
        if many:
            cells.append(" / ".join(_percent(summary(run).overall.accuracy.rate.value) for run in row.runs))
        cells += [
            share(row.summary.groups[name].accuracy.rate) if name in row.summary.groups else "–"
            for name in groups
        ]
        table.append(cells)
    caption = f"Right answers on {items:,} items{f', {len(rows[0].runs)} models' if many else ''}; 95 % intervals over items."
    return _table(["", "all", *(["each model"] if many else []), *groups], table, caption)


def _held(rows: Sequence[Variant]) -> list[tuple[Variant, Comparison]]:
    """Every variant against the models as they are."""
    full = next((row for row in rows if row.is_full), None)
    if full is None:
        raise DataError(
            "no run is at full precision to hold the others against",
            fix="put none into the spec's quantizers",
        )
    return [(row, compare(full.pooled, row.pooled, MARGIN)) for row in rows if row is not full]


def equivalence_section(rows: Sequence[Variant]) -> str:
    """Each variant against full precision: difference, test, and what may be said."""
    held = _held(rows)
    adjusted = holm([found.overall.p for _row, found in held])
    table = [
        [
            row.label,
            points(found.overall.difference),
            p_value(p),
            f"{100 * found.overall.margin_shown:.1f}",
            finding(found.overall),
        ]
        for (row, found), p in zip(held, adjusted, strict=True)
    ]
    return _table(
        [
            "",
            "difference",
            "p (Holm)",
            "smallest drop that could be ruled out, points",
            "what may be said (B: quantized)",
        ],
        table,
        f"Accuracy against full precision on the same items, in points of 100; a difference below {100 * MARGIN:g} points counts as none.",
    )


def first_error_section(rows: Sequence[Variant]) -> str:
    """Where and how chains first go wrong."""
    kinds = [kind.value for kind in ErrorKind]
    table, hazards = [], []
    steps = sorted(
        {step.step for row in rows if row.summary.overall.steps for step in row.summary.overall.steps.hazard}
    )
    shown = [step for step in steps if step in {0, 1, 3, 5, 7, 9, 11}]
    for row in rows:
        found = row.summary.overall.steps
        if found is None:
            continue
        table.append(
            [
                row.label,
                share(found.all_right),
                *(str(found.kinds[kind].count) if kind in found.kinds else "0" for kind in kinds),
                share(found.conclusion.rate),
                f"{found.right_anyway.count}",
            ]
        )
        by_step = {step.step: step for step in found.hazard}
        hazards.append(
            [row.label, *(share(by_step[step].rate) if step in by_step else "–" for step in shown)]
        )
    return "\n\n".join(
        [
            _table(
                [
                    "",
                    "no wrong step",
                    *kinds,
                    "wrong conclusion after right steps",
                    "right answer after a wrong step",
                ],
                table,
                "First errors by kind, in completions.",
            ),
            _table(
                ["", *(f"step {step + 1}" for step in shown)],
                hazards,
                "Chance that a step is the first wrong one, given that all before it are right.",
            ),
        ]
    )


def calibration_section(rows: Sequence[Variant]) -> str:
    """How sure against how right, by the answer's probability and by the whole output's."""
    table = []
    for row in rows:
        cells = [row.label, share(row.summary.overall.accuracy.rate)]
        for pick in (Pick.ANSWER, Pick.SEQUENCE):
            found = calibration(row.pooled.samples, pick)
            cells += (
                [share(found.confidence), points(found.overconfidence), share(found.equal_mass.ece)]
                if found
                else ["–", "–", "–"]
            )
        table.append(cells)
    head = ["", "accuracy"]
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
        table.append(
            [
                row.label,
                _number(found.all.mean),
                _number(found.right.mean),
                _number(found.wrong.mean),
                _number(found.within_groups),
                share(row.summary.overall.truncated),
            ]
        )
    return _table(
        ["", "all", "right", "wrong", "wrong minus right, same group", "cut off"],
        table,
        "Reasoning tokens, mean. The comparison within groups holds problems of one length or kind against each other.",
    )


def runs_section(rows: Sequence[Variant]) -> str:
    """Which runs the tables come from."""
    lines = ["Runs:", ""]
    for row in rows:
        lines += [f"- {row.label}: {', '.join(f'`{run.id}`' for run in row.runs)}"]
    return "\n".join(lines)


SECTIONS: dict[str, Callable[[Sequence[Variant]], str]] = {
    "accuracy": accuracy_section,
    "equivalence": equivalence_section,
    "first-error": first_error_section,
    "calibration": calibration_section,
    "tokens": tokens_section,
    "runs": runs_section,
}
"""What a block may ask for, by name."""
