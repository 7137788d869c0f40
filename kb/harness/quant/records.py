"""What was done to a model: layer by layer, and what it takes in bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class LayerRecord:
    """One quantized layer.

    Attributes:
        group_size: weights that share a scale; -1 is an output channel, 0 the whole tensor.
        shape: of the weight: output features, input features.
        size_bytes: weight, scales and zero points, packed.
        error: |w - q| / |w| (Frobenius), in the basis in which the layer was rounded; None if unknown.
    """

    name: str
    bits: int
    group_size: int
    symmetric: bool
    shape: tuple[int, ...]
    size_bytes: int
    error: float | None


@dataclass(frozen=True)
class QuantReport:
    """What was done to a model, for its manifest.

    Attributes:
        fake: the model still computes with, and holds, floating-point weights.
        kept: linear and embedding layers that were left at full precision.
        size_bytes: of all parameters, the quantized ones packed. A tied weight counts once.
        full_size_bytes: of all parameters before, in the type they were loaded in.
        effective_bits: per weight of the quantized layers, scales and zero points included; None if there are none.
        act_bits: of the inputs of the quantized layers.
        library: name and version of the library that did it; None if it was done here.
        calibration: source and hash of the calibration rows.
    """

    method: str
    fake: bool
    layers: tuple[LayerRecord, ...]
    kept: tuple[str, ...]
    size_bytes: int
    full_size_bytes: int
    effective_bits: float | None
    weight_bits: int
    act_bits: int
    library: str | None
    calibration: str | None

    def to_data(self) -> dict[str, Any]:
        """Plain data, as JSON has it."""
        return asdict(self)


def relative_error(weight: torch.Tensor, values: torch.Tensor) -> float:
    """Frobenius norm of the difference by that of the weight; 0 for a weight of zeros that stayed so."""
    norm = float(weight.detach().float().norm())
    off = float((weight.detach().float() - values.float()).norm())
    return off / norm if norm else off


def size_bytes(of: torch.nn.Module | torch.Tensor) -> int:
    """Bytes of a tensor, or of a module's parameters, each counted once."""
    tensors = of.parameters() if hasattr(of, "parameters") else [of]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def version(distribution: str) -> str | None:
    """Of an installed library; None if it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def numel(shape: Sequence[int]) -> int:
    total = 1
    for size in shape:
        total *= size
    return total
