"""Trees that predict what the logit of accuracy loses, in which fewer bits never help.

Extremely randomized trees (Geurts, Ernst and Wehenkel, Machine Learning 63, 2006) of scikit-learn, whose splits keep the prediction monotone in every
number of bits. It sees sharp edges, such as a cache of 4 bits that ruins one family of small models, where a smooth
process sees slopes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kb.errors import UsageError
from kb.link.predict.cases import Case
from kb.link.predict.kernel import logit

TREES = 100
_WORDS = ("method", "group", "model", "family", "origin", "task", "benchmark")
_BITS = 4


@dataclass(frozen=True)
class Forest:
    """A fitted forest and the words that it knows; a word that it does not know is none of them."""

    trees: Any
    words: tuple[tuple[str, tuple[str, ...]], ...]

    def predict(self, cases: Sequence[Case]) -> np.ndarray:
        """What is lost, in logits."""
        found: np.ndarray = self.trees.predict(_table(cases, self.words))
        return found


def fit(cases: Sequence[Case], scores: np.ndarray) -> Forest:
    """
    Raises:
        UsageError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import ExtraTreesRegressor
    except ModuleNotFoundError:
        raise UsageError("predictions need scikit-learn", fix='pip install "kb-survey[predict]"') from None
    words = tuple((name, tuple(sorted({getattr(case, name) for case in cases}))) for name in _WORDS)
    table = _table(cases, words)
    forest = ExtraTreesRegressor(
        n_estimators=TREES,
        max_features=0.6,
        min_samples_leaf=1,
        monotonic_cst=[1] * _BITS + [0] * (table.shape[1] - _BITS),
        random_state=0,
        n_jobs=1,
    )
    lost = logit(scores) - logit(np.array([case.baseline for case in cases]))
    return Forest(forest.fit(table, lost), words)


def _table(cases: Sequence[Case], words: tuple[tuple[str, tuple[str, ...]], ...]) -> np.ndarray:
    rows = []
    for case in cases:
        row = [
            *case.bits,
            min(case.bits),
            np.log(case.size_b),
            case.difficulty,
            np.log(case.items),
            case.baseline,
        ]
        row += [float(logit(np.array(case.baseline))), float(case.trained), float(bool(case.variant))]
        for name, known in words:
            row += [float(getattr(case, name) == word) for word in known]
        rows.append(row)
    return np.array(rows, dtype=float)
