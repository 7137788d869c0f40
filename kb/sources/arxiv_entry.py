"""From one result of arXiv's API to a source entry.

The comment of a paper is free text. Only what it says outright is taken from it: a link to a repository, that the
paper is withdrawn, where it was accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import arxiv as arxiv_api

from kb.errors import UpstreamError
from kb.ids import is_safe_url, parse_arxiv_id, parse_doi
from kb.sources.entry import EntryAuthor, SourceEntry
from kb.text import one_line

_URL = re.compile(r"(?:https?://|(?<![\w./@-])(?=(?:github|gitlab)\.com/))[^\s<>\"'`\\{}|^]+", re.I)
_CODE = re.compile(
    r"https?://(?:www\.)?(?:(?:github|gitlab)\.com|bitbucket\.org|codeberg\.org|gitee\.com)/[\w.~-]+/[\w.~-]+",
    re.I,
)
_DATA = re.compile(r"https?://(?:www\.)?huggingface\.co/datasets/[\w.~-]+/[\w.~-]+", re.I)
_WITHDRAWN = re.compile(r"\b(?:withdrawn|withdrew|retracted)\b", re.I)
# "Accepted to X", "9 pages. To appear in X": at the start of the comment or of a phrase in it, so that "an extended
# version of a paper accepted to X" and "not accepted to X" say nothing.
_ACCEPTED = re.compile(
    r"(?:^|[.;,(:]\s*)(?:(?:this |the |our )?(?:paper|work|article)\s+(?:has been |was |is )?)?"
    r"(?:(?:early |conditionally )?accepted(?: and to be published)?|to appear|to be published|published"
    r"(?: as a (?:conference |workshop |full )?paper)?)"
    r"(?:\s+for (?:publication|presentation))?(?:\s+as (?:a|an) [\w -]{3,40}?)?"
    r"\s+(?:at|to|by|in)\s+(?P<venue>.+)",
    re.I,
)
_VENUE_END = re.compile(
    r"[.;!](?=\s|$)|https?://|\s[/|-]\s|\bcodes?\b|\bproject (?:page|website)\b|\barXiv admin note\b"
    r"|\bas (?:an?|late)\b|\bfor (?:publication|presentation)\b|,\s*(?:in|unabridged|extended|oral|spotlight|poster)\b"
    r"|,?\s*\(?\d+ (?:pages|figures|tables)\b",
    re.I,
)
# A venue is named by an acronym with or without its year; "Accepted to a journal" names none.
_ACRONYM = re.compile(r"(?<![A-Za-z])[A-Z][A-Za-z]*[A-Z]{1,}[A-Za-z]*|\b(?:19|20)\d\d\b")
_MAX_VENUE = 150


def to_entry(result: arxiv_api.Result, where: str | None = None) -> SourceEntry:
    """The entry for `result`, whose page was checked by `kb.sources.arxiv_feed`.

    Args:
        where: how the paper came up, if it was not asked for by its id: ``query:<name>`` or ``title:<title>``.

    Raises:
        UpstreamError: the result has no arXiv id.
    """
    found = parse_arxiv_id(result.entry_id)
    if found is None:
        raise UpstreamError(f"arxiv: {result.entry_id!r} is no arXiv id")
    comment = one_line(result.comment or "")
    doi = parse_doi(result.doi)
    journal = one_line(result.journal_ref or "") or None
    withdrawn = bool(_WITHDRAWN.search(comment)) and not _has_pdf(result)
    links = repository_urls([comment, *(link.href for link in result.links)])
    return SourceEntry(
        source="arxiv",
        entry_id=found.base,
        title=one_line(result.title),
        authors=tuple(EntryAuthor(name=one_line(author.name)) for author in result.authors),
        identifiers={"arxiv_id": found.base} | ({"doi": doi} if doi else {}),
        arxiv_version=found.version,
        url=found.url,
        published=_day(result.published),
        updated=_day(result.updated),
        venue=journal or (None if withdrawn else accepted_venue(comment)),
        publication_state="withdrawn" if withdrawn else "published" if journal or doi else "preprint",
        withdrawn_reason=comment if withdrawn else None,
        code=links[0],
        data=links[1],
        abstract=one_line(result.summary or "") or None,
        where=where,
    )


def repository_urls(texts: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Repositories of code, and of data sets, that `texts` link to, in their order and each once.

    >>> repository_urls(["Code: https://github.com/one/two. Data at https://huggingface.co/datasets/one/set"])
    (('https://github.com/one/two',), ('https://huggingface.co/datasets/one/set',))
    """
    code: dict[str, None] = {}
    data: dict[str, None] = {}
    for text in texts:
        for url in _URL.findall(text):
            whole = url if "://" in url else f"https://{url}"
            for pattern, kept in ((_CODE, code), (_DATA, data)):
                if (match := pattern.match(whole)) and is_safe_url(match.group()):
                    kept[match.group().rstrip(".").removesuffix(".git")] = None
    return tuple(code), tuple(data)


def accepted_venue(comment: str) -> str | None:
    """Where a comment says that the paper was accepted or will appear; None unless it says so outright.

    >>> accepted_venue("9 pages, 3 figures. Accepted to Findings of ACL 2025. Code will follow")
    'Findings of ACL 2025'
    >>> accepted_venue("Extended version of a paper accepted to ICML 2024") is None
    True
    """
    said = _ACCEPTED.search(one_line(comment))
    if said is None:
        return None
    venue = _VENUE_END.split(said.group("venue"), maxsplit=1)[0]
    venue = re.sub(r"^the\s+", "", venue.strip(" ,.:!-\"'"), flags=re.I)
    if venue.count("(") != venue.count(")"):
        venue = venue.strip("()") if venue.count("(") + venue.count(")") == 1 and venue[-1:] in "()" else ""
    return venue if _ACRONYM.search(venue) and 2 < len(venue) <= _MAX_VENUE else None


def _has_pdf(result: arxiv_api.Result) -> bool:
    return result.pdf_url is not None or any(link.content_type == "application/pdf" for link in result.links)


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
