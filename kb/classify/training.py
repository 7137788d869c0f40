"""Training: a head for each question and each view, from labelled papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from kb.classify.cues import Cues
from kb.classify.data import Example
from kb.classify.heads import KINDS, Head, Setting, fit_head
from kb.classify.model import Classifier
from kb.classify.table import Table, View, rounded, table_of
from kb.classify.text import Document, inverse_frequency


def train(
    items: Sequence[Example],
    vectors: np.ndarray | None,
    cues: Cues,
    *,
    model: str | None = None,
    reliability: Mapping[str, float] | None = None,
    facts: Mapping[str, object] | None = None,
) -> Classifier:
    """Train every head that has teachers.

    Args:
        vectors: embeddings of the items' texts by `model`; None trains on words and cues alone.
    """
    table = rounded(table_of((item.document for item in items), vectors, cues))
    return fit_all(
        table,
        items,
        inverse_frequency(table.words),
        cues,
        model=model,
        reliability=reliability or {},
        facts=facts or {},
    )


def fit_all(
    table: Table,
    items: Sequence[Example],
    idf: np.ndarray,
    cues: Cues,
    *,
    model: str | None = None,
    settings: Mapping[tuple[str, View], Setting] | None = None,
    reliability: Mapping[str, float] | None = None,
    facts: Mapping[str, object] | None = None,
    kinds: Sequence[str] = (),
) -> Classifier:
    """The heads over a table that is already there: of these `kinds`, or all.

    Args:
        settings: what an earlier training chose; chosen anew where missing.
    """
    weighed = table.weighed(idf)
    found: dict[View, dict[str, Head]] = {view: {} for view in View}
    for view in View:
        for kind in KINDS:
            if kinds and kind.name not in kinds:
                continue
            fixed = (settings or {}).get((kind.name, view))
            head = fit_head(kind, items, weighed, view, (fixed,) if fixed else None)
            if head is not None:
                found[view][kind.name] = head
    return Classifier(
        table=table,
        items=tuple(replace(item, document=Document(item.document.title)) for item in items),
        idf=idf,
        heads=found,
        cues=cues,
        model=model,
        reliability=reliability or {},
        facts=facts or {},
    )


def fitted_again(classifier: Classifier, table: Table, items: Sequence[Example], cues: Cues) -> Classifier:
    """The classifier over other papers or other names, with the settings that it was trained with."""
    return fit_all(
        table,
        items,
        classifier.idf,
        cues,
        model=classifier.model if table.vectors is not None else None,
        settings=classifier.settings,
        reliability=classifier.reliability,
        facts=classifier.facts,
    )
