"""A tiny random Llama, and calibration rows for it, for the tests of the quantizers."""

from __future__ import annotations

from typing import Any

from kb.harness.quant import Calibration

VOCABULARY = 96


def tiny(seed: int = 0, **config: Any) -> Any:
    """2 layers, width 64, 4 heads on 2 key/value heads; channels of uneven size, as trained models have them."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    given: dict[str, Any] = {
        "vocab_size": VOCABULARY, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
        "initializer_range": 0.08, "tie_word_embeddings": False,
        "bos_token_id": None, "eos_token_id": None, "pad_token_id": None,
    }  # fmt: skip
    model = LlamaForCausalLM(LlamaConfig(**(given | config))).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight.copy_(torch.rand_like(weight) * 3 + 0.1)
    return model


def calibration(rows: int = 24, seed: int = 1) -> Calibration:
    """Rows of three lengths."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    lengths = [(12, 20, 30)[at % 3] for at in range(rows)]
    made = [tuple(torch.randint(0, VOCABULARY, (length,), generator=draw).tolist()) for length in lengths]
    return Calibration(made, f"random rows={rows} seed={seed}")


def ids(rows: int = 3, length: int = 17, seed: int = 2) -> Any:
    """Token ids to look at a model with: [rows, length]."""
    import torch

    return torch.randint(0, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(seed))


def logits(model: Any, tokens: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(input_ids=tokens).logits
