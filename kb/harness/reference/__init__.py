"""The models that come with kb: small Llama-architecture reasoners, trained here on chained arithmetic.

`train` makes one from nothing but a seed; `seed0`, `seed1` and `seed2` hold the three that are shipped, with their training curves.
"""

from __future__ import annotations

from pathlib import Path

SEEDS = (0, 1, 2)


def folder(seed: int) -> Path:
    """Where the shipped model of this seed lies."""
    return Path(__file__).parent / f"seed{seed}"
