"""Asking arXiv: one request at a time, with a limit on everything that a server can make endless.

The `arxiv` package sends its requests without any time-out, and retries what cannot succeed; so it is never given
a connection of its own. Everything that can go wrong comes out of here as an `UpstreamError` or a `LockError`.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from importlib.metadata import version
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError as Urllib3Error

from kb.config import ArxivSettings
from kb.errors import UpstreamError
from kb.sources.arxiv_feed import PageError, Refused, ShortPage, error_reason
from kb.sources.spacing import Spacing

T = TypeVar("T")
# The manual promises application/atom+xml. An answer that names no type is left to the check of its body.
_ATOM_TYPES = frozenset({"application/atom+xml", "application/xml", "text/xml", ""})
_WHOLE_ANSWER = 4  # time-outs that a whole answer may take, however steadily it drips
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class _Unavailable(UpstreamError):
    """No answer, or one that means "not now". `retry_after_s` is what the server asked for."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class _Moved(UpstreamError):
    """The server points elsewhere on the same host."""

    def __init__(self, url: str) -> None:
        super().__init__("redirects without end")
        self.url = url


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Session(requests.Session):
    """Leaves redirects to us. Otherwise even one that is not followed has its whole body read, whatever its size."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class ArxivHttp:
    """Requests to arXiv, each in its turn. `requests` counts them."""

    def __init__(
        self, settings: ArxivSettings, spacing: Spacing, clock: Callable[[], float] = time.time
    ) -> None:
        self.requests = 0
        self._http = settings.http
        self._spacing = spacing
        self._clock = clock
        # A proxy of the environment is for the world outside, never for a server on this machine.
        self._trust_env = urlsplit(settings.base_url).hostname not in _LOOPBACK
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
                except (_Unavailable, PageError) as error:
                    trouble = error
                    if attempt < self._http.tries:
                        turn.pause_s = max(turn.pause_s, self._pause_s(error, attempt, what))
                except Refused:  # its message is arXiv's own: the caller looks for ids in it
                    raise
                except UpstreamError as error:
                    raise UpstreamError(f"arxiv: {what}: {error.message}", fix=error.fix) from error
        if isinstance(trouble, ShortPage):
            raise trouble
        raise UpstreamError(
            f"arxiv: {what}: {trouble.message} ({_times(self._http.tries)}) at {urlsplit(url).path}"
        )

    def _pause_s(self, error: UpstreamError, attempt: int, what: str) -> float:
        asked = error.retry_after_s if isinstance(error, _Unavailable) else None
        if asked is not None and asked > self._http.max_wait_s:
            raise too_long(what, asked, self._clock())
        backoff: float = self._http.backoff_s * 2 ** (attempt - 1)
        return max(asked or 0.0, min(backoff, self._http.max_wait_s))

    def _body(self, url: str) -> bytes:
        self.requests += 1
        reply = self._within_deadline(url)
        if 300 <= reply.status < 400 and "location" in reply.headers:
            raise _Moved(_same_host(url, reply.headers["location"]))
        if reply.status == 400:
            raise Refused(error_reason(reply.body) or "HTTP 400")
        if reply.status in {408, 425, 429} or reply.status >= 500:
            asked = retry_after_s(reply.headers.get("retry-after"), self._clock())
            raise _Unavailable(f"HTTP {reply.status}", asked)
        if reply.status != 200:
            raise UpstreamError(f"HTTP {reply.status} at {urlsplit(url).path}")
        kind = reply.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in _ATOM_TYPES:
            raise PageError(f"answered {re.sub(r'[^a-z0-9/+.-]', '?', kind)[:60]} instead of Atom")
        return reply.body

    def _within_deadline(self, url: str) -> Reply:
        """The answer, or an end to waiting for it.

        Time-outs of a socket start again with every byte; the deadline of the whole answer is kept from outside.
        """
        answers: queue.SimpleQueue[Reply | Exception] = queue.SimpleQueue()
        gone = threading.Event()
        session = self._session

        def work() -> None:
            try:
                answers.put(self._read(session, url, gone))
            except Exception as error:  # noqa: BLE001  # handed to the thread that waits for it
                answers.put(error)

        threading.Thread(target=work, name="kb-arxiv", daemon=True).start()
        try:
            answer = answers.get(timeout=self._http.timeout_s * _WHOLE_ANSWER)
        except queue.Empty:
            session.close()
            self._session = self._new_session()
            raise _Unavailable(f"no whole answer within {self._http.timeout_s * _WHOLE_ANSWER:g} s") from None
        finally:
            gone.set()
        if isinstance(answer, Exception):
            raise _as_upstream(answer) from answer
        return answer

    def _read(self, session: requests.Session, url: str, gone: threading.Event) -> Reply:
        limit = self._http.max_bytes
        with session.get(url, timeout=self._http.timeout_s, stream=True, allow_redirects=False) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            body = bytearray()
            for chunk in response.iter_content(16384):
                body += chunk
                if len(body) > limit:
                    raise UpstreamError(f"answered more than {limit} bytes")
                if gone.is_set():
                    break
            return Reply(response.status_code, headers, bytes(body))

    def _new_session(self) -> requests.Session:
        session = _Session()
        session.trust_env = self._trust_env
        session.headers["User-Agent"] = f"kb-survey/{_version('kb-survey')} arxiv.py/{_version('arxiv')}"
        session.headers["Accept"] = "application/atom+xml"
        return session


def retry_after_s(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, from a number or an HTTP date; None if it is neither.

    RFC 9110, section 10.2.3.
    """
    text = (value or "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


def too_long(what: str, seconds: float, now: float) -> UpstreamError:
    """The error for a server that wants a longer pause than kb is ready to make."""
    try:
        when = f"after {datetime.fromtimestamp(now + seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        when = "another day"
    return UpstreamError(f"arxiv: {what}: asks for a pause of {seconds:.0f} s", fix=f"come back {when}")


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


def _as_upstream(error: Exception) -> Exception:
    if isinstance(error, requests.Timeout):
        return _Unavailable("no answer in time")
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return _Unavailable("an answer that cannot be unpacked")
    if isinstance(error, requests.RequestException | Urllib3Error | HTTPException | OSError | ValueError):
        return _Unavailable(f"connection failed ({type(error).__name__})")
    return error


def _times(tries: int) -> str:
    return "1 try" if tries == 1 else f"{tries} tries"


def _version(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:  # PackageNotFoundError: run from a checkout
        return "0"
