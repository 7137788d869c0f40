"""What a claim speaks of, in one form: method x bits x model size x task, so that two claims can be laid over each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kb.link.evidence import FULL, NONE, Setting
from kb.records.claims import Arm, Claim, Conditions, Metric, Range, Relation
from kb.records.results import MethodKind, Vocabulary

_Word = TypeVar("_Word")
_BITS = ("weight_bits", "act_bits", "kv_bits")


@dataclass(frozen=True)
class Size:
    """A class of model sizes, in billions of parameters: from `low` to below `high`."""

    title: str
    low: float
    high: float


SIZES: tuple[Size, ...] = (
    Size("below 3B", 0, 3),
    Size("3B to 10B", 3, 10),
    Size("10B to 40B", 10, 40),
    Size("40B and more", 40, float("inf")),
)


def size_of(size_b: float | None) -> int | None:
    """The place in SIZES of a model of so many billion parameters."""
    if size_b is None:
        return None
    return next(at for at, size in enumerate(SIZES) if size.low <= size_b < size.high)


@dataclass(frozen=True)
class Scope:
    """What a claim speaks of. An empty tuple is "any"."""

    metric: Metric
    method: tuple[str, ...]
    variant: str | None
    weight_bits: tuple[float, ...]
    act_bits: tuple[float, ...]
    kv_bits: tuple[float, ...]
    baseline: tuple[object, ...]
    model: tuple[str, ...]
    model_origin: tuple[str, ...]
    task_kind: tuple[str, ...]
    benchmark: tuple[str, ...]
    model_size_b: Range | None
    difficulty: Range | None
    chain_length: Range | None

    def words(self) -> str:
        """For people."""
        parts = [" or ".join(self.method) or "any method"]
        for name, bits in (
            ("weights", self.weight_bits),
            ("activations", self.act_bits),
            ("KV cache", self.kv_bits),
        ):
            if bits and bits != (FULL,):
                parts.append(f"{name} at {' or '.join(f'{each:g}' for each in bits)} bits")
        if self.model_size_b:
            parts.append(f"models of {self.model_size_b}B")
        for values, what in (
            (self.model, ""),
            (self.model_origin, " models"),
            (self.task_kind, ""),
            (self.benchmark, ""),
        ):
            if values:
                parts.append(f"{' or '.join(values)}{what}")
        if self.difficulty:
            parts.append(f"difficulty {self.difficulty}")
        if self.chain_length:
            parts.append(f"chains of {self.chain_length} steps")
        return ", ".join(parts)


class Scopes:
    """Brings claims to one form.

    A family's name stands for its methods. A method that does not quantize leaves all bits at 16; of one that does, a
    claim which leaves the bits open means those with which it was ever measured. A named model has one size and one origin,
    a named benchmark one kind and difficulty.
    """

    def __init__(self, words: Vocabulary, settings: Iterable[Setting]) -> None:
        self._words = words
        methods = self._methods = words.methods
        self._families: dict[str, set[str]] = {}
        for method in methods.values():
            self._families.setdefault(method.family, set()).add(method.name)
        self._bits: dict[tuple[str, str], set[float]] = {}
        for setting in settings:
            for name in _BITS:
                self._bits.setdefault((setting.method, name), set()).add(getattr(setting, name))

    def of(self, claim: Claim) -> Scope:
        """The scope of a claim. One that compares two conditions is not narrowed by them: it speaks of both."""
        arm = claim.variant or Arm()
        held = Conditions() if claim.relation is Relation.LARGER_DROP else claim.conditions
        names = {name for each in arm.method for name in (self._families.get(each) or {each})}
        models = [self._words.models.get(name) for name in held.model]
        benchmarks = [self._words.benchmarks.get(name) for name in held.benchmark]
        bits = {axis: getattr(arm, axis) or self._open(names, axis) for axis in _BITS}
        return Scope(
            metric=claim.metric,
            method=tuple(sorted(names)),
            variant=arm.variant,
            baseline=_baseline(claim.baseline),
            model=held.model,
            model_origin=tuple(held.model_origin) or _every(models, lambda model: model.origin),
            task_kind=tuple(held.task_kind) or _every(benchmarks, lambda benchmark: benchmark.kind),
            benchmark=held.benchmark,
            model_size_b=held.model_size_b or _span(models, lambda model: model.size_b),
            difficulty=held.difficulty or _span(benchmarks, lambda benchmark: benchmark.difficulty),
            chain_length=held.chain_length,
            **bits,
        )

    def _open(self, names: set[str], axis: str) -> tuple[float, ...]:
        """What bits a claim means that does not say; () for any."""
        found: set[float] = set()
        for name in names:
            method = self._methods.get(name)
            measured = self._bits.get((name, axis), set())
            if method is not None and method.kind is MethodKind.OTHER:
                measured = measured or {FULL}
            if not measured:
                return ()
            found |= measured
        return tuple(sorted(found))


def _every(words: Sequence[_Word | None], what: Callable[[_Word], str]) -> tuple[str, ...]:
    """What the named words are; () for any, if one of them is not known."""
    found = [what(word) for word in words if word is not None]
    return tuple(sorted(set(found))) if found and len(found) == len(words) else ()


def _span(words: Sequence[_Word | None], what: Callable[[_Word], float | None]) -> Range | None:
    found = [value for word in words if word is not None and (value := what(word)) is not None]
    return Range(min=min(found), max=max(found)) if found and len(found) == len(words) else None


def _baseline(arm: Arm | None) -> tuple[object, ...]:
    if arm is None or arm.method == (NONE,):
        return (NONE,)
    return (*sorted(arm.method), arm.variant, arm.weight_bits, arm.act_bits, arm.kv_bits)


def common(a: Scope, b: Scope) -> Scope | None:
    """What both speak of; None if nothing."""
    if (a.metric, a.variant, a.baseline) != (b.metric, b.variant, b.baseline):
        return None
    found: dict[str, object] = {"metric": a.metric, "variant": a.variant, "baseline": a.baseline}
    for name in (
        "method",
        "weight_bits",
        "act_bits",
        "kv_bits",
        "model",
        "model_origin",
        "task_kind",
        "benchmark",
    ):
        left, right = getattr(a, name), getattr(b, name)
        found[name] = _both(left, right)
        if left and right and not found[name]:
            return None
    for name in ("model_size_b", "difficulty", "chain_length"):
        span = _overlap(getattr(a, name), getattr(b, name))
        if span == "none":
            return None
        found[name] = span
    return Scope(**found)  # type: ignore[arg-type]


def _both(a: Sequence[object], b: Sequence[object]) -> tuple[object, ...]:
    return tuple(each for each in a if each in b) if a and b else tuple(a or b)


def _overlap(a: Range | None, b: Range | None) -> Range | str | None:
    if a is None or b is None:
        return a or b
    low = max((each for each in (a.min, b.min) if each is not None), default=None)
    high = min((each for each in (a.max, b.max) if each is not None), default=None)
    if low is not None and high is not None and low > high:
        return "none"
    return Range(min=low, max=high)
