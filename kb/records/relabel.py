"""Labels after a change of the taxonomy: what was said of a branch that is no more counts for what it became."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kb.records.models import Assignment, AssignmentState, Paper, Witness
from kb.records.taxonomy import Taxonomy

_STRENGTH = {AssignmentState.PROPOSED: 0, AssignmentState.REJECTED: 1, AssignmentState.CONFIRMED: 2}


def relabelled(paper: Paper, taxonomy: Taxonomy) -> Paper:
    """`paper` with every label of an old branch under the branch that the redirects of `taxonomy` lead to.

    Labels that come to say the same become one, which keeps the strongest state. Where two branches became one, a paper
    that was rejected from one and stood in the other stands in what they became: a rejection spoke of a part only.
    """
    if all(label.branch in taxonomy.branches for label in paper.labels):
        return paper
    moved = {label.branch: taxonomy.final_branch(label.branch) or label.branch for label in paper.labels}
    contested = {moved[old] for old in _half_rejected(paper.labels, moved)}
    found: dict[tuple[str, str, str], Assignment] = {}
    for label in paper.labels:
        into = moved[label.branch]
        state = label.state
        if into in contested and label.branch in _rejected(paper.labels):
            if label.by is Witness.PERSON and state is AssignmentState.REJECTED:
                continue
            state = AssignmentState.PROPOSED
        new = label.model_copy(update={"branch": into, "state": state})
        found[new.identity] = _joined(found.get(new.identity), new)
    return paper.model_copy(update={"labels": tuple(found.values())})


def contested(paper: Paper, taxonomy: Taxonomy) -> bool:
    """Whether people rejected `paper` from one of two branches that are one now, and it stood in the other."""
    moved = {label.branch: taxonomy.final_branch(label.branch) or label.branch for label in paper.labels}
    return bool(_half_rejected(paper.labels, moved))


def _half_rejected(labels: Sequence[Assignment], moved: dict[str, str]) -> set[str]:
    """The branches that the paper was rejected from, and that are one now with another in which it stood."""
    rejected = _rejected(labels)
    standing = {moved[label.branch] for label in labels if label.branch not in rejected}
    return {branch for branch in rejected if moved[branch] in standing}


def _rejected(labels: Iterable[Assignment]) -> set[str]:
    states: dict[str, set[AssignmentState]] = {}
    for label in labels:
        states.setdefault(label.branch, set()).add(label.state)
    return {
        branch
        for branch, each in states.items()
        if AssignmentState.REJECTED in each and AssignmentState.CONFIRMED not in each
    }


def _joined(one: Assignment | None, two: Assignment) -> Assignment:
    if one is None:
        return two
    strong = max(one, two, key=lambda label: _STRENGTH[label.state])
    sure = [label.confidence for label in (one, two) if label.confidence is not None]
    evidence = tuple(dict.fromkeys((*strong.evidence, *one.evidence, *two.evidence)))
    return strong.model_copy(update={"confidence": max(sure, default=None), "evidence": evidence})
