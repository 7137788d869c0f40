"""Float8: weights as 8-bit floating-point numbers, e4m3 (three bits of mantissa) or e5m2 (two), with a scale.

Micikevicius et al.: FP8 Formats for Deep Learning, 2022. The scale maps the largest weight of an output channel to the
format's largest number (448 or 57344), and is stored as float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from kb.harness.quant.base import Quantizer, Rounded

if TYPE_CHECKING:
    import torch


class Float8Quantizer(Quantizer):
    """Float8 weights.

    Attributes:
        format: "e4m3" or "e5m2".
        per_tensor: one scale for the whole weight.
    """

    method: ClassVar[str] = "float8"
    known_bits: ClassVar[tuple[int, ...]] = (8,)
    takes_embeddings: ClassVar[bool] = True

    format: Literal["e4m3", "e5m2"] = "e4m3"
    per_tensor: bool = False

    @property
    def grouping(self) -> int:
        return 0 if self.per_tensor else -1

    def round(self, weight: torch.Tensor, bits: int) -> Rounded:
        import torch

        kind = torch.float8_e4m3fn if self.format == "e4m3" else torch.float8_e5m2
        size = weight.abs()
        scale = (size.amax() if self.per_tensor else size.amax(-1, keepdim=True)) / torch.finfo(kind).max
        scale = scale.where(scale > 0, 1.0)
        values = (weight / scale).to(kind).float() * scale
        return Rounded(values, weight.numel() * bits + 32 * scale.numel())
