"""Cells and estimates: agreement with scipy and statsmodels, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from kb.errors import UsageError
from kb.harness.results import SampleResult
from kb.link.cells import Cell, make_cell
from kb.link.effects import (
    PAIRED,
    Estimate,
    PairedEstimate,
    Unit,
    estimate,
    pool,
    pool_units,
    units_of,
    welch_p,
)
from kb.link.evidence import Measured, of_runs, reported, variance
from kb.link.match import Evidence
from kb.link.verdict import judge
from kb.records.claims import Metric, Origin, TaskKind
from kb.records.results import Benchmark, Method, MethodKind, Model, Results, Vocabulary
from tests.link.planted import WORDS, claim, evidence, row, table

FINITE = st.floats(-50, 50, allow_nan=False)
RUN_WORDS = Vocabulary(
    sources={},
    models={
        "Toy": Model(name="Toy", aliases=("lab/toy",), family="Toy", origin=Origin.REFERENCE, size_b=0.003)
    },
    benchmarks={"chain": Benchmark(name="chain", kind=TaskKind.ARITHMETIC)},
    methods={"rtn": Method(name="rtn", title="RTN", family="rounding", kind=MethodKind.POST_TRAINING)},
)


@dataclass(frozen=True)
class FakeRun:
    manifest: dict[str, Any]
    samples: tuple[SampleResult, ...]


def run(name: str, scores: Sequence[float], bits: int | None = None, **settings: Any) -> FakeRun:
    """A run of one completion an item; `settings` change the manifest's task."""
    samples = tuple(
        SampleResult(
            id=str(at),
            k=0,
            group=f"{2 + 2 * (at % 2):02d} steps",
            prompt_hash=f"p{at}",
            output="",
            output_hash="",
            tokens=10,
            reasoning_tokens=8 + at % 3 + (bits or 0),
            finish="stop",
            answer="",
            gold="1",
            score=score,
            why="",
        )
        for at, score in enumerate(scores)
    )
    quantizer = {"method": "rtn", "bits": bits} if bits else {"method": "none"}
    report = {"method": "rtn", "weight_bits": bits, "act_bits": 16} if bits else None
    return FakeRun(
        {
            "id": name,
            "state": "complete",
            "spec": {
                "quantizer": quantizer,
                "kv": None,
                "decoding": {"temperature": 0.0},
                "engine": {"name": "transformers"},
            },
            "model": {"id": "lab/toy"},
            "task": {"name": "chain", "version": "1", "options": {}, "seed": 0} | settings,
            "quantization": report,
            "engine": {},
        },
        samples,
    )


def cells(full: Sequence[float], less: Sequence[float], metric: Metric = Metric.ACCURACY) -> list[Cell]:
    """One cell a chain length."""
    found = list(of_runs([run("full", full), run("less", less, 4)], RUN_WORDS))
    base = {each.chain_length: each for each in found if each.setting.is_full and each.metric is metric}
    return [
        make_cell(each, base[each.chain_length])
        for each in found
        if not each.setting.is_full and each.metric is metric
    ]


# Scores


def test_a_reported_accuracy_is_binomial_and_seeds_make_it_surer() -> None:
    plain = variance(Metric.ACCURACY, 50.0, 100, None, None)
    assert plain == pytest.approx(25.0)
    averaged = variance(Metric.ACCURACY, 50.0, 100, 4, 3.0)
    assert averaged == pytest.approx(25.0 - 9 * 0.75)
    assert variance(Metric.ACCURACY, 50.0, 100, 4, None) == plain  # nothing is known of the seeds' part
    assert variance(Metric.ACCURACY, 100.0, 30, None, None) > 0  # type: ignore[operator]
    assert variance(Metric.ACCURACY, 50.0, None, 3, 1.0) is None
    assert variance(Metric.REASONING_TOKENS, 300.0, 100, 4, 10.0) == 25.0
    assert variance(Metric.REASONING_TOKENS, 300.0, 100, 4, None) is None


def test_runs_are_measured_by_chain_length_with_both_metrics() -> None:
    found = list(of_runs([run("less", [1, 0, 1, 0], 4)], RUN_WORDS))
    assert [(each.chain_length, each.metric.value, each.score) for each in found] == [
        (2, "accuracy", 100.0),
        (2, "reasoning_tokens", 13.0),
        (4, "accuracy", 0.0),
        (4, "reasoning_tokens", 12.5),
    ]
    assert {each.model for each in found} == {"Toy"}
    assert {each.benchmark for each in found} == {"chain"}
    assert str(found[0].setting) == "rtn W4A16KV16"
    assert found[0].ref == "less/02 steps"


def test_a_run_that_is_not_complete_says_nothing() -> None:
    half = run("half", [1, 1])
    assert list(of_runs([FakeRun(half.manifest | {"state": "running"}, half.samples)], RUN_WORDS)) == []


# Cells


