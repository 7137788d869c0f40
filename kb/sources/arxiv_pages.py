"""The `arxiv` package, fed with nothing but pages that were checked.

The package writes the address of a request and reads results out of a page; fetching, checking, retrying and paging
are ours, because it does them in ways that hide failures (see `kb.sources.arxiv_feed` and `kb.sources.arxiv_http`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import arxiv as arxiv_api

from kb.errors import UpstreamError
from kb.ids import ArxivId
from kb.sources.arxiv_entry import to_entry
from kb.sources.arxiv_feed import CheckedPage, ShortPage, check_page
from kb.sources.arxiv_http import ArxivHttp
from kb.sources.entry import Problem, SourceEntry


@dataclass(frozen=True)
class Page:
    """The entries of one page. `short` says how far it stayed behind its own counts after every try."""

    total: int
    entries: tuple[SourceEntry, ...]
    problems: tuple[Problem, ...]
    quarantined: frozenset[str]
    short: str | None = None


class ArxivPages:
    """One page of a search at a time."""

    def __init__(self, base_url: str, http: ArxivHttp) -> None:
        self._http = http
        self._format = base_url + "/api/query?{}"

    def by_ids(self, ids: Sequence[ArxivId], what: str) -> Page:
        """The papers with these ids, in one request."""
        search = arxiv_api.Search(id_list=[str(one) for one in ids], max_results=None)
        return self._page(search, 0, len(ids), what, None)

    def by_query(
        self, query: str, what: str, *, start: int, size: int, where: str, newest: bool = True
    ) -> Page:
        """Papers that match `query`, from number `start` on: the newest first, or else the closest."""
        order = arxiv_api.SortCriterion.SubmittedDate if newest else arxiv_api.SortCriterion.Relevance
        search = arxiv_api.Search(query=query, max_results=None, sort_by=order)
        return self._page(search, start, size, what, where)

    def _page(self, search: arxiv_api.Search, start: int, size: int, what: str, where: str | None) -> Page:
        bridge = _Bridge(self._http, start, size, what)
        client = arxiv_api.Client(page_size=size, delay_seconds=0, num_retries=0)
        client.query_url_format = self._format
        client._session = bridge
        entries = tuple(to_entry(result, where) for result in client.results(search, offset=start))
        page = bridge.page
        if page is None or len(entries) != page.given - len(page.problems):
            raise UpstreamError(f"arxiv: {what}: the arxiv package lost entries of a good page")
        return Page(page.total, entries, page.problems, page.quarantined, bridge.short)


class _Answer:
    status_code = 200

    def __init__(self, content: bytes) -> None:
        self.content = content


class _Bridge:
    """Stands where the package has its `requests.Session`: gives it one page, fetched and checked."""

    def __init__(self, http: ArxivHttp, start: int, size: int, what: str) -> None:
        self._http = http
        self._start, self._size, self._what = start, size, what
        self.page: CheckedPage | None = None
        self.short: str | None = None

    def get(self, url: str, **_unused: object) -> _Answer:
        try:
            self.page = self._http.get(url, self._what, self._check)
        except ShortPage as error:
            self.page, self.short = error.page, error.message
        return _Answer(self.page.body)

    def _check(self, body: bytes) -> CheckedPage:
        return check_page(body, start=self._start, size=self._size)
