"""Engines by name: options, what each can run, and what `kb eval engines` lists."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kb.errors import UsageError
from kb.harness.engines import ENGINES, engine_options, open_engine, support
from kb.harness.engines.openai import OpenAIEngine, OpenAIOptions
from kb.harness.engines.transformers import TransformersEngine, TransformersOptions
from kb.harness.models import Loaded, ModelRef, resolve_model
from kb.harness.types import Decoding, Request
from tests.harness.checkpoints import save_tiny

SERVER = resolve_model("http://127.0.0.1:9/v1#tiny")


def test_options_become_the_engines_own_configuration() -> None:
    assert engine_options({"name": "transformers", "batch_size": 7}) == TransformersOptions(batch_size=7)
    assert engine_options({"name": "openai", "timeout_s": 3.0}) == OpenAIOptions(timeout_s=3.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "vllm"}, "engine: name: 'vllm' is no engine (fix: one of transformers, openai, llamacpp)"),
        ({}, "engine: name: is missing (fix: one of"),
        (
            {"name": "transformers", "batch": 1},
            "engine transformers: batch: is no option of it (fix: its options are:",
        ),
        (
            {"name": "transformers", "batch_size": 0},
            "engine transformers: batch_size: should be greater than",
        ),
        (
            {"name": "transformers", "dtype": "int8"},
            "engine transformers: dtype: should be 'float32', 'bfloat16'",
        ),
        ({"name": "openai", "base_url": "ftp://x"}, "engine openai: base_url: "),
    ],
)
def test_a_wrong_option_is_one_line_with_what_would_be_right(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        engine_options(options)
    assert str(caught.value).startswith(said)


def test_a_server_takes_its_address_from_the_models_name_unless_the_options_say_otherwise() -> None:
    engine = open_engine({"name": "openai"}, SERVER)
    assert isinstance(engine, OpenAIEngine)
    assert (engine.facts()["base_url"], engine.facts()["model"]) == ("http://127.0.0.1:9/v1", "tiny")
    other = open_engine({"name": "openai", "model": "served-as"}, SERVER)
    assert other.facts()["model"] == "served-as"


def test_an_engine_that_cannot_run_or_change_a_model_says_so() -> None:
    with pytest.raises(UsageError, match="tiny is behind a server"):
        open_engine({"name": "transformers"}, SERVER)
    with pytest.raises(UsageError, match=r"llama\.cpp reads GGUF files; tiny is endpoint"):
        open_engine({"name": "llamacpp"}, SERVER)
    with pytest.raises(UsageError, match="the engine openai changes no model"):
        open_engine({"name": "openai"}, SERVER, prepare=print)


def test_a_model_is_prepared_before_the_engine_takes_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    torch.set_num_threads(1)
    ref = resolve_model(str(save_tiny(tmp_path)))

    def answer(prepare: object) -> str:
        engine = open_engine({"name": "transformers"}, ref, prepare=prepare)  # type: ignore[arg-type]
        assert isinstance(engine, TransformersEngine)
        return next(iter(engine.generate([Request(0, "a=1;")], Decoding(max_new_tokens=9))))[1].text

    def flip(loaded: Loaded) -> None:
        with torch.no_grad():
            loaded.model.lm_head.weight.neg_()

    assert answer(None) == answer(lambda loaded: None)
    assert answer(None) != answer(flip)


def test_every_engine_is_listed() -> None:
    rows: Sequence[str] = [row.engine for row in support()]
    assert rows == list(ENGINES)


def test_naming_engines_and_models_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom kb.harness.engines import support, engine_options\nfrom kb.harness.models import resolve_model\n"
        "list(support()); engine_options({'name': 'transformers'}); resolve_model('http://h/v1#m')\n"
        "print([m for m in ('torch', 'transformers', 'llama_cpp', 'tokenizers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_reference_that_is_unknown_names_those_that_are_there() -> None:
    with pytest.raises(UsageError) as caught:
        resolve_model("reference/none")
    assert isinstance(SERVER, ModelRef)
    assert caught.value.fix
