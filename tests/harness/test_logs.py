"""Logs of other harnesses. The recorded ones are of real runs of a tiny model on three invented questions."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kb.errors import DataError, KbError, UsageError
from kb.harness.logs import LOG_FORMATS, ImportedRun, detect, parse_log
from kb.harness.types import text_hash

DATA = Path(__file__).parent / "data" / "logs"
DATE = "2026-11-25T21-35-49.000474"
QUESTIONS = [
    "A shelf holds 3 boxes of 4 pens. How many pens?",
    "Mia has 9 stamps and gives 5 away. How many are left?",
    "A tram makes 6 stops an hour for 2 hours. How many stops?",
]
OUTPUTS = [" #### 12", " 9-5 #### 4", " #### 8"]


def lm_eval(tmp_path: Path) -> Path:
    return shutil.copytree(DATA / "lm_eval", tmp_path / "lm_eval")


def lighteval(tmp_path: Path) -> Path:
    """The files where lighteval puts them: their real names do not exist on every system."""
    results = tmp_path / "results" / "tiny" / f"results_{DATE}.json"
    details = tmp_path / "details" / "tiny" / DATE / f"details_invented_sums|0_{DATE}.parquet"
    for name, place in (("results.json", results), ("details.parquet", details)):
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(DATA / "lighteval" / name, place)
    return results


def inspect(tmp_path: Path, ending: str = ".json") -> Path:
    return Path(shutil.copy(DATA / "inspect" / f"2026-11-25_invented-sums{ending}", tmp_path))


def edit(path: Path, change: Callable[[Any], Any]) -> Path:
    data = json.loads(path.read_text())
    path.write_text(json.dumps(change(data) or data))
    return path


def one_line(caught: pytest.ExceptionInfo[KbError], tmp_path: Path) -> bool:
    return "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)


def find(runs: list[ImportedRun], task: str, **more: str) -> ImportedRun:
    return next(
        run
        for run in runs
        if run.manifest["task"]["name"] == task and run.manifest["task"].items() >= more.items()
    )


# ------------------------------------------------------------------------------------------------ lm-eval


def test_lm_eval_results_are_those_that_it_logged(tmp_path: Path) -> None:
    run = find(parse_log(lm_eval(tmp_path)), "invented_sums", filter="strict-match")
    assert [one.output for one in run.results] == OUTPUTS
    assert [one.score for one in run.results] == [1.0, 1.0, 0.0]
    assert [one.answer for one in run.results] == ["12", "4", "8"]
    assert [one.why for one in run.results] == ["exact_match 1.0", "exact_match 1.0", "exact_match 0.0"]
    assert {(one.tokens, one.reasoning_tokens) for one in run.results} == {(None, None)}  # it counts none


def test_lm_eval_settings_are_kept_and_those_it_does_not_state_are_named(tmp_path: Path) -> None:
    run = find(parse_log(lm_eval(tmp_path)), "invented_sums", filter="flexible-extract")
    manifest = run.manifest
    assert manifest["source"] == {
        "tool": "lm-evaluation-harness",
        "version": "0.4.13",
        "log": "results_2026-11-25T21-32-12.586805.json",
    }
    assert manifest["model"] == {"id": "tiny", "revision": "main", "parameters": 27808}
    assert manifest["engine"] == {
        "name": "lm-eval hf", "version": "5.24.0", "dtype": "float32", "device": "cpu", "batch_size": "2", "max_length": 512,
    }  # fmt: skip
    assert manifest["decoding"] == {
        "max_new_tokens": 12, "temperature": 0.0, "stop": ["Question:"], "samples_per_item": 1, "seed": 7,
    }  # fmt: skip
    task = manifest["task"]
    assert (task["version"], task["n_shot"], task["seed"], task["n"], task["metric"]) == (
        3.0,
        1,
        7,
        3,
        "exact_match",
    )
    assert "quantization" not in manifest
    assert set(run.unknown) == {"model.weight_hash", "quantization", "decoding.top_p", "results.tokens"} | (
        {"template"} if "template" not in manifest else set()
    )


def test_lm_eval_prompts_are_hashed_with_their_examples_as_ours_are(tmp_path: Path) -> None:
    run = find(parse_log(lm_eval(tmp_path)), "invented_sums", filter="strict-match")
    prompt = f"Question: One and two?\nAnswer: #### 3\n\nQuestion: {QUESTIONS[0]}\nAnswer:"
    assert run.results[0].prompt_hash == text_hash(prompt)


def test_lm_eval_multiple_choice_answers_with_the_likeliest_option(tmp_path: Path) -> None:
    run = find(parse_log(lm_eval(tmp_path)), "invented_choice")
    assert [(one.answer, one.output, one.gold, one.score) for one in run.results] == [
        ("2", " 5", "1", 0.0),
        ("1", " Sunday", "0", 0.0),
    ]
    assert [round(one.answer_logprob or 0, 3) for one in run.results] == [-7.876, -57.022]
    assert "max_new_tokens" not in run.manifest["decoding"]


def test_lm_eval_a_samples_file_alone_is_its_task(tmp_path: Path) -> None:
    file = next(lm_eval(tmp_path).glob("samples_invented_choice*"))
    assert [run.manifest["task"]["name"] for run in parse_log(file)] == ["invented_choice"]


def test_lm_eval_quantization_that_was_stated_is_kept_in_both_shapes_of_model_args(tmp_path: Path) -> None:
    folder = lm_eval(tmp_path)
    for args in (
        {"pretrained": "some/model", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
        "pretrained=some/model,load_in_4bit=True,bnb_4bit_quant_type=nf4",
    ):
        edit(next(folder.glob("results*")), lambda log, args=args: log["config"].update(model_args=args))
        run = parse_log(folder)[0]
        assert {name: str(value) for name, value in run.manifest["quantization"].items()} == {
            "load_in_4bit": "True",
            "bnb_4bit_quant_type": "nf4",
        }
        assert run.manifest["model"]["id"] == "some/model"
        assert "quantization" not in run.unknown


def test_a_metric_that_is_no_score_leaves_the_sample_unscored(tmp_path: Path) -> None:
    file = next(lm_eval(tmp_path).glob("samples_invented_choice*"))
    lines = [json.loads(line) | {"acc": [1, 2]} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert {(one.score, one.why) for one in parse_log(file)[0].results} == {
        (None, "unscored: acc is no score")
    }


def damage_lm_eval(folder: Path, how: str) -> None:
    file = next(folder.glob("samples_invented_sums*"))
    lines = file.read_text().splitlines()
    match how:
        case "twice":
            lines.append(lines[0])
        case "nan":
            lines[1] = lines[1].replace('"exact_match": 1.0', '"exact_match": NaN')
        case "missing":
            lines.pop()
        case "cut off":
            lines[-1] = lines[-1][:100]
        case "none":
            lines = []
        case "other":
            lines[0] = '{"a": 1}'
    file.write_text("".join(line + "\n" for line in lines))


@pytest.mark.parametrize(
    ("how", "line"),
    [
        (
            "twice",
            r"samples_invented_sums_.*\.jsonl:7: document 0 under filter strict-match stands here twice",
        ),
        ("nan", r"samples_invented_sums_.*\.jsonl:2: is no JSON: NaN is no number"),
        ("missing", r"samples_invented_sums_.*\.jsonl: has 2 samples, and the run says 3"),
        ("cut off", r"samples_invented_sums_.*\.jsonl:6: is no JSON"),
        ("none", r"samples_invented_sums_.*\.jsonl: has 0 samples, and the run says 3"),
        ("other", r"samples_invented_sums_.*\.jsonl:1: is no logged sample"),
    ],
)
def test_damaged_lm_eval_samples_are_one_line(how: str, line: str, tmp_path: Path) -> None:
    folder = lm_eval(tmp_path)
    damage_lm_eval(folder, how)
    with pytest.raises(DataError, match=line) as caught:
        parse_log(folder)
    assert one_line(caught, tmp_path)


def test_lm_eval_without_its_samples_says_how_to_get_them(tmp_path: Path) -> None:
    folder = lm_eval(tmp_path)
    next(folder.glob("samples_invented_sums*")).unlink()
    with pytest.raises(UsageError, match=r"is missing \(fix: run lm_eval with --log_samples"):
        parse_log(folder)


def test_a_folder_with_two_runs_asks_which(tmp_path: Path) -> None:
    folder = lm_eval(tmp_path)
    first = next(folder.glob("results*"))
    shutil.copy(first, folder / "results_later.json")
    with pytest.raises(
        UsageError, match=r"holds 2 runs \(fix: name one: results_2026.*, results_later.json\)"
    ):
        parse_log(folder)


# ---------------------------------------------------------------------------------------------- lighteval


def test_lighteval_results_and_settings_are_those_that_it_logged(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (run,) = parse_log(lighteval(tmp_path))
    results = sorted(run.results, key=lambda one: one.id)
    assert [one.output for one in results] == OUTPUTS
    assert [(one.score, one.answer, one.gold, one.tokens) for one in results] == [
        (1.0, "12", "12", 4), (1.0, "4", "4", 8), (0.0, "8", "12", 4),
    ]  # fmt: skip
    assert [one.prompt_hash for one in results] == [text_hash(question) for question in QUESTIONS]
    assert run.manifest["model"] == {"id": "tiny", "revision": "main"}
    assert run.manifest["decoding"] == {"max_new_tokens": 12, "temperature": 0, "seed": 3}
    assert run.manifest["engine"] == {
        "name": "lighteval",
        "dtype": "float32",
        "batch_size": 1,
        "max_length": 256,
    }
    assert "engine.device" in run.unknown  # the log says cuda; it ran on a CPU
    assert "results.tokens" not in run.unknown


def test_lighteval_rows_in_json_lines_read_like_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    results = lighteval(tmp_path)
    expected = parse_log(results)
    (details,) = (tmp_path / "details").rglob("*.parquet")
    rows = parquet.read_table(details).to_pylist()
    details.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    details.unlink()
    assert parse_log(results) == expected


def test_lighteval_without_details_says_how_to_get_them(tmp_path: Path) -> None:
    results = lighteval(tmp_path)
    shutil.rmtree(tmp_path / "details")
    with pytest.raises(
        UsageError, match=r"details of invented_sums\|0 are missing \(fix: run lighteval with --save-de"
    ):
        parse_log(results)


def test_damaged_lighteval_details_are_one_line(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    results = lighteval(tmp_path)
    (details,) = (tmp_path / "details").rglob("*.parquet")
    details.write_bytes(details.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"details_invented_sums.*: is no whole Parquet file") as caught:
        parse_log(results)
    assert one_line(caught, tmp_path)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda rows: [*rows, rows[0]], r"\.jsonl:4: document 1 stands here twice"),
        (lambda rows: rows[:2], r"\.jsonl: has 2 samples, and the run says 3"),
        (lambda rows: [{"full_prompt": "x", "predictions": "y"}] * 3, r"\.jsonl:1: is no row of details"),
    ],
)
def test_wrong_lighteval_rows_are_one_line(
    change: Callable[[list[Any]], list[Any]], line: str, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    results = lighteval(tmp_path)
    (details,) = (tmp_path / "details").rglob("*.parquet")
    rows = change(parquet.read_table(details).to_pylist())
    details.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    details.unlink()
    if "says 3" in line:
        edit(results, lambda log: log["config_tasks"]["invented_sums|0"].update(effective_num_docs=3))
    with pytest.raises(DataError, match=line):
        parse_log(results)


# ------------------------------------------------------------------------------------------------ inspect


@pytest.mark.parametrize("ending", [".json", ".eval", "_deflated.eval"])
def test_inspect_results_and_settings_are_those_that_it_logged(ending: str, tmp_path: Path) -> None:
    if ending == ".eval":  # as inspect writes it: compressed with Zstandard
        pytest.importorskip("zstandard")
    (run,) = parse_log(inspect(tmp_path, ending))
    assert [(one.id, one.k) for one in run.results] == [(f"s{n}", k) for k in (0, 1) for n in (1, 2, 3)]
    assert [one.output for one in run.results] == OUTPUTS * 2
    assert [one.score for one in run.results] == [1.0, 1.0, 0.0] * 2
    assert [one.tokens for one in run.results] == [8] * 6
    assert run.results[0].prompt_hash == text_hash(QUESTIONS[0])
    assert run.manifest["model"] == {"id": "tiny"}
    assert run.manifest["decoding"] == {
        "max_new_tokens": 12, "temperature": 0.6, "top_p": 0.95, "samples_per_item": 2, "seed": 11,
    }  # fmt: skip
    task = run.manifest["task"]
    assert (task["name"], task["version"], task["metric"], task["n"]) == ("invented_sums", 2, "match", 3)
    assert {"model.revision", "model.weight_hash", "quantization", "engine.dtype"} <= set(run.unknown)


def test_an_inspect_log_of_a_failed_evaluation_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"status: its evaluation has not finished: error \(fix: inspect eval-retry"
    ):
        parse_log(DATA / "inspect" / "2026-11-25_failed.json")


def test_inspect_reasoning_attachments_and_values_are_read(tmp_path: Path) -> None:
    def change(log: Any) -> None:
        one, two, three, *_ = log["samples"]
        one["output"]["choices"][0]["message"]["content"] = [
            {"type": "reasoning", "reasoning": "3 * 4"},
            {"type": "text", "text": "12"},
        ]
        one["output"]["usage"]["reasoning_tokens"] = 5
        two["attachments"] = {"abc": QUESTIONS[1]}
        two["input"] = [{"role": "user", "content": "attachment://abc"}]
        two["scores"]["match"]["value"] = {"a": 1}
        three["error"] = {"message": "out of\nmemory"}
        three["output"]["choices"][0]["stop_reason"] = "max_tokens"

    results = {(one.id, one.k): one for one in parse_log(edit(inspect(tmp_path), change))[0].results}
    one, two, three = (results[f"s{n}", 0] for n in (1, 2, 3))
    assert (one.output, one.reasoning_tokens) == ("<think>3 * 4</think>\n12", 5)
    assert two.prompt_hash == text_hash(QUESTIONS[1])
    assert (two.score, two.why) == (None, "unscored: match says {'a': 1}")
    assert (three.score, three.why, three.finish) == (
        None, "unscored: the sample ended in an error: out of memory", "length",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda log: log["samples"].pop() and None, r"has 5 samples, and the run says 6"),
        (
            lambda log: log["samples"].__setitem__(1, log["samples"][0]),
            r"sample s1 of epoch 1 stands here twice",
        ),
        (
            lambda log: log.pop("samples") and None,
            r"holds no samples \(fix: run inspect without --no-log-samples",
        ),
        (lambda log: log.update(eval=None), r"eval: is missing"),
        (lambda log: log["samples"][0].pop("id") and None, r"samples\[0\]: is no logged sample"),
        (lambda log: log["samples"][0].update(epoch="x"), r"samples\[0\]: epoch: 'x' is no epoch"),
    ],
)
def test_wrong_inspect_logs_are_one_line(change: Callable[[Any], None], line: str, tmp_path: Path) -> None:
    with pytest.raises(KbError, match=line) as caught:
        parse_log(edit(inspect(tmp_path), change))
    assert one_line(caught, tmp_path)


def test_nan_in_a_json_log_is_one_line(tmp_path: Path) -> None:
    file = inspect(tmp_path)
    file.write_text(file.read_text().replace('"temperature": 0.6', '"temperature": NaN'))
    with pytest.raises(DataError, match=r"is no JSON: NaN is no number"):
        parse_log(file)


@pytest.mark.parametrize("ending", [".eval", "_deflated.eval"])
def test_a_cut_off_eval_file_is_one_line(ending: str, tmp_path: Path) -> None:
    file = inspect(tmp_path, ending)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"is no whole zip file: .*\(fix: copy the log again\)") as caught:
        parse_log(file)
    assert one_line(caught, tmp_path)


@pytest.mark.parametrize("ending", [".eval", "_deflated.eval"])
def test_a_damaged_member_of_an_eval_file_is_named(ending: str, tmp_path: Path) -> None:
    if ending == ".eval":
        pytest.importorskip("zstandard")
    file = inspect(tmp_path, ending)
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as log:
        info = log.getinfo("samples/s2_epoch_1.json")
    middle = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    data[middle : middle + 8] = b"\xff" * 8
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"samples/s2_epoch_1.json: is damaged") as caught:
        parse_log(file)
    assert one_line(caught, tmp_path)


def test_an_eval_file_without_a_header_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "x.eval"
    with zipfile.ZipFile(file, "w") as log:
        log.writestr("a", "b")
    with pytest.raises(DataError, match=r"x.eval: header.json: is missing in the log"):
        parse_log(file)


# ---------------------------------------------------------------------------------------------- all of them


def test_each_format_is_detected_and_no_other_claims_it(tmp_path: Path) -> None:
    paths = {"lm-eval": lm_eval(tmp_path), "lighteval": lighteval(tmp_path), "inspect": inspect(tmp_path)}
    assert list(paths) == list(LOG_FORMATS)
    for name, path in paths.items():
        assert detect(path) == name
        assert [other for other, log in LOG_FORMATS.items() if log.matches(path)] == [name]


def test_what_is_no_log_is_one_line_that_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(
        UsageError, match=r"x.json is no log that kb knows \(fix: lm-evaluation-harness: results_"
    ):
        detect(tmp_path / "x.json")
    with pytest.raises(UsageError, match=r"there is no y.json"):
        detect(tmp_path / "y.json")


@pytest.mark.parametrize("make", [lm_eval, lighteval, inspect])
def test_no_machine_path_gets_into_a_manifest_and_every_result_is_a_line(
    make: Callable[[Path], Path], tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    path = make(tmp_path)
    for file in [path] if path.is_file() else path.glob("results*"):
        file.write_text(file.read_text().replace('"tiny"', '"/home/ann/models/tiny"'))
    for run in parse_log(path):
        assert "/home" not in json.dumps(run.manifest)
        assert run.manifest["state"] == "imported"
        for result in run.results:
            assert json.loads(result.to_line())["id"] == result.id
