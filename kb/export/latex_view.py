"""What the LaTeX templates see of the records: branches with their papers, each paper in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb.export.latex_text import Latex
from kb.export.names import split_name
from kb.export.venues import short_venue
from kb.records.models import (
    AssignmentState,
    Paper,
    PublicationState,
    RecordStatus,
    Review,
    ReviewState,
    Witness,
)
from kb.records.taxonomy import Taxonomy

_SHORT_NAME = re.compile(r"([^\s:][^:]{1,27}?):\s")
_RANK = {ReviewState.DONE: 0, ReviewState.DRAFT: 1}


@dataclass(frozen=True)
class PaperLine:
    """A paper in a table, a tree or a section. `name` is short: what the title says before its colon, else the authors."""

    key: str
    title: str
    name: str
    byline: str
    year: str
    venue: str
    code: str
    withdrawn: bool
    review: Review

    @property
    def reviewed(self) -> bool:
        return self.review.state in _RANK


@dataclass(frozen=True)
class BranchPart:
    """A branch with the papers that stand right in it, and what it is divided into. `slug` names files and labels."""

    id: str
    slug: Latex
    title: str
    description: str
    papers: tuple[PaperLine, ...]
    parts: tuple[BranchPart, ...]

    @property
    def total(self) -> int:
        return len(self.papers) + sum(part.total for part in self.parts)

    @property
    def all_papers(self) -> tuple[PaperLine, ...]:
        return self.papers + tuple(paper for part in self.parts for paper in part.all_papers)

    @property
    def reviewed(self) -> tuple[PaperLine, ...]:
        """Those of its own papers that have a review: finished ones first."""
        return tuple(sorted((p for p in self.papers if p.reviewed), key=lambda p: _RANK[p.review.state]))

    @property
    def others(self) -> tuple[PaperLine, ...]:
        return tuple(paper for paper in self.papers if not paper.reviewed)


def line_of(paper: Paper) -> PaperLine:
    """What is shown of a paper."""
    named = _SHORT_NAME.match(paper.title)
    year = str(paper.year or "")
    by = byline(paper)
    venue = paper.venue or ""
    if not venue and paper.identifiers.arxiv_id:
        venue = "arXiv"
    return PaperLine(
        key=paper.key,
        title=paper.title,
        name=named.group(1) if named else by,
        byline=by,
        year=year,
        venue=short_venue(venue) or venue,
        code=paper.links.code[0] if paper.links.code else "",
        withdrawn=paper.publication_state is PublicationState.WITHDRAWN,
        review=paper.review or Review(),
    )


def byline(paper: Paper) -> str:
    """Surnames of up to two authors, "et al." beyond; empty if nobody is known."""
    parts = [split_name(author.name) for author in paper.authors]
    names = [f"{part.particle} {part.family}".strip() for part in parts]
    return " and ".join(names) if len(names) <= 2 else f"{names[0]} et al."


def roots_of(taxonomy: Taxonomy, branches: Sequence[str]) -> tuple[str, ...]:
    """The branches that get a section: those asked for (without any below another), or the top ones of the first facet."""
    first = taxonomy.facets[0].id
    if not branches:
        return tuple(b.id for b in taxonomy.branches.values() if b.facet == first and b.depth == 0)
    wanted = [branch for branch in taxonomy.branches if branch in set(branches)]
    return tuple(b for b in wanted if not set(taxonomy.ancestors(b)[1:]) & set(wanted))


def place_papers(
    papers: Iterable[Paper], taxonomy: Taxonomy, roots: Sequence[str]
) -> tuple[dict[str, list[Paper]], list[Paper]]:
    """Each paper in one branch at or below `roots`; those that belong to none.

    Of several branches, that which a person confirmed, then the one that most lists and people name, then the deeper one.
    """
    below = {b for b in taxonomy.branches if set(taxonomy.ancestors(b)) & set(roots)}
    order = {branch: number for number, branch in enumerate(taxonomy.branches)}
    placed: dict[str, list[Paper]] = {branch: [] for branch in taxonomy.branches if branch in below}
    rest: list[Paper] = []
    for paper in sorted(papers, key=_newest_first):
        if paper.status is not RecordStatus.INCLUDED:
            continue
        votes: dict[str, tuple[int, int, float]] = {}
        rejected = {x.branch for x in paper.labels if x.state is AssignmentState.REJECTED}
        rejected -= {x.branch for x in paper.labels if x.state is AssignmentState.CONFIRMED}
        for label in paper.labels:
            if label.branch in below and label.branch not in rejected:
                confirmed, named, sure = votes.get(label.branch, (0, 0, 0.0))
                votes[label.branch] = (
                    max(confirmed, int(label.state is AssignmentState.CONFIRMED)),
                    named + (label.by is not Witness.CLASSIFIER),
                    max(sure, label.confidence or 0.0),
                )
        if votes:
            depth = {branch: taxonomy.branches[branch].depth for branch in votes}
            best = min(
                votes,
                key=lambda b: (
                    -votes[b][0],
                    -min(depth[b], 1),
                    -votes[b][1],
                    -votes[b][2],
                    -depth[b],
                    order[b],
                ),
            )
            placed[best].append(paper)
        else:
            rest.append(paper)
    return placed, rest


def branch_part(taxonomy: Taxonomy, branch: str, placed: Mapping[str, Sequence[Paper]]) -> BranchPart:
    """A branch with everything below it; empty branches stay, so that a gap can be seen."""
    one = taxonomy.branches[branch]
    return BranchPart(
        id=branch,
        slug=slug(branch),
        title=one.title,
        description=one.branch.description,
        papers=tuple(line_of(paper) for paper in placed.get(branch, ())),
        parts=tuple(branch_part(taxonomy, f"{branch}/{child.id}", placed) for child in one.branch.branches),
    )


def slug(name: str) -> Latex:
    """A name for a file and a label.

    >>> slug("smaller/quantization"), slug("QQQ issue #31")
    ('smaller-quantization', 'qqq-issue-31')
    """
    return Latex(re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "x")


def _newest_first(paper: Paper) -> tuple[list[int], str]:
    return [-ord(char) for char in paper.dates.published or ""], paper.key
