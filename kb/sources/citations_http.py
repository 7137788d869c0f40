"""Asking Semantic Scholar: one request at a time, with a limit on everything that a server can make endless.

https://api.semanticscholar.org/api-docs/graph: a POST of at most 500 ids; a key, if there is one, in the header x-api-key,
and about one request a second. The key is in that header alone: no message and no log of ours holds it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from kb.config import HttpSettings
from kb.errors import NotAuthorised, UpstreamError
from kb.sources.http import Reply, Session, Unavailable, not_now, pause_s, times, within_deadline
from kb.sources.spacing import Spacing


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
                except Unavailable as error:
                    trouble = error
                    if attempt < self._http.tries:
                        pause = pause_s(error, attempt, self._http, f"citations: {what}", self._clock())
                        turn.pause_s = max(turn.pause_s, pause)
                except NotAuthorised:
                    raise
                except UpstreamError as error:
                    raise UpstreamError(f"citations: {what}: {error.message}", fix=error.fix) from error
        raise UpstreamError(f"citations: {what}: {trouble.message} ({times(self._http.tries)})")

    def _read(self, url: str, ids: list[str]) -> list[Any]:
        self.requests += 1
        reply = self._ask(url, ids)
        if trouble := not_now(reply, self._clock()):
            raise trouble
        if reply.status in {401, 403}:
            fix = "correct SEMANTIC_SCHOLAR_API_KEY" if self._key else "set SEMANTIC_SCHOLAR_API_KEY"
            raise NotAuthorised(f"citations: HTTP {reply.status}", fix=fix)
        if reply.kind != "application/json":
            shown = "".join(char for char in reply.kind if char.isalnum() or char in "/+.-")[:60] or "no type"
            problem = f"answered HTTP {reply.status} with {shown} instead of JSON"
            raise Unavailable(problem) if reply.status == 200 else UpstreamError(problem)
        try:
            data = json.loads(reply.body)
        except (ValueError, RecursionError):
            raise Unavailable("answered JSON that is cut or broken") from None
        if reply.status == 400 and isinstance(data, dict) and "No valid paper ids" in str(data.get("error")):
            return [None] * len(ids)  # how it says that it knows none of them
        if reply.status != 200:
            raise UpstreamError(f"HTTP {reply.status} at {urlsplit(url).path}")
        if not isinstance(data, list) or len(data) != len(ids):
            raise Unavailable("answered something else than one value for each id")
        return data

    def _ask(self, url: str, ids: list[str]) -> Reply:
        headers = {"Accept": "application/json", "User-Agent": "kb-survey"}
        if self._key is not None:
            headers["x-api-key"] = self._key.get_secret_value()
        with Session(url) as session:
            return within_deadline(
                lambda: session.post(
                    url,
                    json={"ids": ids},
                    headers=headers,
                    timeout=self._http.timeout_s,
                    stream=True,
                    allow_redirects=False,
                ),
                self._http,
            )
