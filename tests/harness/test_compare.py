"""Comparisons pair what belongs together, refuse what is unlike, and say no more than the pairs allow."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import UsageError
from kb.harness import stats
from kb.harness.compare import compare
from kb.harness.compare_text import finding, render_comparison, render_comparison_markdown
from kb.harness.stats import Pairs
from tests.harness.invent import InventedRun, invent_run, manifest, relabel, result, results


def run_of(scores: list[float | None], id: str = "run", **fields) -> InventedRun:
    return InventedRun(results(scores, **fields), manifest(id, n=len(scores)))


def test_a_comparison_counts_its_pairs() -> None:
    """Both, only A, only B, neither; the difference is B minus A; McNemar and Tango are those of the counts."""
    found = compare(run_of([1, 1, 1, 0, 0, 1]), run_of([1, 0, 0, 1, 0, 1]), 0.1).overall
    assert found.counts == Pairs(2, 2, 1, 1)
    assert found.difference.value == pytest.approx(-1 / 6)
    assert found.p == stats.mcnemar(2, 1)
    tango = stats.tango(Pairs(2, 2, 1, 1))
    assert (found.difference.low, found.difference.high) == (tango.low, tango.high)
    assert found.equivalence == stats.tost_paired(Pairs(2, 2, 1, 1), 0.1)
    assert found.items_needed == stats.items_for_paired(0.1, discordant=0.5)


@pytest.mark.parametrize(
    ("setting", "value", "named"),
    [
        ("task__name", "gym", "task.name"),
        ("task__version", "2", "task.version"),
        ("task__options", {"name": "chain", "steps": [2, 4], "difficulty": 3}, "task.options.steps"),
        ("task__seed", 7, "task.seed"),
        ("spec__template", "Q: {prompt}", "template"),
        ("spec__chat", True, "chat"),
        ("spec__decoding", {"temperature": 0.6}, "decoding.temperature"),
        ("spec__engine", {"name": "openai"}, "engine"),
    ],
)
def test_runs_that_were_not_made_alike_are_refused(setting: str, value: object, named: str) -> None:
    """One line names the setting and both values; forced, the comparison is made and says so."""
    a, b = run_of([1.0, 0.0], "full"), run_of([1.0, 1.0], "rtn4").change(**{setting: value})
    with pytest.raises(UsageError) as caught:
        compare(a, b)
    assert f"{named} is " in str(caught.value)
    assert "\n" not in str(caught.value)
    forced = compare(a, b, force=True)
    assert named in {name for name, _, _ in forced.forced}
    assert "not made alike" in render_comparison(forced)


def test_what_may_differ_is_noted() -> None:
    """Another batch size, version or quantization does not refuse a comparison; what lies around the runs is listed."""
    a = run_of([1.0, 0.0])
    b = a.change(engine__batch_size=64, libraries__torch="2.14.0", quantization={"method": "rtn"}, task__n=9)
    found = compare(a, b)
    assert found.notes == (("engine.batch_size", 32, 64), ("libraries.torch", "2.13.0", "2.14.0"))
    assert found.forced == ()


def test_other_questions_under_one_id_are_refused() -> None:
    """Even by force: pairs of different questions are none."""
    a = run_of([1.0, 0.0, 1.0])
    for changed in (relabel(a, 1, prompt_hash="another"), relabel(a, 1, gold="43")):
        with pytest.raises(UsageError, match="0-1 is not the same question"):
            compare(a, changed, force=True)


def test_runs_without_a_common_scored_sample_are_refused() -> None:
    """Nothing in common, or nothing scored."""
    a = run_of([1.0, 0.0])
    other = InventedRun((result("1-0"),), a.manifest)
    for b in (other, run_of([None, None]), InventedRun((), a.manifest)):
        with pytest.raises(UsageError, match="share no sample"):
            compare(a, b)


def test_pairs_are_joined_whatever_the_order_and_the_rest_is_counted() -> None:
    """A longer run, sorted backwards: its common samples are compared, the others are counted."""
    a, longer = run_of([1.0, 0.0, 1.0]), run_of([1.0, 1.0, 1.0, 0.0, 0.0])
    turned = InventedRun(longer.samples[::-1], longer.manifest)
    found = compare(a, turned)
    assert (found.overall.items, found.unpaired) == (3, 2)
    assert found.overall.counts == Pairs(2, 0, 1, 0)
    assert compare(a, longer).to_data() == found.to_data()


def test_unscored_pairs_are_left_out_and_counted() -> None:
    """Unscored in one run is neither right nor wrong."""
    found = compare(run_of([1.0, None, 1.0, 0.0]), run_of([1.0, 1.0, None, 0.0]))
    assert (found.overall.items, found.unscored_a, found.unscored_b) == (2, 1, 1)
    assert found.overall.accuracy_a.value == 0.5
    assert "unscored is not wrong" in render_comparison(found)


def test_pairs_of_which_tokens_are_not_known_have_no_difference() -> None:
    """The others have; without any nothing is known, and the text says so."""
    a = run_of([1.0] * 4, "a", reasoning_tokens=10)
    b = relabel(run_of([1.0] * 4, "b", reasoning_tokens=13), 0, reasoning_tokens=None)
    assert compare(a, b).overall.reasoning_tokens.value == 3
    unknown = compare(run_of([1.0] * 4, "a", reasoning_tokens=None), b)
    assert not unknown.overall.reasoning_tokens.known
    assert "reasoning tokens               not known" in render_comparison(unknown)


def test_one_run_against_itself() -> None:
    """No difference, p = 1, the same outputs; 300 items show that within a point, 100 do not."""
    run = invent_run(300, hazard=0.01)
    found = compare(run, run, 0.01).overall
    assert found.difference.value == 0
    assert found.difference.low < 0 < found.difference.high
    assert not found.bootstrap.known
    assert (found.p, found.same_output.value) == (1.0, 1.0)
    assert found.equivalence.equivalent
    assert found.calibration is not None
    assert found.calibration.ece.value == 0
    assert finding(found).startswith("as good as equal")
    few = invent_run(100, hazard=0.01)
    assert "268" in finding(compare(few, few, 0.01).overall)


def test_a_planted_drop_is_found_where_it_is() -> None:
    """Three times the hazard: worse by more than a point, longer when wrong, overconfident."""
    found = compare(invent_run(300, hazard=0.01, id="full"), invent_run(300, hazard=0.04, id="rtn3"), 0.01)
    held = found.overall
    assert held.equivalence.worse
    assert held.p < 1e-4
    assert held.reasoning_tokens.low > 0
    assert held.calibration is not None
    assert held.calibration.overconfidence.low > 0
    assert finding(held) == "B is worse, by more than 1 point"
    assert list(found.groups) == ["02 steps", "04 steps", "08 steps"]
    assert sum(group.items for group in found.groups.values()) == 300


def test_groups_are_adjusted_by_holm() -> None:
    """Three groups, three tests: the adjusted p values are Holm's, and the whole keeps its own."""
    found = compare(invent_run(120, hazard=0.01), invent_run(120, hazard=0.05), 0.01)
    raw = [held.p for held in found.groups.values()]
    assert [held.p_adjusted for held in found.groups.values()] == stats.holm(raw)
    assert found.overall.p_adjusted == found.overall.p


