"""A table of figures from elsewhere: spellings become words, settings variants, and nothing doubtful slips through."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from kb.errors import DataError
from kb.records.results import Certainty, ReportedResult
from kb.records.results_table import (
    COLUMNS,
    SPREAD_COLUMNS,
    TableRows,
    bits_of,
    method_of,
    read_rows,
    source_of,
)
from kb.records.results_words import Spellings, load_words
from tests.reported import WORDS, write_words

PAPERS = {"2401.10000": "almeida2024frugal"}
ROW = {
    "paper_arxiv_id": "2401.10000", "model": "lab/tiny-7b", "method": "GPTQ", "weight_bits": "4", "act_bits": "16",
    "kv_bits": "16", "benchmark": "Olympiad 24", "metric": "accuracy_pct", "score": "40.0", "baseline_score": "43.3",
    "source_url_or_repo_path": "arxiv:2401.10000v3 Table2|github:someone/notes@abc papers.md", "certainty": "high",
}  # fmt: skip
SPREAD = {
    **{key: ROW[key] for key in SPREAD_COLUMNS if key in ROW},
    "score_std_or_pm": "2.7",
    "delta_vs_baseline": "-3.3",
}


def table(columns: tuple[str, ...], *rows: dict[str, str]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def read(tmp_path: Path, *rows: dict[str, str], spread: list[dict[str, str]] | None = None) -> TableRows:
    words = load_words(write_words(tmp_path / "results"))
    second = (table(SPREAD_COLUMNS, *spread), "spread.csv") if spread is not None else None
    return read_rows(table(COLUMNS, *rows), words, PAPERS, file="table.csv", spread=second)


def one(tmp_path: Path, **cells: str) -> ReportedResult:
    (row,) = read(tmp_path, {**ROW, **cells}).rows
    return row


def wrong(tmp_path: Path, *rows: dict[str, str], spread: list[dict[str, str]] | None = None) -> list[str]:
    with pytest.raises(DataError) as caught:
        read(tmp_path, *rows, spread=spread)
    return [str(each) for each in (caught.value, *caught.value.others)]


def test_a_row_is_put_in_the_words_of_the_vocabulary(tmp_path: Path) -> None:
    (row,) = read(tmp_path, ROW, spread=[SPREAD]).rows
    assert row == ReportedResult(
        source="almeida2024frugal", model="Tiny-7B", method="gptq", weight_bits=4, benchmark="Olympiad", score=40,
        baseline_score=43.3, spread=2.7, place="v3, Table 2", certainty=Certainty.HIGH,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("spelling", "method", "variant"),
    [
        ("gptq", "gptq", None),
        ("GPTQ INT4 (tool)", "gptq", None),
        ("GPTQ[calib=Numina-Math-1.5]", "gptq", "calib=Numina-Math-1.5"),
        ("AWQ[aligned,before-restore]", "awq", "aligned, before-restore"),
        ("AWQ+final-layer-MLP@16bit", "awq", "final-layer-MLP@16bit"),
        ("KVQuant*[pre-bias]", "kvquant", "pre-bias"),
        ("GPTQ (a user's run)", "gptq", "a user's run"),
        ("GPTQ groups of 128", "gptq", "groups of 128"),
        ("AWQ INT4", "awq", None),
        ("AWQ (w4a16g128)", "awq", None),
        ("GPTQ 3-bit", "gptq", None),
        ("BF16", "none", None),
    ],
)
def test_a_setting_after_the_method_is_a_variant(
    tmp_path: Path, spelling: str, method: str, variant: str | None
) -> None:
    row = one(tmp_path, method=spelling)
    assert (row.method, row.variant) == (method, variant)


def test_no_method_is_found_in_another_word() -> None:
    methods = Spellings({"gptq": "gptq"})
    assert [method_of(word, methods) for word in ("GPTQv2", "Numina[gptq]", "", "[x]")] == [None] * 4


def test_bits_may_be_an_average(tmp_path: Path) -> None:
    assert (bits_of("3.59avg"), bits_of("4"), bits_of("four"), bits_of("nan")) == (
        (3.59, True),
        (4.0, False),
        None,
        None,
    )
    row = one(tmp_path, weight_bits="3.59avg")
    assert (row.weight_bits, row.note) == (3.59, "bits are an average over layers")


@pytest.mark.parametrize(
    ("metric", "seeds"),
    [
        ("accuracy_pct_mean_3seeds", 3), ("pass@1_mean_10runs", 10), ("accuracy_pct_64tries", 64),
        ("accuracy_pct_seed42", 1), ("exact_match_pct", None), ("EM_pct", None), ("accuracy", None),
    ],
)  # fmt: skip
def test_the_metric_says_how_many_seeds(tmp_path: Path, metric: str, seeds: int | None) -> None:
    row = one(tmp_path, metric=metric)
    assert (row.metric.value, row.seeds) == ("accuracy", seeds)


@pytest.mark.parametrize(
    ("address", "place", "note"),
    [
        ("arxiv:2401.10000v3(COLM2025)|github:x/y notes.md Table1", "v3, Table 1", None),
        ("arxiv:2401.10000 TableA2/A3|find_string id 62309884142", "Table A2/A3", None),
        (
            "github:x/y README.md Table2 (baseline=FP8 official API)",
            "README, Table 2",
            "baseline: FP8 official API",
        ),
        ("hf:lab/Tiny-7B-w4a16 README (stored copy id 71013733540)", "Tiny-7B-w4a16", None),
        ("", None, None),
    ],
)
def test_version_table_and_baseline_are_kept_of_an_address(
    tmp_path: Path, address: str, place: str | None, note: str | None
) -> None:
    row = one(tmp_path, source_url_or_repo_path=address)
    assert (row.place, row.note) == (place, note)


def test_certainty_is_a_level_and_a_reason(tmp_path: Path) -> None:
    row = one(tmp_path, certainty="low_card_typo:conflicts with its own mean id 70896968699")
    assert (row.certainty, row.note) == (Certainty.LOW, "card typo conflicts with its own mean")
    assert one(tmp_path, certainty="high").note is None


def test_sources_of_one_name_are_told_apart_by_their_address(tmp_path: Path) -> None:
    both = """\
