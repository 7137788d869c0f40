"""What triage would bring: how many decisions until the classifier is as good as with all of them.

A person is played by the labels. The queue's order (least certain first) is held against a random order on papers that
neither ever sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kb.classify import ridge
from kb.classify.data import DIRECTIONS, Example, Part
from kb.classify.evaluate import Step, folds, gold_rows, no_step
from kb.classify.queue import uncertainty
from kb.classify.table import Table
from kb.classify.text import inverse_frequency, weigh

START, BATCH = 15, 10
_NEAR = 0.005


def decisions_needed(
    items: Sequence[Example], table: Table, *, repeats: int = 4, step: Step = no_step
) -> dict[str, Any]:
    """Accuracy after so many decisions, by order; mean over `repeats` times five held-out parts."""
    gold = gold_rows(items)
    silver = np.array([i for i, item in enumerate(items) if item.part is Part.SILVER and item.direction])
    rows = np.concatenate([gold, silver]).astype(np.int64)
    part = table.take(rows)
    words = weigh(part.words, inverse_frequency(part.words.take(np.arange(len(gold), len(rows)))))
    alike = words.products(words)
    if part.vectors is not None:
        alike = alike + ridge.radial(part.vectors, part.vectors)
    labels = np.array([DIRECTIONS.index(items[i].direction or "") for i in rows])
    given = np.arange(len(gold), len(rows))  # labels of a neighbouring field, known from the start
    curves: dict[str, list[list[float]]] = {"queue": [], "random": []}
    for repeat in range(repeats):
        fold = folds([items[i].direction or "" for i in gold], 5, 100 + repeat)
        for number in range(5):
            test, pool = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            for order, curve in curves.items():
                curve.append(_play(alike, labels, given, pool, test, order, 1000 * repeat + number))
        step("simulating triage", repeat + 1, repeats)
    steps = min(len(curve) for each in curves.values() for curve in each)
    decisions = [START + BATCH * i for i in range(steps)]
    means = {order: np.mean([curve[:steps] for curve in each], axis=0) for order, each in curves.items()}
    full = float(np.mean([curve[-1] for each in curves.values() for curve in each]))
    needed = {
        order: next((d for d, value in zip(decisions, curve, strict=True) if value >= full - _NEAR), None)
        for order, curve in means.items()
    }
    return {
        "full_accuracy": round(full, 4),
        "all_decisions": int(len(gold) * 0.8),
        "needed": needed,
        "curve": [
            {"decisions": d, **{order: round(float(means[order][i]), 4) for order in means}}
            for i, d in enumerate(decisions)
        ],
    }


def _play(
    alike: np.ndarray,
    labels: np.ndarray,
    given: np.ndarray,
    pool: np.ndarray,
    test: np.ndarray,
    order: str,
    seed: int,
) -> list[float]:
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(pool)
    decided = shuffled[:START].tolist()
    curve = []
    while True:
        known = np.concatenate([np.array(decided), given])
        weights = np.concatenate([np.ones(len(decided)), np.full(len(given), 0.1)])
        targets = np.eye(len(DIRECTIONS))[labels[known]]
        fitted = ridge.fit(alike[np.ix_(known, known)], targets, weights, 1.0)
        scores = alike[:, known] @ fitted.alpha + fitted.offset
        curve.append(float((scores[test].argmax(1) == labels[test]).mean()))
        rest = [row for row in shuffled.tolist() if row not in set(decided)]
        if not rest:
            return curve
        if order == "queue":
            p = ridge.softmax(5.0 * scores)
            rest.sort(key=lambda row: -uncertainty(p[row].tolist()))
        decided += rest[:BATCH]
