"""Citations from a loopback server with every fault that the real one has shown: each answer counts for what it is worth."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from kb.config import CitationsSettings, HttpSettings
from kb.errors import EXIT_NOT_AUTHORISED, NotAuthorised, SafetyStop, UpstreamError
from kb.sources.citations import CitationsSource
from kb.sources.entry import Known, SourceResult, Status
from tests.servers import base
from tests.servers.citations import CitationsServer

RECORDS = {
    "almeida2024frugal": {"arxiv_id": "2401.10000"},
    "brandt2024early": {"arxiv_id": "2402.10000"},
    "chen2023votes": {"doi": "10.1145/1"},
    "dvorak2022notes": {},
}
CITES = {
    "ARXIV:2401.10000": ["DOI:10.1145/1", "ARXIV:1706.03762"],
    "ARXIV:2402.10000": ["ARXIV:2401.10000", "DOI:10.1145/1"],
    "DOI:10.1145/1": [],
}
FOUND = {
    "almeida2024frugal": ("chen2023votes",),
    "brandt2024early": ("almeida2024frugal", "chen2023votes"),
    "chen2023votes": (),
}


@pytest.fixture
def server() -> Iterator[CitationsServer]:
    with base.running(CitationsServer(CITES)) as made:
        yield made


class Asked:
    """One run, and how long it would have waited."""

    def __init__(
        self,
        server: CitationsServer,
        folder: Path,
        *,
        key: str | None = None,
        cites: Mapping[str, tuple[str, ...]] | None = None,
        allow_removals: bool = False,
        records: dict[str, dict[str, str]] | None = None,
        http: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.waits: list[float] = []
        self.now = 1_000_000.0
        patience = {"timeout_s": 0.4, "backoff_s": 1.0, "max_wait_s": 60.0, "tries": 3, **(http or {})}
        made = CitationsSettings(
            enabled=True,
            base_url=server.url,
            **({"delay_s": 0.0} | settings),
            http=HttpSettings.model_validate(patience),
        )
        source = CitationsSource(
            made, folder, SecretStr(key) if key else None, sleep=self.sleep, clock=lambda: self.now
        )
        known = Known(records=records or RECORDS, cites=cites or {}, allow_removals=allow_removals)
        self.result: SourceResult = source.fetch(known)
        self.cites = {name: answer.cites for name, answer in self.result.cites.items()}

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def test_edges_between_records_alone(server: CitationsServer, tmp_path: Path) -> None:
    """Each record's references that are records, whatever identifier they are known by; others are nobody's business."""
    asked = Asked(server, tmp_path)
    assert (asked.result.status, asked.cites) == (Status.OK, FOUND)
    assert server.asked == [["ARXIV:2401.10000", "ARXIV:2402.10000", "DOI:10.1145/1"]]
    assert "1 have no identifier" in asked.result.summary
    assert asked.result.entries == ()


def test_nothing_new_is_empty(server: CitationsServer, tmp_path: Path) -> None:
    """What was known before and is said again is no news."""
    asked = Asked(server, tmp_path, cites={key: keys for key, keys in FOUND.items() if keys})
    assert asked.result.status is Status.EMPTY


def test_papers_are_asked_for_in_batches(server: CitationsServer, tmp_path: Path) -> None:
    """No request holds more ids than the settings allow."""
    asked = Asked(server, tmp_path, batch_size=1)
    assert [len(ids) for ids in server.asked] == [1, 1, 1]
    assert asked.cites == FOUND


def test_unknown_papers_say_nothing(server: CitationsServer, tmp_path: Path) -> None:
    """A null in the answer, or the refusal of a batch of which nothing is known, is no answer about those papers."""
    del server.cites["ARXIV:2401.10000"]
    asked = Asked(server, tmp_path)
    assert asked.cites.keys() == {"brandt2024early", "chen2023votes"}
    assert asked.result.status is Status.OK
    server.cites.clear()
    asked = Asked(server, tmp_path)
    assert (asked.result.status, asked.cites) == (Status.EMPTY, {})
    assert "3 of 3 are not known there" in asked.result.summary


def test_references_that_were_left_out_are_asked_for_again(server: CitationsServer, tmp_path: Path) -> None:
    """An answer that holds fewer references than it counts is asked for by itself, and then counts in full."""
    server.most = 3
    asked = Asked(server, tmp_path)
    assert server.asked[1:] == [["ARXIV:2402.10000"]]
    assert asked.result.cites["brandt2024early"].complete
    assert asked.cites == FOUND


def test_references_that_are_withheld_make_an_answer_incomplete(
    server: CitationsServer, tmp_path: Path
) -> None:
    """Where references are fewer than their count to the last, nothing may be taken away for it."""
    server.counts["ARXIV:2401.10000"] = 40
    asked = Asked(server, tmp_path)
    assert not asked.result.cites["almeida2024frugal"].complete
    assert asked.result.status is Status.OK
    assert "1 have references that it does not give" in asked.result.summary


def change(value: Any, *path: Any) -> base.Fault:
    """The good answer with another value at `path`."""

    def fault(handler: base.Handler, response: base.Response) -> None:
        data = json.loads(response.body)
        at = data
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
        response.body = json.dumps(data).encode()

    return fault


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (["no object"], (0,)),
        ("none", (0, "references")),
        ("two", (0, "referenceCount")),
        ({"ArXiv": "2309.99999"}, (0, "externalIds")),
    ],
)
def test_a_paper_that_cannot_be_read_is_named(
    server: CitationsServer, tmp_path: Path, value: Any, path: tuple[Any, ...]
) -> None:
    """A value of the wrong type, or about another paper, costs that paper alone; the run is partial."""
    server.faults = [change(value, *path)]
    asked = Asked(server, tmp_path)
    assert asked.result.status is Status.PARTIAL
    assert [problem.where for problem in asked.result.problems] == ["almeida2024frugal"]
    assert asked.cites == {key: keys for key, keys in FOUND.items() if key != "almeida2024frugal"}


def test_null_references_and_ids_are_passed_over(server: CitationsServer, tmp_path: Path) -> None:
    """A reference that is null, or has no ids, is one that nobody can name."""
    server.faults = [change(None, 1, "references", 0)]
    assert Asked(server, tmp_path).cites["brandt2024early"] == ("chen2023votes",)
    server.faults = [change(None, 1, "references", 0, "externalIds")]
    assert Asked(server, tmp_path).cites["brandt2024early"] == ("chen2023votes",)


@pytest.mark.parametrize(
    "fault",
    [
        base.status(503),
        base.status(429),
        base.html(),
        base.cut(),
        base.short_body,
        base.reset,
        base.hang,
        base.body("[]", "application/json"),
        base.body("[" * 50_000, "application/json"),
    ],
    ids="503 429 html cut short reset hang too-few nested".split(),
)
def test_what_may_pass_is_tried_again(server: CitationsServer, tmp_path: Path, fault: base.Fault) -> None:
    """One bad answer costs a pause; one after another, a bounded number of tries, and the run has failed."""
    server.faults = [fault]
    asked = Asked(server, tmp_path)
    assert (asked.result.status, asked.cites) == (Status.OK, FOUND)
    assert asked.waits == pytest.approx([1.0])
    server.requests.clear()
    server.always = fault
    asked = Asked(server, tmp_path)
    assert (asked.result.status, asked.cites, len(server.requests)) == (Status.FAILED, {}, 3)
    assert isinstance(asked.result.error, UpstreamError)
    assert "\n" not in str(asked.result.error)


def test_a_pause_that_is_asked_for_is_made(server: CitationsServer, tmp_path: Path) -> None:
    """Retry-After is waited for; a longer one than kb is ready for ends the run."""
    server.faults = [base.status(429, Retry_After="7")]
    assert Asked(server, tmp_path).waits == pytest.approx([7.0])
    server.faults = [base.status(429, Retry_After="86400")]
    asked = Asked(server, tmp_path / "other")
    assert (asked.result.status, asked.waits) == (Status.FAILED, [])
    assert "86400 s" in str(asked.result.error)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (base.status(404, '{"error": "no"}', Content_Type="application/json"), "HTTP 404"),
        (base.status(400, '{"error": "Bad fields"}', Content_Type="application/json"), "HTTP 400"),
        (base.redirect("http://example.com/"), "HTTP 302"),
        (base.bomb(65), "more than 1000000 bytes"),
    ],
    ids="404 400 redirect bomb".split(),
)
def test_what_will_not_pass_is_not_tried_again(
    server: CitationsServer, tmp_path: Path, fault: base.Fault, words: str
) -> None:
    """A refusal, a redirect and an endless body end the run at once."""
    server.always = fault
    asked = Asked(server, tmp_path, http={"max_bytes": 1_000_000})
    assert (asked.result.status, len(server.requests)) == (Status.FAILED, 1)
    assert words in str(asked.result.error)


def test_what_came_before_a_failure_counts(server: CitationsServer, tmp_path: Path) -> None:
    """A server that goes away in the middle: the run is partial, and what it said stays said."""
    server.faults = [None]
    server.always = base.status(503)
    asked = Asked(server, tmp_path, batch_size=2)
    assert asked.result.status is Status.PARTIAL
    assert asked.cites.keys() == {"almeida2024frugal", "brandt2024early"}


def test_requests_keep_their_distance(server: CitationsServer, tmp_path: Path) -> None:
    """Between two requests lies at least the delay of the settings."""
    asked = Asked(server, tmp_path, batch_size=1, delay_s=1.5)
    assert asked.waits == pytest.approx([1.5, 1.5])


def test_a_bad_key_is_tried_once(server: CitationsServer, tmp_path: Path) -> None:
    """A refused key is no outage: one attempt, an exit code of its own."""
    server.key = "right"
    asked = Asked(server, tmp_path, key="wrong")
    assert isinstance(asked.result.error, NotAuthorised)
    assert (asked.result.error.exit_code, len(server.requests)) == (EXIT_NOT_AUTHORISED, 1)
    assert Asked(server, tmp_path, key="right").cites == FOUND


def test_the_key_is_told_to_nobody_else(
    server: CitationsServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands in the header alone: in no address, no message, no log of any library, no file."""
    canary = "canary-4711"
    server.faults = [base.status(503), base.status(403, canary)]
    with caplog.at_level(logging.DEBUG):
        asked = Asked(server, tmp_path, key=canary)
    assert server.requests[0].headers["x-api-key"] == canary
    told = [caplog.text, str(asked.result), asked.result.summary, *(r.path for r in server.requests)]
    told += [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(canary in text for text in told)


def test_many_citations_that_went_stop_the_run(server: CitationsServer, tmp_path: Path) -> None:
    """A server that suddenly says that nothing cites anything is more likely broken than right."""
    records = {f"a2024n{n}": {"arxiv_id": f"2401.{n:05}"} for n in range(20)}
    server.cites = {f"ARXIV:2401.{n:05}": [] for n in range(20)}
    before = {key: ("a2024n1",) for key in records if key != "a2024n1"}
    asked = Asked(server, tmp_path, records=records, cites=before)
    assert (asked.result.status, type(asked.result.error)) == (Status.PARTIAL, SafetyStop)
    assert not any(answer.complete for answer in asked.result.cites.values())
    asked = Asked(server, tmp_path, records=records, cites=before, allow_removals=True)
    assert asked.result.status is Status.OK
    assert all(answer.complete for answer in asked.result.cites.values())
