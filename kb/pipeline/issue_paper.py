"""A suggested paper becomes a record or a candidate, through the same reconciliation as what any source names."""

from __future__ import annotations

import re
from dataclasses import replace

from kb.config import Config
from kb.errors import DataError
from kb.export.github import Code, Line, for_title
from kb.ids import ArxivId, parse_arxiv_id
from kb.pipeline import edit
from kb.pipeline.issue_event import Issue
from kb.pipeline.issue_forms import Filled
from kb.pipeline.issue_outcome import Kind, Outcome, record
from kb.pipeline.issue_standing import SOURCE, Standing, branch_of, by_identifiers, reference
from kb.pipeline.store import Store, keep_abstracts, locked, open_store, write_plan, write_records
from kb.reconcile.decided import Decided
from kb.reconcile.match import UNLIKE, likeness
from kb.reconcile.reconcile import Plan, reconcile
from kb.records.candidates import CandidateState
from kb.records.library import render_record
from kb.records.models import Assignment, Witness
from kb.sources import arxiv_source
from kb.sources.entry import EntryAuthor, Progress, SourceEntry, SourceResult, Status
from kb.text import normal_title, one_line

_YEAR = re.compile(r"(?:19|20)\d\d")
_MOST_AUTHORS = 300


def suggested(config: Config, issue: Issue, filled: Filled, progress: Progress) -> Outcome:
    """Take in the paper that the form names.

    Raises:
        DataError: the form names no paper, or says too little of it.
        UpstreamError: arXiv does not answer.
    """
    label = filled.form.labels["reference"]
    if not (text := filled.line("reference")):
        raise DataError("is empty", field=label, fix="write the paper's arXiv id, its DOI or its address")
    try:
        ids, url = reference(text)
    except DataError as error:
        raise DataError(error.message, field=label, fix=error.fix) from None
    store = open_store(config)
    branch = None
    if wanted := filled.line("branch"):
        branch, _ = branch_of(store.taxonomy, wanted, field=filled.form.labels["branch"])
    if known := _known(store, by_identifiers(store, ids), issue):
        return known
    waiting = by_identifiers(store, ids).candidate
    if waiting is not None and waiting.state is CandidateState.SUSPICIOUS:
        return _doubtful(waiting.reason, waiting.like)
    if waiting is not None and waiting.state is CandidateState.CANDIDATE:
        (key,) = edit.accept(config, [waiting.id]).keys[:1] or (None,)
        if key is not None:
            return _made(config, key, branch, issue)
    arxiv = parse_arxiv_id(ids.get("arxiv_id"))
    results = _asked_arxiv(config, arxiv, filled, progress) if arxiv else ()
    entry = _entry(issue, filled, ids, url, told=arxiv is None)
    return _take_in(config, issue, entry, results, branch)


def _known(store: Store, standing: Standing, issue: Issue) -> Outcome | None:
    row = store.rows.get(f"{SOURCE} {issue.number}")
    key = standing.key or (row.paper if row and row.paper in store.library else None)
    if key is not None:
        return Outcome(
            Kind.KNOWN, "is here already", (("It is in the survey already: ", record(store, key), "."),)
        )
    if standing.reason is not None:
        return _excluded(standing.reason)
    return None


def _excluded(reason: str) -> Outcome:
    lines = (
        (f"People looked at this paper before and left it out: {reason}",),
        ("If that is wrong, say here why; a person reads it.",),
    )
    return Outcome(Kind.EXCLUDED, "was left out before", lines)


def _doubtful(reason: str, like: tuple[str, ...]) -> Outcome:
    others = ", ".join(like)
    lines = (
        (f"It may be here already{f', as {others}' if others else ''}: {reason}.",),
        ("A person decides.",),
    )
    return Outcome(Kind.WAITS, "may be here already", lines)


def _asked_arxiv(
    config: Config, arxiv: ArxivId, filled: Filled, progress: Progress
) -> tuple[SourceResult, ...]:
    result = arxiv_source(config).lookup([ArxivId(arxiv.base)], progress)
    if result.status is Status.FAILED and result.error is not None:
        raise result.error
    if not result.entries:
        said = "; ".join(str(problem) for problem in result.problems)
        raise DataError(
            f"arXiv has no {arxiv.base}{': ' if said else ''}{said}",
            field=filled.form.labels["reference"],
            fix="check the number",
        )
    title, told = result.entries[0].title or "", filled.line("title")
    if told and likeness(normal_title(told), normal_title(title)) < UNLIKE:
        fix = "check the number, or leave the title out"
        raise DataError(f"arXiv calls {arxiv.base} {title!r}", field=filled.form.labels["title"], fix=fix)
    return (replace(result, creates=True),)


