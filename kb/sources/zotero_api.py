"""Zotero's web API, version 3, through pyzotero.

https://www.zotero.org/support/dev/web_api/v3/basics and .../syncing. pyzotero builds the requests and reads the
answers. What the API asks of a patient client stands here, around it: pyzotero waits without a limit, takes HTML for
an answer, keeps the parameters of a failed call for the next, and writes the key into a URL. So it gets a fresh client
for each attempt, is not given the key, and sees nothing but good answers: `ZoteroTransport` judges all others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
from pydantic import SecretStr

from kb.config import ZoteroSettings
from kb.errors import KbError, UpstreamError
from kb.sources.zotero_http import NotModified, Trouble, ZoteroTransport

_RESTARTS = 4


@dataclass(frozen=True)
class Answer:
    """What one question gave, and the library's version when it was answered."""

    data: Any
    version: int


class ZoteroApi:
    """Questions to one group's library. Every answer is whole, is JSON, and tells the library's version.

    Raises, from each question:
        NotAuthorised: the group may not be read with this key, or without one. Asked once only.
        UpstreamError: no good answer, after as many tries as `settings.http` grants, or the server asks for a longer
            wait than it grants.
    """

    def __init__(
        self,
        settings: ZoteroSettings,
        key: SecretStr | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._sleep = sleep
        self._now = now
        self._transport = ZoteroTransport(settings, key, now)

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._transport.requests

    def close(self) -> None:
        self._transport.hang_up()

    def item_versions(self, since: int | None = None, *, unless_version: int | None = None) -> Answer:
        """Version of each top-level item by its key, trashed ones too: all, or those changed after `since`.

        Raises:
            NotModified: the library is not newer than `unless_version`.
        """
        narrow = {"since": since} if since else {}
        return self._paged(
            "top", dict, unless_version, format="versions", limit=None, includeTrashed=1, **narrow
        )

    def items(self, keys: list[str]) -> Answer:
        """The items of `keys`, at most 100, trashed ones too. Those that are gone are not in the answer."""
        answer = self._ask("items", None, itemKey=",".join(keys), includeTrashed=1, limit=100)
        return _typed(answer, list, self._path("items"))

    def collections(self) -> Answer:
        """All collections."""
        return self._paged("collections", list, None, limit=self._settings.page_size)

    def deleted(self, since: int) -> Answer:
        """Keys of what was deleted for good after `since`, by kind of object.

        Raises:
            LogTooOld: the server does not know any more.
        """
        return _typed(self._ask("deleted", None, since=since), dict, self._path("deleted"))

    def _path(self, method: str) -> str:
        tail = {"top": "items/top"}.get(method, method)
        return f"/groups/{self._settings.group}/{tail}"

    def _paged(self, method: str, kind: type, unless_version: int | None, **params: Any) -> Answer:
        """All pages of an answer, from one version of the library. Pages are counted, `next` links are not followed."""
        for _ in range(_RESTARTS):
            first = _typed(self._ask(method, unless_version, **params), kind, self._path(method))
            found, version = first.data, first.version
            while (total := self._transport.total) is not None and len(found) < total:
                page_params = params | {"start": len(found), "limit": self._settings.page_size}
                page = _typed(self._ask(method, None, **page_params), kind, self._path(method))
                if page.version != version:
                    break
                before = len(found)
                found = {**found, **page.data} if isinstance(found, dict) else _joined(found, page.data)
                if len(found) == before:
                    raise self._error(method, f"gave {before} of {total} and then the same page again")
            else:
                return Answer(found, version)
        raise self._error(method, "changed while each of its pages was read")

    def _ask(self, method: str, unless_version: int | None, **params: Any) -> Answer:
        """One question, asked again while there is hope."""
        http = self._settings.http
        for attempt in range(1, http.tries + 1):
            self._wait(method, self._transport.owed_s)
            try:
                return self._attempt(method, unless_version, params)
            except Trouble as trouble:
                failure, wait_s = str(trouble), trouble.wait_s
            except KbError as error:
                raise error from None
            if attempt < http.tries:
                default = min(http.backoff_s * 2 ** (attempt - 1), http.max_wait_s)
                self._wait(method, default if wait_s is None else wait_s)
            elif wait_s is not None and wait_s > http.max_wait_s:
                self._wait(method, wait_s)
        times = f"{http.tries} times" if http.tries > 1 else "once"
        raise self._error(method, f"{failure} (tried {times})")

    def _attempt(self, method: str, unless_version: int | None, params: dict[str, Any]) -> Answer:
        from pyzotero.zotero import Zotero  # loads parsers of half a dozen formats

        self._transport.unless_version = unless_version
        client = httpx2.Client(transport=self._transport, trust_env=False)
        zotero = Zotero(self._settings.group, "group", client=client)
        zotero.endpoint = self._settings.base_url
        try:
            data = getattr(zotero, method)(**params)
        except (Trouble, NotModified, KbError):
            raise
        except RecursionError:
            raise Trouble("gave JSON that is nested too deeply") from None
        except Exception as error:  # noqa: BLE001 - pyzotero lets every error of its libraries through
            what = "gave something that is not JSON" if isinstance(error, ValueError) else "cannot be read"
            raise Trouble(f"{what} ({type(error).__name__})") from None
        return Answer(data, self._transport.version)

    def _wait(self, method: str, seconds: float) -> None:
        self._transport.owed_s = 0.0
        if seconds > self._settings.http.max_wait_s:
            when = datetime.fromtimestamp(min(self._now() + seconds, 4e9), UTC)
            raise self._error(
                method,
                f"the server asks to be left alone for {_span(seconds)}",
                fix=f"sync again after {when:%Y-%m-%d %H:%M} UTC",
            )
        if seconds > 0:
            self._sleep(seconds)

    def _error(self, method: str, what: str, fix: str | None = None) -> UpstreamError:
        return UpstreamError(f"zotero {self._path(method)}: {what}", fix=fix)


def _joined(found: list[Any], page: list[Any]) -> list[Any]:
    """`found` and what is new in `page`."""
    keys = {item.get("key") for item in found if isinstance(item, dict)}
    return found + [item for item in page if not (isinstance(item, dict) and item.get("key") in keys)]


def _typed(answer: Answer, kind: type, path: str) -> Answer:
    if answer.data == [] and kind is dict:  # PHP's empty object
        return Answer({}, answer.version)
    if not isinstance(answer.data, kind):
        raise UpstreamError(f"zotero {path}: gave JSON of another shape than the API's")
    return answer


def _span(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours >= 2 else f"{seconds / 60:.0f} minutes"
