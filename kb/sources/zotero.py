"""The Zotero group that the survey is kept in.

Follows https://www.zotero.org/support/dev/web_api/v3/syncing: list the versions of the items that changed since the
cursor's library version, fetch those, ask what was deleted. The cursor is the version of the oldest answer used, so
that what changes during a sync is seen again by the next one. Items that cannot be read do not hold it up: the cursor
names them as `quarantined`, and they are asked for again, besides what changed, until they can be read or are gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import SecretStr

from kb.config import ZoteroSettings
from kb.errors import KbError, SafetyStop
from kb.sources.entry import Known, Problem, Progress, SourceEntry, SourceResult, Status, no_progress
from kb.sources.zotero_api import Answer, ZoteroApi
from kb.sources.zotero_http import LogTooOld, NotModified
from kb.sources.zotero_items import (
    NAME,
    ItemError,
    collection_paths,
    contradictions,
    is_key,
    is_trashed,
    parse_item,
)

_ROUNDS = 3


@dataclass
class _Library:
    """What the server said in one round."""

    version: int
    full: bool  # every item is listed, not only those that changed
    moved: bool = False  # the library changed between two answers
    versions: dict[str, int] = field(default_factory=dict)
    items: dict[str, Any] = field(default_factory=dict)
    paths: dict[str, tuple[str, ...]] = field(default_factory=dict)
    deleted: frozenset[str] = frozenset()
    problems: list[Problem] = field(default_factory=list)

    def saw(self, answer: Answer) -> Any:
        """The data of `answer`, its version noted."""
        self.moved = self.moved or answer.version != self.version
        self.version = min(self.version, answer.version)
        return answer.data


@dataclass
class _Reading:
    """What the library's items gave."""

    entries: list[SourceEntry] = field(default_factory=list)
    removed: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    failures: list[Problem] = field(default_factory=list)  # of the server: the cursor has to stay
    quarantined: dict[str, str] = field(default_factory=dict)  # keys of items that cannot be read, and why
    doubts: list[Problem] = field(default_factory=list)  # about items that were read

    @property
    def unread(self) -> list[Problem]:
        unread = [Problem(f"zotero item {key}", message) for key, message in self.quarantined.items()]
        return [*self.failures, *unread]


