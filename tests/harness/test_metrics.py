"""Metrics count what happened in invented runs, and are as sure as the items let them be."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import UsageError
from kb.harness import metrics, stats
from kb.harness.metrics import Pick
from kb.harness.types import ErrorKind
from tests.harness.invent import InventedRun, invent_run, manifest, relabel, result, results

# ------------------------------------------------------------------------------------------------ accuracy


def test_unscored_is_not_wrong() -> None:
    """An unscored completion is counted, bounds the accuracy, and is in no mean."""
    made = metrics.accuracy(results([1.0, 1.0, 0.0, None]))
    assert (made.right, made.scored, made.unscored) == (2.0, 3, 1)
    assert made.rate.value == pytest.approx(2 / 3)
    assert (made.lowest, made.highest) == (0.5, 0.75)
    assert (made.rate.low, made.rate.high) == (stats.wilson(2, 3).low, stats.wilson(2, 3).high)


def test_nothing_scored_is_not_zero() -> None:
    """Where nobody can say, the accuracy is not a number and its bounds are everything."""
    made = metrics.accuracy(results([None, None]))
    assert not made.rate.known
    assert (made.lowest, made.highest) == (0.0, 1.0)


@given(st.integers(1, 9), st.data())
def test_pass_at_k_is_the_mean_over_all_subsets(n: int, data: st.DataObject) -> None:
    """Chen et al.'s estimator is the share of all subsets of size k that hold a right completion."""
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    subsets = list(combinations([True] * right + [False] * (n - right), k))
    assert metrics.pass_at_k(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_is_unbiased() -> None:
    """Over all outcomes of 6 completions that are right with chance 0.3, its mean is 1 - 0.7^k."""
    for k in (1, 2, 5):
        expected = sum(
            math.comb(6, c) * 0.3**c * 0.7 ** (6 - c) * metrics.pass_at_k(6, c, k) for c in range(7)
        )
        assert expected == pytest.approx(1 - 0.7**k)


def test_pass_at_k_of_more_than_there_are_is_refused() -> None:
    """Ten completions say nothing of pass@11."""
    with pytest.raises(UsageError):
        metrics.pass_at_k(10, 3, 11)


def test_pass_at_k_of_a_run() -> None:
    """Per item, then the mean over items; k = 1, 2, 4 and all; items with too few completions are left out of a k."""
    rows = [result("a", score, k=k) for k, score in enumerate([1.0, 0.0, 0.0, 0.0, 0.0])]
    rows += [result("b", score, k=k) for k, score in enumerate([1.0, 1.0, None])]
    made = metrics.pass_at(rows)
    assert list(made) == [1, 2, 4, 5]
    assert made[1].value == pytest.approx((0.2 + 1) / 2)
    assert made[2].value == pytest.approx((0.4 + 1) / 2)
    assert (made[4].value, made[4].n) == (pytest.approx(0.8), 1)


def votes(*answers: str | None, gold: str = "42") -> list:
    return [
        result("a", float((answer or "").strip() == gold), k=k, answer=answer)
        for k, answer in enumerate(answers)
    ]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (("42", "42", "7"), 1.0),
        (("7", "42", "7"), 0.0),
        (("42", "7"), 0.5),
        (("42", "7", "8"), 1 / 3),
        (("42", None, None), 1.0),
        ((None, None), 0.0),
        (("42 ", "42", "7", "7"), 0.5),
    ],
)
def test_majority_of_all_with_ties_as_expectation(answers: tuple[str | None, ...], expected: float) -> None:
    """The most frequent answer counts; tied ones count in equal parts; no answer is no vote."""
    assert metrics.majority_at(votes(*answers))[len(answers)].value == pytest.approx(expected)


def test_majority_of_fewer_is_the_mean_over_subsets() -> None:
    """majority@1 is the accuracy; majority@2 of 42, 42, 7 is (1 + 1/2 + 1/2) / 3."""
    made = metrics.majority_at(votes("42", "42", "7"))
    assert made[1].value == pytest.approx(2 / 3)
    assert made[2].value == pytest.approx(2 / 3)
    many = metrics.majority_at(votes(*["42"] * 12, *["7"] * 8))
    assert many[1].value == pytest.approx(0.6)
    assert many[8].value > 0.65
    assert many == metrics.majority_at(votes(*["42"] * 12, *["7"] * 8))


# --------------------------------------------------------------------------------------------- calibration


def sure_results(pairs: list[tuple[float, float]]) -> list:
    return [
        result(f"0-{at}", score, answer_logprob=math.log(sure), logprob=math.log(sure / 2))
        for at, (sure, score) in enumerate(pairs)
    ]


