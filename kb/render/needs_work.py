"""What waits for people, told apart once: for the site's page "What needs work" and for `kb week`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kb.records.candidates import Candidate, CandidateState
from kb.records.models import AssignmentState, Paper, RecordStatus
from kb.render.views import reviewed


@dataclass(frozen=True)
class OpenWork:
    """Works and papers by what they lack; papers are newest first.

    Attributes:
        suspicious: works that may be a record that is here already.
        unresolved: works of which too little is known to make a record.
        candidates: works that nobody has taken in or kept out.
        stubs: records that keep a place.
        unlabelled: papers in no branch.
        unreviewed: papers without a review card.
    """

    suspicious: tuple[Candidate, ...]
    unresolved: tuple[Candidate, ...]
    candidates: tuple[Candidate, ...]
    stubs: tuple[Paper, ...]
    unlabelled: tuple[Paper, ...]
    unreviewed: tuple[Paper, ...]

    def counts(self) -> dict[str, int]:
        """How much of each there is."""
        return {name: len(found) for name, found in vars(self).items()}


def open_work(papers: Iterable[Paper], candidates: Iterable[Candidate]) -> OpenWork:
    """Everything that waits, whoever is to do it."""
    ordered = sorted(papers, key=lambda paper: paper.key)
    ordered.sort(key=lambda paper: paper.dates.published or "", reverse=True)
    waiting: dict[CandidateState, list[Candidate]] = {state: [] for state in CandidateState}
    for each in candidates:
        waiting[each.state].append(each)
    return OpenWork(
        suspicious=tuple(waiting[CandidateState.SUSPICIOUS]),
        unresolved=tuple(waiting[CandidateState.UNRESOLVED]),
        candidates=tuple(waiting[CandidateState.CANDIDATE]),
        stubs=tuple(paper for paper in ordered if _is_stub(paper)),
        unlabelled=tuple(paper for paper in ordered if not live_branches(paper)),
        unreviewed=tuple(paper for paper in ordered if not _is_stub(paper) and not reviewed(paper)),
    )


def live_branches(paper: Paper) -> list[str]:
    """The branches that somebody places the paper in and that nobody rejected there."""
    return [label.branch for label in paper.labels if label.state is not AssignmentState.REJECTED]


def _is_stub(paper: Paper) -> bool:
    return paper.status is RecordStatus.STUB
