"""What a person decides: new, accept, reject, same, different, unmerge, resolve.

Each of these writes the decision down first, where a sync will obey it, and then brings the records in line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from kb.config import Config
from kb.errors import UpstreamError, UsageError
from kb.ids import identify, parse_arxiv_id, parse_paper_key
from kb.pipeline.store import (
    Store,
    keep_abstracts,
    locked,
    open_store,
    remove_record,
    write_decisions,
    write_plan,
    write_rows,
)
from kb.reconcile.fold import SCALARS, SETS, fields_of
from kb.reconcile.merge import apply, merge, render_conflicts
from kb.reconcile.reconcile import Plan, reconcile
from kb.reconcile.rows import Rows
from kb.records.candidates import Candidate
from kb.records.decisions import Decisions, Merge, Pair, Rejection
from kb.records.files import read_utf8, remove, write_atomic
from kb.records.library import parse_record, render_record
from kb.records.models import Paper
from kb.sources import arxiv_source
from kb.sources.entry import Progress, Status, no_progress


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
        plan = reconcile(store.base(), [replace(result, creates=True)])
        keep_abstracts(config, result.entries)
        write_plan(store, plan)
        keys = [
            row.paper for row in plan.rows.values() if row.entry.identifiers.get("arxiv_id") == arxiv.base
        ]
        made = tuple(sorted({key for key in keys if key}))
        if not made:
            reason = next(
                (c.reason for c in plan.candidates if c.identifiers.get("arxiv_id") == arxiv.base), None
            )
            reason = reason or "it was rejected before"
            raise UsageError(f"{arxiv.base} waits: {reason}", fix="kb candidates")
        verb = "made" if set(made) <= set(plan.created) else "found"
        return Done(made, f"{verb} {', '.join(f'papers/{key}.yaml' for key in made)}")


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
                    fix=f"kb same {candidate.id} KEY, or kb different {candidate.id} KEY",
                )
        refs = {ref for candidate in chosen for ref in candidate.seen_in}
        rows = {
            ref: row.model_copy(update={"creates": True, "paper": None}) if ref in refs else row
            for ref, row in store.rows.items()
        }
        plan = reconcile(store.base(rows=rows), [])
        write_plan(store, plan)
        keys = tuple(sorted({key for ref in refs if (key := plan.rows[ref].paper)}))
        return Done(keys, f"accepted {len(chosen)}: {', '.join(keys)}")


def reject(config: Config, name: str, *, reason: str, by: str | None = None, date: str | None = None) -> Done:
    """Keep a candidate, or the paper of a record, out of the survey for good."""
    with locked(config):
        store = open_store(config)
        if name in store.library:
            paper = store.library[name]
            identifiers, title = paper.identifiers.by_kind(), paper.title
        else:
            candidate = _candidate(store, name)
            identifiers, title = candidate.identifiers, candidate.title or ""
        rejection = Rejection(title=title or None, identifiers=identifiers, reason=reason, by=by, date=date)
        decisions = store.decisions.model_copy(update={"rejected": (*store.decisions.rejected, rejection)})
        write_decisions(store, decisions)
        rows = store.rows
        if name in store.library:
            rows = {
                r: row.model_copy(update={"paper": None}) if row.paper == name else row
                for r, row in rows.items()
            }
            papers = {key: paper for key, paper in store.library.items() if key != name}
            plan = reconcile(replace(store.base(rows=rows, decisions=decisions), papers=papers), [])
            remove_record(store, name)
        else:
            plan = reconcile(store.base(decisions=decisions), [])
        write_plan(store, plan)
        return Done((name,) if name in store.library else (), f"rejected {title!r}: {reason}")


def same(config: Config, a: str, b: str, *, by: str | None = None, date: str | None = None) -> Done:
    """Say that two records, or a record and a waiting entry, are one work. The first record named stays."""
    with locked(config):
        store = open_store(config)
        if a in store.library and b in store.library:
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
        merged = MergedRecord.model_validate_json(read_utf8(path))
        survivor = _before_merge(store, merged)
        decisions = store.decisions.model_copy(
            update={
                "merged": tuple(m for m in store.decisions.merged if m.gone != key),
                "different": (*store.decisions.different, Pair(a=merged.into, b=key, reason="unmerged")),
            }
        )
        write_atomic(store.library.path(key), merged.gone_text)
        write_atomic(store.library.path(merged.into), survivor)
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
        if theirs:
            value = tuple(tuple(x) for x in conflict.theirs) if name == "authors" else conflict.theirs
            if isinstance(value, str) and value.startswith("blake2b:"):
                raise UsageError(
                    f"the text of {name} is not kept", fix="import its source again, or edit the record"
                )
            paper = apply(store.library[key], {name: value})
            write_atomic(
                store.library.path(key), render_record(paper, store.text(key), file=f"papers/{key}.yaml")
            )
        rest = [c for c in store.conflicts if c is not conflict]
        write_atomic(config.sources_dir / "_conflicts.jsonl", render_conflicts(rest))
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
    return _candidate(store, name).seen_in or (name,)


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
        update={"merged": (*decisions.merged, Merge(gone=gone, into=keep, by=by, date=date))}
    )
    path = config.papers_dir / "_merged" / f"{gone}.json"
    write_atomic(path, json.dumps(undo.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
    write_atomic(store.library.path(keep), after)
    write_decisions(store, decisions)
    write_rows(store, rows.values())
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
    joined = apply(a, changes) if changes else a
    labels = {label.identity: label for label in (*b.labels, *a.labels)}
    claims = {claim.id: claim for claim in (*b.claims, *a.claims)}
    order = [label.identity for label in joined.labels]
    return joined.model_copy(
        update={
            "labels": tuple(labels[i] for i in order),
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
    return render_record(paper, now, file=file)
