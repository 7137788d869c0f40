"""Zotero's web API v3 on 127.0.0.1, over a library in memory that tests change as people would.

As described in https://www.zotero.org/support/dev/web_api/v3/basics and .../syncing: what is trashed is in neither the
plain listings nor `/deleted`; `since` is strictly greater; versions rise, but not by one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlencode

from tests.servers.base import LoopbackServer, Request, Response

GROUP = 6415084
_DEFAULT_LIMIT, _MAX_LIMIT = 25, 100
_BAD_KEYS, _BAD_KEYS_WINDOW_S = 5, 300.0


def item(key: str, title: str = "", kind: str = "preprint", **fields: Any) -> dict[str, Any]:
    """The `data` of an item: every field of a fresh one, then `fields`.

    `authors` are "Given Family" names, `tags` and `collections` plain strings.
    """
    authors = fields.pop("authors", [])
    creators = [dict(zip(("firstName", "lastName"), name.rsplit(" ", 1), strict=False)) for name in authors]
    tags = fields.pop("tags", [])
    data: dict[str, Any] = {
        "key": key, "itemType": kind, "title": title, "abstractNote": "", "date": "", "url": "", "extra": "",
        "creators": [{"creatorType": "author", **creator} for creator in creators],
        "tags": [{"tag": tag} if isinstance(tag, str) else tag for tag in tags],
        "collections": [], "relations": {}, "dateAdded": "2025-01-01T00:00:00Z", "dateModified": "2025-01-01T00:00:00Z",
    }  # fmt: skip
    return data | fields


class Library:
    """A group's library. Every change raises `version` by three."""

    def __init__(self, group: int = GROUP) -> None:
        self.group = group
        self.version = 100
        self.items: dict[str, dict[str, Any]] = {}
        self.collections: dict[str, dict[str, Any]] = {}
        self.gone: dict[str, dict[str, int]] = {"items": {}, "collections": {}}

    def _touch(self) -> int:
        self.version += 3
        return self.version

    def add(self, *items: dict[str, Any]) -> None:
        """Put new items in, as one change."""
        version = self._touch()
        for data in items:
            self.gone["items"].pop(data["key"], None)
            self.items[data["key"]] = data | {"version": version}

    def update(self, key: str, **fields: Any) -> None:
        self.items[key] |= fields | {"version": self._touch()}

    def trash(self, *keys: str) -> None:
        version = self._touch()
        for key in keys:
            self.items[key] |= {"deleted": 1, "version": version}

    def restore(self, key: str) -> None:
        self.items[key].pop("deleted")
        self.update(key)

    def delete(self, *keys: str) -> None:
        """Delete for good."""
        version = self._touch()
        for key in keys:
            del self.items[key]
            self.gone["items"][key] = version

    def add_collection(self, key: str, name: str, parent: str | None = None) -> None:
        data: dict[str, Any] = {
            "key": key,
            "name": name,
            "parentCollection": parent or False,
            "relations": {},
        }
        self.collections[key] = data | {"version": self._touch()}

    def update_collection(self, key: str, **fields: Any) -> None:
        self.collections[key] |= fields | {"version": self._touch()}

    def delete_collection(self, key: str) -> None:
        """The items that were in it keep their versions."""
        del self.collections[key]
        self.gone["collections"][key] = self._touch()
        for data in self.items.values():
            data["collections"] = [other for other in data["collections"] if other != key]


