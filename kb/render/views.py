"""What the templates see of a paper: frozen values, every decision already taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from kb.ids import ArxivId, parse_arxiv_id, parse_doi
from kb.records.candidates import Candidate
from kb.records.models import (
    Assignment,
    AssignmentState,
    Paper,
    PublicationState,
    RecordStatus,
    Review,
    ReviewState,
    Witness,
)
from kb.records.taxonomy import Taxonomy
from kb.render.escape import visible
from kb.render.prose import Prose, Resolve, Target, parse_prose
from kb.text import surname

SOURCE_NAMES = {
    "arxiv": "arXiv",
    "bibtex": "a BibTeX file",
    "daily_papers": "Hugging Face's daily papers",
    "issue": "an issue at GitHub",
    "survey_readme": "a survey's README",
    "zotero": "Zotero",
}
"""Kinds of sources as people call them; lists have names of their own."""
REVIEW_SECTIONS = ("problem", "approach", "insight", "critique")
TABLE_CELLS = ("focus", "contribution", "limitations")
NO_YEAR = "0"


@dataclass(frozen=True)
class Link:
    """A link to another site."""

    label: str
    url: str


@dataclass(frozen=True)
class Person:
    name: str
    orcid: str | None


@dataclass(frozen=True)
class Guess:
    """What the classifier says: how sure it is, and why."""

    source: str
    confidence: str | None
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Voices:
    """Who speaks for or against a label: people decide, lists are witnesses, the classifier guesses."""

    confirmed_by: tuple[str, ...] = ()
    rejected_by: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    people: tuple[str, ...] = ()  # who propose it without having confirmed it
    guesses: tuple[Guess, ...] = ()


@dataclass(frozen=True)
class Label:
    """A paper's place in one branch: `standing` is confirmed, proposed or rejected."""

    branch: str
    page: str | None
    facet: str
    title: str
    standing: str
    voices: Voices


@dataclass(frozen=True)
class Direction:
    """A top branch that the paper stands in: `confirmed` by a person, or proposed."""

    title: str
    page: str
    confirmed: bool


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    prose: Prose


@dataclass(frozen=True)
class ReviewCard:
    """`missing` names what a stub or a draft still lacks."""

    state: str
    summary: Prose
    sections: tuple[Section, ...]
    missing: tuple[str, ...]
    reviewer: str | None
    date: str | None


@dataclass(frozen=True)
class Cells:
    """The paper's row in the summary table."""

    focus: Prose
    contribution: Prose
    limitations: Prose


@dataclass(frozen=True)
class NoteView:
    lang: str
    source: str | None
    screening: bool
    prose: Prose


@dataclass(frozen=True)
class ClaimView:
    """A claim on its paper's page; `verdict` and its `page` where it was held against evidence."""

    id: str
    statement: Prose
    version: int | None
    place: str | None
    verdict: str | None = None
    page: str | None = None


@dataclass(frozen=True)
class Row:
    """A paper in a list."""

    key: str
    page: str
    title: str
    byline: str
    year: str
    published: str
    venue: str | None
    review_state: str | None
    withdrawn: bool
    stub: bool
    directions: tuple[Direction, ...]


@dataclass(frozen=True)
class PaperView:
    row: Row
    authors: tuple[Person, ...]
    published: str | None
    updated: str | None
    state: str
    withdrawn_reason: str | None
    identifiers: tuple[Link, ...]
    code: tuple[Link, ...]
    data: tuple[Link, ...]
    labels: tuple[Label, ...]
    review: ReviewCard
    cells: Cells | None
    claims: tuple[ClaimView, ...]
    verdicts: tuple[tuple[str, int], ...]  # how many claims have each; empty where none was computed
    notes: tuple[NoteView, ...]
    abstract: Prose
    sources: tuple[str, ...]
    bibtex: str
    edit: Link | None
    record_file: str


@dataclass(frozen=True)
class Waiting:
    """A work that is no record yet."""

    title: str
    url: str
    reason: str
    sources: tuple[str, ...]
    alike: tuple[Row, ...]


@dataclass(frozen=True)
class Problem:
    """Something in a record or page that must be mended before the site can be published."""

    message: str
    file: str
    field: str | None = None
    line: int | None = None
    fix: str | None = None


