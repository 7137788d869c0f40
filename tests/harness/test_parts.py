"""Runs of a real model, end to end: the same results each time, and one clear line for what cannot be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from kb.errors import DataError, KbError, RunStopped, UpstreamError, UsageError
from kb.harness.parts import RealParts
from kb.harness.reproduce import reproduce
from kb.harness.run import run
from kb.harness.runs import Run, load_run
from kb.harness.spec import RunSpec, parse_spec
from kb.harness.tasks.chain import ChainTask
from tests.harness.tiny import tiny
from tests.servers import base
from tests.servers.base import running
from tests.servers.completions import CompletionsServer

__all__ = ["tiny"]
pytestmark = pytest.mark.slow

Spec = Callable[..., RunSpec]


@pytest.fixture
def spec(tiny: Path) -> Spec:
    def make(**changes: Any) -> RunSpec:
        return parse_spec(
            {
                "model": str(tiny),
                "task": {"name": "chain", "steps": [2, 5]},
                "n": 12,
                "decoding": {"max_new_tokens": 24},
                "engine": {"name": "transformers", "batch_size": 4, "threads": 1},
                **changes,
            }
        )

    return make


def exact(made: Run) -> list[dict[str, Any]]:
    """Results without what floating point may change in the last digits."""
    numbers = {"logprob", "answer_logprob", "kl"}
    return [{k: v for k, v in json.loads(s.to_line()).items() if k not in numbers} for s in made.samples]


def test_the_same_spec_gives_the_same_results(spec: Spec, tmp_path: Path) -> None:
    """Byte for byte, on the same machine."""
    wanted = spec(quantizer={"method": "rtn", "bits": 4, "group_size": 32}, kl=True)
    made = [run(wanted, tmp_path / name) for name in ("one", "two")]
    assert made[0].samples == made[1].samples
    assert {**made[0].manifest, "measured": None} == {**made[1].manifest, "measured": None}
    assert len({sample.output for sample in made[0].samples}) > 6  # it does say something


@pytest.mark.parametrize("kv", [None, {"bits": 4}], ids=["plain", "kv4"])
def test_another_batch_gives_the_same_results(spec: Spec, tmp_path: Path, kv: Any) -> None:
    """Outputs and scores are the same; log-probabilities to four decimals."""
    made = [
        run(
            spec(kv=kv, engine={"name": "transformers", "batch_size": size, "threads": 1}),
            tmp_path / str(size),
        )
        for size in (1, 3, 12)
    ]
    for other in made[1:]:
        assert exact(other) == exact(made[0])
        for a, b in zip(made[0].samples, other.samples, strict=True):
            assert a.logprob == pytest.approx(b.logprob, abs=1e-3)
    assert made[0].id == made[2].id


def test_sampling_does_not_depend_on_the_batch(spec: Spec, tmp_path: Path) -> None:
    """Completion k of a prompt is the same beside whatever others."""
    decoding = {"max_new_tokens": 24, "temperature": 1.0, "samples_per_item": 2, "seed": 5}
    made = [
        run(
            spec(decoding=decoding, engine={"name": "transformers", "batch_size": size, "threads": 1}),
            tmp_path / str(size),
        )
        for size in (1, 24)
    ]
    assert exact(made[0]) == exact(made[1])
    first, second = made[0].samples[:2]
    assert first.id == second.id
    assert first.output != second.output


def test_the_manifest_says_what_was_done_and_by_what(spec: Spec, tmp_path: Path) -> None:
    """Layers, bits and size; text of the calibration; kernels and versions; no path of this machine."""
    made = run(
        spec(quantizer={"method": "gptq", "bits": 4, "group_size": 32}, calibration={"n": 8}), tmp_path
    )
    manifest = made.manifest
    assert manifest["model"]["weight_hash"]
    assert len(manifest["quantization"]["layers"]) == 14
    assert manifest["quantization"]["fake"] is True
    assert manifest["quantization"]["effective_bits"] == pytest.approx(4.5, abs=0.6)
    assert manifest["calibration"]["n"] == 8
    assert manifest["engine"]["batch_size"] == 4
    assert manifest["engine"]["threads"] == 1
    assert manifest["libraries"]["torch"]
    assert manifest["spec"]["quantizer"]["method"] == "gptq"
    text = (tmp_path / made.id / "manifest.json").read_text()
    assert str(tmp_path.parent) not in text
    assert made.id.startswith("tiny-gptq4g32-chain-n12-s0-")


def test_fewer_bits_diverge_more(spec: Spec, tmp_path: Path) -> None:
    """KL from full precision at 8, 4 and 2 bits, and outputs are held against the baseline's."""
    full = run(spec(), tmp_path)
    mean = []
    for bits in (8, 4, 2):
        made = run(
            spec(quantizer={"method": "rtn", "bits": bits, "group_size": 32}, kl=True, baseline=full.id),
            tmp_path,
        )
        mean.append(sum(sample.kl or 0 for sample in made.samples) / len(made.samples))
    assert 0 < mean[0] < mean[1] < mean[2]
    assert sum(sample.differs_at is not None for sample in made.samples) > 6
    for sample, other in zip(made.samples, full.samples, strict=True):
        assert (sample.differs_at is None) == (sample.output == other.output)


def test_a_run_is_reproduced_from_its_manifest(spec: Spec, tmp_path: Path, tiny: Path) -> None:
    """The model's place on this machine is all that it does not say."""
    made = run(spec(quantizer={"method": "rtn", "bits": 3, "group_size": -1}), tmp_path)
    found = reproduce(made.id, tmp_path, model=str(tiny))
    assert found.same
    assert found.samples == 12
    assert found.settings == ()


