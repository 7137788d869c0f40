"""From values to places in a picture, and where ticks stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["linear", "log", "stretched"]
_PLACE: dict[Kind, Callable[[float], float]] = {
    "linear": lambda value: value,
    "log": math.log10,
    "stretched": math.asinh,
}
_VALUE: dict[Kind, Callable[[float], float]] = {
    "linear": lambda place: place,
    "log": lambda place: 10.0**place,
    "stretched": math.sinh,
}
_ROUND = (1, 2, 5, 10, 20, 50, 100)
_AIR = 0.04


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high` at places from `start` to `end`.

    Attributes:
        kind: `stretched` is about linear within one unit of nought and logarithmic beyond, on both sides (the area
            hyperbolic sine), for differences of which most are small and some are huge.
        whole: ticks of a linear scale are whole numbers.
    """

    low: float
    high: float
    start: float
    end: float
    kind: Kind = "linear"
    whole: bool = False

    def at(self, value: float) -> float:
        """Where a value lies."""
        place = _PLACE[self.kind]
        low, high = place(self.low), place(self.high)
        return self.start + (self.end - self.start) * (place(value) - low) / (high - low)

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers within the scale, in order; at most so many, except that a linear one may have a few less."""
        if self.kind == "linear":
            step = max(_step((self.high - self.low) / (most - 1)), float(self.whole))
            first = math.ceil(self.low / step - 1e-9)
            return [round(at * step, 10) for at in range(first, math.floor(self.high / step + 1e-9) + 1)]
        return self._thinned(self._rounds(), most)

    def _rounds(self) -> list[float]:
        if self.kind == "stretched":
            every = [0.0, *(sign * each for each in _ROUND for sign in (1, -1))]
        else:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            every = [times * 10.0**power for power in powers for times in (1, 2, 5)]
        return sorted(each for each in every if self.low <= each <= self.high)

    def _thinned(self, ticks: list[float], most: int) -> list[float]:
        """Those that keep enough distance; nought always stays, then whole tens."""
        least = abs(self.end - self.start) / most
        kept: list[float] = []
        for tick in sorted(ticks, key=lambda each: (each != 0, not _whole_power(each), each)):
            if all(abs(self.at(tick) - self.at(other)) >= least * 0.99 for other in kept):
                kept.append(tick)
        return sorted(kept)


def scale_of(
    values: Iterable[float | None],
    start: float,
    end: float,
    *,
    kind: Kind = "linear",
    with_nought: bool = False,
) -> Scale:
    """Wide enough for every value that is a number, with a little air. No value, or one, makes a scale as well."""
    known = finite(values)
    if with_nought or (not known and kind != "log"):
        known.append(0.0)
    if kind == "log":
        known = [value for value in known if value > 0] or [1.0]
    there, back = _PLACE[kind], _VALUE[kind]
    low, high = there(min(known)), there(max(known))
    air = _AIR * (high - low) if high - low > 1e-9 else 1.0
    return Scale(back(low - air), back(high + air), start, end, kind)


def counts_of(values: Iterable[float], start: float, end: float) -> Scale:
    """From nought to the largest count, which is one at least."""
    return Scale(0.0, max([1.0, *values]) * (1 + _AIR), start, end, whole=True)


def finite(values: Iterable[float | None]) -> list[float]:
    """Those that are numbers: neither None nor NaN nor infinite."""
    return [value for value in values if value is not None and math.isfinite(value)]


def _step(least: float) -> float:
    """1, 2 or 5 times a power of ten, not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least * (1 - 1e-9))


def _whole_power(value: float) -> bool:
    return value != 0 and abs(math.log10(abs(value)) % 1) < 1e-9
