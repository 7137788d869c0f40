"""papers/_decisions.yaml: what people decided about sameness and about what stays out.

The machine obeys these and never guesses against them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from kb.errors import DataError
from kb.ids import KINDS, parse_paper_key
from kb.records.files import read_if_there
from kb.records.problems import from_pydantic
from kb.records.value import Date, Line, Value, checked
from kb.records.yaml_read import parse_yaml
from kb.records.yaml_text import render_yaml
from kb.records.yaml_write import edit_yaml


def _is_key(value: str) -> bool:
    try:
        return bool(parse_paper_key(value))
    except DataError:
        return False


Key = Annotated[
    str,
    checked(
        _is_key,
        "cannot be a record's key",
        "write one such as liu2025quantization",
        pattern=r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
    ),
]
IdKind = Annotated[
    str,
    checked(KINDS.__contains__, "is no kind of identifier", f"one of: {', '.join(KINDS)}", enum=KINDS),
]


class Pair(Value):
    """Two things that a person compared. Each is a record's key or a reference to an entry.

    Attributes:
        a: the one.
        b: the other.
        by: who decided.
        date: when.
        reason: why.
    """

    a: Line
    b: Line
    by: Line | None = None
    date: Date | None = None
    reason: Line | None = None

    def joins(self, one: str, other: str) -> bool:
        return {self.a, self.b} == {one, other}


class Rejection(Value):
    """A work that stays out of the survey, whoever names it. `key` is that of the record it had; no other gets it.

    Attributes:
        key: of the record that it had.
        title: of the work.
        identifiers: by which it is recognised.
        reason: why it stays out; it is shown.
        by: who decided.
        date: when.
    """

    key: Key | None = None
    title: Line | None = None
    identifiers: dict[IdKind, Line] = Field(default_factory=dict)
    reason: Line
    by: Line | None = None
    date: Date | None = None


class Merge(Value):
    """The record `gone` was the same work as `into`. `kb unmerge` undoes it from papers/_merged/.

    Attributes:
        gone: the key of the record that is no more.
        into: the key of the record that stays.
        by: who decided.
        date: when.
    """

    gone: Key
    into: Key
    by: Line | None = None
    date: Date | None = None


class Decisions(Value):
    """What people decided about sameness and about what stays out.

    Attributes:
        same: pairs that are one work.
        different: pairs that are two works, whatever they look like.
        rejected: works that stay out of the survey.
        merged: records that were merged into others.
    """

    same: tuple[Pair, ...] = ()
    different: tuple[Pair, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    merged: tuple[Merge, ...] = ()

    def to_data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        for row in data["rejected"]:
            if not row["identifiers"]:
                del row["identifiers"]
        return {name: rows for name, rows in data.items() if rows}


HEADER = "# yaml-language-server: $schema=../schema/decisions.json\n# What people decided. Written by kb same, different, reject, accept and unmerge; may be edited by hand.\n"


def load_decisions(path: Path) -> Decisions:
    """The decisions in `path`; none if there is no such file.

    Raises:
        DataError: the file is wrong, with the line.
    """
    text = read_if_there(path)
    if not _says_something(text):
        return Decisions()
    document = parse_yaml(text, file=str(path))
    try:
        return Decisions.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        raise from_pydantic(error, document, file=str(path)) from None


def render_decisions(decisions: Decisions, path: Path) -> str:
    """The text of the decision file with only the needed lines changed."""
    old = read_if_there(path)
    if _says_something(old):
        return edit_yaml(old, decisions.to_data(), file=str(path))
    return (old or HEADER) + render_yaml(decisions.to_data())


def _says_something(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())
