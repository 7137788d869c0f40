"""What `kb triage` asks, as values: a question a paper and facet, then a question a waiting work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kb.classify.predict import FacetPrediction, Prediction
from kb.classify.queue import QueueItem, triage_queue
from kb.ids import ArxivId, parse_arxiv_id
from kb.records.candidates import Candidate, CandidateState
from kb.records.models import Assignment, AssignmentState, Paper, Witness
from kb.records.relabel import relabelled
from kb.records.taxonomy import Taxonomy
from kb.render.views import identifier_links
from kb.text import normal_title, one_line

MOST_PROPOSALS = 9  # one key each
_LEAST_PROBABILITY = 0.05
_BOTH = frozenset({"papers", "candidates"})


@dataclass(frozen=True)
class Proposal:
    """A branch that somebody proposes, with who does and why."""

    branch: str
    title: str
    confidence: float | None = None
    witnesses: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def meant(self) -> bool:
        """Whether anybody proposes it; else it is only there to be chosen."""
        return bool(self.witnesses) or self.confidence is not None


@dataclass(frozen=True)
class Question:
    """One decision.

    Attributes:
        id: what a decision names: a record's key, or a candidate's id.
        kind: "paper" (where does it belong in `facet`?), "candidate" (is it taken in?) or "suspicious" (which record
            is it?).
        reasons: why it is asked.
        proposals: branches, the likeliest first; empty where nobody proposes one.
        like: for a suspicious one, the records that it may be: (key, title).
        score: how much an answer teaches and matters.
    """

    id: str
    kind: str
    title: str
    authors: tuple[str, ...] = ()
    year: str = ""
    links: tuple[str, ...] = ()
    facet: str | None = None
    reasons: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    like: tuple[tuple[str, str], ...] = ()
    refs: tuple[str, ...] = ()  # entries of sources, under which an abstract may be kept
    score: float = 0.0

    @property
    def name(self) -> str:
        """What tells this question from all others."""
        return f"{self.id} {self.facet}" if self.facet else self.id

    @property
    def stamp(self) -> str:
        """Changes when there is something new to say: a question that was put off comes back then."""
        return " ".join(sorted({*(p.branch for p in self.proposals), *(key for key, _ in self.like)}))


@dataclass(frozen=True)
class Wanted:
    """Which questions to ask."""

    facets: tuple[str, ...]
    kinds: Collection[str] = _BOTH
    branch: str | None = (
        None  # only papers that somebody proposes for it or below, and those to sort below it
    )


def questions(
    papers: Mapping[str, Paper],
    taxonomy: Taxonomy,
    wanted: Wanted,
    *,
    predictions: Mapping[str, Prediction] | None = None,
    candidates: Iterable[Candidate] = (),
    refs: Mapping[str, Sequence[str]] | None = None,
    skipped: Mapping[str, str] | None = None,
) -> list[Question]:
    """Every open question, the most useful first; works that wait come after the papers.

    Args:
        predictions: what the classifier says now; what records hold of it stands in for the rest.
        refs: the entries of sources that belong to a record, by its key.
        skipped: stamps of questions that were put off, by name.
    """
    put_off = skipped or {}
    found: list[Question] = []
    if "papers" in wanted.kinds:
        known = {key: relabelled(paper, taxonomy) for key, paper in papers.items()}
        said = {key: stored_prediction(paper, taxonomy) for key, paper in known.items()}
        said |= {key: each for key, each in (predictions or {}).items() if key in known}
        for item in triage_queue(known, said, taxonomy, facets=wanted.facets):
            question = _of_paper(known[item.key], item, taxonomy, (refs or {}).get(item.key, ()))
            if not _refused_everywhere(known[item.key], item.facet, taxonomy, question):
                found.append(question)
    if wanted.branch is not None:
        found = [q for q in found if any(_within(p.branch, wanted.branch) for p in q.proposals)]
        found = _to_sort(papers, wanted.branch, taxonomy, refs or {}) + found
    elif "candidates" in wanted.kinds:
        found += [_of_candidate(c, papers) for c in _newest_first(candidates)]
    return [question for question in found if put_off.get(question.name) != question.stamp]


def stored_prediction(paper: Paper, taxonomy: Taxonomy) -> Prediction:
    """What the classifier said last, as it stands in the record."""
    facets: dict[str, FacetPrediction] = {}
    for facet in taxonomy.facets:
        labels = [
            label
            for label in paper.labels
            if label.by is Witness.CLASSIFIER and taxonomy.facet_of(label.branch) == facet.id
        ]
        sure = sorted(
            ((label.branch, label.confidence or 0.0) for label in labels), key=lambda each: -each[1]
        )
        facets[facet.id] = FacetPrediction(
            facet=facet.id,
            branch=sure[0][0] if sure else None,
            probability=sure[0][1] if sure else 0.0,
            abstained=not sure,
            top=tuple(sure),
            proposed=tuple(sure),
            reason=None if sure else "the classifier proposes nothing",
        )
    return Prediction(id=paper.key, facets=facets)


def search(taxonomy: Taxonomy, facet: str | None, words: str) -> list[str]:
    """The branches that `words` may mean, best first: by id, by the start of a name, by any name or alias."""
    wanted = normal_title(words)
    if not wanted:
        return []
    ranked: list[tuple[int, int, str]] = []
    for number, placed in enumerate(taxonomy.branches.values()):
        if facet is not None and placed.facet != facet:
            continue
        slug = placed.id.rpartition("/")[2]
        names = [normal_title(name) for name in (slug, placed.title)]
        others = [normal_title(name) for name in (placed.id, *placed.branch.aliases)]
        if words.strip() in (placed.id, slug):
            rank = 0 if words.strip() == placed.id else 1
        elif any(name.startswith(wanted) for name in names):
            rank = 2
        elif any(f" {wanted}" in f" {name}" for name in names):
            rank = 3
        elif any(wanted in name for name in (*names, *others)):
            rank = 4
        else:
            continue
        ranked.append((rank, number, placed.id))
    return [branch for _, _, branch in sorted(ranked)]


def _of_paper(paper: Paper, item: QueueItem, taxonomy: Taxonomy, refs: Sequence[str]) -> Question:
    return Question(
        id=paper.key,
        kind="paper",
        title=one_line(paper.title),
        authors=tuple(author.name for author in paper.authors),
        year=str(paper.year or ""),
        links=tuple(link.url for link in identifier_links(paper)),
        facet=item.facet,
        reasons=item.reasons,
        proposals=_proposals(paper, item, taxonomy),
        refs=tuple(refs),
        score=item.score,
    )


def _proposals(paper: Paper, item: QueueItem, taxonomy: Taxonomy) -> tuple[Proposal, ...]:
    """The branches to choose from. One that is supported by a more general label as well goes before that one."""
    labels: dict[str, list[Assignment]] = defaultdict(list)
    for label in paper.labels:
        if taxonomy.facet_of(label.branch) == item.facet:
            labels[label.branch].append(label)
    refused = {branch for branch, group in labels.items() if _refused(group)}
    sure = {branch: p for branch, p in item.top if p >= _LEAST_PROBABILITY or branch == item.suggestion}
    if item.suggestion is not None:
        sure.setdefault(item.suggestion, item.probability)
    names = [name for name in {**labels, **sure} if name not in refused and name in taxonomy.branches]
    own = {name: max(sure.get(name, 0.0), *map(_weight, labels.get(name, ())), 0.0) for name in names}
    votes = {name: sum(each.by is not Witness.CLASSIFIER for each in labels.get(name, ())) for name in names}

    def support(name: str) -> float:
        return sum(own.get(up, 0.0) + votes.get(up, 0) for up in taxonomy.ancestors(name))

    ordered = sorted(names, key=lambda name: (-support(name), name.count("/") * -1, names.index(name)))
    return tuple(
        _proposal(name, labels.get(name, ()), item, sure, taxonomy) for name in ordered[:MOST_PROPOSALS]
    )


def _proposal(
    name: str, group: Sequence[Assignment], item: QueueItem, sure: Mapping[str, float], taxonomy: Taxonomy
) -> Proposal:
    evidence = [one_line(line) for label in group for line in label.evidence]
    if name == item.suggestion:
        evidence += [one_line(line) for line in item.evidence]
    confidence = max((label.confidence for label in group if label.confidence is not None), default=None)
    trail = [taxonomy.branches[up].title for up in reversed(taxonomy.ancestors(name))]
    return Proposal(
        branch=name,
        title=" › ".join(trail),
        confidence=sure.get(name, confidence),
        witnesses=tuple(dict.fromkeys(f"{label.source} ({label.by.value})" for label in group)),
        evidence=tuple(dict.fromkeys(evidence)),
    )


def _to_sort(
    papers: Mapping[str, Paper], branch: str, taxonomy: Taxonomy, refs: Mapping[str, Sequence[str]]
) -> list[Question]:
    """Papers that a person confirmed for `branch` and for nothing below it, although it has sub-branches."""
    facet = taxonomy.facet_of(branch) or ""
    children = tuple(f"{branch}/{child.id}" for child in taxonomy.branches[branch].branch.branches)
    found = []
    for key, each in papers.items() if children else ():
        paper = relabelled(each, taxonomy)
        confirmed = {label.branch for label in paper.labels if label.state is AssignmentState.CONFIRMED}
        if branch in confirmed and not any(_within(name, child) for name in confirmed for child in children):
            item = QueueItem(
                key, paper.title, facet, None, 0.0, tuple((c, 1.0) for c in children), (), (), (), 0.0
            )
            said = {p.branch: p for p in _proposals(paper, item, taxonomy)}
            parts = tuple(said[name] for name in said if name in children)
            parts = tuple(p if p.witnesses else replace(p, confidence=None) for p in parts)
            reason = f"confirmed for {branch}; for which part of it?"
            question = _of_paper(paper, item, taxonomy, refs.get(key, ()))
            ordered = tuple(sorted(parts, key=lambda p: not p.meant))
            found.append(replace(question, proposals=ordered, reasons=(reason,)))
    return found


def _weight(label: Assignment) -> float:
    return label.confidence or 0.0


def _refused(group: Iterable[Assignment]) -> bool:
    states = {label.state for label in group}
    return AssignmentState.REJECTED in states and AssignmentState.CONFIRMED not in states


def _refused_everywhere(paper: Paper, facet: str, taxonomy: Taxonomy, question: Question) -> bool:
    """Whether a person has turned down all that was proposed: then there is nothing left to ask."""
    refused = any(
        label.state is AssignmentState.REJECTED and taxonomy.facet_of(label.branch) == facet
        for label in paper.labels
    )
    live = {label.branch for label in paper.labels if label.state is not AssignmentState.REJECTED}
    return refused and not any(proposal.branch in live for proposal in question.proposals)


def _within(branch: str, above: str) -> bool:
    return branch == above or branch.startswith(f"{above}/")


def _newest_first(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those that a person can settle, pairs that may be one work first. The unresolved wait for facts, not opinions."""
    open_ = [c for c in candidates if c.state is not CandidateState.UNRESOLVED and c.seen_in]
    open_.sort(key=lambda c: (c.published or "", c.id), reverse=True)
    return sorted(open_, key=lambda c: c.state is not CandidateState.SUSPICIOUS)


def _of_candidate(candidate: Candidate, papers: Mapping[str, Paper]) -> Question:
    arxiv = parse_arxiv_id(candidate.identifiers.get("arxiv_id"))
    links = [ArxivId(arxiv.base).url] if arxiv else []
    if doi := candidate.identifiers.get("doi"):
        links.append(f"https://doi.org/{doi}")
    if candidate.url and candidate.url not in links:
        links.append(candidate.url)
    suspicious = candidate.state is CandidateState.SUSPICIOUS
    return Question(
        id=candidate.id,
        kind="suspicious" if suspicious else "candidate",
        title=one_line(candidate.title or candidate.id),
        authors=tuple(one_line(name) for name in candidate.authors),
        year=(candidate.published or "")[:4],
        links=tuple(one_line(link) for link in links),
        reasons=(one_line(candidate.reason),),
        like=tuple((key, one_line(papers[key].title)) for key in candidate.like if key in papers),
        refs=candidate.seen_in,
    )
