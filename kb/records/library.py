"""papers/ as a mapping from keys to records.

Loading reads every file, but parses only those whose bytes were never seen: a cache under .kb/ keeps the parsed form
by content hash. The cache may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kb import ids
from kb.errors import DataError, KbError
from kb.ids import parse_paper_key
from kb.records import models, yaml_read
from kb.records.canonical import render_canonical
from kb.records.files import decode_utf8, read_regular, write_atomic
from kb.records.models import Paper
from kb.records.problems import from_pydantic
from kb.records.spelling import as_written
from kb.records.yaml_read import parse_yaml
from kb.records.yaml_write import edit_yaml

_PAPERS = TypeAdapter(list[Paper])


class Library(Mapping[str, Paper]):
    """Every record of a knowledge base, in the order of the keys. A snapshot: it does not change.

    `hashes` tells the bytes that each record was read from, so that a writer can see whether a person has edited the
    file since.
    """

    def __init__(
        self, papers: Mapping[str, Paper], folder: Path, hashes: Mapping[str, str] | None = None
    ) -> None:
        self._papers = {key: papers[key] for key in sorted(papers)}
        self.folder = folder
        self.hashes = dict(hashes or {})

    def __getitem__(self, key: str) -> Paper:
        return self._papers[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._papers)

    def __len__(self) -> int:
        return len(self._papers)

    def path(self, key: str) -> Path:
        return self.folder / f"{parse_paper_key(key)}.yaml"


def content_hash(data: bytes) -> str:
    """What tells the content of a record's file from any other."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def parse_record(key: str, text: str, *, file: str) -> Paper:
    """The record in `text`.

    Raises:
        DataError: with file, line, field and fix; carries further errors of the same file.
    """
    document = parse_yaml(text, file=file)
    try:
        return Paper.from_data(key, document.data)
    except ValidationError as error:
        raise from_pydantic(error, document, file=file) from None
    except DataError as error:
        line = document.line_of((error.field,) if error.field else ())
        raise DataError(error.message, file=file, line=line, field=error.field, fix=error.fix) from None


def render_record(paper: Paper, old_text: str | None = None, *, file: str = "record") -> str:
    """The YAML of `paper`: canonical, or `old_text` with only the lines changed that must be."""
    new = paper.to_data()
    if old_text is None:
        return render_canonical(new)
    raw = parse_yaml(old_text, file=file).data
    old = parse_record(paper.key, old_text, file=file).to_data()
    return edit_yaml(old_text, as_written(raw, old, new), file=file)


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name) if folder.exists() else []
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=folder) from None


def record_files(folder: Path) -> tuple[list[Path], list[DataError]]:
    """The record files in papers/, sorted, and what stands there but cannot be one.

    Names that start with `_` or `.` are kb's own.
    """
    found: list[Path] = []
    wrong: list[DataError] = []
    for path in _listing(folder):
        if path.name.startswith(("_", ".")):
            continue
        try:
            if path.suffix != ".yaml":
                raise DataError(
                    "is not a record", fix="records are papers/<key>.yaml; put other files elsewhere"
                )
            parse_paper_key(path.stem)
            found.append(path)
        except DataError as error:
            wrong.append(DataError(error.message, file=_shown(path), fix=error.fix))
    return found, wrong


def load_library(folder: Path, cache: Path | None = None) -> Library:
    """Read every record under `folder`.

    Args:
        folder: papers/.
        cache: a file to keep parsed records in; None for none.

    Raises:
        DataError: the first error found, carrying all others.
    """
    texts: dict[str, bytes] = {}
    paths, wrong = record_files(folder)
    for path in paths:
        try:
            texts[path.stem] = read_regular(path)
        except DataError as error:
            wrong.append(DataError(error.message, file=_shown(path), fix=error.fix))
    hashes = {key: content_hash(text) for key, text in texts.items()}
    known = _read_cache(cache, hashes) if cache else {}
    papers: dict[str, Paper] = dict(known)
    for key in texts.keys() - known.keys():
        path = folder / f"{key}.yaml"
        try:
            papers[key] = parse_record(key, decode_utf8(texts[key], Path(_shown(path))), file=_shown(path))
        except DataError as error:
            wrong.extend([error, *error.others])
    if wrong:
        for each in wrong:
            each.others = ()
        raise DataError.bundle(sorted(wrong, key=lambda e: (e.file or "", e.line or 0)))
    library = Library(papers, folder, hashes)
    if cache and len(known) != len(texts):
        with suppress(KbError):  # a cache that cannot be written only costs time
            write_atomic(cache, _render_cache(library, hashes))
    return library


def _shown(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


_CACHE_FORM = 2  # of `_render_cache`


def _schema_stamp() -> str:
    """Changes when the code that gives records their meaning does."""
    source = "".join(inspect.getsource(module) for module in (ids, models, yaml_read))
    return hashlib.blake2b(f"{_CACHE_FORM} {source}".encode(), digest_size=8).hexdigest()


def _render_cache(library: Library, hashes: Mapping[str, str]) -> str:
    # What was written down, defaults among it: a claim goes back into its file as it was written.
    body = "".join(f"{paper.model_dump_json(exclude_unset=True)}\n" for paper in library.values())
    head = {
        "stamp": _schema_stamp(),
        "sum": content_hash(body.encode()),
        "hashes": [[key, hashes[key]] for key in library],
    }
    return f"{json.dumps(head)}\n{body}"


def _read_cache(cache: Path, hashes: Mapping[str, str]) -> dict[str, Paper]:
    """The cached records whose files still have the same bytes; nothing if the cache is of no use."""
    try:
        head, _, body = read_regular(cache).partition(b"\n")
        meta = json.loads(head)
        if meta["stamp"] != _schema_stamp() or meta["sum"] != content_hash(body):
            return {}
        rows = zip(meta["hashes"], body.splitlines(), strict=True)
        fresh = [row for (key, value), row in rows if hashes.get(key) == value]
        return {paper.key: paper for paper in _PAPERS.validate_json(b"[" + b",".join(fresh) + b"]")}
    except (DataError, ValueError, KeyError, TypeError, AttributeError):
        return {}
