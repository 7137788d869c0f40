"""What arXiv's API answered, checked before anything believes it.

The `arxiv` package mends broken XML and skips entries that it cannot read, so that a page cut in the middle or a
login page of some proxy looks like few results or none. Here a page is either whole, and says so in its own counts,
or it is rejected; an entry is either complete or named as a problem.

Format: https://info.arxiv.org/help/api/user-manual.html, "Details of Atom Results Returned".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lxml import etree

from kb.errors import UpstreamError
from kb.ids import ArxivId, parse_arxiv_id
from kb.sources.entry import Problem
from kb.text import one_line

ATOM = "{http://www.w3.org/2005/Atom}"
ARXIV = "{http://arxiv.org/schemas/atom}"
OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
_ABS = re.compile(r"https?://(?:www\.|export\.)?arxiv\.org/abs/(?P<id>\S+)")
_SUBJECT_CLASS = re.compile(r"\.[A-Z]{2}(?=/)")
_COUNT = re.compile(r"[0-9]{1,9}")
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
_REQUIRED = (f"{ATOM}id", f"{ATOM}title", f"{ATOM}published", f"{ATOM}updated")
_OPTIONAL = (f"{ATOM}summary", f"{ARXIV}comment", f"{ARXIV}journal_ref", f"{ARXIV}doi")


class PageError(UpstreamError):
    """An answer that is no page of results. Asking again may help."""


class ShortPage(PageError):
    """A page with fewer entries than its own counts promise. `page` is what there was."""

    def __init__(self, message: str, page: CheckedPage) -> None:
        super().__init__(message)
        self.page = page


class Refused(UpstreamError):
    """arXiv will not take the request, HTTP 400 or an entry called "Error". Asking again is of no use."""


@dataclass(frozen=True)
class CheckedPage:
    """A page of results that may be believed.

    `body` is the page without the entries in `problems` and without anything after it: its total ends with this
    page, so that a reader of the body alone asks for no more. `quarantined` are the ids in `problems`, where known.
    """

    total: int
    start: int
    given: int  # entries on the page, problems included
    body: bytes
    problems: tuple[Problem, ...] = ()
    quarantined: frozenset[str] = frozenset()


def check_page(body: bytes, *, start: int, size: int) -> CheckedPage:
    """The page in `body`, asked for with these `start` and `max_results`.

    Raises:
        Refused: it is arXiv's error entry.
        ShortPage: its entries are fewer than its counts promise, or none.
        PageError: it is not well-formed Atom in UTF-8, has a document type, or contradicts its own counts.
    """
    feed = _parse(body)
    entries = feed.findall(f"{ATOM}entry")
    if (reason := _error_reason(entries)) is not None:
        raise Refused(reason)
    total, first = _count(feed, "totalResults"), _count(feed, "startIndex")
    if first != start:
        raise PageError(f"a page that starts at {first} instead of {start}")
    promised = max(0, min(size, total - start))
    if len(entries) > promised:
        raise PageError(f"a page of {len(entries)} entries where its counts allow {promised}")
    page = _without_faults(feed, entries, total=total, start=start)
    if len(entries) < promised:
        raise ShortPage(f"a page of {len(entries)} entries where its counts promise {promised}", page)
    return page


def error_reason(body: bytes) -> str | None:
    """What arXiv's error entry says, if `body` is one."""
    try:
        return _error_reason(_parse(body).findall(f"{ATOM}entry"))
    except PageError:
        return None


def _parse(body: bytes) -> Any:
    if not body.strip():
        raise PageError("an empty body")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise PageError("a body that is not UTF-8") from None
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise PageError("a body with a document type declaration")
    # The encoding is fixed, so that a declaration of another one cannot hide a document type from the line above.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        feed = etree.fromstring(body, parser=parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise PageError(f"a body that is not well-formed XML ({one_line(str(error))[:100]})") from None
    if feed.getroottree().docinfo.internalDTD is not None:
        raise PageError("a body with a document type declaration")
    if feed.tag != f"{ATOM}feed":
        raise PageError("a body that is not an Atom feed")
    return feed


def _error_reason(entries: list[Any]) -> str | None:
    for entry in entries:
        where = (entry.findtext(f"{ATOM}id") or "").strip()
        title = (entry.findtext(f"{ATOM}title") or "").strip()
        if "/api/errors" in where or (title == "Error" and _entry_id(where) is None):
            return one_line(entry.findtext(f"{ATOM}summary") or "error without a reason")[:200]
    return None


def _count(feed: Any, name: str) -> int:
    found = feed.findall(f"{OPENSEARCH}{name}")
    text = (found[0].text or "").strip() if len(found) == 1 else ""
    if not _COUNT.fullmatch(text):
        raise PageError(f"a page without a count in {name}")
    return int(text)


def _without_faults(feed: Any, entries: list[Any], *, total: int, start: int) -> CheckedPage:
    problems: list[Problem] = []
    quarantined: set[str] = set()
    for number, entry in enumerate(entries, start + 1):
        fault = next(_faults(entry), None)
        if fault is None:
            continue
        where = one_line(entry.findtext(f"{ATOM}id") or "")[:100]
        if found := _entry_id(where):
            quarantined.add(found.base)
            where = str(found)
        problems.append(Problem(where or f"entry {number}", fault))
        feed.remove(entry)
    feed.find(f"{OPENSEARCH}totalResults").text = str(start + len(entries) - len(problems))
    body: bytes = etree.tostring(feed, xml_declaration=True, encoding="utf-8")
    return CheckedPage(total, start, len(entries), body, tuple(problems), frozenset(quarantined))


def _entry_id(text: str) -> ArxivId | None:
    """The id of an entry, if `text` is exactly the address of a version of a paper."""
    found = _ABS.fullmatch(text.strip())
    parsed = parse_arxiv_id(found.group("id")) if found else None
    if found is None or parsed is None or str(parsed) != _SUBJECT_CLASS.sub("", found.group("id")):
        return None
    return parsed


def _faults(entry: Any) -> Iterator[str]:
    """What keeps an entry from being believed."""
    for tag in (*_REQUIRED, *_OPTIONAL):
        found = entry.findall(tag)
        name = tag.rpartition("}")[2]
        if len(found) > 1:
            yield f"has {len(found)} elements {name}"
        if any(len(element) for element in found):
            yield f"has markup inside {name}"
        if tag in _REQUIRED and not (found and (found[0].text or "").strip()):
            yield f"has no {name}"
    entry_id = _entry_id(entry.findtext(f"{ATOM}id") or "")
    if entry_id is None:
        yield "has an id that is no arXiv id"
    elif entry_id.version is None:
        yield "has no version"
    for name in ("published", "updated"):
        if not _is_date(text := (entry.findtext(f"{ATOM}{name}") or "").strip()):
            yield f"has a bad date in {name}: {one_line(text)[:40]!r}"
    yield from _author_faults(entry)


def _author_faults(entry: Any) -> Iterator[str]:
    authors = entry.findall(f"{ATOM}author")
    if not authors:
        yield "has no authors"
    for author in authors:
        names = author.findall(f"{ATOM}name")
        if len(names) != 1 or len(names[0]) or not (names[0].text or "").strip():
            yield "has an author without a name"


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        return datetime.fromisoformat(text).year >= 1985  # arXiv opened in 1991, some papers are dated back
    except ValueError:
        return False
