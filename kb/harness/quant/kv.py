"""KV-cache rounding: keys and values at 8, 4 or 2 bits, held as the floating-point numbers that they would unpack to.

A scale for each token ("token"): a token's keys are rounded when they come and never again, whatever the batch.
A scale for each channel over a group of tokens ("channel"), or that for keys and one for each token for values ("kivi":
Liu et al.: KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache, ICML 2024): tokens stay at full precision
until their group is full. Groups count from the row's start, padding included: with these two, left padding, and so the
batch, changes results. Keys are rounded after the rotary embedding. Attention of the prompt sees the rounded prompt, too.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from kb.errors import UsageError
from kb.harness.quant.base import IDENTITY
from kb.harness.quant.grid import fit
from kb.harness.types import Frozen

if TYPE_CHECKING:
    import torch


class KvConfig(Frozen):
    """How keys and values are rounded.

    Attributes:
        bits: of keys and values; 16 is the plain cache.
        group_size: numbers that share a float16 scale: of a token's head ("token"; -1 is the whole head), or tokens
            ("channel", and keys of "kivi"; at least 1).
        symmetric: without zero points.
        axis: "token", "channel" or "kivi".
    """

    bits: Literal[2, 4, 8, 16] = 8
    group_size: int = Field(-1, ge=-1)
    symmetric: bool = False
    axis: Literal["token", "channel", "kivi"] = "token"

    @model_validator(mode="after")
    def _group(self) -> KvConfig:
        if self.group_size == 0 or (self.axis != "token" and self.group_size < 1):
            raise ValueError(f"group_size of axis {self.axis} cannot be {self.group_size}")
        return self

    def cache(self, model_config: Any) -> Any:
        """An empty transformers cache for a model of this configuration, to be given to its forward pass as `cache`.

        Raises:
            UsageError: a head that the groups do not divide; groups of tokens in a sliding window.
        """
        from transformers import DynamicCache

        text = model_config.get_text_config(decoder=True)
        if self.bits == IDENTITY:
            return DynamicCache(config=text)
        width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        if self.axis == "token" and self.group_size > 0 and width % self.group_size:
            raise UsageError(
                f"{self.group_size} does not divide a head's {width} channels", field="kv: group_size"
            )
        made = _rounding_cache()(self, text)
        if self.axis != "token" and any(made.is_sliding):
            raise UsageError("a sliding window has no whole groups of tokens", field="kv: axis", fix="token")
        return made

    def round_tokens(self, states: torch.Tensor) -> torch.Tensor:
        """Each token by itself: keys or values of shape [..., tokens, head width]."""
        size = states.shape[-1] if self.group_size == -1 or self.axis != "token" else self.group_size
        groups = states.float().reshape(*states.shape[:-1], -1, size)
        rounded = fit(groups, self.bits, self.symmetric, scale_bits=16).round(groups)
        return rounded.reshape(states.shape).to(states.dtype)

    def round_channels(self, states: torch.Tensor) -> torch.Tensor:
        """Each channel over groups of tokens, of which there are only whole ones: [..., tokens, head width]."""
        groups = states.float().unflatten(-2, (-1, self.group_size)).transpose(-1, -2)
        rounded = fit(groups, self.bits, self.symmetric, scale_bits=16).round(groups)
        return rounded.transpose(-1, -2).reshape(states.shape).to(states.dtype)

    def effective_bits(self, head_width: int) -> float:
        """Of a cached number, scales and zero points included, in a full group."""
        if self.bits == IDENTITY:
            return float(IDENTITY)
        overhead = 16 + (0 if self.symmetric else self.bits)
        by_token = head_width if self.group_size == -1 or self.axis == "kivi" else self.group_size
        keys = self.bits + overhead / (by_token if self.axis == "token" else self.group_size)
        values = self.bits + overhead / (self.group_size if self.axis == "channel" else by_token)
        return (keys + values) / 2


@cache
def _rounding_cache() -> Any:
    """The class, made when transformers is there."""
    from transformers import DynamicCache

    class RoundingCache(DynamicCache):  # type: ignore[misc]  # transformers is not followed
        def __init__(self, kv: KvConfig, model_config: Any) -> None:
            super().__init__(config=model_config)
            self.kv = kv
            self.full: dict[int, int] = {}  # tokens of a layer that are in whole groups, and rounded

        def update(
            self,
            key_states: torch.Tensor,
            value_states: torch.Tensor,
            layer_idx: int,
            *args: Any,
            **kwargs: Any,
        ) -> tuple[torch.Tensor, torch.Tensor]:
            kv = self.kv
            if kv.axis == "token":
                key_states = kv.round_tokens(key_states)
            if kv.axis != "channel":
                value_states = kv.round_tokens(value_states)
            keys, values = super().update(key_states, value_states, layer_idx, *args, **kwargs)
            if kv.axis != "token":
                self._round_groups(layer_idx, keys, *([values] if kv.axis == "channel" else []))
            return keys, values

        def _round_groups(self, layer_idx: int, *states: torch.Tensor) -> None:
            length = states[0].shape[-2]
            whole = length - length % self.kv.group_size
            start = self.full.get(layer_idx, 0)
            if whole > start:
                for state in states:
                    state[..., start:whole, :] = self.kv.round_channels(state[..., start:whole, :])
            self.full[layer_idx] = whole

        def crop(self, tokens_to_remove: int) -> None:
            super().crop(tokens_to_remove)
            length = self.get_seq_length()
            size = max(1, self.kv.group_size)
            self.full = {at: min(done, length - length % size) for at, done in self.full.items()}

        def reset(self) -> None:
            super().reset()
            self.full = {}

    return RoundingCache
