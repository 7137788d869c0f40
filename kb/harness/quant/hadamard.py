"""Hadamard rotation: outliers are spread over all channels before the weights are rounded.

Ashkboos et al.: QuaRot: Outlier-Free 4-Bit Inference in Rotated LLMs, NeurIPS 2024: stage 1a, and of 1c what needs
nothing at run time. Norms' weights go into the layers after them; the residual stream is then multiplied by
Q = H D / sqrt(width), H a Hadamard matrix (Sylvester's: widths that are powers of two) and D random signs, which what
reads the stream undoes; values are rotated in each head, which the output projection undoes. The full-precision model
computes what it did, up to floating point (in float32; in bfloat16 the rotation itself rounds). QuaRot's rotations at
run time (before the down projection, of queries and keys) are left out: with them a model needs code of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from kb.errors import UsageError
from kb.harness.quant.base import IDENTITY, Target
from kb.harness.quant.calibration import Calibration
from kb.harness.quant.gptq import GptqQuantizer
from kb.harness.quant.grid import GridQuantizer
from kb.harness.quant.llama import NORMS, is_llama
from kb.harness.quant.records import LayerRecord, QuantReport, size_bytes
from kb.harness.quant.smoothquant import round_inputs

if TYPE_CHECKING:
    import torch


class HadamardQuantizer(GptqQuantizer):
    """Rotate, then round.

    Attributes:
        weights: how the rotated weights are rounded: "rtn" or "gptq" (with the options of GPTQ).
        inputs: bits of the quantized layers' inputs, a scale a token; 16 leaves them.
        seed: of the signs.
    """

    method: ClassVar[str] = "hadamard"

    weights: Literal["rtn", "gptq"] = "rtn"
    inputs: Literal[4, 8, 16] = 16
    seed: int = 0

    @property
    def needs_calibration(self) -> bool:
        return self.weights == "gptq"

    @property
    def act_bits(self) -> int:
        return self.inputs

    def apply(self, model: torch.nn.Module, calibration: Calibration | None = None) -> QuantReport:
        targets, _ = self.plan(model)
        if self.needs_calibration and targets and calibration is None:
            raise UsageError("needs calibration rows", field=f"quantizer {self.method}")
        if self.inputs < IDENTITY and not targets:
            raise UsageError(
                f"only quantized layers have inputs of {self.inputs} bits, and none is quantized",
                field=f"quantizer {self.method}: inputs",
                fix="fewer bits for the weights, or inputs: 16",
            )
        full = size_bytes(model)
        rotate(model, self.seed)
        return replace(super().apply(model, calibration), full_size_bytes=full)

    def quantize(
        self, model: torch.nn.Module, targets: Sequence[Target], calibration: Calibration | None
    ) -> list[LayerRecord]:
        how = GptqQuantizer if self.weights == "gptq" else GridQuantizer
        records = how.quantize(self, model, targets, calibration)
        for target in targets:
            round_inputs(target.module, self.inputs)
        return records


def hadamard(width: int) -> torch.Tensor:
    """Sylvester's Hadamard matrix divided by sqrt(width): orthogonal, symmetric, [width, width], float64.

    Raises:
        UsageError: a width that is not a power of two.
    """
    import torch

    if width < 1 or width & (width - 1):
        raise UsageError(f"a width of {width} is not a power of two", field="quantizer hadamard")
    matrix = torch.ones(1, 1, dtype=torch.float64)
    while len(matrix) < width:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix / width**0.5


def rotate(model: torch.nn.Module, seed: int) -> None:
    """Rotate a Llama-architecture model in place. A tied output head becomes a weight of its own.

    Raises:
        UsageError: another architecture, or widths that are not powers of two; the model is as it was.
    """
    import torch

    if not is_llama(model):
        raise UsageError("rotates Llama-architecture models only", field="quantizer hadamard")
    whole: Any = model
    config, body, head = whole.config, whole.model, whole.lm_head
    stream = hadamard(config.hidden_size)
    in_head = hadamard(body.layers[0].self_attn.head_dim)
    signs = torch.randint(0, 2, (config.hidden_size,), generator=torch.Generator().manual_seed(seed)) * 2 - 1
    stream *= signs.double()
    with torch.no_grad():
        if head.weight is body.embed_tokens.weight:
            head.weight = torch.nn.Parameter(
                head.weight.detach().clone(), requires_grad=head.weight.requires_grad
            )
            config.tie_word_embeddings = False
        _times(body.embed_tokens.weight, stream)
        for block in body.layers:
            for norm, names in NORMS:
                readers = [block.get_submodule(name) for name in names]
                _take_in(getattr(block, norm), readers)
                for reader in readers:
                    _times(reader.weight, stream)
            value, out, down = block.self_attn.v_proj, block.self_attn.o_proj, block.mlp.down_proj
            _rotate_output(value, in_head)
            _times(out.weight, in_head)
            for writer in (out, down):
                _rotate_output(writer, stream)
        _take_in(body.norm, [head])
        _times(head.weight, stream)


def _take_in(norm: Any, readers: Sequence[Any]) -> None:
    for reader in readers:
        reader.weight.data.mul_(norm.weight.data)
    norm.weight.data.fill_(1.0)


def _times(weight: torch.Tensor, rotation: torch.Tensor) -> None:
    """weight @ rotation, block by block of its columns where the rotation is smaller (heads)."""
    parts = weight.detach().double().reshape(len(weight), -1, len(rotation))
    weight.data.copy_((parts @ rotation.to(weight.device)).reshape(weight.shape))


def _rotate_output(layer: Any, rotation: torch.Tensor) -> None:
    """What the layer computes, y, becomes y @ rotation (head by head where the rotation is smaller)."""
    weight = layer.weight
    parts = weight.detach().double().reshape(-1, len(rotation), weight.shape[1])
    weight.data.copy_((rotation.T.to(weight.device) @ parts).reshape(weight.shape))
    if layer.bias is not None:
        parts = layer.bias.detach().double().reshape(-1, len(rotation))
        layer.bias.data.copy_((parts @ rotation.to(weight.device)).reshape(layer.bias.shape))
