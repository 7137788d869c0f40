"""The record of one paper, as pydantic models: frozen, nothing extra, strict strings.

`Paper.to_data` gives the plain data that stands in ``papers/<key>.yaml``; `Paper.from_data` reads it back. The key is
the file's name and not a field of the file.
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from kb import ids
from kb.errors import DataError
from kb.records.claims import Claim
from kb.records.value import BranchId, Date, Line, Text, Url, Value, checked


def _is_bare_arxiv_id(value: str) -> bool:
    found = ids.parse_arxiv_id(value)
    return found is not None and found.base == value


class Author(Value):
    """A person or a team. Written as plain text, or with `name` and `orcid`."""

    name: Line
    orcid: (
        Annotated[
            str,
            checked(
                lambda value: ids.parse_orcid(value) == value,
                "is no ORCID iD, or its check digit is wrong",
                "copy it from orcid.org; it looks like 0000-0002-1825-0097",
            ),
        ]
        | None
    ) = None


def _author(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


ArxivBase = Annotated[
    str,
    checked(
        _is_bare_arxiv_id,
        "is not a bare arXiv id",
        'write one such as "2504.04823" in quotes; the version goes into arxiv_version',
    ),
]
BareDoi = Annotated[
    str,
    checked(
        lambda value: ids.parse_doi(value) == value,
        "is not a bare DOI in lower case",
        "write one such as 10.1145/3666122; arXiv's own DOIs go into arxiv_id",
    ),
]
OpenReviewId = Annotated[
    str,
    checked(
        re.compile(r"[A-Za-z0-9_-]{8,14}").fullmatch,
        "is not an OpenReview forum id",
        "write what stands after forum?id=, such as G8LaO1P0xv",
    ),
]
AclId = Annotated[
    str,
    checked(
        lambda value: ids.parse_acl_anthology(value) == value,
        "is not an ACL Anthology id",
        "write one such as 2024.acl-long.510",
    ),
]
SemanticScholarId = Annotated[
    str,
    checked(
        re.compile(r"[0-9a-f]{40}").fullmatch,
        "is not a Semantic Scholar paper id",
        "write the 40 digits at the end of the paper's address there",
    ),
]


class Identifiers(Value):
    """What the paper is called elsewhere. At most one of each kind."""

    arxiv_id: ArxivBase | None = None
    arxiv_version: Annotated[int, Field(ge=1, le=999)] | None = None
    doi: BareDoi | None = None
    openreview: OpenReviewId | None = None
    acl_anthology: AclId | None = None
    semantic_scholar: SemanticScholarId | None = None
    url: Url | None = None

    def by_kind(self) -> dict[str, str]:
        """The identifiers that decide identity (not the URL, not the version)."""
        return {kind: value for kind in ids.KINDS if (value := getattr(self, kind))}


class Dates(Value):
    """When it appeared and when it last changed; as precise as known."""

    published: Date | None = None
    updated: Date | None = None


class PublicationState(StrEnum):
    PREPRINT = "preprint"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Links(Value):
    code: tuple[Url, ...] = ()
    data: tuple[Url, ...] = ()


class RecordStatus(StrEnum):
    """`included` is in the survey; a `stub` is a place kept for a paper of which too little is known."""

    INCLUDED = "included"
    STUB = "stub"


class Witness(StrEnum):
    """Who says that a paper belongs to a branch."""

    PERSON = "person"
    LIST = "list"
    CLASSIFIER = "classifier"


class AssignmentState(StrEnum):
    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class Assignment(Value):
    """A paper's place in the taxonomy, and who says so. Only a person confirms or rejects."""

    branch: BranchId
    by: Witness
    source: Line  # the list's name, the person's name, the classifier's version
    state: AssignmentState = AssignmentState.PROPOSED
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    evidence: tuple[Line, ...] = ()  # why a classifier says so, for people

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.branch, self.by.value, self.source)


class Note(Value):
    """A remark, with its language as a BCP 47 tag."""

    text: Text
    lang: Annotated[
        str,
        checked(
            re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]+)*").fullmatch,
            "is not a language tag",
            'write one such as en or zh ("no" in quotes)',
        ),
    ] = "en"
    source: Line | None = None
    kind: Annotated[
        str, checked({"note", "screening"}.__contains__, "is not a kind of note", "write note or screening")
    ] = "note"


class ReviewState(StrEnum):
    STUB = "stub"
    DRAFT = "draft"
    DONE = "done"


class Review(Value):
    """The review card. `focus`, `contribution` and `limitations` are the cells of the survey's summary table."""

    state: ReviewState = ReviewState.STUB
    focus: Text | None = None
    contribution: Text | None = None
    limitations: Text | None = None
    summary: Text | None = None
    problem: Text | None = None
    approach: Text | None = None
    insight: Text | None = None
    critique: Text | None = None
    reviewer: Line | None = None
    date: Date | None = None


class Paper(Value):
    """One paper. `key` is its cite key, its file's name and its page's URL, for ever."""

    key: Annotated[str, AfterValidator(ids.parse_paper_key)]
    title: Line
    authors: tuple[Annotated[Author, BeforeValidator(_author)], ...] = ()
    identifiers: Identifiers = Identifiers()
    dates: Dates = Dates()
    venue: Line | None = None
    publication_state: PublicationState = PublicationState.PREPRINT
    withdrawn_reason: Line | None = None
    links: Links = Links()
    status: RecordStatus = RecordStatus.INCLUDED
    labels: tuple[Assignment, ...] = ()
    review: Review | None = None
    claims: tuple[Claim, ...] = ()
    notes: tuple[Note, ...] = ()
    abstract: Text | None = None

    @property
    def year(self) -> int | None:
        return int(self.dates.published[:4]) if self.dates.published else None

    @classmethod
    def from_data(cls, key: str, data: dict[str, Any]) -> Paper:
        """The record that `data` (as in the YAML file) describes.

        Raises:
            pydantic.ValidationError: a field is missing, unknown or wrong.
        """
        if "key" in data:
            raise DataError("the key is the file's name", field="key", fix="remove the field")
        return cls.model_validate_json(json.dumps({"key": key, **data}))

    def to_data(self) -> dict[str, Any]:
        """Plain data in the order of the fields, without what is unknown or empty; the form of the YAML file."""
        data: dict[str, Any] = _plain(self.model_dump(mode="json", exclude={"key"}, exclude_none=True))
        if self.claims:  # as they were written: what was left open stays unsaid
            data["claims"] = [claim.model_dump(mode="json", exclude_unset=True) for claim in self.claims]
        data["authors"] = [a if set(a) != {"name"} else a["name"] for a in data.get("authors", [])]
        return {name: value for name, value in data.items() if value not in ([], {})}


def _plain(value: Any) -> Any:
    """`value` without empty lists and mappings, at any depth."""
    if isinstance(value, dict):
        kept = {name: _plain(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in ([], {})}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
