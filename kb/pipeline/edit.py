"""What a person decides: new, accept, reject, same, different, unmerge, resolve.

Each of these writes the decision down first, where a sync will obey it, and then brings the records in line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.config import Config
from kb.errors import DataError, UpstreamError, UsageError
from kb.ids import KINDS, identify, parse_arxiv_id, parse_paper_key
from kb.pipeline.store import (
    Store,
    keep_abstracts,
    locked,
    open_store,
    remove_record,
    write_candidates,
    write_conflicts,
    write_decisions,
    write_plan,
    write_records,
    write_rows,
)
from kb.reconcile.decided import Decided
from kb.reconcile.fold import SCALARS, SETS, fields_of
from kb.reconcile.merge import Conflict, apply, merge
from kb.reconcile.reconcile import Plan, reconcile
from kb.reconcile.rows import Rows, is_digest, without_digests
from kb.records.candidates import Candidate, how_to_decide
from kb.records.decisions import Decisions, Merge, Pair, Rejection
from kb.records.files import read_utf8, remove, write_atomic
from kb.records.library import parse_record, render_record
from kb.records.models import Paper
from kb.sources import arxiv_source
from kb.sources.entry import Progress, Status, no_progress
from kb.text import normal_title, one_line


@dataclass(frozen=True)
class Done:
    """What a command changed: keys of records, and one line for people."""

    keys: tuple[str, ...]
    message: str


class MergedRecord(BaseModel):
    """papers/_merged/<gone>.json: what a merge changed, byte for byte, so that it can be undone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gone: str
    into: str
    gone_text: str
    before: str  # the text of `into` before the merge
    after: str  # and after it
    rows: tuple[str, ...] = ()  # entries that came with `gone`