@dataclass
class Writer:
    """Makes views; keeps the problems that it meets. `verdicts` by the names of claims (key/id)."""

    taxonomy: Taxonomy
    resolve: Resolve
    repository: str | None
    problems: list[Problem] = field(default_factory=list)
    verdicts: Mapping[str, str] = field(default_factory=dict)

    def prose(self, key: str, name: str, text: str | None) -> Prose:
        """Prose of a review: paragraphs with references."""

        def complain(reference: str) -> None:
            self.problems.append(
                Problem(
                    f"[[{reference}]] is neither a paper's key nor a branch",
                    f"papers/{key}.yaml",
                    name,
                    fix="correct the reference, or write it without the double brackets",
                )
            )

        return parse_prose(text, self.resolve, complain) if text else ()

    def paper(self, paper: Paper, *, bibtex: str, sources: Sequence[str] = ()) -> PaperView:
        """Everything that the paper's page shows."""
        labels = self.labels(paper)
        return PaperView(
            row=row_of(paper, self.taxonomy),
            authors=tuple(Person(author.name, author.orcid) for author in paper.authors),
            published=paper.dates.published,
            updated=paper.dates.updated,
            state=paper.publication_state.value,
            withdrawn_reason=paper.withdrawn_reason,
            identifiers=tuple(identifier_links(paper)),
            code=tuple(Link(_shown_url(url), url) for url in paper.links.code),
            data=tuple(Link(_shown_url(url), url) for url in paper.links.data),
            labels=labels,
            review=self.review(paper.key, paper.review or Review()),
            cells=self.cells(paper),
            claims=(claims := self.claims(paper)),
            verdicts=tuple(Counter(sorted(c.verdict for c in claims if c.verdict)).most_common()),
            notes=tuple(
                NoteView(n.lang, n.source, n.kind == "screening", _plain(n.text)) for n in paper.notes
            ),
            abstract=_plain(paper.abstract),
            sources=tuple(sorted({*sources, *_named_sources(paper)})),
            bibtex=bibtex,
            edit=edit_link(self.repository, f"papers/{paper.key}.yaml"),
            record_file=f"papers/{paper.key}.yaml",
        )

    def review(self, key: str, review: Review) -> ReviewCard:
        sections = tuple(
            Section(name, name.capitalize(), self.prose(key, f"review.{name}", text))
            for name in REVIEW_SECTIONS
            if (text := getattr(review, name))
        )
        missing = [name for name in ("summary", *REVIEW_SECTIONS, *TABLE_CELLS) if not getattr(review, name)]
        return ReviewCard(
            state=review.state.value,
            summary=self.prose(key, "review.summary", review.summary),
            sections=sections,
            missing=tuple(missing),
            reviewer=review.reviewer,
            date=review.date,
        )

    def cells(self, paper: Paper) -> Cells | None:
        """The paper's cells in the summary table; None while nobody has written one."""
        review = paper.review
        if review is None or not any(getattr(review, name) for name in TABLE_CELLS):
            return None
        return Cells(
            *(self.prose(paper.key, f"review.{name}", getattr(review, name)) for name in TABLE_CELLS)
        )

    def claims(self, paper: Paper) -> tuple[ClaimView, ...]:
        """The paper's claims with their verdicts. An id that is used twice names the first of the two."""
        found: list[ClaimView] = []
        for claim in paper.claims:
            verdict = self.verdicts.get(f"{paper.key}/{claim.id}")
            page = page_of_claim(paper.key, claim.id) if verdict else None
            found.append(
                ClaimView(claim.id, _plain(claim.statement), claim.arxiv_version, claim.place, verdict, page)
            )
        return tuple(found)

    def labels(self, paper: Paper) -> tuple[Label, ...]:
        """The paper's labels, confirmed first, each with who says so."""
        groups: dict[str, list[Assignment]] = {}
        for number, each in enumerate(paper.labels):
            if each.branch not in self.taxonomy.branches:
                self.problems.append(
                    Problem(
                        f"{each.branch!r} is no branch of taxonomy.yaml",
                        f"papers/{paper.key}.yaml",
                        f"labels.{number}.branch",
                        fix="correct the label, or add the branch",
                    )
                )
                continue
            groups.setdefault(each.branch, []).append(each)
        order = {branch: number for number, branch in enumerate(self.taxonomy.branches)}
        labels = [self._label(branch, group) for branch, group in groups.items()]
        return tuple(sorted(labels, key=lambda label: (_RANK[label.standing], order[label.branch])))

    def _label(self, branch: str, group: list[Assignment]) -> Label:
        placed = self.taxonomy.branches[branch]
        trail = [self.taxonomy.branches[each].title for each in reversed(self.taxonomy.ancestors(branch))]
        facet = next(facet.title for facet in self.taxonomy.facets if facet.id == placed.facet)
        return Label(
            branch=branch,
            page=page_of_branch(branch),
            facet=facet,
            title=" › ".join(trail),
            standing=standing(group),
            voices=voices_of(group),
        )


