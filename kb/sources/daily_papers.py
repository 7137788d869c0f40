"""The Hugging Face "Daily Papers" page, saved as text: blocks of title, abstract, authors or organisation, date.

Dates. The page prints the year of a paper only when it is not the page's own year, and heads itself with a date
that mostly has no year either ("Dec 15"). The page's year is therefore the one in its header if there is one, else
the year after the newest year printed on it; a date without a year belongs to that year, or to the year before where
it would lie after the header's day. With no year on the whole page, dates without one stay unknown. The number after
a date counts comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from kb.sources.entry import Problem, SourceEntry, SourceResult, Status
from kb.sources.latex import strip_latex
from kb.text import normal_title, one_line

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    rf"^(?P<m>{'|'.join(_MONTHS)})[a-z]*\.? (?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,? (?P<y>(?:19|20)\d\d))?(?: \d{{1,4}})?$",
    re.I,
)
_AUTHORS = re.compile(r"^[•*·\-\s]*(?P<n>\d{1,4}) authors?$", re.I)
_FURNITURE = re.compile(
    r"new|get trending papers.*|subscribe|daily papers|by\s?ak\b.*|trending papers?|sign up|log in|papers?|upvotes?|"
    r"submitted by.*|\d{1,5}|·|•|previous|next|daily|weekly|monthly|view .{0,30}|github.{0,20}|arxiv.{0,20}",
    re.I,
)
_MIN_ABSTRACT = 200  # characters; a title on that page has at most about 200
_MAX_TITLE = 300


@dataclass(frozen=True)
class _Chunk:
    """Lines with no empty line between them."""

    lines: tuple[str, ...]
    line: int

    @property
    def text(self) -> str:
        return one_line(" ".join(self.lines))

    @property
    def date(self) -> re.Match[str] | None:
        return next((found for text in reversed(self.lines) if (found := _DATE.match(one_line(text)))), None)

    @property
    def n_authors(self) -> int | None:
        return next(
            (int(found["n"]) for text in self.lines if (found := _AUTHORS.match(one_line(text)))), None
        )

    @property
    def is_meta(self) -> bool:
        """Whether these are the lines under an abstract: authors or organisation, a middle dot, a date."""
        if self.n_authors is not None or any(text.strip() in {"·", "•"} for text in self.lines):
            return len(self.text) < _MIN_ABSTRACT
        return len(self.lines) == 1 and self.date is not None

    @property
    def is_furniture(self) -> bool:
        return not re.search(r"\w", self.text) or bool(_FURNITURE.fullmatch(self.text))

    @property
    def is_abstract(self) -> bool:
        return not self.is_meta and len(self.text) >= _MIN_ABSTRACT


@dataclass
class _Paper:
    title: str
    line: int
    abstract: str
    meta: _Chunk | None = None


class DailyPapers:
    """The saved page. Its papers are candidates: the page is what others read, not what the survey is about."""

    name = "daily_papers"

    def parse(self, text: str, *, where: str) -> SourceResult:
        """The papers on the page, in its order; a paper that stands there twice comes once."""
        chunks = list(_chunks(text))
        header = next(
            (chunk.date for chunk in _before_first_abstract(chunks) if chunk.is_meta and chunk.date), None
        )
        papers, problems = _papers(chunks, where)
        year = _page_year(header, papers)
        entries: dict[str, SourceEntry] = {}
        for paper in papers:
            entry = _entry(paper, header, year, where)
            entries.setdefault(entry.entry_id, entry)
        status = Status.PARTIAL if problems else Status.OK if entries else Status.EMPTY
        return SourceResult(
            source=self.name,
            status=status,
            entries=tuple(entries.values()),
            problems=tuple(problems),
            summary=f"{len(entries)} paper{'s' * (len(entries) != 1)}",
        )


def _chunks(text: str) -> Iterator[_Chunk]:
    lines: list[str] = []
    start = 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        if line.strip():
            start = start if lines else number
            lines.append(line.strip())
        elif lines:
            yield from _split(_Chunk(tuple(lines), start))
            lines = []


def _split(chunk: _Chunk) -> Iterator[_Chunk]:
    """Title, abstract and meta that stand without empty lines between them, apart."""
    lines, start = list(chunk.lines), chunk.line
    tail: list[str] = []
    while len(lines) > 1 and _Chunk((lines[-1],), 0).is_meta:
        tail.insert(0, lines.pop())
    if tail and len(lines) == 1 and len(lines[0]) < 100:
        yield chunk  # an organisation above its date
        return
    if (
        (
            len(lines) > 1
            and len(lines[0]) <= _MAX_TITLE
            and len(lines[0]) < _MIN_ABSTRACT <= len(" ".join(lines[1:]))
        )
        and lines[0][-1] not in ".,;"
        and len(lines[1]) >= _MIN_ABSTRACT
    ):
        yield _Chunk((lines[0],), start)
        lines, start = lines[1:], start + 1
    yield _Chunk(tuple(lines), start)
    if tail:
        yield _Chunk(tuple(tail), start + len(lines))


def _before_first_abstract(chunks: list[_Chunk]) -> list[_Chunk]:
    first = next((i for i, chunk in enumerate(chunks) if chunk.is_abstract), len(chunks))
    return chunks[:first]


def _papers(chunks: list[_Chunk], where: str) -> tuple[list[_Paper], list[Problem]]:
    papers: list[_Paper] = []
    problems: list[Problem] = []
    waiting: _Chunk | None = None  # a title whose abstract has not come yet
    for chunk in chunks:
        if chunk.is_meta:
            if papers and papers[-1].meta is None and waiting is None:
                papers[-1].meta = chunk
            elif papers and waiting is not None:
                problems.append(
                    Problem(f"{where}:{waiting.line}", f"a title without an abstract: {waiting.text[:80]!r}")
                )
                waiting = None
        elif chunk.is_abstract:
            if waiting is None:
                problems.append(
                    Problem(f"{where}:{chunk.line}", f"an abstract without a title: {chunk.text[:60]!r}")
                )
            else:
                papers.append(_Paper(strip_latex(waiting.text), waiting.line, chunk.text))
            waiting = None
        elif not chunk.is_furniture:
            if waiting is not None:
                problems.append(Problem(f"{where}:{waiting.line}", f"not understood: {waiting.text[:80]!r}"))
            waiting = chunk
    if waiting is not None:
        problems.append(
            Problem(f"{where}:{waiting.line}", f"a title without an abstract: {waiting.text[:80]!r}")
        )
    return papers, problems


def _page_year(header: re.Match[str] | None, papers: list[_Paper]) -> int | None:
    if header and header["y"]:
        return int(header["y"])
    years = [int(found["y"]) for paper in papers if paper.meta and (found := paper.meta.date) and found["y"]]
    return max(years) + 1 if years else None


def _entry(paper: _Paper, header: re.Match[str] | None, year: int | None, where: str) -> SourceEntry:
    meta = paper.meta
    return SourceEntry(
        source=DailyPapers.name,
        entry_id=f"title:{normal_title(paper.title)}",
        title=paper.title,
        n_authors=meta.n_authors if meta else None,
        published=_published(meta.date, header, year) if meta and meta.date else None,
        abstract=paper.abstract,
        where=f"{where}:{paper.line}",
    )


def _published(found: re.Match[str], header: re.Match[str] | None, year: int | None) -> str | None:
    month, day = _month_day(found)
    if found["y"]:
        year = int(found["y"])
    elif year is not None and header and (month, day) > _month_day(header):
        year -= 1
    if year is None:
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return f"{year}-{month:02d}"


def _month_day(found: re.Match[str]) -> tuple[int, int]:
    return _MONTHS.index(found["m"].lower()) + 1, int(found["d"])
