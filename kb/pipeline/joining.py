"""Two records that are one work, and the way back: `kb same A B` and `kb unmerge B`.

What both records said before, and what their sources said then, is kept in papers/_merged/<gone>.json. Undoing a merge
is a sync of the two old records: untouched, they come back byte for byte; what people or sources changed since stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.config import Config
from kb.errors import DataError, UsageError
from kb.ids import parse_paper_key
from kb.pipeline.store import (
    Store,
    locked,
    open_store,
    remove_record,
    write_candidates,
    write_conflicts,
    write_decisions,
    write_records,
    write_rows,
)
from kb.reconcile.fold import SCALARS, SETS, Fields, fields_of, fold, is_prose, same
from kb.reconcile.merge import Conflict, apply, merge
from kb.reconcile.rows import Row, render_rows
from kb.records.decisions import Decisions, Merge, Pair
from kb.records.files import read_utf8, remove, write_atomic
from kb.records.library import parse_record, render_record
from kb.records.models import Paper


class MergedRecord(BaseModel):
    """papers/_merged/<gone>.json: all that a merge changed, so that it can be undone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gone: str
    into: str
    gone_text: str
    before: str  # the text of `into` before the merge
    after: str  # and after it
    rows: tuple[Row, ...] = ()  # the entries of `gone`, as last seen then
    kept_rows: tuple[Row, ...] = ()  # the entries of `into`
    conflicts: tuple[Conflict, ...] = ()  # open ones of `gone`


def join_records(store: Store, keep: str, gone: str, *, by: str | None, date: str | None) -> str:
    """Make the record `gone` part of `keep`, and say in one line what could not go along.

    What a person wrote in either record goes before what sources said. Where people wrote different things in both,
    the text of `keep` stays and the difference is a conflict.
    """
    path = store.config.papers_dir / "_merged" / f"{gone}.json"
    begun = _begun(path, keep, store.text(keep))
    undo, differing = (begun, ()) if begun is not None else _planned(store, keep, gone)
    write_atomic(path, render_merge(undo))
    write_records(store, {keep: undo.after})
    write_decisions(store, _decided(store.decisions, keep, gone, by, date))
    write_rows(store, (_moved(row, gone, keep) for row in store.rows.values()))
    new = tuple(conflict for conflict in differing if not is_prose(conflict.field))
    write_conflicts(store, (*(c for c in store.conflicts if c.paper != gone), *new))
    write_candidates(store, tuple(c for c in store.candidates if c.seen_in or gone not in c.like))
    remove_record(store, gone)
    return _said(keep, gone, differing, new)


def _begun(path: Path, keep: str, text: str) -> MergedRecord | None:
    """A merge into `keep` that was killed half-way, when `text` was written already."""
    if not path.exists():
        return None
    earlier = read_merge(path)
    return earlier if earlier.into == keep and earlier.after == text else None


def _planned(store: Store, keep: str, gone: str) -> tuple[MergedRecord, tuple[Conflict, ...]]:
    rows, kept_rows = _rows_of(store, gone), _rows_of(store, keep)
    joined, differing = _join(store.library[keep], fold(kept_rows), store.library[gone], fold(rows))
    before = store.text(keep)
    undo = MergedRecord(
        gone=gone,
        into=keep,
        gone_text=store.text(gone),
        before=before,
        after=render_record(joined, before, file=f"papers/{keep}.yaml"),
        rows=_as_stored(rows),
        kept_rows=_as_stored(kept_rows),
        conflicts=tuple(c for c in store.conflicts if c.paper == gone),
    )
    return undo, differing


def _said(keep: str, gone: str, differing: tuple[Conflict, ...], new: tuple[Conflict, ...]) -> str:
    text = f"{gone} is now part of {keep}; kb unmerge {gone} undoes it"
    prose = sorted({c.field.split(".")[0] for c in differing if is_prose(c.field)})
    if new:
        text += (
            f"; both had {', '.join(c.field for c in new)} of their own: kb resolve {keep} FIELD settles it"
        )
    if prose:
        text += f"; the {' and '.join(prose)} of {gone} is left in papers/_merged/{gone}.json"
    return text


