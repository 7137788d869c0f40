"""A transformers model in this process: batched decoding with a loop of our own.

Prompts are taken longest first, so that a memory that does not suffice shows at once; they are read without padding, in
groups of one length; and a row that is done makes place for the next prompt (`kb.harness.engines.batching`).

Does the batch change what is answered? Never through padding or draws: there is no padding, and a row's draws are its
own. But matrix products of another height round otherwise in the last bit, and where two tokens are equally likely but
for that bit, greedy decoding goes another way. So a batch of one settles it, and the manifest keeps the batch size.
`benchmarks/eval_engine.py` counts such answers: in float32, of 48 of a random model of 6 layers, none differed from those
of a batch of one with batches of 2, 8 and 16. Models whose choices are closer will have some.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from kb.errors import RunStopped
from kb.harness.engines.batching import cache_argument, make_rows
from kb.harness.engines.sampling import choose, draws_of
from kb.harness.engines.text import Detokenizer, cut_at_stop
from kb.harness.memory import memory_counts
from kb.harness.types import Completion, Decoding, Frozen, Request

if TYPE_CHECKING:
    import torch

    from kb.harness.models import Loaded

_MOST_PREFILL_TOKENS = 16384  # of one pass over prompts
_MOST_LOGITS = 1 << 27  # numbers of one pass of `logprobs`: half a GiB in float32


class TransformersOptions(Frozen):
    """How the model is run.

    Attributes:
        batch_size: rows that are decoded together.
        dtype: of weights and activations.
        device: as torch writes it: cpu, cuda, cuda:1.
        threads: of torch's operators on a processor; None leaves torch's own choice.
        attention: transformers' name of the attention kernel: sdpa, eager, flash_attention_2; None is its default.
    """

    batch_size: int = Field(32, ge=1)
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = Field("cpu", pattern=r"^[a-z]+(:\d+)?$")
    threads: int | None = Field(None, ge=1)
    attention: str | None = None


@dataclass
class _Row:
    """One completion under way."""

    request: Request
    prompt: list[int]
    budget: int
    draw: random.Random
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: str = ""


class TransformersEngine:
    """Completions of a loaded model.

    Args:
        loaded: model and tokenizer; quantized already, if they are to be.
        kv: `kb.harness.quant.kv.KvConfig`, or anything with `cache(config)` that gives a transformers cache, and
            `model_dump()`. With it a batch takes prompts of one length only, and shrinks as they are done.
    """

    Options: ClassVar = TransformersOptions

    def __init__(self, loaded: Loaded, options: TransformersOptions | None = None, kv: Any = None) -> None:
        import torch

        self._options = options or TransformersOptions()
        if self._options.threads:
            torch.set_num_threads(self._options.threads)
        self._model = loaded.model.eval()
        self._loaded = loaded
        self._kv = kv
        self._detokenizer = Detokenizer(loaded.tokenizer)

    def close(self) -> None:
        """Let the model go."""
        self._model = None

    def facts(self) -> Mapping[str, Any]:
        """See `kb.harness.types.Engine`."""
        import torch

        config, device = self._model.config, self._model.device
        kernels = {"attention": config._attn_implementation, "matmul": torch.get_float32_matmul_precision()}
        if device.type == "cuda":
            kernels["cuda"] = str(torch.version.cuda)
            kernels["tf32"] = str(torch.backends.cuda.matmul.allow_tf32)
            name = torch.cuda.get_device_name(device)
        else:
            kernels["cpu"] = torch.backends.cpu.get_cpu_capability()
            name = device.type
        return {
            "engine": "transformers",
            "versions": {one: metadata.version(one) for one in ("torch", "transformers", "tokenizers")},
            "kernels": kernels,
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": name,
            "threads": torch.get_num_threads(),
            "batch_size": self._options.batch_size,
            "tensor_parallel": 1,
            "kv": self._kv.model_dump(mode="json") if self._kv is not None else None,
        }

    def generate(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, Completion]]:
        """See `kb.harness.types.Engine`. All prompts are measured against the context before the first is read."""
        waiting = deque(self._rows(requests, decoding))
        new_cache = (lambda: self._kv.cache(self._model.config)) if self._kv is not None else None
        batch = make_rows(self._model, self._options.batch_size, new_cache)
        running: list[_Row] = []
        while waiting or running:
            for group in self._admitted(waiting, len(running), batch.refills):
                with self._naming(group):
                    logits = batch.prefill([row.prompt for row in group])
                    self._extend(group, logits, decoding)
                running += group
            done = [at for at, row in enumerate(running) if row.finish]
            if done:
                for at in done:
                    yield running[at].request, self._completion(running[at], decoding)
                running = [running[at] for at in batch.drop(done)]
            else:
                with self._naming(running):
                    self._extend(running, batch.step([row.ids[-1] for row in running]), decoding)

    def _rows(self, requests: Sequence[Request], decoding: Decoding) -> list[_Row]:
        context = self._loaded.context
        rows = []
        for request in requests:
            prompt = self._loaded.encode(request.prompt)
            if not prompt:
                raise RunStopped(f"sample {request.index}: the prompt has no tokens")
            if context is not None and len(prompt) >= context:
                raise RunStopped(
                    f"sample {request.index}: the prompt has {len(prompt)} tokens, the model's context {context}",
                    fix="leave such samples out, or take a model with a longer context",
                )
            budget = min(
                decoding.max_new_tokens, context - len(prompt) if context else decoding.max_new_tokens
            )
            rows.append(_Row(request, prompt, budget, draws_of(request, decoding)))
        return sorted(rows, key=lambda row: (-len(row.prompt), row.prompt, row.request.k, row.request.index))

    def _admitted(self, waiting: deque[_Row], running: int, refills: bool) -> Iterator[list[_Row]]:
        """Groups of one length to read next. A few places are left free for a while: reading one by one is slow."""
        size = self._options.batch_size
        free = size - running
        if running and (not refills or free < max(1, size // 8)):
            return
        while waiting and free:
            length = len(waiting[0].prompt)
            most = min(free, max(1, _MOST_PREFILL_TOKENS // length))
            group: list[_Row] = []
            while waiting and len(group) < most and len(waiting[0].prompt) == length:
                group.append(waiting.popleft())
            free -= len(group)
            yield group
            if not refills:
                return

    def _extend(self, rows: Sequence[_Row], logits: torch.Tensor, decoding: Decoding) -> None:
        tokens, logprobs, numbers = choose(logits, decoding, [row.draw for row in rows])
        for row, token, logprob, fine in zip(rows, tokens, logprobs, numbers, strict=True):
            if not fine:
                raise RunStopped(
                    f"sample {row.request.index}: the logits of token {len(row.ids) + 1} are not finite",
                    fix="use dtype float32, or a gentler quantizer",
                )
            row.ids.append(token)
            row.logprobs.append(logprob)
            if token in self._loaded.end_ids or self._stops(row, decoding.stop):
                row.finish = "stop"
            elif len(row.ids) >= row.budget:
                row.finish = "length"

    def _stops(self, row: _Row, stop: Sequence[str]) -> bool:
        """Whether a stop text is complete. Looks at as many tokens as it can have: each has a byte at least."""
        if not stop:
            return False
        most = max(len(one.encode()) for one in stop) + 4
        if cut_at_stop(self._detokenizer.text(row.ids[-most:]), stop) is None:
            return False
        return cut_at_stop(self._detokenizer.text(row.ids), stop) is not None

    def _completion(self, row: _Row, decoding: Decoding) -> Completion:
        ids = row.ids[:-1] if row.ids[-1] in self._loaded.end_ids else row.ids
        text, offsets = self._detokenizer.text_and_offsets(ids)
        if len(ids) < len(row.ids):
            offsets += (len(text),)
        end = cut_at_stop(text, decoding.stop)
        if end is not None:
            text, offsets = text[:end], tuple(min(offset, end) for offset in offsets)
        return Completion(text, len(row.ids), row.finish, tuple(row.ids), tuple(row.logprobs), offsets)

    def _naming(self, rows: Sequence[_Row]) -> AbstractContextManager[None]:
        """Says which sample did not fit into memory."""
        return self._memory(
            f"sample {rows[0].request.index}: out of memory with {len(rows)} rows of about "
            f"{len(rows[0].prompt) + len(rows[0].ids)} tokens"
        )

    def _memory(self, what: str) -> AbstractContextManager[None]:
        return memory_counts(what, f"lower engine.batch_size ({self._options.batch_size})")

    def logprobs(
        self, rows: Sequence[tuple[Sequence[int], Sequence[int]]]
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """What the model thinks of every token of given completions (teacher forcing).

        Args:
            rows: ids of (prompt, completion); neither may be empty.

        Yields:
            The number of a row, and natural-log probabilities [tokens of its completion, vocabulary], float32 on the
            processor. In an order of its own, but the same for any model that is asked about the same rows.
        """
        import torch

        model, vocabulary = self._model, self._model.config.get_text_config(decoder=True).vocab_size

        def length(at: int) -> int:
            return sum(map(len, rows[at]))

        order = deque(sorted(range(len(rows)), key=lambda at: (-length(at), at)))
        while order:
            longest = length(order[0])
            most = max(1, min(self._options.batch_size, _MOST_LOGITS // (longest * vocabulary)))
            batch = [order.popleft()]
            while order and len(batch) < most and (self._kv is None or length(order[0]) == longest):
                batch.append(order.popleft())
            # Padding is on the right, where causal attention never looks back from: no mask. A cache that rounds groups
            # of tokens would round padding into them: with one, rows of one length only.
            ids = [[*rows[at][0], *rows[at][1]] for at in batch]
            given: dict[str, Any] = {
                "input_ids": torch.tensor(
                    [one + [0] * (longest - len(one)) for one in ids], device=model.device
                )
            }
            if self._kv is not None:
                given |= {"use_cache": True, cache_argument(model): self._kv.cache(model.config)}
            else:
                given["use_cache"] = False
            kept = longest - min(len(rows[at][0]) for at in batch) + 1
            with self._memory(f"out of memory with {len(batch)} rows of {longest} tokens"), torch.no_grad():
                logits = model(**given, logits_to_keep=kept).logits
            for at, row in zip(batch, logits, strict=True):
                first = len(rows[at][0]) - 1 - (longest - row.shape[0])
                yield at, row[first : first + len(rows[at][1])].float().log_softmax(-1).cpu()


def divergence(
    reference: TransformersEngine,
    other: TransformersEngine,
    rows: Sequence[tuple[Sequence[int], Sequence[int]]],
) -> list[float]:
    """For each (prompt, completion): mean over the completion's tokens of KL(reference || other), in nats.

    Raises:
        RunStopped: one of the two gives numbers that are not finite: broken, not as good as the other.
    """
    found = [0.0] * len(rows)
    for (at, p), (same, q) in zip(reference.logprobs(rows), other.logprobs(rows), strict=True):
        if at != same:
            raise ValueError("two engines with one batch size: they go through the rows in one order")
        # What the reference holds impossible adds nothing: 0 log 0 is 0. NaN of any other origin stays.
        found[at] = float((p.exp() * (p - q)).masked_fill(p == -float("inf"), 0.0).sum(-1).mean())
        if not math.isfinite(found[at]):
            raise RunStopped(
                f"the divergence from full precision is {found[at]} on solution {at + 1} of {len(rows)}",
                field="kl",
                fix="take more bits, another dtype, or another method",
            )
    return found