def _entry(issue: Issue, filled: Filled, ids: dict[str, str], url: str | None, *, told: bool) -> SourceEntry:
    """What the issue says of the paper; of one on arXiv only which it is (`told` is False): arXiv knows better."""
    entry = SourceEntry(source=SOURCE, entry_id=str(issue.number), identifiers=ids, url=url)
    if not told:
        return entry
    title, year = one_line(filled.line("title")), filled.line("year")
    if not normal_title(title):
        raise DataError(
            "is needed for a paper that is not on arXiv",
            field=filled.form.labels["title"],
            fix="add it, with the authors and the year",
        )
    if year and not _YEAR.fullmatch(year):
        raise DataError(
            f"{year[:20]!r} is no year", field=filled.form.labels["year"], fix="write one such as 2025"
        )
    names = re.split(
        r"\s*;\s*" if ";" in filled.line("authors") else r"\s*,\s*(?:and\s+)?|\s+and\s+",
        filled.line("authors"),
    )
    authors = [one_line(name) for name in names if one_line(name)]
    if len(authors) > _MOST_AUTHORS:
        raise DataError(
            f"are more than {_MOST_AUTHORS}", field=filled.form.labels["authors"], fix="name the first ones"
        )
    return entry.model_copy(
        update={
            "title": title,
            "authors": tuple(EntryAuthor(name=name) for name in authors),
            "published": year or None,
        }
    )


def _take_in(
    config: Config, issue: Issue, entry: SourceEntry, results: tuple[SourceResult, ...], branch: str | None
) -> Outcome:
    ref = f"{SOURCE} {issue.number}"
    said = SourceResult(SOURCE, Status.OK, entries=(entry,), creates=True)
    with locked(config):
        store = open_store(config)
        plan = reconcile(store.base(), [said, *results])
        key = plan.rows[ref].paper
        waits = next((each for each in plan.candidates if ref in each.seen_in), None)
        if key is not None and key not in plan.created:
            return Outcome(
                Kind.KNOWN, "is here already", (("It is in the survey already: ", record(store, key), "."),)
            )
        if key is None and waits is not None and waits.state is CandidateState.SUSPICIOUS:
            return _doubtful(waits.reason, waits.like)
        if key is None and waits is None:
            return _not_taken(store, plan, [entry, *(each for result in results for each in result.entries)])
        keep_abstracts(config, [each for result in results for each in result.entries])
        write_plan(store, plan)
    if key is not None:
        return _made(config, key, branch, issue)
    lacking = waits.reason if waits else ""
    lines = (
        (f"It waits among the candidates until more is known: {lacking}.",),
        ("With authors and year it becomes a record: edit the issue.",),
    )
    return Outcome(Kind.CHANGE, f"Candidate suggested in #{issue.number}", lines)


def _not_taken(store: Store, plan: Plan, entries: list[SourceEntry]) -> Outcome:
    decided = Decided(store.decisions)
    if rejection := next(filter(None, map(decided.rejection, entries)), None):
        return _excluded(rejection.reason)
    why = str(plan.problems[0]) if plan.problems else "what is known of it is not enough for a record"
    raise DataError(why, fix="correct it in the issue")


def _made(config: Config, key: str, branch: str | None, issue: Issue) -> Outcome:
    """The record is there; its label, as somebody's proposal, comes on top."""
    with locked(config):
        store = open_store(config)
        paper = store.library[key]
        if branch is not None:
            label = Assignment(
                branch=branch, by=Witness.PERSON, source=issue.author, evidence=(f"issue {issue.number}",)
            )
            labels = tuple(each for each in paper.labels if each.identity != label.identity)
            paper = paper.model_copy(update={"labels": (*labels, label)})
            write_records(store, {key: render_record(paper, store.text(key), file=f"papers/{key}.yaml")})
    year = f" ({paper.year})" if paper.year else ""
    lines: list[Line] = [(f"{paper.title}{year} becomes ", Code(f"papers/{key}.yaml"), ".")]
    if paper.publication_state.value == "withdrawn":
        lines.append(("It was withdrawn.",))
    if branch is not None:
        lines.append(("It is proposed for ", Code(branch), "."))
    return Outcome(Kind.CHANGE, f"Paper suggested in #{issue.number}: {for_title(paper.title)}", tuple(lines))
