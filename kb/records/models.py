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
from kb.records.value import BranchId, Date, Line, Text, Url, Value, checked, one_of

_OPENREVIEW = r"[A-Za-z0-9_-]{8,14}"
_S2_ID = r"[0-9a-f]{40}"
_LANGUAGE = r"[a-z]{2,3}(-[A-Za-z0-9]+)*"


def _is_bare_arxiv_id(value: str) -> bool:
    found = ids.parse_arxiv_id(value)
    return found is not None and found.base == value


class Author(Value):
    """A person or a team. Written as plain text, or with `name` and `orcid`.

    Attributes:
        name: as printed on the paper, given name first.
        orcid: the ORCID iD, such as "0000-0002-1825-0097".
    """

    name: Line
    orcid: (
        Annotated[
            str,
            checked(
                lambda value: ids.parse_orcid(value) == value,
                "is no ORCID iD, or its check digit is wrong",
                "copy it from orcid.org; it looks like 0000-0002-1825-0097",
                pattern=r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]",
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
        pattern=r"\d{4}\.\d{4,5}|[a-z]+(?:-[a-z]+)?/\d{7}",
    ),
]
BareDoi = Annotated[
    str,
    checked(
        lambda value: ids.parse_doi(value) == value,
        "is not a bare DOI in lower case",
        "write one such as 10.1145/3666122; arXiv's own DOIs go into arxiv_id",
        pattern=r"10\.\d{4,9}/[^\sA-Z\"<>?#]+",
    ),
]
OpenReviewId = Annotated[
    str,
    checked(
        re.compile(_OPENREVIEW).fullmatch,
        "is not an OpenReview forum id",
        "write what stands after forum?id=, such as G8LaO1P0xv",
        pattern=_OPENREVIEW,
    ),
]
AclId = Annotated[
    str,
    checked(
        lambda value: ids.parse_acl_anthology(value) == value,
        "is not an ACL Anthology id",
        "write one such as 2024.acl-long.510",
        pattern=r"\d{4}\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*\.\d+|[A-Z]\d{2}-\d{4}",
    ),
]
SemanticScholarId = Annotated[
    str,
    checked(
        re.compile(_S2_ID).fullmatch,
        "is not a Semantic Scholar paper id",
        "write the 40 digits at the end of the paper's address there",
        pattern=_S2_ID,
    ),
]


class Identifiers(Value):
    """What the paper is called elsewhere. At most one of each kind.

    Attributes:
        arxiv_id: in double quotes and without version, such as "2504.04823".
        arxiv_version: the newest version that is known.
        doi: bare and in lower case, such as 10.1145/3666122; arXiv's own DOIs go into arxiv_id.
        openreview: what stands after forum?id= in its address.
        acl_anthology: such as 2024.acl-long.510.
        semantic_scholar: the 40 digits at the end of its address there.
        url: where it can be read, if nothing above says so.
    """

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
    """When it appeared and when it last changed; as precise as known.

    Attributes:
        published: the first version, in double quotes: "2025", "2025-04" or "2025-04-07".
        updated: the last version, in the same form.
    """

    published: Date | None = None
    updated: Date | None = None


class PublicationState(StrEnum):
    """Whether a venue has taken it. `withdrawn` asks for a withdrawn_reason."""

    PREPRINT = "preprint"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class Links(Value):
    """What comes with the paper.

    Attributes:
        code: addresses of repositories.
        data: addresses of data sets and models.
    """

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
    """What a person says of a label. Nothing touches one that is confirmed or rejected."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class Assignment(Value):
    """A paper's place in the taxonomy, and who says so. Only a person confirms or rejects.

    Attributes:
        branch: the full id of a branch of taxonomy.yaml, the path of ids that leads to it.
        by: person, where you say so yourself.
        source: the list's name, the person's name, or the classifier's version.
        state: confirmed or rejected, once a person has looked.
        confidence: 0 to 1; a classifier's labels have one.
        evidence: why a classifier says so, for people.
    """

    branch: BranchId
    by: Witness
    source: Line
    state: AssignmentState = AssignmentState.PROPOSED
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    evidence: tuple[Line, ...] = ()

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.branch, self.by.value, self.source)


class Note(Value):
    """A remark.

    Attributes:
        text: what is remarked.
        lang: its language as a BCP 47 tag, such as en or zh; "no" in quotes.
        source: whose remark it is.
        kind: screening is a remark on whether the paper belongs here.
    """

    text: Text
    lang: Annotated[
        str,
        checked(
            re.compile(_LANGUAGE).fullmatch,
            "is not a language tag",
            'write one such as en or zh ("no" in quotes)',
            pattern=_LANGUAGE,
        ),
    ] = "en"
    source: Line | None = None
    kind: Annotated[str, one_of("note", "screening", what="is not a kind of note")] = "note"


class ReviewState(StrEnum):
    """How far the card is. A `done` one has its four parts, a reviewer and a date."""

    STUB = "stub"
    DRAFT = "draft"
    DONE = "done"


class Review(Value):
    """The review card, in our own words.

    Attributes:
        state: done asks for problem, approach, insight, critique, reviewer and date.
        focus: what the paper is about. A cell of the survey's summary table, as the two that follow.
        contribution: what it adds.
        limitations: what it leaves open.
        summary: the paper in one or two sentences.
        problem: what it sets out to solve, and why that matters.
        approach: how it goes about it.
        insight: what one learns from it.
        critique: what does not convince, and what is missing.
        reviewer: who wrote the card.
        date: when, such as "2026-11-21".
    """

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
    """One paper. `key` is its cite key, its file's name and its page's URL, for ever.

    Attributes:
        title: as printed, without a full stop.
        authors: in the order of the paper.
        identifiers: what it is called elsewhere.
        dates: when it appeared, and when it last changed.
        venue: where it is published, such as ICML 2025.
        publication_state: preprint, published or withdrawn.
        withdrawn_reason: why it was withdrawn.
        links: code and data.
        status: included, or a stub: a place kept for a paper of which too little is known.
        labels: places in the taxonomy, with who says so.
        review: the review card.
        claims: what the paper says that can be held against results.
        notes: remarks.
        abstract: only where kb.toml says store_abstracts = true.
    """

    key: Annotated[str, AfterValidator(ids.parse_paper_key)]
    title: Line
    authors: tuple[
        Annotated[Author, BeforeValidator(_author, json_schema_input_type=Line | Author)], ...
    ] = ()
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
