"""Rows of a data set: from files on this machine, or from the Hugging Face hub."""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kb.errors import DataError, UpstreamError, UsageError

EXTRA = "pip install 'kb-survey[eval-data]'"


@dataclass(frozen=True)
class Row:
    """One row. `index` from 0; `file` and `line` (from 1) say where it stands, as far as that is known."""

    index: int
    data: Mapping[str, Any]
    file: str
    line: int | None = None


def rows_of_file(path: Path) -> list[Row]:
    """Rows of a JSONL, JSON (a list of objects), CSV or Parquet file, or of a folder that `datasets` saved.

    Raises:
        UsageError: no such file, another ending, or the library to read it is missing.
        DataError: a line that is no object, or no rows at all.
    """
    if not path.exists():
        raise UsageError("there is no such file", field=f"task dataset: path {path}")
    if path.is_dir():
        rows = list(_saved(path))
    elif (reader := READERS.get(path.suffix.lower())) is not None:
        rows = list(reader(path))
    else:
        raise UsageError(
            f"{path.suffix or 'a file without an ending'} is not known",
            field=f"task dataset: path {path.name}",
            fix=f"one of: {', '.join(READERS)}, or a folder that datasets saved",
        )
    if not rows:
        raise DataError("there are no rows", file=path.name)
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("is not UTF-8", file=path.name, fix=f"look at byte {error.start}") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path.name) from None


def _jsonl(path: Path) -> Iterator[Row]:
    index = 0
    for line, text in enumerate(_text(path).split("\n"), start=1):
        if text.strip():
            yield Row(index, _object(text, path, line), path.name, line)
            index += 1


def _object(text: str, path: Path, line: int) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is no JSON: {error}", file=path.name, line=line) from None
    if not isinstance(data, dict):
        raise DataError(
            "is no JSON object", file=path.name, line=line, fix='a line is {"question": ..., "answer": ...}'
        )
    return data


def _json(path: Path) -> Iterator[Row]:
    try:
        data = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"is no JSON: {error}", file=path.name) from None
    if not isinstance(data, list):
        raise DataError(
            "is no list of objects", file=path.name, fix="one object a line goes into a .jsonl file"
        )
    for index, item in enumerate(data):
        if not isinstance(item, dict):
            raise DataError("is no object", file=path.name, field=f"item {index}")
        yield Row(index, item, path.name)


def _csv(path: Path) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        for index, data in enumerate(reader):
            if None in data or None in data.values():
                raise DataError(
                    "has another number of fields than the head", file=path.name, line=reader.line_num
                )
            yield Row(index, data, path.name, reader.line_num)
    except csv.Error as error:
        raise DataError(f"is no CSV: {error}", file=path.name, line=reader.line_num) from None


def _parquet(path: Path) -> Iterator[Row]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError("reading Parquet needs pyarrow", field="task dataset: path", fix=EXTRA) from None
    try:
        data = parquet.read_table(io.BytesIO(path.read_bytes())).to_pylist()
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise DataError(f"is no Parquet: {_first_line(error)}", file=path.name) from None
    for index, item in enumerate(data):
        yield Row(index, item, path.name)


READERS = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}


def _saved(path: Path) -> Iterator[Row]:
    """A folder of `Dataset.save_to_disk`."""
    datasets = _datasets()
    try:
        found = datasets.load_from_disk(str(path))
    except (OSError, ValueError) as error:
        raise DataError(f"is no saved data set: {_first_line(error)}", file=path.name) from None
    if isinstance(found, dict):
        raise UsageError(
            "the folder has several splits",
            field="task dataset: path",
            fix=f"one of its folders: {', '.join(found)}",
        )
    for index, item in enumerate(found):
        yield Row(index, item, path.name)


def rows_of_hub(repo: str, config: str | None, split: str, revision: str | None, note: str = "") -> list[Row]:
    """Rows of a data set of the hub, or of its local cache. Never runs a data set's own code.

    Raises:
        UsageError: `datasets` is not installed.
        UpstreamError: the hub does not give it: no network, no such revision, terms not accepted.
    """
    datasets = _datasets()
    try:
        found = datasets.load_dataset(repo, config, split=split, revision=revision)
    except Exception as error:  # noqa: BLE001 - the library lets errors of four other libraries through
        raise UpstreamError(
            f"{repo} cannot be loaded: {_first_line(error)}",
            fix="; ".join(part for part in (note, "or name a copy on this machine with path") if part),
        ) from None
    return [Row(index, item, f"{repo}/{split}") for index, item in enumerate(found)]


def _datasets() -> Any:
    try:
        return importlib.import_module("datasets")
    except ImportError:
        raise UsageError(
            "this needs the library datasets", field="task dataset", fix=f"{EXTRA}, or path: a JSONL file"
        ) from None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
