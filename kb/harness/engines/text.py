"""From generated ids to text: where each token starts, and where a stop text ends it."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Sequence
from typing import Any


class Detokenizer:
    """Text of ids, with the offset of each token.

    Args:
        tokenizer: a transformers tokenizer.

    The text is `tokenizer.decode(ids, skip_special_tokens=True)`, with no cleaning up of spaces.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._pieces: dict[int, str] = {}

    def text(self, ids: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        )

    def text_and_offsets(self, ids: Sequence[int]) -> tuple[str, tuple[int, ...]]:
        """The text, and for each id the character at which it starts.

        A token that ends in the middle of a character starts where that character does.
        """
        text = self.text(ids)
        pieces = [self._piece(id) for id in ids]
        if "".join(pieces) == text:  # true of most tokenizers and texts, and fast
            return text, _starts(pieces)
        return text, self._by_growing(ids, len(text))

    def _piece(self, id: int) -> str:
        if id not in self._pieces:
            self._pieces[id] = self.text([id])
        return self._pieces[id]

    def _by_growing(self, ids: Sequence[int], length: int) -> tuple[int, ...]:
        """Each token's text as what it adds to a short window before it, where a token alone reads otherwise.

        A window that ends in U+FFFD has a character begun and not finished: the next token joins it.
        """
        offsets = []
        at = start = read = 0
        for end in range(1, len(ids) + 1):
            offsets.append(min(at, length))
            before, now = self.text(ids[start:read]), self.text(ids[start:end])
            if len(now) > len(before) and not now.endswith("\ufffd"):
                at += len(now) - len(before)
                start, read = read, end
        return tuple(offsets)


def cut_at_stop(text: str, stop: Sequence[str]) -> int | None:
    """Where the earliest stop text begins in `text`; None if there is none."""
    found = [at for at in (text.find(one) for one in stop) if at >= 0]
    return min(found, default=None)


def _starts(pieces: Sequence[str]) -> tuple[int, ...]:
    starts, at = [], 0
    for piece in pieces:
        starts.append(at)
        at += len(piece)
    return tuple(starts)


def joined(pieces: Sequence[bytes]) -> tuple[str, tuple[int, ...]]:
    """The text of tokens' bytes, and the character at which each begins, or in which it lies."""
    decoder = getincrementaldecoder("utf-8")(errors="replace")
    texts, offsets, at = [], [], 0
    for piece in pieces:
        offsets.append(at)
        texts.append(decoder.decode(piece))
        at += len(texts[-1])
    return "".join([*texts, decoder.decode(b"", final=True)]), tuple(offsets)
