"""Curated lists from where they are kept: a file in the knowledge base, or a URL.

A list is read whole or not at all. An error page, an empty answer or a list that lost its papers is a failure, and
never the news that there are no papers.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from kb.config import HttpSettings, ListSettings
from kb.errors import ConfigError, DataError, KbError, UpstreamError
from kb.sources.awesome_list import AwesomeList
from kb.sources.entry import Known, Problem, Progress, SourceResult, Status, no_progress, read_text
from kb.sources.http import WHOLE_ANSWER, no_auth, retry_after_s

READING = 1
"""Raised when the parser comes to read lists differently, so that unchanged lists are read again."""

_MAX_REDIRECTS = 5
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_LOST_SHARE = 0.5  # a list that lost more of its papers at once is likelier broken than tidied up


class ListSource:
    """One curated list of kb.toml.

    Args:
        settings: the list; its `path` is read if there is one, else its `url`.
        http: how patient to be; `timeout_s` bounds each wait, and four times it the whole of a request.
        root: the knowledge base, which `path` is relative to and may not lead out of.
        sleep: waits between two tries, in seconds.
    """

    def __init__(
        self,
        settings: ListSettings,
        http: HttpSettings,
        root: Path,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._http = http
        self._root = root
        self._sleep = sleep
        self._list = AwesomeList(settings)
        self.name = self._list.name
        self._requests = 0

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        """The whole list, or EMPTY where it is as it was when `known.cursor` was made."""
        self._requests = 0
        progress(self.name, 0, 1)
        try:
            text, where = self._text()
            result = self._read(text, where, known)
        except KbError as error:
            result = SourceResult(self.name, Status.FAILED, error=error, summary=str(error))
        progress(self.name, 1, 1)
        return replace(result, requests=self._requests, creates=self._settings.creates)

    def _text(self) -> tuple[str, str]:
        settings = self._settings
        if settings.path is not None:
            path = (self._root / settings.path).resolve()
            if not path.is_relative_to(self._root.resolve()):
                raise DataError("leads out of the knowledge base", file=settings.path)
            try:
                text = read_text(path, max_bytes=self._http.max_bytes)
            except DataError as error:
                raise DataError(f"{self.name}: {error.message}", file=settings.path) from error
            if not text.strip():
                raise DataError(f"{self.name}: is empty", file=settings.path)
            return text, settings.path
        if settings.url is None:
            raise ConfigError(f"{self.name} has neither a path nor a url", fix="give it one in kb.toml")
        return self._download(settings.url), shown(settings.url)

    def _read(self, text: str, where: str, known: Known) -> SourceResult:
        cursor = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "reading": self._reading()}
        if known.cursor == cursor:
            return SourceResult(self.name, Status.EMPTY, summary="unchanged", cursor=cursor)
        result = self._list.parse(text, where=where)
        if not result.entries:
            had = f", and had {len(known.entry_ids)}" if known.entry_ids else ""
            raise UpstreamError(
                f"{self.name}: {where} holds no paper{had}", fix="is it still a curated list?"
            )
        gone = known.entry_ids - {entry.entry_id for entry in result.entries}
        if len(gone) > _LOST_SHARE * len(known.entry_ids) and not known.allow_removals:
            message = f"{len(gone)} of {len(known.entry_ids)} known papers are not in it any more; none is taken for gone"
            problems = (*result.problems, Problem(where, message))
            return replace(result, status=Status.PARTIAL, complete=False, problems=problems)
        return replace(result, cursor=cursor if result.status is Status.OK else None)

    def _reading(self) -> str:
        """What else decides how the text is read."""
        told = f"{READING} {self._settings.facet} {sorted(self._settings.skip_headings)}"
        return hashlib.sha256(told.encode()).hexdigest()[:12]

    # HTTP

    def _download(self, url: str) -> str:
        wait = self._http.backoff_s
        for attempt in range(1, self._http.tries + 1):
            answer = self._get(url)
            if isinstance(answer, str):
                return answer
            if not answer.again or attempt == self._http.tries:
                tries = f" after {attempt} tries" if attempt > 1 else ""
                raise UpstreamError(f"{self.name}: {shown(url)}: {answer.reason}{tries}")
            pause = max(wait, answer.wait_s or 0.0)
            if pause > self._http.max_wait_s:
                raise UpstreamError(
                    f"{self.name}: {shown(url)}: {answer.reason}, and asks to wait {pause:.0f} s",
                    fix="sync later",
                )
            self._sleep(pause)
            wait *= 2
        raise AssertionError("unreachable: the last try returns or raises")

    def _get(self, url: str) -> str | _Refusal:
        try:
            with requests.Session() as session:
                session.auth = no_auth  # no password from a .netrc
                for _ in range(_MAX_REDIRECTS + 1):
                    self._requests += 1
                    headers = {"Accept": "text/markdown, text/plain;q=0.9, text/*;q=0.5"}
                    with session.get(
                        url, headers=headers, timeout=self._http.timeout_s, stream=True, allow_redirects=False
                    ) as response:
                        target = response.headers.get("Location")
                        if not (300 <= response.status_code < 400 and target):
                            return self._body(response)
                        following = urljoin(url, target)
                        if not same_place(url, following):
                            return _Refusal(f"redirects to {shown(following)}, another host")
                        url = following
                return _Refusal("redirects in a circle")
        except requests.Timeout:
            return _Refusal(f"no answer within {self._http.timeout_s:g} s", again=True)
        except (requests.RequestException, OSError, ValueError) as error:
            return _Refusal(
                f"cannot be read ({type(error).__name__})", again=isinstance(error, requests.RequestException)
            )

    def _body(self, response: requests.Response) -> str | _Refusal:
        if response.status_code != 200:
            again = response.status_code in _RETRIED
            return _Refusal(
                f"answers HTTP {response.status_code}",
                again,
                retry_after_s(response.headers.get("Retry-After"), time.time()),
            )
        kind = response.headers.get("Content-Type", "text/plain").split(";")[0].strip().lower()
        if not kind.startswith("text/") or kind == "text/html":
            return _Refusal(f"is {kind[:60]}, not Markdown")
        chunks, size = [], 0
        deadline = time.monotonic() + WHOLE_ANSWER * self._http.timeout_s
        for chunk in response.iter_content(1 << 15):
            size += len(chunk)
            if size > self._http.max_bytes:
                return _Refusal(f"is larger than {self._http.max_bytes} bytes")
            if time.monotonic() > deadline:
                return _Refusal("answers too slowly", again=True)
            chunks.append(chunk)
        text = b"".join(chunks).decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
        if not text.strip():
            return _Refusal("answers nothing")
        if re.match(r"\s*(?:<!doctype html|<html\b|<\?xml)", text, re.I):
            return _Refusal("answers a web page, not Markdown")
        return text


@dataclass(frozen=True)
class _Refusal:
    """Why a request gave no list; `again` if it may later; `wait_s` as long as the server asks for."""

    reason: str
    again: bool = False
    wait_s: float | None = None


def shown(url: str) -> str:
    """`url` for messages: without query, fragment, user and password, which may be secret."""
    parts = urlsplit(url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def same_place(url: str, following: str) -> bool:
    """Whether a redirect stays where the reader of kb.toml expects: same host and port, or from http up to https."""
    one, other = urlsplit(url), urlsplit(following)
    if other.username or other.password or one.hostname != other.hostname:
        return False
    return (one.scheme, one.port) == (other.scheme, other.port) or (
        one.scheme == "http" and other.scheme == "https" and not one.port and not other.port
    )
