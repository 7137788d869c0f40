"""`kb eval` as a person or a script meets it: one short file, one line for every mistake, exit codes, --json."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from kb.cli import main
from kb.cli_eval import eval_
from kb.errors import EXIT_OK, EXIT_PARTIAL, EXIT_USAGE
from tests.harness import test_logs as logs
from tests.harness.tiny import tiny

__all__ = ["tiny"]
REPO = Path(__file__).parents[1]
Kb = Callable[..., tuple[int, str, str]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A knowledge base without anything in it."""
    (tmp_path / "kb.toml").write_text("")
    return tmp_path


@pytest.fixture
def kb(base: Path, capsys: pytest.CaptureFixture[str]) -> Kb:
    def call(*words: str) -> tuple[int, str, str]:
        code = main(["--root", str(base), "eval", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def spec(base: Path) -> Callable[..., str]:
    """Writes a spec and names its file."""

    def write(text: str = "", **changes: Any) -> str:
        fields = {
            "model": "a/model",
            "task": "{name: chain, steps: [2, 4]}",
            "n": 8,
            "decoding": "{max_new_tokens: 16}",
            "engine": "{name: transformers, batch_size: 4, threads: 1}",
            **changes,
        }
        path = base / "spec.yaml"
        path.write_text(
            text or "".join(f"{name}: {value}\n" for name, value in fields.items() if value is not None)
        )
        return str(path)

    return write


def commands(group: click.Group, path: Sequence[str] = ()) -> list[tuple[str, ...]]:
    return [(*path, name) for name in group.commands]


@pytest.mark.parametrize("words", commands(eval_), ids=lambda words: "-".join(words))
def test_every_command_has_help_with_examples(kb: Kb, words: tuple[str, ...]) -> None:
    """And the examples begin as they are typed."""
    code, out, _ = kb(*words, "--help")
    assert code == EXIT_OK
    assert "Examples:" in out
    assert f"kb eval {words[0]}" in out


@pytest.mark.parametrize("name", ["tasks", "quantizers", "engines", "list"])
def test_every_command_that_reads_takes_json(kb: Kb, name: str) -> None:
    """A list of objects; and a table without it."""
    code, out, _ = kb(name, "--json")
    assert code == EXIT_OK
    assert isinstance(json.loads(out), list)
    code, out, _ = kb(name)
    assert code == EXIT_OK
    assert out


def test_the_tables_name_every_part(kb: Kb) -> None:
    """By the word that a spec uses."""
    for name, wanted in (
        ("tasks", {"chain", "gym", "dataset"}),
        ("quantizers", {"rtn", "gptq", "awq", "hqq"}),
        ("engines", {"transformers", "openai", "llamacpp"}),
    ):
        rows = json.loads(kb(name, "--json")[1])
        assert wanted <= {next(iter(row.values())) for row in rows}, name


@pytest.mark.parametrize(
    "words", [["eval", "list"], ["eval", "quantizers"], ["eval", "engines"], ["eval", "--help"]]
)
def test_reading_never_loads_the_heavy_libraries(base: Path, words: list[str]) -> None:
    """Torch takes seconds; a list of runs does not."""
    code = (
        "import sys\n"
        "from kb.cli import main\n"
        f"main(['--root', {str(base)!r}, *{words!r}])\n"
        "print(sorted({'torch', 'transformers', 'scipy', 'ray', 'sklearn'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"n": 0}, "n", "at least 1"),
        ({"n": None}, "n", "is missing"),
        ({"quantiser": "rtn"}, "quantiser", "its options are"),
        ({"quantizer": "{method: rtn, bits: 4, gruop_size: 32}"}, "gruop_size", "its options are"),
        ({"quantizer": "{method: rtn, bits: 1}"}, "quantizer rtn: bits", "should be one of 2, 3"),
        ({"task": "{name: chain, steps: [99]}"}, "task chain: steps", "a chain has"),
        ({"engine": "openai", "kv": "{bits: 4}"}, "kv", "does not hold the model"),
    ],
)
def test_a_wrong_spec_is_one_line(
    kb: Kb, spec: Callable[..., str], base: Path, changes: dict[str, Any], field: str, says: str
) -> None:
    """With file, field and what to do; exit code 2; nothing is made."""
    path = spec(**changes)
    code, out, err = kb("run", path)
    assert code == EXIT_USAGE
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith(f"kb: {path}")
    assert field in err
    assert says in err
    assert not (base / "runs").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model: !!python/object/apply:os.system [ls]\n", "a tag"),
        ("model: reference\nmodel: other\n", "twice"),
        ("model: [reference\n", "not YAML"),
        ("- a\n- b\n", "must hold fields"),
    ],
)
def test_a_spec_that_is_no_safe_yaml_is_one_line(
    kb: Kb, spec: Callable[..., str], text: str, says: str
) -> None:
    """Nothing in it is ever run."""
    code, _, err = kb("run", spec(text))
    assert code == 3
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run"], "what is to be run"),
        (["run", "nowhere.yaml"], "no such spec"),
        (["run", "spec.yaml", "--quick"], "what is to be run"),
        (["run", "spec.yaml", "--n", "5"], "belong to --quick"),
        (["show", "nothing"], "no run nothing"),
        (["reproduce", "nothing"], "no run nothing"),
        (["compare", "nothing", "nothing"], "no run nothing"),
        (["import", "nowhere.json"], "there is no nowhere.json"),
        (["sweep", "nowhere.yaml"], "no such spec"),
    ],
)
def test_a_wrong_call_is_one_line(kb: Kb, words: list[str], says: str) -> None:
    """Exit code 2."""
    code, out, err = kb(*words)
    assert (code, out) == (EXIT_USAGE, "")
    assert says in err
    assert err.count("\n") == 1


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """Where another harness left its log."""
    folder = tmp_path / "logged"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("log_in", "runs", "tokens"),
    [(logs.lm_eval, 3, {None}), (logs.lighteval, 1, {4, 8}), (logs.inspect, 1, {8})],
    ids=["lm-eval", "lighteval", "inspect"],
)
def test_a_log_from_elsewhere_becomes_a_run(
    kb: Kb, logged: Path, log_in: Callable[[Path], Path], runs: int, tokens: set[int | None]
) -> None:
    """Recorded logs: listed, shown with their figures, what they do not state named; the second time nothing is new."""
    if log_in is logs.lighteval:
        pytest.importorskip("pyarrow")
    path = str(log_in(logged))
    code, out, err = kb("import", path)
    assert (code, err) == (EXIT_OK, "")
    assert out.count("not stated: ") == runs
    found = json.loads(kb("list", "--json")[1])
    assert len(found) == runs
    assert {manifest["state"] for manifest in found} == {"imported"}

    sums = next(manifest["id"] for manifest in found if "sums" in manifest["id"])
    shown = json.loads(kb("show", sums, "--samples", "--json")[1])
    overall = shown["summary"]["overall"]
    assert overall["accuracy"]["rate"]["value"] == pytest.approx(2 / 3)
    assert {sample.get("tokens") for sample in shown["samples"]} == tokens
    counted = tokens != {None}
    assert (overall["tokens"]["all"]["mean"]["value"] is not None) == counted
    assert ("results.tokens" in shown["manifest"]["unknown"]) == (not counted)
    assert ("not stated" in kb("show", sums, "--samples")[1].rpartition(" why")[2]) == (not counted)
    assert str(logged) not in json.dumps(shown)

    assert kb("import", path)[0] == EXIT_OK
    assert len(json.loads(kb("list", "--json")[1])) == runs
    code, _, err = kb("reproduce", sums)
    assert code == EXIT_USAGE
    assert "was made elsewhere" in err


