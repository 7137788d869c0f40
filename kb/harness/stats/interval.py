"""An estimate with its interval, and the plain data of whatever holds one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from kb.errors import UsageError

NAN = float("nan")


@dataclass(frozen=True)
class Interval:
    """An estimate and how sure it is.

    Attributes:
        value: the estimate; NaN if nothing speaks to it.
        low, high: the bounds of a two-sided confidence interval; NaN where no interval can be had (one item).
        level: its confidence level, 0.95 unless asked otherwise.
        method: how it was made, for a reader: "Wilson", "BCa bootstrap over items".
        n: the independent units behind it: items, not completions.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int

    @property
    def known(self) -> bool:
        """Whether there is an estimate at all. What is not known is reported, never ranked."""
        return not math.isnan(self.value)

    def __neg__(self) -> Interval:
        return Interval(-self.value, -self.high, -self.low, self.level, self.method, self.n)

    def holds(self, value: float) -> bool:
        """Whether `value` lies in the interval; False where there is none."""
        return self.low <= value <= self.high

    def to_data(self) -> dict[str, Any]:
        data: dict[str, Any] = plain(self)
        return data


def nothing(level: float, method: str = "no data") -> Interval:
    """The estimate of what nobody has seen."""
    return Interval(NAN, NAN, NAN, level, method, 0)


def plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as JSON takes them, all the way down. NaN becomes None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_level(level: float) -> None:
    if not 0 < level < 1:
        raise UsageError(f"a confidence level lies between 0 and 1, {level} does not", fix="0.95")


def check_margin(margin: float) -> None:
    if not 0 < margin < 1:
        raise UsageError(f"a margin lies between 0 and 1, {margin} does not", fix="0.01 is one point of 100")


def check_counts(right: float, n: float) -> None:
    if not (math.isfinite(right) and math.isfinite(n) and 0 <= right <= n):
        raise UsageError(f"{right} of {n} is no proportion")


def z_of(level: float) -> float:
    """The standard normal quantile of a two-sided level: 1.96 for 0.95."""
    from scipy.stats import norm

    check_level(level)
    return float(norm.ppf(1 - (1 - level) / 2))
