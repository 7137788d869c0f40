"""Uniform grids: scales, zero points, and the rounding of numbers to them.

    q = clamp(round(w / scale) + zero, 0, 2^bits - 1)        w ~ (q - zero) * scale

Symmetric grids have their zero in the middle (2^(bits-1)) and a scale of 2 max|w| / (2^bits - 1), as GPTQ and torchao
have it: every level is used, and no number of a group is off by more than half a scale. Asymmetric ones span from min
to max, zero included, with an integer zero point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import field_validator

from kb.harness.quant.base import IDENTITY, GroupSize, Quantizer, Rounded

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Grid:
    """A grid for each group: `scale` and `zero` are [..., 1], to be broadcast over the group's numbers."""

    scale: torch.Tensor
    zero: torch.Tensor
    bits: int

    def round(self, numbers: torch.Tensor) -> torch.Tensor:
        """The nearest numbers on the grid, of shape [..., group]."""
        import torch

        levels = torch.clamp(torch.round(numbers / self.scale) + self.zero, 0, 2**self.bits - 1)
        return (levels - self.zero) * self.scale


def fit(numbers: torch.Tensor, bits: int, symmetric: bool, scale_bits: int = 32) -> Grid:
    """The grid of each group: float32 numbers of shape [..., group] -> scales and zeros of shape [..., 1].

    With `scale_bits` 16 a scale is the next float16 above, as it will be stored: rounded down, it would clip.
    """
    import torch

    levels = 2**bits - 1
    if symmetric:
        scale = 2 * numbers.abs().amax(-1, keepdim=True) / levels
    else:
        low = numbers.amin(-1, keepdim=True).clamp(max=0)
        high = numbers.amax(-1, keepdim=True).clamp(min=0)
        scale = (high - low) / levels
    if scale_bits == 16:
        scale = _float16_above(scale)
    scale = torch.where(scale == 0, torch.ones_like(scale), scale)  # a group of zeros
    zero = torch.full_like(scale, 2.0 ** (bits - 1)) if symmetric else torch.round(-low / scale)
    return Grid(scale, zero, bits)


def _float16_above(scale: torch.Tensor) -> torch.Tensor:
    import torch

    half = scale.to(torch.float16)
    above = (half.view(torch.int16) + 1).view(torch.float16)  # the next float16: a scale is never negative
    return torch.where(half.float() < scale, above, half).float()


class GridQuantizer(Quantizer):
    """What the methods with uniform grids have in common.

    Attributes:
        bits: 2 to 8; 16 leaves the weights as they are.
        group_size: input weights of an output channel that share a scale; -1 takes the whole channel.
        symmetric: without zero points.
        scale_bits: how a scale is stored, as float16 or float32. A zero point takes as many bits as a weight.
    """

    known_bits: ClassVar[tuple[int, ...]] = (2, 3, 4, 5, 6, 7, 8, IDENTITY)

    bits: int = 4
    group_size: GroupSize = -1
    symmetric: bool = True
    scale_bits: Literal[16, 32] = 16

    @field_validator("bits")
    @classmethod
    def _can(cls, value: int) -> int:
        if value not in cls.known_bits:
            raise ValueError(
                f"should be one of {', '.join(str(bits) for bits in cls.known_bits)}, not {value}"
            )
        return value

    @property
    def weight_bits(self) -> int:
        return self.bits

    @property
    def grouping(self) -> int:
        return self.group_size

    def groups(self, weight: torch.Tensor) -> torch.Tensor:
        """A view of [output, input] as [output, groups, group]."""
        return weight.reshape(
            weight.shape[0], -1, weight.shape[1] if self.group_size == -1 else self.group_size
        )

    def fit(self, numbers: torch.Tensor, bits: int) -> Grid:
        return fit(numbers, bits, self.symmetric, self.scale_bits)

    def round(self, weight: torch.Tensor, bits: int) -> Rounded:
        """To the nearest."""
        groups = self.groups(weight)
        values = self.fit(groups, bits).round(groups).reshape(weight.shape)
        return Rounded(values, self.stored_bits(weight, bits))

    def stored_bits(self, weight: torch.Tensor, bits: int) -> int:
        """Weights, scales and zero points of a weight, packed."""
        scales = int(self.groups(weight)[..., 0].numel())
        return int(weight.numel()) * bits + scales * (self.scale_bits + (0 if self.symmetric else bits))
