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
from kb.classify.cues import Cues
from kb.classify.data import DIRECTIONS, Example, Part
from kb.classify.heads import KINDS
from kb.classify.model import Classifier
from kb.classify.table import Table
from kb.classify.text import inverse_frequency
from kb.classify.training import fit_all

Step = Callable[[str, int, int], None]
Trained = dict[tuple[bytes, tuple[str, ...]], Classifier]
"""Classifiers by the rows and the heads that they were trained on: several questions are put to the same ones."""


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
    trained: Trained | None = None,
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Probabilities for the items in `fold` (item -> fold), each from a head that never saw its fold.

    Args:
        test_table: what the papers look like when asked about, if not as in training (title only).
        trained: classifiers of earlier calls over the same items and table.

    Returns:
        probabilities [items in fold, classes], the classes, and whether each one's head would have proposed it.
    """
    kind = next(k for k in KINDS if k.name == kind_name)
    asked = sorted(fold)
    place = {item: at for at, item in enumerate(asked)}
    known = {name for item in items for name in kind.answer(item)}
    classes = tuple(name for name in kind.order if name in known) or tuple(sorted(known))
    kinds = ("direction", "branch") if kind_name in {"direction", "branch"} else (kind_name,)

    def teaches(item: Example) -> bool:
        return any(k.answer(item) for k in KINDS if k.name in kinds)

    out = np.zeros((len(asked), len(classes)))
    proposes = np.zeros(len(asked), dtype=bool)
    for number in sorted(set(fold.values())):
        test = np.array([i for i in asked if fold[i] == number])
        held = set(test.tolist())
        rest = np.array([i for i in range(len(items)) if i not in held and teaches(items[i])])
        cache, key = trained if trained is not None else {}, (rest.tobytes(), kinds)
        if key not in cache:
            cache[key] = subset_classifier(items, table, rest, kinds)
        classifier = cache[key]
        asked_table = (test_table or table).take(test)
        asked_rows = asked_table.without_vectors() if lexical else asked_table
        p = classifier.probabilities(kind_name, asked_rows.weighed(classifier.idf), [None] * len(test))
        at = [place[i] for i in test.tolist()]
        for column, name in enumerate(classifier.words[kind_name].classes):
            out[at, classes.index(name)] = p[:, column]
        proposes[at] = p.max(1) >= classifier.thresholds[lexical][kind_name]
    return out, classes, proposes


def subset_classifier(
    items: Sequence[Example], table: Table, rows: np.ndarray, kinds: Sequence[str] = ()
) -> Classifier:
    """A classifier that has only ever seen these rows."""
    part = table.take(rows)
    chosen = [items[i] for i in rows]
    classifier = fit_all(part, chosen, inverse_frequency(part.words), Cues(), kinds=kinds)
    if missing := set(kinds) - set(classifier.words):
        raise ValueError(f"too few papers to train {', '.join(sorted(missing))}")
    return classifier


def gold_rows(items: Sequence[Example]) -> np.ndarray:
    return np.array([i for i, item in enumerate(items) if item.part is Part.GOLD and item.direction])


def direction_runs(
    items: Sequence[Example],
    table: Table,
    *,
    lexical: bool,
    repeats: int,
    test_table: Table | None = None,
    trained: Trained | None = None,
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
            trained=trained,
        )
        runs.append(Answers(p, labels, classes))
        proposed.append(proposes)
        step(what, seed + 1, repeats)
    return runs, proposed


def unseen_lists(items: Sequence[Example], table: Table) -> list[dict[str, Any]]:
    """For each list, answers about the papers that it alone files, from a classifier that never saw any of them.

    Stricter than folds: a list has its own idea of a direction, and none of it was learned.
    """
    rows = gold_rows(items)
    alone = {i: {name for name, _ in items[i].votes} for i in rows.tolist()}
    found = []
    for name in sorted({next(iter(lists)) for lists in alone.values() if len(lists) == 1}):
        fold = {i: 0 for i, lists in alone.items() if lists == {name}}
        try:
            p, classes, _ = out_of_fold(items, table, "direction", fold, lexical=table.vectors is None)
        except ValueError:  # too few papers are left to learn from
            continue
        labels = np.array([classes.index(items[i].direction or "") for i in sorted(fold)])
        found.append({"list": name, **summary([Answers(p, labels, classes)])})
    return found


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


# Baselines on the same folds


def zero_shot(items: Sequence[Example], vectors: np.ndarray, described: np.ndarray) -> Answers:
    """The nearest direction description; `described` [directions, descriptions' dimensions] are their embeddings."""
    rows = gold_rows(items)
    labels = np.array([DIRECTIONS.index(items[i].direction or "") for i in rows])
    return Answers(ridge.softmax(20.0 * (vectors[rows] @ described.T)), labels, DIRECTIONS)


def regression_runs(items: Sequence[Example], vectors: np.ndarray, *, repeats: int) -> list[Answers] | None:
    """Logistic regression on embeddings (scikit-learn, C = 10, balanced); None where scikit-learn is not installed."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        return None
    rows = gold_rows(items)
    labels = np.array([DIRECTIONS.index(items[i].direction or "") for i in rows])
    runs = []
    for seed in range(repeats):
        fold = folds([items[i].direction or "" for i in rows], 5, seed)
        p = np.zeros((len(rows), len(DIRECTIONS)))
        for number in range(5):
            rest = fold != number
            model = LogisticRegression(C=10, class_weight="balanced", max_iter=2000)
            p[~rest] = model.fit(vectors[rows[rest]], labels[rest]).predict_proba(vectors[rows[~rest]])
        runs.append(Answers(p, labels, DIRECTIONS))
    return runs


def with_one_list(items: Sequence[Example], runs: Sequence[Answers], reliable: float) -> dict[str, Any]:
    """Papers in several lists: what the text says, what another list says, and both, of the primary list's label."""
    rows = gold_rows(items)
    picked, said = [], []
    for at, row in enumerate(rows):
        others = [d for name, d in items[row].votes if name != items[row].source]
        if others:
            picked.append(at)
            said.append(DIRECTIONS.index(others[0]))
    if not picked:
        return {"papers": 0}
    chosen, heading = np.array(picked), np.array(said)
    text = [run.only(chosen) for run in runs]
    factor = np.full((len(chosen), len(DIRECTIONS)), (1 - reliable) / (len(DIRECTIONS) - 1))
    factor[np.arange(len(chosen)), heading] = reliable
    both = []
    for run in text:
        p = run.probabilities * factor
        both.append(Answers(p / p.sum(1, keepdims=True), run.labels, run.classes))
    return {
        "papers": len(chosen),
        "text": summary(text),
        "another_list": round(float((heading == text[0].labels).mean()), 4),
        "both": summary(both),
    }


# Sub-branches, stage, scope


def branch_runs(
    items: Sequence[Example],
    table: Table,
    *,
    lexical: bool,
    repeats: int,
    trained: Trained | None = None,
    step: Step = no_step,
) -> dict[str, Any]:
    """Whether a branch that lists name is first, or among the first three, of those the classifier names."""
    rows = gold_rows(items)
    first, three, majority = [], [], []
    asked = 0
    for seed in range(repeats):
        fold = folds([items[i].direction or "" for i in rows], 5, seed)
        spread = dict(zip(rows.tolist(), fold.tolist(), strict=True))
        top, tops, _ = out_of_fold(items, table, "direction", spread, lexical=lexical, trained=trained)
        sub, subs, _ = out_of_fold(items, table, "branch", spread, lexical=lexical, trained=trained)
        parent = np.array([tops.index(name.split("/", 1)[0]) for name in subs])
        within = np.zeros_like(top)
        for column, place in enumerate(parent):
            within[:, place] += sub[:, column]
        p = top[:, parent] * sub / np.maximum(within[:, parent], 1e-12)
        order = np.argsort(-p, axis=1, kind="stable")
        truth = [{subs.index(b) for b in items[i].branches} for i in rows]
        known = [at for at, answer in enumerate(truth) if answer]
        common = np.argsort(-np.bincount([b for at in known for b in truth[at]], minlength=len(subs)))
        asked = len(known)
        first.append(np.mean([order[at, 0] in truth[at] for at in known]))
        three.append(np.mean([bool(truth[at] & set(order[at, :3].tolist())) for at in known]))
        majority.append(np.mean([bool(truth[at] & set(common[:3].tolist())) for at in known]))
        step("branches", seed + 1, repeats)
    sizes: dict[str, int] = {}
    for i in rows:
        for branch in items[i].branches:
            sizes[branch] = sizes.get(branch, 0) + 1
    return {
        "papers": asked,
        "first": round(float(np.mean(first)), 4),
        "among_three": round(float(np.mean(three)), 4),
        "three_commonest": round(float(np.mean(majority)), 4),
        "sizes": dict(sorted(sizes.items(), key=lambda item: -item[1])),
    }


def facet_runs(
    items: Sequence[Example],
    table: Table,
    name: str,
    *,
    lexical: bool,
    repeats: int,
    step: Step = no_step,
) -> dict[str, Any]:
    """Five-fold answers of a head about its trusted papers."""
    kind = next(k for k in KINDS if k.name == name)
    rows = np.array([i for i, item in enumerate(items) if item.part in kind.trusted and kind.answer(item)])
    runs, covered, sure = [], [], []
    for seed in range(repeats):
        fold = folds([kind.answer(items[i])[0] for i in rows], 5, seed)
        spread = dict(zip(rows.tolist(), fold.tolist(), strict=True))
        p, classes, proposes = out_of_fold(items, table, name, spread, lexical=lexical)
        labels = np.array([classes.index(kind.answer(items[i])[0]) for i in rows])
        runs.append(Answers(p, labels, classes))
        covered.append(float(proposes.mean()))
        sure.append(float(runs[-1].right[proposes].mean()) if proposes.any() else float("nan"))
        step(name, seed + 1, repeats)
    largest = float(np.bincount(runs[0].labels).max() / len(rows))
    return {
        **summary(runs),
        "largest_class": round(largest, 4),
        "proposes": round(float(np.mean(covered)), 4),
        "right_where_it_proposes": round(float(np.nanmean(sure)), 4) if not np.isnan(sure).all() else None,
        "per_class": {c: {k: round(v, 3) for k, v in row.items()} for c, row in runs[0].per_class().items()},
    }
