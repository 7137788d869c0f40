"""papers/_citations.jsonl: which records cite which. `kb sync citations` and `kb import bibtex --cited-by` write it.

One line for each paper and source that says what it cites; both ends are records. Bibliographic facts, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.errors import DataError
from kb.records.files import read_if_there

FILE = "_citations.jsonl"
_FIX = "this file is made by kb sync citations; restore it from git"

Cited = dict[tuple[str, str], tuple[str, ...]]
"""Keys of cited records, by (source, key of the citing record)."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    paper: str
    source: str
    cites: tuple[str, ...]


def load_citations(papers_dir: Path) -> Cited:
    """What papers/ says; nothing if there is no such file.

    Raises:
        DataError: a line is not what kb writes.
    """
    path = papers_dir / FILE
    found: Cited = {}
    for number, text in enumerate(read_if_there(path).split("\n"), start=1):
        if not text:
            continue
        try:
            line = _Line.model_validate_json(text)
        except ValidationError as error:
            raise DataError(error.errors()[0]["msg"], file=path, line=number, fix=_FIX) from None
        if (line.source, line.paper) in found:
            message = f"{line.paper} has two lines from {line.source}"
            raise DataError(message, file=path, line=number, fix=_FIX)
        found[line.source, line.paper] = line.cites
    return found


def followed(cited: Mapping[tuple[str, str], Iterable[str]], merged: Mapping[str, str]) -> Cited:
    """`cited` with the keys that stand for records now in place of those that were merged into them.

    Args:
        merged: from the key that is gone to the one that it was merged into.
    """

    def final(key: str) -> str:
        seen: set[str] = set()
        while key in merged and key not in seen:
            seen.add(key)
            key = merged[key]
        return key

    found: dict[tuple[str, str], set[str]] = {}
    for (source, paper), keys in cited.items():
        found.setdefault((source, final(paper)), set()).update(map(final, keys))
    return {name: tuple(sorted(keys)) for name, keys in found.items()}


def render_citations(cited: Mapping[tuple[str, str], Iterable[str]]) -> str:
    """The text of the file, by citing paper; papers that cite no record have no line."""
    rows = [
        {"paper": paper, "source": source, "cites": sorted(set(keys))}
        for (source, paper), keys in sorted(cited.items(), key=lambda item: (item[0][1], item[0][0]))
        if keys
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
