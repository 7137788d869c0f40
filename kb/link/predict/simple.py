"""Simple ways to predict a score, which the model has to beat."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from kb.link.predict.cases import Case, Evidence

Simple = Callable[[Sequence[Evidence], Sequence[Case]], np.ndarray]


def no_drop(evidence: Sequence[Evidence], cases: Sequence[Case]) -> np.ndarray:
    """The baseline."""
    return np.array([case.baseline for case in cases])


def _mean(*keys: Callable[[Case], Hashable]) -> Simple:
    """The mean drop of the first key under which there is evidence; of everything, if there is none."""

    def predict(evidence: Sequence[Evidence], cases: Sequence[Case]) -> np.ndarray:
        tables: list[dict[Hashable, list[float]]] = [{} for _ in keys]
        for one in evidence:
            for table, key in zip(tables, keys, strict=True):
                table.setdefault(key(one.case), []).append(one.drop)
        everything = [one.drop for one in evidence]
        found = []
        for case in cases:
            drops = next(
                (table[key(case)] for table, key in zip(tables, keys, strict=True) if key(case) in table),
                everything,
            )
            found.append(case.baseline + float(np.mean(drops)))
        return np.clip(np.array(found), 0.0, 100.0)

    return predict


def nearest(evidence: Sequence[Evidence], cases: Sequence[Case]) -> np.ndarray:
    """The drop of the nearest row: fewest words that differ, then bits, size and baseline."""
    drops = np.array([one.drop for one in evidence])
    found = []
    for case in cases:
        far = np.array([_distance(case, one.case) for one in evidence])
        found.append(case.baseline + drops[far == far.min()].mean())
    return np.clip(np.array(found), 0.0, 100.0)


def _distance(a: Case, b: Case) -> float:
    words = (
        2.0 * (a.method != b.method) + (a.group != b.group) + (a.model != b.model) + (a.family != b.family)
    )
    words += 1.0 * (a.benchmark != b.benchmark) + (a.task != b.task)
    bits = sum(abs(np.log2(x / y)) for x, y in zip(a.bits, b.bits, strict=True))
    return float(words + 3.0 * bits + abs(np.log(a.size_b / b.size_b)) + abs(a.baseline - b.baseline) / 20.0)


def linear(evidence: Sequence[Evidence], cases: Sequence[Case]) -> np.ndarray:
    """Ridge regression of the drop on bits, size, difficulty, baseline, method, model family and task."""
    from sklearn.linear_model import Ridge

    words = {
        name: sorted({getattr(one.case, name) for one in evidence})
        for name in ("method", "family", "origin", "task")
    }

    def table(rows: Sequence[Case]) -> np.ndarray:
        return np.array(
            [
                [
                    *(2.0 ** (4.0 - bits) for bits in case.bits),
                    np.log(case.size_b),
                    case.difficulty,
                    case.baseline / 20.0,
                ]
                + [float(getattr(case, name) == word) for name, known in words.items() for word in known]
                for case in rows
            ]
        )

    seen = [one.case for one in evidence]
    model = Ridge(alpha=1.0).fit(table(seen), np.array([one.drop for one in evidence]))
    return np.clip(no_drop(evidence, cases) + model.predict(table(cases)), 0.0, 100.0)


SIMPLE: dict[str, Simple] = {
    "no drop": no_drop,
    "mean drop of the bits": _mean(lambda case: case.bits),
    "mean drop of method and bits": _mean(lambda case: (case.method, case.bits), lambda case: case.bits),
    "nearest row": nearest,
    "linear": linear,
}
