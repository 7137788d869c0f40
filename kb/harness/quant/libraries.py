"""What the adapters to other people's libraries share: finding the library, and swapping layers."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kb.errors import KbError, UpstreamError, UsageError
from kb.harness.quant.base import Quantizer, Rounded, Target
from kb.harness.quant.calibration import Calibration
from kb.harness.quant.records import LayerRecord, relative_error, version

if TYPE_CHECKING:
    import torch


class LibraryQuantizer(Quantizer):
    """A method whose layers a library makes, packed. Subclasses say how one layer is converted."""

    @property
    def fake(self) -> bool:
        return False

    def quantize(
        self, model: torch.nn.Module, targets: Sequence[Target], calibration: Calibration | None
    ) -> list[LayerRecord]:
        records = []
        for target in targets:
            weight = target.module.weight.detach().float().clone()
            record = self.record(target, 0, None)
            try:
                layer, held = self.convert(target.module, target.bits)
            except KbError:
                raise
            except Exception as error:  # whatever a library raises, it is the library that failed
                raise UpstreamError(
                    f"{self.library} cannot convert it: {type(error).__name__}: {error}",
                    field=f"layer {target.name}",
                ) from error
            parent, _, name = target.name.rpartition(".")
            setattr(model.get_submodule(parent), name, layer)
            off = relative_error(weight, held.values)
            records.append(replace(record, size_bytes=-(-held.stored_bits // 8), error=off))
        return records

    def convert(self, layer: Any, bits: int) -> tuple[torch.nn.Module, Rounded]:
        """A quantized layer for a linear one, its weights as they dequantize, and the bits that it really holds."""
        raise NotImplementedError

    def module(self, name: str) -> Any:
        """A module of the library.

        Raises:
            UsageError: it is not installed.
        """
        try:
            return importlib.import_module(name)
        except ImportError as error:
            known = version(self.library or "")
            raise UsageError(
                f"{self.library} {known} cannot be loaded: {error}"
                if known
                else f"{self.library} is not installed",
                field=f"quantizer {self.method}",
                fix=f"pip install {self.library}",
            ) from None


def held_bits(*tensors: torch.Tensor) -> int:
    """Bits that these tensors take in memory."""
    return sum(8 * tensor.numel() * tensor.element_size() for tensor in tensors)
