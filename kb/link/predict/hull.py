"""What of a case lies outside the evidence, and by how much."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kb.link.predict.cases import NOT_QUANTIZED, Case, Evidence

_PARTS = ("weight_bits", "act_bits", "kv_bits")
_NAMES = ("weights", "activations", "cache")
_ROUGHLY = 0.5  # bits: an average such as 4.82 is near enough to one of 4.5
_NEAR = 2.0  # points of a baseline


@dataclass(frozen=True)
class Outside:
    """One input beyond what is reported.

    Attributes:
        input: its name, such as weight_bits.
        by: by how much it lies outside (bits; a factor of the size; points of the baseline); None for a word.
        message: the same as a sentence.
    """

    input: str
    by: float | None
    message: str


class Hull:
    """The reach of the evidence. `outside` yields nothing for a case within it."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        self.cases = [one.case for one in evidence]

    def outside(self, case: Case) -> Iterator[Outside]:
        if not case.quantized:
            return
        same = [one for one in self.cases if one.method == case.method]
        if same:
            what = case.method
        else:
            same = [one for one in self.cases if one.group == case.group]
            what = f"methods of the family {case.group}"
            if not same:
                same = [one for one in self.cases if one.trained == case.trained]
                what = "any method that trains the weights" if case.trained else "any method without training"
            yield Outside("method", None, f"nothing is reported of {case.method}; held against {what}")
        yield from self._bits(case, same, what)
        yield from self._size(case)
        if case.benchmark not in {one.benchmark for one in self.cases}:
            yield Outside("benchmark", None, f"nothing is reported on {case.benchmark}")
        yield from self._baseline(case)

    def _bits(self, case: Case, same: Sequence[Case], what: str) -> Iterator[Outside]:
        for part in _PARTS:
            value = getattr(case, part)
            seen = sorted({getattr(one, part) for one in same} or {NOT_QUANTIZED})
            if value < seen[0] - 1e-9:
                by = seen[0] - value
                text = f"{part} {value:g} is {by:g} below the fewest reported of {what} ({seen[0]:g})"
                yield Outside(part, round(by, 4), text)
            elif value > seen[-1] + _ROUGHLY and value < NOT_QUANTIZED:
                by = value - seen[-1]
                text = f"{part} {value:g} is {by:g} above the most reported of {what} ({seen[-1]:g})"
                yield Outside(part, round(by, 4), text)
        if _pattern(case) not in {_pattern(one) for one in same}:
            text = f"no figure of {what} quantizes just the {_pattern(case)}"
            yield Outside("bits", None, text)

    def _size(self, case: Case) -> Iterator[Outside]:
        sizes = [one.size_b for one in self.cases]
        if case.size_b < min(sizes):
            by = min(sizes) / case.size_b
            text = (
                f"model_size {case.size_b:g}B is {by:.2g} times smaller than the smallest ({min(sizes):g}B)"
            )
            yield Outside("model_size", round(by, 4), text)
        if case.size_b > max(sizes):
            by = case.size_b / max(sizes)
            text = f"model_size {case.size_b:g}B is {by:.2g} times larger than the largest ({max(sizes):g}B)"
            yield Outside("model_size", round(by, 4), text)

    def _baseline(self, case: Case) -> Iterator[Outside]:
        seen = [one.baseline for one in self.cases if one.benchmark == case.benchmark]
        if not seen:
            return
        for end, by in ((min(seen), min(seen) - case.baseline), (max(seen), case.baseline - max(seen))):
            if by > _NEAR:
                text = f"baseline {case.baseline:g} is {by:.3g} points beyond those reported on {case.benchmark} ({end:g})"
                yield Outside("baseline", round(by, 4), text)


def _pattern(case: Case) -> str:
    parts = [name for name, bits in zip(_NAMES, case.bits, strict=True) if bits < NOT_QUANTIZED]
    return " and ".join(parts)