def test_a_cell_of_runs_is_paired() -> None:
    (two, four) = cells([1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 0])
    assert [two.effect, four.effect] == pytest.approx([-100 / 3, -100 / 3])
    assert two.pairs is not None
    assert list(two.pairs.cells) == [2, 1, 0, 0]
    assert two.paired


def test_runs_that_agree_on_every_item_are_not_certain_to_be_alike() -> None:
    (two, _) = cells([1] * 20, [1] * 20)
    assert two.effect == 0
    assert two.variance is not None
    assert two.variance > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 1}, "task.seed is 0 and 1"),
        ({"version": "2"}, "task.version is '1' and '2'"),
        ({"options": {"difficulty": 3}}, "task.options"),
    ],
)
def test_runs_that_were_not_made_alike_are_refused_by_the_setting_that_differs(
    change: dict[str, Any], said: str
) -> None:
    found = list(of_runs([run("full", [1, 1]), run("less", [1, 1], 4, **change)], RUN_WORDS))
    with pytest.raises(UsageError, match="not made alike") as error:
        make_cell(found[2], found[0])
    assert said in error.value.message


def test_scores_of_two_sources_or_models_are_not_held_against_each_other() -> None:
    rows = [row(), row(source="other2025paper"), row("Small-1B")]
    one, other, small = (each for each, _ in reported(Results(tuple(rows), WORDS)))
    for wrong, name in ((other, "source"), (small, "model")):
        with pytest.raises(UsageError, match=f"{name} differs"):
            make_cell(one, wrong)


def test_an_effect_in_percent_of_the_baseline_has_the_delta_methods_variance() -> None:
    ((one, base),) = reported(Results((row(drop=8.5),), WORDS))
    assert base is not None
    made = make_cell(one, base, percent=True)
    assert made.effect == pytest.approx(-10.0)
    assert one.variance is not None
    assert base.variance is not None
    ratio = one.score / base.score
    assert made.variance == pytest.approx((one.variance + ratio**2 * base.variance) * (100 / base.score) ** 2)


def test_no_share_is_taken_of_nought() -> None:
    ((one, base),) = reported(Results((row(score=0.0, baseline_score=0.0),), WORDS))
    assert isinstance(base, Measured)
    with pytest.raises(UsageError, match="nought"):
        make_cell(one, base, percent=True)


# Estimates


def _units(effects: Sequence[float], variance: float | None = 0.0) -> list[Unit]:
    return [Unit(("s", f"m{at}", "b", 0), effect, variance, 1, False) for at, effect in enumerate(effects)]


@given(st.lists(FINITE, min_size=3, max_size=12), FINITE)
def test_three_units_or_more_are_a_t_test_over_units(effects: list[float], bound: float) -> None:
    assume(max(effects) - min(effects) > 1e-3)
    made = pool_units(_units(effects))
    test = stats.ttest_1samp(effects, bound, alternative="greater")
    assert made.p_above(bound) == pytest.approx(test.pvalue, abs=1e-9)
    assert made.p_below(bound) == pytest.approx(1 - test.pvalue, abs=1e-9)
    low, high = made.interval(0.9)
    expected = DescrStatsW(effects).tconfint_mean(alpha=0.1)
    assert (low, high) == pytest.approx(expected)


def test_units_that_agree_by_luck_keep_what_chance_over_items_brings() -> None:
    made = pool_units(_units([1.0, 1.0, 1.0], variance=9.0))
    assert made.se == pytest.approx(math.sqrt((1 - PAIRED) * 9.0 / 3))


def test_one_unit_is_as_sure_as_its_two_scores_are() -> None:
    made = pool(evidence(row(benchmark="Exam", drop=5.0)).match(claim(relation="lower")).cells)
    p, q, n = 0.85, 0.80, 500
    assert made.value == pytest.approx(-5.0)
    assert made.se == pytest.approx(100 * math.sqrt((p * (1 - p) + q * (1 - q)) / n), rel=0.02)
    assert made.df == math.inf


def test_what_no_source_says_is_not_known() -> None:
    made = pool_units(_units([1.0], variance=None))
    assert math.isnan(made.interval()[0])
    assert made.p_above(-1000) == made.p_below(1000) == 1.0


def test_settings_of_one_unit_are_averaged_and_do_not_make_it_surer() -> None:
    rows = [row(drop=1.0), row(drop=3.0, method="other")]
    found = evidence(*rows).match(claim(relation="lower", variant={"weight_bits": [4.0]}))
    (unit,) = units_of(found.cells)
    assert (unit.effect, unit.cells) == (-2.0, 2)
    assert unit.variance == pytest.approx(sum(cell.variance or 0 for cell in found.cells) / 2)


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.data())
def test_one_run_against_another_is_mcnemars_exact_test(full: list[bool], data: st.DataObject) -> None:
    """Two-sided, statsmodels' exact test is twice the smaller of the two sides, at most 1."""
    less = data.draw(st.lists(st.booleans(), min_size=len(full), max_size=len(full)))
    made = estimate(
        cells([float(a) for a in full for _ in (0, 1)], [float(b) for b in less for _ in (0, 1)])[:1]
    )
    assert isinstance(made, PairedEstimate)
    tables = [[0, 0], [0, 0]]
    for a, b in zip(full, less, strict=True):
        tables[not a][not b] += 1
    expected = mcnemar(tables, exact=True).pvalue
    assert min(1.0, 2 * min(made.p_above(0), made.p_below(0))) == pytest.approx(expected)


