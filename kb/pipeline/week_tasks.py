"""What waits for a person, as tasks with value and minutes: see `kb.pipeline.week_value` for what those mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kb.pipeline.store import Store
from kb.pipeline.triage_queue import Question, Wanted, questions
from kb.pipeline.week_models import Section, Task
from kb.pipeline.week_value import (
    EVEN,
    KINDS,
    LESSON,
    LESSONS,
    LIST_AGAINST_CLASSIFIER,
    LIST_ALONE,
    LISTS_DIFFER,
    MORE_CLAIMS,
    PAGES_OF_NEW,
    PAGES_OF_REVIEW,
    SELDOM,
    SILENT,
    Cost,
    pages_of,
)
from kb.records.candidates import how_to_decide
from kb.records.models import Assignment, AssignmentState, Paper, Review, ReviewState, Witness
from kb.records.relabel import relabelled
from kb.render.events import Event
from kb.render.needs_work import OpenWork, live_branches
from kb.render.story import review_is_older
from kb.render.views import REVIEW_SECTIONS, TABLE_CELLS
from kb.text import one_line

UNSURE = 0.7
"""A label that only the classifier proposes, with less confidence than this, is one to look at."""
NEARLY = 3
"""A draft that lacks no more parts than this is nearly done."""
_PARTS = ("summary", *REVIEW_SECTIONS, *TABLE_CELLS)


@dataclass(frozen=True)
class _Standing:
    """What is said of a paper in one facet.

    Attributes:
        alone: only the classifier speaks.
        confidence: the classifier's, in what it proposes first.
        chance: how likely a person's answer differs from what the site shows.
    """

    said: str
    alone: bool
    confidence: float
    chance: float

    @classmethod
    def of(cls, labels: list[Assignment], *, elsewhere: bool) -> _Standing:
        """From the labels of the facet; `elsewhere` says that others place the paper in another facet."""
        named = Counter(
            label.branch.split("/", 1)[0] for label in labels if label.by is not Witness.CLASSIFIER
        )
        guesses = [label for label in labels if label.by is Witness.CLASSIFIER]
        best = max(guesses, key=lambda label: label.confidence or 0.0, default=None)
        confidence = (best.confidence or 0.0) if best else 0.0
        if not labels:
            return cls("nobody places it", False, 0.0, SILENT if elsewhere else 1.0)
        if not named:
            return cls("only the classifier places it", True, confidence, 1.0 - confidence)
        if len(named) > 1:
            return cls("lists disagree", False, confidence, LISTS_DIFFER)
        if best is not None and best.branch.split("/", 1)[0] not in named:
            return cls("the classifier differs", False, confidence, LIST_AGAINST_CLASSIFIER)
        return cls("not confirmed yet", False, confidence, LIST_ALONE)


@dataclass(frozen=True)
class Tasks:
    """Makes the tasks of a knowledge base.

    Attributes:
        work: what waits, as the site's page has it.
        skipped: questions that were put off in `kb triage`, by name.
        relevance: of candidates, by id.
        events: what happened since the last week.
    """

    store: Store
    work: OpenWork
    cost: Cost
    skipped: Mapping[str, str]
    relevance: Mapping[str, float]
    events: Iterable[Event]

    def all(self) -> list[Task]:
        """Every task, most value per minute first."""
        found = [
            *self._conflicts(),
            *self._suspicious(),
            *self._candidates(),
            *self._labels(),
            *self._flips(),
            *self._drafts(),
            *self._old_claims(),
            *self._old_reviews(),
        ]
        return in_order(found)

    def task(
        self,
        kind: str,
        name: str,
        *,
        title: str,
        why: str,
        do: str,
        pages: int,
        chance: float,
        minutes: float | None = None,
        lesson: float = 0.0,
        section: Section = "decide",
    ) -> Task:
        """A task; its texts are put on one line each.

        Args:
            lesson: value besides that of its own pages.
        """
        return Task(
            id=f"{kind}:{name}",
            section=section,
            kind=kind,
            title=one_line(title),
            why=one_line(why),
            do=one_line(do),
            pages=pages,
            chance=round(chance, 3),
            value=round(pages * chance + lesson, 3),
            minutes=round(self.cost.of(kind) if minutes is None else minutes, 2),
        )

    def _pages(self, paper: Paper) -> int:
        return pages_of(paper, live_branches(paper), self.store.taxonomy)

    def _conflicts(self) -> Iterator[Task]:
        for conflict in self.store.conflicts:
            paper = self.store.library.get(conflict.paper)
            if paper is not None:
                yield self.task(
                    "conflict",
                    f"{paper.key}.{conflict.field}",
                    title=paper.title,
                    why=str(conflict).split(": ", 1)[1],
                    do=f"kb resolve {paper.key} {conflict.field} --mine, or --theirs",
                    pages=self._pages(paper),
                    chance=EVEN,
                )

    def _suspicious(self) -> Iterator[Task]:
        for each in self.work.suspicious:
            alike = [self.store.library[key] for key in each.like if key in self.store.library]
            yield self.task(
                "suspicious",
                each.id,
                title=each.title or each.id,
                why=each.reason,
                do=how_to_decide(each),
                pages=max([PAGES_OF_NEW, *map(self._pages, alike)]),
                chance=1.0,
            )

    def _candidates(self) -> Iterator[Task]:
        for each in self.work.candidates:
            likely = self.relevance.get(each.id)
            yield self.task(
                "candidate",
                each.id,
                title=each.title or each.id,
                why=f"{likely:.0%} relevant" if likely is not None else "kb classify apply has not seen it",
                do=f"kb accept {each.id}, or kb reject {each.id} --reason ...",
                pages=PAGES_OF_NEW,
                chance=EVEN if likely is None else min(max(likely, 0.0), 1.0),
            )

    def _labels(self) -> Iterator[Task]:
        """Questions of `kb triage`: of the first facet all, of the others where the classifier alone speaks and is unsure."""
        taxonomy, library = self.store.taxonomy, self.store.library
        facets = tuple(facet.id for facet in taxonomy.facets)
        wanted = Wanted(facets=facets, kinds=("papers",))
        papers = {key: relabelled(paper, taxonomy) for key, paper in library.items()}
        placed = {
            (key, facet): self._standing(paper, facet) for key, paper in papers.items() for facet in facets
        }
        alone = sum(standing.alone for (_, facet), standing in placed.items() if facet == facets[0])
        decided = sum(
            any(label.state is AssignmentState.CONFIRMED for label in paper.labels)
            for paper in papers.values()
        )
        lesson = LESSON * alone if decided < LESSONS else 0.0
        for question in questions(library, taxonomy, wanted, skipped=self.skipped):
            standing = placed[question.id, question.facet or ""]
            unsure = standing.alone and standing.confidence < UNSURE
            if question.facet == facets[0] or unsure:
                yield self._label(question, standing, unsure=unsure, lesson=lesson)

    def _label(self, question: Question, standing: _Standing, *, unsure: bool, lesson: float) -> Task:
        """Its answer changes the paper's own page and those of the branch and what that belongs to."""
        paper = self.store.library[question.id]
        first = next((p.branch for p in question.proposals[:1] if p.meant), None)
        return self.task(
            "unsure" if unsure else "label",
            question.name,
            title=question.title,
            why=f"{question.facet}: {'; '.join(question.reasons) or standing.said}",
            do=f"kb triage --decide {question.id}={first or 'BRANCH'}",
            pages=max(pages_of(paper, [first] if first else [], self.store.taxonomy) - 1, 2),
            chance=standing.chance,
            lesson=lesson,
        )

    def _standing(self, paper: Paper, facet: str) -> _Standing:
        live = [label for label in paper.labels if label.state is not AssignmentState.REJECTED]
        here = [label for label in live if self.store.taxonomy.facet_of(label.branch) == facet]
        return _Standing.of(here, elsewhere=len(here) < len(live))

    def _flips(self) -> Iterator[Task]:
        """The last flip of each claim; one that came back to what it was is none."""
        first: dict[tuple[str, str], Event] = {}
        last: dict[tuple[str, str], Event] = {}
        for event in self.events:  # newest first
            if event.kind == "verdict":
                first[event.paper, event.claim] = event
                last.setdefault((event.paper, event.claim), event)
        for name, event in last.items():
            paper = self.store.library.get(event.paper)
            claim = next((c for c in paper.claims if c.id == event.claim), None) if paper else None
            if claim is None or first[name].before == event.after:
                continue
            yield self.task(
                "flip",
                f"{event.paper}/{event.claim}",
                title=claim.statement,
                why=f"was {first[name].before}, is {event.after} since {event.at[:10]}",
                do=f"kb claims show {event.paper}/{event.claim}",
                pages=2,
                chance=SELDOM,
            )

    def _drafts(self) -> Iterator[Task]:
        for paper in self.store.library.values():
            review = paper.review
            if review is None or review.state is not ReviewState.DRAFT:
                continue
            lacking = _lacking(review)
            if len(lacking) <= NEARLY:
                yield self.task(
                    "draft",
                    paper.key,
                    title=paper.title,
                    why=f"lacks {', '.join(lacking)}" if lacking else "lacks nothing but a reviewer's yes",
                    do=f"edit papers/{paper.key}.yaml: review, then state: done",
                    pages=self._pages(paper) + PAGES_OF_REVIEW,
                    chance=1.0,
                    minutes=self.cost.of("draft") * max(len(lacking), 0.5),
                )

    def _old_claims(self) -> Iterator[Task]:
        for paper in self.store.library.values():
            latest = paper.identifiers.arxiv_version
            old = [c for c in paper.claims if latest and c.arxiv_version and c.arxiv_version < latest]
            if old:
                pinned = ", ".join(f"v{version}" for version in sorted({c.arxiv_version or 0 for c in old}))
                yield self.task(
                    "claims",
                    paper.key,
                    title=paper.title,
                    why=f"{len(old)} of {pinned}; version {latest} is out: {', '.join(c.id for c in old)}",
                    do=f"read version {latest}, then set arxiv_version: {latest} in papers/{paper.key}.yaml",
                    pages=1 + len(old),
                    chance=SELDOM,
                    minutes=self.cost.of("claims") + MORE_CLAIMS * (len(old) - 1),
                    section="stale",
                )

    def _old_reviews(self) -> Iterator[Task]:
        for paper in self.store.library.values():
            if paper.review and review_is_older(paper):
                yield self.task(
                    "review",
                    paper.key,
                    title=paper.title,
                    why=f"reviewed {paper.review.date}, the paper changed {paper.dates.updated}",
                    do=f"read it again, then set review.date in papers/{paper.key}.yaml",
                    pages=self._pages(paper) + PAGES_OF_REVIEW,
                    chance=SELDOM,
                    section="stale",
                )


def in_order(tasks: Iterable[Task]) -> list[Task]:
    """Most value per minute first; of equals, as the kinds stand in the table."""
    kinds = list(KINDS)
    return sorted(tasks, key=lambda task: (-task.per_minute, kinds.index(task.kind), task.id))


def _lacking(review: Review) -> list[str]:
    return [name for name in (*_PARTS, "reviewer") if not getattr(review, name)]