def test_both_intervals_agree_on_many_items() -> None:
    """With hundreds of differing items the score interval and the bootstrap are about the same."""
    held = compare(invent_run(600, hazard=0.02), invent_run(600, hazard=0.08), 0.01).overall
    assert held.bootstrap.low == pytest.approx(held.difference.low, abs=0.01)
    assert held.bootstrap.high == pytest.approx(held.difference.high, abs=0.01)


def test_several_completions_an_item_are_no_more_items() -> None:
    """Four copies of each completion: as many items, and a p value and an interval about as before."""
    a, b = invent_run(150, hazard=0.02), invent_run(150, hazard=0.06)

    def copied(run: InventedRun) -> InventedRun:
        return InventedRun(tuple(replace(one, k=k) for one in run.samples for k in range(4)), run.manifest)

    once, often = compare(a, b).overall, compare(copied(a), copied(b)).overall
    assert (often.items, often.pairs) == (150, 600)
    assert often.test.startswith("sign-flip")
    assert often.p == pytest.approx(once.p, abs=0.002)
    assert often.difference.low == pytest.approx(once.difference.low, abs=0.01)
    assert often.difference.high == pytest.approx(once.difference.high, abs=0.01)
    assert often.items_needed == once.items_needed


def test_few_differing_items_do_not_pass_for_certainty() -> None:
    """Eight items, four completions each, none differs: no equivalence within a point, and an interval that is not 0."""
    run = invent_run(8, k=4, hazard=0.0)
    held = compare(run, run, 0.01).overall
    assert not held.equivalence.non_inferior
    assert held.difference.high > 0.1
    assert not math.isnan(held.difference.low)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=40, deadline=None)
