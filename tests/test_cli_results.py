"""kb results as a person and a program meet it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.pipeline.kbase import KnowledgeBase
from tests.reported import line, write_rows, write_words


@pytest.fixture
def base(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> KnowledgeBase:
    return KnowledgeBase(tmp_path / "kb", capsys)


@pytest.fixture
def filled(base: KnowledgeBase) -> KnowledgeBase:
    folder = write_words(base.root / "results")
    rows = (
        line(score=40.5, baseline=50, seeds=1),
        line("awq", variant="calib=Numina", score=45, baseline=50),
        line("kvquant", (16, 16, 4), "Essay", score=50, baseline=50, model="Tiny-32B"),
    )
    write_rows(folder, "the-card", *rows)
    return base


def test_an_empty_base_says_so_in_one_line(base: KnowledgeBase) -> None:
    out = base.run("results")
    assert (out.code, out.err) == (0, "")
    assert out.out == "nothing is reported yet: results/ holds no rows (kb results import FILE brings some)\n"
    assert json.loads(base.run("results", "--json").out) == []


def test_a_table_shows_score_drop_interval_and_doubt(filled: KnowledgeBase) -> None:
    out = filled.run("results", "--sort", "drop").out.splitlines()
    first = "the-card Tiny-7B gptq w4a16kv16 Quiz 40.5 ? 50 +9.5 31.4 to 50.3".split()
    assert out[1].split() == first
    assert "awq [calib=Numina]" in out[2]
    assert out[3].split()[-3:] == ["50", "50", "0"]
    assert out[-1] == "3 rows of 3; 1 with a question mark (kb results doubts)"


def test_programs_get_json_and_csv_with_the_same_rows(filled: KnowledgeBase) -> None:
    rows = json.loads(filled.run("results", "--method", "gptq", "--json").out)
    assert [(row["source"], row["score"], row["drop"], row["size_b"]) for row in rows] == [
        ("the-card", 40.5, 9.5, 7)
    ]
    assert rows[0]["doubts"] == ["no number of right answers out of 100 gives the score 40.5"]
    (cells,) = csv.DictReader(io.StringIO(filled.run("results", "--method", "gptq", "--csv").out))
    assert (cells["score"], cells["variant"], cells["doubts"]) == ("40.5", "", rows[0]["doubts"][0])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--json", "--csv"], "--json and --csv at once (fix: choose one)"),
        (["--origin", "magic"], "--origin: 'magic' is none (fix: one of distilled, rl,"),
        (["--bits", "x"], "--bits: 'x' are no bits"),
        (["--model", "Tiny-7B", "doubts"], "filters belong to kb results itself"),
        (["doubts", "--check", "x"], "--check: there is no check 'x' (fix: one of results-range,"),
        (["doubts", "--source", "x"], "--source: nothing is called 'x'"),
    ],
)
def test_a_wrong_question_is_one_line_and_exit_code_2(
    filled: KnowledgeBase, words: list[str], message: str
) -> None:
    out = filled.run("results", *words)
    assert (out.code, out.out, out.err.count("\n")) == (2, "", 1)
    assert message in out.err


def test_no_row_that_passes_is_no_error(filled: KnowledgeBase) -> None:
    out = filled.run("results", "--method", "none")
    assert (out.code, out.out) == (0, "none of 3 rows passes all filters\n")


def test_an_import_is_shown_and_done(filled: KnowledgeBase) -> None:
    file = filled.root / "figures.csv"
    file.write_text(
        "paper_arxiv_id,model,method,weight_bits,benchmark,score,baseline_score\n"
        "none:card,Tiny-7B,GPTQ,4,Quiz,41,50\nnone:card,Tiny-32B,GPTQ,4,Quiz,60,61\n"
    )
    dry = filled.run("results", "import", str(file), "--dry-run")
    assert "the-card/Tiny-7B/gptq/w4a16kv16/Quiz: 40.5 (baseline 50.0) kept, not 41 (50.0)" in dry.out
    assert dry.out.splitlines()[-1] == "dry run: would add 1 row"
    done = json.loads(filled.run("results", "import", str(file), "--json").out)
    assert (done["new"], done["there"], len(done["differ"])) == ({"the-card": 1}, {"the-card": 1}, 1)
    assert filled.run("results", "--model", "Tiny-32B").out.splitlines()[-1].startswith("2 rows of 4")


def test_a_bad_table_is_one_line_for_each_error_and_exit_code_3(filled: KnowledgeBase) -> None:
    file = filled.root / "figures.csv"
    file.write_text("paper_arxiv_id,model,method,weight_bits,benchmark,score\nx,Tiny-7,GPTQ,4,Quiz,nan\n")
    out = filled.run("results", "import", str(file))
    assert (out.code, out.err.count("\n")) == (3, 3)
    assert all(f"{file}:2: " in said for said in out.err.splitlines())
    missing = filled.run("results", "import", "nothing.csv")
    assert (missing.code, missing.err) == (
        3,
        "kb: nothing.csv: there is no such file (fix: check the path)\n",
    )


def test_doubts_are_listed_and_only_what_cannot_be_fails(filled: KnowledgeBase) -> None:
    out = filled.run("results", "doubts")
    assert out.code == 0
    assert (
        "  the-card/Tiny-7B/gptq/w4a16kv16/Quiz: no number of right answers out of 100 gives the score 40.5"
        in out.out
    )
    assert out.out.splitlines()[-1] == "1 doubt about 3 rows"
    write_rows(filled.root / "results", "the-card", line(score=140))
    wrong = filled.run("results", "doubts", "--json")
    assert (wrong.code, [each["check"] for each in json.loads(wrong.out)]) == (3, ["results-range"])


def test_help_shows_examples(filled: KnowledgeBase) -> None:
    assert "kb results --method weight-rounding --bits 3" in filled.run("results", "--help").out
    assert "GPTQ[calib=Numina]" in filled.run("results", "import", "--help").out
