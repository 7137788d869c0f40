"""What a GGUF file says of itself: metadata and tensor types, read without a library and without its weights.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from kb.errors import DataError

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_FULL = {"F32", "F16", "BF16", "F64"}
# ggml/include/ggml.h, enum ggml_type; how each rounds is in ggml-common.h
_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0",
    35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
_GRIDS = {
    "Q4_0": "symmetric, group 32", "Q4_1": "asymmetric, group 32", "Q5_0": "symmetric, group 32",
    "Q5_1": "asymmetric, group 32", "Q8_0": "symmetric, group 32", "Q2_K": "asymmetric, group 16",
    "Q3_K": "symmetric, group 16", "Q4_K": "asymmetric, group 32", "Q5_K": "asymmetric, group 32",
    "Q6_K": "symmetric, group 16", "IQ4_NL": "non-uniform, group 32", "IQ4_XS": "non-uniform, group 32",
    "MXFP4": "floating point, group 32",
}  # fmt: skip
_LONGEST = 1 << 28  # of a string or an array: what a broken file may make us read


@dataclass(frozen=True)
class GgufHeader:
    """Metadata (arrays longer than 64 left out), and how many weights each tensor type holds."""

    metadata: Mapping[str, Any]
    weights: Mapping[str, int]

    @property
    def quantized(self) -> str | None:
        """How most of its quantized weights were rounded: "Q4_1, asymmetric, group 32". None at full precision."""
        rounded = Counter({name: count for name, count in self.weights.items() if name not in _FULL})
        if not rounded:
            return None
        name = rounded.most_common(1)[0][0]
        return f"{name}, {_GRIDS[name]}" if name in _GRIDS else name


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the beginning of a GGUF file.

    Raises:
        DataError: it is none, or is cut off before its weights.
    """
    try:
        with path.open("rb") as stream:
            return _header(stream, path)
    except (struct.error, UnicodeDecodeError, OverflowError, EOFError, KeyError) as error:
        raise DataError(f"the GGUF header cannot be read ({type(error).__name__})", file=path) from None


def _header(stream: BinaryIO, path: Path) -> GgufHeader:
    if stream.read(4) != b"GGUF":
        raise DataError("is no GGUF file", file=path)
    version, tensors, pairs = (_scalar(stream, kind) for kind in "IQQ")
    if version not in {2, 3}:
        raise DataError(f"GGUF version {version}; kb reads 2 and 3", file=path)
    metadata = {}
    for _ in range(pairs):
        key, value = _string(stream), _value(stream, _scalar(stream, "I"))
        if value is not None:
            metadata[key] = value
    weights: Counter[str] = Counter()
    for _ in range(tensors):
        _string(stream)
        shape = [_scalar(stream, "Q") for _ in range(_scalar(stream, "I"))]
        kind = _scalar(stream, "I")
        weights[_TYPES.get(kind, f"type {kind}")] += prod(shape)
        _scalar(stream, "Q")
    return GgufHeader(metadata, dict(weights))


def _scalar(stream: BinaryIO, kind: str) -> Any:
    return struct.unpack("<" + kind, stream.read(struct.calcsize("<" + kind)))[0]


def _string(stream: BinaryIO) -> str:
    return _bytes(stream, _scalar(stream, "Q")).decode()


def _bytes(stream: BinaryIO, length: int) -> bytes:
    if length > _LONGEST:
        raise OverflowError
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _value(stream: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(stream)
    if kind != _ARRAY:
        return _scalar(stream, _SCALARS[kind])
    inner, length = _scalar(stream, "I"), _scalar(stream, "Q")
    if length > _LONGEST:
        raise OverflowError
    if inner in _SCALARS and length > 64:
        _bytes(stream, length * struct.calcsize("<" + _SCALARS[inner]))
        return None
    values = [_value(stream, inner) for _ in range(length)]
    return values if length <= 64 else None
