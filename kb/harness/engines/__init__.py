"""Engines: what turns prompts into completions. `ENGINES` is all of them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from kb.errors import UsageError
from kb.harness.engines.llamacpp import LlamaCppEngine, LlamaCppOptions
from kb.harness.engines.openai import OpenAIEngine, OpenAIOptions
from kb.harness.engines.transformers import TransformersEngine, TransformersOptions
from kb.harness.types import Engine, Frozen, parse_options

if TYPE_CHECKING:
    from kb.harness.loading import Loaded
    from kb.harness.models import ModelRef

__all__ = ["ENGINES", "Support", "engine_options", "open_engine", "support"]

ENGINES: dict[str, type[TransformersEngine] | type[OpenAIEngine] | type[LlamaCppEngine]] = {
    "transformers": TransformersEngine,
    "openai": OpenAIEngine,
    "llamacpp": LlamaCppEngine,
}


def engine_options(options: Mapping[str, Any]) -> Frozen:
    """The configuration of options such as ``{"name": "transformers", "batch_size": 64}``.

    Raises:
        UsageError: an unknown engine, an unknown option, or a value out of range.
    """
    rest = dict(options)
    name = rest.pop("name", None)
    if name not in ENGINES:
        raise UsageError(
            f"{name!r} is no engine" if name else "is missing",
            field="engine: name",
            fix=f"one of {', '.join(ENGINES)}",
        )
    return parse_options(ENGINES[name].Options, rest, f"engine {name}")


def open_engine(
    options: Mapping[str, Any],
    ref: ModelRef,
    *,
    kv: Any = None,
    prepare: Callable[[Loaded], object] | None = None,
    trust_remote_code: bool = False,
) -> Engine:
    """The engine of these options, with the model in it.

    Args:
        kv: `kb.harness.quant.KvConfig`; the transformers engine only.
        prepare: called with the loaded model before the engine takes it, to quantize it; transformers only.

    Raises:
        UsageError: the engine cannot run this model, or does not hold it itself and is to change it.
    """
    found = engine_options(options)
    if isinstance(found, TransformersOptions):
        from kb.harness.loading import load_model

        loaded = load_model(
            ref,
            device=found.device,
            dtype=found.dtype,
            attention=found.attention,
            trust_remote_code=trust_remote_code,
        )
        if prepare is not None:
            prepare(loaded)
        return TransformersEngine(loaded, found, kv)
    if kv is not None or prepare is not None:
        raise UsageError(f"the engine {options['name']} changes no model", fix="use engine transformers")
    if isinstance(found, OpenAIOptions):
        return OpenAIEngine(found.at(ref))
    assert isinstance(found, LlamaCppOptions)  # noqa: S101 - for the types; ENGINES says so
    if ref.format != "gguf" or ref.path is None:
        raise UsageError(f"llama.cpp reads GGUF files; {ref.id} is {ref.format}", field="engine: name")
    return LlamaCppEngine(ref.path, found)


@dataclass(frozen=True)
class Support:
    """A row of `kb eval engines`.

    Attributes:
        models: what it runs.
        library: name and version, or "not installed".
        batched: how it takes several prompts at a time.
        logprobs: of the generated tokens.
        note: what else is to be said.
    """

    engine: str
    models: str
    library: str
    batched: str
    logprobs: str
    note: str


def support() -> Iterator[Support]:
    """What each engine needs, and whether that is installed here. Nothing heavy is imported."""
    yield Support(
        "transformers",
        "safetensors, GGUF (unpacked)",
        _library("transformers"),
        "continuous",
        "yes",
        "CPU or GPU (not tried on one); the only one that quantizes",
    )
    yield Support(
        "openai",
        "http://host:port/v1#name",
        _library("httpx2"),
        "by the server",
        "where the server gives them",
        "llama.cpp's server: proved on it; vLLM, SGLang: on a stand-in that answers as they do",
    )
    yield Support(
        "llamacpp",
        "GGUF",
        _library("llama-cpp-python", "llama_cpp"),
        "no",
        "yes",
        "extra eval-gguf, which compiles llama.cpp (half an hour or more); proved on 0.3.36",
    )


def _library(name: str, module: str | None = None) -> str:
    if importlib.util.find_spec(module or name) is None:
        return f"{name} not installed"
    return f"{name} {metadata.version(name)}"
