"""The wire under pyzotero: sends its requests, judges the answers, and lets only good ones through.

https://www.zotero.org/support/dev/web_api/v3/basics says what the status codes, `Backoff` and `Retry-After` mean.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx2
from pydantic import SecretStr

from kb.config import ZoteroSettings
from kb.errors import ConfigError, NotAuthorised, UpstreamError

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})


class NotModified(Exception):
    """The library is no newer than the caller's copy. `version` is None where the server does not say."""

    def __init__(self, version: int | None) -> None:
        super().__init__(f"not modified at {version}")
        self.version = version


class LogTooOld(UpstreamError):
    """The server's log of deletions does not reach back to the version that was asked about."""


class Trouble(Exception):
    """An attempt failed in a way that another may not. `wait_s` is the wait that the server asked for."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class ZoteroTransport(httpx2.BaseTransport):
    """Sends pyzotero's requests and lets only good answers back to it.

    Attributes:
        requests: requests sent so far.
        unless_version: version for If-Modified-Since-Version on the coming request.
        version: Last-Modified-Version of the last good answer.
        total: its Total-Results, None where it has none.
        owed_s: the wait in seconds that the last answer asked for before the next request.
    """

    def __init__(self, settings: ZoteroSettings, key: SecretStr | None, now: Callable[[], float]) -> None:
        self._settings = settings
        self._key = _usable_key(key, settings.base_url)
        self._now = now
        self.requests = 0
        self.unless_version: int | None = None
        self.version = 0
        self.total: int | None = None
        self.owed_s = 0.0
        self._http = httpx2.Client(
            timeout=settings.http.timeout_s,
            follow_redirects=False,
            trust_env=not _is_loopback(settings.base_url),  # the proxies that the environment names
        )

    def close(self) -> None:
        """Each attempt's client closes its transport; the connections live on until `hang_up`."""

    def hang_up(self) -> None:
        self._http.close()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests += 1
        where = f"zotero {request.url.path}"
        outgoing = self._http.build_request("GET", request.url, headers=self._headers())
        try:
            answer = self._http.send(outgoing, stream=True)
            try:
                self.owed_s = self._asked_wait(answer, "Backoff") or 0.0
                self._judge(answer, where)
                body = self._body(answer)
            finally:
                answer.close()
        except httpx2.TimeoutException:
            raise Trouble(f"no answer within {self._settings.http.timeout_s:g} s") from None
        except httpx2.ConnectError as error:
            raise Trouble(f"cannot be reached: {str(error)[:200]}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise Trouble(f"the answer broke off or is garbled ({type(error).__name__})") from None
        self.version = _number(answer, "Last-Modified-Version", 10**15)
        total = answer.headers.get("Total-Results")
        self.total = None if total is None else _number(answer, "Total-Results", 10**8)
        kept = {"Content-Type": "application/json"}
        return httpx2.Response(200, headers=kept, content=body, request=request)

    def _headers(self) -> dict[str, str]:
        headers = {"Zotero-API-Version": "3", "Accept": "application/json", "Accept-Encoding": "gzip"}
        if self.unless_version is not None:
            headers["If-Modified-Since-Version"] = str(self.unless_version)
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        return headers

    def _judge(self, answer: httpx2.Response, where: str) -> None:
        """Raise unless this is a good answer so far."""
        status, group = answer.status_code, self._settings.group
        if status == 304 and self.unless_version is not None:
            said = answer.headers.get("Last-Modified-Version", "")
            raise NotModified(int(said) if re.fullmatch(r"\d{1,15}", said, re.ASCII) else None)
        if status in {401, 403}:
            raise NotAuthorised(
                f"{where}: group {group} may not be read {'with this key' if self._key else 'without a key'} ({status})",
                fix="set ZOTERO_API_KEY to a key that may read the group: https://www.zotero.org/settings/keys",
            )
        if status == 404:
            fix = "check sources.zotero.group in kb.toml against the number in the group's URL"
            raise UpstreamError(f"{where}: there is no group {group} (404)", fix=fix)
        if status == 409:
            raise LogTooOld(f"{where}: does not reach back far enough (409)")
        if status in _RETRIED:
            waits = [self._asked_wait(answer, name) for name in ("Retry-After", "Backoff")]
            self.owed_s = 0.0
            raise Trouble(
                f"answered {status}", max((wait for wait in waits if wait is not None), default=None)
            )
        if 300 <= status < 400 and status != 304:
            fix = "set sources.zotero.base_url to the server's own address"
            raise UpstreamError(f"{where}: redirects, which kb does not follow ({status})", fix=fix)
        if status != 200:
            raise UpstreamError(f"{where}: answered {status}")
        kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise Trouble(f"gave {kind[:60] or 'something without a content type'} where JSON was expected")

    def _body(self, answer: httpx2.Response) -> bytes:
        """The unpacked body, which must be UTF-8.

        A server that trickles is cut off after four times the time-out, one that floods after `max_bytes`.
        """
        http = self._settings.http
        deadline = time.monotonic() + 4 * http.timeout_s
        body = bytearray()
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > http.max_bytes:
                raise UpstreamError(
                    f"zotero {answer.request.url.path}: the answer is larger than {http.max_bytes} bytes",
                    fix="lower sources.zotero.page_size or raise sources.zotero.http.max_bytes",
                )
            if time.monotonic() > deadline:
                raise Trouble(f"the answer took longer than {4 * http.timeout_s:g} s")
        try:
            body.decode("utf-8")
        except UnicodeDecodeError:
            raise Trouble("gave an answer that is not UTF-8") from None
        return bytes(body)

    def _asked_wait(self, answer: httpx2.Response, header: str) -> float | None:
        """Seconds that `header` asks to wait: a number or an HTTP date; the default back-off where it is garbled."""
        text = answer.headers.get(header, "").strip()
        if not text:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII):
            return float(text[:300])
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - self._now())
        except (ValueError, TypeError, OverflowError):
            return self._settings.http.backoff_s


def _usable_key(key: SecretStr | None, base_url: str) -> SecretStr | None:
    """The key without the white space around it.

    Raises:
        NotAuthorised: it has characters that no header can carry, and an HTTP library would quote it in its complaint.
        ConfigError: it would travel in the clear.
    """
    text = key.get_secret_value().strip() if key else ""
    if not text:
        return None
    if not re.fullmatch(r"[!-~]+", text):
        raise NotAuthorised(
            "zotero: ZOTERO_API_KEY holds characters that no key has", fix="copy the key again"
        )
    if urlsplit(base_url).scheme != "https" and not _is_loopback(base_url):
        raise ConfigError(
            "the Zotero key would be sent unencrypted", field="sources.zotero.base_url", fix="use https"
        )
    return SecretStr(text)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _number(answer: httpx2.Response, header: str, limit: int) -> int:
    text = answer.headers.get(header, "").strip()
    if not re.fullmatch(r"\d{1,15}", text, re.ASCII) or int(text) > limit:
        raise Trouble(f"gave {header} {text[:40]!r}" if text else f"gave no {header}")
    return int(text)
