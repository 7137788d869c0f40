"""How good the classifier is on papers it has not seen: nested cross-validation, and baselines on the same folds.

The outer folds are only ever reported on. Everything that is chosen (settings, calibration, thresholds, word weights)
is chosen inside the training part, by leave-one-out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from kb.classify import ridge
from kb.classify.data import DIRECTIONS, Example, Part
from kb.classify.model import KINDS, Head, Table, abstention, fit_head, kernel
from kb.classify.text import Document, counts, inverse_frequency

Step = Callable[[str, int, int], None]


def no_step(what: str, done: int, total: int) -> None:
    """Report nothing."""


def folds(labels: Sequence[str], parts: int, seed: int) -> np.ndarray:
    """The fold of each item, every class spread evenly."""
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(labels), dtype=np.int64)
    offset = 0
    for name in sorted(set(labels)):
        rows = np.flatnonzero(np.array(labels) == name)
        fold[rng.permutation(rows)] = (np.arange(len(rows)) + offset) % parts
        offset += len(rows)
    return fold


# Scores of a run


@dataclass(frozen=True)
class Answers:
    """What was answered on unseen papers: probabilities [n, classes] and the truth as class numbers."""

    probabilities: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def only(self, rows: np.ndarray) -> Answers:
        return Answers(self.probabilities[rows], self.labels[rows], self.classes)

    @property
    def chosen(self) -> np.ndarray:
        return self.probabilities.argmax(1)

    @property
    def right(self) -> np.ndarray:
        found: np.ndarray = self.chosen == self.labels
        return found

    @property
    def accuracy(self) -> float:
        return float(self.right.mean()) if len(self.labels) else float("nan")

    @property
    def ece(self) -> float:
        return ridge.expected_error(self.probabilities.max(1), self.right)

    @property
    def macro_f1(self) -> float:
        return float(np.mean([row["f1"] for row in self.per_class().values()]))

    def per_class(self) -> dict[str, dict[str, float]]:
        found = {}
        for number, name in enumerate(self.classes):
            true, said = self.labels == number, self.chosen == number
            if not true.any():
                continue
            hit = float((true & said).sum())
            precision, recall = hit / max(1.0, float(said.sum())), hit / float(true.sum())
            f1 = 2 * precision * recall / (precision + recall) if hit else 0.0
            found[name] = {"papers": int(true.sum()), "precision": precision, "recall": recall, "f1": f1}
        return found

    def at_coverage(self, share: float) -> float:
        """Accuracy on the surest `share` of the papers."""
        order = np.argsort(-self.probabilities.max(1), kind="stable")
        return float(self.right[order[: max(1, round(share * len(order)))]].mean())

    def top(self, most: int) -> float:
        """How often the truth is among the first `most`."""
        order = np.argsort(-self.probabilities, axis=1, kind="stable")[:, :most]
        return float((order == self.labels[:, None]).any(1).mean())


def summary(runs: Sequence[Answers]) -> dict[str, Any]:
    """Mean over repetitions, with the standard deviation of accuracy and macro-F1 over them."""
    accuracy, f1 = [run.accuracy for run in runs], [run.macro_f1 for run in runs]
    return {
        "papers": len(runs[0].labels),
        "accuracy": round(float(np.mean(accuracy)), 4),
        "accuracy_sd": round(float(np.std(accuracy)), 4),
        "macro_f1": round(float(np.mean(f1)), 4),
        "macro_f1_sd": round(float(np.std(f1)), 4),
        "ece": round(float(np.mean([run.ece for run in runs])), 4),
        "accuracy_at_75": round(float(np.mean([run.at_coverage(0.75) for run in runs])), 4),
    }


def risk_coverage(runs: Sequence[Answers]) -> list[dict[str, float]]:
    """Accuracy on the surest share of the papers, for growing shares."""
    return [
        {
            "coverage": share / 20,
            "accuracy": round(float(np.mean([run.at_coverage(share / 20) for run in runs])), 4),
        }
        for share in range(2, 21)
    ]


# Cross-validation


def out_of_fold(
    items: Sequence[Example],
    table: Table,
    kind_name: str,
    fold: Mapping[int, int],
    *,
    lexical: bool,
    test_table: Table | None = None,
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Probabilities for the items in `fold` (item -> fold), each from a head that never saw its fold.

    Args:
        test_table: what the papers look like when asked about, if not as in training (title only).

    Returns:
        probabilities [items in fold, classes], the classes, and whether each one's head would have proposed it.
    """
    kind = next(k for k in KINDS if k.name == kind_name)
    asked = sorted(fold)
    place = {item: at for at, item in enumerate(asked)}
    known = {name for item in items for name in kind.answer(item)}
    classes = tuple(name for name in kind.order if name in known) or tuple(sorted(known))
    out = np.zeros((len(asked), len(classes)))
    proposes = np.zeros(len(asked), dtype=bool)
    for number in sorted(set(fold.values())):
        test = np.array([i for i in asked if fold[i] == number])
        held = set(test.tolist())
        rest = np.array([i for i in range(len(items)) if i not in held and kind.answer(items[i])])
        part = table.take(rest)
        idf = inverse_frequency(part.words)
        views = []
        for words in (True,) if lexical else (True, False):
            head = fit_head(kind, [items[i] for i in rest], part, idf, lexical=words)
            if head is None:
                raise ValueError(f"too few papers to train {kind_name}")
            asked_scores = head_scores(head, part, (test_table or table).take(test), idf)
            views.append((head, head.calibration(asked_scores), head.calibration(head.left_out)))
        head = views[0][0]
        p = np.mean([view[1] for view in views], axis=0)
        bar = abstention(kind, np.mean([view[2] for view in views], axis=0), head.left_out_labels)
        at = [place[i] for i in test.tolist()]
        for column, name in enumerate(head.classes):
            out[at, classes.index(name)] = p[:, column]
        proposes[at] = p.max(1) >= bar
    return out, classes, proposes