def test_what_does_not_come_out_the_same_is_named(spec: Spec, tmp_path: Path, tiny: Path) -> None:
    """Sample and field, and that the weights are others."""
    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    made = run(spec(), tmp_path)
    _change_weights(other, lambda name, weight: weight * 1.5 if "lm_head" not in name else weight)
    found = reproduce(made.id, tmp_path, model=str(other))
    assert not found.same
    assert {one.field for one in found.differences} >= {"output", "output_hash"}
    assert "model.weight_hash" in {name for name, _, _ in found.settings}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"quantizer": {"method": "rtn", "bits": 4, "grup_size": 32}}, "grup_size"),
        ({"quantizer": {"method": "rtn", "bits": 1}}, "bits"),
        ({"quantizer": {"method": "nf4", "bits": 3}}, "bits"),
        ({"quantizer": {"method": "quant"}}, "quant"),
        ({"quantizer": {"method": "rtn", "bits": 4, "group_size": 48}}, "does not divide"),
        ({"quantizer": {"method": "rtn", "bits": 4}, "calibration": {"n": 4}}, "looks at no text"),
        ({"kv": {"bits": 3}}, "kv"),
        ({"task": {"name": "chain", "step": [2]}}, "step"),
        ({"task": "sudoku"}, "sudoku"),
        ({"engine": {"name": "transformers", "batch": 4}}, "batch"),
        ({"engine": "vroom"}, "vroom"),
        ({"chat": True}, "chat"),
        ({"model": "no/such/folder/here"}, "no/such"),
    ],
)
def test_what_a_part_cannot_do_is_one_line(spec: Spec, tmp_path: Path, change: Any, says: str) -> None:
    """Before a single sample is spent; nothing that looks like a result is left."""
    with pytest.raises(UsageError) as caught:
        run(spec(**change), tmp_path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_missing_weights_are_one_line(spec: Spec, tmp_path: Path, tiny: Path) -> None:
    """Neither random numbers in their place nor a page of library output."""
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    _change_weights(folder, lambda name, weight: None if "down_proj" in name else weight)
    with pytest.raises(DataError, match="down_proj"):
        run(spec(model=str(folder)), tmp_path / "runs")
    (folder / "model.safetensors").unlink()
    with pytest.raises(KbError, match="safetensors"):
        run(spec(model=str(folder)), tmp_path / "runs2")


def test_pickled_weights_are_refused(spec: Spec, tmp_path: Path, tiny: Path) -> None:
    """Reading one can run any program."""
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(DataError, match=r"pickle|\.bin"):
        run(spec(model=str(folder)), tmp_path / "runs")


def test_weights_that_are_no_numbers_stop_the_run(spec: Spec, tmp_path: Path, tiny: Path) -> None:
    """A broken model is not scored as a bad one."""
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    _change_weights(
        folder, lambda name, weight: weight * float("nan") if "layers.1.mlp.up" in name else weight
    )
    for quantizer in ("none", {"method": "rtn", "bits": 4, "group_size": 32}):
        with pytest.raises(RunStopped, match="finite"):
            run(spec(model=str(folder), quantizer=quantizer), tmp_path / "runs")


def test_a_prompt_longer_than_the_context_is_one_line(spec: Spec, tmp_path: Path, tiny: Path) -> None:
    """And names the sample and both lengths."""
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 24}))
    with pytest.raises(RunStopped, match=r"sample \d+: the prompt has \d+ tokens, the model's context 24"):
        run(spec(model=str(folder)), tmp_path / "runs")


def test_completing_a_spec_twice_changes_nothing(spec: Spec) -> None:
    """An id is that of the spec with all its defaults, whoever wrote them out."""
    parts = RealParts()
    for changes in (
        {},
        {"quantizer": "gptq", "kv": {"bits": 8}},
        {"quantizer": {"method": "rtn", "bits": 4, "layers": [{"match": "mlp", "bits": 8}]}},
        {"task": "gym"},
    ):
        once = parts.complete(spec(**changes))
        assert parts.complete(once) == once
        assert parse_spec(once.to_data()) == once


def _change_weights(folder: Path, change: Callable[[str, Any], Any]) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = {name: change(name, weight) for name, weight in load_file(path).items()}
    save_file(
        {name: weight for name, weight in weights.items() if weight is not None},
        path,
        metadata={"format": "pt"},
    )


def test_a_server_that_dies_midway_costs_nothing(tmp_path: Path) -> None:
    """Its answers are kept, and the same spec asks it only for the rest once it is back."""
    task = ChainTask(steps=(2,))
    gold = {sample.prompt: sample for sample in task.samples(10, 0)}

    def reply(asked: dict[str, Any]) -> str:
        return gold[asked["prompt"]].solution or ""

    with running(CompletionsServer(reply)) as server:
        wanted = parse_spec(
            {
                "model": f"{server.url}/v1#tiny",
                "task": {"name": "chain", "steps": [2]},
                "n": 10,
                "decoding": {"max_new_tokens": 60},
                "engine": {"name": "openai", "concurrency": 1, "tries": 1, "backoff_s": 0.0},
            }
        )
        server.faults = [None] * 5  # what serves it, and four samples
        server.always = base.reset
        with pytest.raises(UpstreamError):
            run(wanted, tmp_path)
        folder = next(tmp_path.iterdir())
        assert len(load_run(folder).samples) == 4
        server.always = None
        server.requests.clear()
        made = run(wanted, tmp_path)
        assert sum(request.path == "/v1/completions" for request in server.requests) == 6
    assert [sample.score for sample in made.samples] == [1.0] * 10
    assert made.manifest["model"]["id"] == "tiny"
    assert "127.0.0.1" not in (folder / "manifest.json").read_text()
    assert all(sample.answer_logprob is not None for sample in made.samples)
