"""What a paper's page says of versions, of what happened to it here, and of who says what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kb.records.models import Paper, ReviewState
from kb.records.taxonomy import Taxonomy
from kb.render.events import Event
from kb.render.views import page_of_branch, page_of_claim

PERSON = "person"
"""Who says what no source says: somebody who edited the record."""
_SAID = {
    "new": "The record came into the survey",
    "published": "The preprint was published",
    "withdrawn": "The paper was withdrawn",
    "restored": "The paper is no longer withdrawn",
    "reviewed": "The review was completed",
}
_FIELDS = {
    "title": "title",
    "authors": "authors",
    "identifiers.arxiv_id": "arXiv id",
    "identifiers.arxiv_version": "newest version",
    "identifiers.doi": "DOI",
    "identifiers.openreview": "OpenReview",
    "identifiers.acl_anthology": "ACL Anthology",
    "identifiers.semantic_scholar": "Semantic Scholar",
    "identifiers.url": "address",
    "dates.published": "date of appearance",
    "dates.updated": "date of the last change",
    "venue": "venue",
    "publication_state": "state",
    "withdrawn_reason": "reason of withdrawal",
    "links.code": "code",
    "links.data": "data",
    "abstract": "abstract",
}
_REVIEW = "review card"


@dataclass(frozen=True)
class Step:
    """Something that happened to the record: `words` lead to `page`, if there is one; from `before` to `after`."""

    day: str
    words: str
    page: str | None = None
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Version:
    """A version of the paper that is known here, and what here speaks of it."""

    number: int
    url: str
    date: str | None
    newest: bool
    about: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """Who says so, and of which fields."""

    who: tuple[str, ...]
    fields: tuple[str, ...]

    @property
    def person(self) -> bool:
        return self.who == (PERSON,)


@dataclass(frozen=True)
class Story:
    """Of one paper.

    Attributes:
        versions: of arXiv, oldest first: those of which anything is known besides that there is one.
        steps: oldest first.
        told: by who says so, a person's fields last.
    """

    versions: tuple[Version, ...] = ()
    steps: tuple[Step, ...] = ()
    told: tuple[Told, ...] = ()


def tell(
    paper: Paper,
    events: Iterable[Event],
    witnesses: Mapping[str, Sequence[str]],
    taxonomy: Taxonomy,
    *,
    has_claims: bool,
) -> Story:
    """The story of a paper.

    Args:
        events: of this paper, newest first.
        witnesses: who says so, by field.
        has_claims: claims have pages of their own.
    """
    steps = [_step(event, paper, taxonomy, has_claims) for event in events]
    return Story(_versions(paper), tuple(reversed([step for step in steps if step])), _told(witnesses))


def by_paper(events: Iterable[Event]) -> dict[str, list[Event]]:
    """Events by the paper that they are of, in their order."""
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.paper].append(event)
    return found


def _versions(paper: Paper) -> tuple[Version, ...]:
    arxiv, newest = paper.identifiers.arxiv_id, paper.identifiers.arxiv_version
    if arxiv is None:
        return ()
    claims: dict[int, int] = defaultdict(int)
    for claim in paper.claims:
        if claim.arxiv_version:
            claims[claim.arxiv_version] += 1
    found = []
    for number in sorted({1, *claims, *([newest] if newest else [])}):
        about = (
            [f"{claims[number]} {'claim' if claims[number] == 1 else 'claims'} of it"]
            if number in claims
            else []
        )
        first, last = number == 1, number == newest
        date = paper.dates.published if first else paper.dates.updated if last else None
        if last and not first and review_is_older(paper):
            about.append("the review is older")
        found.append(Version(number, f"https://arxiv.org/abs/{arxiv}v{number}", date, last, tuple(about)))
    told = len(found) > 1 or any(version.about for version in found)
    return tuple(found) if told else ()


def review_is_older(paper: Paper) -> bool:
    """Whether the paper changed after it was reviewed, as far as the dates say."""
    review, updated = paper.review, paper.dates.updated
    if review is None or review.state is ReviewState.STUB or not review.date or not updated:
        return False
    shared = min(len(review.date), len(updated))  # a year alone is not before a day of that year
    return review.date[:shared] < updated[:shared]


def _step(event: Event, paper: Paper, taxonomy: Taxonomy, has_claims: bool) -> Step | None:
    day = event.at[:10]
    if event.kind == "verdict":
        claim = next((claim for claim in paper.claims if claim.id == event.claim), None)
        if claim is None:
            return None
        page = page_of_claim(paper.key, claim.id) if has_claims else None
        return Step(day, claim.statement.rstrip(" ."), page, event.before, event.after)
    if event.kind == "label":
        placed = taxonomy.branches.get(event.branch)
        page = page_of_branch(event.branch) if placed else None
        return Step(day, placed.title if placed else event.branch, page, event.before, event.after)
    words = _SAID.get(event.kind)
    return Step(day, words) if words else None


def _told(witnesses: Mapping[str, Sequence[str]]) -> tuple[Told, ...]:
    fields: dict[tuple[str, ...], list[str]] = {}
    parts: dict[tuple[str, ...], list[str]] = {}
    for name, who in witnesses.items():
        group, _, part = name.partition(".")
        if group == "review":
            parts.setdefault(tuple(who), []).append(part)
            fields.setdefault(tuple(who), [])
        elif name in _FIELDS:
            fields.setdefault(tuple(who), []).append(_FIELDS[name])
    for who, names in parts.items():  # which parts of the card, where not all are of one hand
        fields[who].append(_REVIEW if len(parts) == 1 else f"{_REVIEW} ({', '.join(names)})")
    ordered = sorted(fields.items(), key=lambda each: each[0] == (PERSON,))
    return tuple(Told(who, tuple(names)) for who, names in ordered)
