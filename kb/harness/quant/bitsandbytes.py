"""bitsandbytes: NF4, FP4 and LLM.int8(), packed.

Its int8 layers cast their inputs to float16. On processors with AVX512-BF16 its 4-bit layers compute in bfloat16,
whatever the model's type: outputs differ between machines by some 0.3 %. Its "fp4" is not E2M1: the smallest value is
0.0052 of the largest, not 0.0833.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from kb.errors import UsageError
from kb.harness.quant.base import IDENTITY, Rounded
from kb.harness.quant.libraries import LibraryQuantizer, held_bits

if TYPE_CHECKING:
    import torch

BLOCK = 64  # weights that share a float32 scale
ROWS = 32  # its kernels for processors take this many output channels at a time


class BitsandbytesQuantizer(LibraryQuantizer):
    """bitsandbytes' Linear4bit (without second quantization of the scales) and Linear8bitLt.

    Attributes:
        kind: "nf4", "fp4" or "int8" (weights and inputs: a scale an output channel and a token).
    """

    method: ClassVar[str] = "bitsandbytes"
    library: ClassVar[str | None] = "bitsandbytes"
    known_bits: ClassVar[tuple[int, ...]] = (4, 8)

    kind: Literal["nf4", "fp4", "int8"] = "nf4"

    @property
    def weight_bits(self) -> int:
        return 8 if self.kind == "int8" else 4

    @property
    def act_bits(self) -> int:
        return 8 if self.kind == "int8" else IDENTITY

    @property
    def grouping(self) -> int:
        return -1 if self.kind == "int8" else BLOCK

    def check_shape(self, name: str, rows: int, columns: int) -> None:
        super().check_shape(name, rows, columns)
        if self.kind != "int8" and rows % ROWS:
            raise UsageError(
                f"has {rows} outputs, not a multiple of {ROWS}",
                field=f"quantizer {self.method}: layer {name}",
                fix="a rule that keeps it",
            )

    def convert(self, layer: Any, bits: int) -> tuple[torch.nn.Module, Rounded]:
        import torch

        if bits != self.weight_bits:
            raise UsageError(
                f"kind {self.kind} has {self.weight_bits} bits, not {bits}", field="quantizer bitsandbytes"
            )
        bnb = self.module("bitsandbytes")
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it says of every call what is said above
        weight, bias = layer.weight.detach(), layer.bias is not None
        rows, columns = weight.shape
        if self.kind == "int8":
            made = bnb.nn.Linear8bitLt(columns, rows, bias=bias, has_fp16_weights=False)
            made.weight = bnb.nn.Int8Params(weight.clone(), has_fp16_weights=False, requires_grad=False)
        else:
            made = bnb.nn.Linear4bit(
                columns,
                rows,
                bias=bias,
                compute_dtype=weight.dtype,
                compress_statistics=False,
                quant_type=self.kind,
            )
            made.weight = bnb.nn.Params4bit(
                weight.clone(),
                requires_grad=False,
                quant_type=self.kind,
                compress_statistics=False,
                blocksize=BLOCK,
                module=made,
            )
        if bias:
            made.bias = torch.nn.Parameter(layer.bias.detach().clone(), requires_grad=False)
        made = made.to(weight.device).eval()
        if self.kind == "int8":
            scale = made.weight.SCB
            values = made.weight.data.float() * scale.float()[:, None] / 127
            return made, Rounded(values, held_bits(made.weight.data, scale))
        state = made.weight.quant_state
        values = bnb.functional.dequantize_4bit(made.weight.data, state).float()
        return made, Rounded(values, held_bits(made.weight.data, state.absmax))