def test_imported_runs_are_held_against_each_other(kb: Kb, logged: Path) -> None:
    """Two filters over the same outputs agree; another task is refused in one line."""
    kb("import", str(logs.lm_eval(logged)))
    ids = [manifest["id"] for manifest in json.loads(kb("list", "--json")[1])]
    choice = next(id for id in ids if "choice" in id)
    strict, flexible = (id for id in ids if id != choice)
    code, out, err = kb("compare", strict, flexible, "--json")
    assert (code, err) == (EXIT_OK, "")
    found = json.loads(out)
    assert (found["overall"]["items"], found["unpaired"]) == (3, 0)
    assert found["overall"]["same_output"]["value"] == 1
    assert found["overall"]["reasoning_tokens"]["value"] is None
    assert "reasoning tokens" in kb("compare", strict, flexible)[1]
    code, out, err = kb("compare", strict, choice)
    assert (code, out, err.count("\n")) == (EXIT_USAGE, "", 1)
    assert "were not made alike" in err


@pytest.fixture
def tiny_spec(spec: Callable[..., str], tiny: Path) -> Callable[..., str]:
    """The same for a model that is there."""
    return lambda **changes: spec(model=str(tiny), **changes)


@pytest.mark.slow
def test_from_a_spec_to_a_reproduced_run(
    kb: Kb, tiny_spec: Callable[..., str], base: Path, tiny: Path
) -> None:
    """run, list, show, compare, reproduce: what a person does in their first quarter of an hour."""
    code, out, err = kb("run", tiny_spec())
    assert (code, err) == (EXIT_OK, "")
    assert "full precision" in out
    full = out.split("run ")[-1].strip()
    code, out, _ = kb(
        "run",
        tiny_spec(quantizer="{method: rtn, bits: 2, group_size: 32}", kl="true", baseline=full),
        "--json",
    )
    assert code == EXIT_OK
    made = json.loads(out)
    assert made["manifest"]["spec"]["baseline"] == full
    assert made["summary"]["overall"]["divergence"]["kl"]["value"] > 0

    code, out, err = kb("run", tiny_spec())  # again
    assert code == EXIT_USAGE
    assert "is complete and is not overwritten" in err

    assert [run["id"] for run in json.loads(kb("list", "--json")[1])] == sorted([full, made["id"]])
    code, out, _ = kb("show", made["id"][:-4], "--samples")
    assert code == EXIT_OK
    assert "spec.quantizer.bits" in out
    assert "0-7" in out
    assert len(json.loads(kb("show", full, "--samples", "--json")[1])["samples"]) == 8

    code, out, _ = kb("compare", full, made["id"], "--json")
    assert code == EXIT_OK
    assert json.loads(out)["a"] == full
    assert "right in A" in kb("compare", full, made["id"])[1]

    code, out, _ = kb("reproduce", full, "--model", str(tiny))
    assert code == EXIT_OK
    assert "all 8 completions came out the same" in out

    path = base / "runs" / full / "samples.jsonl"
    path.write_text(path.read_text().replace('"finish": "length"', '"finish": "stop"', 1))
    code, out, err = kb("show", full)
    assert code == 3
    assert "is not the file that manifest.json was written for" in err


