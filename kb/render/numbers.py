"""Figures as people read them on a page, with a real minus sign."""

from __future__ import annotations

import math
import re

MINUS = "−"
_NEGATIVE = re.compile(r"(?<![\w.])-(?=\d)")


def signed(value: float, digits: int = 2) -> str:
    """A difference.

    >>> signed(1), signed(-0.001), signed(-2.055)
    ('+1.00', '0.00', '−2.06')
    """
    value = round(value, digits) + 0.0
    text = f"{abs(value):.{digits}f}"
    return text if value == 0 else f"{'+' if value > 0 else MINUS}{text}"


def plain(value: float) -> str:
    """A figure without needless digits.

    >>> plain(-2.5), plain(14), plain(0.1 + 0.2), plain(12345.6)
    ('−2.5', '14', '0.3', '12,346')
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 2) + 0.0:g}"
    return text.replace("-", MINUS)


def span(low: float | None, high: float | None, digits: int = 2) -> str:
    """An interval of differences; "not known" without ends.

    >>> span(-1, 2), span(None, None)
    ('−1.00 to +2.00', 'not known')
    """
    return "not known" if low is None or high is None else f"{signed(low, digits)} to {signed(high, digits)}"


def p_value(p: float) -> str:
    """A p value.

    >>> p_value(0.00002), p_value(0.0312), p_value(0.5), p_value(1.0)
    ('p < 0.001', 'p = 0.031', 'p = 0.50', 'p > 0.99')
    """
    if p < 0.001:
        return "p < 0.001"
    if p > 0.99:
        return "p > 0.99"
    return f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def minus_signs(text: str) -> str:
    """A sentence with its negative numbers in real minus signs.

    >>> minus_signs("-2.05 points, -2.6 to -1.5, w4-awq, 2020-2022")
    '−2.05 points, −2.6 to −1.5, w4-awq, 2020-2022'
    """
    return _NEGATIVE.sub(MINUS, text)


def ends(interval: tuple[float, float]) -> tuple[float | None, float | None]:
    """Both ends; None for what is not known."""
    low, high = interval
    return (None, None) if math.isnan(low) or math.isnan(high) else (low, high)
