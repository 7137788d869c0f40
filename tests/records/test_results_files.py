"""results/: rows and words are read whole or not at all, with everything that is wrong; written rows come back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import DataError
from kb.harness.quant import QUANTIZERS
from kb.records.claims import Metric
from kb.records.results import Certainty, ReportedResult, SourceKind
from kb.records.results_files import COLUMNS, load_results, parse_rows, render_rows
from kb.records.results_words import load_words, nearest
from tests.reported import HEADER, WORDS, line, write_rows, write_words

ROOT = Path(__file__).parents[2]
PAPERS = {"almeida2024frugal": "Frugal Chains"}


def wrong(folder: Path) -> list[str]:
    with pytest.raises(DataError) as caught:
        load_results(folder, PAPERS)
    return [str(each).removeprefix(f"{folder}/") for each in (caught.value, *caught.value.others)]


def test_rows_are_read_with_their_source_and_defaults(tmp_path: Path) -> None:
    write_words(tmp_path)
    write_rows(
        tmp_path, "almeida2024frugal", line(score=41.5, baseline=43, spread=1.25, seeds=3, place="Table 1")
    )
    write_rows(tmp_path, "the-card", line("awq", note='"of 4,096 tokens"'))
    first, second = (results := load_results(tmp_path, PAPERS)).rows
    assert first == ReportedResult(
        source="almeida2024frugal", model="Tiny-7B", method="gptq", weight_bits=4, benchmark="Quiz", score=41.5,
        baseline_score=43, spread=1.25, seeds=3, place="Table 1",
    )  # fmt: skip
    assert (first.metric, first.certainty, first.bits) == (Metric.ACCURACY, Certainty.MEDIUM, "w4a16kv16")
    assert (second.source, second.note) == ("the-card", "of 4,096 tokens")
    paper = results.words.sources["almeida2024frugal"]
    assert (paper.kind, paper.title) == (SourceKind.PAPER, "Frugal Chains")


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert load_results(tmp_path / "results", PAPERS).rows == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (line(score="nan"), "score: 'nan' is no number (fix: write a plain number such as 41.8)"),
        (line(score="inf"), "score: 'inf' is no number"),
        (line(score="-Infinity"), "score: '-Infinity' is no number"),
        (line(score="1e5"), "score: '1e5' is no number"),
        (line(score="41 %"), "score: '41 %' is no number"),
        (line(score="٤١"), "score: '٤١' is no number"),
        (line(score=""), "score: is missing (fix: add the field)"),
        (line(seeds="2.5"), "seeds: '2.5' is no number (fix: write a whole number such as 3)"),
        (line(seeds=0), "seeds: Input should be greater than or equal to 1"),
        (line(spread=-1), "spread: Input should be greater than or equal to 0"),
        (line(bits=(0, 16, 16)), "weight_bits: Input should be greater than 0"),
        (line(certainty="sure"), "certainty: Input should be 'high', 'medium' or 'low'"),
        (line(model="Tiny-7"), "model: there is no model 'Tiny-7' (fix: did you mean Tiny-7B?"),
        (line("gptqq"), "method: there is no method 'gptqq' (fix: did you mean gptq?"),
        (line("BF16"), "method: is not a name of the vocabulary"),
        (line(benchmark="Quizz"), "benchmark: there is no benchmark 'Quizz' (fix: did you mean Quiz?"),
        (line(benchmark="quiz 100"), "benchmark: 'quiz 100' is called Quiz here (fix: write Quiz)"),
        (line(benchmark="Zebra"), "there is no benchmark 'Zebra' (fix: add it to results/_benchmarks.yaml)"),
        (line(model="Tiny\x1b-7B"), "model: holds a control or direction-override character"),
        (line(note="=HYPERLINK(0)"), "note: a spreadsheet would run '=HYPERLINK(0)' as a formula"),
        (line(note=" +1"), "note: a spreadsheet would run '+1' as a formula"),
        (line(variant="@x"), "variant: a spreadsheet would run '@x' as a formula"),
        (line(place="-2+3"), "place: a spreadsheet would run '-2+3' as a formula"),
        (line() + ",more", "has 15 cells, and the header 14"),
        (line(note='"never closed'), "is no CSV"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_with_line_field_and_fix(tmp_path: Path, row: str, message: str) -> None:
    write_words(tmp_path)
    write_rows(tmp_path, "the-card", line("awq"), row)
    (said,) = wrong(tmp_path)
    assert said.startswith("the-card.csv:3: ")
    assert message in said


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    """Over all files, and not one error for each run."""
    write_words(tmp_path)
    write_rows(tmp_path, "the-card", line(score="x"), line(model="y"), line("awq"), line("awq", score=3))
    write_rows(tmp_path, "almeida2024frugl", line())
    said = wrong(tmp_path)
    assert len(said) == 4
    assert said[0] == (
        "almeida2024frugl.csv: almeida2024frugl is neither a paper nor a source (fix: did you mean almeida2024frugal? "
        "if not, name the file by a record's key, or add it to _sources.yaml)"
    )
    assert said[3].startswith("the-card.csv:5: Tiny-7B awq w4a16kv16 Quiz stands in line 4 too")


def test_a_variant_and_other_bits_are_other_cells(tmp_path: Path) -> None:
    write_words(tmp_path)
    rows = (line(), line(variant="calib=Numina"), line(bits=(3, 16, 16)), line(bits=(4, 16, 8)))
    write_rows(tmp_path, "the-card", *rows)
    assert len(load_results(tmp_path, PAPERS).rows) == 4


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (
            HEADER.replace("score,", "scor,", 1),
            "scor: is not a column that kb knows (fix: did you mean score?",
        ),
        (HEADER.replace(",benchmark", ","), '"": is not a column that kb knows'),
        (HEADER.replace("note", "place"), "place: is a column twice"),
        ("model,method,weight_bits,score", "benchmark: the column is missing (fix: add it)"),
        ("", "model: the column is missing"),
    ],
)
def test_a_bad_header_is_one_matter_not_one_for_each_row(tmp_path: Path, header: str, message: str) -> None:
    write_words(tmp_path)
    write_rows(tmp_path, "the-card", line(), line("awq"), header=header)
    said = wrong(tmp_path)
    assert any(message in each for each in said)
    assert all(each.startswith("the-card.csv:1: ") for each in said)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("methods", WORDS["methods"].replace("[BF16]", "[GPTQ]"), "_methods.yaml:3: methods.1: 'gptq' stands for none already"),
        ("models", WORDS["models"].replace("Tiny-32B", "tiny-7b"), "_models.yaml:3: models.1: 'tiny-7b' stands for Tiny-7B already"),
        ("benchmarks", WORDS["benchmarks"].replace("mean_of: [Quiz,", "mean_of: [Quizz,"), "there is no benchmark 'Quizz' (fix: did you mean Quiz?"),
        ("benchmarks", WORDS["benchmarks"].replace("items: 30", "items: many"), "_benchmarks.yaml:3: benchmarks.1.items"),
        ("methods", WORDS["methods"].replace("title: AWQ", "title: AWQ, paper: nobody2020x"), "methods.2.paper: there is no paper 'nobody2020x'"),
        ("sources", WORDS["sources"].replace("kind: model_card", "kind: rerun, of: almeida2024frugl"), "did you mean almeida2024frugal?"),
        ("sources", WORDS["sources"].replace("kind: model_card", "kind: paper"), "there is no paper 'the-card'"),
        ("models", "modells: []\n", "_models.yaml:1: modells: is not a field that kb knows"),
    ],
)  # fmt: skip
def test_a_word_that_means_two_things_or_leads_nowhere_is_refused(
    tmp_path: Path, kind: str, text: str, message: str
) -> None:
    write_words(tmp_path, **{kind: text})
    assert message in wrong(tmp_path)[0]


def test_a_suggestion_is_made_only_where_it_helps() -> None:
    assert (
        nearest("Distill-Qwen-7", ["DeepSeek-R1-Distill-Qwen-7B", "QwQ-32B"]) == "DeepSeek-R1-Distill-Qwen-7B"
    )
    assert nearest("zebra", ["gptq", "awq"]) is None


text_cells = st.none() | st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=' ,"'), min_size=1, max_size=12
).map(lambda text: " ".join(text.split())).filter(lambda text: bool(text) and text[0] not in "=+-@")
figures = st.integers(0, 10_000).map(lambda value: value / 100)


some_rows = st.lists(
    st.builds(
        ReportedResult,
        source=st.just("s"),
        model=st.just("Tiny-7B"),
        method=st.just("gptq"),
        variant=text_cells,
        weight_bits=st.just(3.59),
        benchmark=st.just("Quiz"),
        score=figures,
        baseline_score=st.none() | figures,
        seeds=st.none() | st.integers(1, 64),
        certainty=st.sampled_from(Certainty),
        note=text_cells,
    ),
    max_size=6,
    unique_by=lambda row: row.cell,
)


@given(some_rows)
def test_what_is_written_is_read_back_and_written_the_same(rows: list[ReportedResult]) -> None:
    """Commas, quotes and other scripts survive; the order of the rows that came in does not matter."""
    with tempfile.TemporaryDirectory() as folder:
        words = load_words(write_words(Path(folder)))
    text = render_rows(rows)
    again = parse_rows(text, "s", words, file="s.csv")
    assert set(again) == set(rows)
    assert render_rows(reversed(again)) == text
    assert "\r" not in text
    assert text.startswith(",".join(COLUMNS) + "\n")


def test_a_formula_is_never_written() -> None:
    row = ReportedResult(
        source="s", model="M", method="gptq", weight_bits=4, benchmark="B", score=1, note="=1+1"
    )
    with pytest.raises(DataError, match="a spreadsheet would run '=1\\+1'"):
        render_rows([row])


def test_the_committed_results_load_and_name_the_methods_of_the_harness() -> None:
    """What a run and what a report call a method is one word, so that they meet."""
    results = load_results(ROOT / "results")
    assert len(results.rows) >= 825
    assert set(QUANTIZERS) <= set(results.words.methods)
    assert {"chain", "gym: arithmetic"} <= set(results.words.benchmarks)