def test_calibration_by_hand() -> None:
    """Two bins: 0.9 sure and half right, 0.6 sure and all right: ECE (0.4 * 2 + 0.4 * 2) / 4, Brier by hand."""
    made = metrics.calibration(sure_results([(0.9, 1.0), (0.9, 0.0), (0.6, 1.0), (0.6, 1.0)]))
    assert made is not None
    assert made.equal_width.ece.value == pytest.approx(0.4)
    assert made.equal_mass.ece.value == pytest.approx(0.4)
    assert made.brier.value == pytest.approx((0.01 + 0.81 + 0.16 + 0.16) / 4)
    assert made.confidence.value == pytest.approx(0.75)
    assert made.overconfidence.value == pytest.approx(0.0)
    assert [(bin.count, round(bin.confidence, 6), bin.accuracy.value) for bin in made.equal_width.bins] == [
        (2, 0.6, 1.0),
        (2, 0.9, 0.5),
    ]


@given(
    st.lists(st.tuples(st.floats(0.01, 1.0), st.sampled_from([0.0, 1.0])), min_size=1, max_size=40),
    st.randoms(),
)
@settings(deadline=None)
def test_calibration_error_does_not_see_the_order(pairs: list[tuple[float, float]], draw) -> None:
    """Equal confidences share a bin, so that any order of the samples gives one error; it lies between 0 and 1."""
    shuffled = draw.sample(pairs, len(pairs))
    for mass in (True, False):
        one, other = (
            metrics.ece(np.array([p for p, _ in rows]), np.array([s for _, s in rows]), equal_mass=mass)
            for rows in (pairs, shuffled)
        )
        assert one == pytest.approx(other, abs=1e-12)
        assert -1e-12 <= one <= 1


def test_equal_mass_bins_hold_equally_many() -> None:
    """Fifty different confidences make ten bins of five."""
    draw = np.random.default_rng(0)
    made = metrics.calibration(sure_results([(float(p), 1.0) for p in draw.uniform(0.3, 1, 50)]))
    assert made is not None
    assert [bin.count for bin in made.equal_mass.bins] == [5] * 10
    assert sum(bin.count for bin in made.equal_width.bins) == 50


def test_a_calibrated_model_lies_within_the_noise() -> None:
    """Labels drawn from the confidences: the error is that of noise, and no overconfidence is found."""
    draw = np.random.default_rng(5)
    sure = draw.uniform(0.4, 1, 400)
    made = metrics.calibration(sure_results([(float(p), float(draw.random() < p)) for p in sure]))
    assert made is not None
    for binned in (made.equal_mass, made.equal_width):
        assert binned.noise.holds(binned.ece.value)
        assert binned.ece.holds(binned.ece.value)
    assert made.overconfidence.holds(0.0)


def test_an_overconfident_model_is_found() -> None:
    """95 % sure and 60 % right: the error is beyond noise, overconfidence is above 0 with its whole interval."""
    made = metrics.calibration(sure_results([(0.95, float(at % 5 < 3)) for at in range(200)]))
    assert made is not None
    assert made.equal_width.ece.low > made.equal_width.noise.high
    assert made.overconfidence.low > 0.2
    assert made.overconfidence.holds(0.35)


def test_confidence_of_the_answer_or_of_the_whole_output() -> None:
    """exp of the one or the other log-probability; unknown where the engine said none; never above 1."""
    row = result(answer_logprob=math.log(0.5), logprob=math.log(0.25))
    assert metrics.confidence(row) == pytest.approx(0.5)
    assert metrics.confidence(row, Pick.SEQUENCE) == pytest.approx(0.25)
    assert metrics.confidence(result()) is None
    assert metrics.confidence(result(answer_logprob=1e-9)) == 1.0
    assert metrics.confidence(result(answer_logprob=math.nan)) is None


def test_without_confidence_no_calibration() -> None:
    """An engine without log-probabilities has no calibration; unscored completions have none either; missing are counted."""
    assert metrics.calibration(results([1.0, 0.0])) is None
    made = metrics.calibration(
        [*sure_results([(0.9, 1.0)]), result("x"), result("y", None, answer_logprob=-0.1)]
    )
    assert made is not None
    assert (made.completions, made.missing) == (1, 1)


# --------------------------------------------------------------------------------------------------- steps


def chain(
    id: str, total: int, first: int | None = None, kind: ErrorKind | None = None, score: float = 0.0, **fields
):
    right = total if first is None else min(first, total)
    return result(
        id,
        1.0 if first is None else score,
        steps_total=total,
        steps_right=right,
        first_error=first,
        error_kind=kind,
        **fields,
    )


