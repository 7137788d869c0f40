"""The questions of one run to arXiv, and what the answers add up to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from kb.config import ArxivQuery, ArxivSettings
from kb.errors import UpstreamError
from kb.ids import ArxivId, parse_arxiv_id
from kb.sources.arxiv_feed import Refused
from kb.sources.arxiv_pages import ArxivPages, Page
from kb.sources.arxiv_titles import same_title, title_query
from kb.sources.entry import Problem, Progress, SourceEntry
from kb.text import normal_title, one_line

_IDS_A_REQUEST = 100  # keeps the address of a request short enough for every server on the way
_REFUSALS = 20  # batches that arXiv may refuse before the search for the bad id is given up
_TITLES_A_RUN = 20
_TITLE_HITS = 25
_MAX_QUOTE = 200  # characters of somebody else's message in one of ours
_ID = r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?"
_ID_LIST = re.compile(rf"{_ID}(?:[\s,;]+{_ID}){{2,}}")
ASK_AGAIN = timedelta(days=30)


@dataclass
class Gathered:
    """What one run has so far. `unread` says that some page could not be had, `asked` names titles by normal form."""

    entries: dict[str, SourceEntry] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    unread: bool = False
    refusals: int = 0

    def add(self, entries: Iterable[SourceEntry]) -> None:
        """Keep `entries`; of a paper that came before, the newer version, and the first of two equal ones."""
        for entry in entries:
            before = self.entries.get(entry.entry_id)
            if before is None or (entry.arxiv_version or 0) > (before.arxiv_version or 0):
                self.entries[entry.entry_id] = entry

    def add_problem(self, where: str, message: str) -> None:
        problem = Problem(where, message)
        if problem not in self.problems:
            self.problems.append(problem)


@dataclass
class Run:
    """The questions of one run, whose answers go into `got`."""

    settings: ArxivSettings
    pages: ArxivPages
    got: Gathered
    today: date

    def ids(self, ids: Sequence[ArxivId], versions: dict[str, int | None], progress: Progress) -> None:
        """Ask for papers by id; `versions` are the stored ones, which arXiv cannot fall behind."""
        size = min(self.settings.page_size, _IDS_A_REQUEST)
        for start in range(0, len(ids), size):
            progress("arXiv ids", start, len(ids))
            self._batch(ids[start : start + size], versions)
        if ids:
            progress("arXiv ids", len(ids), len(ids))

    def _batch(self, ids: Sequence[ArxivId], versions: dict[str, int | None]) -> None:
        what = _name_ids(ids)
        try:
            page = self.pages.by_ids(ids, what)
        except Refused as error:
            self._refused(ids, versions, error)
            return
        self._take_ids(ids, versions, page, what)

    def _refused(self, ids: Sequence[ArxivId], versions: dict[str, int | None], error: Refused) -> None:
        """Find the ids that arXiv objects to, by its own words or by halves, and ask for the others."""
        self.got.refusals += 1
        named = [one for one in ids if _says(error.message, one)]
        if len(ids) == 1 or len(named) == len(ids):  # the whole request quoted says nothing of any id
            named = list(ids) if len(ids) == 1 else []
        for one in named:
            self.got.add_problem(str(one), f"refused: {shortened(error.message)}")
        if self.got.refusals >= _REFUSALS:
            raise UpstreamError(
                f"arxiv: {_name_ids(ids)}: refuses one batch of ids after another ({shortened(error.message)})"
            )
        rest = [one for one in ids if one not in named]
        cut = len(rest) if named else len(rest) // 2
        for part in (rest[:cut], rest[cut:]):
            if part:
                self._batch(part, versions)

    def _take_ids(
        self, ids: Sequence[ArxivId], versions: dict[str, int | None], page: Page, what: str
    ) -> None:
        wanted = {one.base: one for one in ids}
        served = {entry.entry_id for entry in page.entries} | page.quarantined
        self._note_problems(page, what)
        for entry in page.entries:
            if fault := _not_asked_for(entry, wanted, versions):
                self.got.add_problem(entry.entry_id, fault)
            else:
                self.got.add([entry])
        if page.short is None and not any(problem.where.startswith("entry ") for problem in page.problems):
            self.got.missing += [str(one) for one in ids if one.base not in served]

    def _note_problems(self, page: Page, what: str) -> None:
        for problem in page.problems:
            self.got.add_problem(problem.where, problem.message)
        if page.short is not None:
            self.got.unread = True
            self.got.add_problem(what, f"{page.short}, however often it is asked for")

    def query(self, query: ArxivQuery, progress: Progress) -> None:
        """Add what a saved search brings, the newest papers first."""
        what, start, total = f"query {query.name}", 0, query.max_results
        while start < total:
            progress(f"arXiv {what}", start, total)
            size = min(self.settings.page_size, query.max_results - start)
            try:
                page = self.pages.by_query(
                    query.query, what, start=start, size=size, where=f"query:{query.name}"
                )
            except Refused as error:
                self.got.add_problem(what, f"refused: {error.message}")
                return
            self._note_problems(page, what)
            self.got.add(entry for entry in page.entries if entry.entry_id not in self.got.entries)
            if page.short is not None:
                return
            start, total = start + size, min(page.total, query.max_results)
        progress(f"arXiv {what}", total, total)

    def titles(self, titles: Sequence[str], cursor: dict[str, Any], progress: Progress) -> None:
        """Ask for papers by title: those never asked for first, a bounded number a run."""
        recent = {title: day for title, day in asked_titles(cursor).items() if self.today - day < ASK_AGAIN}
        forms = {normal_title(title): title for title in titles if title_query(title)}
        due = sorted(set(forms) - set(recent), key=lambda form: (form in asked_titles(cursor), form))[
            :_TITLES_A_RUN
        ]
        for done, form in enumerate(due):
            progress("arXiv titles", done, len(due))
            self._title(forms[form], title_query(forms[form]) or "")
            self.got.asked.append(form)

    def _title(self, title: str, query: str) -> None:
        what = f"title {one_line(title)[:60]!r}"
        try:
            page = self.pages.by_query(
                query, what, start=0, size=_TITLE_HITS, where=f"title:{one_line(title)}", newest=False
            )
        except Refused as error:
            self.got.add_problem(what, f"refused: {error.message}")
            return
        self._note_problems(page, what)
        found = {entry.entry_id: entry for entry in page.entries if same_title(entry.title or "", title)}
        if len(found) == 1 and page.total <= _TITLE_HITS and not page.problems:
            self.got.add(entry for entry in found.values() if entry.entry_id not in self.got.entries)


def known_ids(ids: Iterable[str], got: Gathered) -> list[ArxivId]:
    """`ids` as values; one that is no arXiv id is named and not sent."""
    found = []
    for text in sorted(ids):
        parsed = parse_arxiv_id(text)
        if parsed is None or parsed.base != text:
            got.add_problem(text[:100], "is no arXiv id")
        else:
            found.append(parsed)
    return found


def _not_asked_for(
    entry: SourceEntry, wanted: dict[str, ArxivId], versions: dict[str, int | None]
) -> str | None:
    asked = wanted.get(entry.entry_id)
    if asked is None:
        return "was not asked for"
    if asked.version is not None and asked.version != entry.arxiv_version:
        return f"came as version {entry.arxiv_version} instead of {asked.version}"
    stored = versions.get(entry.entry_id) or 0
    if (entry.arxiv_version or 0) < stored:
        return f"came as version {entry.arxiv_version}, older than the stored version {stored}"
    return None


def _says(message: str, one: ArxivId) -> bool:
    words = message.replace(",", " ").replace(";", " ").split()
    return any(word.strip(".:'\"()") in {str(one), one.base} for word in words)


def _name_ids(ids: Sequence[ArxivId]) -> str:
    if len(ids) <= 2:
        return ("id " if len(ids) == 1 else "ids ") + ", ".join(str(one) for one in ids)
    return f"{len(ids)} ids from {ids[0]} to {ids[-1]}"


def shortened(message: str) -> str:
    """A message that may quote a whole request, with no more than the first and the last of its ids.

    >>> shortened("incorrect id format for 2401.00001,2401.00002v2,2401.00003")
    'incorrect id format for 3 ids from 2401.00001 to 2401.00003'
    """
    text = _ID_LIST.sub(_first_and_last, one_line(message))
    return text if len(text) <= _MAX_QUOTE else f"{text[:_MAX_QUOTE]}…"


def _first_and_last(found: re.Match[str]) -> str:
    ids = re.split(r"[\s,;]+", found.group())
    return f"{len(ids)} ids from {ids[0]} to {ids[-1]}"


def asked_titles(cursor: dict[str, Any]) -> dict[str, date]:
    """Titles asked for by earlier runs. Whatever in the cursor is not that counts as never asked for."""
    stored = cursor.get("titles")
    found: dict[str, date] = {}
    for title, day in stored.items() if isinstance(stored, dict) else ():
        try:
            found[str(title)] = date.fromisoformat(day)
        except (TypeError, ValueError):
            continue
    return found