@pytest.mark.slow
def test_a_run_of_a_file_is_reproduced_where_the_file_lies_elsewhere(
    kb: Kb, tiny_spec: Callable[..., str], base: Path, tiny: Path, tmp_path: Path
) -> None:
    """A manifest names no folder: without the file one line says how to name it, with it the run comes out the same."""
    rows = "".join(
        json.dumps({"question": f"What is {n} + 1?", "answer": str(n + 1)}) + "\n" for n in range(9)
    )
    there, here = tmp_path / "mine" / "sums.jsonl", tmp_path / "yours" / "sums.jsonl"
    for path in (there, here):
        path.parent.mkdir()
        path.write_text(rows)
    task = f"{{name: dataset, path: {there}, answer_kind: number}}"
    code, out, err = kb("run", tiny_spec(task=task))
    assert (code, err) == (EXIT_OK, "")
    run = out.split("run ")[-1].strip()
    assert str(there.parent) not in (base / "runs" / run / "manifest.json").read_text()
    there.unlink()
    code, _, err = kb("reproduce", run, "--model", str(tiny))
    assert (code, err.count("\n")) == (EXIT_USAGE, 1)
    assert (
        "task.path: was made from sums.jsonl, which is not here (fix: say where it lies: --data FILE)" in err
    )
    code, out, err = kb("reproduce", run, "--model", str(tiny), "--data", str(here))
    assert (code, err) == (EXIT_OK, "")
    assert "all 8 completions came out the same" in out
    assert "setting task" not in out
    here.write_text(rows.replace("3 + 1", "3 + 2"))
    assert kb("reproduce", run, "--model", str(tiny), "--data", str(here))[0] == EXIT_PARTIAL
    code, _, err = kb(
        "reproduce", run, "--model", str(tiny), "--data", str(here), "--calibration-data", str(here)
    )
    assert code == EXIT_USAGE
    assert "--calibration-data: the task dataset was given no such file" in err


