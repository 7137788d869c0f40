"""pydantic's errors as kb's: file, line, field, and what to do."""

from __future__ import annotations

from pydantic import ValidationError

from kb.errors import DataError
from kb.records.yaml_read import Document

_FIXES = {
    "missing": "add the field",
    "extra_forbidden": "remove it, or check the spelling against CONTRIBUTING.md",
    "string_type": "write it as text in double quotes",
    "int_type": "write a whole number without quotes",
    "bool_type": "write true or false without quotes",
    "list_type": "write a list: one '- value' a line",
    "tuple_type": "write a list: one '- value' a line",
}


def from_pydantic(error: ValidationError, document: Document, *, file: str) -> DataError:
    """Every error in `error`, each with its place in `document`, as one DataError carrying the rest."""
    found: list[DataError] = []
    for item in error.errors(include_url=False):
        path = tuple(
            part for part in item["loc"] if not (isinstance(part, str) and part.startswith("function-"))
        )
        message = item["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        if item["type"] == "extra_forbidden":
            message = "is not a field that kb knows"
        elif item["type"] == "missing":
            message = "is missing"
        elif item["type"] == "string_type" and isinstance(item["input"], int | float):
            message = f"{item['input']} is read as a number"
        field = ".".join(str(part) for part in path) or None
        found.append(
            DataError(
                message, file=file, line=document.line_of(path), field=field, fix=_FIXES.get(item["type"])
            )
        )
    return DataError.bundle(found)
