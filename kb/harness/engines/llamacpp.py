"""A GGUF file in llama.cpp, through llama-cpp-python (the extra `eval-gguf`), one prompt at a time.

llama.cpp computes with the weights as they are packed in the file. It rounds otherwise than transformers does: never
compare a run of one engine with a run of the other.

The loop and the sampling are ours: llama.cpp only gives logits. So a draw depends on (seed, prompt, k), and
log-probabilities are those of the model, as with the other engines.

Whoever has libllama built already need not compile it: CMAKE_ARGS=-DLLAMA_BUILD=OFF pip install llama-cpp-python, and
LLAMA_CPP_LIB_PATH names its folder. It must be of the commit that llama-cpp-python's changelog names, or near it.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import random
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from kb.errors import DataError, RunStopped, UsageError
from kb.harness.engines.sampling import draws_of
from kb.harness.engines.text import cut_at_stop, joined
from kb.harness.types import Completion, Decoding, Frozen, Request

Logits = NDArray[np.float32]


class LlamaCppOptions(Frozen):
    """How llama.cpp is run.

    Attributes:
        context: tokens of prompt and completion together, no more than the model was trained for; None is as many.
        threads: None is half of the processor's for completions, all for prompts.
        gpu_layers: layers that a GPU computes, where llama.cpp was built for one; -1 is all.
    """

    context: int | None = Field(None, ge=8)
    threads: int | None = Field(None, ge=1)
    gpu_layers: int = Field(0, ge=-1)


class LlamaCppEngine:
    """Completions of a GGUF file.

    Raises:
        UsageError: llama-cpp-python is not installed, or finds no library, or the context is too long for the model.
        DataError: llama.cpp cannot load the file.
    """

    Options: ClassVar = LlamaCppOptions

    def __init__(self, path: Path, options: LlamaCppOptions | None = None) -> None:
        self._options = options or LlamaCppOptions()
        self._library = library = _library()
        try:
            self._llama = library.Llama(
                str(path),
                n_ctx=self._options.context or 0,
                n_threads=self._options.threads,
                n_threads_batch=self._options.threads,
                n_gpu_layers=self._options.gpu_layers,
                verbose=False,
            )
        except (ValueError, RuntimeError) as error:
            raise DataError(f"llama.cpp cannot load it ({str(error)[:120]})", file=path) from None
        trained = library.llama_model_n_ctx_train(self._llama.model)
        if self._options.context is not None and self._options.context > trained:
            self.close()
            raise UsageError(
                f"the model was trained for {trained} tokens", field="engine.context", fix="at most that"
            )
        # llama.cpp rounds it up, to a multiple of 256
        self._context = min(self._options.context or trained, self._llama.n_ctx())
        self._vocabulary = library.llama_model_get_vocab(self._llama.model)

    def close(self) -> None:
        """Let the model go."""
        self._llama.close()

    def facts(self) -> Mapping[str, Any]:
        """See `kb.harness.types.Engine`."""
        system = self._library.llama_print_system_info().decode()
        return {
            "engine": "llamacpp",
            "versions": {
                "llama-cpp-python": metadata.version("llama-cpp-python"),
                "llama.cpp": _llama_version(self._library),
            },
            "kernels": {"llama.cpp": " ".join(system.split())},
            "device": "gpu" if self._options.gpu_layers else "cpu",
            "threads": self._llama.n_threads,
            "context": self._context,
            "kv": "f16",  # llama.cpp's default
            "batch_size": 1,
            "tensor_parallel": 1,
        }

    def generate(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, Completion]]:
        """See `kb.harness.types.Engine`."""
        prompts = [self._encode(request) for request in requests]
        for request, prompt in zip(requests, prompts, strict=True):
            yield request, self._complete(request, prompt, decoding)

    def _encode(self, request: Request) -> list[int]:
        add = self._library.llama_vocab_get_add_bos(self._vocabulary)
        if add:  # a model that wants none may have none
            begin = self.piece(self._llama.token_bos(), special=True).decode(errors="replace")
            add = not (begin and request.prompt.startswith(begin))
        prompt: list[int] = self._llama.tokenize(request.prompt.encode(), add_bos=add, special=True)
        if not prompt:
            raise RunStopped(f"sample {request.index}: the prompt has no tokens")
        if len(prompt) >= self._context:
            raise RunStopped(
                f"sample {request.index}: the prompt has {len(prompt)} tokens, the context {self._context}",
                fix="leave such samples out, or raise engine.context if the model allows it",
            )
        return prompt

    def _complete(self, request: Request, prompt: list[int], decoding: Decoding) -> Completion:
        draw = draws_of(request, decoding)
        budget = min(decoding.max_new_tokens, self._context - len(prompt))
        ids: list[int] = []
        logprobs: list[float] = []
        pieces: list[bytes] = []
        finish = "length"
        self._llama.reset()
        fed = prompt
        while len(ids) < budget:
            try:
                self._llama.eval(fed)
            except RuntimeError as error:
                raise RunStopped(
                    f"sample {request.index}: llama.cpp gave up ({str(error)[:80]})",
                    fix="is there enough memory? else lower engine.context",
                ) from error
            token, logprob = choose_one(self._logits(), decoding, draw)
            if not np.isfinite(logprob):
                raise RunStopped(f"sample {request.index}: the logits of token {len(ids) + 1} are not finite")
            ids.append(token)
            logprobs.append(logprob)
            fed = [token]
            if self._library.llama_vocab_is_eog(self._vocabulary, token):
                finish = "stop"
                pieces.append(b"")
                break
            pieces.append(self.piece(token))
            if (
                decoding.stop
                and cut_at_stop(b"".join(pieces).decode(errors="replace"), decoding.stop) is not None
            ):
                finish = "stop"
                break
        text, offsets = joined(pieces)
        end = cut_at_stop(text, decoding.stop)
        if end is not None:
            text, offsets = text[:end], tuple(min(offset, end) for offset in offsets)
        return Completion(text, len(ids), finish, tuple(ids), tuple(logprobs), offsets)

    def piece(self, token: int, *, special: bool = False) -> bytes:
        """A token's bytes. llama-cpp-python's own `detokenize` gives none for a token of more than 32."""
        size = 32
        while True:
            buffer = ctypes.create_string_buffer(size)
            used = self._library.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, special)
            if used >= 0:
                return buffer.raw[:used]
            size = -used

    def _logits(self) -> Logits:
        """Of the last token, [vocabulary]."""
        pointer = self._library.llama_get_logits_ith(self._llama.ctx, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._llama.n_vocab(),))


def choose_one(logits: Logits, decoding: Decoding, draw: random.Random) -> tuple[int, float]:
    """As `kb.harness.engines.sampling.choose` does for a batch: a token, and its log-probability under the model."""
    shifted = logits - logits.max()
    total = float(np.log(np.exp(shifted).sum()))
    if decoding.temperature == 0:
        token = int(shifted.argmax())
        return token, float(shifted[token]) - total
    weights = np.exp(shifted / decoding.temperature)
    order = np.argsort(-weights, kind="stable")
    cumulative = np.cumsum(weights[order], dtype=np.float64)
    cumulative /= cumulative[-1]
    kept = max(1, int((cumulative - weights[order] / weights.sum() < decoding.top_p).sum()))
    at = min(int(np.searchsorted(cumulative, draw.random() * cumulative[kept - 1], side="right")), kept - 1)
    token = int(order[at])
    return token, float(shifted[token]) - total


def _library() -> Any:
    if importlib.util.find_spec("llama_cpp") is None:
        raise UsageError(
            "the engine llamacpp needs llama-cpp-python",
            fix="pip install 'kb-survey[eval-gguf]' (it compiles llama.cpp, half an hour or more), or run "
            "llama-server and use engine openai",
        )
    try:
        return importlib.import_module("llama_cpp")
    except (FileNotFoundError, RuntimeError, AttributeError, OSError) as error:
        raise UsageError(
            f"llama-cpp-python cannot load its library ({' '.join(str(error).split())[:200]})",
            fix="install it again, or name a folder with the libllama of its version in LLAMA_CPP_LIB_PATH",
        ) from None


def _llama_version(library: Any) -> str:
    """What the library calls itself, where it is new enough to do so; its package may be of another version."""
    said = getattr(library, "llama_version", None)
    return str(said().decode()) if said else "unknown"
