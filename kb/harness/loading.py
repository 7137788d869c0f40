"""Loading a model into this process: safetensors or GGUF, every weight accounted for, no code of its own."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from logging import ERROR, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kb.errors import DataError, UpstreamError, UsageError
from kb.harness.gguf import read_gguf_header
from kb.harness.memory import is_memory
from kb.harness.weights import read_json

if TYPE_CHECKING:
    from kb.harness.models import ModelRef


@dataclass(frozen=True)
class Loaded:
    """A transformers model and its tokenizer, in this process."""

    model: Any
    tokenizer: Any

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end a completion: the model's generation config says, or else its config, or its tokenizer."""
        for said in (
            getattr(self.model, "generation_config", None),
            self.model.config,
            self.tokenizer,
        ):
            ids = getattr(said, "eos_token_id", None)
            if ids is not None:
                return frozenset(ids if isinstance(ids, (list, tuple)) else [ids])
        return frozenset()

    @property
    def context(self) -> int | None:
        """Tokens that prompt and completion may have together; None if the model does not say."""
        config = self.model.config.get_text_config(decoder=True)
        return getattr(config, "max_position_embeddings", None)

    def encode(self, text: str) -> list[int]:
        """Ids of a prompt. The tokenizer's own special tokens are added, unless the text begins with one already."""
        begin = self.tokenizer.bos_token
        special = not (begin and text.startswith(begin))
        return [int(id) for id in self.tokenizer(text, add_special_tokens=special)["input_ids"]]

    def chat_prompt(self, text: str) -> str:
        """One user message in the model's own chat format, ready for its answer.

        Raises:
            UsageError: the tokenizer has no chat format.
        """
        if not self.tokenizer.chat_template:
            raise UsageError("the model has no chat format", fix="leave chat out of the spec")
        messages = [{"role": "user", "content": text}]
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def load_model(
    ref: ModelRef,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    trust_remote_code: bool = False,
    attention: str | None = None,
) -> Loaded:
    """The model in this process, ready to run or to be quantized.

    Args:
        device, dtype: as torch names them.
        trust_remote_code: run Python code that comes with the model.
        attention: transformers' name of the attention kernel; None is its default.

    Raises:
        UsageError: it cannot be loaded into this process, or not on this device, or wants to run its own code.
        DataError: weights are missing or do not fit the model.
        UpstreamError: transformers reads it wrongly.
    """
    import torch

    if ref.path is None:
        raise UsageError(f"{ref.id} is behind a server, and cannot be loaded here", fix="use engine: openai")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"there is no device {device} here", field="engine.device", fix="use cpu")
    given: dict[str, Any] = {"dtype": getattr(torch, dtype)}
    if attention:
        given["attn_implementation"] = attention
    with _quietly():
        if ref.format == "gguf":
            return _load_gguf(ref, ref.path, device, given)
        return _load_folder(ref, ref.path, device, given, trust_remote_code)


def _load_folder(
    ref: ModelRef, path: Path, device: str, given: dict[str, Any], trust_remote_code: bool
) -> Loaded:
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = read_json(path / "config.json")
    if not trust_remote_code and config.get("auto_map") and config.get("model_type") not in CONFIG_MAPPING:
        raise UsageError(
            f"{ref.id} wants to run Python code of its own", fix="set trust_remote_code: true if you trust it"
        )
    with _one_line(path):
        model, found = AutoModelForCausalLM.from_pretrained(
            path,
            **given,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            ignore_mismatched_sizes=True,  # we refuse them below, with their names
            output_loading_info=True,
        )
        tokenizer = _tokenizer(path, config, trust_remote_code)
    # transformers would fill what is missing with random numbers, and only warn.
    for what, text in (("missing_keys", "is missing"), ("mismatched_keys", "has another shape")):
        if names := sorted(one if isinstance(one, str) else str(one[0]) for one in found.get(what) or ()):
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise DataError(f"the weight {names[0]} {text}{more}", file=path, fix="fetch the model again")
    return Loaded(model.to(device).eval(), tokenizer)


def _tokenizer(path: Path, config: Mapping[str, Any], trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if (path / "tokenizer_config.json").is_file() or not (path / "tokenizer.json").is_file():
        return AutoTokenizer.from_pretrained(path, trust_remote_code=trust_remote_code, local_files_only=True)
    # Nothing but the tokenizer itself: it means what it says, not what others of this architecture do.
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path / "tokenizer.json"))
    for name in ("bos", "eos", "pad"):
        id = config.get(f"{name}_token_id")
        if isinstance(id, int):
            setattr(tokenizer, f"{name}_token", tokenizer.convert_ids_to_tokens(id))
    return tokenizer


def _load_gguf(ref: ModelRef, path: Path, device: str, given: dict[str, Any]) -> Loaded:
    """A GGUF file's weights, unpacked into a plain model of its architecture.

    transformers marks what it reads from GGUF as quantized, and then neither saves nor quantizes it.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer, __version__

    if importlib.util.find_spec("gguf") is None:
        raise UsageError("reading GGUF into transformers needs the package gguf", fix="pip install gguf")
    said = read_gguf_header(path).metadata.get("tokenizer.ggml.eos_token_id")
    with _one_line(path), redirect_stderr(StringIO()):  # a progress bar that no setting turns off
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, **given)
    if said is not None and tokenizer.eos_token_id != said:
        raise UpstreamError(
            f"{ref.id}: transformers {__version__} reads end token {tokenizer.eos_token_id}, the file says {said}",
            fix="pip install 'transformers>=5.23'",
        )
    config = copy.deepcopy(read.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    model = type(read)(config).to(given["dtype"])
    model.load_state_dict(read.state_dict())
    model.generation_config = read.generation_config
    return Loaded(model.to(device).eval(), tokenizer)


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """What transformers says of a folder that it cannot load, as one line."""
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        if is_memory(error):
            raise
        line = next((one.strip() for one in str(error).splitlines() if one.strip()), type(error).__name__)
        raise DataError(f"transformers cannot load it: {line[:200]}", file=path) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' progress bars, and what torchao says of GPU kernels that it does without."""
    for name in ("torchao", "torch.utils._pytree"):
        getLogger(name).setLevel(ERROR)
    from transformers.utils import logging

    was = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was:
            logging.enable_progress_bar()
