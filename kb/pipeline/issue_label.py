"""A wrong or missing label that somebody reports.

Who may write to the repository confirms and rejects. Of everybody else a branch that fits comes in as a proposal, and one
that does not is rejected in their name: whoever merges that agrees. What a person confirmed is never touched.
"""

from __future__ import annotations

from kb.config import Config
from kb.errors import DataError, UsageError
from kb.export.github import Code, Line
from kb.pipeline.issue_event import Issue
from kb.pipeline.issue_forms import Filled
from kb.pipeline.issue_outcome import Kind, Outcome, record
from kb.pipeline.issue_standing import branch_of, record_of
from kb.pipeline.store import locked, open_store, write_records
from kb.pipeline.triage import Decision, labelled
from kb.records.library import render_record
from kb.records.models import Assignment, AssignmentState, Paper, Witness
from kb.records.relabel import relabelled
from kb.records.taxonomy import Taxonomy


def corrected(config: Config, issue: Issue, filled: Filled) -> Outcome:
    """Put down what the form says of a paper's place.

    Raises:
        DataError: the form names no paper, no branch, or a branch that the paper does not stand in.
    """
    with locked(config):
        store = open_store(config)
        labels, taxonomy = filled.form.labels, store.taxonomy
        standing = record_of(store, filled.line("paper"), field=labels["paper"])
        paper = relabelled(store.library[standing.key or ""], taxonomy)
        lines: list[Line] = [("About ", record(store, paper.key), ".")]
        if standing.was:
            lines.append((Code(standing.was), " is part of this record now."))
        before = paper
        wrong, right = (_branch(filled, name, taxonomy, lines) for name in ("wrong", "right"))
        if wrong is None and right is None:
            raise DataError(
                "is empty, and so is the right branch", field=labels["wrong"], fix="name at least one of them"
            )
        if wrong == right:
            raise DataError(
                "is the same as the wrong branch", field=labels["right"], fix="name two, or one of them"
            )
        try:
            if wrong is not None:
                paper = _rejected(paper, wrong, issue, taxonomy, labels["wrong"], lines)
            if right is not None:
                paper = _proposed(paper, right, issue, taxonomy, lines)
        except UsageError as error:  # somebody confirmed what the issue contradicts
            return Outcome(
                Kind.WAITS,
                "is for people to talk about",
                (*lines, (f"{error.message}. A person answers here.",)),
            )
        if paper == before:
            return Outcome(Kind.KNOWN, "stands there already", tuple(lines))
        write_records(
            store, {paper.key: render_record(paper, store.text(paper.key), file=f"papers/{paper.key}.yaml")}
        )
    return Outcome(Kind.CHANGE, f"Label reported in #{issue.number}: {paper.key}", tuple(lines))


def _branch(filled: Filled, name: str, taxonomy: Taxonomy, lines: list[Line]) -> str | None:
    if not (text := filled.line(name)):
        return None
    branch, old = branch_of(taxonomy, text, field=filled.form.labels[name])
    if old is not None:
        lines.append((Code(old), " is ", Code(branch), " now."))
    return branch


def _standing(paper: Paper) -> set[str]:
    """The branches that somebody names and nobody rejected."""
    rejected = {each.branch for each in paper.labels if each.state is AssignmentState.REJECTED}
    confirmed = {each.branch for each in paper.labels if each.state is AssignmentState.CONFIRMED}
    return {each.branch for each in paper.labels} - (rejected - confirmed)


def _rejected(
    paper: Paper, branch: str, issue: Issue, taxonomy: Taxonomy, field: str, lines: list[Line]
) -> Paper:
    standing = _standing(paper)
    if branch not in standing:
        known = {each.branch for each in paper.labels}
        if branch in known:
            lines.append(("It was rejected from ", Code(branch), " before."))
            return paper
        where = ", ".join(sorted(standing)) or "no branch at all"
        raise DataError(f"the paper does not stand in {branch}", field=field, fix=f"it stands in {where}")
    decision = Decision(id=paper.key, verdict="reject", branches=(branch,))
    paper = _noted(labelled(paper, decision, issue.author, taxonomy), branch, issue)
    lines.append(
        (Code(branch), " is rejected in the name of ", Code(issue.author), ". Who merges this agrees.")
    )
    return paper


def _proposed(paper: Paper, branch: str, issue: Issue, taxonomy: Taxonomy, lines: list[Line]) -> Paper:
    states = {each.state for each in paper.labels if each.branch == branch}
    if AssignmentState.CONFIRMED in states:
        lines.append(("It is confirmed in ", Code(branch), " already."))
        return paper
    if issue.trusted:
        decision = Decision(id=paper.key, verdict="confirm", branches=(branch,))
        lines.append((Code(branch), " is confirmed in the name of ", Code(issue.author), "."))
        return _noted(labelled(paper, decision, issue.author, taxonomy), branch, issue)
    if AssignmentState.REJECTED in states:
        raise UsageError(f"{branch} was rejected for {paper.key} before")
    label = Assignment(
        branch=branch, by=Witness.PERSON, source=issue.author, evidence=(f"issue {issue.number}",)
    )
    if any(each.identity == label.identity for each in paper.labels):
        lines.append(("It is proposed for ", Code(branch), " already."))
        return paper
    lines.append(
        (
            Code(branch),
            " is proposed by ",
            Code(issue.author),
            "; ",
            Code(f"kb triage --decide {paper.key}={branch}"),
            " confirms it.",
        )
    )
    return paper.model_copy(update={"labels": (*paper.labels, label)})


def _noted(paper: Paper, branch: str, issue: Issue) -> Paper:
    """The author's label of `branch` with the issue as its evidence."""
    return paper.model_copy(
        update={
            "labels": tuple(
                each.model_copy(update={"evidence": (f"issue {issue.number}",)})
                if (each.branch, each.by, each.source) == (branch, Witness.PERSON, issue.author)
                else each
                for each in paper.labels
            )
        }
    )
