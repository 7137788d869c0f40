"""Whether a server can be reached at all, found out in seconds.

The sources are patient with a server that answers badly: they wait and ask again, for minutes. Without a network that
patience only delays the news, once a source; so before one is asked, its host is looked for, once a host.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kb.errors import UpstreamError
from kb.sources.entry import Known, Progress, Source, SourceResult, Status, no_progress

TIMEOUT_S = 10.0
PAUSE_S = 0.5
_PORTS = {"http": 80, "https": 443}


class Hosts:
    """What is known of the hosts that a run wants to reach."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._trouble: dict[tuple[str, int], str | None] = {}

    def trouble(self, url: str) -> str | None:
        """Why the server of `url` cannot be reached, tried twice; None if it can, or if a proxy stands between."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if getproxies().get(parts.scheme) and not proxy_bypass(host):
            return None
        place = (host, parts.port or _PORTS.get(parts.scheme, 443))
        if place not in self._trouble:
            self._trouble[place] = _connect(place)
            if self._trouble[place] is not None:
                self._sleep(PAUSE_S)
                self._trouble[place] = _connect(place)
        return self._trouble[place]


def _connect(place: tuple[str, int]) -> str | None:
    try:
        socket.create_connection(place, TIMEOUT_S).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


class Reached:
    """A source that is only asked if its server can be reached.

    Args:
        source: the source.
        url: where its server is.
        hosts: shared by sources whose servers may be the same.
    """

    def __init__(self, source: Source, url: str, hosts: Hosts) -> None:
        self.name = source.name
        self._source = source
        self._url = url
        self._hosts = hosts

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        """What the source says; FAILED without asking if its server cannot be reached."""
        if trouble := self._hosts.trouble(self._url):
            host = urlsplit(self._url).hostname
            error = UpstreamError(
                f"{host} cannot be reached: {trouble}", fix="run the sync again with a network"
            )
            return SourceResult(source=self.name, status=Status.FAILED, error=error)
        return self._source.fetch(known, progress)
