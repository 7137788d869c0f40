"""Looking for a host before asking it."""

import socket

import pytest

from kb.sources.entry import Known, Progress, SourceResult, Status, no_progress
from kb.sources.reach import Hosts, Reached
from tests.servers.base import LoopbackServer, running


class Answers:
    name = "trees"

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        return SourceResult(source=self.name, status=Status.EMPTY)


@pytest.fixture
def closed() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_server_that_listens_is_asked() -> None:
    with running(LoopbackServer()) as server:
        assert Reached(Answers(), server.url, Hosts()).fetch(Known()).status is Status.EMPTY


def test_a_server_that_does_not_listen_fails_the_source_in_one_line(closed: str) -> None:
    result = Reached(Answers(), closed, Hosts(lambda seconds: None)).fetch(Known())
    assert result.status is Status.FAILED
    assert "127.0.0.1 cannot be reached" in str(result.error)
    assert "\n" not in str(result.error)


def test_a_host_is_looked_for_twice_and_then_not_again(closed: str) -> None:
    waits: list[float] = []
    hosts = Hosts(waits.append)
    assert hosts.trouble(closed) == hosts.trouble(f"{closed}/another/list")
    assert len(waits) == 1


def test_behind_a_proxy_the_source_finds_out_by_itself(closed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert Hosts().trouble(closed) is None
