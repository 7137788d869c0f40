"""Several tests at once: p values that are raised by as much as the number of tests asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kb.errors import UsageError


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given: the chance of even one false finding stays at the level.

    Holds under any dependence between the tests. Source: S. Holm, Scandinavian Journal of Statistics 6 (1979) 65.
    """
    _check(p_values)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, at in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = highest
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given: the expected share of false findings stays at the level.

    Holds for independent or positively dependent tests. Source: Benjamini and Hochberg, Journal of the Royal
    Statistical Society B 57 (1995) 289; computed by scipy.
    """
    from scipy.stats import false_discovery_control

    _check(p_values)
    if not len(p_values):
        return []
    return [float(p) for p in false_discovery_control(np.asarray(p_values, dtype=np.float64), method="bh")]


def _check(p_values: Sequence[float]) -> None:
    if any(not 0 <= p <= 1 for p in p_values):
        raise UsageError("a p value lies between 0 and 1; leave out tests that gave none")