def head_scores(head: Head, train: Table, asked: Table, idf: np.ndarray) -> np.ndarray:
    """A head's scores for papers outside its table."""
    alike = kernel(asked, train.take(head.rows), idf, lexical=head.lexical)
    result: np.ndarray = alike @ head.alpha + head.offset
    return result


def gold_rows(items: Sequence[Example]) -> np.ndarray:
    return np.array([i for i, item in enumerate(items) if item.part is Part.GOLD and item.direction])


def direction_runs(
    items: Sequence[Example],
    table: Table,
    *,
    lexical: bool,
    repeats: int,
    test_table: Table | None = None,
    step: Step = no_step,
    what: str = "direction",
) -> tuple[list[Answers], list[np.ndarray]]:
    """Repeated stratified five-fold answers about the direction of the gold papers, and who would have been proposed."""
    rows = gold_rows(items)
    labels = np.array([DIRECTIONS.index(items[i].direction or "") for i in rows])
    runs, proposed = [], []
    for seed in range(repeats):
        fold = folds([items[i].direction or "" for i in rows], 5, seed)
        p, classes, proposes = out_of_fold(
            items,
            table,
            "direction",
            dict(zip(rows.tolist(), fold.tolist(), strict=True)),
            lexical=lexical,
            test_table=test_table,
        )
        runs.append(Answers(p, labels, classes))
        proposed.append(proposes)
        step(what, seed + 1, repeats)
    return runs, proposed


# What people agree on


def list_agreement(items: Sequence[Example]) -> list[dict[str, Any]]:
    """For each pair of lists, on how many papers both name a direction and on how many it is the same one."""
    votes: dict[tuple[str, str], list[bool]] = {}
    for item in items:
        for (a, x), (b, y) in combinations(sorted(set(item.votes)), 2):
            if a != b:
                votes.setdefault((a, b), []).append(x == y)
    return [
        {"lists": list(pair), "papers": len(same), "agree": round(sum(same) / len(same), 4)}
        for pair, same in sorted(votes.items())
    ]


def reliability(items: Sequence[Example], classes: int = 3) -> float:
    """How often one list is right, if all are equally good and err independently: agreement = r^2 + (1-r)^2/(k-1)."""
    pairs = list_agreement(items)
    total = sum(pair["papers"] for pair in pairs)
    if not total:
        return 0.85
    agree = sum(pair["papers"] * pair["agree"] for pair in pairs) / total
    k = classes - 1
    # (1 + 1/k) r^2 - (2/k) r + 1/k - agree = 0
    a, b, c = 1 + 1 / k, -2 / k, 1 / k - agree
    root = (-b + np.sqrt(max(0.0, b * b - 4 * a * c))) / (2 * a)
    return float(np.clip(root, 0.5, 0.98))


def title_only(items: Sequence[Example]) -> list[Document]:
    return [Document(item.document.title) for item in items]


def words_of(items: Sequence[Example]) -> Table:
    return Table(counts(item.document for item in items), None)
