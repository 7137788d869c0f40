"""Finding an answer in an output, and holding it against the gold one."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.harness.tasks import math_check
from kb.harness.tasks.answers import KINDS, after_thinking, boxed, extract, judge, number


@pytest.mark.parametrize(
    ("output", "kind", "answer"),
    [
        (r"so \boxed{12}.", "number", "12"),
        (r"\boxed{1} no, \boxed{\frac{1}{\sqrt{2}}}", "math", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{\{1, 2\}}", "math", r"\{1, 2\}"),
        (r"\boxed{7} and \boxed{8", "math", "7"),
        ("3 * 4 = 12.\n#### 12", "number", "12"),
        ("#### $1,234.50", "number", "1,234.50"),
        ("The answer is **42**.", "number", "42"),
        ("**Answer:** x + 1", "math", "x + 1"),
        ("Answer: $\\frac12$.", "math", "\\frac12"),
        ("<answer> 3/4 </answer>", "math", "3/4"),
        (r"\boxed{1{,}200{,}000 \text{ pens}}", "number", "1,200,000"),
        (r"\boxed{12\,500}", "number", "12,500"),
        (r"\boxed{\$18}", "number", "18"),
        ("first 7 then 9 apples", "number", "9"),
        ("it fell to -3.5", "number", "-3.5"),
        ("Answer: C", "choice", "C"),
        ("The answer is (B) because A is wrong", "choice", "B"),
        (r"\boxed{\text{D}}", "choice", "D"),
        ("Answer: option c", "choice", "C"),
        ("A is too small, so it must be D.", "choice", "D"),
        ("I think that A dog barks", "choice", None),
        ("no letter here", "choice", None),
        ("nothing", "number", None),
        ("", "exact", None),
        (r"\boxed{}", "math", None),
        ("<think>\\boxed{3}</think> \\boxed{4}", "number", "4"),
        ("<think>it is \\boxed{3}", "number", None),
        ("3 or 5</think>5", "number", "5"),
        ("<think>a</think><think>9</think>7", "number", "7"),
    ],
)
def test_the_answer_is_found_where_models_put_it(output: str, kind: str, answer: str | None) -> None:
    assert extract(output, kind) == answer  # type: ignore[arg-type]


def test_the_last_balanced_box_wins_over_any_other_mark() -> None:
    assert extract("Answer: 5\n#### 6\n\\boxed{7} Answer: 8", "number") == "7"


def test_thinking_that_never_ends_has_no_answer_and_is_wrong_not_unscored() -> None:
    score = judge("<think>4, 4, 4", "4", "number")
    assert (score.value, score.extracted, score.why) == (0.0, None, "no answer: still thinking")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,234.50", "1234.50"), ("$3", "3"), (" 5% ", "5"), ("-0.5", "-0.5"), ("1e3", "1E+3"), ("7.", "7"), ("x", None),
     ("", None), ("1/2", None), ("inf", None), ("nan", None), ("9" * 300, None), ("٣", None), ("1e9999", None)],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text: str, value: str | None) -> None:
    found = number(text)
    assert (None if found is None else str(found)) == value


@pytest.mark.parametrize(
    ("kind", "gold", "output", "value"),
    [
        ("number", "1234.5", "#### 1,234.50", 1.0),
        ("number", "4", "#### 5", 0.0),
        ("number", "four", "#### 4", None),
        ("choice", "B", "Answer: b", 1.0),
        ("choice", "B", "Answer: C", 0.0),
        ("choice", "maybe", "Answer: C", None),
        ("exact", "New  York.", "Answer: new york", 1.0),
        ("exact", "Rome", "Answer: Paris", 0.0),
        ("exact", "  ", "Answer: Paris", None),
    ],
)
def test_right_wrong_and_unscored_are_told_apart(
    kind: str, gold: str, output: str, value: float | None
) -> None:
    score = judge(output, gold, kind)  # type: ignore[arg-type]
    assert score.value == value
    assert ("unscored" in score.why) == (value is None)
    assert "\n" not in score.why


@pytest.mark.parametrize(
    ("gold", "answer", "value"),
    [
        ("0.5", r"\frac{1}{2}", 1.0),
        (r"2\sqrt{2}", r"\sqrt{8}", 1.0),
        ("1+x^2", "x^2+1", 1.0),
        ("(1, 2)", "(1,2)", 1.0),
        (r"\text{Evelyn}", "Evelyn", 1.0),
        (r"\frac{3}{4}", r"\frac{3}{5}", 0.0),
        ("x^2", "x^3", 0.0),
        ("2", r"\{", 0.0),
        (r"\frac{", "3", None),
    ],
)
def test_mathematics_is_compared_by_what_it_means(gold: str, answer: str, value: float | None) -> None:
    pytest.importorskip("math_verify")
    assert judge(rf"\boxed{{{answer}}}", gold, "math").value == value


def test_integers_are_compared_without_starting_another_process() -> None:
    before = math_check.child.process
    assert judge(r"\boxed{42}", "042", "math").value == 1.0
    assert judge(r"\boxed{41}", "42", "math").value == 0.0
    assert math_check.child.process is before


@pytest.mark.slow
def test_a_tower_of_powers_is_unscored_after_the_limit_and_the_next_question_is_answered() -> None:
    pytest.importorskip("math_verify")
    child = math_check.Child(limit_s=2)
    try:
        assert child.ask(r"\frac{1}{2}", "0.5")[0] is True
        equal, why = child.ask("3/4", "9^{9^{9^9}}")
        assert (equal, why) == (None, "the comparison took longer than 2 s or all of its memory")
        assert child.ask(r"\frac{1}{2}", r"\frac{2}{4}")[0] is True
    finally:
        child.close()


@pytest.mark.slow
def test_mathematics_is_compared_from_several_threads_at_once() -> None:
    pytest.importorskip("math_verify")
    found: list[float | None] = []
    threads = [
        threading.Thread(
            target=lambda n=n: found.append(judge(rf"\boxed{{\frac{{{n}}}{{2}}}}", f"{n}/2", "math").value)
        )
        for n in (1, 3, 5, 7)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [1.0] * 4


@pytest.mark.parametrize(
    "output",
    [
        "\\boxed{" * 100_000,
        "<answer>" * 200_000,
        "answer is" + " " * 1_000_000 + "\n",
        "<think>" * 200_000,
        "1" * 1_000_000,
        "1," * 500_000,
        "#### " * 200_000,
        "{" * 500_000 + "}" * 500_000,
        "A " * 500_000,
        "</think>" * 100_000,
    ],
    ids=lambda text: text[:10],
)
def test_a_megabyte_of_anything_is_looked_through_in_moments(output: str) -> None:
    before = time.process_time()  # of this process alone: others may be busy
    for kind in KINDS:
        extract(output, kind)
    assert time.process_time() - before < 2


@given(
    st.text(max_size=300), st.sampled_from([kind for kind in KINDS if kind != "math"]), st.text(max_size=20)
)
def test_judging_never_raises(output: str, kind: str, gold: str) -> None:
    score = judge(output, gold, kind)  # type: ignore[arg-type]
    assert score.value in (None, 0.0, 1.0)
    assert score.value is not None or "unscored" in score.why


@given(st.recursive(st.text("ab1+ ", max_size=5), lambda inner: inner.map(lambda text: f"{{{text}}}")))
def test_what_was_boxed_comes_out_whole(content: str) -> None:
    assert boxed(f"x \\boxed{{{content}}} y") == content.strip()


def test_an_output_without_thinking_tags_is_all_answer() -> None:
    assert after_thinking("just 4") == "just 4"
