"""Weights by torchao: int8 and float8 are held in 8 bits; intx at fewer bits is held one weight to a byte."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import model_validator

from kb.harness.quant.base import IDENTITY, GroupSize, Rounded
from kb.harness.quant.libraries import LibraryQuantizer, held_bits

if TYPE_CHECKING:
    import torch


class TorchaoQuantizer(LibraryQuantizer):
    """torchao's Int8WeightOnlyConfig, IntxWeightOnlyConfig and Float8WeightOnlyConfig.

    Attributes:
        kind: "int8" (packed), "intx" (8, 4, 3 or 2 bits; below 8 the sizes are what packing would give, and the record
            says fake) or "float8" (e4m3; packed).
        bits: 8, and for intx 4, 3 and 2 too.
        group_size: of int8 and intx; -1 is an output channel.
        symmetric: of intx.
    """

    method: ClassVar[str] = "torchao"
    library: ClassVar[str | None] = "torchao"
    known_bits: ClassVar[tuple[int, ...]] = (8, 4, 3, 2)

    kind: Literal["int8", "intx", "float8"] = "int8"
    bits: Literal[8, 4, 3, 2] = 8
    group_size: GroupSize = -1
    symmetric: bool = True

    @model_validator(mode="after")
    def _fits(self) -> TorchaoQuantizer:
        others = [rule.bits for rule in self.layers if rule.bits not in {"keep", IDENTITY, 8}]
        if self.kind != "intx" and (self.bits != 8 or others or not self.symmetric):
            raise ValueError(f"kind {self.kind} is symmetric and has 8 bits; intx has others")
        if self.kind == "float8" and self.group_size != -1:
            raise ValueError("kind float8 has a scale an output channel: group_size should be -1")
        return self

    @property
    def weight_bits(self) -> int:
        return self.bits

    @property
    def fake(self) -> bool:
        return self.kind == "intx" and any(
            bits != 8 for bits in (self.bits, *(rule.bits for rule in self.layers))
        )

    @property
    def grouping(self) -> int:
        return self.group_size

    def convert(self, layer: Any, bits: int) -> tuple[torch.nn.Module, Rounded]:
        import torch

        logging.getLogger("torchao").setLevel(logging.ERROR)  # it reports every GPU kernel that it lacks
        ao = self.module("torchao.quantization")
        per_group = ao.PerGroup(self.group_size) if self.group_size > 0 else None
        if self.kind == "int8":
            config = ao.Int8WeightOnlyConfig(granularity=per_group or ao.PerRow())
        elif self.kind == "float8":
            config = ao.Float8WeightOnlyConfig()
        else:
            mapping = ao.MappingType.SYMMETRIC if self.symmetric else ao.MappingType.ASYMMETRIC
            config = ao.IntxWeightOnlyConfig(
                weight_dtype=getattr(torch, f"int{bits}"),
                granularity=per_group or ao.PerAxis(0),
                mapping_type=mapping,
            )
        holder = torch.nn.Sequential(layer)
        ao.quantize_(holder, config)
        weight = holder[0].weight
        values = weight.dequantize()
        if self.kind == "intx":
            scales = weight.scale.numel()
            stored = (
                values.numel() * bits + held_bits(weight.scale) + (0 if self.symmetric else scales * bits)
            )
        else:
            stored = held_bits(weight.qdata, weight.scale)
        return holder[0], Rounded(values, int(stored))