class ZoteroSource:
    """Papers of a Zotero group library.

    Args:
        sleep: waits so many seconds.
        now: seconds since the epoch; for servers that name a time to come back at.
    """

    name = NAME

    def __init__(
        self,
        settings: ZoteroSettings,
        api_key: SecretStr | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._key = api_key
        self._sleep = sleep
        self._now = now

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        """What changed in the library since `known.cursor`, or all of it.

        A trashed item that kb knows comes as an entry with `removed` set, and its key is in the result's `removed`, as
        are the keys of deleted items. A trashed item that kb does not know is passed over.
        """
        try:
            api = ZoteroApi(self._settings, self._key, self._sleep, self._now)
        except KbError as error:
            return _failed(error)
        try:
            result = self._sync(api, known, progress)
        except KbError as error:
            result = _failed(error)
        finally:
            api.close()
        return replace(result, requests=api.requests)

    @property
    def _library_name(self) -> str:
        return f"groups/{self._settings.group}"

    def _sync(self, api: ZoteroApi, known: Known, progress: Progress) -> SourceResult:
        since = self._since(known.cursor)
        try:
            library = self._read(api, since, _quarantined(known.cursor) if since else frozenset(), progress)
        except NotModified as same:
            if since is None or same.version is None or same.version >= since:
                summary = f"library version {since}, up to date"
                return SourceResult(NAME, Status.EMPTY, creates=True, summary=summary)
            library = self._read(
                api, None, frozenset(), progress
            )  # the library was set back: the cursor means nothing
        return self._result(library, known)

    def _since(self, cursor: dict[str, Any]) -> int | None:
        """The cursor's version, if it is of this library and its list of quarantined items makes sense."""
        version = cursor.get("version")
        ours = cursor.get("library") == self._library_name and type(version) is int and version > 0
        return version if ours and _quarantined(cursor) is not None else None

    def _read(
        self, api: ZoteroApi, since: int | None, quarantined: frozenset[str] | None, progress: Progress
    ) -> _Library:
        """The library at rest if it comes to rest, else the last round: the cursor's version makes up for it."""
        held: dict[str, Any] = {}
        again = quarantined or frozenset()
        library = self._round(api, since, None if again else since, again, held, progress)
        for _ in range(_ROUNDS - 1):
            if not library.moved:
                break
            library = self._round(api, since, None, again, held, progress)
        return library

    def _round(
        self,
        api: ZoteroApi,
        since: int | None,
        unless_version: int | None,
        quarantined: frozenset[str],
        held: dict[str, Any],
        progress: Progress,
    ) -> _Library:
        listed = api.item_versions(since, unless_version=unless_version)
        if since is not None and listed.version < since:
            since, listed = None, api.item_versions()
        library = _Library(listed.version, full=since is None)
        collections = library.saw(api.collections())
        library.paths = collection_paths(collections)
        if since is not None and not self._incremental(api, library, since, collections):
            listed, library.full = api.item_versions(), True
            library.saw(listed)
        library.versions = _checked(listed.data, library.problems)
        if not library.full:
            self._ask_again(api, library, quarantined - library.versions.keys() - library.deleted, held)
        self._fetch_items(api, library, held, progress)
        return library

    def _ask_again(
        self, api: ZoteroApi, library: _Library, keys: frozenset[str], held: dict[str, Any]
    ) -> None:
        """Treat quarantined items that did not change as if they had."""
        wanted, size = sorted(keys), self._settings.page_size
        for start in range(0, len(wanted), size):
            batch = wanted[start : start + size]
            given = _by_key(library.saw(api.items(batch)))
            held.update(given)
            library.versions |= {key: max(0, _version(given.get(key))) for key in batch}

    def _incremental(self, api: ZoteroApi, library: _Library, since: int, collections: list[Any]) -> bool:
        """Note what was deleted after `since`; False where changed items alone do not tell the whole story."""
        try:
            gone = library.saw(api.deleted(since))
        except LogTooOld:
            return False
        library.deleted = frozenset(_keys(gone, "items"))
        # A collection's new name, place or end changes no item's version.
        return not (_changed(collections, since) or _keys(gone, "collections"))

    def _fetch_items(
        self, api: ZoteroApi, library: _Library, held: dict[str, Any], progress: Progress
    ) -> None:
        """Fill `library.items`; `held` keeps them from round to round."""
        wanted = [key for key, version in library.versions.items() if _version(held.get(key)) != version]
        size = self._settings.page_size
        for start in range(0, len(wanted), size):
            progress("zotero items", start, len(wanted))
            batch = wanted[start : start + size]
            held.update(_by_key(library.saw(api.items(batch))))
        progress("zotero items", len(wanted), len(wanted))
        library.items = {key: held[key] for key in library.versions if key in held}

    def _result(self, library: _Library, known: Known) -> SourceResult:
        reading = _Reading(failures=list(library.problems))
        reading.removed |= known.entry_ids & library.deleted - library.versions.keys()
        if library.full and not library.problems:  # a garbled list proves nothing gone
            reading.removed |= known.entry_ids - library.versions.keys()
        for key, version in library.versions.items():
            item = library.items.get(key)
            if item is not None and _version(item) >= version:
                _read_item(item, key, library, key in known.entry_ids, reading)
            elif not library.moved or version == 0:
                reading.missing.append(key)
                reading.failures.append(Problem(f"zotero item {key}", "was listed, but not given"))
        return self._guarded(self._summed_up(library, reading), known)

    def _summed_up(self, library: _Library, reading: _Reading) -> SourceResult:
        unread = reading.unread
        summary = f"library version {library.version}"
        if not (reading.entries or unread or reading.removed):
            status, summary = Status.EMPTY, f"{summary}, up to date"
        else:
            status = Status.PARTIAL if unread else Status.OK
            summary += f", {len(reading.entries)} read, {len(reading.removed)} removed"
        if unread:
            summary += f", {len(unread)} unreadable"
        if reading.doubts:
            summary += f", {len(reading.doubts)} to look at"
        return SourceResult(
            NAME,
            status,
            entries=tuple(reading.entries),
            problems=(*unread, *reading.doubts),
            removed=tuple(sorted(reading.removed)),
            missing=tuple(reading.missing),
            complete=library.full and not unread and not library.moved,
            creates=True,
            cursor=None if reading.failures else self._cursor(library.version, reading.quarantined),
            summary=summary,
        )

    def _cursor(self, version: int, quarantined: Iterable[str]) -> dict[str, Any]:
        cursor: dict[str, Any] = {"library": self._library_name, "version": version}
        return cursor | ({"quarantined": sorted(quarantined)} if quarantined else {})

    def _guarded(self, result: SourceResult, known: Known) -> SourceResult:
        """`result`, or without its removals where they are more than a person is likely to want.

        One removal is what a person does by hand, whatever share it is, so it passes unless none may.
        """
        share = self._settings.max_removed_share
        count = len(result.removed)
        few = count <= share * len(known.entry_ids) or (count == 1 and share > 0)
        if few or known.allow_removals:
            return result
        error = SafetyStop(
            f"zotero: {count} of the {len(known.entry_ids)} papers known from Zotero are gone from {self._library_name}",
            fix="look at the library; if that is meant, run kb sync --allow-removals",
        )
        return replace(
            result,
            status=Status.PARTIAL,
            entries=tuple(entry for entry in result.entries if not entry.removed),
            removed=(),
            complete=False,
            cursor=None,
            error=error,
            summary=f"library version unchanged: {count} removals held back",
        )


def _failed(error: KbError) -> SourceResult:
    return SourceResult(NAME, Status.FAILED, creates=True, error=error, summary=error.message)


def _read_item(item: Any, key: str, library: _Library, is_known: bool, reading: _Reading) -> None:
    """Add to `reading` what `item` gives."""
    try:
        entry = _entry(item, key, library, is_known)
        if entry is not None and not entry.removed:
            reading.doubts += [Problem(f"zotero item {key}", doubt) for doubt in contradictions(item)]
    except ItemError as error:
        reading.quarantined[key] = str(error)
        return
    if entry is not None:
        reading.entries.append(entry)
    if is_known and (entry is None or entry.removed):
        reading.removed.add(key)


def _entry(item: Any, key: str, library: _Library, is_known: bool) -> SourceEntry | None:
    """The paper in `item`, None for no paper.

    Raises:
        ItemError: it cannot be read.
    """
    if not is_trashed(item):
        entry = parse_item(item, library.paths)
        if entry is not None and entry.entry_id != key:
            raise ItemError(f"calls itself {entry.entry_id}")
        return entry
    if not is_known:
        return None
    try:
        entry = parse_item(item, library.paths)
    except ItemError:  # it is gone, whatever it holds
        return None
    return entry and entry.model_copy(update={"removed": True})


def _quarantined(cursor: dict[str, Any]) -> frozenset[str] | None:
    """The keys that a cursor names as unreadable; None where that is no list of keys."""
    keys = cursor.get("quarantined", [])
    return frozenset(keys) if isinstance(keys, list) and all(is_key(key) for key in keys) else None


def _by_key(items: list[Any]) -> dict[str, Any]:
    keyed = {item.get("key"): item for item in items if isinstance(item, dict)}
    return {key: item for key, item in keyed.items() if isinstance(key, str)}


def _version(item: Any) -> int:
    """An item's version, -1 where it has none."""
    version = item.get("version") if isinstance(item, dict) else None
    return version if type(version) is int else -1


def _checked(versions: dict[str, Any], problems: list[Problem]) -> dict[str, int]:
    """The sound part of an answer with `format=versions`."""
    sound = {}
    for key, version in versions.items():
        if is_key(key) and type(version) is int:
            sound[key] = version
        else:
            problems.append(
                Problem("zotero item list", f"{str(key)[:40]!r} with version {str(version)[:40]!r}")
            )
    return sound


def _changed(collections: list[Any], since: int) -> bool:
    """Whether a collection was made, renamed or moved after `since`."""
    return any(_version(collection) > since for collection in collections)


def _keys(deleted: dict[str, Any], kind: str) -> list[str]:
    keys = deleted.get(kind, [])
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