def test_a_single_run_shows_non_inferiority_only_with_enough_items() -> None:
    """Tango (1998): with no disagreement at all, n items exclude a drop of about z^2/n."""
    few, many = ([1.0] * n for n in (60, 2000))
    assert estimate(cells(few, few)[:1]).p_above(-1.0) > 0.05
    assert estimate(cells(many, many)[:1]).p_above(-1.0) < 0.05


@given(st.lists(FINITE, min_size=2, max_size=9), st.lists(FINITE, min_size=2, max_size=9))
def test_two_groups_are_compared_by_welchs_test(a: list[float], b: list[float]) -> None:
    assume(max(max(a) - min(a), max(b) - min(b)) > 1e-3)
    compared = CompareMeans(DescrStatsW(a), DescrStatsW(b)).ttest_ind(usevar="unequal")
    assert welch_p(a, b) == pytest.approx(compared[1], abs=1e-9)


def test_groups_without_any_spread_differ_or_do_not() -> None:
    assert welch_p([1.0, 1.0], [1.0, 1.0]) == 1.0
    assert welch_p([1.0, 1.0], [2.0, 2.0]) == 0.0


def test_an_estimate_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError):
        pool([])


@given(
    st.builds(Estimate, FINITE, st.floats(0.01, 20), st.integers(1, 30), st.just(3), st.just(3), st.just("")),
    FINITE,
)
def test_an_interval_excludes_a_bound_exactly_if_the_test_does(made: Estimate, bound: float) -> None:
    low, high = made.interval(0.9)
    assume(min(abs(low - bound), abs(high - bound)) > 1e-6)
    assert (low > bound) is (made.p_above(bound) < 0.05)
    assert (high < bound) is (made.p_below(bound) < 0.05)


# Runs as evidence


def _judged(**fields: Any) -> Any:
    runs = [
        run("full", [1.0] * 400),
        run("four", [1.0] * 398 + [0.0] * 2, 4),
        run("three", [0.0, 1.0, 1.0, 0.0] * 100, 3),
        run("two", [0.0, 1.0] * 200, 2),
    ]
    held = Evidence([], of_runs(runs, RUN_WORDS))
    said = {
        "variant": {"method": ["rtn"], "weight_bits": [4.0]},
        "conditions": {"model_origin": ["reference"]},
    }
    return judge("own2025paper", claim(**(said | fields)), held)


def test_runs_of_the_harness_are_evidence_where_a_claim_speaks_of_its_models() -> None:
    assert _judged(relation="non_inferior", margin=3.0).state.value == "supported"
    three = {"variant": {"method": ["rtn"], "weight_bits": [3.0]}}
    assert _judged(relation="non_inferior", margin=3.0, **three).state.value == "refuted"
    silent = _judged(relation="non_inferior", margin=3.0, conditions={})
    assert silent.state.value == "untested"
    assert {each.reason for each in silent.left_out} == {
        "a small model of the harness, which the claim does not speak of"
    }


def test_a_claim_about_one_chain_length_is_held_against_that_length() -> None:
    two = {"variant": {"method": ["rtn"], "weight_bits": [2.0]}}
    for length, state in ((2, "refuted"), (4, "supported")):
        place = {"model_origin": ["reference"], "chain_length": {"min": length, "max": length}}
        assert _judged(relation="non_inferior", margin=3.0, conditions=place, **two).state.value == state


def test_tokens_of_runs_are_evidence() -> None:
    assert _judged(relation="higher", metric="reasoning_tokens", margin=3.0).state.value == "supported"
    assert _judged(relation="lower", metric="reasoning_tokens").state.value == "refuted"


def test_a_table_and_a_run_that_disagree_are_contested() -> None:
    words = Vocabulary(
        WORDS.sources,
        {**WORDS.models, **RUN_WORDS.models},
        {**WORDS.benchmarks, **RUN_WORDS.benchmarks},
        {**WORDS.methods, **RUN_WORDS.methods},
    )
    rows = table({"Large-14B": 9.0, "Large-70B": 9.0}, method="rtn")
    runs = [run("full", [1.0] * 2000), run("four", [1.0] * 2000, 4)]
    held = Evidence(reported(Results(tuple(rows), words)), of_runs(runs, words))
    said = claim(
        relation="non_inferior",
        margin=3.0,
        variant={"method": ["rtn"], "weight_bits": [4.0]},
        conditions={"model_origin": ["reference", "distilled"]},
    )
    verdict = judge("own2025paper", said, held)
    assert verdict.state.value == "contested"
    assert verdict.why == "runs of the harness support it, own2025paper refutes it"
