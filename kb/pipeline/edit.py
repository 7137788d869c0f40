"""What a person decides: new, accept, reject, same, different, unmerge, resolve.

Each of these writes the decision down first, where a sync will obey it, and then brings the records in line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from kb.config import Config
from kb.errors import NotGiven, UsageError
from kb.ids import KINDS, identify, parse_arxiv_id
from kb.pipeline.joining import join_records
from kb.pipeline.joining import unmerge as undo_merge
from kb.pipeline.store import (
    Store,
    keep_abstracts,
    locked,
    open_store,
    remove_record,
    write_conflicts,
    write_decisions,
    write_plan,
    write_records,
)
from kb.reconcile.decided import Decided
from kb.reconcile.merge import Conflict, apply
from kb.reconcile.reconcile import Plan, reconcile
from kb.reconcile.rows import is_digest, without_digests
from kb.records.candidates import Candidate, how_to_decide
from kb.records.decisions import Decisions, Pair, Rejection
from kb.records.library import render_record
from kb.records.models import Paper
from kb.sources import arxiv_source
from kb.sources.entry import Progress, Status, no_progress
from kb.text import normal_title, one_line


@dataclass(frozen=True)
class Done:
    """What a command changed: keys of records, and one line for people."""

    keys: tuple[str, ...]
    message: str


def new(config: Config, what: str, progress: Progress = no_progress) -> Done:
    """Make a record for an arXiv id or URL, with arXiv's metadata.

    Raises:
        UsageError: `what` is no arXiv id, or its record exists.
        UpstreamError: arXiv does not answer.
        NotGiven: it answers without the paper.
    """
    arxiv = parse_arxiv_id(what)
    if arxiv is None:
        raise UsageError(f"{what!r} is no arXiv id or URL", fix="try 2504.04823, or kb import bibtex FILE")
    with locked(config):
        store = open_store(config)
        for key, paper in store.library.items():
            if paper.identifiers.arxiv_id == arxiv.base:
                raise UsageError(f"{arxiv.base} is here already: {key}", fix=f"kb show {key}")
        result = arxiv_source(config).lookup([arxiv], progress)
        if result.status is Status.FAILED and result.error is not None:
            raise result.error
        if not result.entries:
            said = "; ".join(str(problem) for problem in result.problems)
            raise NotGiven(
                f"arXiv has no {arxiv}{': ' if said else ''}{said}", fix="check the id and its version"
            )
        store = open_store(config)  # a person may have edited a record while arXiv was asked
        plan = reconcile(store.base(), [replace(result, creates=True)])
        keys = [
            row.paper for row in plan.rows.values() if row.entry.identifiers.get("arxiv_id") == arxiv.base
        ]
        made = tuple(sorted({key for key in keys if key}))
        waits = next((c for c in plan.candidates if c.identifiers.get("arxiv_id") == arxiv.base), None)
        if made or waits is not None:
            keep_abstracts(config, result.entries)
            write_plan(store, plan)
        if made:
            verb = "made" if set(made) <= set(plan.created) else "found"
            return Done(made, f"{verb} {', '.join(f'papers/{key}.yaml' for key in made)}")
        if waits is not None:
            raise UsageError(f"{arxiv.base} waits as {waits.id}: {waits.reason}", fix=how_to_decide(waits))
        if plan.problems:
            raise UsageError(f"{arxiv.base} cannot become a record: {plan.problems[0]}")
        raise UsageError(
            f"{arxiv.base} was rejected before", fix="take the rejection out of papers/_decisions.yaml"
        )


def accept(config: Config, ids: Sequence[str]) -> Done:
    """Make records of candidates. An unresolved one needs an author and a year first: edit its source, or `kb new`.

    Raises:
        UsageError: an id is not waiting, or too little is known of it.
    """
    with locked(config):
        store = open_store(config)
        chosen = [_candidate(store, one) for one in dict.fromkeys(ids)]
        for candidate in chosen:
            if candidate.state.value == "unresolved":
                raise UsageError(
                    f"{candidate.id} cannot become a record: {candidate.reason}",
                    fix="kb sync arxiv, or kb new",
                )
            if candidate.state.value == "suspicious":
                raise UsageError(
                    f"{candidate.id} waits for another answer: {candidate.reason}",
                    fix=how_to_decide(candidate),
                )
        refs = {ref for candidate in chosen for ref in candidate.seen_in}
        rows = {
            ref: without_digests(row).model_copy(update={"creates": True, "paper": None})
            if ref in refs
            else row
            for ref, row in store.rows.items()
        }
        plan = reconcile(store.base(rows=rows), [])
        keys = tuple(sorted({key for ref in refs if (key := plan.rows[ref].paper)}))
        if plan.problems and not keys:
            raise UsageError(f"cannot become a record: {plan.problems[0]}", fix="correct it at its source")
        write_plan(store, plan)
        return Done(
            keys, f"accepted {len(chosen)}: {', '.join(keys) or 'nothing became a record; kb candidates'}"
        )


def reject(config: Config, name: str, *, reason: str, by: str | None = None, date: str | None = None) -> Done:
    """Keep a candidate, or the paper of a record, out of the survey for good."""
    with locked(config):
        store = open_store(config)
        found = _rejections(store, name)
        rejections = [r.model_copy(update={"reason": reason, "by": by, "date": date}) for r in found]
        known = [(r.title, r.identifiers) for r in store.decisions.rejected]
        fresh = [r for r in rejections if (r.title, r.identifiers) not in known]
        decisions = store.decisions.model_copy(update={"rejected": (*store.decisions.rejected, *fresh)})
        write_decisions(store, decisions)
        rows = store.rows
        if name in store.library:
            rows = {
                r: without_digests(row).model_copy(update={"paper": None}) if row.paper == name else row
                for r, row in rows.items()
            }
            papers = {key: paper for key, paper in store.library.items() if key != name}
            plan = reconcile(replace(store.base(rows=rows, decisions=decisions), papers=papers), [])
            remove_record(store, name)
        else:
            plan = reconcile(store.base(decisions=decisions), [])
        write_plan(store, plan)
        title = found[0].title or next(iter(found[0].identifiers.values()), name)
        return Done((name,) if name in store.library else (), f"rejected {title!r}: {reason}")


def same(config: Config, a: str, b: str, *, by: str | None = None, date: str | None = None) -> Done:
    """Say that two records, or a record and a waiting entry, are one work. The first record named stays."""
    with locked(config):
        store = open_store(config)
        if a != b and a in store.library and b in store.library:
            return Done((a,), join_records(store, a, b, by=by, date=date))
        pairs = _pairs(store, a, b, by, date)
        rest = _without(store.decisions, pairs)
        keys = _obey(store, rest.model_copy(update={"same": (*rest.same, *pairs)}), pairs)
        return Done(keys, f"{a} and {b} are one work")


def different(config: Config, a: str, b: str, *, by: str | None = None, date: str | None = None) -> Done:
    """Say that two records or entries are different works, whatever their titles and identifiers say."""
    with locked(config):
        store = open_store(config)
        pairs = _pairs(store, a, b, by, date)
        rest = _without(store.decisions, pairs)
        keys = _obey(store, rest.model_copy(update={"different": (*rest.different, *pairs)}), pairs)
        return Done(keys, f"{a} and {b} are different works")


def _obey(store: Store, decisions: Decisions, pairs: Iterable[Pair]) -> tuple[str, ...]:
    """Write `decisions`, bring the records in line, and give the keys that `pairs` now belong to."""
    write_decisions(store, decisions)
    plan = reconcile(store.base(decisions=decisions), [])
    write_plan(store, plan)
    return tuple(sorted({key for pair in pairs for ref in (pair.a, pair.b) if (key := _key_of(plan, ref))}))


def unmerge(config: Config, key: str) -> Done:
    """Undo the merge that took the record `key` away. What changed since in either record stays."""
    key, survivor = undo_merge(config, key)
    return Done((key, survivor), f"{key} and {survivor} are two records again")


def resolve(config: Config, key: str, name: str, *, theirs: bool) -> Done:
    """Settle a conflict: keep the record's value, or take the sources'."""
    with locked(config):
        store = open_store(config)
        conflict = next((c for c in store.conflicts if (c.paper, c.field) == (key, name)), None)
        if conflict is None:
            known = "; ".join(f"{c.paper} {c.field}" for c in store.conflicts) or "none is open"
            raise UsageError(f"{key} has no conflict in {name}", fix=f"open conflicts: {known}")
        if key not in store.library:
            raise UsageError(f"{key} is no record any more", fix="kb sync forgets the conflict")
        if theirs:
            paper = _as_they_say(store.library[key], conflict)
            text = render_record(paper, store.text(key), file=f"papers/{key}.yaml")
            write_records(store, {key: text})
        rest = [c for c in store.conflicts if c is not conflict]
        write_conflicts(store, tuple(rest))
        return Done(
            (key,), f"{key}: {name} is settled: {'the sources are' if theirs else 'the record is'} right"
        )


# Helpers of the above


def _candidate(store: Store, name: str) -> Candidate:
    for candidate in store.candidates:
        if candidate.id == name or name in candidate.seen_in:
            return candidate
    ids = identify(name)
    for candidate in store.candidates:
        if ids and any(candidate.identifiers.get(kind) == value for kind, value in ids.items()):
            return candidate
    raise UsageError(f"nothing named {name!r} is waiting", fix="kb candidates lists what waits")


def _refs(store: Store, name: str) -> tuple[str, ...]:
    """`name` as decisions write it: a record's key, or the references of the entries of a candidate."""
    if name in store.library or name in store.rows:
        return (name,)
    candidate = _candidate(store, name)
    if not candidate.seen_in:
        raise UsageError(f"{candidate.id} is about two records", fix=how_to_decide(candidate))
    return candidate.seen_in


