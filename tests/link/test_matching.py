"""What speaks to a claim, and what it is held against: the cases in which a plain reading of the rows would be wrong."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from kb.errors import UsageError
from kb.link.cells import make_cell
from kb.link.effects import PAIRED
from kb.link.evidence import of_runs, reported
from kb.link.match import Evidence
from kb.link.verdict import judge
from kb.records.claims import Metric
from kb.records.results import Certainty, Results
from tests.link.planted import SIZES, WORDS, claim, evidence, row, table
from tests.link.test_effects import RUN_WORDS, FakeRun, run

NI: dict[str, object] = {"relation": "non_inferior", "margin": 3.0}
TOY: dict[str, object] = {
    "variant": {"method": ["rtn"], "weight_bits": [4.0]},
    "conditions": {"model_origin": ["reference"]},
}


def changed(made: FakeRun, **sections: Any) -> FakeRun:
    """The run with other sections of its manifest."""
    return FakeRun({**made.manifest, **sections}, made.samples)


# Claims that could never be tested


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"relation": "monotone", "along": "weight_bits", "each": True}, "each does not go with monotone"),
        (
            {"relation": "larger_drop", "contrast": {"benchmark": ["Exam"]}, "each": True},
            "each does not go with larger_drop",
        ),
        (
            {
                "relation": "larger_drop",
                "conditions": {"benchmark": ["Exam"]},
                "contrast": {"benchmark": ["Exam"]},
            },
            "contrast is the same as conditions",
        ),
    ],
)
def test_a_relation_between_cells_is_not_said_of_each_cell_nor_of_a_group_and_itself(
    fields: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        claim(**fields)


# Conditions and contrast


@pytest.mark.parametrize(
    ("conditions", "contrast"),
    [
        ({"task_kind": ["math"]}, {"task_kind": ["math"], "benchmark": ["Long"]}),
        ({"task_kind": ["math"], "benchmark": ["Olympiad"]}, {"task_kind": ["math"]}),
    ],
)
def test_what_fulfils_both_sides_counts_for_the_one_that_says_more(
    conditions: dict[str, object], contrast: dict[str, object]
) -> None:
    rows = [
        *table(dict.fromkeys(("Small-1B", "Middle-8B", "Large-14B"), 9.0), benchmarks=["Olympiad"]),
        *table(dict.fromkeys(("Small-1B", "Middle-8B", "Large-14B"), 0.0), benchmarks=["Long"]),
    ]
    said = claim(relation="larger_drop", conditions=conditions, contrast=contrast)
    found = evidence(*rows).match(said)
    assert {cell.variant.benchmark for cell in found.cells} == {"Olympiad"}
    assert {cell.variant.benchmark for cell in found.contrast} == {"Long"}


# Baselines


def test_a_baseline_that_says_only_bits_is_the_same_method_at_those_bits() -> None:
    rows = [
        row(bits=3, drop=9.0),
        row(bits=4, drop=1.0),
        row(bits=4, drop=5.0, method="other"),
    ]
    said = claim(
        relation="lower",
        variant={"method": ["clever"], "weight_bits": [3.0]},
        baseline={"weight_bits": [4.0]},
    )
    (cell,) = evidence(*rows).match(said).cells
    assert cell.baseline.setting.method == "clever"
    assert cell.effect == pytest.approx(-8.0)


def test_a_baseline_at_the_same_bits_is_any_other_method() -> None:
    said = claim(relation="lower", baseline={"weight_bits": [4.0]})
    (cell,) = evidence(row(drop=9.0), row(drop=5.0, method="other")).match(said).cells
    assert cell.baseline.setting.method == "other"


def test_a_baseline_of_16_bits_is_the_model_as_it_is() -> None:
    (cell,) = evidence(row(drop=9.0)).match(claim(relation="lower", baseline={"weight_bits": [16.0]})).cells
    assert cell.baseline.setting.is_full


def test_a_baseline_that_does_not_add_up_is_no_baseline() -> None:
    rows = [row(), row(method="other", certainty=Certainty.LOW)]
    found = evidence(*rows).match(claim(relation="higher", baseline={"method": ["other"]}))
    assert found.cells == ()
    assert [each.reason for each in found.left_out] == [
        "the baseline (other W4A16KV16) does not add up in the source (certainty low)"
    ]


def test_a_baseline_of_several_settings_is_refused_by_their_names() -> None:
    rows = [row(), row(method="other"), row(method="round")]
    found = evidence(*rows).match(claim(relation="higher", baseline={"method": ["other", "round"]}))
    assert [each.reason for each in found.left_out] == [
        "the baseline (other round W4A16KV16) is not one setting: other W4A16KV16, round W4A16KV16"
    ]


# Runs


def test_of_two_baseline_runs_the_one_that_was_made_alike_is_taken() -> None:
    hot = run("hot", [0.0] * 400)
    hot = changed(hot, spec={**hot.manifest["spec"], "decoding": {"temperature": 1.0}})
    held = Evidence([], of_runs([run("cold", [1.0] * 400), hot, run("four", [1.0] * 400, 4)], RUN_WORDS))
    found = held.match(claim(**NI, **TOY))
    assert {cell.baseline.ref for cell in found.cells} == {"cold/02 steps", "cold/04 steps"}
    twice = Evidence(
        [], of_runs([run("a", [1.0] * 4), run("b", [1.0] * 4), run("four", [1.0] * 4, 4)], RUN_WORDS)
    )
    reasons = {each.reason for each in twice.match(claim(**NI, **TOY)).left_out}
    assert reasons == {
        f"the baseline (none W16A16KV16) is not one run: a/{length}, b/{length}"
        for length in ("02 steps", "04 steps")
    }


@pytest.mark.parametrize(
    "sections",
    [
        {"state": "imported", "quantization": {"load_in_4bit": "True"}},
        {"model": {"id": "lab/toy", "already_quantized": "gptq, 4 bits"}},
    ],
)
def test_a_run_whose_weights_somebody_else_quantized_is_not_taken_for_full_precision(
    sections: dict[str, Any],
) -> None:
    runs = [changed(run("other", [0.0] * 400), **sections), run("four", [1.0] * 400, 4)]
    found = Evidence([], of_runs(runs, RUN_WORDS)).match(claim(**NI, **TOY))
    assert found.cells == ()
    reasons = {each.ref: each.reason for each in found.left_out}
    assert "method and bits are not known" in reasons["other/02 steps"]
    assert "was not measured beside it" in reasons["four/02 steps"]


def test_runs_of_another_harness_are_held_together_only_if_their_logs_say_the_same() -> None:
    def logged(name: str, shots: int, bits: int | None = None) -> FakeRun:
        made = run(name, [1.0] * 40, bits, n_shot=shots, filter="strict")
        sections = {key: value for key, value in made.manifest.items() if key != "spec"}
        return FakeRun({**sections, "state": "imported", "decoding": {"temperature": 0.0}}, made.samples)

    alike, unlike = (
        list(of_runs([logged("full", 0), logged("less", shots, 4)], RUN_WORDS)) for shots in (0, 5)
    )
    assert make_cell(alike[4], alike[0]).effect == 0.0
    with pytest.raises(UsageError, match=r"task\.n_shot is 0 and 5"):
        make_cell(unlike[4], unlike[0])


@pytest.mark.parametrize("name", ["exam", "EXAM", "inspect_evals/exam", "ex-am", "ex_am", "ex:am"])
def test_harnesses_write_one_benchmark_in_several_ways(name: str) -> None:
    made = run("other", [1.0] * 4)
    made = changed(made, task={**made.manifest["task"], "name": name})
    assert {each.benchmark for each in of_runs([made], WORDS)} == {"Exam"}


def test_a_share_of_runs_is_of_the_items_that_both_have_with_the_variance_of_a_paired_ratio() -> None:
    full = run("full", [1.0] * 8)
    less = FakeRun(run("less", [1.0] * 8, 4).manifest, run("less", [1.0] * 8, 4).samples[:6])
    found = [each for each in of_runs([full, less], RUN_WORDS) if each.metric is Metric.REASONING_TOKENS]
    made = make_cell(found[2], found[0], percent=True)
    was, now = [8.0, 10.0, 9.0], [12.0, 14.0, 13.0]  # the items of two steps that both runs have
    ratio = sum(now) / sum(was)
    assert made.effect == pytest.approx(100 * (ratio - 1))
    gaps = [100 / 9.0 * (b - ratio * a) for a, b in zip(was, now, strict=True)]
    assert made.variance == pytest.approx(sum(gap * gap for gap in gaps) / 2 / 3)


def test_one_shared_item_says_nothing_of_how_sure_a_count_of_tokens_is() -> None:
    full, less = run("full", [1.0] * 6), run("less", [1.0] * 6, 4)
    halves = [FakeRun(full.manifest, full.samples[:4]), FakeRun(less.manifest, less.samples[2:])]
    found = [each for each in of_runs(halves, RUN_WORDS) if each.metric is Metric.REASONING_TOKENS]
    made = make_cell(found[2], found[0])
    assert (made.effect, made.variance) == (4.0, None)


def test_partial_scores_are_no_pairs_of_right_and_wrong() -> None:
    full, less = run("full", [1.0, 1.0] * 20), run("less", [0.5, 0.5] * 20, 4)
    found = [each for each in of_runs([full, less], RUN_WORDS) if each.metric is Metric.ACCURACY]
    made = make_cell(found[2], found[0])
    assert made.pairs is None
    assert made.effect == pytest.approx(-50.0)


# Verdicts


def test_models_that_differ_are_what_a_mean_is_sure_of_not_their_many_benchmarks() -> None:
    """Four models of which one loses nothing: 16 units are no 16 independent witnesses."""
    drops = {"Small-1B": 6.0, "Small-4B": 2.5, "Middle-8B": 2.0, "Large-14B": 0.0}
    verdict = judge("own2025paper", claim(relation="non_inferior", margin=1.0), evidence(*table(drops)))
    assert verdict.outcome is not None
    assert verdict.outcome.estimate.method.startswith("t over 4 models")
    assert verdict.state.value == "inconclusive"


def test_two_units_that_differ_by_more_than_chance_are_not_sure_of_their_mean() -> None:
    rows = [row(benchmark="Long", drop=10.0), row(benchmark="Exam", drop=-10.0)]
    verdict = judge("own2025paper", claim(relation="no_difference", margin=4.0), evidence(*rows))
    assert verdict.state.value == "inconclusive"


def test_figures_that_agree_by_rounding_are_not_certain() -> None:
    """Nobody says how many items; three equal differences are no proof."""
    rows = [
        row(model, "Exam", 50.0, metric=Metric.LATENCY) for model in ("Small-1B", "Middle-8B", "Large-14B")
    ]
    said = claim(relation="lower", metric="latency", margin=20.0)
    verdict = judge("own2025paper", said, evidence(*rows))
    assert verdict.state.value == "inconclusive"
    assert "does not say" in verdict.why


def test_methods_on_the_same_items_are_not_independent_blocks() -> None:
    bits = [(2, 3.0), (3, 2.0), (4, 0.0)]
    rows = [
        row("Large-14B", "Exam", drop, method=method, bits=each)
        for method in ("clever", "other", "round")
        for each, drop in bits
    ]
    said = claim(relation="monotone", along="weight_bits", variant={"weight_bits": [2.0, 3.0, 4.0]})
    verdict = judge("own2025paper", said, evidence(*rows))
    assert verdict.outcome is not None
    assert verdict.outcome.estimate.units == 1


def test_one_source_against_all_together_is_contested() -> None:
    """Twelve sources lean one way, none of them for certain by itself; one is certain of the other."""
    rows = [row(list(SIZES)[at % 6], "Tiny", -4.0, source=f"small{at:02d}") for at in range(12)] + [
        row("Large-32B", "Long", 8.0, source="large")
    ]
    verdict = judge("own2025paper", claim(**NI), evidence(*rows))
    assert verdict.outcome is not None
    assert verdict.outcome.state.value == "supported"
    assert verdict.state.value == "contested"
    assert verdict.why == "all sources together leave it supported, large refutes it"


def test_what_did_not_decide_never_asks_for_less_evidence() -> None:
    rows = [
        row(model, "Exam", drop) for model, drop in (("Small-1B", 3.0), ("Small-4B", 9.0), ("Large-14B", 4.0))
    ]
    verdict = judge("own2025paper", claim(relation="non_inferior", margin=1.0), evidence(*rows))
    assert verdict.state.value == "inconclusive"
    assert verdict.needed is not None
    assert verdict.needed >= 1.25


def test_the_order_of_the_evidence_changes_nothing() -> None:
    rows = [*table({"Small-1B": 5.0, "Large-14B": 1.0}), *table({"Middle-8B": 2.0}, source="other2025paper")]
    said = claim(relation="non_inferior", margin=1.0)
    one, two = (
        judge("own2025paper", said, Evidence(reported(Results(tuple(order), WORDS))))
        for order in (rows, rows[::-1])
    )
    assert one == two


# What is not counted is said


def test_what_has_no_other_side_is_left_out_with_the_reason() -> None:
    rows = [
        *table({"Small-1B": 6.0, "Large-14B": 6.0}, benchmarks=["Olympiad"]),
        *table({"Large-14B": 1.0}, benchmarks=["Long"]),
    ]
    said = claim(
        relation="larger_drop",
        conditions={"benchmark": ["Olympiad"]},
        contrast={"benchmark": ["Long"]},
    )
    verdict = judge("own2025paper", said, evidence(*rows))
    assert [cell.variant.model for cell in verdict.cells] == ["Large-14B"]
    assert [(each.ref, each.reason) for each in verdict.left_out] == [
        (
            "own2025paper/Small-1B/clever/w4a16kv16/Olympiad",
            "the other side of the comparison was not measured for this model and setting",
        )
    ]


def test_what_stands_alone_on_the_axis_is_left_out_with_the_reason() -> None:
    rows = [row(bits=4), row(bits=3, drop=3.0), row("Small-1B", bits=4)]
    said = claim(relation="monotone", along="weight_bits", variant={"method": ["clever"]})
    verdict = judge("own2025paper", said, evidence(*rows))
    assert {cell.variant.model for cell in verdict.cells} == {"Large-14B"}
    assert [each.reason for each in verdict.left_out] == [
        "no other weight_bits was measured beside it with all else alike"
    ]


def test_a_family_is_held_against_its_member_but_the_member_not_against_itself() -> None:
    said = claim(
        relation="higher",
        variant={"method": ["weight-only"], "weight_bits": [4.0]},
        baseline={"method": ["other"]},
    )
    found = evidence(row(), row(method="other", drop=5.0)).match(said)
    assert [cell.ref for cell in found.cells] == ["own2025paper/Large-14B/clever/w4a16kv16/Exam"]
    assert [each.reason for each in found.left_out] == ["it is the baseline itself"]


def test_a_star_takes_every_special_setting_and_a_bare_claim_takes_none() -> None:
    rows = [row(), row(variant="group 64", drop=1.0)]
    star = claim(**NI | {"variant": {"method": ["clever"], "variant": "*"}})
    assert len(evidence(*rows).match(star).cells) == 2
    assert len(evidence(*rows).match(claim(**NI)).cells) == 1


def test_a_run_of_a_model_that_has_no_entry_says_where_to_write_one() -> None:
    runs = [run("full", [1.0] * 4), run("four", [1.0] * 4, 4)]
    strange = [changed(each, model={"id": "lab/unheard-of"}) for each in runs]
    held = Evidence([], of_runs(strange, RUN_WORDS))
    said = claim(**NI, variant=TOY["variant"], conditions={"model_size_b": {"min": 7}})
    assert {each.reason for each in held.match(said).left_out} == {
        "model size (billions) is not known (results/_models.yaml has no lab/unheard-of), not 7 or more"
    }


def test_a_claim_that_says_nothing_testable_is_untested_and_matches_nothing() -> None:
    bare = claim(relation=None, variant=None)
    assert evidence(row()).match(bare).cells == ()
    assert judge("own2025paper", bare, evidence(row()), latest=9).state.value == "untested"


def test_a_larger_drop_of_reported_scores_takes_them_as_correlated_as_every_other_mean_does() -> None:
    drops = dict.fromkeys(("Small-1B", "Middle-8B", "Large-14B"), 4.0)
    rows = [
        *table(drops, wobble=0.0, benchmarks=["Olympiad"]),
        *table(drops, wobble=0.0, benchmarks=["Long"]),
    ]
    said = claim(
        relation="larger_drop",
        conditions={"benchmark": ["Olympiad"]},
        contrast={"benchmark": ["Long"]},
    )
    verdict = judge("own2025paper", said, evidence(*rows))
    assert verdict.outcome is not None
    variances = [cell.variance or 0.0 for cell in (*verdict.cells, *verdict.contrast)]
    assert verdict.outcome.estimate.se == pytest.approx(((1 - PAIRED) * sum(variances)) ** 0.5 / 3)
