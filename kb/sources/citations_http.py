"""Asking Semantic Scholar: one request at a time, with a limit on everything that a server can make endless.

https://api.semanticscholar.org/api-docs/graph: a POST of at most 500 ids; a key, if there is one, in the header x-api-key,
and about one request a second. The key is in that header alone: no message and no log of ours holds it.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from urllib3.exceptions import HTTPError as Urllib3Error

from kb.config import HttpSettings
from kb.errors import NotAuthorised, UpstreamError
from kb.sources.arxiv_http import retry_after_s
from kb.sources.spacing import Spacing

_WHOLE_ANSWER = 4  # time-outs that a whole answer may take, however steadily it drips
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class _Again(UpstreamError):
    """What may pass. `wait_s` is what the server asked for."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Session(requests.Session):
    """Follows no redirect, and reads no body of one; takes no password from a .netrc."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


class CitationsHttp:
    """Requests to Semantic Scholar, each in its turn. `requests` counts them."""

    def __init__(
        self,
        http: HttpSettings,
        spacing: Spacing,
        key: SecretStr | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.requests = 0
        self._http = http
        self._spacing = spacing
        self._key = key
        self._clock = clock

    def post(self, url: str, ids: list[str], what: str) -> list[Any]:
        """The answer to a batch: as many values as `ids`, None for an unknown one. Trouble that may pass is tried again, a
        bounded number of times.

        Raises:
            NotAuthorised: the key is refused; not tried again.
            UpstreamError: anything else that the server did, or did not do.
            LockError: other processes kept the turn.
        """
        trouble: UpstreamError = UpstreamError("was not asked")
        for attempt in range(1, self._http.tries + 1):
            with self._spacing.turn() as turn:
                try:
                    return self._read(url, ids)
                except _Again as error:
                    trouble = error
                    if attempt < self._http.tries:
                        turn.pause_s = max(turn.pause_s, self._pause_s(error, attempt, what))
        raise UpstreamError(f"citations: {what}: {trouble.message} ({self._http.tries} tries)")

    def _pause_s(self, error: _Again, attempt: int, what: str) -> float:
        if error.wait_s is not None and error.wait_s > self._http.max_wait_s:
            raise UpstreamError(
                f"citations: {what}: asks for a pause of {error.wait_s:.0f} s", fix="run the sync again later"
            )
        backoff = self._http.backoff_s * 2.0 ** (attempt - 1)
        return max(error.wait_s or 0.0, min(backoff, self._http.max_wait_s))

    def _read(self, url: str, ids: list[str]) -> list[Any]:
        self.requests += 1
        reply = self._within_deadline(url, ids)
        if reply.status in {408, 425, 429} or reply.status >= 500:
            asked = retry_after_s(reply.headers.get("retry-after"), self._clock())
            raise _Again(f"HTTP {reply.status}", asked)
        if reply.status in {401, 403}:
            fix = "correct SEMANTIC_SCHOLAR_API_KEY" if self._key else "set SEMANTIC_SCHOLAR_API_KEY"
            raise NotAuthorised(f"citations: HTTP {reply.status}", fix=fix)
        kind = reply.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            shown = "".join(char for char in kind if char.isalnum() or char in "/+.-")[:60] or "no type"
            problem = f"answered HTTP {reply.status} with {shown} instead of JSON"
            raise _Again(problem) if reply.status == 200 else UpstreamError(f"citations: {problem}")
        try:
            data = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise _Again("answered JSON that is cut or broken") from None
        if reply.status == 400 and isinstance(data, dict) and "No valid paper ids" in str(data.get("error")):
            return [None] * len(ids)  # how it says that it knows none of them
        if reply.status != 200:
            raise UpstreamError(f"citations: HTTP {reply.status} at {urlsplit(url).path}")
        if not isinstance(data, list) or len(data) != len(ids):
            raise _Again("answered something else than one value for each id")
        return data

    def _within_deadline(self, url: str, ids: list[str]) -> _Reply:
        """The answer, or an end to waiting for it: time-outs of a socket start again with every byte."""
        answers: queue.SimpleQueue[_Reply | Exception] = queue.SimpleQueue()
        gone = threading.Event()

        def work() -> None:
            try:
                answers.put(self._send(url, ids, gone))
            except Exception as error:  # noqa: BLE001  # handed to the thread that waits for it
                answers.put(error)

        threading.Thread(target=work, name="kb-citations", daemon=True).start()
        try:
            answer = answers.get(timeout=self._http.timeout_s * _WHOLE_ANSWER)
        except queue.Empty:
            raise _Again(f"no whole answer within {self._http.timeout_s * _WHOLE_ANSWER:g} s") from None
        finally:
            gone.set()
        if isinstance(answer, requests.Timeout):
            raise _Again("no answer in time")
        if isinstance(
            answer, requests.RequestException | Urllib3Error | HTTPException | OSError | ValueError
        ):
            raise _Again(f"connection failed ({type(answer).__name__})")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _send(self, url: str, ids: list[str], gone: threading.Event) -> _Reply:
        limit = self._http.max_bytes
        with _Session() as session:
            # A proxy of the environment is for the world outside, never for a server on this machine.
            session.trust_env = urlsplit(url).hostname not in _LOOPBACK
            session.auth = _no_auth
            headers = {"Accept": "application/json", "User-Agent": "kb-survey"}
            if self._key is not None:
                headers["x-api-key"] = self._key.get_secret_value()
            with session.post(
                url,
                json={"ids": ids},
                headers=headers,
                timeout=self._http.timeout_s,
                stream=True,
                allow_redirects=False,
            ) as response:
                body = bytearray()
                for chunk in response.iter_content(16384):
                    body += chunk
                    if len(body) > limit:
                        raise UpstreamError(f"citations: answered more than {limit} bytes")
                    if gone.is_set():
                        break
                known = {name.lower(): value for name, value in response.headers.items()}
                return _Reply(response.status_code, known, bytes(body))
