"""The reference models' tokenizer: one token a character."""

from __future__ import annotations

from string import ascii_lowercase, digits
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNKNOWN = "<pad>", "<bos>", "<eos>", "<unk>"
CHARACTERS = digits + ascii_lowercase + "=+-*:;?#"
TOKENS = (PAD, BOS, EOS, UNKNOWN, *CHARACTERS)
ID = {token: index for index, token in enumerate(TOKENS)}
VOCABULARY = 48
"""Rows of the embedding: TOKENS, filled up to a multiple of 16."""


def encode(text: str) -> list[int]:
    """The ids of a text, without special tokens: what the tokenizer says, without loading it."""
    return [ID[character] for character in text]


def build() -> PreTrainedTokenizerFast:
    """The same as a transformers tokenizer, which puts <bos> in front."""
    from tokenizers import Tokenizer, decoders, models, processors
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE(vocab=ID, merges=[], unk_token=UNKNOWN))
    inner.decoder = decoders.Fuse()
    inner.post_processor = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, ID[BOS])])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token=PAD, bos_token=BOS, eos_token=EOS, unk_token=UNKNOWN
    )
