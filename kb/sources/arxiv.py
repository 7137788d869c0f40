"""arXiv: facts and newest versions of the papers in the base, saved searches, papers known only by title.

Everything is asked politely (`kb.sources.spacing`), fetched with limits (`kb.sources.arxiv_http`) and checked before
it is believed (`kb.sources.arxiv_feed`). arXiv never makes a paper by itself: what a search brings is a candidate.

The cursor holds the titles that were asked for and the day they were, so that a title which arXiv does not know is
asked for once in thirty days. It changes only in a run that asked for a title: a sync with nothing new leaves it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from kb.config import ArxivSettings
from kb.errors import LockError, UpstreamError
from kb.ids import ArxivId
from kb.sources.arxiv_http import ArxivHttp
from kb.sources.arxiv_pages import ArxivPages
from kb.sources.arxiv_run import ASK_AGAIN, Gathered, Run, asked_titles, known_ids
from kb.sources.entry import Known, Progress, SourceResult, Status, no_progress
from kb.sources.spacing import Spacing


class ArxivSource:
    """arXiv's API, https://info.arxiv.org/help/api/user-manual.html.

    Args:
        spacing_dir: where processes that must take turns meet; the same for every kb process of a user.
        sleep, clock: how to wait, in seconds, and what time it is, in seconds since 1970.
    """

    name = "arxiv"

    def __init__(
        self,
        settings: ArxivSettings,
        spacing_dir: Path,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._spacing_dir = spacing_dir
        self._sleep = sleep
        self._clock = clock

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        """The facts of every paper in the base, what the saved searches bring, and papers found by title.

        Entries of a search carry ``where="query:<name>"``, those found by a title ``where="title:<title>"``, unless
        the paper was also asked for by its id. `missing` are ids that arXiv does not know.
        """
        ids = known.arxiv_versions

        def work(run: Run) -> None:
            run.ids(known_ids(ids, run.got), ids, progress)
            run.titles(known.unresolved_titles, known.cursor, progress)
            for query in self._settings.queries:
                run.query(query, progress)

        return self._run(work, known.cursor, creates=False)

    def lookup(self, ids: Sequence[ArxivId], progress: Progress = no_progress) -> SourceResult:
        """The papers with these ids, for a person who wants records of them. An id with a version gives that one."""
        wanted = {one.base: one for one in ids}
        return self._run(lambda run: run.ids(list(wanted.values()), {}, progress), {}, creates=True)

    def _run(self, work: Callable[[Run], None], cursor: dict[str, Any], *, creates: bool) -> SourceResult:
        http = self._new_http()
        got = Gathered()
        try:
            with closing(http):
                work(Run(self._settings, ArxivPages(self._settings.base_url, http), got, self._today()))
            if got.unread and not got.entries:
                raise UpstreamError(f"arxiv: {got.problems[0]}")
        except (UpstreamError, LockError) as error:
            return SourceResult(
                self.name, Status.FAILED, requests=http.requests, error=error, summary=str(error)
            )
        return SourceResult(
            self.name,
            _status(got),
            entries=tuple(got.entries[key] for key in sorted(got.entries)),
            problems=tuple(got.problems),
            missing=tuple(sorted(got.missing)),
            creates=creates,
            cursor=None if got.unread else _next_cursor(cursor, got.asked, self._today()),
            requests=http.requests,
            summary=_summary(got, http.requests),
        )

    def _new_http(self) -> ArxivHttp:
        spacing = Spacing(
            self._spacing_dir,
            self.name,
            delay_s=self._settings.delay_s,
            max_wait_s=self._settings.http.max_wait_s,
            sleep=self._sleep,
            clock=self._clock,
        )
        return ArxivHttp(self._settings, spacing, self._clock)

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock(), UTC).date()


def _next_cursor(cursor: dict[str, Any], asked: Sequence[str], today: date) -> dict[str, Any] | None:
    if not asked:
        return None  # leave the old one as it is
    titles = {title: day for title, day in asked_titles(cursor).items() if today - day < ASK_AGAIN}
    titles |= dict.fromkeys(asked, today)
    return {"titles": {title: titles[title].isoformat() for title in sorted(titles)}}


def _status(got: Gathered) -> Status:
    if got.unread or got.problems or got.missing:
        return Status.PARTIAL
    return Status.OK if got.entries else Status.EMPTY


def _summary(got: Gathered, requests: int) -> str:
    by_query = sum((entry.where or "").startswith("query:") for entry in got.entries.values())
    by_title = sum((entry.where or "").startswith("title:") for entry in got.entries.values())
    parts = [f"{len(got.entries) - by_query - by_title} papers by id"]
    parts += [f"{by_query} by query"] if by_query else []
    parts += [f"{by_title} by title"] if by_title else []
    parts += [f"{len(got.missing)} missing"] if got.missing else []
    parts += [f"{len(got.problems)} problems"] if got.problems else []
    return ", ".join([*parts, "1 request" if requests == 1 else f"{requests} requests"])