@pytest.mark.slow
def test_what_does_not_come_out_the_same_has_an_exit_code(
    kb: Kb, tiny_spec: Callable[..., str], tiny: Path, tmp_path: Path
) -> None:
    """7, and the samples are named."""
    import shutil

    from tests.harness.test_parts import _change_weights

    out = kb("run", tiny_spec())[1]
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    _change_weights(other, lambda name, weight: weight * 1.5)
    code, said, _ = kb("reproduce", out.split("run ")[-1].strip(), "--model", str(other))
    assert code == EXIT_PARTIAL
    assert "sample 0-0" in said
    assert "setting model.weight_hash" in said


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_end(
    kb: Kb, tiny_spec: Callable[..., str], base: Path, tmp_path: Path
) -> None:
    """SIGKILL in the middle; the same command finishes it, and the results are those of an undisturbed run."""
    path = tiny_spec(n=150, engine="{name: transformers, batch_size: 1, threads: 1}")
    words = [sys.executable, "-m", "kb", "--root", str(base), "eval", "run", path]
    process = subprocess.Popen(words, cwd=REPO, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (found := [file for file in base.glob("runs/*/samples.jsonl") if file.stat().st_size]):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()
    kept = found[0].read_bytes().count(b"\n")
    assert 0 < kept < 150
    assert json.loads(kb("list", "--json")[1])[0]["state"] == "running"
    assert kb("run", path)[0] == EXIT_OK
    whole = tmp_path / "whole"
    assert kb("run", path, "--out", str(whole))[0] == EXIT_OK
    assert found[0].read_bytes() == (whole / found[0].parent.name / "samples.jsonl").read_bytes()


@pytest.mark.slow
def test_quick_shows_a_table_and_a_plot(kb: Kb, tiny: Path, tmp_path: Path) -> None:
    """Full precision against 8, 4, 3 and 2 bits, into a folder that needs no knowledge base."""
    out = tmp_path / "elsewhere"
    words = ("run", "--quick", "--out", str(out), "--n", "5", "--model", str(tiny))
    code, said, err = kb(*words)
    assert code == EXIT_OK, err
    for label in ("full precision", "rtn 8 bits", "rtn 4 bits g32", "rtn 3 bits", "rtn 2 bits"):
        assert label in said
    assert "full precision          32.00" in said  # bits of a weight
    pictures = [Path(line.removeprefix("plot: ")) for line in said.splitlines() if line.startswith("plot: ")]
    assert {picture.suffix for picture in pictures} == {".png", ".svg"}
    assert all(picture.stat().st_size > 1000 for picture in pictures)
    assert kb(*words)[0] == EXIT_OK  # again: everything is there already


@pytest.mark.slow
def test_a_sweep_from_a_file(kb: Kb, tiny_spec: Callable[..., str], base: Path) -> None:
    """Cells by number, a script for Slurm, and a cell that fails beside others that do not: exit code 7."""
    grid = tiny_spec(
        quantizer="[none, {method: rtn, bits: 4, group_size: 32}]", seed="[0, 1]", baseline="full"
    )
    script = base / "sweep.sh"
    code, out, _ = kb("sweep", grid, "--slurm", str(script))
    assert code == EXIT_OK
    assert "--cell" in script.read_text()
    assert kb("sweep", grid, "--cell", "0")[0] == EXIT_OK
    assert kb("sweep", grid, "--cell", "4")[0] == EXIT_USAGE
    code, out, _ = kb("sweep", grid, "--json")
    assert code == EXIT_OK
    assert [cell["state"] for cell in json.loads(out)] == ["skipped", "done", "done", "done"]
    grid = tiny_spec(
        quantizer="[none, {method: rtn, bits: 4, group_size: 48}]", seed="[0, 1]", baseline="full"
    )
    code, out, err = kb("sweep", grid)
    assert code == EXIT_PARTIAL
    assert err.count("FAILED") == 2
    assert "does not divide" in err
