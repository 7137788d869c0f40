"""Questions from files and hub data sets: how rows become samples, and what is said of bad ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kb.errors import DataError, KbError, UsageError
from kb.harness.tasks import make_task
from kb.harness.tasks.dataset import PRESETS, DatasetTask, preset_rows
from kb.harness.types import Sample, Split, parse_options, split_of

DATA = Path(__file__).parent / "data" / "tasks"
SUMS, OTHER, CHOICES = (str(DATA / name) for name in ("sums.jsonl", "other_sums.jsonl", "choices.jsonl"))


def gsm(**more: object) -> DatasetTask:
    return parse_options(DatasetTask, {"preset": "gsm8k", "path": SUMS, **more}, "task dataset")


def by_question(samples: list[Sample]) -> dict[str, Sample]:
    return {sample.prompt.split("\n")[0]: sample for sample in samples}


def test_a_row_becomes_a_question_its_answer_and_its_solution() -> None:
    sample = by_question(gsm(group="topic").samples(4, 0))["A shelf holds 3 boxes of 4 pens. How many pens?"]
    assert sample.prompt.endswith(r"put your final answer within \boxed{}.")
    assert (sample.answer, sample.solution, sample.group) == ("12", "3 * 4 = 12.\n#### 12", "product")


def test_an_answer_is_judged_as_the_preset_says() -> None:
    task = gsm()
    sample = by_question(task.samples(4, 0))["A tram makes 600 stops an hour for 2 hours. How many stops?"]
    assert task.score(sample, r"<think>600 * 2</think> \boxed{1200}").value == 1.0
    assert task.score(sample, r"\boxed{1201}").value == 0.0


def test_the_seed_decides_the_order_and_a_larger_run_begins_with_a_smaller_one() -> None:
    task = gsm(path=OTHER)
    all_of_them = task.samples(41, 0)
    assert task.samples(7, 0) == all_of_them[:7]
    assert [s.prompt for s in task.samples(41, 1)] != [s.prompt for s in all_of_them]
    assert {s.prompt for s in task.samples(41, 1)} == {s.prompt for s in all_of_them}
    assert len({s.id for s in all_of_them}) == 41


def test_options_are_shuffled_by_the_seed_and_the_letter_of_the_right_one_is_the_answer() -> None:
    task = DatasetTask(preset="gpqa-diamond", path=CHOICES)
    letters = set()
    for seed in range(20):
        for sample in task.samples(3, seed):
            options = dict(line.split(") ", 1) for line in sample.prompt.split("\n") if line[1:3] == ") ")
            assert list(options) == ["A", "B", "C", "D"]
            assert options[sample.answer] in {"nine", "green", "ice"}
            assert task.score(sample, f"Answer: {sample.answer}").value == 1.0
            letters.add(sample.answer)
        assert task.samples(3, seed) == task.samples(3, seed)
    assert letters == {"A", "B", "C", "D"}


def test_a_program_is_kept_but_never_run_and_never_scored(tmp_path: Path) -> None:
    file = tmp_path / "code.jsonl"
    file.write_text(json.dumps({"question_content": "Print 1.", "question_id": "q1", "difficulty": "easy"}))
    task = DatasetTask(preset="livecodebench", path=str(file))
    ran = tmp_path / "ran"
    score = task.score(task.samples(1, 0)[0], f"Here:\n```python\nopen({str(ran)!r}, 'w')\n```\ndone")
    assert (score.value, score.extracted) == (None, f"open({str(ran)!r}, 'w')")
    assert "needs a sandbox" in score.why
    assert not ran.exists()


def test_calibration_comes_from_other_rows_and_never_from_those_that_evaluate() -> None:
    task = gsm(calibration_path=OTHER)
    sizes = {split: size(task, split) for split in (Split.CALIBRATION, Split.TRAIN)}
    uses = {split: {s.prompt for s in task.samples(n, 0, split)} for split, n in sizes.items()}
    evaluated = {s.prompt for s in task.samples(4, 0)}
    assert sum(sizes.values()) == 40  # 41 rows, one of which evaluates, too
    assert min(sizes.values()) > 0
    assert not uses[Split.CALIBRATION] & uses[Split.TRAIN]
    assert not evaluated & (uses[Split.CALIBRATION] | uses[Split.TRAIN])


def size(task: DatasetTask, split: Split) -> int:
    """How many rows there are for a split, as the error says."""
    with pytest.raises(UsageError, match="at most") as caught:
        task.samples(1000, 0, split)
    return int(str(caught.value).rpartition("at most ")[2].rstrip(")"))


def test_without_other_rows_there_is_no_calibration() -> None:
    with pytest.raises(
        UsageError, match=r"task dataset: calibration_path: .*those that evaluate never serve it"
    ):
        gsm().samples(1, 0, Split.CALIBRATION)


def test_more_samples_than_rows_are_refused_with_the_number_of_rows() -> None:
    with pytest.raises(UsageError, match=r"n: there are 4 rows for eval, not 5 \(fix: at most 4\)"):
        gsm().samples(5, 0)


def test_the_version_changes_with_any_row_and_only_then(tmp_path: Path) -> None:
    copy = tmp_path / "sums.jsonl"
    text = Path(SUMS).read_text()
    copy.write_text(text)
    assert gsm(path=str(copy)).version == gsm().version
    copy.write_text(text.replace("#### 49", "#### 50"))
    assert gsm(path=str(copy)).version != gsm().version


def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in Path(SUMS).read_text().split("\n") if line]


def write_json(path: Path) -> Path:
    file = path / "rows.json"
    file.write_text(json.dumps(rows()))
    return file


def write_csv(path: Path) -> Path:
    import csv

    file = path / "rows.csv"
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, ["question", "answer", "topic"])
        writer.writeheader()
        writer.writerows(rows())
    return file


def write_parquet(path: Path) -> Path:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    file = path / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows()), file)
    return file


def write_saved(path: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(rows()).save_to_disk(str(path / "saved"))
    return path / "saved"


@pytest.mark.parametrize("write", [write_json, write_csv, write_parquet, write_saved])
def test_every_kind_of_file_gives_the_same_samples(write: Callable[[Path], Path], tmp_path: Path) -> None:
    assert gsm(path=str(write(tmp_path))).samples(4, 3) == gsm().samples(4, 3)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"question": "1?", "answer": "#### 1"}\n{"question": ', r"bad.jsonl:2: is no JSON"),
        ('{"question": "1?", "answer": "#### 1"}\n\n[1]', r"bad.jsonl:3: is no JSON object"),
        ('{"question": "1?"}', r"bad.jsonl:1: answer: is missing \(fix: the row's fields are: question\)"),
        ('{"question": "  ", "answer": "1"}', r"bad.jsonl:1: question: is empty or no text"),
        ('{"question": ["a"], "answer": "1"}', r"bad.jsonl:1: question: is empty or no text"),
        ("", r"bad.jsonl: there are no rows"),
        ("\ud800", r"bad.jsonl: is not UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_line_and_field(text: str, line: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(DataError, match=line) as caught:
        gsm(path=str(file)).samples(1, 0)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("bad.json", b"{}", "bad.json: is no list of objects"),
        ("bad.json", b"[1]", "bad.json: item 0: is no object"),
        ("bad.csv", b"question,answer\na,b,c\n", "bad.csv:2: has another number of fields than the head"),
        ("bad.parquet", b"PAR1", "bad.parquet: is no Parquet"),
        ("bad.bin", b"", r"path bad.bin: .bin is not known \(fix: one of: .jsonl"),
    ],
)
def test_other_bad_files_are_named_in_one_line(name: str, content: bytes, line: str, tmp_path: Path) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KbError, match=line):
        gsm(path=str(tmp_path / name)).samples(1, 0)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, r"task dataset: : give a path, or a preset: gsm8k"),
        ({"preset": "imagenet"}, r"task dataset: preset: 'imagenet' is none of: gsm8k"),
        ({"path": "x.jsonl", "answer_kind": "poem"}, r"task dataset: answer_kind: should be 'math'"),
    ],
)
def test_a_wrong_option_is_named_in_one_line(options: dict[str, object], line: str) -> None:
    with pytest.raises(UsageError, match=line):
        make_task({"name": "dataset", **options})


def test_a_missing_file_is_one_line() -> None:
    with pytest.raises(UsageError, match="there is no such file"):
        gsm(path="/nowhere/x.jsonl").samples(1, 0)


def test_a_hub_data_set_that_cannot_be_had_is_one_line_with_what_to_do() -> None:
    with pytest.raises(KbError, match=r"datasets|cannot be loaded") as caught:
        DatasetTask(preset="gpqa-diamond", revision="0" * 40).samples(1, 0)
    assert "path" in str(caught.value)
    assert caught.value.exit_code in (2, 4)


def test_what_is_given_besides_a_preset_wins_over_it() -> None:
    reads = DatasetTask(preset="gsm8k", question="q", answer_kind="math", ask="Answer:").reads
    assert (reads.question, reads.answer, reads.kind, reads.ask) == ("q", "answer", "math", "Answer:")


def test_every_preset_is_listed_with_where_it_is() -> None:
    assert [row["preset"] for row in preset_rows()] == list(PRESETS)
    assert all(row["repo"].count("/") == 1 for row in preset_rows())


def test_the_other_rows_are_divided_by_their_text() -> None:
    task = gsm(calibration_path=OTHER)
    for sample in task.samples(size(task, Split.TRAIN), 0, Split.TRAIN):
        assert split_of(sample.prompt.split("\n\n")[0]) is Split.TRAIN
