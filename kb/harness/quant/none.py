"""Full precision: the quantizer that does nothing, so that a baseline's record looks like every other."""

from __future__ import annotations

from typing import ClassVar

from kb.harness.quant.base import IDENTITY, Quantizer


class NoQuantizer(Quantizer):
    """Every layer is kept."""

    method: ClassVar[str] = "none"
    known_bits: ClassVar[tuple[int, ...]] = (IDENTITY,)

    @property
    def fake(self) -> bool:
        return False
