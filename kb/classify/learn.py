"""Learning from corrections: what a person confirmed becomes training data, in seconds.

The labelled papers are kept as numbers beside the heads, so nothing of the original data is needed. Settings stay as the
first training chose them; weights, calibration and thresholds are worked out anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kb.classify.data import Example, Part, facets_asked
from kb.classify.explain import place_name
from kb.classify.model import Classifier
from kb.classify.predict import Prediction
from kb.classify.table import rounded, table_of
from kb.classify.text import Document
from kb.classify.training import fitted_again
from kb.records.models import AssignmentState, Paper
from kb.records.taxonomy import Taxonomy

WORTH = 2.0
"""How much a person's word counts against a list's."""


def confirmed_example(paper: Paper, document: Document, taxonomy: Taxonomy) -> Example | None:
    """The paper as training data, if a person confirmed any of its labels."""
    confirmed = [label.branch for label in paper.labels if label.state is AssignmentState.CONFIRMED]
    facets: dict[str, list[str]] = {}
    for branch in confirmed:
        if facet := taxonomy.facet_of(branch):
            facets.setdefault(facet, []).append(branch)
    if not facets:
        return None
    asked = facets_asked(taxonomy)
    direction, stage, scope = (
        facets.get(asked.get(name, ""), []) for name in ("direction", "stage", "scope")
    )
    top = direction[0].split("/", 1)[0] if direction else None
    return Example(
        document=document,
        part=Part.PERSON,
        arxiv_id=paper.identifiers.arxiv_id,
        direction=top,
        branches=tuple(b for b in direction if "/" in b and b.startswith(f"{top}/")),
        stage=stage[0].split("/", 1)[0] if stage else None,
        scope=scope[0] if scope else None,
        weight=WORTH,
    )


def relearn(classifier: Classifier, examples: Sequence[Example], vectors: np.ndarray | None) -> Classifier:
    """The classifier with a person's word added, which replaces what lists said of the same papers.

    Args:
        vectors: embeddings of the examples; None where there is no model, and then only words learn.
    """
    if not examples:
        return classifier
    replaced = {place_name(title=item.document.title) for item in examples} | {
        place_name(arxiv_id=item.arxiv_id) for item in examples if item.arxiv_id
    }
    gone = [
        i
        for i, paper in enumerate(classifier.labelled)
        if paper.part != Part.TAXONOMY.value
        and (
            place_name(title=paper.title) in replaced
            or (paper.arxiv_id and place_name(arxiv_id=paper.arxiv_id) in replaced)
        )
    ]
    before = {place_name(title=classifier.items[i].document.title): classifier.items[i] for i in gone}
    merged = [_merged(item, before.get(place_name(title=item.document.title))) for item in examples]
    kept = np.setdiff1d(np.arange(len(classifier.table)), gone)
    table = classifier.table.take(kept).joined(
        table_of((e.document for e in examples), vectors, classifier.cues)
    )
    items = [*(classifier.items[i] for i in kept), *merged]
    return fitted_again(classifier, rounded(table), items, classifier.cues)


def _merged(item: Example, before: Example | None) -> Example:
    """What a person said, and in the facets of which they said nothing what lists said."""
    if before is None:
        return item
    return replace(
        item,
        direction=item.direction or before.direction,
        branches=item.branches if item.direction else before.branches,
        stage=item.stage or before.stage,
        scope=item.scope or before.scope,
    )


@dataclass(frozen=True)
class Change:
    """How one answer about one paper changed."""

    key: str
    facet: str
    before: str | None
    after: str | None
    probability_before: float
    probability_after: float

    def __str__(self) -> str:
        return (
            f"{self.key}: {self.facet}: {self.before or 'nothing'} ({self.probability_before:.0%}) is now "
            f"{self.after or 'nothing'} ({self.probability_after:.0%})"
        )


def what_changed(
    before: Mapping[str, Prediction], after: Mapping[str, Prediction], facets: Iterable[str] = ("direction",)
) -> list[Change]:
    """Papers whose proposal is another one now, those that changed most first."""
    found = []
    for key in sorted(before.keys() & after.keys()):
        for facet in facets:
            a, b = before[key].facets.get(facet), after[key].facets.get(facet)
            if a is None or b is None:
                continue
            old, new = (x.proposed[0] if x.proposed else (None, x.probability) for x in (a, b))
            if old[0] != new[0]:
                found.append(Change(key, facet, old[0], new[0], old[1], new[1]))
    return sorted(found, key=lambda c: (-abs(c.probability_after - c.probability_before), c.key, c.facet))