def _rejections(store: Store, name: str) -> list[Rejection]:
    """Everything that the work `name` is called, so that no source brings it back under another title.

    What a record of another work is called too does not count: a wrong link carries the identifier of a right paper.
    """
    if name in store.library:
        paper = store.library[name]
        rows = [row for row in store.rows.values() if row.paper == name]
        ids = paper.identifiers.by_kind()
        found = [Rejection(key=name, title=paper.title, identifiers=ids, reason="-")]
    else:
        candidate = _candidate(store, name)
        if not candidate.seen_in:
            raise UsageError(f"{candidate.id} is about two records", fix=how_to_decide(candidate))
        rows = [store.rows[ref] for ref in candidate.seen_in if ref in store.rows]
        found = [Rejection(title=candidate.title, identifiers=candidate.identifiers, reason="-")]
    titles = {normal_title(one.title or "") for one in found}
    for row in sorted(rows, key=lambda row: row.rank):
        title = one_line(row.entry.title or "")
        known = not title or normal_title(title) in titles
        if known and Decided(Decisions(rejected=tuple(found))).rejected(row.entry):
            continue
        titles.add(normal_title(title))
        ids = {kind: value for kind, value in row.entry.identifiers.items() if kind in KINDS}
        found.append(Rejection(title=title or None, identifiers=ids, reason="-"))
    others = {
        pair
        for key, paper in store.library.items()
        if key != name
        for pair in paper.identifiers.by_kind().items()
    }
    return [
        r.model_copy(update={"identifiers": {k: v for k, v in r.identifiers.items() if (k, v) not in others}})
        for r in found
    ]


