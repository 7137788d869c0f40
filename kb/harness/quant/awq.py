"""AWQ: weights that see large activations are scaled up before rounding, so that less of them is lost.

Lin, Tang, Tang et al.: AWQ: Activation-aware Weight Quantization for On-Device LLM Compression and Acceleration,
MLSys 2024. For each group of layers that share an input, scales s = mean|x|^a are tried for a on a grid of 0 to 1,
and the ones kept that lose least of the layers' outputs over the calibration tokens (the paper's code looks at the
whole attention or MLP module's output). Where what makes the input can be divided by s (a norm, the up projection) it
is; elsewhere the layer keeps s for itself, 16 bits an input channel, which an engine would have to apply. The
paper's second part, a search for clipping ranges, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from kb.harness.quant.base import Rounded, Target
from kb.harness.quant.calibration import Calibration
from kb.harness.quant.capture import InputStats, Step, output_error, walk
from kb.harness.quant.grid import GridQuantizer
from kb.harness.quant.llama import LINEARS, NORMS, divide_output, is_llama
from kb.harness.quant.records import LayerRecord

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class _Shared:
    """Layers with one input. `source` makes it and can be divided; None if nothing can."""

    source: Any
    targets: tuple[Target, ...]


class AwqQuantizer(GridQuantizer):
    """AWQ.

    Attributes:
        grid: how many exponents between 0 (no scaling: round-to-nearest) and 1 are tried.
        fold: move scales into what comes before where that can be done.
    """

    method: ClassVar[str] = "awq"

    grid: int = Field(20, ge=1)
    fold: bool = True

    @property
    def needs_calibration(self) -> bool:
        return True

    def quantize(
        self, model: torch.nn.Module, targets: Sequence[Target], calibration: Calibration | None
    ) -> list[LayerRecord]:
        records = []
        for step in walk(model, targets, calibration):
            stats = step.stats()
            shared = self._shared(step, foldable=self.fold and is_llama(model))
            scales = [self._search(group.targets, stats) for group in shared]
            # All scales are found before any is folded: a fold changes the rows of a layer that has its own.
            for group, scale in zip(shared, scales, strict=True):
                if group.source is not None:
                    divide_output(group.source, scale)
                    for target in group.targets:
                        target.module.weight.data.mul_(scale.to(target.module.weight.dtype))
            for group, scale in zip(shared, scales, strict=True):
                records += [
                    self._put(target, None if group.source is not None else scale) for target in group.targets
                ]
        return records

    def _shared(self, step: Step, foldable: bool) -> list[_Shared]:
        """The step's targets by common input. Nothing is folded that would change a layer that is kept."""
        left = {target.name.removeprefix(step.prefix): target for target in step.targets}
        changes = {*left, *(norm for norm, _ in NORMS)}
        groups = []
        for before, names in (*NORMS, *LINEARS) if step.prefix else ():
            mine = tuple(left.pop(name) for name in names if name in left)
            if mine:
                can = foldable and before in changes and len(mine) == len(names)
                source = _module(step.module, before) if can else None
                columns = mine[0].module.weight.shape[1]
                groups.append(
                    _Shared(source if source is not None and len(source.weight) == columns else None, mine)
                )
        return groups + [_Shared(None, (target,)) for target in left.values()]

    def _search(self, targets: tuple[Target, ...], stats: dict[str, InputStats]) -> torch.Tensor:
        """The scales, [input], that lose least."""
        import torch

        inputs = stats[targets[0].name]
        weights = [target.module.weight.detach().float() for target in targets]
        best, least = torch.ones_like(inputs.mean_abs), float("inf")
        for at in range(self.grid + 1):
            scale = inputs.mean_abs.clamp(min=1e-4) ** (at / self.grid)
            scale = scale / (scale.max() * scale.min()).sqrt()
            loss = 0.0
            for target, weight in zip(targets, weights, strict=True):
                values = self.round(weight * scale, target.bits).values / scale
                loss += float(output_error(values - weight, inputs.gram).sum())
            if loss < least:
                best, least = scale, loss
        return best

    def _put(self, target: Target, own_scale: torch.Tensor | None) -> LayerRecord:
        weight = target.module.weight.detach().float()
        if own_scale is None:
            return self.put(target, self.round(weight, target.bits))
        rounded = self.round(weight * own_scale, target.bits)
        values = rounded.values / own_scale
        return self.put(target, Rounded(values, rounded.stored_bits + 16 * len(own_scale)))


def _module(block: Any, name: str) -> Any:
    for part in name.split("."):
        block = getattr(block, part, None)
    return block
