"""Quantizers: a configuration and a transform each. `QUANTIZERS` is all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kb.errors import UsageError
from kb.harness.quant.awq import AwqQuantizer
from kb.harness.quant.base import LayerRule, Quantizer, options_of
from kb.harness.quant.bitsandbytes import BitsandbytesQuantizer
from kb.harness.quant.calibration import Calibration, keep_apart
from kb.harness.quant.codebook import Fp4Quantizer, Nf4Quantizer
from kb.harness.quant.float8 import Float8Quantizer
from kb.harness.quant.gptq import GptqQuantizer
from kb.harness.quant.hadamard import HadamardQuantizer
from kb.harness.quant.hqq import HqqQuantizer
from kb.harness.quant.kv import KvConfig
from kb.harness.quant.none import NoQuantizer
from kb.harness.quant.records import LayerRecord, QuantReport, version
from kb.harness.quant.rtn import RtnQuantizer
from kb.harness.quant.smoothquant import SmoothQuantizer
from kb.harness.quant.torchao import TorchaoQuantizer
from kb.harness.types import parse_options

__all__ = [
    "QUANTIZERS",
    "Calibration",
    "KvConfig",
    "LayerRecord",
    "LayerRule",
    "QuantReport",
    "Quantizer",
    "Support",
    "keep_apart",
    "make_quantizer",
    "options_of",
    "support",
]

QUANTIZERS: dict[str, type[Quantizer]] = {
    "none": NoQuantizer,
    "rtn": RtnQuantizer,
    "gptq": GptqQuantizer,
    "awq": AwqQuantizer,
    "smoothquant": SmoothQuantizer,
    "hadamard": HadamardQuantizer,
    "float8": Float8Quantizer,
    "nf4": Nf4Quantizer,
    "fp4": Fp4Quantizer,
    "torchao": TorchaoQuantizer,
    "hqq": HqqQuantizer,
    "bitsandbytes": BitsandbytesQuantizer,
}


def make_quantizer(options: Mapping[str, Any]) -> Quantizer:
    """The quantizer of options such as ``{"method": "rtn", "bits": 4, "group_size": 32}``.

    Raises:
        UsageError: an unknown method, an unknown option, or a value that the method cannot do.
    """
    rest = dict(options)
    method = rest.pop("method", None)
    if method not in QUANTIZERS:
        raise UsageError(
            f"{method!r} is no method" if method else "is missing",
            field="quantizer: method",
            fix=f"one of {', '.join(QUANTIZERS)}",
        )
    return parse_options(QUANTIZERS[method], rest, f"quantizer {method}")


@dataclass(frozen=True)
class Support:
    """A row of `kb eval quantizers`.

    Attributes:
        bits: of weights.
        library: name and version, or "not installed"; None is our own.
        cpu, cuda: "yes", "no", "not tried" or what else is to be said.
        kind: "fake", "packed" or "not bundled".
    """

    method: str
    bits: str
    library: str | None
    cpu: str
    cuda: str
    kind: str
    note: str


_OURS = (
    ("rtn", "2 to 8, 16", "round-to-nearest; any group size, symmetric or not"),
    ("gptq", "2 to 8, 16", "needs calibration"),
    ("awq", "2 to 8, 16", "needs calibration; scales folded on Llama architectures; no clipping search"),
    ("smoothquant", "8", "needs calibration; W8A8, inputs a scale a token; Llama architectures"),
    (
        "hadamard",
        "2 to 8, 16",
        "rotation, then rtn or gptq; inputs 4, 8, 16 bits; Llama, widths powers of two",
    ),
    ("float8", "8", "e4m3 or e5m2"),
    ("nf4", "4", "blocks of 64 with a float32 scale"),
    ("fp4", "4", "E2M1; blocks of 64 with a float32 scale"),
    ("kv", "8, 4, 2, 16", "the cache of keys and values; a scale a token, a channel, or KIVI"),
)
_THEIRS = (
    ("torchao", "torchao int8", "8", "packed", "weight only"),
    ("torchao", "torchao float8", "8", "packed", "weight only, e4m3"),
    ("torchao", "torchao intx", "8, 4, 3, 2", "fake", "weight only; one weight to a byte (8 bits: packed)"),
    ("hqq", "hqq", "8, 4, 3, 2", "packed", "no calibration"),
    ("bitsandbytes", "bitsandbytes nf4", "4", "packed", "in bfloat16 on processors with AVX512-BF16"),
    (
        "bitsandbytes",
        "bitsandbytes fp4",
        "4",
        "packed",
        "in bfloat16 on processors with AVX512-BF16; not E2M1",
    ),
    ("bitsandbytes", "bitsandbytes int8", "8", "packed", "W8A8, LLM.int8()"),
)
_ELSEWHERE = (
    ("llmcompressor", "changes the version of transformers; its AWQ wants an accelerator"),
    ("gptqmodel", "changes the version of numpy; wants more than two processor cores"),
    ("auto-round", "not tried here"),
)


def support() -> Iterator[Support]:
    """What each method can do, and whether its library is installed here. Nothing heavy is imported."""
    for method, bits, note in _OURS:
        yield Support(method, bits, None, "yes", "not tried", "fake", note)
    for library, method, bits, kind, note in _THEIRS:
        yield Support(
            method, bits, f"{library} {version(library) or 'not installed'}", "yes", "not tried", kind, note
        )
    for library, note in _ELSEWHERE:
        yield Support(
            library,
            "",
            f"{library} {version(library) or 'not installed'}",
            "",
            "",
            "not bundled",
            f"quantize with it in an environment of its own and give the folder as a model ({note})",
        )
