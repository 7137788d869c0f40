"""What comes before what in a Llama-architecture decoder block: where scales and rotations can be moved to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# Models of transformers with these names of modules, whose norms multiply by their weight (Gemma's, by 1 + weight).
MODEL_TYPES = frozenset({"llama", "mistral", "qwen2", "qwen3", "smollm3"})

NORMS = (
    ("input_layernorm", ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")),
    ("post_attention_layernorm", ("mlp.gate_proj", "mlp.up_proj")),
)
LINEARS = (("self_attn.v_proj", ("self_attn.o_proj",)), ("mlp.up_proj", ("mlp.down_proj",)))


def is_llama(model: torch.nn.Module) -> bool:
    config: Any = model.config
    return config.model_type in MODEL_TYPES


def divide_output(source: Any, scales: torch.Tensor) -> None:
    """Make a norm's or a linear layer's outputs smaller by these scales, [output]."""
    weight = source.weight.data
    weight.div_((scales if weight.ndim == 1 else scales[:, None]).to(weight.dtype))
    if getattr(source, "bias", None) is not None:
        source.bias.data.div_(scales.to(source.bias.dtype))