def test_hazard_counts_those_at_risk() -> None:
    """Of 4 chains one fails at step 0, one at step 1, one (of 2 steps) at its answer; a chain is at risk while it is right."""
    made = metrics.steps(
        [
            chain("a", 3, 0, ErrorKind.PREMISE),
            chain("b", 3, 1, ErrorKind.CALCULATION, score=1.0),
            chain("c", 2, 2, ErrorKind.CONCLUSION),
            chain("d", 3),
            result("steps not known"),
        ]
    )
    assert made is not None
    assert made.completions == 4
    assert [(at.step, at.at_risk, at.errors) for at in made.hazard] == [(0, 4, 1), (1, 3, 1), (2, 1, 0)]
    assert made.hazard[0].kinds == {"premise": 1}
    assert (made.conclusion.at_risk, made.conclusion.errors) == (2, 1)
    assert {kind: share.count for kind, share in made.kinds.items()} == {
        "premise": 1,
        "calculation": 1,
        "conclusion": 1,
        "form": 0,
    }
    assert made.all_right.value == 0.25
    assert made.step_accuracy.value == pytest.approx((0 + 1 + 2 + 3) / 11)
    assert made.first_error.value == 1.0
    assert (made.right_anyway.count, made.right_anyway.rate.n) == (1, 3)
    assert (made.hazard[0].rate.low, made.hazard[0].rate.high) == (
        stats.wilson(1, 4).low,
        stats.wilson(1, 4).high,
    )


def test_survival_over_the_hazards_is_what_is_all_right() -> None:
    """For chains of one length, the product of (1 - hazard) over steps and conclusion is the share without an error."""
    run = invent_run(300, hazard=0.05, steps=(6,))
    made = metrics.steps(run.samples)
    assert made is not None
    survived = math.prod(1 - at.rate.value for at in (*made.hazard, made.conclusion))
    assert survived == pytest.approx(made.all_right.value)
    assert sum(at.errors for at in made.hazard) + made.conclusion.errors == sum(
        s.count for s in made.kinds.values()
    )


def test_a_constant_hazard_is_found_constant() -> None:
    """Errors drawn with one chance a step: each step's interval holds it (99.9 %)."""
    made = metrics.steps(invent_run(400, hazard=0.06, steps=(4, 8)).samples, level=0.999)
    assert made is not None
    assert all(at.rate.holds(0.06) for at in made.hazard)


def test_perfect_steps_keep_an_interval() -> None:
    """No error in 20 chains is no proof that there never is one."""
    made = metrics.steps([chain(f"{at}", 4) for at in range(20)])
    assert made is not None
    assert made.step_accuracy.value == 1.0
    assert made.step_accuracy.low < 0.9
    assert not made.first_error.known
    assert not made.right_anyway.rate.known


def test_unknown_steps_are_none() -> None:
    """A task without gold steps has no step metrics."""
    assert metrics.steps(results([1.0, 0.0])) is None


# ------------------------------------------------------------------------------------------------- outputs


def test_reasoning_tokens_right_against_wrong() -> None:
    """Means and medians by hand, their difference, and unscored completions in none of the two."""
    rows = [
        result("a", 1.0, reasoning_tokens=10),
        result("b", 1.0, reasoning_tokens=20),
        result("c", 0.0, reasoning_tokens=40),
        result("d", 0.0, reasoning_tokens=50),
        result("e", None, reasoning_tokens=500),
    ]
    made = metrics.tokens(rows)
    assert (made.right.mean.value, made.wrong.mean.value) == (15, 45)
    assert made.all.completions == 5
    assert made.all.median.value == 40
    assert made.wrong_minus_right.value == 30


def test_tokens_that_nobody_counted_are_not_zero() -> None:
    """They are left out of every mean; where none is known, nothing is."""
    counted = [result("a", 1.0, reasoning_tokens=10), result("b", 0.0, reasoning_tokens=30)]
    unknown = [result(name, score, reasoning_tokens=None) for name, score in (("c", 1.0), ("d", 0.0))]
    assert metrics.tokens([*counted, *unknown]) == metrics.tokens(counted)
    nothing = metrics.tokens(unknown)
    assert nothing.all.completions == 0
    for found in (nothing.all.mean, nothing.right.median, nothing.wrong_minus_right, nothing.within_groups):
        assert not found.known


