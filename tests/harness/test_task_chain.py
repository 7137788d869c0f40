"""Chained arithmetic: what is asked, how it is judged, and which samples serve what."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kb.errors import UsageError
from kb.harness.tasks.chain import LONGEST, ChainTask, apply
from kb.harness.types import ErrorKind, Sample, Split, parse_options

TASK = ChainTask()
seeds = st.integers(0, 10_000)


@st.composite
def chains(draw: st.DrawFn) -> Sample:
    task = ChainTask(difficulty=draw(st.integers(1, 3)))
    return task.draw(random.Random(draw(seeds)), draw(st.integers(1, LONGEST)), id="x")


def output_of(steps: list[str], answer: str) -> str:
    return ";".join([*steps, f"#{answer}"])


def digits_of(text: str) -> list[int]:
    """Where its digits stand."""
    return [at for at, character in enumerate(text) if character.isdigit()]


def changed(text: str, at: int, draw: st.DataObject) -> str:
    """`text` with another digit at `at`."""
    digit = draw.draw(st.sampled_from([d for d in "0123456789" if d != text[at]]))
    return text[:at] + digit + text[at + 1 :]


@given(chains())
def test_the_gold_solution_is_right_in_every_step(sample: Sample) -> None:
    score = TASK.score(sample, sample.solution or "")
    steps = len(sample.steps or ())
    assert (score.value, score.extracted, score.first_error, score.error_kind) == (
        1.0,
        sample.answer,
        None,
        None,
    )
    assert (score.steps_right, score.steps_total, score.why) == (steps, steps, "right")


@given(chains())
def test_the_gold_steps_compute_what_the_question_asks(sample: Sample) -> None:
    start, *rest = sample.prompt.split(";")
    values = {start[0]: int(start[:1:-1])}
    for part in rest[:-1]:
        name, operation, operand = part[0], part[1], int(part[:1:-1])
        values[name] = apply(values[chr(ord(name) - 1)], operation, operand)
    assert values[rest[-1][0]] == int(sample.answer[::-1])
    assert [int(step.rpartition("=")[2][::-1]) for step in sample.steps or ()] == list(values.values())[1:]


@given(chains(), st.data())
def test_a_wrong_start_or_operand_is_a_premise_error_where_it_stands(
    sample: Sample, data: st.DataObject
) -> None:
    steps = list(sample.steps or ())
    wrong = data.draw(st.integers(0, len(steps) - 1))
    at = data.draw(st.sampled_from(digits_of(steps[wrong].partition("=")[0])))
    steps[wrong] = changed(steps[wrong], at, data)
    score = TASK.score(sample, output_of(steps, sample.answer))
    assert (score.first_error, score.error_kind, score.steps_right) == (wrong, ErrorKind.PREMISE, wrong)


@given(chains(), st.data())
def test_a_wrong_result_is_a_calculation_error_where_it_stands(sample: Sample, data: st.DataObject) -> None:
    steps = list(sample.steps or ())
    wrong = data.draw(st.integers(0, len(steps) - 1))
    steps[wrong] = changed(steps[wrong], len(steps[wrong]) - data.draw(st.sampled_from([1, 2])), data)
    score = TASK.score(sample, output_of(steps, sample.answer))
    assert (score.first_error, score.error_kind, score.steps_right) == (wrong, ErrorKind.CALCULATION, wrong)


@given(chains(), st.data())
def test_a_wrong_answer_after_right_steps_is_a_conclusion_error(sample: Sample, data: st.DataObject) -> None:
    steps = list(sample.steps or ())
    answer = changed(sample.answer, data.draw(st.sampled_from([0, 1])), data)
    score = TASK.score(sample, output_of(steps, answer))
    assert (score.value, score.extracted) == (0.0, answer)
    assert (score.first_error, score.error_kind, score.steps_right) == (
        len(steps),
        ErrorKind.CONCLUSION,
        len(steps),
    )


@given(chains(), st.data())
def test_an_output_that_was_cut_off_is_a_form_error_at_its_first_missing_step(
    sample: Sample, data: st.DataObject
) -> None:
    solution = sample.solution or ""
    cut = data.draw(st.integers(0, solution.index("#")))
    whole = solution[:cut].count(";") + (cut == solution.index("#") or solution[cut] == ";")
    right = min(whole, len(sample.steps or ()))
    score = TASK.score(sample, solution[:cut])
    assert (score.value, score.extracted, score.error_kind) == (0.0, None, ErrorKind.FORM)
    assert (score.first_error, score.steps_right) == (right, right)


@given(chains(), st.data())
def test_a_right_answer_after_a_wrong_step_counts_as_right_and_says_so(
    sample: Sample, data: st.DataObject
) -> None:
    steps = list(sample.steps or ())
    steps[0] = changed(steps[0], len(steps[0]) - 1, data)
    score = TASK.score(sample, output_of(steps, sample.answer))
    assert score.value == 1.0
    assert score.why == "right after a wrong step 1 (calculation)"


@given(chains())
def test_a_step_too_many_is_a_conclusion_error(sample: Sample) -> None:
    steps = [*(sample.steps or ()), "z+1:11=21"]
    score = TASK.score(sample, output_of(steps, sample.answer))
    assert (score.value, score.first_error, score.error_kind) == (1.0, len(steps) - 1, ErrorKind.CONCLUSION)


@given(st.text(), chains())
def test_judging_never_raises_and_never_calls_noise_right(output: str, sample: Sample) -> None:
    assume("#" not in output)
    assert TASK.score(sample, output).value == 0.0


def test_a_number_of_ten_thousand_digits_is_wrong_not_a_crash() -> None:
    sample = TASK.samples(1, 0)[0]
    assert TASK.score(sample, "#" + "7" * 10_000).value == 0.0


@settings(max_examples=20, deadline=None)  # how long a draw takes depends on the split
@given(seeds, st.integers(0, 12), st.sampled_from(list(Split)))
def test_a_larger_run_begins_with_the_samples_of_a_smaller_one(seed: int, n: int, split: Split) -> None:
    assert TASK.samples(12, seed, split)[:n] == TASK.samples(n, seed, split)


def test_no_prompt_serves_two_uses_even_under_different_seeds() -> None:
    task = ChainTask(steps=(1, 2), difficulty=1)
    uses = [
        {sample.prompt for seed in range(5) for sample in task.samples(100, seed, split)} for split in Split
    ]
    assert not uses[0] & uses[1]
    assert not uses[0] & uses[2]
    assert not uses[1] & uses[2]


def test_prompts_and_ids_of_one_run_are_unique_and_lengths_take_turns() -> None:
    samples = TASK.samples(200, 0)
    assert len({sample.prompt for sample in samples}) == len({sample.id for sample in samples}) == 200
    assert Counter(sample.group for sample in samples) == {f"{n:02d} steps": 50 for n in (2, 4, 8, 12)}


def test_another_seed_gives_other_samples() -> None:
    assert not {s.prompt for s in TASK.samples(50, 0)} & {s.prompt for s in TASK.samples(50, 1)}


def test_a_third_of_the_operations_multiplies_and_starts_are_spread_over_all_numbers() -> None:
    prompts = [sample.prompt for sample in ChainTask(steps=(16,)).samples(400, 0, Split.TRAIN)]
    operations = Counter(part[1] for prompt in prompts for part in prompt.split(";")[1:-1])
    total = sum(operations.values())
    assert total == 400 * 16
    assert {name: round(count / total, 1) for name, count in operations.items()} == {
        "*": 0.3,
        "+": 0.3,
        "-": 0.3,
    }
    starts = Counter(prompt[2:4] for prompt in prompts)
    assert len(starts) > 90
    assert max(starts.values()) < 20


@pytest.mark.parametrize(
    ("difficulty", "operations", "largest"), [(1, "+-", 9), (2, "+-*", 9), (3, "+-*", 99)]
)
def test_difficulty_decides_operations_and_operands(difficulty: int, operations: str, largest: int) -> None:
    parts = [
        part
        for sample in ChainTask(steps=(8,), difficulty=difficulty).samples(60, 0, Split.TRAIN)
        for part in sample.prompt.split(";")[1:-1]
    ]
    assert {part[1] for part in parts} == set(operations)
    assert largest // 2 < max(int(part[:1:-1]) for part in parts) <= largest


def test_more_samples_than_there_are_chains_end_in_one_line_not_in_a_loop() -> None:
    with pytest.raises(
        UsageError, match=r"n: there are no 5000 different samples for eval: .*at most \d+ samples"
    ):
        ChainTask(steps=(1,), difficulty=1).samples(5000, 0)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"steps": [0]}, r"task chain: steps: a chain has 1 to 25 steps"),
        ({"steps": [26]}, r"task chain: steps: a chain has 1 to 25 steps"),
        ({"steps": []}, r"task chain: steps: .*at least 1 item"),
        ({"difficulty": 4}, r"task chain: difficulty: should be less than or equal to 3"),
        (
            {"lenght": 3},
            r"task chain: lenght: is no option of it \(fix: its options are: steps, difficulty\)",
        ),
    ],
)
def test_a_wrong_option_is_named_in_one_line(options: dict[str, object], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        parse_options(ChainTask, options, "task chain")


def test_the_first_sample_stays_what_it_was() -> None:
    # A shipped model was trained on this format: a change here needs a new version, and a new model.
    sample = ChainTask(steps=(2,)).samples(1, 0)[0]
    assert sample.prompt == FIRST[0]
    assert sample.solution == FIRST[1]


FIRST = ("a=64;b-7;c-2;c?", "b-7:64=93;c-2:93=73;#73")