_RANK = {"confirmed": 0, "proposed": 1, "rejected": 2}


def standing(group: Iterable[Assignment]) -> str:
    """What all voices together make of a label: a person's word decides, everyone else only proposes."""
    states = {each.state for each in group}
    for state in (AssignmentState.CONFIRMED, AssignmentState.REJECTED):
        if state in states:
            return state.value
    return AssignmentState.PROPOSED.value


def standings(paper: Paper) -> dict[str, str]:
    """The standing of each branch that the paper's labels name."""
    groups: dict[str, list[Assignment]] = {}
    for each in paper.labels:
        groups.setdefault(each.branch, []).append(each)
    return {branch: standing(group) for branch, group in groups.items()}


def page_of_paper(key: str) -> str:
    return f"papers/{key}.md"


def page_of_claim(paper: str, claim: str) -> str:
    return f"claims/{paper}/{claim}.md"


def page_of_branch(branch: str) -> str:
    return f"branches/{branch}.md"


def row_of(paper: Paper, taxonomy: Taxonomy) -> Row:
    """The paper as one line of a list."""
    first = taxonomy.facets[0].id
    tops: dict[str, bool] = {}
    for branch, state in standings(paper).items():
        if state != "rejected" and taxonomy.facet_of(branch) == first:
            top = taxonomy.ancestors(branch)[-1]
            tops[top] = tops.get(top, False) or state == "confirmed"
    directions = tuple(
        Direction(placed.title, page_of_branch(top), tops[top])
        for top, placed in taxonomy.branches.items()
        if top in tops
    )
    return Row(
        key=paper.key,
        page=page_of_paper(paper.key),
        title=paper.title,
        byline=byline(paper),
        year=str(paper.year) if paper.year else NO_YEAR,
        published=paper.dates.published or "",
        venue=paper.venue,
        review_state=paper.review.state.value if paper.review else None,
        withdrawn=paper.publication_state is PublicationState.WITHDRAWN,
        stub=paper.status is RecordStatus.STUB,
        directions=directions,
    )


def byline(paper: Paper) -> str:
    """The short form of the authors: surnames of up to two, "et al." beyond."""
    names = [surname(author.name) for author in paper.authors]
    if not names:
        return "unknown authors"
    return " and ".join(names) if len(names) <= 2 else f"{names[0]} et al."


def source_name(name: str) -> str:
    """What people call a source.

    >>> source_name("arxiv"), source_name("someone/list")
    ('arXiv', 'someone/list')
    """
    return SOURCE_NAMES.get(name, name)


def target_of(paper: Paper) -> Target:
    """How a reference to the paper is shown where nobody chose words."""
    year = f" ({paper.year})" if paper.year else ""
    return Target(page_of_paper(paper.key), byline(paper) + year)


def reviewed(paper: Paper) -> bool:
    return paper.review is not None and paper.review.state is not ReviewState.STUB


