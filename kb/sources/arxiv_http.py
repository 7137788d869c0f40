"""Asking arXiv: one request at a time, with a limit on everything that a server can make endless.

The `arxiv` package sends its requests without any time-out, and retries what cannot succeed; so it is never given
a connection of its own. Everything that can go wrong comes out of here as an `UpstreamError` or a `LockError`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests

from kb.config import ArxivSettings
from kb.errors import UpstreamError
from kb.sources.arxiv_feed import PageError, Refused, ShortPage, error_reason
from kb.sources.http import Reply, Session, Unavailable, not_now, pause_s, times, within_deadline
from kb.sources.spacing import Spacing

T = TypeVar("T")
# The manual promises application/atom+xml. An answer that names no type is left to the check of its body.
_ATOM_TYPES = frozenset({"application/atom+xml", "application/xml", "text/xml", ""})


class _Moved(UpstreamError):
    """The server points elsewhere on the same host."""

    def __init__(self, url: str) -> None:
        super().__init__("redirects without end")
        self.url = url


class ArxivHttp:
    """Requests to arXiv, each in its turn. `requests` counts them."""

    def __init__(
        self, settings: ArxivSettings, spacing: Spacing, clock: Callable[[], float] = time.time
    ) -> None:
        self.requests = 0
        self._http = settings.http
        self._spacing = spacing
        self._clock = clock
        self._base_url = settings.base_url
        self._session = self._new_session()

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def get(self, url: str, what: str, read: Callable[[bytes], T]) -> T:
        """What `read` makes of the body at `url`. Trouble that may pass is tried again, a bounded number of times.

        Args:
            what: what is asked for, for messages.
            read: turns a body into a value, or raises PageError to have it fetched again.

        Raises:
            Refused: arXiv will not take the request; not tried again.
            ShortPage: the last try still gave a page with too few entries.
            UpstreamError: anything else that the server did, or did not do.
            LockError: other processes kept the turn.
        """
        trouble: UpstreamError = UpstreamError("was not asked")
        for attempt in range(1, self._http.tries + 1):
            with self._spacing.turn() as turn:
                try:
                    return read(self._body(url))
                except _Moved as moved:
                    url, trouble = moved.url, moved
                except (Unavailable, PageError) as error:
                    trouble = error
                    if attempt < self._http.tries:
                        pause = pause_s(error, attempt, self._http, f"arxiv: {what}", self._clock())
                        turn.pause_s = max(turn.pause_s, pause)
                except Refused:  # its message is arXiv's own: the caller looks for ids in it
                    raise
                except UpstreamError as error:
                    raise UpstreamError(f"arxiv: {what}: {error.message}", fix=error.fix) from error
        if isinstance(trouble, ShortPage):
            raise trouble
        raise UpstreamError(
            f"arxiv: {what}: {trouble.message} ({times(self._http.tries)}) at {urlsplit(url).path}"
        )

    def _body(self, url: str) -> bytes:
        self.requests += 1
        reply = self._ask(url)
        if 300 <= reply.status < 400 and "location" in reply.headers:
            raise _Moved(_same_host(url, reply.headers["location"]))
        if reply.status == 400:
            raise Refused(error_reason(reply.body) or "HTTP 400")
        if trouble := not_now(reply, self._clock()):
            raise trouble
        if reply.status != 200:
            raise UpstreamError(f"HTTP {reply.status} at {urlsplit(url).path}")
        if reply.kind not in _ATOM_TYPES:
            raise PageError(f"answered {re.sub(r'[^a-z0-9/+.-]', '?', reply.kind)[:60]} instead of Atom")
        return reply.body

    def _ask(self, url: str) -> Reply:
        session = self._session

        def send() -> requests.Response:
            return session.get(url, timeout=self._http.timeout_s, stream=True, allow_redirects=False)

        return within_deadline(send, self._http, gave_up=self._reconnect)

    def _reconnect(self) -> None:
        self._session.close()
        self._session = self._new_session()

    def _new_session(self) -> requests.Session:
        session = Session(self._base_url)
        session.headers["User-Agent"] = f"kb-survey/{_version('kb-survey')} arxiv.py/{_version('arxiv')}"
        session.headers["Accept"] = "application/atom+xml"
        return session


def _same_host(url: str, location: str) -> str:
    try:
        target = urljoin(url, location)
        old, new = urlsplit(url), urlsplit(target)
        same = (old.scheme, old.hostname, old.port) == (new.scheme, new.hostname, new.port)
        # From http to https of the same host, both at their usual ports.
        safer = (
            (old.scheme, new.scheme) == ("http", "https")
            and old.port in {None, 80}
            and new.port in {None, 443}
        )
        if same or (safer and old.hostname == new.hostname):
            return target
    except ValueError:
        pass
    raise UpstreamError("redirects to another host, which kb does not follow")


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:  # PackageNotFoundError: run from a checkout
        return "0"