def _pairs(store: Store, a: str, b: str, by: str | None, date: str | None) -> tuple[Pair, ...]:
    if a == b:
        raise UsageError("a thing is the same as itself", fix="name two")
    return tuple(Pair(a=x, b=y, by=by, date=date) for x in _refs(store, a) for y in _refs(store, b))


def _without(decisions: Decisions, pairs: Iterable[Pair]) -> Decisions:
    """The decisions without earlier ones about the same pairs: the last word counts."""
    gone = [(pair.a, pair.b) for pair in pairs]

    def kept(rows: tuple[Pair, ...]) -> tuple[Pair, ...]:
        return tuple(row for row in rows if not any(row.joins(a, b) for a, b in gone))

    return decisions.model_copy(update={"same": kept(decisions.same), "different": kept(decisions.different)})


def _key_of(plan: Plan, name: str) -> str | None:
    row = plan.rows.get(name)
    return row.paper if row else None


def _as_they_say(paper: Paper, conflict: Conflict) -> Paper:
    """`paper` with the sources' value of the field in `conflict`."""
    name, value = conflict.field, conflict.theirs
    if is_digest(value):
        raise UsageError(f"the text of {name} is not kept", fix="import its source again, or edit the record")
    if name == "authors" and value is not None:
        value = tuple(tuple(author) for author in value)
    try:
        return apply(paper, {name: value})
    except ValidationError as error:
        raise UsageError(
            f"what the sources say cannot stand in a record: {error.errors()[0]['msg']}",
            fix=f"kb resolve {paper.key} {name} --mine",
        ) from None