def identifier_links(paper: Paper) -> list[Link]:
    """A link for each thing that the paper is called elsewhere."""
    ids = paper.identifiers
    found: list[Link] = []
    if ids.arxiv_id:
        version = f"v{ids.arxiv_version}" if ids.arxiv_version else ""
        found.append(Link(f"arXiv:{ids.arxiv_id}{version}", ArxivId(ids.arxiv_id).url + version))
    if ids.doi:
        found.append(Link(f"doi:{ids.doi}", _doi_url(ids.doi)))
    if ids.openreview:
        found.append(Link("OpenReview", f"https://openreview.net/forum?id={ids.openreview}"))
    if ids.acl_anthology:
        found.append(
            Link(f"ACL Anthology {ids.acl_anthology}", f"https://aclanthology.org/{ids.acl_anthology}/")
        )
    if ids.semantic_scholar:
        found.append(
            Link("Semantic Scholar", f"https://www.semanticscholar.org/paper/{ids.semantic_scholar}")
        )
    if ids.url:
        found.append(Link(_shown_url(ids.url), ids.url))
    return found


def waiting_of(candidate: Candidate, alike: tuple[Row, ...]) -> Waiting:
    """A candidate as it is listed; `url` is empty where nothing leads to it."""
    ids = candidate.identifiers
    arxiv = parse_arxiv_id(ids.get("arxiv_id"))
    doi = parse_doi(ids.get("doi"))
    url = (arxiv.url if arxiv else "") or (_doi_url(doi) if doi else "") or candidate.url or ""
    # "awesome_list:someone/list arxiv_id:2504.04823": the reader wants to know the list.
    names = (seen.split(" ")[0].split(":", 1)[-1] for seen in candidate.seen_in)
    return Waiting(
        title=candidate.title or candidate.id,
        url=url,
        reason=candidate.reason,
        sources=tuple(dict.fromkeys(names)),
        alike=alike,
    )


def edit_link(repository: str | None, path: str) -> Link | None:
    """Where `path` can be edited on the web; the repository itself if its host is not one that kb knows."""
    if repository is None:
        return None
    host = urlsplit(repository).hostname or ""
    if host == "github.com":
        return Link("Edit the record", f"{repository}/edit/main/{path}")
    if host.split(".")[0] == "gitlab":
        return Link("Edit the record", f"{repository}/-/edit/main/{path}")
    return Link("Open the repository", repository)


def voices_of(group: Iterable[Assignment]) -> Voices:
    """Everybody who speaks of a label, each name once. A list's or classifier's label that a person put to another
    state by hand counts as decided by whoever edited the record."""
    found: dict[str, list[str]] = {"confirmed": [], "rejected": [], "lists": [], "people": []}
    guesses: dict[Guess, None] = {}
    for each in group:
        if each.by is Witness.CLASSIFIER:
            sure = _percent(each.confidence) if each.confidence is not None else None
            guesses[Guess(each.source, sure, each.evidence)] = None
        elif each.by is Witness.LIST:
            found["lists"].append(each.source)
        if each.state is not AssignmentState.PROPOSED:
            who = each.source if each.by is Witness.PERSON else f"an editor of the label by {each.source}"
            if each.by is Witness.PERSON and each.evidence:
                who = f"{who} ({'; '.join(each.evidence)})"
            found[each.state.value].append(who)
        elif each.by is Witness.PERSON:
            found["people"].append(each.source)
    unique = {name: tuple(dict.fromkeys(names)) for name, names in found.items()}
    return Voices(unique["confirmed"], unique["rejected"], unique["lists"], unique["people"], tuple(guesses))


def _percent(confidence: float) -> str:
    """Nothing is certain because it was rounded."""
    return "over 99%" if confidence > 0.99 else f"{confidence:.0%}"


def _named_sources(paper: Paper) -> set[str]:
    lists = {each.source for each in paper.labels if each.by is Witness.LIST}
    return lists | {note.source for note in paper.notes if note.source}


def _plain(text: str | None) -> Prose:
    """Prose of others, in which double brackets mean nothing."""
    return parse_prose(text, lambda _: None, lambda _: None) if text else ()


def _doi_url(doi: str) -> str:
    return "https://doi.org/" + quote(doi, safe="/:;().,-_")


def _shown_url(url: str) -> str:
    parts = urlsplit(url)
    shown = visible(f"{parts.hostname}{parts.path}".rstrip("/"))
    return shown if len(shown) <= 60 else shown[:57] + "…"
