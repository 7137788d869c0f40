"""From probabilities to an answer: what lists say is weighed in, and the classifier proposes or abstains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kb.classify.predict import FacetPrediction

ALSO = 0.4
"""A second branch of a facet is proposed from this probability on."""

Ranked = tuple[tuple[str, float], ...]


def with_lists(p: np.ndarray, classes: Sequence[str], filed: Sequence[str], reliability: float) -> np.ndarray:
    """Bayes: each list is a witness who is right as often as `reliability` says."""
    if not filed:
        return p
    others = (1.0 - reliability) / max(1, len(classes) - 1)
    for branch in filed:
        p = p * np.array([reliability if name == branch.split("/", 1)[0] else others for name in classes])
    result: np.ndarray = p / p.sum()
    return result


def sub_branches(
    classes: Sequence[str],
    p: np.ndarray,
    directions: Mapping[str, float],
    filed: Sequence[str],
    reliability: float,
) -> Ranked:
    """Sub-branches, likeliest first: how likely the direction is, times how likely the branch within it."""
    within = dict.fromkeys(directions, 0.0)
    p = p.copy()
    for branch in filed:
        if branch in classes:
            p *= np.array([reliability if c == branch else (1 - reliability) / 5 for c in classes])
    for name, q in zip(classes, p, strict=True):
        within[name.split("/", 1)[0]] = within.get(name.split("/", 1)[0], 0.0) + float(q)
    found = [
        (name, directions.get(top, 0.0) * float(q) / max(within[top], 1e-12))
        for name, q in zip(classes, p, strict=True)
        for top in [name.split("/", 1)[0]]
    ]
    return tuple(sorted(found, key=lambda item: (-item[1], item[0])))


def specific(branch: str, probability: float, subs: Ranked, bar: float) -> tuple[str, float]:
    """The sub-branch, where it is sure enough; else the direction."""
    for name, p in subs:
        if name.startswith(f"{branch}/"):
            return (name, p) if p >= bar else (branch, probability)
    return (branch, probability)


def ranked(classes: Sequence[str], p: np.ndarray) -> Ranked:
    """Classes with their probabilities, likeliest first."""
    return tuple((classes[i], float(p[i])) for i in np.argsort(-p, kind="stable"))


def unread(facet: str, classes: Sequence[str], prior: np.ndarray, reason: str) -> FacetPrediction:
    """The answer where nothing can be read: silence, and how common the branches are."""
    shares = np.clip(prior, 1e-6, None)
    return FacetPrediction(facet, None, 0.0, True, top=ranked(classes, shares / shares.sum()), reason=reason)


def decided(
    facet: str, top: Ranked, subs: Ranked, bars: Mapping[str, float], evidence: tuple[str, ...]
) -> FacetPrediction:
    """The answer for a facet of which the branches have these probabilities.

    Args:
        bars: by head, the probability below which it abstains.
    """
    best, probability = top[0]
    abstained = probability < bars[facet]
    proposed: Ranked = ()
    if not abstained:
        proposed = tuple(
            specific(branch, q, subs, bars.get("branch", 1.01))
            for branch, q in top
            if branch == best or (q >= ALSO and facet != "scope")
        )
    reason = f"unsure: {best} {probability:.0%}" if abstained else None
    return FacetPrediction(facet, best, probability, abstained, evidence, top, subs[:5], proposed, reason)
