"""What every quantizer shares: which layers it takes, what it reports, and the checks before anything changes.

A quantizer changes a transformers model in place. *Fake* means that the weights still lie in memory as floating-point
numbers, on the quantizer's grid: right for accuracy, meaningless for speed and memory, where `size_bytes` says what a
packed copy would take. *Packed* means that the model really holds the small weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, field_validator

from kb.errors import RunStopped, UsageError
from kb.harness.quant.calibration import Calibration
from kb.harness.quant.records import LayerRecord, QuantReport, numel, relative_error, size_bytes, version
from kb.harness.types import Frozen

if TYPE_CHECKING:
    import torch

IDENTITY = 16  # bits from which on a weight is left as it is
_MARK = "kb_quantized"  # an attribute of models that were quantized here


def _not_empty(value: int) -> int:
    if value == 0:
        raise ValueError("should be -1 (an output channel) or at least 1")
    return value


GroupSize = Annotated[int, Field(ge=-1), AfterValidator(_not_empty)]
"""Input weights of an output channel that share a scale; -1 takes the whole channel."""


class LayerRule(Frozen):
    """Mixed precision: layers whose name matches the regular expression `match` (anywhere in it) get these bits."""

    match: str
    bits: int | Literal["keep"]

    @field_validator("match")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from None
        return value


@dataclass(frozen=True)
class Target:
    """A layer that is to be quantized, and to how many bits."""

    name: str
    module: Any
    bits: int


@dataclass(frozen=True)
class Rounded:
    """A weight on its grid: the values, and what they take packed."""

    values: torch.Tensor
    stored_bits: int


class Quantizer(Frozen):
    """Base of the methods in `kb.harness.quant.QUANTIZERS`: a frozen configuration that can be applied to a model.

    Attributes:
        method: its name there.
        library: the distribution that does the work; None for our own reference implementations.
        known_bits: what it can round to. 16 leaves a layer as it is.
        takes_embeddings: whether it can round embedding tables, too.
        layers: rules, of which the first that matches decides. Without a match a linear layer gets the method's own
            bits, the output head and embeddings are kept.
    """

    method: ClassVar[str]
    library: ClassVar[str | None] = None
    known_bits: ClassVar[tuple[int, ...]]
    takes_embeddings: ClassVar[bool] = False

    layers: tuple[LayerRule, ...] = ()

    @property
    def needs_calibration(self) -> bool:
        return False

    @property
    def weight_bits(self) -> int:
        """Of the layers that no rule names."""
        return self.known_bits[0]

    @property
    def act_bits(self) -> int:
        return IDENTITY

    @property
    def fake(self) -> bool:
        return True

    @property
    def grouping(self) -> int:
        """As `LayerRecord.group_size`."""
        return -1

    def apply(self, model: torch.nn.Module, calibration: Calibration | None = None) -> QuantReport:
        """Quantize the model in place.

        Raises:
            UsageError: a layer that these options cannot take; the model is as it was.
            RunStopped: weights or activations that are not finite numbers.
            UpstreamError: a library that failed.
        """
        import torch

        targets, kept = self.plan(model)
        if self.needs_calibration and targets and calibration is None:
            raise UsageError("needs calibration rows", field=f"quantizer {self.method}")
        full = size_bytes(model)
        rest = full - sum(size_bytes(target.module.weight) for target in targets)
        with torch.no_grad():
            records = self.quantize(model, targets, calibration) if targets else []
        setattr(model, _MARK, bool(records))
        weights = sum(numel(record.shape) for record in records)
        packed = sum(record.size_bytes for record in records)
        return QuantReport(
            method=self.method,
            fake=self.fake,
            layers=tuple(records),
            kept=kept,
            size_bytes=rest + packed,
            full_size_bytes=full,
            effective_bits=round(8 * packed / weights, 4) if weights else None,
            weight_bits=self.weight_bits,
            act_bits=self.act_bits if records else IDENTITY,
            library=self.library and f"{self.library} {version(self.library) or 'not installed'}",
            calibration=str(calibration) if calibration and self.needs_calibration else None,
        )

    def quantize(
        self, model: torch.nn.Module, targets: Sequence[Target], calibration: Calibration | None
    ) -> list[LayerRecord]:
        """Change the targets, of which there is at least one. Here each weight is rounded on its own, by `round`."""
        return [
            self.put(target, self.round(target.module.weight.detach().float(), target.bits))
            for target in targets
        ]

    def round(self, weight: torch.Tensor, bits: int) -> Rounded:
        """A float32 weight of shape [output, input] on the method's grid."""
        raise NotImplementedError

    def put(
        self,
        target: Target,
        rounded: Rounded,
        *,
        against: torch.Tensor | None = None,
        values: torch.Tensor | None = None,
    ) -> LayerRecord:
        """Give a layer its rounded weight.

        Args:
            against: what was rounded, for the error; the layer's weight if not given.
            values: what the layer gets, if that is not the rounded values themselves.
        """
        weight = target.module.weight
        error = relative_error(weight if against is None else against, rounded.values)
        if error != error or error == float("inf"):
            raise RunStopped(
                f"rounding it to {target.bits} bits gave numbers that are not finite",
                field=f"layer {target.name}",
            )
        weight.data.copy_(rounded.values if values is None else values)
        return self.record(target, rounded.stored_bits, error)

    def record(self, target: Target, stored_bits: int, error: float | None) -> LayerRecord:
        return LayerRecord(
            name=target.name,
            bits=target.bits,
            group_size=self.grouping,
            symmetric=getattr(self, "symmetric", True),
            shape=tuple(target.module.weight.shape),
            size_bytes=-(-stored_bits // 8),
            error=error,
        )

    # ------------------------------------------------------------------------------------------- which layers

    def plan(self, model: torch.nn.Module) -> tuple[list[Target], tuple[str, ...]]:
        """The layers to quantize, and the names of those to keep. Everything is checked before anything changes."""
        import torch

        if getattr(model, "is_quantized", False) or getattr(model, _MARK, False):
            # A second time on the same grid would change nothing, and look lossless.
            raise UsageError(
                "the model is already quantized", field=f"quantizer {self.method}", fix="load it anew"
            )
        head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
        targets: list[Target] = []
        kept: list[str] = []
        tied: dict[int, dict[str, int]] = {}
        unused: set[LayerRule | None] = set(self.layers)
        for name, module in model.named_modules():
            if not isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
                continue
            rule = next((rule for rule in self.layers if re.search(rule.match, name)), None)
            unused -= {rule}
            apart = module is head or isinstance(module, torch.nn.Embedding)
            bits = self._bits(rule, name) if rule or not apart else IDENTITY
            uses = tied.setdefault(id(module.weight), {})
            if bits == IDENTITY:
                kept.append(name)
            elif not uses:  # a tied weight is rounded once, and recorded under its first name
                targets.append(self._checked(Target(name, module, bits)))
            uses[name] = bits
        for uses in tied.values():
            if len(set(uses.values())) > 1:
                raise UsageError(
                    f"share one weight and cannot have {' and '.join(str(bits) for bits in uses.values())} bits",
                    field=f"quantizer {self.method}: layers: {', '.join(uses)}",
                    fix="one rule for both, or none",
                )
        for rule in self.layers:
            if rule in unused:
                names = [*(target.name for target in targets), *kept]
                raise UsageError(
                    f"decides about no layer: {rule.match!r}",
                    field=f"quantizer {self.method}: layers",
                    fix=f"a layer's name is {names[0]}" if names else None,
                )
        return targets, tuple(kept)

    def _bits(self, rule: LayerRule | None, name: str) -> int:
        if rule is None:
            return self.weight_bits
        if rule.bits == "keep":
            return IDENTITY
        if rule.bits not in {*self.known_bits, IDENTITY}:
            known = ", ".join(str(bits) for bits in sorted({*self.known_bits, IDENTITY}))
            raise UsageError(
                f"{rule.bits} bits is nothing it can do for {name}",
                field=f"quantizer {self.method}: layers",
                fix=f"keep, or one of {known}",
            )
        return rule.bits

    def _checked(self, target: Target) -> Target:
        import torch

        weight = target.module.weight
        where = f"quantizer {self.method}: layer {target.name}"
        if type(weight.data) is not torch.Tensor or not weight.is_floating_point():
            raise UsageError(
                f"is already quantized ({type(weight.data).__name__}, {weight.dtype})", field=where
            )
        if isinstance(target.module, torch.nn.Embedding) and not self.takes_embeddings:
            raise UsageError("is an embedding, and only linear layers can be quantized so", field=where)
        if not torch.isfinite(weight).all():
            raise RunStopped("its weights are not all finite numbers", field=f"layer {target.name}")
        self.check_shape(target.name, *weight.shape)
        return target

    def check_shape(self, name: str, rows: int, columns: int) -> None:
        """Raise UsageError for a weight of this shape that the options cannot take: groups that do not fill a row."""
        size = self.grouping
        if size > 0 and columns % size:
            fitting = [known for known in (16, 32, 64, 128, 256) if columns % known == 0]
            raise UsageError(
                f"{size} does not divide the {columns} inputs of layer {name}",
                field=f"quantizer {self.method}: group_size",
                fix=f"-1 (an output channel){', or one of ' if fitting else ''}{', '.join(map(str, fitting))}",
            )


def options_of(quantizer: Quantizer) -> Mapping[str, Any]:
    """Plain data from which `make_quantizer` makes the same quantizer again, with every default spelled out."""
    return {"method": quantizer.method, **quantizer.model_dump(mode="json")}
