"""Round-to-nearest: every weight to the nearest point of its group's grid. The baseline of all the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import model_validator

from kb.harness.quant.grid import GridQuantizer

if TYPE_CHECKING:
    import torch


class RtnQuantizer(GridQuantizer):
    """Round-to-nearest.

    Attributes:
        per_tensor: one scale for the whole weight, the coarsest grid there is.
    """

    method: ClassVar[str] = "rtn"
    takes_embeddings: ClassVar[bool] = True

    per_tensor: bool = False

    @model_validator(mode="after")
    def _one(self) -> RtnQuantizer:
        if self.per_tensor and self.group_size != -1:
            raise ValueError("per_tensor and group_size cannot both be given")
        return self

    @property
    def grouping(self) -> int:
        return 0 if self.per_tensor else self.group_size

    def groups(self, weight: torch.Tensor) -> torch.Tensor:
        return weight.reshape(1, 1, -1) if self.per_tensor else super().groups(weight)
