"""Checks of reported results: each finds what it is for, and is silent where a figure only looks odd."""

from __future__ import annotations

from pathlib import Path

import pytest

from kb.link.adds_up import RESULT_CHECKS, Doubt, doubts
from kb.records.results import Results
from kb.records.results_files import load_results
from tests.reported import line, write_rows, write_words

ROOT = Path(__file__).parents[2]
FULL = (16, 16, 16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_words(tmp_path / "results")


def report(folder: Path, *lines: str, source: str = "the-card") -> Results:
    write_rows(folder, source, *lines)
    return load_results(folder)


def found(folder: Path, check: str, *lines: str) -> list[str]:
    return [each.reason for each in doubts(report(folder, *lines), [f"results-{check}"])]


def test_right_figures_raise_no_doubt(folder: Path) -> None:
    """Collapsed models, means that round, seeds on few items: odd to look at, and right."""
    rows = (
        line("none", FULL, score=84.7, baseline=84.7, seeds=3),
        line("none", FULL, "Olympiad", score=23.3, baseline=23.3, seeds=3),
        line("none", FULL, "Mean of two", score=54.0, baseline=54.0),
        line(score=0.7, baseline=84.7, seeds=3),
        line(benchmark="Olympiad", score=1.1, baseline=23.3, seeds=3),
        line(benchmark="Essay", score=0.5, baseline=90),
        line("kvquant", (16, 16, 4), score=0, baseline=84.7, seeds=3),
        line("kvquant", (16, 16, 4), "Olympiad", score=0, baseline=23.3, seeds=3),
        line("kvquant", (16, 16, 4), "Essay", score=0, baseline=90),
        line("kvquant", (16, 16, 3), score=0, baseline=84.7, seeds=3),
        line("kvquant", (16, 16, 3), "Olympiad", score=0, baseline=23.3, seeds=3),
        line("kvquant", (16, 16, 3), "Essay", score=0, baseline=90),
    )
    assert doubts(report(folder, *rows)) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (line(score=100.1), "score is 100.1"),
        (line(score=-0.1), "score is -0.1"),
        (line(score=40, baseline=140), "baseline_score is 140"),
        (line(score=40, spread=101), "spread is 101"),
    ],
)
def test_an_accuracy_beyond_0_and_100_cannot_be(folder: Path, row: str, reason: str) -> None:
    (doubt,) = doubts(report(folder, row), ["results-range"])
    assert (doubt.reason, doubt.wrong) == (reason, True)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([line(score=0.41, baseline=43)], "0.41 looks like a fraction, its baseline 43 like percent"),
        ([line(score=41, baseline=0.43)], "the baseline 0.43 looks like a fraction, 41 like percent"),
        ([line(score=0.41, baseline=0.43)], "0.41 and its baseline 0.43 look like fractions"),
        # a model that has fallen to under one percent of right answers: not near the baseline, or not alone
        ([line(score=0.1, baseline=43)], None),
        ([line(score=0.9, baseline=94), line(benchmark="Olympiad", score=6.7, baseline=56)], None),
        ([line(score=0, baseline=0)], None),
    ],
)
def test_a_fraction_is_told_from_a_collapse(folder: Path, rows: list[str], reason: str | None) -> None:
    assert found(folder, "percent", *rows) == ([] if reason is None else [reason])


def test_a_mean_may_differ_by_what_rounding_hides(folder: Path) -> None:
    """40.1 and 20.2 have 30.15: 30.1 and 30.2 are both fine, 30.3 is not."""
    for mean, wrong in ((30.1, False), (30.2, False), (30.3, True)):
        rows = (
            line(score=40.1),
            line(benchmark="Olympiad", score=20.2),
            line(benchmark="Mean of two", score=mean),
        )
        assert bool(found(folder, "averages", *rows)) is wrong


def test_a_mean_is_not_judged_by_half_of_its_parts(folder: Path) -> None:
    assert found(folder, "averages", line(score=40.1), line(benchmark="Mean of two", score=90)) == []


def test_baselines_are_compared_within_a_source_and_with_its_own_row(folder: Path) -> None:
    rows = (
        line("none", FULL, score=43, place="Table 1"),
        line(score=40, baseline=43, place="Table 1"),
        line("awq", score=40, baseline=44, place="Table 2"),
        line(score=40, baseline=60, model="Tiny-32B"),
    )
    assert found(folder, "baselines", *rows) == ["the baseline is 44 in Table 2, and 43 in Table 1"]
    write_rows(folder, "other2024paper", line(score=40, baseline=45))
    assert found(folder, "baselines", *rows[:2]) == []


@pytest.mark.parametrize(
    ("score", "seeds", "possible"),
    [
        ("36.7", 1, True),
        ("36.6", 1, False),
        ("36.7", 3, True),
        ("37.8", 3, True),
        ("37.8", 1, False),
        ("10", 1, True),
    ],
)
def test_a_score_is_a_count_of_right_answers(folder: Path, score: str, seeds: int, possible: bool) -> None:
    """Of 30 items 11 are 36.67 %; 37.8 takes three passes (34 of 90)."""
    said = found(folder, "counts", line(benchmark="Olympiad", score=score, seeds=seeds))
    assert said == (
        [] if possible else [f"no number of right answers out of {30 * seeds} gives the score {score}"]
    )


def test_items_of_the_row_stand_for_those_of_the_benchmark(folder: Path) -> None:
    results = report(folder, line(score=40.5, seeds=1))
    (row,) = results.rows
    other = Results((row.model_copy(update={"items": 200}),), results.words)
    assert [len(doubts(each, ["results-counts"])) for each in (results, other)] == [1, 0]


def test_unsaid_passes_are_asked_for_once_a_benchmark(folder: Path) -> None:
    rows = (line(benchmark="Olympiad", score=37.8), line("awq", benchmark="Olympiad", score=36.7))
    assert found(folder, "passes", *rows) == [
        "1 of 2 scores on Olympiad, such as 37.8, are not of one pass over 30 items; 3 passes would do"
    ]
    assert found(folder, "counts", *rows) == []


def test_bits_that_a_method_does_not_have(folder: Path) -> None:
    rows = (line(bits=(4, 8, 16)), line("none", (4, 16, 16)), line("awq", (4, 8, 16)))
    assert found(folder, "bits", *rows) == [
        "GPTQ has 16 or more act bits, not 8",
        "Full precision has 16 or more weight bits, not 4",
    ]


def test_a_doubt_says_source_model_cell_and_reason(folder: Path) -> None:
    (doubt,) = doubts(report(folder, line(certainty="low", note="a slip")))
    assert isinstance(doubt, Doubt)
    assert (str(doubt), doubt.wrong) == ("the-card/Tiny-7B/gptq/w4a16kv16/Quiz: a slip", False)


def test_of_the_committed_results_nothing_is_impossible_and_known_slips_are_found() -> None:
    """The model card's slip, bits that are nominal in one table, and two baselines for one model."""
    found = doubts(load_results(ROOT / "results"))
    assert [str(each) for each in found if each.wrong] == []
    said = {(each.check, each.row.source) for each in found}
    assert {
        ("results-certainty", "redhat-model-cards"),
        ("results-bits", "zhao2025quantitative"),
        ("results-baselines", "liu2025quantization"),
        ("results-counts", "ist-daslab-moe-quant"),
    } <= said
    assert {each.check for each in found} <= set(RESULT_CHECKS)
