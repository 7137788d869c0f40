"""HQQ by its library: scales and zero points fitted to the weights by half-quadratic splitting, without calibration.

Badri, Shaji: Half-Quadratic Quantization of Large Machine Learning Models, 2023 (Mobius Labs).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from kb.harness.quant.base import GroupSize, Rounded
from kb.harness.quant.libraries import LibraryQuantizer, held_bits

if TYPE_CHECKING:
    import torch


class HqqQuantizer(LibraryQuantizer):
    """HQQ, packed. Every forward pass unpacks the weights: it saves memory, and takes longer.

    Attributes:
        bits: 8, 4, 3 or 2.
        group_size: input weights of an output channel that share a scale and a zero point; -1 is the whole channel.
    """

    method: ClassVar[str] = "hqq"
    library: ClassVar[str | None] = "hqq"
    known_bits: ClassVar[tuple[int, ...]] = (8, 4, 3, 2)

    bits: Literal[8, 4, 3, 2] = 4
    group_size: GroupSize = 64

    @property
    def symmetric(self) -> bool:
        return False

    @property
    def weight_bits(self) -> int:
        return self.bits

    @property
    def grouping(self) -> int:
        return self.group_size

    def convert(self, layer: Any, bits: int) -> tuple[torch.nn.Module, Rounded]:
        core = self.module("hqq.core.quantize")
        size = self.group_size if self.group_size > 0 else layer.weight.shape[1]
        made = core.HQQLinear(
            layer,
            core.BaseQuantizeConfig(nbits=bits, group_size=size, axis=1),
            compute_dtype=layer.weight.dtype,
            device=str(layer.weight.device),
        )
        stored = held_bits(made.W_q, made.meta["scale"], made.meta["zero"])
        return made, Rounded(made.dequantize().float(), stored)
