"""Runs on disk: nothing is lost, nothing is overwritten, nothing half-written is read as a result."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kb.errors import DataError, LockError, UsageError
from kb.harness.manifest import dump_manifest
from kb.harness.results import SampleResult
from kb.harness.runs import RunWriter, list_runs, load_run, write_run
from kb.harness.spec import portable

MANIFEST: dict[str, Any] = {
    "format": 1,
    "id": "r",
    "state": "running",
    "spec": {"model": "reference", "engine": {"name": "transformers", "batch_size": 8}, "seed": 0},
    "model": {"weight_hash": "a"},
    "task": {"name": "chain", "version": "1"},
    "calibration": None,
    "libraries": {"torch": "2.13.0"},
}


def result(id: str, k: int = 0, score: float | None = 1.0) -> SampleResult:
    return SampleResult(
        id=id,
        k=k,
        group="02 steps",
        prompt_hash="p",
        output=f"line\u2028of {id}",
        output_hash="o",
        tokens=3,
        reasoning_tokens=2,
        finish="stop",
        answer="1",
        gold="1",
        score=score,
        why="right",
        logprob=-0.5,
    )


def test_what_is_written_is_read_back_sorted(tmp_path: Path) -> None:
    """In the order of the task, whatever the order in which completions ended; the manifest counts them."""
    with RunWriter(tmp_path / "r", MANIFEST) as writer:
        writer.append([result("0-1"), result("0-0", 1)])
        writer.append([result("0-0", score=None)])
        writer.complete([("0-0", 0), ("0-0", 1), ("0-1", 0)], {})
    run = load_run(tmp_path / "r")
    assert [(sample.id, sample.k) for sample in run.samples] == [("0-0", 0), ("0-0", 1), ("0-1", 0)]
    assert run.state == "complete"
    assert run.manifest["results"]["count"] == 3
    assert run.manifest["results"]["unscored"] == 1
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["manifest.json", "samples.jsonl"]


def test_a_half_written_last_line_is_dropped(tmp_path: Path) -> None:
    """A killed process leaves at most that; the next one goes on behind the last whole line."""
    with RunWriter(tmp_path / "r", MANIFEST) as writer:
        writer.append([result("0-0"), result("0-1")])
    path = tmp_path / "r" / "samples.jsonl"
    path.write_bytes(path.read_bytes()[:-9])
    assert [sample.id for sample in load_run(tmp_path / "r").samples] == ["0-0"]
    with RunWriter(tmp_path / "r", MANIFEST) as writer:
        assert set(writer.done) == {("0-0", 0)}
        writer.append([result("0-1")])
        writer.complete([("0-0", 0), ("0-1", 0)], {})
    assert [sample.id for sample in load_run(tmp_path / "r").samples] == ["0-0", "0-1"]


def test_a_killed_process_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    """The lines are on the disk when `append` returns, even if nothing is closed."""
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from kb.harness.runs import RunWriter\n"
        "from tests.harness.test_runs import MANIFEST, result\n"
        "writer = RunWriter(Path(sys.argv[1]) / 'r', MANIFEST)\n"
        "writer.append([result('0-0')])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[2], check=False
    )
    assert killed.returncode == -9
    with RunWriter(tmp_path / "r", MANIFEST) as writer:  # its lock has gone with it
        assert set(writer.done) == {("0-0", 0)}


def test_a_run_that_never_began_leaves_nothing(tmp_path: Path) -> None:
    """A wrong option is found when the model is loaded; the list of runs does not fill with what failed."""
    with pytest.raises(UsageError), RunWriter(tmp_path / "r", MANIFEST):
        raise UsageError("groups of 48 do not fit")
    assert list(tmp_path.iterdir()) == []
    with RunWriter(tmp_path / "r", MANIFEST) as writer:
        writer.append([result("0-0")])
    with pytest.raises(UsageError), RunWriter(tmp_path / "r", MANIFEST):
        raise UsageError("and again")
    assert len(load_run(tmp_path / "r").samples) == 1


def test_a_complete_run_is_not_overwritten(tmp_path: Path) -> None:
    """Whatever the settings."""
    write_run(tmp_path / "r", {**MANIFEST, "state": "imported"}, [result("0-0")])
    before = (tmp_path / "r" / "samples.jsonl").read_bytes()
    with pytest.raises(UsageError, match="is complete and is not overwritten"):
        RunWriter(tmp_path / "r", MANIFEST)
    assert (tmp_path / "r" / "samples.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"spec": {**MANIFEST["spec"], "seed": 1}}, "spec.seed"),
        ({"model": {"weight_hash": "b"}}, "model.weight_hash"),
        ({"task": {"name": "chain", "version": "2"}}, "task.version"),
        ({"libraries": {"torch": "2.14.0"}}, "libraries.torch"),
    ],
)
def test_a_run_does_not_go_on_with_other_settings(
    tmp_path: Path, change: dict[str, Any], setting: str
) -> None:
    """The message names the setting, what it was and what it is now."""
    with RunWriter(tmp_path / "r", MANIFEST) as writer:
        writer.append([result("0-0")])
    with pytest.raises(UsageError) as caught:
        RunWriter(tmp_path / "r", {**MANIFEST, **change})
    assert caught.value.field == setting
    assert len(load_run(tmp_path / "r").samples) == 1


def test_a_run_goes_on_with_another_batch(tmp_path: Path) -> None:
    """The pace is no setting of the experiment."""
    RunWriter(tmp_path / "r", MANIFEST).__exit__()
    smaller = {**MANIFEST["spec"], "engine": {"name": "transformers", "batch_size": 1}}
    with RunWriter(tmp_path / "r", {**MANIFEST, "spec": smaller}) as writer:
        assert writer.manifest["spec"] == smaller


def test_two_writers_of_one_run_are_kept_apart(tmp_path: Path) -> None:
    """The second is told so; the first goes on."""
    with RunWriter(tmp_path / "r", MANIFEST) as writer:
        with pytest.raises(LockError, match="another process"):
            RunWriter(tmp_path / "r", MANIFEST)
        writer.append([result("0-0")])
    assert len(load_run(tmp_path / "r").samples) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("not json", "is not JSON"),
        ("[]", "is no result"),
        (result("0-0").to_line().replace("-0.5", "NaN"), "NaN is no number"),
        (result("0-0").to_line().replace('"k"', '"j"'), "j"),
        (result("0-1").to_line(), "twice"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    """With file and line: a result is never guessed."""
    write_run(tmp_path / "r", {**MANIFEST, "state": "complete"}, [result("0-1")])
    with (tmp_path / "r" / "samples.jsonl").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(DataError) as caught:
        load_run(tmp_path / "r")
    assert says in str(caught.value)
    assert caught.value.line == 2


def test_results_that_were_edited_are_noticed(tmp_path: Path) -> None:
    """The manifest holds a hash of them: a verdict stands on what was measured."""
    write_run(tmp_path / "r", {**MANIFEST, "state": "complete"}, [result("0-0", score=0.0)])
    path = tmp_path / "r" / "samples.jsonl"
    path.write_text(path.read_text().replace('"score": 0.0', '"score": 1.0'))
    with pytest.raises(DataError, match=r"not the file that manifest\.json was written for"):
        load_run(tmp_path / "r")


def test_runs_are_listed_and_a_broken_one_hides_none(tmp_path: Path) -> None:
    """By id; what cannot be read is named beside them."""
    for name in ("b", "a"):
        write_run(tmp_path / name, {**MANIFEST, "id": name, "state": "complete"}, [result("0-0")])
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "manifest.json").write_text("{")
    found, problems = list_runs(tmp_path)
    assert [run.id for run in found] == ["a", "b"]
    assert len(problems) == 1
    with pytest.raises(UsageError, match="no run here"):
        load_run(tmp_path / "d")


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    """A diff shows only what changed."""
    for name in ("one", "two"):
        write_run(tmp_path / name, {**MANIFEST, "state": "complete"}, [result("0-0"), result("0-1")])
    for file in ("manifest.json", "samples.jsonl"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_manifest_is_sorted_and_takes_a_line_for_what_fits_in_one() -> None:
    """And says what it was given."""
    data = {"b": [1, {"x": None}], "a": {"deep": ["word" * 20, "word" * 20], "é": 1.5}, "empty": []}
    text = dump_manifest(data)
    assert json.loads(text) == data
    assert text.splitlines()[1] == ' "a": {'
    assert ' "b": [1, {"x": null}],' in text.splitlines()
    assert max(map(len, text.splitlines())) < 110


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.example.org/v1#big", "https://api.example.org/v1#big"),
        ("http://127.0.0.1:8000/v1#tiny", "http://server/v1#tiny"),
        ("http://gpu17:8000/v1#tiny", "http://server/v1#tiny"),
        ("http://gpu17.lab.internal/v1#tiny", "http://server/v1#tiny"),
        ("http://[::1]:8000/v1#tiny", "http://server/v1#tiny"),
        ("https://ada:secret@api.example.org/v1#big", "https://server/v1#big"),
    ],
)
def test_no_private_address_gets_into_a_manifest(url: str, kept: str) -> None:
    """A public service is named, since it is the model; a machine of one's own is not."""
    assert portable(url) == kept


def test_no_path_of_a_machine_gets_into_a_manifest() -> None:
    """The last part of an absolute path names a model well enough; relative ones are the knowledge base's own."""
    assert portable({"model": "/home/ada/models/tiny", "file": "data/a.jsonl", "n": [1, "/opt/x/y"]}) == {
        "model": "tiny",
        "file": "data/a.jsonl",
        "n": [1, "y"],
    }
