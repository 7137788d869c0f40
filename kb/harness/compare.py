"""Two runs on the same samples, held against each other pair by pair. Everything is b minus a: variant minus baseline.

Runs that were not made alike are not held against each other: another task, version, seed, prompt template, decoding or
engine would show as an effect of quantization (engines disagree even under greedy decoding).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kb.errors import UsageError
from kb.harness.manifest import differences
from kb.harness.metrics import Pick, RunLike, confidence
from kb.harness.metrics.calibration import by_item_and_bin
from kb.harness.results import SampleResult
from kb.harness.stats import (
    Equivalence,
    Interval,
    Pairs,
    bootstrap_items,
    holm,
    items_for_paired,
    margin_shown_paired,
    mcnemar,
    mean,
    nothing,
    plain,
    rate,
    sign_flip,
    tango,
    tost_mean,
    tost_paired,
)
from kb.harness.stats.equivalence import FEW

Pair = tuple[SampleResult, SampleResult]
Setting = tuple[str, Any, Any]
"""A dotted name, its value in a, its value in b."""


@dataclass(frozen=True)
class CalibrationGap:
    """How much surer, and how much worse calibrated, b is; over the pairs of which both confidences are known."""

    pairs: int
    confidence: Interval
    overconfidence: Interval
    brier: Interval
    ece: Interval


@dataclass(frozen=True)
class Held:
    """b against a, on all pairs or on those of one group.

    Attributes:
        items, pairs: of which both are scored.
        accuracy_a, accuracy_b: on these pairs alone.
        counts: items that both, one or neither have right; masses where scores lie between (see `Pairs.of`).
        difference: of the accuracies. Right or wrong once an item: Tango's score interval; otherwise the BCa bootstrap
            over items.
        bootstrap: the same by the paired BCa bootstrap, as a second opinion; NaN where no item differs.
        p: p value against "no difference"; `test` says which. `p_adjusted`: by Holm over the groups; of the whole, p.
        equivalence: within the margin.
        items_needed: how many items would show, in 8 of 10 evaluations, that there is no drop as large as the margin, if
            there is none and the runs disagree as often as here; None beyond a billion.
        margin_shown: the smallest drop that so many items can rule out, on the same terms.
        reasoning_tokens: mean difference, of the pairs of which both are counted.
        same_output: share of pairs whose outputs are the same to the letter.
        calibration: None where an engine gave no log-probabilities.
    """

    items: int
    pairs: int
    accuracy_a: Interval
    accuracy_b: Interval
    counts: Pairs
    difference: Interval
    bootstrap: Interval
    p: float
    test: str
    p_adjusted: float
    equivalence: Equivalence
    items_needed: int | None
    margin_shown: float
    reasoning_tokens: Interval
    same_output: Interval
    calibration: CalibrationGap | None


@dataclass(frozen=True)
class Comparison:
    """What two runs say of each other.

    Attributes:
        a, b: their ids: baseline and variant.
        forced: settings that differ and would have refused the comparison.
        notes: what else differs around them: weights, versions, threads.
        unpaired: completions that only one of the runs has.
        unscored_a, unscored_b: pairs that are left out because the run's completion is unscored.
    """

    a: str
    b: str
    margin: float
    level: float
    forced: tuple[Setting, ...]
    notes: tuple[Setting, ...]
    unpaired: int
    unscored_a: int
    unscored_b: int
    overall: Held
    groups: Mapping[str, Held]

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON; NaN is null."""
        data: dict[str, Any] = plain(self)
        return data