def new(config: Config, what: str, progress: Progress = no_progress) -> Done:
    """Make a record for an arXiv id or URL, with arXiv's metadata.

    Raises:
        UsageError: `what` is no arXiv id, or its record exists.
        UpstreamError: arXiv does not answer, or does not know the id.
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
            raise UpstreamError(f"arXiv does not know {arxiv.base}", fix="check the id")
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
            return _merge_records(store, a, b, by=by, date=date)
        pairs = _pairs(store, a, b, by, date)
        decisions = _without(store.decisions, pairs)
        decisions = decisions.model_copy(update={"same": (*decisions.same, *pairs)})
        write_decisions(store, decisions)
        plan = reconcile(store.base(decisions=decisions), [])
        write_plan(store, plan)
        keys = tuple(
            sorted({key for pair in pairs for ref in (pair.a, pair.b) if (key := _key_of(plan, ref))})
        )
        return Done(keys, f"{a} and {b} are one work")


def different(config: Config, a: str, b: str, *, by: str | None = None, date: str | None = None) -> Done:
    """Say that two records or entries are different works, whatever their titles and identifiers say."""
    with locked(config):
        store = open_store(config)
        pairs = _pairs(store, a, b, by, date)
        decisions = _without(store.decisions, pairs)
        decisions = decisions.model_copy(update={"different": (*decisions.different, *pairs)})
        write_decisions(store, decisions)
        plan = reconcile(store.base(decisions=decisions), [])
        write_plan(store, plan)
        keys = tuple(
            sorted({key for pair in pairs for ref in (pair.a, pair.b) if (key := _key_of(plan, ref))})
        )
        return Done(keys, f"{a} and {b} are different works")


def unmerge(config: Config, key: str) -> Done:
    """Undo the merge that took the record `key` away: both records come back as they were, byte for byte.

    What a person changed in the surviving record since then stays.
    """
    parse_paper_key(key)
    with locked(config):
        store = open_store(config)
        path = config.papers_dir / "_merged" / f"{key}.json"
        decision = next((m for m in store.decisions.merged if m.gone == key), None)
        if decision is None or not path.exists():
            known = ", ".join(m.gone for m in store.decisions.merged) or "none"
            raise UsageError(f"{key} was not merged into another record", fix=f"merged records: {known}")
        merged = read_merge(path)
        if key in store.library and store.text(key) != merged.gone_text:
            raise UsageError(
                f"papers/{key}.yaml is there again, and not as it was",
                fix="move it away, then run this again",
            )
        if merged.into not in store.library:
            raise UsageError(
                f"{merged.into}, which {key} was merged into, is no record any more",
                fix=f"kb unmerge {merged.into}" if _was_merged(store, merged.into) else "restore it from git",
            )
        survivor = _before_merge(store, merged)
        apart = Pair(a=merged.into, b=key, reason="unmerged")
        decisions = _without(store.decisions, [apart])
        decisions = decisions.model_copy(
            update={
                "merged": tuple(m for m in decisions.merged if m.gone != key),
                "different": (*decisions.different, apart),
            }
        )
        write_records(store, {key: merged.gone_text, merged.into: survivor})
        mine = set(merged.rows)
        write_rows(
            store,
            [
                row.model_copy(update={"paper": key}) if ref in mine else row
                for ref, row in store.rows.items()
            ],
        )
        write_decisions(store, decisions)
        remove(path)
        return Done((key, merged.into), f"{key} and {merged.into} are two records again")


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


def _merge_records(store: Store, keep: str, gone: str, *, by: str | None, date: str | None) -> Done:
    config = store.config
    a, b = store.library[keep], store.library[gone]
    clash = [k for k, v in a.identifiers.by_kind().items() if b.identifiers.by_kind().get(k, v) != v]
    merged = _join(a, b)
    before, gone_text = store.text(keep), store.text(gone)
    after = render_record(merged, before, file=f"papers/{keep}.yaml")
    rows: Rows = {
        r: row.model_copy(update={"paper": keep}) if row.paper == gone else row
        for r, row in store.rows.items()
    }
    moved = tuple(sorted(ref for ref, row in store.rows.items() if row.paper == gone))
    undo = MergedRecord(gone=gone, into=keep, gone_text=gone_text, before=before, after=after, rows=moved)
    pair = Pair(a=keep, b=gone, by=by, date=date)
    decisions = _without(store.decisions, [pair])
    decisions = decisions.model_copy(
        update={
            "merged": (
                *(m for m in decisions.merged if m.gone != gone),
                Merge(gone=gone, into=keep, by=by, date=date),
            )
        }
    )
    path = config.papers_dir / "_merged" / f"{gone}.json"
    if path.exists() and (earlier := read_merge(path)).after == before and earlier.into == keep:
        undo = undo.model_copy(update={"before": earlier.before, "rows": earlier.rows})  # killed half-way
    write_atomic(path, render_merge(undo))
    write_records(store, {keep: after})
    write_decisions(store, decisions)
    write_rows(store, rows.values())
    waiting = tuple(c for c in store.candidates if c.seen_in or gone not in c.like)
    write_candidates(store, waiting)
    remove_record(store, gone)
    note = f" (its other {', '.join(clash)} is left out)" if clash else ""
    return Done((keep,), f"{gone} is now part of {keep}{note}; kb unmerge {gone} undoes it")


def _join(a: Paper, b: Paper) -> Paper:
    """`a` with what only `b` knows."""
    fa, fb = fields_of(a), fields_of(b)
    changes: dict[str, Any] = {n: fb[n] for n in SCALARS if fa[n] is None and fb[n] is not None}
    for name in SETS:
        union = tuple(dict.fromkeys((*fa[name], *fb[name])))
        if union != fa[name]:
            changes[name] = union
    if a.review is None:  # a card goes over whole, with its state and its reviewer
        changes = {name: value for name, value in changes.items() if not name.startswith("review.")}
    joined = apply(a, changes) if changes else a
    labels = {label.identity: label for label in (*b.labels, *a.labels)}
    claims = {claim.id: claim for claim in (*b.claims, *a.claims)}
    order = [label.identity for label in joined.labels]
    return joined.model_copy(
        update={
            "labels": tuple(labels[i] for i in order),
            "review": joined.review or b.review,
            "claims": (*a.claims, *(c for i, c in claims.items() if i not in {x.id for x in a.claims})),
        }
    )


def _before_merge(store: Store, merged: MergedRecord) -> str:
    """The survivor's text as it was, with what a person changed since."""
    now = store.text(merged.into)
    if now == merged.after:
        return merged.before
    file = f"papers/{merged.into}.yaml"
    old = parse_record(merged.into, merged.before, file=file)
    joined = parse_record(merged.into, merged.after, file=file)
    paper, _ = merge(store.library[merged.into], fields_of(joined), fields_of(old))
    came = {label for label in joined.labels if label.identity not in {one.identity for one in old.labels}}
    untouched_card = old.review is None and store.library[merged.into].review == joined.review
    paper = paper.model_copy(
        update={
            "labels": tuple(label for label in paper.labels if label not in came),
            "claims": tuple(
                claim for claim in paper.claims if claim in old.claims or claim not in joined.claims
            ),
            "review": None if untouched_card else paper.review,
        }
    )
    return render_record(paper, now, file=file)


def render_merge(undo: MergedRecord) -> str:
    return json.dumps(undo.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def read_merge(path: Path) -> MergedRecord:
    try:
        return MergedRecord.model_validate_json(read_utf8(path))
    except ValidationError as error:
        raise DataError(
            error.errors()[0]["msg"], file=path, fix="kb writes this file; restore it from git"
        ) from None


def _was_merged(store: Store, key: str) -> bool:
    return any(merge.gone == key for merge in store.decisions.merged)


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
