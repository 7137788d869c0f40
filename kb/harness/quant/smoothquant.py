"""SmoothQuant: weights and activations of 8 bits, after outliers have been moved from the activations to the weights.

Xiao, Lin, Seznec et al.: SmoothQuant: Accurate and Efficient Post-Training Quantization for Large Language Models,
ICML 2023, equation 4: s_j = max|x_j|^alpha / max|w_j|^(1 - alpha), by which a norm's output is divided and the weights
after it are multiplied. Weights have a scale an output channel, inputs one a token, found as they come (the paper's
O1, "dynamic per-token"). Attention's own two matrix products stay in floating point.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from kb.errors import UsageError
from kb.harness.quant.base import IDENTITY, Quantizer, Rounded, Target
from kb.harness.quant.calibration import Calibration
from kb.harness.quant.capture import Step, walk
from kb.harness.quant.llama import NORMS, divide_output, is_llama
from kb.harness.quant.records import LayerRecord

if TYPE_CHECKING:
    import torch


class SmoothQuantizer(Quantizer):
    """SmoothQuant W8A8.

    Attributes:
        alpha: how much of the difficulty goes to the weights: 1 all of the inputs', 0 the reverse.
    """

    method: ClassVar[str] = "smoothquant"
    known_bits: ClassVar[tuple[int, ...]] = (8,)

    alpha: float = Field(0.5, ge=0, le=1)

    @property
    def needs_calibration(self) -> bool:
        return True

    @property
    def act_bits(self) -> int:
        return 8

    def quantize(
        self, model: torch.nn.Module, targets: Sequence[Target], calibration: Calibration | None
    ) -> list[LayerRecord]:
        if not is_llama(model):
            raise UsageError(
                "knows where norms are in Llama-architecture models only", field="quantizer smoothquant"
            )
        for step in walk(model, targets, calibration):
            self._smooth(step)  # the block computes what it did: the next block's inputs are full precision's
        records = super().quantize(model, targets, None)
        for target in targets:
            round_inputs(target.module, 8)
        return records

    def _smooth(self, step: Step) -> None:
        """Migrate wherever all that follows a norm is to be quantized."""
        import torch

        stats = step.stats()
        mine = {target.name.removeprefix(step.prefix): target for target in step.targets}
        for norm, names in NORMS:
            if not all(name in mine for name in names):
                continue
            weights = [mine[name].module.weight.data for name in names]
            large = torch.stack([weight.float().abs().amax(0) for weight in weights]).amax(0)
            inputs = stats[mine[names[0]].name].max_abs
            scale = (inputs.clamp(min=1e-5) ** self.alpha / large.clamp(min=1e-5) ** (1 - self.alpha)).clamp(
                min=1e-5
            )
            divide_output(getattr(step.module, norm), scale)
            for weight in weights:
                weight.mul_(scale.to(weight.dtype))

    def round(self, weight: torch.Tensor, bits: int) -> Rounded:
        return Rounded(absmax_round(weight, bits), weight.numel() * bits + 32 * len(weight))


def absmax_round(numbers: torch.Tensor, bits: int) -> torch.Tensor:
    """The last dimension on a symmetric grid of its own: -(2^(bits-1) - 1) to 2^(bits-1) - 1 times max|x|."""
    levels = 2 ** (bits - 1) - 1
    scale = numbers.abs().amax(-1, keepdim=True) / levels
    scale = scale.where(scale > 0, 1.0)
    return (numbers / scale).round().clamp(-levels, levels) * scale


def round_inputs(layer: torch.nn.Module, bits: int) -> None:
    """Round what the layer gets from now on, token by token."""
    if bits < IDENTITY:
        layer.register_forward_pre_hook(partial(_round_first, bits))


def _round_first(bits: int, _layer: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return (absmax_round(inputs[0], bits), *inputs[1:])
