"""Lists from files and from a loopback server with every fault that a real one has shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kb.config import Config, HttpSettings, ListSettings, Settings
from kb.errors import DataError, UpstreamError
from kb.sources import FILE_SOURCES, NETWORK_SOURCES
from kb.sources.entry import Known, SourceResult, Status
from kb.sources.list_fetch import ListSource, same_place, shown
from tests.servers import base

PAPERS = [f"- [Trimming Tall Trees Volume {n}](https://arxiv.org/abs/2501.0000{n})" for n in range(1, 9)]
TEXT = "\n".join(["# Trees", "", "## Pruning", "", *PAPERS, ""])


class ListServer(base.LoopbackServer):
    """Serves one list at every path."""

    text = TEXT

    def answer(self, request: base.Request) -> base.Response:
        return base.Response(200, self.text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


@pytest.fixture
def server() -> Iterator[ListServer]:
    made = ListServer()
    with base.running(made):
        yield made


class Fetched:
    """One fetch, and how long it would have waited."""

    def __init__(
        self, root: Path, known: Known | None = None, http: dict[str, Any] | None = None, **settings: Any
    ) -> None:
        self.waits: list[float] = []
        patience = HttpSettings.model_validate(
            {"timeout_s": 0.3, "backoff_s": 1.0, "max_wait_s": 60.0, "tries": 3} | (http or {})
        )
        source = ListSource(ListSettings(name="trees", **settings), patience, root, self.waits.append)
        self.result: SourceResult = source.fetch(known or Known())


def failed(fetched: Fetched, words: str) -> None:
    result = fetched.result
    assert (result.status, result.entries, result.complete, result.cursor) == (Status.FAILED, (), False, None)
    assert isinstance(result.error, UpstreamError)
    assert words in str(result.error)
    assert "\n" not in str(result.error)
    assert "awesome_list:trees" in str(result.error)


def test_a_list_in_the_knowledge_base_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "list.md").write_text(TEXT)
    result = Fetched(tmp_path, path="list.md", creates=True).result
    assert (result.status, len(result.entries), result.complete, result.creates) == (Status.OK, 8, True, True)
    assert result.entries[0].where == "list.md:5"
    assert result.requests == 0


def test_a_list_at_a_url_is_read_whole(server: ListServer, tmp_path: Path) -> None:
    result = Fetched(tmp_path, url=server.url + "/README.md?token=secret").result
    assert (result.status, len(result.entries), result.complete, result.requests) == (Status.OK, 8, True, 1)
    assert "secret" not in (result.entries[0].where or "")


def test_an_unchanged_list_is_empty_and_takes_nothing_away(server: ListServer, tmp_path: Path) -> None:
    first = Fetched(tmp_path, url=server.url).result
    assert first.cursor
    second = Fetched(tmp_path, Known(cursor=first.cursor), url=server.url).result
    assert (second.status, second.summary, second.complete) == (Status.EMPTY, "unchanged", False)


def test_an_unchanged_list_is_read_again_when_it_is_to_be_read_differently(
    server: ListServer, tmp_path: Path
) -> None:
    cursor = Fetched(tmp_path, url=server.url).result.cursor or {}
    assert (
        Fetched(tmp_path, Known(cursor=cursor), url=server.url, skip_headings=("x",)).result.status
        is Status.OK
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (base.status(404, "not found"), "HTTP 404"),
        (base.status(403), "HTTP 403"),
        (base.html(), "text/html"),
        (base.body("<!DOCTYPE html><p>sign in", "text/plain"), "web page"),
        (base.body(""), "nothing"),
        (base.body("  \n", "text/plain"), "nothing"),
        (base.body("%PDF", "application/pdf"), "application/pdf"),
        (base.redirect("https://other.example/README.md"), "another host"),
        (base.redirect("/again"), "circle"),
    ],
)
def test_a_wrong_answer_fails_at_once_and_says_why(
    server: ListServer, tmp_path: Path, fault: base.Fault, words: str
) -> None:
    server.always = fault
    fetched = Fetched(tmp_path, url=server.url + "/README.md")
    failed(fetched, words)
    assert fetched.waits == []


@pytest.mark.parametrize(
    "fault", [base.status(503), base.status(429), base.reset, base.short_body, base.broken_chunk, base.hang]
)
def test_what_may_pass_is_tried_again_and_then_fails(
    server: ListServer, tmp_path: Path, fault: base.Fault
) -> None:
    server.always = fault
    fetched = Fetched(tmp_path, url=server.url)
    failed(fetched, "after 3 tries")
    assert fetched.waits == [1.0, 2.0]
    assert fetched.result.requests == 3


def test_what_passes_is_no_failure(server: ListServer, tmp_path: Path) -> None:
    server.faults = [base.status(500), base.reset]
    assert Fetched(tmp_path, url=server.url).result.status is Status.OK


def test_a_server_that_asks_to_wait_is_waited_for(server: ListServer, tmp_path: Path) -> None:
    server.faults = [base.status(429, Retry_After="30")]
    fetched = Fetched(tmp_path, url=server.url)
    assert (fetched.result.status, fetched.waits) == (Status.OK, [30.0])


def test_a_server_that_asks_for_a_day_ends_it(server: ListServer, tmp_path: Path) -> None:
    server.faults = [base.status(429, Retry_After="86400")]
    failed(Fetched(tmp_path, url=server.url), "86400 s")


def test_a_redirect_on_the_same_host_is_followed(server: ListServer, tmp_path: Path) -> None:
    server.faults = [base.redirect("/moved/README.md")]
    result = Fetched(tmp_path, url=server.url).result
    assert (result.status, result.requests) == (Status.OK, 2)


def test_a_body_that_is_too_large_or_unpacks_too_large_is_refused(server: ListServer, tmp_path: Path) -> None:
    server.faults = [base.bomb(8), None]
    small = {"max_bytes": 100}
    failed(Fetched(tmp_path, url=server.url, http={"max_bytes": 1_000_000}), "larger")
    failed(Fetched(tmp_path, url=server.url, http=small), "larger")


def test_a_list_that_lost_its_papers_is_a_failure_and_never_no_papers(
    server: ListServer, tmp_path: Path
) -> None:
    server.text = "# Trees\n\nWe moved.\n"
    fetched = Fetched(tmp_path, Known(entry_ids=frozenset({"arxiv_id:2501.00001"})), url=server.url)
    failed(fetched, "no paper, and had 1")


def test_a_list_that_was_cut_short_takes_nothing_away(server: ListServer, tmp_path: Path) -> None:
    known = Known(entry_ids=frozenset(f"arxiv_id:2501.0000{n}" for n in range(1, 9)))
    server.text = "\n".join(["## Pruning", "", *PAPERS[:2], ""])
    result = Fetched(tmp_path, known, url=server.url).result
    assert (result.status, result.complete, result.cursor) == (Status.PARTIAL, False, None)
    assert "6 of 8" in result.problems[-1].message
    allowed = Known(entry_ids=known.entry_ids, allow_removals=True)
    assert Fetched(tmp_path, allowed, url=server.url).result.complete


def test_a_list_that_could_not_be_read_whole_keeps_its_cursor(server: ListServer, tmp_path: Path) -> None:
    server.text = TEXT + "- [paper](https://arxiv.org/abs/2501.00009)\n"
    result = Fetched(tmp_path, url=server.url).result
    assert (result.status, result.cursor) == (Status.PARTIAL, None)


@pytest.mark.parametrize("content", [None, ""])
def test_an_absent_or_empty_file_is_a_failure(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "list.md").write_text(content)
    result = Fetched(tmp_path, path="list.md").result
    assert result.status is Status.FAILED
    assert isinstance(result.error, DataError)
    assert result.error.file == "list.md"


def test_a_link_out_of_the_knowledge_base_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text(TEXT)
    root = tmp_path / "base"
    root.mkdir()
    (root / "list.md").symlink_to(tmp_path / "outside.md")
    assert Fetched(root, path="list.md").result.status is Status.FAILED


def test_a_list_without_place_is_a_failure(tmp_path: Path) -> None:
    assert Fetched(tmp_path).result.status is Status.FAILED


def test_messages_show_no_secret_of_a_url() -> None:
    assert shown("https://user:pass@example.org:8443/a?token=x#y") == "https://example.org:8443/a"


def test_redirects_stay_on_the_host() -> None:
    assert same_place("https://a.org/x", "https://a.org/y")
    assert same_place("http://a.org/x", "https://a.org/x")
    for other in (
        "http://a.org/x",
        "https://b.org/x",
        "https://a.org:8443/x",
        "https://u:p@a.org/x",
        "ftp://a.org/x",
    ):
        assert not same_place("https://a.org/x", other)


def test_every_named_source_can_be_made(tmp_path: Path) -> None:
    made = [make(ListSettings(name="trees")).name for make in FILE_SOURCES.values()]
    assert made == ["awesome_list:trees", "daily_papers", "survey_readme", "bibtex"]
    told = {"sources": {"zotero": {"group": 1}, "citations": {"enabled": True}}}
    config = Config(root=tmp_path, settings=Settings.model_validate(told))
    names = [source.name for make in NETWORK_SOURCES.values() for source in make(config)]
    assert names == ["zotero", "arxiv", "citations"]
