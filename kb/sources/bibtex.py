"""BibTeX files, as Zotero, Google Scholar and publishers write them.

Entries are read one at a time, so that an unbalanced brace costs one entry and not the rest of the file. Macros of
TeX are turned into Unicode where pylatexenc knows them; none is run, and no file or URL is opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from kb.ids import KINDS, identify, is_safe_url, parse_arxiv_id
from kb.sources.entry import EntryAuthor, Problem, SourceEntry, SourceResult, Status
from kb.sources.latex import latex_to_text
from kb.text import normal_title, one_line

_START = re.compile(r"^[ \t]*@[ \t]*(?P<type>[A-Za-z]+)[ \t]*[{(]", re.M)
_COMMANDS = frozenset({"string", "preamble", "comment"})
_NOT_PAPERS = frozenset(
    {"software", "dataset", "patent", "image", "video", "audio", "movie", "artwork", "electronic"}
)
_VENUES = ("journal", "journaltitle", "booktitle", "eventtitle", "school", "institution", "publisher")
_PREPRINT = re.compile(r"\b(?:arxiv|corr|preprint|biorxiv|ssrn)\b|^abs/", re.I)
_ARXIV_IN_TEXT = re.compile(r"arxiv[:\s]\s*(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})", re.I)
_URL = re.compile(r"https?://[^\s{}\\<>\"]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass
class _Raw:
    """An entry as the file has it: `fields` in lower-case names, values still LaTeX."""

    kind: str
    key: str
    line: int
    fields: dict[str, str] = field(default_factory=dict)


class BibtexFile:
    """A BibTeX file that a person imports: its papers become records."""

    name = "bibtex"

    def parse(self, text: str, *, where: str) -> SourceResult:
        """The papers of the file. Status is PARTIAL where an entry could not be read."""
        problems: list[Problem] = []
        entries: dict[str, SourceEntry] = {}
        keys: dict[str, int] = {}
        broken = False
        for found in _read(text):
            if isinstance(found, tuple):
                line, message, lost = found
                problems.append(Problem(f"{where}:{line}", message))
                broken = broken or lost
                continue
            if (first := keys.setdefault(found.key.lower(), found.line)) != found.line:
                problems.append(
                    Problem(f"{where}:{found.line}", f"the key {found.key!r} is also in line {first}")
                )
            if found.kind in _NOT_PAPERS:
                problems.append(Problem(f"{where}:{found.line}", f"@{found.kind} {found.key}: not a paper"))
                continue
            entry = _entry(found, where)
            if entry is None:
                broken = True
                problems.append(Problem(f"{where}:{found.line}", f"{found.key}: has no title"))
            elif (known := entries.get(entry.entry_id)) is not None:
                problems.append(
                    Problem(f"{where}:{found.line}", f"{found.key}: the same paper as {known.where}")
                )
            else:
                entries[entry.entry_id] = entry
        status = Status.PARTIAL if broken else Status.OK if entries else Status.EMPTY
        return SourceResult(
            source=self.name,
            status=status,
            entries=tuple(entries.values()),
            problems=tuple(problems),
            creates=True,
            summary=f"{len(entries)} paper{'s' * (len(entries) != 1)}",
        )


# Syntax


def _read(text: str) -> Iterator[_Raw | tuple[int, str, bool]]:
    """Entries, and (line, message, lost) for what is wrong with them; `lost` where there is no entry to keep."""
    from pybtex.database.input.bibtex import month_names

    macros = dict(month_names)
    starts = [match.start() for match in _START.finditer(text)]
    index = 0
    while index < len(starts):
        line = text.count("\n", 0, starts[index]) + 1
        raw, errors = None, ["is not closed"]
        # A value may hold a line that looks like an entry: an entry that is not closed goes on over the next start.
        for reach in range(index + 1, min(index + 3, len(starts)) + 1):
            end = starts[reach] if reach < len(starts) else len(text)
            tried, found, closed = _parse_one(text[starts[index] : end], line, macros)
            if reach == index + 1 or (closed and not found):
                raw, errors = tried, found
            if closed:
                index = reach - 1 if not found else index
                break
        index += 1
        name = f"{raw.key}: " if raw else ""
        fatal = [error for error in errors if not error.startswith("undefined")]
        for error in errors:
            yield line, f"{name}{error}", error in fatal
        if raw is not None and not fatal:
            yield raw


def _parse_one(text: str, line: int, macros: dict[str, str]) -> tuple[_Raw | None, list[str], bool]:
    """(entry, what is wrong, whether it is closed) of one entry; no entry for @string and the like."""
    from pybtex.database.input.bibtex import LowLevelParser, UndefinedMacro
    from pybtex.scanner import PrematureEOF, PybtexSyntaxError

    errors: list[str] = []
    closed = True

    def note(error: PybtexSyntaxError) -> None:
        nonlocal closed
        closed = closed and not isinstance(error, PrematureEOF)
        prefix = "undefined macro" if isinstance(error, UndefinedMacro) else "cannot be read"
        if isinstance(error, PrematureEOF):
            errors.append("cannot be read: a brace or quote is not closed")
        else:
            errors.append(f"{prefix}: {one_line(str(error))[:120]}")

    try:
        commands = list(LowLevelParser(text, macros=macros, handle_error=note))
    except (PybtexSyntaxError, RecursionError, ValueError) as error:
        return None, [f"cannot be read: {one_line(str(error))[:120]}"], True
    for kind, body in commands[:1]:
        if kind.lower() in _COMMANDS:
            return None, errors, closed
        key, pairs = body
        raw = _Raw(kind.lower(), str(key or ""), line)
        for name, parts in pairs:
            raw.fields.setdefault(str(name).lower(), "".join(parts))
        if not raw.key:
            errors.append("cannot be read: an entry without a key")
        return raw, errors, closed
    return None, errors, closed


# Meaning


def _entry(raw: _Raw, where: str) -> SourceEntry | None:
    title = latex_to_text(raw.fields.get("title", "")).strip()
    if not re.search(r"\w", title):
        return None
    identifiers, version = _identifiers(raw.fields)
    names, whole = _authors(raw.fields.get("author", ""))
    venue = next((v for name in _VENUES if (v := latex_to_text(raw.fields.get(name, "")))), None)
    preprint = bool(venue and _PREPRINT.search(venue)) or (venue is None and "arxiv_id" in identifiers)
    url = _URL.search(raw.fields.get("url", "") or raw.fields.get("howpublished", ""))
    best = next((f"{kind}:{identifiers[kind]}" for kind in KINDS if kind in identifiers), None)
    return SourceEntry(
        source=BibtexFile.name,
        entry_id=best or f"title:{normal_title(title)}",
        title=title,
        authors=tuple(EntryAuthor(name=name) for name in names),
        n_authors=len(names) if names and whole else None,
        identifiers=identifiers,
        arxiv_version=version,
        url=url.group() if url and not identifiers and is_safe_url(url.group()) else None,
        published=_published(raw.fields),
        venue=None if preprint else venue,
        publication_state="preprint" if preprint else "published" if venue else None,
        abstract=latex_to_text(raw.fields["abstract"]) if raw.fields.get("abstract") else None,
        where=f"{where}:{raw.line}",
    )


def _identifiers(fields: dict[str, str]) -> tuple[dict[str, str], int | None]:
    """Identifiers from eprint, doi, url and, for arXiv, from journal and note; and the arXiv version if one is named."""
    found: dict[str, str] = {}
    prefix = (fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv").strip().lower()
    arxiv = parse_arxiv_id(fields.get("eprint")) if prefix == "arxiv" else None
    candidates = [
        fields.get(name, "").replace("\\_", "_").replace("\\", "")
        for name in ("doi", "url", "ee", "howpublished")
    ]
    for text in candidates:
        for kind, value in identify(url.group() if (url := _URL.search(text)) else text.strip("{} ")).items():
            found.setdefault(kind, value)
    for name in ("journal", "note", "howpublished", "volume"):
        if (
            arxiv is None
            and "arxiv_id" not in found
            and (match := _ARXIV_IN_TEXT.search(fields.get(name, "")))
        ):
            arxiv = parse_arxiv_id(match.group(1))
    if arxiv is not None:
        found["arxiv_id"] = arxiv.base
    return {kind: found[kind] for kind in KINDS if kind in found}, arxiv.version if arxiv else None


def _authors(text: str) -> tuple[list[str], bool]:
    """(names as "Given Family", whether they are all)."""
    from pybtex.bibtex.utils import split_name_list
    from pybtex.database import Person
    from pybtex.exceptions import PybtexError

    names: list[str] = []
    whole = True
    for raw in split_name_list(one_line(text)) if text.strip() else []:
        if raw.strip().lower().rstrip(".") in {"others", "et al"}:
            whole = False
            continue
        try:
            person = Person(raw)
            parts = [*person.first_names, *person.middle_names, *person.prelast_names, *person.last_names]
            name = latex_to_text(" ".join([*parts, *person.lineage_names]))
        except (PybtexError, RecursionError, ValueError, IndexError):  # "Last, First, Middle, Jr, PhD"
            name = latex_to_text(raw)
        if name and name not in names:
            names.append(name)
    return names, whole


def _published(fields: dict[str, str]) -> str | None:
    text = latex_to_text(fields.get("date") or fields.get("year") or "").split("/")[0].strip()
    found = re.fullmatch(r"(?P<y>(?:1[89]|20)\d\d)(?:-(?P<m>\d\d))?(?:-(?P<d>\d\d))?(?:T.*)?", text)
    if not found:
        return None
    month = int(found["m"] or 0) or _month(fields.get("month", ""))
    day_text = fields.get("day", "").strip("{} ")
    day = int(found["d"] or (day_text if day_text.isascii() and day_text.isdigit() else 0))
    try:
        if month and day:
            return date(int(found["y"]), month, day).isoformat()
    except ValueError:
        pass
    return f"{found['y']}-{month:02d}" if 1 <= month <= 12 else found["y"]


def _month(text: str) -> int:
    text = text.strip("{}. ").lower()
    if text.isascii() and text.isdigit():
        return int(text) if 1 <= int(text[:4]) <= 12 else 0
    return _MONTHS.index(text[:3]) + 1 if text[:3] in _MONTHS else 0
