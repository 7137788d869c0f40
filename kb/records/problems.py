"""pydantic's errors as kb's: file, line, field, and what to do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from pydantic import ValidationError

from kb.errors import DataError
from kb.records.yaml_read import Document

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_FIXES = {
    "missing": "add the field",
    "extra_forbidden": "remove it, or check the spelling: kb schema NAME lists the fields",
    "string_type": "write it as text in double quotes",
    "string_too_short": "write something, or leave the field out",
    "string_too_long": "shorten it",
    "int_type": "write a whole number without quotes",
    "int_from_float": "write a whole number",
    "float_type": "write a number without quotes",
    "bool_type": "write true or false without quotes",
    "list_type": "write a list: one '- value' a line",
    "tuple_type": "write a list: one '- value' a line",
    "too_short": "add an item",
    "enum": "write one of these",
    "model_type": "write fields, one 'name: value' a line, or leave it out",
    "model_attributes_type": "write fields, one 'name: value' a line, or leave it out",
    "dict_type": "write fields, one 'name: value' a line, or leave it out",
}
_VALUE = re.compile(r"(?:^\s*-|:)\s+([^\s:#,\]}]+)\s*(?:#.*)?$")
_MESSAGES = {
    "extra_forbidden": "is not a field that kb knows",
    "missing": "is missing",
    "model_type": "should be fields (name: value)",
    "model_attributes_type": "should be fields (name: value)",
    "dict_type": "should be fields (name: value)",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
}


def from_pydantic(error: ValidationError, document: Document, *, file: str) -> DataError:
    """Every error in `error`, each with its place in `document`, as one DataError carrying the rest."""
    found: list[DataError] = []
    for item in error.errors(include_url=False):
        path = tuple(
            part for part in item["loc"] if not (isinstance(part, str) and part.startswith("function-"))
        )
        field = ".".join(str(part) for part in path) or None
        line = document.line_of(path)
        message = _message(item, _written(document, line))
        found.append(DataError(message, file=file, line=line, field=field, fix=_fix(item)))
    return DataError.bundle(found)


def in_words(item: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and what to do, for an error in something other than a YAML document."""
    return _message(item, None), _fix(item)


def _written(document: Document, line: int | None) -> str | None:
    """The value that stands on a line, as it is written there: 2401.10000 and not 2401.1."""
    lines = document.text.splitlines()
    found = _VALUE.search(lines[line - 1]) if line and line <= len(lines) else None
    return found.group(1) if found else None


def _message(item: ErrorDetails, written: str | None) -> str:
    if item["type"] == "string_type" and isinstance(item["input"], bool | int | float):
        kind = "true or false" if isinstance(item["input"], bool) else "a number"
        return f"{written or json.dumps(item['input'])} is read as {kind}"
    if item["type"] == "string_type" and item["input"] is None:
        return "has no value"
    return _MESSAGES.get(item["type"], item["msg"].removeprefix("Value error, "))


def _fix(item: ErrorDetails) -> str:
    if item["type"] == "string_type" and item["input"] is None:
        return "write one, or leave the field out"
    return item.get("ctx", {}).get("fix") or _FIXES.get(item["type"], "correct the value")
