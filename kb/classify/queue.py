"""Which papers a person should look at first: where a decision teaches the classifier most, and matters most.

Pure: it orders what it is given. Uncertainty is what teaches; lists that disagree, papers nobody has labelled and new
papers are what matters to readers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb.classify.predict import FacetPrediction, Prediction
from kb.records.models import Assignment, AssignmentState, Paper, Witness
from kb.records.taxonomy import Taxonomy

DISAGREE, CONTRADICTED, UNLABELLED, NEW = 0.6, 0.4, 0.3, 0.2
"""What each reason adds to the uncertainty, which is between 0 and 1."""


@dataclass(frozen=True)
class QueueItem:
    """One question to a person: where does this paper belong in this facet?

    Attributes:
        suggestion: the classifier's best branch, the most specific one it stands by; None where it has none.
        top: branches to choose from, likeliest first.
        said: what lists say: (branch, source).
        reasons: why it is asked, for people.
        score: the order of the queue, highest first.
    """

    key: str
    title: str
    facet: str
    suggestion: str | None
    probability: float
    top: tuple[tuple[str, float], ...]
    evidence: tuple[str, ...]
    said: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    score: float


def triage_queue(
    papers: Mapping[str, Paper],
    predictions: Mapping[str, Prediction],
    taxonomy: Taxonomy,
    *,
    facets: Sequence[str] = ("direction",),
    skip: Iterable[tuple[str, str]] = (),
    newest: str | None = None,
) -> list[QueueItem]:
    """What to ask, most useful first.

    Args:
        papers: records by key.
        predictions: what the classifier says, by the same keys; a paper without one is not asked.
        facets: the facets to ask for.
        skip: (key, facet) that a person has put off.
        newest: the date up to which papers are new for a year before; the newest paper's by default.
    """
    put_off = set(skip)
    last = newest or max((p.dates.published or "" for p in papers.values()), default="")
    items = [
        _item(papers[key], prediction.facets[facet], taxonomy, last)
        for key, prediction in predictions.items()
        if key in papers
        for facet in facets
        if facet in prediction.facets
        and (key, facet) not in put_off
        and not _settled(papers[key], facet, taxonomy)
    ]
    return sorted(items, key=lambda item: (-item.score, item.key, item.facet))


def uncertainty(probabilities: Sequence[float]) -> float:
    """How close the two likeliest are: 0 where one is certain, 1 where they are even."""
    best = sorted(probabilities, reverse=True)
    if not best:
        return 1.0
    return 1.0 - (best[0] - (best[1] if len(best) > 1 else 0.0))


def _settled(paper: Paper, facet: str, taxonomy: Taxonomy) -> bool:
    return any(
        label.state is AssignmentState.CONFIRMED and taxonomy.facet_of(label.branch) == facet
        for label in paper.labels
    )


def _item(paper: Paper, facet: FacetPrediction, taxonomy: Taxonomy, last: str) -> QueueItem:
    said = [
        label
        for label in paper.labels
        if label.by is Witness.LIST
        and label.state is not AssignmentState.REJECTED
        and taxonomy.facet_of(label.branch) == facet.facet
    ]
    tops = {label.branch.split("/", 1)[0] for label in said}
    score = uncertainty([p for _, p in facet.top])
    reasons = [facet.reason or "the classifier is unsure"] if facet.abstained or score > 0.5 else []
    if len(tops) > 1:
        score += DISAGREE
        reasons.append(f"lists disagree: {', '.join(sorted(tops))}")
    elif tops and facet.branch and facet.branch.split("/", 1)[0] not in tops:
        score += CONTRADICTED * facet.probability
        reasons.append(f"lists say {next(iter(tops))}")
    if not said:
        score += UNLABELLED
        reasons.append("no list places it")
    if _is_new(paper, last):
        score += NEW
        reasons.append("new")
    suggestion, probability = facet.branch, facet.probability
    if facet.proposed:
        suggestion, probability = facet.proposed[0]
    return QueueItem(
        key=paper.key,
        title=paper.title,
        facet=facet.facet,
        suggestion=suggestion,
        probability=probability,
        top=_choices(facet, taxonomy, paper.labels),
        evidence=facet.evidence,
        said=tuple((label.branch, label.source) for label in said),
        reasons=tuple(reasons),
        score=round(score, 6) if math.isfinite(score) else 0.0,
    )


def _choices(
    facet: FacetPrediction, taxonomy: Taxonomy, labels: Iterable[Assignment]
) -> tuple[tuple[str, float], ...]:
    """Sub-branches first, then what they belong to; nothing that a person has rejected or the taxonomy lacks."""
    rejected = {label.branch for label in labels if label.state is AssignmentState.REJECTED}
    found = dict((*facet.branches, *facet.top))
    return tuple((b, p) for b, p in found.items() if b in taxonomy.branches and b not in rejected)


def _is_new(paper: Paper, last: str) -> bool:
    published = paper.dates.published or ""
    if len(published) < 4 or len(last) < 4:
        return False
    return published >= f"{int(last[:4]) - 1:04d}{last[4:]}"