class ZoteroServer(LoopbackServer):
    """Serves `library`.

    Attributes:
        private: whether reading needs `key`.
        key: the one good key.
        before: called with each request before it is answered; may change the library between two pages.
    """

    def __init__(self, library: Library | None = None) -> None:
        super().__init__()
        self.library = library or Library()
        self.private = False
        self.key = "goodkey0goodkey0goodkey0"
        self.before: Callable[[Request], None] | None = None
        self._bad_keys: list[float] = []

    def paths(self) -> list[str]:
        """Paths of the requests so far, below the group."""
        return [request.path.removeprefix(f"/groups/{self.library.group}") for request in self.requests]

    def answer(self, request: Request) -> Response:
        if self.before is not None:
            self.before(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        prefix = f"/groups/{self.library.group}/"
        if refusal := self._refusal(request, headers):
            return refusal
        if not request.path.startswith(prefix):
            return _text(404, "Not found")
        if int(headers.get("if-modified-since-version", -1)) >= self.library.version:
            return Response(304, b"", self._versioned())
        return self._route(request.path.removeprefix(prefix).split("/"), request)

    def _refusal(self, request: Request, headers: dict[str, str]) -> Response | None:
        key = headers.get("authorization", "").removeprefix("Bearer ") or headers.get("zotero-api-key", "")
        if key and key != self.key:
            now = time.monotonic()
            self._bad_keys = [at for at in self._bad_keys if now - at < _BAD_KEYS_WINDOW_S] + [now]
            if len(self._bad_keys) > _BAD_KEYS:
                return _text(429, "Too many invalid keys", {"Retry-After": "300"})
            return _text(403, "Invalid key")
        return _text(403, "Forbidden") if self.private and not key else None

    def _route(self, parts: list[str], request: Request) -> Response:
        query, library = request.query, self.library
        live = query.get("includeTrashed") == "1"
        items = [data for data in library.items.values() if live or not data.get("deleted")]
        match parts:
            case ["items"]:
                return self._listing(items, request)
            case ["items", "top"]:
                return self._listing([data for data in items if not data.get("parentItem")], request)
            case ["items", "trash"]:
                return self._listing(
                    [data for data in library.items.values() if data.get("deleted")], request
                )
            case ["items", key]:
                found = library.items.get(key)
                return self._json(self._wrapped(found)) if found else _text(404, "Item does not exist")
            case ["items", key, "children"]:
                return self._listing([data for data in items if data.get("parentItem") == key], request)
            case ["collections"]:
                return self._listing(library.collections.values(), request)
            case ["deleted"]:
                if "since" not in query:
                    return _text(400, "No library version specified")
                since = int(query["since"])
                gone = {
                    kind: [k for k, v in keys.items() if v > since] for kind, keys in library.gone.items()
                }
                return self._json(gone | {"searches": [], "tags": [], "settings": []})
        return _text(404, "Not found")

    def _listing(self, objects: Iterable[dict[str, Any]], request: Request) -> Response:
        query = request.query
        since = int(query.get("since", 0))
        found = [data for data in objects if data["version"] > since]
        if "itemKey" in query:
            keys = set(query["itemKey"].split(","))
            if len(keys) > _MAX_LIMIT:
                return _text(413, "Up to 100 items can be asked for")
            found = [data for data in found if data["key"] in keys]
        form = query.get("format", "json")
        every = len(found) if form in {"keys", "versions"} else _DEFAULT_LIMIT
        limit = min(int(query["limit"]), _MAX_LIMIT) if "limit" in query else every
        start = int(query.get("start", 0))
        page = found[start : start + limit]
        extra = {"Total-Results": str(len(found))}
        if start + limit < len(found):
            following = urlencode(query | {"start": start + limit, "limit": limit})
            extra["Link"] = f'<{self.url}{request.path}?{following}>; rel="next"'
        if form == "versions":
            return self._json({data["key"]: data["version"] for data in page}, extra)
        if form == "keys":
            return _text(200, "\n".join(data["key"] for data in page) + "\n", self._versioned() | extra)
        return self._json([self._wrapped(data) for data in page], extra)

    def _wrapped(self, data: dict[str, Any]) -> dict[str, Any]:
        library = {"type": "group", "id": self.library.group, "name": "invented"}
        return {
            "key": data["key"],
            "version": data["version"],
            "library": library,
            "links": {},
            "meta": {},
            "data": data,
        }

    def _versioned(self) -> dict[str, str]:
        return {"Last-Modified-Version": str(self.library.version), "Zotero-API-Version": "3"}

    def _json(self, value: Any, extra: dict[str, str] | None = None) -> Response:
        headers = {"Content-Type": "application/json"}
        return Response(200, json.dumps(value).encode(), headers | self._versioned() | (extra or {}))


def _text(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(status, text.encode(), {"Content-Type": "text/plain; charset=UTF-8"} | (headers or {}))
