"""GPTQ: columns are rounded one after the other, and what each is off by is made up for by those still to come.

Frantar, Ashkboos, Hoefler, Alistarh: GPTQ: Accurate Post-Training Quantization for Generative Pre-trained
Transformers, ICLR 2023, algorithm 1. Differences, all to its benefit or to make it predictable: an input that is
always zero in calibration is rounded to nearest on its group's grid (the paper's code sets its weights to zero); with `act_order` the
grids are those of the groups in their original order, so that a group's weights lie together; an output channel on
which round-to-nearest does better over the calibration tokens gets that instead, so that GPTQ is never the worse one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from kb.errors import RunStopped
from kb.harness.quant.base import Rounded, Target
from kb.harness.quant.calibration import Calibration
from kb.harness.quant.capture import output_error, walk
from kb.harness.quant.grid import Grid, GridQuantizer
from kb.harness.quant.records import LayerRecord

if TYPE_CHECKING:
    import torch

BLOCK = 128  # columns between two updates of all columns to come


class GptqQuantizer(GridQuantizer):
    """GPTQ.

    Attributes:
        damp: added to the Hessian's diagonal, as a part of its mean; where that leaves it singular, 10 and 100 times as much.
        act_order: columns with large inputs first.
    """

    method: ClassVar[str] = "gptq"

    damp: float = Field(0.01, gt=0, le=1)
    act_order: bool = False

    @property
    def needs_calibration(self) -> bool:
        return True

    def quantize(
        self, model: torch.nn.Module, targets: Sequence[Target], calibration: Calibration | None
    ) -> list[LayerRecord]:
        records = []
        for step in walk(model, targets, calibration):
            stats = step.stats()
            for target in step.targets:
                weight = target.module.weight.detach().float()
                try:
                    values = self.solve(weight, stats[target.name].gram, target.bits)
                except ArithmeticError as error:
                    raise RunStopped(str(error), field=f"layer {target.name}", fix="a larger damp") from None
                records.append(self.put(target, Rounded(values, self.stored_bits(weight, target.bits))))
        return records

    def solve(self, weight: torch.Tensor, gram: torch.Tensor, bits: int) -> torch.Tensor:
        """Rounded values of a float32 weight [output, input] for inputs of this Gram matrix [input, input].

        Raises:
            ArithmeticError: the Hessian cannot be inverted.
        """
        import torch

        nearest = self.round(weight, bits).values
        if not (gram.diagonal() > 0).any():
            return nearest
        order = torch.argsort(gram.diagonal(), descending=True) if self.act_order else torch.arange(len(gram))
        order = order.to(weight.device)
        upper = _inverse_factor(gram[order][:, order], self.damp)
        grids = self._grids(weight, bits) if self.act_order else None
        values = self._columns(weight[:, order], upper, bits, grids, order)[:, torch.argsort(order)]
        worse = output_error(values - weight, gram) > output_error(nearest - weight, gram)
        return torch.where(worse[:, None], nearest, values)

    def _grids(self, weight: torch.Tensor, bits: int) -> list[Grid]:
        """Of each group, from the weights as they are."""
        groups = self.groups(weight)
        return [self.fit(groups[:, at], bits) for at in range(groups.shape[1])]

    def _columns(
        self,
        weight: torch.Tensor,
        upper: torch.Tensor,
        bits: int,
        grids: list[Grid] | None,
        order: torch.Tensor,
    ) -> torch.Tensor:
        """Algorithm 1 of the paper. Without `grids`, a group's grid is that of its weights as updated so far."""
        import torch

        weight = weight.clone()
        values = torch.empty_like(weight)
        columns = weight.shape[1]
        size = self.group_size if self.group_size > 0 else columns
        grid = self.fit(weight, bits)
        # No block reaches into a second group, so that a group's grid is made when all its columns are up to date.
        block = size if size < BLOCK else BLOCK
        start = 0
        while start < columns:
            end = min(start + block, columns, (start // size + 1) * size)
            if grids is None and start % size == 0 and self.group_size > 0:
                grid = self.fit(weight[:, start : start + size], bits)
            errors = torch.empty_like(weight[:, start:end])
            for at in range(start, end):
                if grids is not None:
                    grid = grids[int(order[at]) // size]
                column = weight[:, at : at + 1]
                rounded = grid.round(column)
                error = (column - rounded) / upper[at, at]
                weight[:, at:end] -= error @ upper[at : at + 1, at:end]
                values[:, at : at + 1] = rounded
                errors[:, at - start : at - start + 1] = error
            weight[:, end:] -= errors @ upper[start:end, end:]
            start = end
        return values


def _inverse_factor(gram: torch.Tensor, damp: float) -> torch.Tensor:
    """Upper Cholesky factor of the inverse of the damped Hessian, float32. An unseen input stands alone in it."""
    import torch

    hessian = gram.double()
    diagonal = hessian.diagonal()
    diagonal[diagonal == 0] = 1.0
    mean = diagonal.mean()
    for factor in (1.0, 10.0, 100.0):
        damped = hessian.clone()
        damped.diagonal().add_(min(damp * factor, 1.0) * mean)
        lower, failed = torch.linalg.cholesky_ex(damped)
        if not failed:
            upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
            if not failed:
                return upper.float()
    raise ArithmeticError("its calibration inputs give a Hessian that cannot be inverted")