def _rows_of(store: Store, key: str) -> tuple[Row, ...]:
    return tuple(row for ref, row in sorted(store.rows.items()) if row.paper == key)


def _as_stored(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows without other people's prose, as papers/_sources holds them."""
    return tuple(Row.model_validate_json(line) for line in render_rows(rows).splitlines())


def _moved(row: Row, gone: str, keep: str) -> Row:
    return row.model_copy(update={"paper": keep}) if row.paper == gone else row


def _decided(decisions: Decisions, keep: str, gone: str, by: str | None, date: str | None) -> Decisions:
    merges = tuple(m for m in decisions.merged if m.gone != gone)
    return decisions.model_copy(
        update={
            "different": tuple(pair for pair in decisions.different if not pair.joins(keep, gone)),
            "merged": (*merges, Merge(gone=gone, into=keep, by=by, date=date)),
        }
    )


def _join(a: Paper, a_said: Fields, b: Paper, b_said: Fields) -> tuple[Paper, tuple[Conflict, ...]]:
    """`a` with what only `b` knows, and what a person wrote in `b` where only sources speak in `a`.

    Also gives the fields in which both records hold something of their own.
    """
    fa, fb = fields_of(a), fields_of(b)
    changes: dict[str, Any] = {}
    differing: list[Conflict] = []
    for name in SCALARS:
        if fb[name] is None or same(name, fa[name], fb[name]):
            continue
        theirs_is_own = not same(name, fb[name], b_said.get(name))
        ours_is_own = fa[name] is not None and not same(name, fa[name], a_said.get(name))
        if fa[name] is None or (theirs_is_own and not ours_is_own):
            changes[name] = fb[name]
        elif theirs_is_own:
            differing.append(Conflict(paper=a.key, field=name, ours=fa[name], theirs=fb[name]))
    for name in SETS:
        union = tuple(dict.fromkeys((*fa[name], *fb[name])))
        if union != fa[name]:
            changes[name] = union
    if a.review is None:  # a card goes over whole, with its state and its reviewer
        changes = {name: value for name, value in changes.items() if not name.startswith("review.")}
    joined = apply(a, changes) if changes else a
    labels = {label.identity: label for label in (*b.labels, *a.labels)}
    order = [label.identity for label in joined.labels]
    known = {claim.id for claim in a.claims}
    extra = {
        "labels": tuple(labels[i] for i in order),
        "review": joined.review or b.review,
        "claims": (*a.claims, *(claim for claim in b.claims if claim.id not in known)),
    }
    return joined.model_copy(update=extra), tuple(differing)


def unmerge(config: Config, key: str) -> tuple[str, str]:
    """Undo the merge that took the record `key` away. Untouched since, both records come back byte for byte.

    Returns:
        The two keys: `key`, and the record that it was part of.

    Raises:
        UsageError: `key` was not merged away, or something stands in its way.
    """
    parse_paper_key(key)
    with locked(config):
        store = open_store(config)
        path = config.papers_dir / "_merged" / f"{key}.json"
        merged = _undoable(store, key, path)
        mine = {row.ref for row in merged.rows}
        later = _came_later(store, merged)
        now = tuple(row for row in _rows_of(store, merged.into) if row.ref not in later)
        gone_rows = [row for row in now if row.ref in mine]
        kept_rows = [row for row in now if row.ref not in mine]
        apart = Pair(a=merged.into, b=key, reason="unmerged")
        decisions = store.decisions.model_copy(
            update={
                "merged": tuple(m for m in store.decisions.merged if m.gone != key),
                "different": (
                    *(p for p in store.decisions.different if not p.joins(apart.a, apart.b)),
                    apart,
                ),
            }
        )
        gone, conflicts = _caught_up(key, merged.gone_text, merged.rows, gone_rows)
        texts = {key: gone, merged.into: _survivor(store, merged, now, kept_rows)}
        write_records(store, texts)
        write_rows(
            store,
            (
                row.model_copy(update={"paper": key}) if ref in mine else row
                for ref, row in store.rows.items()
            ),
        )
        write_conflicts(store, (*store.conflicts, *merged.conflicts, *conflicts))
        write_decisions(store, decisions)
        remove(path)
        return key, merged.into


def _came_later(store: Store, merged: MergedRecord) -> set[str]:
    """The entries that other merges, which stand, brought to the survivor since: they are no news of its own sources."""
    folder = store.config.papers_dir / "_merged"
    paths = [
        folder / f"{merge.gone}.json"
        for merge in store.decisions.merged
        if merge.into == merged.into and merge.gone != merged.gone
    ]
    brought = {row.ref for path in paths if path.exists() for row in read_merge(path).rows}
    return brought - {row.ref for row in (*merged.kept_rows, *merged.rows)}


def _undoable(store: Store, key: str, path: Path) -> MergedRecord:
    decision = next((m for m in store.decisions.merged if m.gone == key), None)
    if decision is None or not path.exists():
        known = ", ".join(m.gone for m in store.decisions.merged) or "none"
        raise UsageError(f"{key} was not merged into another record", fix=f"merged records: {known}")
    merged = read_merge(path)
    if key in store.library and store.text(key) != merged.gone_text:
        raise UsageError(
            f"papers/{key}.yaml is there again, and not as it was", fix="move it away, then run this again"
        )
    if merged.into not in store.library:
        away = any(merge.gone == merged.into for merge in store.decisions.merged)
        raise UsageError(
            f"{merged.into}, which {key} was merged into, is no record any more",
            fix=f"kb unmerge {merged.into}" if away else "restore it from git",
        )
    return merged


def _caught_up(
    key: str, text: str, then: Iterable[Row], now: Iterable[Row]
) -> tuple[str, tuple[Conflict, ...]]:
    """The old text of a record with what its sources changed in the meantime; `text` itself if they changed nothing."""
    file = f"papers/{key}.yaml"
    old = parse_record(key, text, file=file)
    paper, conflicts = merge(old, fold(then), fold(now))
    return (text if paper == old else render_record(paper, text, file=file)), conflicts


def _survivor(store: Store, merged: MergedRecord, now: Iterable[Row], kept: Iterable[Row]) -> str:
    """The survivor's old text, with what its own sources and people changed since."""
    key, file = merged.into, f"papers/{merged.into}.yaml"
    alone, _ = _caught_up(key, merged.before, merged.kept_rows, kept)
    together, _ = _caught_up(key, merged.after, (*merged.kept_rows, *merged.rows), now)
    text = store.text(key)
    if text == together:  # no person touched it
        return alone
    old = parse_record(key, alone, file=file)
    joined = parse_record(key, together, file=file)
    paper, _ = merge(store.library[key], fields_of(joined), fields_of(old))
    came = {label for label in joined.labels if label.identity not in {one.identity for one in old.labels}}
    untouched_card = old.review is None and store.library[key].review == joined.review
    extra = {
        "labels": tuple(label for label in paper.labels if label not in came),
        "claims": tuple(claim for claim in paper.claims if claim in old.claims or claim not in joined.claims),
        "review": None if untouched_card else paper.review,
    }
    return render_record(paper.model_copy(update=extra), text, file=file)


def render_merge(undo: MergedRecord) -> str:
    """The text of papers/_merged/<gone>.json."""
    return (
        json.dumps(undo.model_dump(mode="json", exclude_defaults=True), indent=1, ensure_ascii=False) + "\n"
    )


def read_merge(path: Path) -> MergedRecord:
    """What papers/_merged/<gone>.json holds.

    Raises:
        DataError: it is no such file.
    """
    try:
        return MergedRecord.model_validate_json(read_utf8(path))
    except ValidationError as error:
        raise DataError(
            error.errors()[0]["msg"], file=path, fix="kb writes this file; restore it from git"
        ) from None
