"""The three-way merge of one record: base is what the sources said last, theirs what they say now, ours the record.

Human text wins. A field that only the sources changed follows them; a field that a person changed stays; where both
changed it, the person's stays and the difference is reported until a person settles it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.errors import DataError
from kb.reconcile.fold import SCALARS, SETS, Fields, fields_of, is_prose, same
from kb.reconcile.rows import digest, is_digest
from kb.records.candidates import Name
from kb.records.files import read_utf8
from kb.records.models import Paper


class Conflict(BaseModel):
    """A field that a person and the sources changed in different ways."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: Name
    field: Name
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.paper}: {self.field}: the record says {_show(self.ours)}, the sources say {_show(self.theirs)}"


def _show(value: Any) -> str:
    if isinstance(value, tuple | list):  # authors
        return ", ".join(str(item[0]) if isinstance(item, tuple | list) else str(item) for item in value)
    return "nothing" if value is None else repr(value)


def merge(
    paper: Paper, base: Fields, theirs: Fields, *, first: bool = False
) -> tuple[Paper, tuple[Conflict, ...]]:
    """`paper` with what the sources changed between `base` and `theirs`.

    Args:
        first: no source spoke of the paper before. What the record holds then is a person's, and no conflict.

    Raises:
        pydantic.ValidationError: the sources give a value that no record can hold.
    """
    ours = fields_of(paper)
    changes: Fields = {}
    conflicts: list[Conflict] = []
    for name in SCALARS:
        b, o, t = base.get(name), ours[name], theirs.get(name)
        if same(name, t, b) or same(name, t, o) or is_digest(t):
            continue
        untouched = same(name, o, b) or (name == "publication_state" and b is None and o == "preprint")
        if name == "title" and t is None:  # nothing can stand in its place
            continue
        if untouched:
            changes[name] = t
        elif not first:
            conflicts.append(
                Conflict(paper=paper.key, field=name, ours=_prose(name, o), theirs=_prose(name, t))
            )
    for name in SETS:
        merged = _merge_set(name, base.get(name) or (), ours[name], theirs.get(name) or (), paper)
        if merged != ours[name]:
            changes[name] = merged
    return (apply(paper, changes) if changes else paper), tuple(conflicts)


def _prose(name: str, value: Any) -> Any:
    return digest(value) if is_prose(name) else value


def _merge_set(
    name: str, base: tuple[Any, ...], ours: tuple[Any, ...], theirs: tuple[Any, ...], paper: Paper
) -> tuple[Any, ...]:
    def identity(value: Any) -> Any:
        return (digest(value[0]), value[2]) if name == "notes" else value

    was = {identity(value) for value in base}
    now = {identity(value) for value in theirs}
    here = {identity(value) for value in ours}
    settled = {a.identity for a in paper.labels if a.state.value != "proposed"} if name == "labels" else set()
    kept = [v for v in ours if identity(v) in now or identity(v) not in was or v in settled]
    added = [v for v in theirs if identity(v) not in was and identity(v) not in here]
    if name == "notes":
        added = [v for v in added if not is_digest(v[0])]
    return (*kept, *dict.fromkeys(added))


def apply(paper: Paper, changes: Mapping[str, Any]) -> Paper:
    """`paper` with the fields in `changes`, under their dotted names, replaced; None removes one."""
    data = paper.to_data()
    for name, value in changes.items():
        *folders, leaf = name.split(".")
        place: dict[str, Any] = data
        for part in folders:
            place = place.setdefault(part, {"state": "stub"} if part == "review" else {})
        plain = _plain(name, value, paper)
        if plain is None or plain == []:
            place.pop(leaf, None)
        else:
            place[leaf] = plain
    if any(name.startswith("review.") for name in changes):
        _settle_review(data)
    return Paper.from_data(paper.key, data)


def _settle_review(data: dict[str, Any]) -> None:
    """A card that got its first text is a draft; whether it is done, only a person says."""
    review = data["review"]
    if review.get("state", "stub") == "stub" and any(
        name not in {"state", "date", "reviewer"} for name in review
    ):
        review["state"] = "draft"


def _plain(name: str, value: Any, paper: Paper) -> Any:
    if value is None:
        return None
    if name == "authors":
        return [author if not orcid else {"name": author, "orcid": orcid} for author, orcid in value]
    if name == "labels":
        known = {a.identity: a.model_dump(mode="json", exclude_none=True) for a in paper.labels}
        return [
            known.get(v) or {"branch": v[0], "by": v[1], "source": v[2], "state": "proposed"} for v in value
        ]
    if name == "notes":
        return [_note(*v) for v in value]
    return list(value) if isinstance(value, tuple) else value


def _note(text: str, lang: str, source: str, kind: str) -> dict[str, str]:
    note = {"text": text, "lang": lang, "source": source, "kind": kind}
    if not source:
        del note["source"]
    return note


def still_open(conflicts: Iterable[Conflict], papers: Mapping[str, Paper]) -> tuple[Conflict, ...]:
    """The conflicts that nobody has settled: the record still says what it said then."""
    kept = {}
    for conflict in conflicts:
        paper = papers.get(conflict.paper)
        if paper is not None:
            now = json.loads(json.dumps(_prose(conflict.field, fields_of(paper)[conflict.field])))
            if now == json.loads(json.dumps(conflict.ours)):
                kept[conflict.paper, conflict.field] = conflict
    return tuple(kept[place] for place in sorted(kept))


def load_conflicts(folder: Path) -> tuple[Conflict, ...]:
    """What papers/_sources/_conflicts.jsonl holds.

    Raises:
        DataError: a line is not a conflict.
    """
    path = folder / "_conflicts.jsonl"
    if not path.exists():
        return ()
    found = []
    for number, line in enumerate(read_utf8(path).split("\n"), start=1):  # a value may hold other line breaks
        if not line:
            continue
        try:
            found.append(Conflict.model_validate_json(line))
        except ValidationError as error:
            message, fix = error.errors()[0]["msg"], "kb writes this file; restore it from git"
            raise DataError(message, file=path, line=number, fix=fix) from None
    return tuple(found)


def render_conflicts(conflicts: Iterable[Conflict]) -> str:
    return "".join(
        json.dumps(c.model_dump(mode="json"), ensure_ascii=False, sort_keys=True) + "\n" for c in conflicts
    )
