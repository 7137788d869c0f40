"""Identifiers of papers: every shape they come in, one normal form each.

A `parse_` function takes any text a source may hold (an id, a URL, a DOI with a prefix) and gives the
normal form, or None when the text is no such identifier. It never raises: what sources hold is not ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from kb.errors import DataError

# https://info.arxiv.org/help/arxiv_identifier.html: YYMM.NNNN until 2014, YYMM.NNNNN since, archive/YYMMNNN before 2007.
_MONTH = r"(?:0[1-9]|1[0-2])"
_NEW = rf"(?P<new>(?:0[7-9]|1[0-4]){_MONTH}\.\d{{4}}|(?:1[5-9]|[2-9]\d){_MONTH}\.\d{{5}})(?!\d)"
_OLD = r"(?P<old>[a-z]+(?:-[a-z]+)?(?:\.[A-Z]{2})?/\d{2}(?:0[1-9]|1[0-2])\d{3})"
_ARXIV = re.compile(rf"(?:{_NEW}|{_OLD})(?:v(?P<version>[1-9]\d*))?", re.ASCII)
_ARXIV_HOST = re.compile(r"(?:^|\.)arxiv\.org$")
_ARXIV_PATH = re.compile(
    r"^/(?:abs|pdf|html|format|src|e-print|ps|list|a)/(?P<id>.+?)(?:\.pdf|\.ps\.gz)?/*$", re.I
)
_ARXIV_LABEL = re.compile(r"^\s*arxiv\s*(?:id)?\s*[:.\s]\s*", re.I)
_ARXIV_DOI = re.compile(r"^10\.48550/arxiv\.(?P<id>.+)$", re.I)
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]+")
_ACL_NEW = re.compile(r"\d{4}\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*\.\d+")
_ACL_OLD = re.compile(r"[A-Z]\d{2}-\d{4}")
_OPENREVIEW_HOST = re.compile(r"(?:^|\.)openreview\.net$")
_OPENREVIEW = re.compile(r"[A-Za-z0-9_-]{8,14}(?![A-Za-z0-9_-])")
_S2_HOST = re.compile(r"(?:^|\.)semanticscholar\.org$")
_S2_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")
_KEY = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
# Names that some file system or tool gives a meaning of its own.
_RESERVED = frozenset(
    [
        "con",
        "prn",
        "aux",
        "nul",
        "index",
        "readme",
        "license",
        "kb",
        "tags",
        "search",
        "assets",
        "sitemap",
        "404",
    ]
    + [f"{port}{n}" for port in ("com", "lpt") for n in range(10)]
)
KINDS = ("arxiv_id", "doi", "openreview", "acl_anthology", "semantic_scholar")


@dataclass(frozen=True, order=True)
class ArxivId:
    """An arXiv identifier. `base` has no version; `version` is None where the source named none."""

    base: str
    version: int | None = None

    def __str__(self) -> str:
        return f"{self.base}v{self.version}" if self.version else self.base

    @property
    def year(self) -> int:
        """Year of the first submission, which every arXiv identifier carries."""
        yymm = self.base.rsplit("/", 1)[-1][:4]
        short = int(yymm[:2])
        return (1900 if short >= 91 else 2000) + short

    @property
    def month(self) -> int:
        """Month of the first submission, 1 to 12."""
        return int(self.base.rsplit("/", 1)[-1][2:4])

    @property
    def url(self) -> str:
        """The page of the abstract."""
        return f"https://arxiv.org/abs/{self.base}"


def parse_arxiv_id(text: str | None) -> ArxivId | None:
    """An arXiv id from an id, an `arXiv:` label, a URL or the DOI that arXiv registers.

    >>> str(parse_arxiv_id("https://arxiv.org/pdf/2502.12067v2.pdf"))
    '2502.12067v2'
    >>> str(parse_arxiv_id("arXiv:hep-th/9901001 [hep-th]"))
    'hep-th/9901001'
    >>> parse_arxiv_id("https://arxiv.org/abs/hello") is None
    True
    """
    if not text:
        return None
    text = text.strip().strip("<>(),;")
    if "://" in text or re.match(r"(?:[\w-]+\.)*(?:arxiv|doi)\.org/", text, re.I):
        return _arxiv_from_url(text)
    text = re.sub(r"^doi:\s*", "", text, flags=re.I)
    if doi := _ARXIV_DOI.match(text):
        text = doi.group("id")
    text = _ARXIV_LABEL.sub("", text)
    text = re.sub(r"(?<=\d)\s*\[[\w.\- ]+\]$", "", text.strip()).strip("[] ")
    match = _ARXIV.fullmatch(text) or _ARXIV.fullmatch(text.lower())
    return _arxiv_of(match) if match else None


def _arxiv_of(match: re.Match[str]) -> ArxivId:
    base = match.group("new") or match.group("old")
    if match.group("old"):  # math.GT/0309136 and math/0309136 are one paper
        archive, number = base.split("/")
        base = f"{archive.split('.')[0]}/{number}"
    version = match.group("version")
    return ArxivId(base, int(version) if version else None)


def _arxiv_from_url(url: str) -> ArxivId | None:
    if "://" not in url:
        url = "https://" + url
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if _ARXIV_HOST.search(host):
        path = unquote(parts.path)
        if path.lower().endswith(".pdf"):
            path = path[:-4]
        found = _ARXIV_PATH.match(path)
        candidate = found.group("id") if found else ""
    elif host in {"doi.org", "dx.doi.org", "www.doi.org"}:
        found = _ARXIV_DOI.match(unquote(parts.path).lstrip("/"))
        candidate = found.group("id") if found else ""
    elif host in {"alphaxiv.org", "www.alphaxiv.org", "huggingface.co", "ar5iv.org", "ar5iv.labs.arxiv.org"}:
        candidate = unquote(parts.path).rsplit("/", 1)[-1]
        if host == "huggingface.co" and not parts.path.startswith("/papers/"):
            return None
    else:
        return None
    match = _ARXIV.match(candidate.strip())
    # Lists hold links such as .../abs/2502.15589) and .../2504.10903#page: what follows an id must not extend it.
    if not match or re.match(r"[\w]", candidate[match.end() :]):
        return None
    return _arxiv_of(match)


def _host_and_query(url: str) -> tuple[str, str]:
    """The host, in lower case, and the query of `url`, whose scheme may be left out; empty where there is none."""
    url = url.strip()
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        return (parts.hostname or "").lower(), parts.query
    except ValueError:
        return "", ""


def parse_doi(text: str | None) -> str | None:
    """A DOI in lower case (DOIs ignore case), without resolver or label. arXiv's own DOIs count as arXiv ids instead.

    >>> parse_doi("https://dl.acm.org/doi/abs/10.5555/3666122.3668696")
    '10.5555/3666122.3668696'
    """
    if not text:
        return None
    found = _DOI.search(unquote(text))
    if not found:
        return None
    doi = found.group().split("?")[0].split("#")[0].rstrip(".,;)]}'\"/").lower()
    return None if _ARXIV_DOI.match(doi) else doi


def parse_openreview(text: str | None) -> str | None:
    """The forum id in an OpenReview URL.

    >>> parse_openreview("https://openreview.net/forum?id=G8LaO1P0xv#discussion")
    'G8LaO1P0xv'
    """
    if not text or "openreview.net" not in text:
        return None
    host, query = _host_and_query(text)
    values = parse_qs(query).get("id") or [] if _OPENREVIEW_HOST.search(host) else []
    found = _OPENREVIEW.match(values[0]) if values else None
    return found.group() if found else None


def parse_acl_anthology(text: str | None) -> str | None:
    """The ACL Anthology id in a URL, or bare.

    >>> parse_acl_anthology("https://aclanthology.org/2024.findings-acl.456.pdf")
    '2024.findings-acl.456'
    """
    if not text:
        return None
    text = text.strip()
    if "://" in text:
        try:
            parts = urlsplit(text)
        except ValueError:
            return None
        host = (parts.hostname or "").lower()
        if host not in {"aclanthology.org", "www.aclanthology.org", "aclweb.org", "www.aclweb.org"}:
            return None
        text = parts.path.strip("/").removeprefix("anthology/").removesuffix(".pdf").strip("/")
        text = re.sub(r"v\d+$", "", text)
    found = _ACL_NEW.fullmatch(text) or _ACL_OLD.fullmatch(text)
    return found.group() if found else None


def parse_semantic_scholar(text: str | None) -> str | None:
    """The 40-digit paper id in a Semantic Scholar URL, or bare."""
    if not text:
        return None
    if "://" in text and not _S2_HOST.search(_host_and_query(text)[0]):
        return None
    found = _S2_ID.search(text.strip().lower())
    return found.group() if found else None


def parse_orcid(text: str | None) -> str | None:
    """An ORCID iD, bare or in a URL, whose check digit is right (ISO 7064 mod 11-2)."""
    found = _ORCID.search((text or "").strip().upper())
    if not found:
        return None
    total = 0
    digits = found.group().replace("-", "")
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    check = (12 - total % 11) % 11
    return found.group() if digits[-1] == ("X" if check == 10 else str(check)) else None


def identify(text: str | None) -> dict[str, str]:
    """Every identifier that one URL or string gives, by kind. An arXiv id comes without its version.

    >>> identify("https://doi.org/10.48550/arXiv.2508.02180")
    {'arxiv_id': '2508.02180'}
    """
    found: dict[str, str] = {}
    if arxiv := parse_arxiv_id(text):
        return {"arxiv_id": arxiv.base}
    if openreview := parse_openreview(text):
        found["openreview"] = openreview
    if acl := parse_acl_anthology(text):
        found["acl_anthology"] = acl
    if doi := parse_doi(text):
        found["doi"] = doi
        # https://aclanthology.org/info/development/: the Anthology's DOIs carry its ids.
        if doi.startswith("10.18653/v1/") and (acl := parse_acl_anthology(_acl_case(doi[12:]))):
            found["acl_anthology"] = acl
    if text and "semanticscholar.org" in text and (paper := parse_semantic_scholar(text)):
        found["semantic_scholar"] = paper
    return found


def _acl_case(text: str) -> str:
    return text.upper() if re.fullmatch(r"[a-z]\d{2}-\d{4}", text) else text


def is_safe_url(text: str) -> bool:
    """Whether `text` is an absolute http(s) URL with a host: the only kind of link kb stores or renders."""
    if any(not char.isprintable() or char in " <>\"'`\\" for char in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def parse_paper_key(text: str) -> str:
    """`text` if it can be a record's key: its cite key, its file name and its page's URL.

    Raises:
        DataError: anything else, whatever it would do to a path.
    """
    if not _KEY.fullmatch(text) or len(text) > 80 or text in _RESERVED:
        raise DataError(
            f"{text[:100]!r} cannot be a key",
            fix="a key is lower-case ASCII letters and digits, starting with a letter, such as liu2025quantization",
        )
    return text