def settings_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What two runs must share to be comparable. One that another harness made says it in other places."""
    spec, task = manifest.get("spec") or {}, manifest.get("task") or {}
    if not spec:
        names = "name version hash options data_config seed n_shot fewshot_seed filter metric".split()
        return {
            "task": {name: task.get(name) for name in names},
            "template": manifest.get("template"),
            "system_instruction": manifest.get("system_instruction"),
            "decoding": manifest.get("decoding"),
            "engine": (manifest.get("engine") or {}).get("name"),
        }
    return {
        "task": {name: task.get(name) for name in ("name", "version", "options", "seed")},
        "template": spec.get("template"),
        "chat": spec.get("chat"),
        "decoding": spec.get("decoding"),
        "engine": (spec.get("engine") or {}).get("name"),
    }


def compare(
    a: RunLike,
    b: RunLike,
    margin: float = 0.01,
    *,
    level: float = 0.95,
    force: bool = False,
    pick: Pick = Pick.ANSWER,
) -> Comparison:
    """Hold run b against run a.

    Args:
        margin: the largest difference of accuracies that counts as none, a fraction.
        force: compare even if settings differ, and say so.

    Raises:
        UsageError: the runs share no scored sample, were not made alike (which setting differs), or give one
            sample's id to two questions.
    """
    name_a, name_b = (str(run.manifest.get("id", "?")) for run in (a, b))
    unlike = differences(settings_of(a.manifest), settings_of(b.manifest))
    if unlike and not force:
        setting, was, now = unlike[0]
        more = f" (and {len(unlike) - 1} more)" if len(unlike) > 1 else ""
        raise UsageError(
            f"{name_a} and {name_b} were not made alike: {setting} is {was!r} and {now!r}{more}",
            fix="compare runs that differ in the model or its quantization alone, or force it (the result says so)",
        )
    pairs, unpaired = join(a, b)
    known = [(x, y) for x, y in pairs if x.score is not None and y.score is not None]
    if not known:
        raise UsageError(f"{name_a} and {name_b} share no sample that both have a score of")
    by_group: dict[str, list[Pair]] = {}
    for pair in known:
        by_group.setdefault(pair[0].group, []).append(pair)
    groups = (
        {name: _held(by_group[name], margin, level, pick) for name in sorted(by_group)}
        if len(by_group) > 1
        else {}
    )
    adjusted = holm([held.p for held in groups.values()])
    return Comparison(
        name_a,
        name_b,
        margin,
        level,
        tuple(unlike),
        tuple(_around(a.manifest, b.manifest)),
        unpaired,
        sum(x.score is None for x, _ in pairs),
        sum(y.score is None for _, y in pairs),
        _held(known, margin, level, pick),
        {name: replace(held, p_adjusted=p) for (name, held), p in zip(groups.items(), adjusted, strict=True)},
    )


def _around(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Setting]:
    sections = ("state", "model", "engine", "libraries", "commit")
    return [item for name in sections for item in differences(a.get(name), b.get(name), name)]


def join(a: RunLike, b: RunLike) -> tuple[list[Pair], int]:
    """Pairs by sample and completion, sorted, and how many completions have none."""
    first, second = ({(one.id, one.k): one for one in run.samples} for run in (a, b))
    pairs = [(first[key], second[key]) for key in sorted(first.keys() & second.keys())]
    for x, y in pairs:
        if (x.prompt_hash, x.gold) != (y.prompt_hash, y.gold):
            raise UsageError(
                f"sample {x.id} is not the same question in both runs",
                fix="they were made with other data: run one again",
            )
    return pairs, len(first.keys() ^ second.keys())


def _held(pairs: Sequence[Pair], margin: float, level: float, pick: Pick) -> Held:
    items = [x.id for x, _ in pairs]
    scores_a = [float(x.score or 0) for x, _ in pairs]
    scores_b = [float(y.score or 0) for _, y in pairs]
    gaps = [y - x for x, y in zip(scores_a, scores_b, strict=True)]
    means_a, means_b = _item_means(scores_a, items), _item_means(scores_b, items)
    by_item = [y - x for x, y in zip(means_a, means_b, strict=True)]
    counts = Pairs.of(means_a, means_b)
    differing = sum(gap != 0 for gap in by_item)
    single = len(by_item) == len(pairs) and all(score in {0.0, 1.0} for score in (*scores_a, *scores_b))
    bootstrap = mean(gaps, items, level) if differing else nothing(level, "no item differs")
    by_score = single or differing < FEW
    difference = replace(tango(counts, level), value=math.fsum(gaps) / len(gaps)) if by_score else bootstrap
    if single:
        p, test = mcnemar(round(counts.only_a), round(counts.only_b)), "exact McNemar test"
    else:
        p, test = sign_flip(by_item), "sign-flip permutation test over items"
    # a pair's variance is its mean square less the squared mean; the square stands for the share that is discordant
    discordant = min(1.0, math.fsum(gap * gap for gap in by_item) / len(by_item))
    return Held(
        len(by_item),
        len(pairs),
        rate(scores_a, items, level),
        rate(scores_b, items, level),
        counts,
        difference,
        bootstrap,
        p,
        test,
        p,
        tost_paired(counts, margin) if single else tost_mean(gaps, items, margin),
        _needed(margin, discordant),
        margin_shown_paired(len(by_item), discordant=discordant),
        _token_gap(pairs, level),
        rate([float(x.output_hash == y.output_hash) for x, y in pairs], items, level),
        _calibration_gap(pairs, level, pick),
    )


def _token_gap(pairs: Sequence[Pair], level: float) -> Interval:
    known = [
        (x.id, float(y.reasoning_tokens - x.reasoning_tokens))
        for x, y in pairs
        if x.reasoning_tokens is not None and y.reasoning_tokens is not None
    ]
    return mean([gap for _, gap in known], [item for item, _ in known], level)


def _needed(margin: float, discordant: float) -> int | None:
    try:
        return items_for_paired(margin, discordant=discordant)
    except UsageError:  # beyond a billion
        return None


def _item_means(values: Sequence[float], items: Sequence[str]) -> list[float]:
    rows: dict[str, list[float]] = {}
    for item, value in zip(items, values, strict=True):
        rows.setdefault(item, []).append(value)
    return [math.fsum(row) / len(row) for row in rows.values()]


def _calibration_gap(pairs: Sequence[Pair], level: float, pick: Pick) -> CalibrationGap | None:
    rows = [(x, y, confidence(x, pick), confidence(y, pick)) for x, y in pairs]
    known = [
        (x, y, sure_x, sure_y) for x, y, sure_x, sure_y in rows if sure_x is not None and sure_y is not None
    ]
    if not known:
        return None
    items = [x.id for x, *_ in known]
    right_a = np.array([float(x.score or 0) for x, *_ in known])
    right_b = np.array([float(y.score or 0) for _, y, *_ in known])
    sure_a, sure_b = (np.array([row[side] for row in known], dtype=np.float64) for side in (2, 3))
    gaps_a, counts = by_item_and_bin(sure_a, right_a, items)
    gaps_b, _ = by_item_and_bin(sure_b, right_b, items)
    error = bootstrap_items(
        lambda weights: (
            (np.abs(weights @ gaps_b).sum(axis=1) - np.abs(weights @ gaps_a).sum(axis=1)) / (weights @ counts)
        ),
        len(counts),
        level,
    )
    return CalibrationGap(
        len(known),
        mean((sure_b - sure_a).tolist(), items, level),
        mean(((sure_b - right_b) - (sure_a - right_a)).tolist(), items, level),
        mean(((sure_b - right_b) ** 2 - (sure_a - right_a) ** 2).tolist(), items, level),
        error,
    )
