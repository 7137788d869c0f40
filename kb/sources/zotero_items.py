"""Zotero's item JSON as a `SourceEntry`. Pure: nothing here touches the network.

Format: https://www.zotero.org/support/dev/web_api/v3/basics and .../types_and_fields. An item is the object with
`key`, `version`, `meta` and `data`, or the bare `data` object.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kb.ids import ArxivId, identify, is_safe_url, parse_arxiv_id, parse_doi
from kb.sources.entry import EntryAuthor, Heading, SourceEntry
from kb.sources.zotero_dates import parse_date

NAME = "zotero"
# What a survey cites. Books are in: a book in the survey's own library was put there to be cited.
PAPER_TYPES = frozenset(
    {
        "preprint", "journalArticle", "conferencePaper", "report", "document", "manuscript", "thesis",
        "bookSection", "book",
    }
)  # fmt: skip
# Saved web pages are papers only where an identifier says so; notes, attachments and all else never are.
PAGE_TYPES = frozenset({"webpage", "blogPost"})
# Fields a venue stands in, the most telling first. A publisher or a library catalogue is none.
_VENUES = ("publicationTitle", "proceedingsTitle", "conferenceName", "bookTitle", "institution", "university")
_TEXT_FIELDS = (
    "itemType", "title", "abstractNote", "date", "url", "DOI", "extra", "archive", "archiveID", "repository", "publisher",
    "libraryCatalog", "reportNumber", "volume", *_VENUES,
)  # fmt: skip
_PUBLISHED = frozenset({"journalArticle", "conferencePaper", "bookSection", "book", "thesis"})
# https://www.zotero.org/support/kb/rich_text_bibliography, and what publishers' metadata brings along. Only these are
# markup: "<think>" in a title is the title.
_MARKUP = re.compile(
    r"</?(?:i|b|em|strong|sub|sup|sc|span|tt|br|p|jats:\w+)(?:\s+[\w:-]+\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'))*\s*/?>",
    re.I,
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.I)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_EXTRA = re.compile(r"^\s*(?P<label>[A-Za-z][A-Za-z ._-]{0,30}?)\s*:\s*(?P<value>\S.*)$")
_ARXIV_LABELS = frozenset({"arxiv", "arxiv id", "arxivid", "eprint", "archive id", "number", "report number"})
_ARXIV_JOURNAL = re.compile(r"^\s*(?:arxiv\b|corr$)", re.I)
_ARXIV_IN_JOURNAL = re.compile(r"\b(arxiv\s*:\s*[a-z.\-]*/?[\d.]+(?:v\d+)?)", re.I)
_CATEGORIES = re.compile(r"\s*\[[^\]]*\]\s*$")


class ItemError(Exception):
    """An item that cannot be read, and why."""


def item_data(item: Any) -> dict[str, Any]:
    """The `data` object of an item.

    Raises:
        ItemError: there is none.
    """
    data = item.get("data", item) if isinstance(item, dict) else None
    if not isinstance(data, dict):
        raise ItemError("is not a JSON object")
    return data


def is_trashed(item: Any) -> bool:
    """Whether the item lies in the library's trash."""
    return bool(item_data(item).get("deleted"))


def parse_item(item: Any, collections: Mapping[str, tuple[str, ...]] | None = None) -> SourceEntry | None:
    """The paper that an item is, or None for an item that is no paper.

    Args:
        item: one item of an answer with `format=json`.
        collections: the path of names of each collection, by its key.

    Raises:
        ItemError: the item should be a paper but has a field of the wrong type, or neither title nor identifier.
    """
    data = item_data(item)
    kind = data.get("itemType")
    if not isinstance(kind, str):
        raise ItemError("itemType is not text")
    if kind not in PAPER_TYPES | PAGE_TYPES or data.get("parentItem"):
        return None
    text = {name: _text(data, name) for name in _TEXT_FIELDS}
    arxiv = _arxiv_id(text)
    identifiers = _identifiers(text, arxiv)
    if kind in PAGE_TYPES and not identifiers:
        return None
    title = plain(text["title"]) or None
    if not title and not identifiers:
        raise ItemError("has neither a title nor an identifier")
    return SourceEntry(
        source=NAME,
        entry_id=_key(data),
        title=title,
        authors=tuple(_authors(data)),
        identifiers=identifiers,
        arxiv_version=arxiv.version if arxiv else None,
        url=_url(text["url"], arxiv),
        published=parse_date(text["date"], _parsed_date(item)),
        venue=_venue(text),
        publication_state=_state(kind, text, arxiv),
        headings=tuple(_headings(data, collections or {})),
        abstract=plain(text["abstractNote"]) or None,
    )