def test_swapping_the_runs_mirrors_the_comparison(pairs: list[tuple[bool, bool]]) -> None:
    """Difference and bounds change sign, one-sided tests change places, p and the items needed stay."""
    a, b = (run_of([float(pair[side]) for pair in pairs]) for side in (0, 1))
    one, other = compare(a, b, 0.05).overall, compare(b, a, 0.05).overall
    mirrored = -other.difference
    assert (one.difference.low, one.difference.value, one.difference.high) == pytest.approx(
        (mirrored.low, mirrored.value, mirrored.high), abs=1e-8
    )
    assert one.p == pytest.approx(other.p)
    assert one.equivalence.p_drop == pytest.approx(other.equivalence.p_gain, abs=1e-8)
    assert one.items_needed == other.items_needed


def test_without_log_probabilities_no_calibration() -> None:
    """An engine that gives none leaves that part out, in data and in words."""
    found = compare(run_of([1.0, 0.0]), run_of([1.0, 1.0]))
    assert found.overall.calibration is None
    assert "ECE" not in render_comparison(found)


def test_findings_say_no_more_than_the_pairs_allow() -> None:
    """The sentence for each kind of outcome."""

    def said(only_a: int, only_b: int, n: int, margin: float) -> str:
        a = [1.0] * only_a + [0.0] * only_b + [1.0] * (n - only_a - only_b)
        b = [0.0] * only_a + [1.0] * only_b + [1.0] * (n - only_a - only_b)
        return finding(compare(run_of(a), run_of(b), margin).overall)

    assert said(40, 2, 200, 0.05) == "B is worse, by more than 5 points"
    assert said(2, 40, 200, 0.05) == "B is better, by more than 5 points"
    assert said(12, 1, 1000, 0.05) == "B is worse, by less than 5 points"
    assert said(9, 1, 100, 0.05) == "B is worse; whether by more than 5 points is open"
    assert said(1, 1, 1000, 0.05) == "as good as equal: within 5 points either way"
    assert said(4, 9, 100, 0.05) == "B is not worse by 5 points or more"
    assert said(2, 2, 30, 0.01).startswith("inconclusive: 30 items")


def test_data_are_strict_json_and_the_same_twice() -> None:
    """NaN is null; nothing depends on anything but the runs."""
    a, b = invent_run(40, k=2, hazard=0.1), invent_run(40, k=2, hazard=0.2)
    one, two = (json.dumps(compare(a, b).to_data(), allow_nan=False) for _ in range(2))
    assert one == two
    itself = compare(a, a).to_data()
    assert itself["overall"]["bootstrap"]["value"] is None


def test_text_and_markdown_hold_the_figures_and_no_foreign_markup() -> None:
    """Group names that would break a table or a page are escaped; every row of a table has as many cells as its head."""
    a = run_of([1.0, 0.0, 1.0, 1.0], "full")
    evil = [replace(one, group=["a|b <script>", "*c*\nd"][at % 2]) for at, one in enumerate(a.samples)]
    run = InventedRun(tuple(evil), a.manifest)
    found = compare(run, run)
    markdown = render_comparison_markdown(found, "A | B")
    assert "<script>" not in markdown
    assert "a\\|b &lt;script&gt;" in markdown
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    cells = {line.replace("\\|", "").count("|") for line in table[-4:]}
    assert cells == {7}
    text = render_comparison(found)
    assert "75.0 %" in text
    assert "*c* d" in text
