"""The reasoning-gym families: which puzzles, for what, and how they are judged."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter

import pytest

from kb.errors import UsageError
from kb.harness.tasks.gym import FAMILIES, GymTask, find_answer
from kb.harness.types import Sample, Split, parse_options

pytest.importorskip("reasoning_gym")

QUICK = GymTask(
    datasets=("chain_sum", "gcd", "syllogism", "calendar_arithmetic", "acre", "largest_island", "mini_sudoku")
)
ALL = [(family, dataset) for family, kinds in FAMILIES.items() for dataset in kinds]


@pytest.fixture(scope="module", params=[1, 2])
def every(request: pytest.FixtureRequest) -> tuple[GymTask, list[Sample]]:
    task = GymTask(difficulty=request.param)
    return task, task.samples(7 * 5, seed=0)


@pytest.mark.slow
def test_the_gold_answer_of_every_data_set_is_right_and_noise_is_wrong(
    every: tuple[GymTask, list[Sample]],
) -> None:
    task, samples = every
    assert {sample.meta["dataset"] for sample in samples} == {dataset for _, dataset in ALL}
    for sample in samples:
        assert task.score(sample, f"<think>hm</think> so <answer>{sample.answer}</answer>").value == 1.0
        for noise in ("", "zzz", "None", "I do not know", "{}", "[1"):
            score = task.score(sample, f"<answer>{noise}</answer>")
            assert (score.value, score.extracted) == (0.0, noise) or sample.answer == noise, sample.meta[
                "dataset"
            ]


@pytest.mark.slow
def test_families_take_turns_and_are_the_groups(every: tuple[GymTask, list[Sample]]) -> None:
    assert Counter(sample.group for sample in every[1]) == dict.fromkeys(FAMILIES, 5)
    assert [sample.group for sample in every[1]][:7] == list(FAMILIES)


@pytest.mark.slow
def test_puzzles_do_not_change_with_the_hash_seed_or_the_global_random_state() -> None:
    program = (
        "import random, hashlib; random.seed({0}); from kb.harness.tasks.gym import GymTask;"
        "print(hashlib.sha256(repr([(s.id, s.prompt, s.answer) for d in (1, 2)"
        " for s in GymTask(difficulty=d).samples(28, 5)]).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program.format(seed)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    }
    assert len(found) == 1


def test_the_global_random_state_is_left_alone() -> None:
    random.seed(3)
    expected = random.random()
    random.seed(3)
    sample = QUICK.samples(8, 0)[0]
    QUICK.score(sample, sample.solution or "")
    assert random.random() == expected


def test_a_larger_run_begins_with_the_samples_of_a_smaller_one() -> None:
    larger = QUICK.samples(30, 1)
    assert [s.prompt for s in QUICK.samples(11, 1)] == [s.prompt for s in larger[:11]]
    assert len({s.prompt for s in larger}) == len({s.id for s in larger}) == 30


def test_no_prompt_serves_two_uses_even_under_different_seeds() -> None:
    task = GymTask(families=("logic",), datasets=("syllogism", "aiw"))
    uses = [{s.prompt for seed in range(4) for s in task.samples(60, seed, split)} for split in Split]
    assert not uses[0] & uses[1]
    assert not uses[0] & uses[2]
    assert not uses[1] & uses[2]


def test_neighbouring_seeds_share_no_puzzles() -> None:
    task = GymTask(datasets=("chain_sum", "leg_counting"), difficulty=2)
    assert not {s.prompt for s in task.samples(60, 0)} & {s.prompt for s in task.samples(60, 1)}


def test_an_answer_that_the_verifier_would_evaluate_does_not_reach_it() -> None:
    task = GymTask(datasets=("countdown",))
    sample = task.samples(1, 0)[0]
    for hostile in ("9**9**9", "9* *9", "__import__('os').getcwd()", "exit()", "1" * 500, "lambda: 0"):
        score = task.score(sample, f"<answer>{hostile}</answer>")
        assert (score.value, score.why) == (0.0, "the answer is not in the form that was asked for")


def test_a_part_of_the_credit_is_wrong_and_said() -> None:
    task = GymTask(datasets=("gcd",))
    sample = task.samples(1, 0)[0]
    score = task.score(sample, f"<answer>it is {sample.answer}</answer>")
    assert score.value == 0.0
    assert score.why.startswith("wrong: gcd gives 0.")


def test_an_unreadable_answer_is_wrong_where_the_verifier_takes_it_for_no_solution() -> None:
    # polynomial_equations reads garbage as the empty list, which is right where there is no real solution
    task = GymTask(datasets=("polynomial_equations",))
    puzzle = {"question": "x^2 + 1 = 0", "answer": "", "metadata": {}}
    sample = Sample("0", "x^2 + 1 = 0", "", meta={"dataset": "polynomial_equations", "puzzle": puzzle})
    assert task.score(sample, '<answer>""</answer>').value == 1.0
    assert task.score(sample, "<answer>who knows</answer>").value == 0.0


def test_a_verifier_that_fails_on_the_gold_answer_leaves_the_sample_unscored() -> None:
    task = GymTask(datasets=("chain_sum",))
    sample = Sample("0", "?", "3", meta={"dataset": "chain_sum", "puzzle": {"question": "?"}})
    score = task.score(sample, "<answer>4</answer>")
    assert (score.value, score.why) == (None, "unscored: the verifier of chain_sum fails on the gold answer")


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("<answer>1</answer> no <answer>\n2\n</answer>", "2"),
        (r"\boxed{3}", "3"),
        ("<think><answer>1</answer></think>", None),
        ("<think><answer>1</answer>", None),
        ("<answer>1", None),
        ("the answer is 3", None),
    ],
)
def test_the_answer_is_what_was_asked_to_be_marked(output: str, answer: str | None) -> None:
    assert find_answer(output) == answer


def test_the_version_names_the_library_that_makes_and_judges_the_puzzles() -> None:
    assert GymTask().version.startswith("1 reasoning-gym 0.")


@pytest.mark.slow
def test_a_data_set_that_has_run_out_is_named() -> None:
    task = GymTask(datasets=("products",))
    with pytest.raises(
        UsageError, match=r"n: products has fewer different puzzles than 3000 .*at most \d+ samples"
    ):
        task.samples(3000, 0)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"families": ["poetry"]}, r"task gym: families: 'poetry' is none of: arithmetic, algebra"),
        ({"datasets": ["knight_swap"]}, r"task gym: datasets: 'knight_swap' is none of: "),
        ({"families": []}, r"task gym: families: .*at least 1 item"),
        ({"difficulty": 3}, r"task gym: difficulty: should be less than or equal to 2"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(options: dict[str, object], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        parse_options(GymTask, options, "task gym")


def test_data_sets_outside_the_families_leave_nothing_to_ask() -> None:
    with pytest.raises(UsageError, match="none of these data sets is in these families"):
        GymTask(families=("logic",), datasets=("gcd",)).samples(1, 0)
