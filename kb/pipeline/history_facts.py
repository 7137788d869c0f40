"""What of an old version of a record its history is told by. Read leniently: records of former times need not be valid today."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What a person or a venue decides. A version without any of it has nothing to tell.
_DECIDED = re.compile(rb"confirmed|rejected|withdrawn|\bdone\b|publication_state\W+published")
# The lines in which it stands. Reading YAML takes most of the time, and most changes are of other lines.
_LINES = re.compile(
    rb"^.*(?:\b(?:publication_state|state|branch)\b|confirmed|rejected|withdrawn|\bdone\b|published).*$", re.M
)


@dataclass(frozen=True)
class Facts:
    """Of one version of a record.

    Attributes:
        state: preprint, published or withdrawn.
        decided: what people say of a branch: confirmed or rejected.
    """

    state: str
    reviewed: bool
    decided: Mapping[str, str]


def differ(before: bytes, after: bytes) -> bool:
    """Whether `facts_of` two versions can differ; says no only where they cannot."""
    if not (_DECIDED.search(before) or _DECIDED.search(after)):
        return False
    return _LINES.findall(before) != _LINES.findall(after)


@lru_cache(maxsize=1 << 14)
def facts_of(blob: bytes) -> Facts | None:
    """The facts; None where the file was no record at that time."""
    data = _read(blob)
    if data is None:
        return None
    review, labels = data.get("review"), data.get("labels")
    decided: dict[str, str] = {}
    for label in labels if isinstance(labels, list) else ():
        if not isinstance(label, dict) or not isinstance(branch := label.get("branch"), str):
            continue
        state = label.get("state")
        if state == "confirmed" or (state == "rejected" and branch not in decided):  # as `standing` has it
            decided[branch] = state
    return Facts(
        state=str(data.get("publication_state") or "preprint"),
        reviewed=isinstance(review, dict) and review.get("state") == "done",
        decided=decided,
    )


def title_of(blob: bytes) -> str:
    """The title; empty where there is none."""
    return str((_read(blob) or {}).get("title") or "")


def _read(blob: bytes) -> dict[str, Any] | None:
    try:
        data = yaml.load(blob, Loader=_Loader)  # noqa: S506 - one of the two safe ones
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None
