"""The last-seen entry of every source, and the record it belongs to: the base of the three-way merge.

One file a source under papers/_sources/, one JSON line an entry, sorted, so that a sync shows up as a readable diff.
Other people's prose is not kept there, only its digest: enough to see that it changed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.errors import DataError
from kb.records.files import read_utf8
from kb.sources.entry import EntryNote, EntryReview, SourceEntry

_DIGEST = "blake2b:"
# What decides in doubt, best first. arXiv registers its papers; people curate Zotero and BibTeX; lists are hearsay.
PRECEDENCE = ("arxiv", "zotero", "bibtex", "survey_readme", "awesome_list", "daily_papers")


class Row(BaseModel):
    """One entry as last seen.

    Attributes:
        entry: prose (abstract, review, notes) as digests when it came from disk.
        paper: the key of the record it belongs to.
        labels: branches that its headings meant when it was last merged.
        creates: its source may make records.
        via: what brought it, if not the paper itself: ``query:<name>``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: SourceEntry
    paper: str | None = None
    labels: tuple[str, ...] = ()
    creates: bool = False
    via: str | None = None

    @property
    def ref(self) -> str:
        """How people and decisions name the entry."""
        return f"{self.entry.source} {self.entry.entry_id}"

    @property
    def rank(self) -> tuple[int, str, str]:
        """The canonical order of entries."""
        kind = self.entry.source.split(":", 1)[0]
        place = PRECEDENCE.index(kind) if kind in PRECEDENCE else len(PRECEDENCE)
        return (place, self.entry.source, self.entry.entry_id)


Rows = dict[str, Row]
"""Rows by reference."""


def digest(text: str | None) -> str | None:
    """A stand-in for `text` that is equal exactly when the text is; a digest stands for itself."""
    if text is None or text.startswith(_DIGEST):
        return text
    return _DIGEST + hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def is_digest(value: object) -> bool:
    """Whether `value` only stands for a text that is not here."""
    return isinstance(value, str) and value.startswith(_DIGEST)


def _forget_prose(row: Row) -> Row:
    """The row as it is stored. Prose that no record has received yet leaves no trace, so that it can still arrive."""
    entry = row.entry
    if row.paper is None:
        bare = {"abstract": None, "where": None, "review": None, "notes": ()}
        return row.model_copy(update={"entry": entry.model_copy(update=bare)})
    review = entry.review
    if review is not None:
        prose = {name: digest(value) for name, value in review if isinstance(value, str)}
        review = EntryReview(stub=review.stub, **prose)
    notes = tuple(EntryNote(text=digest(n.text) or "", lang=n.lang, kind=n.kind) for n in entry.notes)
    kept = {"abstract": digest(entry.abstract), "where": None, "review": review, "notes": notes}
    return row.model_copy(update={"entry": entry.model_copy(update=kept)})


_PROSE = ("abstract", "review", "notes")


def render_prose(rows: Iterable[Row]) -> str:
    """The prose of the entries that wait for a record, one JSON line each: for a file that is never committed."""
    found = sorted((row for row in rows if row.paper is None), key=lambda row: row.ref)
    said = (
        (row.ref, row.entry.model_dump(mode="json", include=set(_PROSE), exclude_defaults=True))
        for row in found
    )
    return "".join(json.dumps([ref, prose], ensure_ascii=False) + "\n" for ref, prose in said if prose)


def with_prose(rows: Rows, text: str) -> Rows:
    """`rows` with the prose that `render_prose` made `text` of, where they still wait.

    Raises:
        ValueError: `text` is damaged.
    """
    found = dict(rows)
    for line in text.split("\n"):
        if not line:
            continue
        ref, prose = json.loads(line)
        row = found.get(ref)
        if row is not None and row.paper is None:
            entry = SourceEntry.model_validate(
                row.entry.model_dump() | {k: prose[k] for k in _PROSE if k in prose}
            )
            found[ref] = row.model_copy(update={"entry": entry})
    return found


def without_digests(row: Row) -> Row:
    """The row for a record that never received its prose: what is no longer known in full counts as never said."""
    entry = row.entry
    changes: dict[str, Any] = {"notes": tuple(note for note in entry.notes if not is_digest(note.text))}
    if is_digest(entry.abstract):
        changes["abstract"] = None
    if entry.review is not None:
        known = {name: value for name, value in entry.review if not is_digest(value)}
        changes["review"] = EntryReview(**known)
    return row.model_copy(update={"entry": entry.model_copy(update=changes)})


def source_file(folder: Path, source: str) -> Path:
    """Where the rows of `source` lie."""
    return folder / (re.sub(r"[^A-Za-z0-9._-]+", "__", source) + ".jsonl")


def load_rows(folder: Path) -> Rows:
    """Every row under papers/_sources/.

    Raises:
        DataError: a line is not a row.
    """
    rows: Rows = {}
    for path in sorted(folder.glob("*.jsonl")):
        if path.name.startswith("_"):
            continue
        for number, line in enumerate(read_utf8(path).split("\n"), start=1):
            if not line:
                continue
            try:
                row = Row.model_validate_json(line)
            except ValidationError as error:
                raise DataError(
                    error.errors()[0]["msg"],
                    file=path,
                    line=number,
                    fix="kb writes this file; restore it from git",
                ) from None
            rows[row.ref] = row
    return rows


def render_rows(rows: Iterable[Row]) -> str:
    """The text of one source's file."""
    stored = sorted((_forget_prose(row) for row in rows), key=lambda r: r.ref)
    return "".join(
        json.dumps(row.model_dump(mode="json", exclude_defaults=True), ensure_ascii=False, sort_keys=True)
        + "\n"
        for row in stored
    )


def load_cursors(folder: Path) -> dict[str, dict[str, Any]]:
    """How far each source was read, by source.

    Raises:
        DataError: the file is not JSON.
    """
    path = folder / "_cursors.json"
    if not path.exists():
        return {}
    try:
        cursors: dict[str, dict[str, Any]] = json.loads(read_utf8(path))
        return cursors
    except ValueError as error:
        raise DataError(
            str(error), file=path, fix="delete it; the next sync reads everything again"
        ) from None


def render_cursors(cursors: Mapping[str, Mapping[str, Any]]) -> str:
    return json.dumps(cursors, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
