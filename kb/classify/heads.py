"""Heads: each answers one question about a paper from one view of it, by an exactly solved kernel machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kb.classify import ridge
from kb.classify.data import DIRECTIONS, SCOPES, Example, Part
from kb.classify.ridge import Calibration
from kb.classify.table import Table, View, alike

RELEVANCE = ("no", "yes")


@dataclass(frozen=True)
class Setting:
    """What leave-one-out chooses for a head."""

    ridge: float
    silver: float = 0.1  # how much a label of a neighbouring field counts

    def __str__(self) -> str:
        return f"ridge {self.ridge:g}, silver {self.silver:g}"


GRIDS = {
    View.WORDS: tuple(Setting(r) for r in (0.15, 0.3, 0.6)),
    View.CUES: tuple(Setting(r) for r in (0.15, 0.3, 0.6, 1.2)),
    View.SENSE: tuple(Setting(r) for r in (0.5, 1.0, 2.0)),
}


@dataclass(frozen=True)
class HeadKind:
    """What a head asks, who may teach it, and when it keeps silent.

    Attributes:
        answer: the classes an example belongs to; empty if it says nothing.
        trusted: the parts whose labels are worth calibrating on.
        precision: it proposes only where leave-one-out is right this often.
        least: it never proposes below this probability.
        even: how far calibration leaves the mix of classes among the labelled papers: other lists have another mix.
        views: what it looks at. Cues speak of branches: they say little of whether a paper belongs here at all.
    """

    name: str
    answer: Callable[[Example], tuple[str, ...]]
    trusted: frozenset[Part]
    precision: float
    least: float
    order: tuple[str, ...] = ()
    even: float = 0.0
    views: frozenset[View] = frozenset(View)


def _person(*parts: Part) -> frozenset[Part]:
    return frozenset({*parts, Part.PERSON})


def _one(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()


KINDS = (
    HeadKind(
        "direction",
        lambda e: _one(e.direction),
        _person(Part.GOLD),
        precision=0.9,
        least=0.5,
        order=DIRECTIONS,
        even=0.75,
    ),
    HeadKind("branch", lambda e: e.branches, _person(Part.GOLD), precision=0.75, least=0.5, even=0.75),
    HeadKind("stage", lambda e: _one(e.stage), _person(Part.RECORD), precision=0.8, least=0.5),
    HeadKind(
        "scope",
        lambda e: _one(e.scope),
        _person(Part.GOLD, Part.INSCOPE, Part.SILVER, Part.BACKGROUND),
        precision=0.9,
        least=0.5,
        order=SCOPES,
        views=frozenset({View.WORDS, View.SENSE}),
    ),
    HeadKind(
        "relevance",
        lambda e: () if e.relevant is None else (RELEVANCE[int(e.relevant)],),
        _person(Part.GOLD, Part.INSCOPE, Part.BACKGROUND),
        precision=0.0,
        least=0.0,
        order=RELEVANCE,
        views=frozenset({View.WORDS, View.SENSE}),
    ),
)


@dataclass(frozen=True)
class Head:
    """A trained head. `rows` are the labelled papers it learned from, by their place in the table."""

    name: str
    view: View
    classes: tuple[str, ...]
    rows: np.ndarray
    alpha: np.ndarray
    offset: np.ndarray
    left_out: np.ndarray
    left_out_labels: np.ndarray  # what trusted rows are; -1 for the others
    calibration: Calibration
    setting: Setting


def cue_columns(classes: Sequence[str], branches: Sequence[str]) -> np.ndarray:
    """Which of the cues' branches a head looks at: its own classes and those below."""
    tops = {name.split("/", 1)[0] for name in classes}
    return np.array(
        [i for i, branch in enumerate(branches) if branch.split("/", 1)[0] in tops], dtype=np.int64
    )


def fit_head(
    kind: HeadKind,
    items: Sequence[Example],
    table: Table,
    view: View,
    settings: Sequence[Setting] | None = None,
) -> Head | None:
    """Train a head on a table with TF-IDF rows. None if nobody teaches it.

    The setting with the best leave-one-out log loss on trusted rows wins.
    """
    answers = [kind.answer(item) for item in items]
    trusted_all = [bool(a) and item.part in kind.trusted for a, item in zip(answers, items, strict=True)]
    known = {name for answer in answers for name in answer}
    ordered = tuple(name for name in kind.order if name in known)
    classes = (*ordered, *sorted(known - set(ordered)))  # a taxonomy may have got other directions since
    rows = np.array([i for i, answer in enumerate(answers) if answer], dtype=np.int64)
    if len(classes) < 2 or sum(trusted_all) < 10 or view not in kind.views or not table.has(view):
        return None
    columns = cue_columns(classes, table.branches)
    if view is View.CUES and not len(columns):
        return None
    place = {name: i for i, name in enumerate(classes)}
    targets = np.zeros((len(rows), len(classes)))
    for at, row in enumerate(rows):
        for name in answers[row]:
            targets[at, place[name]] = 1.0 / len(answers[row])
    labels = targets.argmax(1)
    trusted = np.array([trusted_all[row] for row in rows])
    part = table.take(rows)
    kernel = alike(part, view, columns)
    best: tuple[float, Head] | None = None
    for setting in settings or GRIDS[view]:
        weights = _weights([items[row] for row in rows], targets, kind, setting)
        fitted = ridge.fit(kernel, targets, weights, setting.ridge)
        ones = evened(labels[trusted], kind.even)
        scores = fitted.left_out[trusted]
        calibration = ridge.calibrate(scores, labels[trusted], ones)
        loss = ridge.log_loss(calibration(scores), labels[trusted], ones)
        head = Head(
            name=kind.name,
            view=view,
            classes=classes,
            rows=rows,
            alpha=fitted.alpha,
            offset=fitted.offset,
            left_out=fitted.left_out,
            left_out_labels=np.where(trusted, labels, -1),
            calibration=calibration,
            setting=setting,
        )
        if best is None or loss < best[0] - 1e-9:
            best = (loss, head)
    return best[1] if best else None


def evened(labels: np.ndarray, power: float) -> np.ndarray:
    """A weight for each row that makes classes count more evenly; 0 leaves them as they are."""
    size = np.bincount(labels) + 1.0
    weights = ((size.sum() / len(size) / size) ** power)[labels]
    even: np.ndarray = weights / weights.mean()
    return even


def _weights(items: Sequence[Example], targets: np.ndarray, kind: HeadKind, setting: Setting) -> np.ndarray:
    """What each row counts: its part's worth, and more in a small class."""
    worth = np.array(
        [
            item.weight * (setting.silver if item.part is Part.SILVER and kind.name != "scope" else 1.0)
            for item in items
        ]
    )
    trusted = np.array([item.part in kind.trusted for item in items])
    size = targets[trusted].sum(0) + 1.0
    factor = np.clip((size.sum() / len(size) / size) ** 0.75, 0.3, 3.0)
    return worth * np.where(trusted, targets @ factor, 1.0)


def abstention(kind: HeadKind, p: np.ndarray, labels: np.ndarray) -> float:
    """The probability below which a head of this kind abstains, from leave-one-out answers to rows with a label."""
    known = labels >= 0
    right = p[known].argmax(1) == labels[known]
    return ridge.threshold(p[known].max(1), right, kind.precision, kind.least)
