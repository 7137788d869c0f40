"""What all sources of one paper say together: the value of each field by precedence, whatever order they came in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kb.ids import KINDS, is_safe_url, parse_arxiv_id, parse_orcid
from kb.reconcile.rows import Row, digest
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy
from kb.sources.entry import SourceEntry
from kb.text import normal_title, one_line

Fields = dict[str, Any]
"""A paper's facts under dotted names. Sets are tuples of tuples; an absent field is None."""

REVIEW_PARTS = (
    "focus",
    "contribution",
    "limitations",
    "summary",
    "problem",
    "approach",
    "insight",
    "critique",
)
SCALARS = (
    "title",
    "authors",
    *(f"identifiers.{kind}" for kind in (*KINDS, "arxiv_version", "url")),
    "dates.published",
    "dates.updated",
    "venue",
    "publication_state",
    "withdrawn_reason",
    *(f"review.{part}" for part in REVIEW_PARTS),
    "abstract",
)
SETS = ("links.code", "links.data", "labels", "notes")


def labels_of(entry: SourceEntry, taxonomy: Taxonomy) -> tuple[str, ...]:
    """The branches that the headings of an entry speak of, sorted."""
    found = {branch for heading in entry.headings for branch in taxonomy.branches_for(heading.path)}
    return tuple(sorted(found))


def witness(source: str) -> str:
    """How a label names its source: a list by its own name."""
    return source.split(":", 1)[-1]


def fold(rows: Iterable[Row], *, abstracts: bool = False) -> Fields:
    """The upstream value of every field; of abstracts only if records may hold them.

    A removed entry still says what it said about the paper; it no longer says where the paper belongs.
    """
    ordered = sorted(rows, key=lambda row: row.rank)
    entries = [row.entry for row in ordered]
    fields: Fields = {
        "title": _first(entries, lambda e: one_line(e.title) if e.title else None),
        "authors": _first(entries, _authors),
        "dates.published": _published(entries),
        "dates.updated": _first(entries, lambda e: e.updated),
        "identifiers.arxiv_version": _version(entries),
        "identifiers.url": _first(entries, lambda e: e.url if e.url and is_safe_url(e.url) else None),
    }
    for kind in KINDS:
        fields[f"identifiers.{kind}"] = _first(entries, lambda e, kind=kind: e.identifiers.get(kind))  # type: ignore[misc]
    if any(fields[f"identifiers.{kind}"] for kind in KINDS):
        fields["identifiers.url"] = None  # an identifier is the better address
    fields |= _publication(entries)
    for part in REVIEW_PARTS:
        fields[f"review.{part}"] = _first(entries, lambda e, part=part: getattr(e.review, part, None))  # type: ignore[misc]
    fields["abstract"] = _first(entries, lambda e: e.abstract) if abstracts else None
    fields["links.code"] = _union(url for e in entries for url in e.code if is_safe_url(url))
    fields["links.data"] = _union(url for e in entries for url in e.data if is_safe_url(url))
    live = [row for row in ordered if not row.entry.removed]
    fields["labels"] = _union(
        (branch, "list", witness(row.entry.source)) for row in live for branch in row.labels
    )
    fields["notes"] = _union((n.text, n.lang, witness(e.source), n.kind) for e in entries for n in e.notes)
    return fields


def _first(entries: Sequence[SourceEntry], get: Callable[[SourceEntry], Any]) -> Any:
    return next((value for entry in entries if (value := get(entry))), None)


def _union(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _authors(entry: SourceEntry) -> tuple[tuple[str, str | None], ...]:
    return tuple((name, parse_orcid(a.orcid)) for a in entry.authors if (name := one_line(a.name)))


def _published(entries: Sequence[SourceEntry]) -> str | None:
    """When the work first appeared: what the best source says, as precisely as any that agrees with it.

    An arXiv id tells year and month of the first version; a later year in another source is the venue's.
    """
    dates = [entry.published for entry in entries if entry.published]
    ids = (parse_arxiv_id(entry.identifiers.get("arxiv_id")) for entry in entries)
    arxiv = next((one for one in ids if one), None)
    best = f"{arxiv.year:04d}-{arxiv.month:02d}" if arxiv else next(iter(dates), None)
    if best is None:
        return None
    return max((best, *(date for date in dates if date.startswith(best))), key=len)


def _version(entries: Sequence[SourceEntry]) -> int | None:
    return max((e.arxiv_version for e in entries if e.arxiv_version), default=None)


def _publication(entries: Sequence[SourceEntry]) -> Fields:
    # arXiv's journal reference is seldom filled; the curated sources know the venue better.
    curated = sorted(entries, key=lambda e: e.source == "arxiv")
    venue = _first(curated, lambda e: tidy_venue(e.venue) if e.venue and not _is_preprint(e.venue) else None)
    states = {entry.publication_state for entry in entries}
    state = (
        "withdrawn"
        if "withdrawn" in states
        else "published"
        if venue or "published" in states
        else "preprint"
    )
    reason = _first(entries, lambda e: one_line(e.withdrawn_reason or "")) if state == "withdrawn" else None
    return {"venue": venue, "publication_state": state, "withdrawn_reason": reason}


def tidy_venue(venue: str) -> str:
    """A venue as people write it: the year apart from the acronym, and with four digits.

    >>> tidy_venue("ICLR2025"), tidy_venue("IEEE T-PAMI'26"), tidy_venue("ACL main 2025")
    ('ICLR 2025', 'IEEE T-PAMI 2026', 'ACL main 2025')
    """
    apart = re.sub(r"(?<=[A-Za-z])[’']?((?:19|20)\d\d)$", r" \1", one_line(venue))
    return re.sub(r"\s*[’'](\d\d)$", r" 20\1", apart)


def _is_preprint(venue: str) -> bool:
    words = normal_title(venue).split()
    return "arxiv" in "".join(words) or words in (["preprint"], ["corr"], ["technical", "report"])


def fields_of(paper: Paper) -> Fields:
    """The fields of a record in the same form."""
    data = paper.to_data()
    fields: Fields = {}
    for name in SCALARS:
        value: Any = data
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        fields[name] = value
    fields["authors"] = tuple((a.name, a.orcid) for a in paper.authors) or None
    fields["links.code"] = paper.links.code
    fields["links.data"] = paper.links.data
    fields["labels"] = tuple(label.identity for label in paper.labels)
    fields["notes"] = tuple((n.text, n.lang, n.source or "", n.kind) for n in paper.notes)
    return fields


def is_prose(name: str) -> bool:
    """Whether a field holds sentences, of which rows keep only digests."""
    return name.startswith("review.") or name == "abstract"


def same(name: str, a: Any, b: Any) -> bool:
    """Whether two values of the field `name` are equal; prose is equal to its digest."""
    if is_prose(name):
        return digest(a) == digest(b)
    return bool(a == b)
