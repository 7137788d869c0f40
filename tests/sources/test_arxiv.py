"""kb.sources.arxiv against a loopback arXiv: every way in which the real one misbehaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.config import ArxivQuery, ArxivSettings, HttpSettings
from kb.errors import LockError, UpstreamError
from kb.ids import ArxivId
from kb.sources.arxiv import ArxivSource
from kb.sources.entry import Known, SourceResult, Status
from tests.servers import base
from tests.servers.arxiv import ArxivServer
from tests.servers.base import Handler, Response, running

ROOT = Path(__file__).parents[2]
DELAY = 3.0


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = datetime(2025, 11, 3, 12, tzinfo=UTC).timestamp()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


class World:
    """A server, a source that talks to it, and the time between them."""

    def __init__(self, server: ArxivServer, directory: Path) -> None:
        self.server, self.directory, self.time = server, directory, Time()
        self.options: dict[str, Any] = {"page_size": 2}
        self.http: dict[str, Any] = {"timeout_s": 0.3, "tries": 3, "backoff_s": 5.0, "max_wait_s": 60.0}

    def source(self) -> ArxivSource:
        options = ArxivSettings(
            base_url=self.server.url, delay_s=DELAY, http=HttpSettings(**self.http), **self.options
        )
        return ArxivSource(options, self.directory, self.time.sleep, self.time.clock)

    def fetch(self, *ids: str, **known: Any) -> SourceResult:
        return self.source().fetch(Known(arxiv_versions=known.pop("versions", dict.fromkeys(ids)), **known))

    def query(self, text: str = "all:reasoning", max_results: int = 100) -> SourceResult:
        self.options["queries"] = (ArxivQuery(name="saved", query=text, max_results=max_results),)
        return self.fetch()


def paper(number: int, **more: Any) -> dict[str, Any]:
    title = f"Reasoning about subject number {number}"
    return {"id": f"2503.{number:05}", "title": title, "published": f"2025-03-{number:02}T10:00:00Z", **more}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    server = ArxivServer([paper(number) for number in range(1, 7)])
    with running(server):
        yield World(server, tmp_path / "spacing")


def ids(result: SourceResult) -> list[str]:
    return [entry.entry_id for entry in result.entries]


def failed(result: SourceResult) -> str:
    """The error of a run that failed and claims nothing else."""
    assert result.status is Status.FAILED
    assert (result.entries, result.missing, result.removed, result.cursor) == ((), (), (), None)
    assert isinstance(result.error, UpstreamError)
    text = str(result.error)
    assert text.startswith("arxiv: ")
    assert "\n" not in text
    return text


# What a good answer becomes


def test_every_fact_of_a_paper_is_in_its_entry(world: World) -> None:
    world.server.papers = [
        paper(
            1,
            version=3,
            title="A Title\n  on two lines",
            authors=["Zoë Example", "Peter van den Berg"],
            abstract="  What was\ndone. ",
            updated="2025-05-01T23:30:00-05:00",
            comment="9 pages. Accepted to ACL 2025. Code: https://github.com/example/tool.",
            doi="10.1000/ABC",
            journal_ref="J. Ex. 1 (2025)\n 2-3",
        )
    ]
    (entry,) = world.fetch("2503.00001").entries
    assert entry.model_dump(exclude_defaults=True) == {
        "source": "arxiv",
        "entry_id": "2503.00001",
        "title": "A Title on two lines",
        "authors": ({"name": "Zoë Example"}, {"name": "Peter van den Berg"}),
        "identifiers": {"arxiv_id": "2503.00001", "doi": "10.1000/abc"},
        "arxiv_version": 3,
        "url": "https://arxiv.org/abs/2503.00001",
        "published": "2025-03-01",
        "updated": "2025-05-02",
        "venue": "J. Ex. 1 (2025) 2-3",
        "publication_state": "published",
        "code": ("https://github.com/example/tool",),
        "abstract": "What was done.",
    }


def test_an_old_id_round_trips(world: World) -> None:
    world.server.papers.append(paper(9, id="hep-th/9901001", version=2))
    result = world.fetch("hep-th/9901001")
    assert (result.status, ids(result)) == (Status.OK, ["hep-th/9901001"])
    assert result.entries[0].identifiers == {"arxiv_id": "hep-th/9901001"}
    assert world.server.requests[0].query["id_list"] == "hep-th/9901001"


def test_a_new_version_is_reported_under_the_same_id(world: World) -> None:
    world.server.papers.append(paper(1, version=2, updated="2025-06-01T00:00:00Z"))
    (entry,) = world.fetch(versions={"2503.00001": 1}).entries
    assert (entry.entry_id, entry.arxiv_version, entry.published) == ("2503.00001", 2, "2025-03-01")
    assert entry.updated == "2025-06-01"


def test_a_withdrawn_paper_is_flagged_with_the_reason_and_kept(world: World) -> None:
    reason = "This paper has been withdrawn: the proof of lemma 2 is wrong"
    world.server.papers.append(paper(1, version=2, withdrawn=True, comment=reason))
    (entry,) = world.fetch("2503.00001").entries
    assert (entry.publication_state, entry.withdrawn_reason, entry.venue) == ("withdrawn", reason, None)


def test_a_paper_with_a_pdf_is_not_withdrawn_whatever_its_comment_says(world: World) -> None:
    world.server.papers = [paper(1, comment="An earlier version was withdrawn from a workshop")]
    (entry,) = world.fetch("2503.00001").entries
    assert (entry.publication_state, entry.withdrawn_reason) == ("preprint", None)


def test_all_ids_are_asked_for_in_batches_and_nothing_twice(world: World) -> None:
    result = world.fetch(*[f"2503.{n:05}" for n in range(1, 6)])
    assert (result.status, len(result.entries), result.requests) == (Status.OK, 5, 3)
    asked = [one for request in world.server.requests for one in request.query["id_list"].split(",")]
    assert sorted(asked) == [f"2503.{n:05}" for n in range(1, 6)]


def test_requests_keep_the_pause_that_the_terms_of_use_ask_for(world: World) -> None:
    world.fetch(*[f"2503.{n:05}" for n in range(1, 6)])
    assert world.time.slept == pytest.approx([DELAY, DELAY], abs=1e-3)


def test_nothing_to_ask_sends_nothing(world: World) -> None:
    result = world.fetch()
    assert (result.status, result.requests, world.server.requests) == (Status.EMPTY, 0, [])


def test_a_lookup_asks_for_the_version_it_is_given(world: World) -> None:
    world.server.papers.append(paper(1, version=2))
    result = world.source().lookup([ArxivId("2503.00001", 1), ArxivId("2503.00002"), ArxivId("2503.00099")])
    assert [(e.entry_id, e.arxiv_version) for e in result.entries] == [("2503.00001", 1), ("2503.00002", 1)]
    assert (result.status, result.missing) == (Status.PARTIAL, ("2503.00099",))


def test_a_lookup_of_one_paper_twice_gives_it_once(world: World) -> None:
    result = world.source().lookup([ArxivId("2503.00001", 1), ArxivId("2503.00001")])
    assert (result.status, ids(result)) == (Status.OK, ["2503.00001"])


# Saved queries


def test_a_query_brings_the_newest_papers_first_and_no_more_than_it_may(world: World) -> None:
    result = world.query(max_results=3)
    assert ids(result) == ["2503.00004", "2503.00005", "2503.00006"]
    assert {entry.where for entry in result.entries} == {"query:saved"}
    assert (result.status, result.creates, result.complete) == (Status.OK, False, False)
    assert [request.query["max_results"] for request in world.server.requests] == ["2", "1"]


def test_a_paper_asked_for_by_id_is_no_query_result(world: World) -> None:
    world.options["queries"] = (ArxivQuery(name="saved", query="all:reasoning"),)
    result = world.fetch("2503.00003")
    assert {e.entry_id: e.where for e in result.entries}["2503.00003"] is None
    assert len(result.entries) == 6


def test_the_same_paper_on_two_pages_is_one_entry(world: World) -> None:
    def newer_paper_comes_in(handler: Handler, response: Response) -> None:
        world.server.papers.append(paper(7))

    world.server.faults = [newer_paper_comes_in]
    result = world.query()
    assert len(ids(result)) == len(set(ids(result))) == 6
    assert result.status is Status.OK


def test_a_query_that_arxiv_refuses_does_not_stop_the_others(world: World) -> None:
    world.options["queries"] = (
        ArxivQuery(name="broken", query='ti:"open'),
        ArxivQuery(name="good", query="all:reasoning"),
    )
    result = world.fetch()
    assert (result.status, len(result.entries)) == (Status.PARTIAL, 6)
    assert "query broken: refused" in str(result.problems[0])
    assert sum('ti:"open' in request.query["search_query"] for request in world.server.requests) == 1


# Titles


def test_a_title_finds_its_paper(world: World) -> None:
    title = "Reasoning about: SUBJECT number 4"
    (entry,) = world.fetch(unresolved_titles=(title,)).entries
    assert (entry.entry_id, entry.where) == ("2503.00004", f"title:{title}")


def test_a_title_that_is_only_part_of_another_finds_nothing(world: World) -> None:
    result = world.fetch(unresolved_titles=("Reasoning about subject",))
    assert (result.status, result.entries, result.requests) == (Status.EMPTY, (), 1)


def test_a_title_that_two_papers_share_finds_nothing(world: World) -> None:
    world.server.papers.append(paper(8, title=paper(4)["title"]))
    assert world.fetch(unresolved_titles=(paper(4)["title"],)).entries == ()


@pytest.mark.parametrize(
    "title", ['" OR all:reasoning OR ti:"', "reasoning) OR (all:about subject", "*:* AND reasoning OR number"]
)
def test_a_hostile_title_stays_a_phrase(world: World, title: str) -> None:
    assert world.fetch(unresolved_titles=(title,)).entries == ()
    for request in world.server.requests:
        assert request.query["search_query"].strip('ti:"').replace(" ", "").isalnum()


def test_a_title_is_asked_for_once_in_thirty_days(world: World) -> None:
    titles = ("A paper that arXiv has never seen", paper(4)["title"])
    first = world.fetch(unresolved_titles=titles)
    assert first.requests == 2
    assert first.cursor is not None
    again = world.fetch(unresolved_titles=titles, cursor=first.cursor)
    assert (again.requests, again.cursor) == (0, None)
    world.time.now += 31 * 86400
    later = world.fetch(unresolved_titles=titles, cursor=first.cursor)
    assert later.requests == 2


def test_resolving_a_title_changes_no_cursor(world: World) -> None:
    first = world.fetch(unresolved_titles=(paper(4)["title"],))
    second = world.fetch("2503.00004", cursor=first.cursor)
    assert (second.status, second.cursor) == (Status.OK, None)


def test_titles_asked_for_in_one_run_are_bounded_and_the_rest_come_next(world: World) -> None:
    titles = tuple(f"An unknown paper about thing number {n}" for n in range(30))
    first = world.fetch(unresolved_titles=titles)
    assert first.requests == 20
    assert first.cursor is not None
    assert world.fetch(unresolved_titles=titles, cursor=first.cursor).requests == 10


@pytest.mark.parametrize("cursor", [{"titles": 7}, {"titles": {"one two three": 5}}, {"other": []}])
def test_a_broken_cursor_counts_as_none(world: World, cursor: dict[str, Any]) -> None:
    assert world.fetch(unresolved_titles=(paper(4)["title"],), cursor=cursor).requests == 1


# The scorecard: what arXiv and the network do


def test_429_with_retry_after_twice_waits_at_least_that_long(world: World) -> None:
    world.server.faults = [base.status(429, Retry_After="17"), base.status(429, Retry_After="30")]
    result = world.fetch("2503.00001")
    assert (result.status, ids(result), result.requests) == (Status.OK, ["2503.00001"], 3)
    assert world.time.slept == pytest.approx([17, 30], abs=1e-3)


def test_retry_after_as_a_date_is_understood(world: World) -> None:
    when = datetime.fromtimestamp(world.time.now + 42, UTC)
    world.server.faults = [base.status(503, Retry_After=format_datetime(when, usegmt=True))]
    assert world.fetch("2503.00001").status is Status.OK
    assert world.time.slept == pytest.approx([42], abs=1.5)


@pytest.mark.parametrize("value", ["", "soon", "-5", "Backoff", "Mon, 99 Foo 2025 10:00:00 GMT", "1e9"])
def test_a_retry_after_that_makes_no_sense_means_the_default(world: World, value: str) -> None:
    world.server.faults = [base.status(429, Retry_After=value)]
    assert world.fetch("2503.00001").status is Status.OK
    assert world.time.slept == pytest.approx([5], abs=1e-3)


@pytest.mark.parametrize("value", ["86400", "99999999999"])
def test_a_pause_of_a_day_ends_the_run_and_says_when_to_come_back(world: World, value: str) -> None:
    world.server.always = base.status(429, Retry_After=value)
    assert "come back after 20" in failed(world.fetch("2503.00001")) or value != "86400"
    assert (len(world.server.requests), world.time.slept) == (1, [])
    world.server.always = None
    assert world.fetch("2503.00001").status is Status.OK


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_server_that_is_never_there_is_asked_a_bounded_number_of_times(world: World, code: int) -> None:
    world.server.always = base.status(code)
    text = failed(world.fetch("2503.00001"))
    assert f"id 2503.00001: HTTP {code} (3 tries) at /api/query" in text
    assert len(world.server.requests) == 3
    assert world.time.slept == pytest.approx([5, 10], abs=1e-3)


@pytest.mark.parametrize("code", [204, 304, 403, 404, 410])
def test_what_will_not_pass_is_asked_once(world: World, code: int) -> None:
    world.server.always = base.status(code)
    assert f"HTTP {code}" in failed(world.fetch("2503.00001"))
    assert len(world.server.requests) == 1


@pytest.mark.parametrize("old_form", [False, True])
def test_an_id_that_arxiv_refuses_is_named_once_and_the_others_are_served(
    world: World, old_form: bool
) -> None:
    world.options["page_size"] = 100
    world.server.errors_with_200 = old_form
    world.server.papers.append(paper(9))
    refused = "2513.00001"  # there is no month 13; sent as it stands by a lookup
    result = world.source().lookup([ArxivId(f"2503.{n:05}") for n in range(1, 7)] + [ArxivId(refused)])
    assert (result.status, len(result.entries), result.missing) == (Status.PARTIAL, 6, ())
    assert [problem.where for problem in result.problems] == [refused]
    assert sum(refused in request.query["id_list"] for request in world.server.requests) == 1


def test_a_refusal_without_a_name_is_narrowed_down(world: World) -> None:
    world.options["page_size"] = 100

    def refuse(handler: Handler, response: Response) -> None:
        if "2503.00003" in handler.path:
            response.status, response.body = 400, b"no"

    world.server.always = refuse
    result = world.fetch(*[f"2503.{n:05}" for n in range(1, 7)])
    assert (result.status, len(result.entries)) == (Status.PARTIAL, 5)
    assert [problem.where for problem in result.problems] == ["2503.00003"]
    asked = [request.query["id_list"] for request in world.server.requests]
    assert len(asked) == len(set(asked)), "a refused request was repeated"


def test_a_server_that_refuses_everything_is_not_asked_for_ever(world: World) -> None:
    world.options["page_size"] = 100
    world.server.always = base.status(400)
    assert "refuses" in failed(world.fetch(*[f"2503.{n:05}" for n in range(1, 90)]))
    assert len(world.server.requests) == 20


@pytest.mark.parametrize("code", [400, 500, 404])
def test_a_failed_batch_is_named_by_its_first_and_last_id_whatever_the_server_quotes(
    world: World, code: int
) -> None:
    world.options["page_size"] = 100
    asked = [f"2503.{n:05}" for n in range(1, 101)]
    entry = f"<entry><id>http://arxiv.org/api/errors#x</id><title>Error</title><summary>no: {','.join(asked)}</summary></entry>"

    def refuse(handler: Handler, response: Response) -> None:
        response.status = code
        response.body = f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>'.encode()

    world.server.always = refuse
    result = world.fetch(*asked)
    line = failed(result)
    assert len(re.findall(r"2503\.\d{5}", line)) <= 4, line
    assert len(line) < 400
    assert all(len(str(problem)) < 400 for problem in result.problems)


def test_an_id_that_is_none_is_named_and_not_sent(world: World) -> None:
    result = world.fetch("2503.00001", "../../etc/passwd", "2503.00002v1")
    assert (result.status, ids(result)) == (Status.PARTIAL, ["2503.00001"])
    assert [problem.where for problem in result.problems] == ["../../etc/passwd", "2503.00002v1"]
    assert [request.query["id_list"] for request in world.server.requests] == ["2503.00001"]


def test_a_server_that_never_answers_is_given_up(world: World) -> None:
    world.http |= {"timeout_s": 0.1, "tries": 2}
    world.server.always = base.hang
    assert "no answer in time" in failed(world.fetch("2503.00001"))
    assert len(world.server.requests) == 2


def test_an_answer_that_drips_is_given_up(world: World) -> None:
    def drip(handler: Handler, response: Response) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/atom+xml")
        handler.send_header("Content-Length", str(len(response.body)))
        handler.end_headers()
        for byte in response.body:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if handler.server.closing.wait(0.02):
                break
        return True

    world.http |= {"timeout_s": 0.1, "tries": 1}
    world.server.always = drip
    start = time.monotonic()
    assert "no whole answer" in failed(world.fetch("2503.00001"))
    assert time.monotonic() - start < 2


@pytest.mark.parametrize(
    "fault",
    [
        base.html(),
        base.body("Rate exceeded.", "text/plain"),
        base.body("Rate exceeded."),
        base.body(""),
        base.body('{"error": 1}', "application/json"),
        base.cut(0.5),
        base.cut(0.95),
        base.reset,
        base.short_body,
        base.broken_chunk,
        base.header(Content_Encoding="gzip"),
        base.body("<html/>"),
        base.body(b"\xff\xfe\x00<feed/>"),
    ],
)
def test_an_answer_that_is_no_page_is_a_failure_and_never_no_papers(world: World, fault: base.Fault) -> None:
    world.server.always = fault
    failed(world.fetch("2503.00001"))
    assert len(world.server.requests) == 3
    failed(world.query())
    world.server.always = None
    world.server.faults = [fault]
    assert world.fetch("2503.00001").status is Status.OK


def test_a_bad_charset_in_the_header_does_not_matter_to_xml(world: World) -> None:
    world.server.papers = [paper(1, authors=["Zoë Example"])]
    world.server.always = base.header(Content_Type="application/atom+xml; charset=no-such-thing")
    assert world.fetch("2503.00001").entries[0].authors[0].name == "Zoë Example"


def test_a_compressed_bomb_stops_at_the_size_limit(world: World) -> None:
    world.http["max_bytes"] = 1_000_000
    world.server.always = base.bomb(50)
    assert "more than 1000000 bytes" in failed(world.fetch("2503.00001"))
    assert len(world.server.requests) == 1


def test_a_redirect_to_another_host_is_not_followed(world: World, tmp_path: Path) -> None:
    with running(ArxivServer([paper(1)])) as other:
        for url in (
            f"{other.url}/api/query",
            "http://localhost:1/",
            "file:///etc/passwd",
            "//[bad",
            "ftp://127.0.0.1/",
        ):
            world.server.faults = [base.redirect(url)]
            assert "another host" in failed(world.fetch("2503.00001"))
        assert other.requests == []


def test_a_redirect_on_the_same_host_is_followed_politely_and_not_for_ever(world: World) -> None:
    path = "/api/query?id_list=2503.00001&start=0&max_results=1"
    world.server.faults = [base.redirect(path, 301)]
    assert ids(world.fetch("2503.00001")) == ["2503.00001"]
    assert world.time.slept == pytest.approx([DELAY], abs=1e-3)
    world.server.always = base.redirect(path)
    assert "redirects without end" in failed(world.fetch("2503.00001"))


def empty_page(handler: Handler, response: Response) -> None:
    head, _, tail = response.body.partition(b"  <entry>")
    response.body = head + (b"</feed>" if tail else b"")


def test_an_empty_first_page_of_something_is_asked_for_again(world: World) -> None:
    world.server.faults = [empty_page, empty_page]
    result = world.query()
    assert (result.status, len(result.entries), result.requests) == (Status.OK, 6, 5)


def test_a_first_page_that_stays_empty_is_a_failure(world: World) -> None:
    world.server.always = empty_page
    assert "counts promise" in failed(world.query())
    failed(world.fetch("2503.00001"))


def test_an_empty_middle_page_is_partial_and_moves_no_cursor(world: World) -> None:
    def empty_middle(handler: Handler, response: Response) -> None:
        if "start=2" in handler.path:
            empty_page(handler, response)

    world.server.always = empty_middle
    world.options["queries"] = (ArxivQuery(name="saved", query="all:reasoning"),)
    result = world.fetch(unresolved_titles=("A paper that arXiv has never seen",))
    assert (result.status, len(result.entries), result.cursor) == (Status.PARTIAL, 2, None)
    assert "query saved" in str(result.problems[0])
    assert sum("start=2" in "&start=" + request.query["start"] for request in world.server.requests) == 3


def test_an_empty_page_of_ids_names_the_ids_and_calls_none_of_them_missing(world: World) -> None:
    def empty_second(handler: Handler, response: Response) -> None:
        if "2503.00003" in handler.path:
            empty_page(handler, response)

    world.server.always = empty_second
    result = world.fetch(*[f"2503.{n:05}" for n in range(1, 6)])
    assert (result.status, ids(result)) == (Status.PARTIAL, ["2503.00001", "2503.00002", "2503.00005"])
    assert (result.missing, result.cursor) == ((), None)
    assert "2503.00003, 2503.00004" in str(result.problems[0])


def test_one_entry_with_a_bad_date_is_named_and_the_others_kept(world: World) -> None:
    world.server.papers[1]["published"] = "last Tuesday"
    result = world.fetch("2503.00001", "2503.00002", "2503.00003")
    assert (result.status, ids(result)) == (Status.PARTIAL, ["2503.00001", "2503.00003"])
    (problem,) = result.problems
    assert problem.where == "2503.00002v1"
    assert "bad date" in problem.message
    assert result.missing == ()


def test_a_bad_entry_in_a_query_neither_repeats_nor_drops_its_neighbours(world: World) -> None:
    world.server.papers[3]["updated"] = "?"
    result = world.query()
    assert (result.status, len(result.entries), result.requests) == (Status.PARTIAL, 5, 3)


def test_an_id_that_arxiv_does_not_know_is_listed_missing(world: World) -> None:
    result = world.fetch("2503.00001", "2503.00098", "2503.00099")
    assert (result.status, ids(result)) == (Status.PARTIAL, ["2503.00001"])
    assert (result.missing, result.problems) == (("2503.00098", "2503.00099"), ())


def test_a_paper_that_nobody_asked_for_is_never_taken(world: World) -> None:
    def swap(handler: Handler, response: Response) -> None:
        response.body = response.body.replace(b"abs/2503.00001v1", b"abs/2503.00077v1")

    world.server.always = swap
    result = world.fetch("2503.00001")
    assert (result.status, result.entries, result.missing) == (Status.PARTIAL, (), ("2503.00001",))
    assert "was not asked for" in str(result.problems[0])


def test_a_version_older_than_the_stored_one_is_never_taken(world: World) -> None:
    result = world.fetch(versions={"2503.00001": 4})
    assert (result.status, result.entries) == (Status.PARTIAL, ())
    assert "2503.00001: came as version 1, older than the stored version 4" in str(result.problems[0])


@pytest.mark.parametrize(
    "prolog",
    [
        b"<!DOCTYPE feed>",
        b'<!DOCTYPE feed SYSTEM "URL/evil.dtd">',
        b'<!DOCTYPE feed [<!ENTITY x SYSTEM "URL/evil">]>',
        b'<!DOCTYPE feed [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;&a;">]>',
    ],
)
def test_document_types_are_rejected_and_nothing_else_is_asked(world: World, prolog: bytes) -> None:
    def inject(handler: Handler, response: Response) -> None:
        at = response.body.index(b"<feed")
        response.body = (
            response.body[:at] + prolog.replace(b"URL", world.server.url.encode()) + response.body[at:]
        )

    world.server.always = inject
    assert "document type" in failed(world.fetch("2503.00001"))
    assert {request.path for request in world.server.requests} == {"/api/query"}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 2000), st.integers(0, 400))
def test_a_hostile_body_never_brings_a_paper_or_hides_one(
    world: World, put: bytes, place: int, length: int
) -> None:
    def damage(handler: Handler, response: Response) -> None:
        response.body = response.body[:place] + put + response.body[place + length :]

    world.http["tries"] = 1
    world.server.always = damage
    result = world.fetch("2503.00001", "2503.00002")
    assert set(ids(result)) <= {"2503.00001", "2503.00002"}
    if result.status is Status.OK:
        assert len(result.entries) == 2


# Locks, interrupts, processes


def test_a_turn_that_another_process_keeps_is_a_lock_error(world: World) -> None:
    world.http["max_wait_s"] = 0.1
    world.directory.mkdir()
    with FileLock(world.directory / "arxiv.lock"):
        result = world.fetch("2503.00001")
    assert result.status is Status.FAILED
    assert isinstance(result.error, LockError)
    assert world.server.requests == []


def test_an_interrupt_while_waiting_passes_through_and_frees_the_turn(world: World) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    options = ArxivSettings(base_url=world.server.url, delay_s=DELAY, page_size=1)
    with pytest.raises(KeyboardInterrupt):
        ArxivSource(options, world.directory, interrupt, world.time.clock).fetch(
            Known(arxiv_versions={"2503.00001": None, "2503.00002": None})
        )
    with FileLock(world.directory / "arxiv.lock", timeout=0):
        pass


SCRIPT = """
import sys
from pathlib import Path
from kb.config import ArxivSettings
from kb.sources.arxiv import ArxivSource
from kb.sources.entry import Known
url, directory, delay = sys.argv[1:]
source = ArxivSource(ArxivSettings(base_url=url, delay_s=float(delay), page_size=1), Path(directory))
result = source.fetch(Known(arxiv_versions={f"2503.{n:05}": None for n in range(1, 4)}))
sys.exit(0 if len(result.entries) == 3 else str(result))
"""


def start(world: World, delay_s: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, world.server.url, str(world.directory), str(delay_s)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_two_processes_keep_the_pause_between_them(world: World) -> None:
    busy, most = [0], [0]

    def count(handler: Handler, response: Response) -> None:
        busy[0] += 1
        most[0] = max(most[0], busy[0])
        time.sleep(0.02)
        busy[0] -= 1

    world.server.always = count
    processes = [start(world, 0.15), start(world, 0.15)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    times = [request.time for request in world.server.requests]
    assert len(times) == 6
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.15
    assert most == [1]


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_sigint_inside_a_request_ends_the_process_and_frees_the_turn(world: World) -> None:
    world.server.always = base.hang
    process = start(world, 0.0)
    deadline = time.monotonic() + 30
    while not world.server.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
    with FileLock(world.directory / "arxiv.lock", timeout=0):
        pass
