"""A comparison in words and tables: plain text for a terminal, Markdown for a page. Differences are in points of 100."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

from kb.harness.compare import Comparison, Held, Setting
from kb.harness.stats import Interval

Row = tuple[str, str]
NOTES = 8


def finding(held: Held, level: float = 0.95) -> str:
    """What the numbers allow to say, in one line. No significant difference is not equality."""
    points = f"{100 * held.equivalence.margin:g} {'point' if held.equivalence.margin == 0.01 else 'points'}"
    tested = held.equivalence
    if tested.worse:
        return f"B is worse, by more than {points}"
    if tested.better:
        return f"B is better, by more than {points}"
    if held.p < 1 - level:
        which = "worse" if held.difference.value < 0 else "better"
        small = tested.non_inferior if which == "worse" else tested.equivalent
        return (
            f"B is {which}, by less than {points}"
            if small
            else f"B is {which}; whether by more than {points} is open"
        )
    if tested.equivalent:
        return f"as good as equal: within {points} either way"
    if tested.non_inferior:
        return f"B is not worse by {points} or more"
    needed = "more than a billion" if held.items_needed is None else f"about {held.items_needed:,}"
    if held.items_needed is not None and held.items_needed <= held.items:
        return f"inconclusive: neither a difference nor a drop below {points} is shown, though so many items could"
    return (
        f"inconclusive: {held.items:,} items can rule out a drop of {100 * held.margin_shown:.1f} points at best; "
        f"{points} would take {needed}"
    )


def render_comparison(found: Comparison) -> str:
    """Plain text, no wider than 100 columns but for long names."""
    lines = [f"A  {found.a}", f"B  {found.b}", "", finding(found.overall, found.level), ""]
    lines += _aligned(_rows(found), plain_cell)
    if found.groups:
        lines += ["", "By group (p adjusted by Holm)", *_table(_group_rows(found))]
    if warned := _warnings(found):
        lines += ["", *warned]
    return "\n".join(lines) + "\n"


def render_comparison_markdown(found: Comparison, title: str = "") -> str:
    """The same as Markdown. Names of groups and values of settings are escaped."""
    lines = [f"## {markdown_cell(title)}", ""] if title else []
    lines += [f"A: `{found.a}`  ", f"B: `{found.b}`", "", f"**{finding(found.overall, found.level)}.**", ""]
    lines += ["| | B against A |", "|---|---|"]
    lines += [f"| {name} | {markdown_cell(text)} |" for name, text in _rows(found)]
    if found.groups:
        head, *rows = _group_rows(found)
        lines += ["", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        lines += [f"| {' | '.join(map(markdown_cell, row))} |" for row in rows]
        lines += ["", "p by group is adjusted by Holm."]
    if warned := _warnings(found):
        lines += ["", *(f"- {markdown_cell(line)}" for line in warned)]
    return "\n".join(lines) + "\n"


def points(interval: Interval, digits: int = 1) -> str:
    """-1.2 [-3.0, 0.5] points"""
    return _with_bounds(interval, lambda value: f"{100 * value:+.{digits}f}", " points")


def share(interval: Interval) -> str:
    """87.5 % [82.1, 91.2]"""
    if not interval.known:
        return "not known"
    low, high = (
        _or_unknown(bound, lambda value: f"{100 * value:.1f}") for bound in (interval.low, interval.high)
    )
    return f"{100 * interval.value:.1f} % [{low}, {high}]"


def p_value(p: float) -> str:
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"


def _rows(found: Comparison) -> list[Row]:
    held = found.overall
    counts, tested = held.counts, held.equivalence
    margin = 100 * tested.margin
    rows = [
        (
            "items",
            f"{held.items:,}"
            + (f" ({held.pairs:,} pairs of completions)" if held.pairs != held.items else ""),
        ),
        ("right in A", share(held.accuracy_a)),
        ("right in B", share(held.accuracy_b)),
        ("B minus A", f"{points(held.difference)} ({held.difference.method})"),
        ("", f"{points(held.bootstrap)} ({held.bootstrap.method})"),
        (
            "both, only A, only B, neither",
            ", ".join(f"{count:g}" for count in (round(c, 2) for c in counts.cells)),
        ),
        ("no difference", f"{p_value(held.p)} ({held.test})"),
        (f"drop of {margin:g} or more", f"{p_value(tested.p_drop)} ({tested.method})"),
        (f"within {margin:g} either way", f"{p_value(tested.p)} (two one-sided tests)"),
        (
            f"items to rule out {margin:g}",
            "more than a billion"
            if held.items_needed is None
            else f"{held.items_needed:,}, if there is no drop",
        ),
        (
            "drop these items can rule out",
            f"{100 * held.margin_shown:.1f} points" if not math.isnan(held.margin_shown) else "none",
        ),
        ("reasoning tokens", _with_bounds(held.reasoning_tokens, lambda value: f"{value:+.1f}", "")),
        ("same output", share(held.same_output)),
    ]
    if (gap := held.calibration) is not None:
        rows += [
            ("confidence", points(gap.confidence)),
            ("overconfidence", points(gap.overconfidence)),
            ("calibration error (ECE)", points(gap.ece)),
            ("Brier score", _with_bounds(gap.brier, lambda value: f"{value:+.3f}", "")),
        ]
    return rows


def _group_rows(found: Comparison) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("group", "items", "A", "B", "B minus A", "p")]
    for name, held in found.groups.items():
        a, b = (f"{100 * side.value:.1f} %" for side in (held.accuracy_a, held.accuracy_b))
        rows.append(
            (
                name or "(none)",
                f"{held.items:,}",
                a,
                b,
                points(held.difference),
                p_value(held.p_adjusted)[2:].removeprefix("= "),
            )
        )
    return rows


def _warnings(found: Comparison) -> list[str]:
    lines = [f"not made alike, compared by force: {_setting(setting)}" for setting in found.forced]
    if found.unpaired:
        lines.append(f"{found.unpaired:,} completions are in one run only, and are left out")
    if found.unscored_a or found.unscored_b:
        lines.append(
            f"unscored, left out: {found.unscored_a:,} in A, {found.unscored_b:,} in B (unscored is not wrong)"
        )
    lines += [f"also differs: {_setting(setting)}" for setting in found.notes[:NOTES]]
    if len(found.notes) > NOTES:
        lines.append(f"also differ: {len(found.notes) - NOTES} more settings")
    return lines


def _setting(setting: Setting) -> str:
    name, was, now = setting
    return f"{name} is {_short(was)} in A, {_short(now)} in B"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _with_bounds(interval: Interval, write: Callable[[float], str], unit: str) -> str:
    if not interval.known:
        return "not known"
    low, high = (_or_unknown(bound, write) for bound in (interval.low, interval.high))
    return f"{write(interval.value)} [{low}, {high}]{unit}"


def _or_unknown(value: float, write: Callable[[float], str]) -> str:
    return "?" if math.isnan(value) else write(value)


def plain_cell(text: str) -> str:
    return " ".join(text.split())


def markdown_cell(text: str) -> str:
    """Text that stays in its cell and is no markup."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\|`*_[]" else letter for letter in escaped)


def _aligned(rows: Sequence[Row], cell: Callable[[str], str]) -> list[str]:
    wide = max(len(name) for name, _ in rows)
    return [f"{name:<{wide}}  {cell(text)}" for name, text in rows]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    cells = [[plain_cell(cell) for cell in row] for row in rows]
    wide = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, wide, strict=True)).rstrip() for row in cells
    ]