def test_longer_because_harder_is_not_longer_because_wrong() -> None:
    """Long chains fail more: outputs of wrong ones are longer over all, and not at all within a length."""
    run = invent_run(400, hazard=0.05, longer_when_wrong=0, steps=(2, 8, 16))
    made = metrics.tokens(run.samples)
    assert made.wrong_minus_right.low > 10
    assert abs(made.within_groups.value) < 0.3
    longer = metrics.tokens(invent_run(400, hazard=0.05, longer_when_wrong=6, steps=(2, 8, 16)).samples)
    assert longer.within_groups.value == pytest.approx(6, abs=0.5)
    assert longer.within_groups.low > 5


def test_no_group_has_both_right_and_wrong() -> None:
    """Then nothing can be said within groups."""
    made = metrics.tokens(
        [result("a", 1.0, group="x"), result("b", 0.0, group="y"), result("c", 0.0, group="y")]
    )
    assert not made.within_groups.known
    assert metrics.tokens([]).all.mean.n == 0


def test_truncated_share() -> None:
    """One of four ran into the limit."""
    made = metrics.truncated([*results([1.0] * 3), result("x", 0.0, finish="length")])
    assert (made.value, made.n) == (0.25, 4)


def test_divergence_from_the_baseline() -> None:
    """Share that differs, where it first does (median), and the mean KL divergence; what is no number is counted apart."""
    rows = [
        result("a", differs_at=4, kl=0.1),
        result("b", differs_at=10, kl=0.3),
        result("c", kl=math.nan),
        result("d"),
    ]
    made = metrics.divergence(rows, has_baseline=True)
    assert made is not None
    assert (made.differing.value, made.first_token.value) == (0.5, 7.0)
    assert made.kl.value == pytest.approx(0.2)
    assert (made.kl_measured, made.kl_not_finite) == (3, 1)


def test_divergence_without_a_baseline() -> None:
    """No baseline run and no KL: none; KL alone: the share that differs is not known, and not 0."""
    assert metrics.divergence(results([1.0]), has_baseline=False) is None
    made = metrics.divergence([result(kl=0.5)], has_baseline=False)
    assert made is not None
    assert not made.differing.known


# ------------------------------------------------------------------------------------------------- summary


def test_summary_is_plain_deterministic_data() -> None:
    """Strict JSON takes it, twice the same, and NaN is null."""
    run = invent_run(45, k=2, hazard=0.1, baseline="full")
    one, two = (json.dumps(metrics.summary(run).to_data(), allow_nan=False) for _ in range(2))
    assert one == two
    data = json.loads(
        json.dumps(metrics.summary(InventedRun(results([None]), manifest())).to_data(), allow_nan=False)
    )
    assert data["overall"]["accuracy"]["rate"]["value"] is None
    assert data["overall"]["accuracy"]["unscored"] == 1


def test_summary_breaks_down_by_group() -> None:
    """Groups by name, whose counts add up to those of the whole."""
    made = metrics.summary(invent_run(45, hazard=0.1))
    assert list(made.groups) == ["02 steps", "04 steps", "08 steps"]
    assert sum(part.accuracy.right for part in made.groups.values()) == made.overall.accuracy.right
    assert sum(part.items for part in made.groups.values()) == made.overall.items == 45
    assert metrics.summary(invent_run(9, steps=(4,))).groups == {}


def test_summary_does_not_see_the_order_of_results() -> None:
    """Results sorted another way have the same values and the same intervals."""
    run = invent_run(60, hazard=0.1, baseline="full")
    turned = replace(run, samples=run.samples[::-1])
    one, two = metrics.summary(run).overall, metrics.summary(turned).overall
    assert one == two


def test_summary_of_an_empty_run_and_of_one_result() -> None:
    """Nothing is a figure; one result is, without an interval where none can be had."""
    empty = metrics.summary(InventedRun((), manifest()))
    assert empty.overall.completions == 0
    assert not empty.overall.accuracy.rate.known
    one = metrics.summary(InventedRun(results([1.0]), manifest()))
    assert one.overall.accuracy.rate.value == 1.0
    assert math.isnan(one.overall.tokens.all.mean.low)


def test_every_estimate_lies_in_its_interval() -> None:
    """Through the whole tree of a run with repeated completions."""
    run = relabel(invent_run(60, k=3, hazard=0.1, baseline="full"), 5, score=None)

    def intervals(data: object) -> list[dict]:
        if isinstance(data, dict):
            found = [data] if {"value", "low", "high"} <= set(data) else []
            return found + [item for value in data.values() for item in intervals(value)]
        return [item for value in data for item in intervals(value)] if isinstance(data, list) else []

    found = intervals(metrics.summary(run).to_data())
    assert len(found) > 200
    for made in found:
        if made["value"] is not None and made["low"] is not None:
            assert made["low"] <= made["value"] + 1e-12
            assert made["value"] <= made["high"] + 1e-12