sources:
  - {id: rerun-a, kind: rerun, title: A, aliases: ["repro-of:1", "github:a/x"]}
  - {id: rerun-b, kind: rerun, title: B, aliases: ["repro-of:1", "github:b/x"]}
"""
    words = load_words(write_words(tmp_path, sources=both))
    assert source_of("repro-of:1", "github:b/x notes.md", words, {}) == "rerun-b"
    assert source_of("repro-of:1", "github:c/x", words, {}) is None
    assert source_of("rerun-a", "", words, {}) == "rerun-a"
    assert source_of("2401.10000", "github:a/x", words, PAPERS) == "almeida2024frugal"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"paper_arxiv_id": "2401.10001"}, "paper_arxiv_id: '2401.10001' is neither a paper's arXiv id nor one source (fix: did you mean 2401.10000?"),
        ({"model": "Tiny-70B"}, "model: there is no model 'Tiny-70B' (fix: did you mean Tiny-7B?"),
        ({"method": "Zebra"}, "method: there is no method 'Zebra' (fix: add it to results/_methods.yaml)"),
        ({"benchmark": ""}, "benchmark: there is no benchmark ''"),
        ({"weight_bits": "four"}, "weight_bits: 'four' is no number of bits"),
        ({"weight_bits": "33"}, "weight_bits: Input should be less than or equal to 32"),
        ({"score": "nan"}, "score: 'nan' is no number"),
        ({"baseline_score": "43%"}, "baseline_score: '43%' is no number"),
        ({"metric": "accuracy_fraction"}, "metric: 'accuracy_fraction' is no metric (fix: write accuracy_pct (in percent)"),
        ({"metric": "perplexity"}, "metric: 'perplexity' is no metric"),
        ({"certainty": "sure"}, "certainty: 'sure' does not begin with high, medium or low"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named_with_line_column_and_fix(
    tmp_path: Path, cells: dict[str, str], message: str
) -> None:
    said = wrong(tmp_path, ROW, {**ROW, "method": "AWQ", **cells})
    assert [each.startswith("table.csv:3: ") for each in said] == [True]
    assert message in said[0]


def test_the_same_cell_twice_is_an_error_however_it_is_spelled(tmp_path: Path) -> None:
    said = wrong(tmp_path, ROW, {**ROW, "model": "Tiny-7B", "benchmark": "olympiad", "score": "41"})
    assert said == [
        "table.csv:3: says again what line 2 says of almeida2024frugal/Tiny-7B/gptq/w4a16kv16/Olympiad (fix: keep one of them)"
    ]


def test_spreads_of_other_rows_are_refused(tmp_path: Path) -> None:
    """A second table that is shifted by a row would give every score a wrong spread."""
    assert (
        "spread.csv:2: score: is '41.0', and in the table of scores '40.0'"
        in wrong(tmp_path, ROW, spread=[{**SPREAD, "score": "41.0"}])[0]
    )
    assert (
        "spread.csv: has 2 rows, and the table of scores 1"
        in wrong(tmp_path, ROW, spread=[SPREAD, SPREAD])[0]
    )


def test_a_difference_that_is_not_that_of_the_scores_is_a_doubt(tmp_path: Path) -> None:
    right = read(tmp_path, ROW, spread=[SPREAD])
    assert right.doubts == []
    (doubt,) = read(tmp_path, ROW, spread=[{**SPREAD, "delta_vs_baseline": "3.3"}]).doubts
    assert doubt.reason == "+3.3 is given as the difference, and 40 - 43.3 is -3.3"


def test_a_table_that_is_no_table_is_one_line(tmp_path: Path) -> None:
    words = load_words(write_words(tmp_path, **WORDS))
    with pytest.raises(DataError, match="paper_arxiv_id: the column is missing") as caught:
        read_rows("", words, PAPERS, file="table.csv")
    assert len(caught.value.others) == 5