def collection_paths(collections: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """The names from the topmost collection down to each, by key. Trashed and malformed collections are left out."""
    known: dict[str, tuple[str, str | None]] = {}
    for collection in collections:
        data = collection.get("data", collection) if isinstance(collection, dict) else None
        if not isinstance(data, dict) or data.get("deleted"):
            continue
        key, name, parent = data.get("key"), data.get("name"), data.get("parentCollection")
        if isinstance(key, str) and isinstance(name, str) and plain(name):
            known[key] = (plain(name), parent if isinstance(parent, str) else None)
    return {key: _path(key, known) for key in known}


def _path(key: str, known: Mapping[str, tuple[str, str | None]]) -> tuple[str, ...]:
    names: list[str] = []
    seen: set[str] = set()
    at: str | None = key
    while (
        at is not None and at in known and at not in seen
    ):  # a collection cannot be above itself, but an answer can say so
        seen.add(at)
        name, at = known[at]
        names.append(name)
    return tuple(reversed(names))


def plain(text: str) -> str:
    """`text` as one line without markup, entities and control characters."""
    text = _UNPRINTABLE.sub(" ", _MARKUP.sub("", text))
    text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _text(data: Mapping[str, Any], field: str) -> str:
    value = data.get(field, "")
    if not isinstance(value, str):
        raise ItemError(f"{field} is {_json_type(value)}, not text")
    return value


def _list(data: Mapping[str, Any], field: str) -> list[Any]:
    value = data.get(field, [])
    if not isinstance(value, list):
        raise ItemError(f"{field} is {_json_type(value)}, not a list")
    return value


def _json_type(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true or false"
    return {int: "a number", float: "a number", str: "text", list: "a list"}.get(type(value), "an object")


def _key(data: Mapping[str, Any]) -> str:
    key = _text(data, "key")
    if not is_key(key):
        raise ItemError("has no usable key")
    return key


def is_key(key: Any) -> bool:
    """Whether `key` can be an item's key. Zotero's have eight capitals and digits; other servers' may be longer."""
    return isinstance(key, str) and re.fullmatch(r"[A-Z0-9]{1,32}", key) is not None


def _parsed_date(item: Mapping[str, Any]) -> str | None:
    meta = item.get("meta")
    parsed = meta.get("parsedDate") if isinstance(meta, dict) else None
    return parsed if isinstance(parsed, str) else None  # false where the server made nothing of it


def _authors(data: Mapping[str, Any]) -> Iterator[EntryAuthor]:
    for creator in _list(data, "creators"):
        if not isinstance(creator, dict):
            raise ItemError("creators holds something that is not a creator")
        names = [plain(_text(creator, part)) for part in ("firstName", "lastName", "name")]
        if creator.get("creatorType") == "author" and any(names):
            yield EntryAuthor(name=" ".join(filter(None, names)))


def _headings(data: Mapping[str, Any], collections: Mapping[str, tuple[str, ...]]) -> Iterator[Heading]:
    """Collections first, then tags, each in order of name: the order in an answer says nothing."""
    keys, tags = _list(data, "collections"), _list(data, "tags")
    if not all(isinstance(key, str) for key in keys):
        raise ItemError("collections holds something that is not a key")
    if not all(isinstance(tag, dict) and isinstance(tag.get("tag"), str) for tag in tags):
        raise ItemError("tags holds something that is not a tag")
    filed = {collections[key] for key in keys if key in collections}
    named = {(name,) for tag in tags if (name := plain(tag["tag"]))}
    for path in (*sorted(filed), *sorted(named - filed)):
        yield Heading(path=path)


def _extra(text: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The `Label: value` lines of Extra, labels in lower case."""
    for line in text["extra"].splitlines():
        if match := _EXTRA.match(line):
            yield match["label"].lower().strip(), match["value"].strip()


def contradictions(item: Any) -> Iterator[str]:
    """What the fields of an item that `parse_item` took for a paper say against each other: one line for each kind of
    identifier that has several values, the one that was taken first.

    Raises:
        ItemError: as `parse_item`.
    """
    text = {name: _text(item_data(item), name) for name in _TEXT_FIELDS}
    places = {
        "arxiv_id": [found.base for found in _arxiv_ids(text)],
        "doi": [doi for candidate in _doi_places(text) if (doi := parse_doi(candidate))],
    }
    for kind, found in places.items():
        first, *others = dict.fromkeys(found) or [""]
        if others:
            yield f"has {kind} {first}, which was taken, and {', '.join(others)} in another field"


def _doi_places(text: Mapping[str, str]) -> Iterator[str]:
    yield text["DOI"]
    yield from (value for label, value in _extra(text) if label == "doi")
    if "doi.org/" in text["url"]:
        yield text["url"]


def _arxiv_id(text: Mapping[str, str]) -> ArxivId | None:
    """The best-placed arXiv id."""
    return next(_arxiv_ids(text), None)


def _arxiv_ids(text: Mapping[str, str]) -> Iterator[ArxivId]:
    """Each arXiv id, in the order in which the places can be trusted to speak of this paper."""
    extra = list(_extra(text))
    for candidate in (
        text["archiveID"],
        text["DOI"],
        *(f"arXiv:{value}" for label, value in extra if label in {"arxiv", "arxiv id", "arxivid"}),
        *(value for label, value in extra if label == "doi"),
        text["url"],
        *(value for label, value in extra if label == "url"),
        *(value for label, value in extra if label in _ARXIV_LABELS),
        text["reportNumber"],
        *_ARXIV_IN_JOURNAL.findall(text["publicationTitle"]),
        text["volume"].removeprefix("abs/") if _ARXIV_JOURNAL.match(text["publicationTitle"]) else "",
    ):
        found = parse_arxiv_id(
            _CATEGORIES.sub("", re.sub(r"^arXiv:\s*arXiv\s*:", "arXiv:", candidate, flags=re.I))
        )
        if found and (_says_arxiv(candidate) or _is_arxiv(text)):
            yield found


def _says_arxiv(text: str) -> bool:
    """Whether `text` is more than bare digits, which could be some other archive's number."""
    return "arxiv" in text.lower() or "://" in text


def _is_arxiv(text: Mapping[str, str]) -> bool:
    places = ("archive", "repository", "publisher", "libraryCatalog", "publicationTitle")
    return any(_ARXIV_JOURNAL.match(text[place]) for place in places)


def _identifiers(text: Mapping[str, str], arxiv: ArxivId | None) -> dict[str, str]:
    found: dict[str, str] = {"arxiv_id": arxiv.base} if arxiv else {}
    extra = list(_extra(text))
    for label, candidate in [("doi", text["DOI"]), *extra, ("url", text["url"])]:
        if label == "doi" and (doi := parse_doi(candidate)):
            found.setdefault("doi", doi)
            candidate = f"https://doi.org/{doi}"
        if label in {"doi", "url"}:
            for kind, value in identify(candidate).items():
                if kind != "arxiv_id":
                    found.setdefault(kind, value)
    return found


def _url(url: str, arxiv: ArxivId | None) -> str | None:
    url = url.strip()
    if is_safe_url(url):
        return url
    return arxiv.url if arxiv else None


def _venue(text: Mapping[str, str]) -> str | None:
    """Where it appeared. arXiv is no venue."""
    for field in _VENUES:
        name = plain(text[field])
        if name and not _ARXIV_JOURNAL.match(name):
            return name
    repository = plain(text["repository"])
    return repository if repository and not _ARXIV_JOURNAL.match(repository) else None


def _state(kind: str, text: Mapping[str, str], arxiv: ArxivId | None) -> str | None:
    """None where the item does not tell. An empty venue field of an article is no word on whether it appeared."""
    if kind == "preprint":
        return "preprint"
    venue = _venue(text)
    if kind in _PUBLISHED and (venue or kind in {"book", "thesis"}):
        return "published"
    if arxiv:
        return "preprint"
    return "preprint" if kind not in _PUBLISHED and _is_arxiv(text) else None
