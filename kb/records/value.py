"""What every record is made of: frozen values, nothing extra, strict strings, each refusal with a way to mend it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from kb import ids

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufeff\u202a-\u202e\u2066-\u2069]")
_DATE = re.compile(r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?")
_BRANCH = re.compile(r"[a-z][a-z0-9-]*(?:/[a-z0-9][a-z0-9-]*)*")


@dataclass(frozen=True, slots=True)
class _Checked(AfterValidator):
    """A validator that also says what an editor can check: keywords of JSON Schema."""

    schema: tuple[tuple[str, Any], ...] = ()

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core_schema), **dict(self.schema)}


def checked(
    holds: Callable[[str], object],
    what: str,
    fix: str,
    *,
    pattern: str | None = None,
    enum: tuple[str, ...] = (),
) -> AfterValidator:
    """A validator that says what is wrong, and what to do about it, unless `holds`.

    Args:
        pattern, enum: the same for an editor, as JSON Schema has it; never stricter than `holds`. A pattern is of the
            whole text, in what Python's and JavaScript's regular expressions share.
    """

    def check(value: str) -> str:
        if not holds(value):
            raise PydanticCustomError("kb", "{what}", {"what": what, "fix": fix})
        return value

    keywords: dict[str, Any] = {"pattern": f"^(?:{pattern})$"} if pattern else {}
    return _Checked(check, tuple({**keywords, **({"enum": list(enum)} if enum else {})}.items()))


def one_of(*words: str, what: str) -> AfterValidator:
    """A validator that takes only these words."""
    listed = f"{', '.join(words[:-1])} or {words[-1]}"
    return checked(set(words).__contains__, what, f"write {listed}", enum=words)


def _is_date(value: str) -> bool:
    if len(value) < 10 or not _DATE.fullmatch(value):
        return bool(_DATE.fullmatch(value))
    try:
        return bool(date.fromisoformat(value))
    except ValueError:
        return False


_clean = checked(
    lambda value: not _CONTROL.search(value), "holds a control or direction-override character", "remove it"
)
_line = checked(
    lambda value: value and value == " ".join(value.split()),
    "is empty, more than one line, or has needless spaces",
    "write one line without leading, trailing or double spaces, or leave the field out",
    pattern=r"\S+(?: \S+)*",
)

Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000), _clean]
Line = Annotated[str, StringConstraints(max_length=2_000), _clean, _line]
Date = Annotated[
    str,
    checked(_is_date, "is not a date", 'write "2025", "2025-04" or "2025-04-07"', pattern=_DATE.pattern),
]
BranchId = Annotated[
    str,
    checked(
        _BRANCH.fullmatch,
        "is not a branch",
        "write a branch id of taxonomy.yaml such as smaller/quantization",
        pattern=_BRANCH.pattern,
    ),
]
Url = Annotated[
    str,
    StringConstraints(max_length=2_000),
    checked(
        ids.is_safe_url,
        "is not a web address",
        "write an http(s) URL without spaces or quotes",
        pattern=r"[Hh][Tt][Tt][Pp][Ss]?://[^ <>\"'`\\]+",
    ),
]


class Value(BaseModel):
    """Base of everything a record is made of."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
