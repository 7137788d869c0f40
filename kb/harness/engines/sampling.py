"""Which token comes next: greedy, or temperature and top-p with draws of each row's own.

A row draws from its own generator, seeded by (seed, prompt, k); one uniform number a token. So what a row draws depends
on neither the batch it is in nor the order of the prompts.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from kb.harness.types import Decoding, Request

if TYPE_CHECKING:
    import torch


def draws_of(request: Request, decoding: Decoding) -> random.Random:
    """The generator of one completion's draws."""
    return random.Random(f"{decoding.seed}/{request.k}/{request.prompt}")  # noqa: S311 - not a secret


def seed_of(request: Request, decoding: Decoding) -> int:
    """A 31-bit seed of one completion, for engines that want a number."""
    return draws_of(request, decoding).randrange(2**31)


def choose(
    logits: torch.Tensor, decoding: Decoding, draws: list[random.Random]
) -> tuple[list[int], list[float], list[bool]]:
    """The next token of each row.

    Args:
        logits: [rows, vocabulary], any float type; computed on in float32.
        draws: a generator a row; not touched by greedy decoding.

    Returns:
        The tokens; their natural-log probabilities under the model itself, before temperature and top-p; and whether
        the row's logits were numbers at all (no NaN, no +inf, not -inf throughout).
    """
    import torch

    logits = logits.float()
    total = logits.logsumexp(-1)
    if decoding.temperature == 0:
        tokens = logits.argmax(-1)
    else:
        uniform = torch.tensor([draw.random() for draw in draws], device=logits.device)
        tokens = _nucleus(logits / decoding.temperature, decoding.top_p, uniform)
    chosen = logits.gather(-1, tokens[:, None]).squeeze(-1) - total
    return tokens.tolist(), chosen.tolist(), total.isfinite().tolist()


def _nucleus(logits: torch.Tensor, top_p: float, uniform: torch.Tensor) -> torch.Tensor:
    """Top-p sampling (Holtzman et al. 2020, arXiv:1904.09751) by inverting the cumulative distribution.

    The smallest set of most probable tokens whose probabilities reach `top_p` is kept; the draw falls among them.
    """
    import torch

    ordered, order = torch.sort(logits.softmax(-1), dim=-1, descending=True, stable=True)
    cumulative = ordered.cumsum(-1)
    kept = (cumulative - ordered < top_p).sum(-1, keepdim=True).clamp(min=1)
    mass = cumulative.gather(-1, kept - 1)
    at = torch.searchsorted(cumulative, uniform[:, None] * mass, right=True).minimum(kept - 1)
    return order.gather(-1, at).squeeze(-1)
