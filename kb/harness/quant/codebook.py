"""NF4 and FP4: 4-bit weights, the nearest of sixteen values that are not evenly spaced, times a block's largest.

NF4 is the table of QLoRA (Dettmers, Pagnoni, Holtzman, Zettlemoyer: QLoRA: Efficient Finetuning of Quantized LLMs,
NeurIPS 2023, appendix E): the quantiles of a normal distribution. FP4 is E2M1 of the OCP Microscaling Formats
specification 1.0 (bitsandbytes' "fp4" has 0.0052 where this has 0.0833). A block's largest weight is stored as float32;
QLoRA's second quantization, of these, is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from kb.harness.quant.base import Quantizer, Rounded

if TYPE_CHECKING:
    import torch

NF4 = (
    *(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    *(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0),
    *(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    *(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0),
)
E2M1 = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
FP4 = (*(-value / 6 for value in reversed(E2M1[1:])), *(value / 6 for value in E2M1))


class CodebookQuantizer(Quantizer):
    """Weights in blocks of `group_size`, each scaled by its largest, on the method's table."""

    known_bits: ClassVar[tuple[int, ...]] = (4,)
    takes_embeddings: ClassVar[bool] = True
    table: ClassVar[tuple[float, ...]]

    group_size: int = Field(64, ge=1)

    @property
    def grouping(self) -> int:
        return self.group_size

    def round(self, weight: torch.Tensor, bits: int) -> Rounded:
        import torch

        blocks = weight.reshape(-1, self.group_size)
        largest = blocks.abs().amax(-1, keepdim=True)
        largest = largest.where(largest > 0, 1.0)
        table = torch.tensor(self.table, device=weight.device)
        # Between two neighbours of the table, their middle decides.
        nearest = torch.bucketize(blocks / largest, (table[1:] + table[:-1]) / 2)
        values = (table[nearest] * largest).reshape(weight.shape)
        return Rounded(values, weight.numel() * bits + 32 * largest.numel())


class Nf4Quantizer(CodebookQuantizer):
    """4-bit NormalFloat."""

    method: ClassVar[str] = "nf4"
    table: ClassVar[tuple[float, ...]] = NF4


class Fp4Quantizer(CodebookQuantizer):
    """4-bit floating point, E2M1."""

    method: ClassVar[str] = "fp4"
    table: ClassVar[tuple[float, ...]] = FP4
