"""What asking over HTTP with `requests` has in common: a limit on everything that a server can make endless.

Time-outs of a socket start again with every byte, so the deadline of a whole answer is kept from outside. No redirect is
followed, no body is read beyond a limit, and what fails on the way comes out as `Unavailable`.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError as Urllib3Error

from kb.config import HttpSettings
from kb.errors import UpstreamError

WHOLE_ANSWER = 4
"""Time-outs that a whole answer may take, however steadily it drips."""
RETRIED = frozenset({408, 425, 429})
"""Answers that mean "not now", beside those of 500 and above."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Unavailable(UpstreamError):
    """No answer, or one that means "not now". `retry_after_s` is what the server asked for."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Reply:
    """An answer, read to its end; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Its content type, without parameters."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


class Session(requests.Session):
    """Follows no redirect. Otherwise even one that is not followed has its whole body read, whatever its size."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.auth = no_auth
        # A proxy of the environment is for the world outside, never for a server on this machine.
        self.trust_env = urlsplit(url).hostname not in _LOOPBACK

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No password from a .netrc."""
    return request


def within_deadline(
    send: Callable[[], requests.Response], http: HttpSettings, gave_up: Callable[[], None] = lambda: None
) -> Reply:
    """The answer to a request, or an end to waiting for it.

    Args:
        send: asks, with `stream=True`, and gives the response with its body unread.
        gave_up: is called when the deadline has passed: the connection is of no use any more.

    Raises:
        Unavailable: there was no whole answer, or none that can be read.
        UpstreamError: it is larger than `http.max_bytes`.
    """
    answers: queue.SimpleQueue[Reply | Exception] = queue.SimpleQueue()
    gone = threading.Event()

    def work() -> None:
        try:
            with send() as response:
                answers.put(_read(response, http.max_bytes, gone))
        except Exception as error:  # noqa: BLE001  # handed to the thread that waits for it
            answers.put(error)

    threading.Thread(target=work, name="kb-http", daemon=True).start()
    deadline_s = http.timeout_s * WHOLE_ANSWER
    try:
        answer = answers.get(timeout=deadline_s)
    except queue.Empty:
        gave_up()
        raise Unavailable(f"no whole answer within {deadline_s:g} s") from None
    finally:
        gone.set()
    if isinstance(answer, Exception):
        raise _as_upstream(answer) from answer
    return answer


def _read(response: requests.Response, limit: int, gone: threading.Event) -> Reply:
    body = bytearray()
    for chunk in response.iter_content(16384):
        body += chunk
        if len(body) > limit:
            raise UpstreamError(f"answered more than {limit} bytes")
        if gone.is_set():
            break
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, bytes(body))


def not_now(reply: Reply, now: float) -> Unavailable | None:
    """The trouble that an answer's status tells of, if it may pass.

    Args:
        now: seconds since 1970, which a date in Retry-After is held against.
    """
    if reply.status in RETRIED or reply.status >= 500:
        return Unavailable(f"HTTP {reply.status}", retry_after_s(reply.headers.get("retry-after"), now))
    return None


def pause_s(error: UpstreamError, attempt: int, http: HttpSettings, what: str, now: float) -> float:
    """How long to wait after the `attempt`-th try: twice as long each time, and at least what the server asked for.

    Raises:
        UpstreamError: the server wants a longer pause than kb is ready to make; says when to come back.
    """
    asked = error.retry_after_s if isinstance(error, Unavailable) else None
    if asked is not None and asked > http.max_wait_s:
        raise too_long(what, asked, now)
    backoff: float = http.backoff_s * 2 ** (attempt - 1)
    return max(asked or 0.0, min(backoff, http.max_wait_s))


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
    return UpstreamError(f"{what}: asks for a pause of {seconds:.0f} s", fix=f"come back {when}")


def times(tries: int) -> str:
    """How often something was tried, in words."""
    return "1 try" if tries == 1 else f"{tries} tries"


def _as_upstream(error: Exception) -> Exception:
    if isinstance(error, requests.Timeout):
        return Unavailable("no answer in time")
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return Unavailable("an answer that cannot be unpacked")
    if isinstance(error, requests.RequestException | Urllib3Error | HTTPException | OSError | ValueError):
        return Unavailable(f"connection failed ({type(error).__name__})")
    return error
