"""Tiny models with random weights and a tokenizer of their own, as checkpoints on disk."""

from __future__ import annotations

import json
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Any

SIGNS = ascii_lowercase + digits + "=+-*;?# "
END = 0


def save_tokenizer(folder: Path) -> None:
    """A token a character; 0 ends, 1 begins, 2 is unknown."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    words = {word: at for at, word in enumerate(["<end>", "<begin>", "<unknown>", *SIGNS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(["<end>", "<begin>", "<unknown>"])
    tokenizer.save(str(folder / "tokenizer.json"))


def save_bytes_tokenizer(folder: Path) -> None:
    """A token a byte, so that a character may take several tokens; then the end."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {letter: at for at, letter in enumerate(letters)}
    tokenizer = Tokenizer(models.BPE(words, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<end>"])
    tokenizer.save(str(folder / "tokenizer.json"))


def save_tiny(folder: Path, seed: int = 0, **config: Any) -> Path:
    """A Llama of 2 layers, 4 heads on 2 key/value heads, context 256, whose logits are far apart."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(folder)
    torch.manual_seed(seed)
    given: dict[str, Any] = {
        "vocab_size": 3 + len(SIGNS), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
        "initializer_range": 0.5, "eos_token_id": END, "bos_token_id": 1, "pad_token_id": END,
        "tie_word_embeddings": False,
    }  # fmt: skip
    model = LlamaForCausalLM(LlamaConfig(**(given | config)))
    model.save_pretrained(folder)
    return folder


def change_config(folder: Path, **fields: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
