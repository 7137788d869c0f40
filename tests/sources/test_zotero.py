"""The Zotero source against a loopback server that behaves, and misbehaves, as Zotero's does."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from pydantic import SecretStr

from kb.config import HttpSettings, ZoteroSettings
from kb.errors import ConfigError, NotAuthorised, SafetyStop, UpstreamError
from kb.sources.entry import Known, SourceResult, Status
from kb.sources.zotero import ZoteroSource
from tests.servers.base import (
    Fault,
    Handler,
    Request,
    Response,
    body,
    bomb,
    broken_chunk,
    cut,
    hang,
    header,
    html,
    redirect,
    reset,
    running,
    short_body,
    status,
    without_header,
)
from tests.servers.zotero import GROUP, Library, ZoteroServer, item

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[ZoteroServer]:
    """Six papers in a group that anyone may read."""
    library = Library()
    library.add_collection("COLL0001", "Smaller")
    library.add_collection("COLL0002", "Quantization", parent="COLL0001")
    library.add(
        *(item(f"PAPER00{n}", f"Thinking in {n} bits", collections=["COLL0002"]) for n in range(1, 7))
    )
    with running(ZoteroServer(library)) as server:
        assert isinstance(server, ZoteroServer)
        yield server


class Sync:
    """A source and what its pipeline would remember between two runs."""

    def __init__(self, server: ZoteroServer, key: str | None = None, group: int = GROUP, **http: Any) -> None:
        patience = {
            "timeout_s": 2.0,
            "tries": 3,
            "backoff_s": 4.0,
            "max_wait_s": 60.0,
            "max_bytes": 4_000_000,
        } | http
        self.settings = ZoteroSettings(base_url=server.url, group=group, http=HttpSettings(**patience))
        self.key = SecretStr(key) if key is not None else None
        self.known = Known()
        self.slept: list[float] = []

    def run(self, **settings: Any) -> SourceResult:
        source = ZoteroSource(
            self.settings.model_copy(update=settings), self.key, sleep=self.slept.append, now=NOW.timestamp
        )
        result = source.fetch(self.known)
        ids = (self.known.entry_ids | {entry.entry_id for entry in result.entries}) - set(result.removed)
        self.known = replace(self.known, cursor=result.cursor or self.known.cursor, entry_ids=frozenset(ids))
        return result


def titles(result: SourceResult) -> dict[str, str | None]:
    return {entry.entry_id: entry.title for entry in result.entries}


def failed(result: SourceResult, *words: str) -> str:
    """The error's line, of a run that may change nothing; it holds all `words` and names the source."""
    assert result.status is Status.FAILED
    assert (result.entries, result.removed, result.cursor, result.complete) == ((), (), None, False)
    line = str(result.error)
    assert isinstance(result.error, UpstreamError)
    assert "zotero" in line
    assert "\n" not in line
    for word in words:
        assert word in line
    return line


# Syncing


def test_first_run_gives_the_whole_library_and_a_cursor(server: ZoteroServer) -> None:
    result = Sync(server).run()
    assert result.status is Status.OK
    assert titles(result) == {f"PAPER00{n}": f"Thinking in {n} bits" for n in range(1, 7)}
    assert result.entries[0].headings[0].path == ("Smaller", "Quantization")
    assert result.cursor == {"library": f"groups/{GROUP}", "version": server.library.version}
    assert result.complete
    assert result.creates
    assert result.requests == len(server.requests)


def test_second_run_gives_only_what_changed(server: ZoteroServer) -> None:
    sync = Sync(server)
    first = sync.run()
    server.library.update("PAPER003", title="Thinking in three bits")
    server.library.add(item("PAPER007", "Seven"))
    second = sync.run()
    assert titles(second) == {"PAPER003": "Thinking in three bits", "PAPER007": "Seven"}
    assert not second.complete
    assert second.cursor is not None
    assert first.cursor is not None
    assert second.cursor["version"] > first.cursor["version"]


def test_unchanged_library_is_answered_with_304_and_is_up_to_date(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    before = len(server.requests)
    result = sync.run()
    assert result.status is Status.EMPTY
    assert result.summary == f"library version {server.library.version}, up to date"
    assert result.cursor is None
    assert result.error is None
    assert len(server.requests) == before + 1


def test_change_that_concerns_no_paper_moves_the_cursor_only(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.add(item("NOTE0001", kind="note", parentItem="PAPER001", note="<p>mine</p>"))
    result = sync.run()
    assert result.status is Status.EMPTY
    assert result.entries == ()
    assert result.cursor == {"library": f"groups/{GROUP}", "version": server.library.version}


def test_notes_attachments_and_annotations_are_never_papers(server: ZoteroServer) -> None:
    server.library.add(
        item(
            "ATTACH01",
            "Full Text PDF",
            "attachment",
            parentItem="PAPER001",
            url="https://arxiv.org/pdf/2501.00001",
        ),
        item("ATTACH02", "2501.00002.pdf", "attachment", url="https://arxiv.org/pdf/2501.00002"),
        item("NOTE0001", kind="note", note="arXiv:2501.00003"),
        item("ANNOT001", kind="annotation", parentItem="ATTACH01", annotationText="a"),
    )
    result = Sync(server).run()
    assert len(result.entries) == 6
    assert result.status is Status.OK


def test_pages_are_joined_whatever_the_servers_next_link_says(server: ZoteroServer) -> None:
    server.library.add(*(item(f"MANY{n:04}", f"Paper {n}") for n in range(60)))
    server.always = header(Link=f'<{server.url}/groups/{GROUP}/collections?start=0>; rel="next"')
    result = Sync(server).run(page_size=7)
    assert len(titles(result)) == 66
    assert all(entry.headings for entry in result.entries if entry.entry_id.startswith("PAPER"))
    assert len(server.requests) < 20


def test_more_collections_than_one_page_are_all_read(server: ZoteroServer) -> None:
    for n in range(30):
        server.library.add_collection(f"LEAF{n:04}", f"Leaf {n}", parent="COLL0001")
    server.library.add(item("LEAFY001", "Leafy", collections=["LEAF0029"]))
    result = Sync(server).run(page_size=9)
    leafy = next(entry for entry in result.entries if entry.entry_id == "LEAFY001")
    assert leafy.headings[0].path == ("Smaller", "Leaf 29")


@pytest.mark.slow
def test_ten_thousand_items_are_read_in_a_hundred_pages(server: ZoteroServer) -> None:
    server.library.add(*(item(f"BULK{n:05}", f"Paper {n}") for n in range(9_994)))
    result = Sync(server).run()
    assert len(result.entries) == 10_000
    assert result.requests == 102


# Trash, deletion, collections


def test_trashed_item_is_marked_and_its_restoring_unmarks_it(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.trash("PAPER002")
    trashed = sync.run()
    assert [(entry.entry_id, entry.removed) for entry in trashed.entries] == [("PAPER002", True)]
    assert trashed.removed == ("PAPER002",)
    server.library.restore("PAPER002")
    restored = sync.run()
    assert [(entry.entry_id, entry.removed) for entry in restored.entries] == [("PAPER002", False)]
    assert restored.removed == ()


def test_item_deleted_for_good_is_removed(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.delete("PAPER002")
    result = sync.run()
    assert (result.entries, result.removed, result.status) == ((), ("PAPER002",), Status.OK)


def test_trashed_then_deleted_between_two_runs_is_removed(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.trash("PAPER002")
    server.library.delete("PAPER002")
    assert sync.run().removed == ("PAPER002",)


def test_trashed_item_that_cannot_be_read_is_removed_all_the_same(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.update("PAPER002", title=None, deleted=1)
    result = sync.run()
    assert (result.entries, result.removed, result.problems) == ((), ("PAPER002",), ())


def test_item_that_kb_never_saw_alive_is_passed_over_in_the_trash(server: ZoteroServer) -> None:
    server.library.add(item("TRASHED1", "Thrown away", deleted=1))
    result = Sync(server).run()
    assert "TRASHED1" not in titles(result)
    assert result.removed == ()


def test_paper_that_becomes_something_else_is_removed(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.update("PAPER004", itemType="film")
    result = sync.run()
    assert (result.entries, result.removed) == ((), ("PAPER004",))


def test_new_key_of_a_lost_cursor_finds_what_was_deleted_meanwhile(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.delete("PAPER001")
    sync.known = replace(sync.known, cursor={})
    result = sync.run()
    assert result.removed == ("PAPER001",)
    assert result.complete


def test_move_between_collections_reaches_the_item(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.update("PAPER001", collections=["COLL0001"])
    result = sync.run()
    assert [entry.headings[0].path for entry in result.entries] == [("Smaller",)]


@pytest.mark.parametrize("change", ["rename the parent", "move", "delete"])
def test_change_of_a_collection_reaches_items_whose_versions_did_not_change(
    server: ZoteroServer, change: str
) -> None:
    sync = Sync(server)
    sync.run()
    expected: dict[str, list[tuple[str, ...]]] = {
        "rename the parent": [("Compression", "Quantization")],
        "move": [("Quantization",)],
        "delete": [],
    }
    if change == "rename the parent":
        server.library.update_collection("COLL0001", name="Compression")
    elif change == "move":
        server.library.update_collection("COLL0002", parentCollection=False)
    else:
        server.library.delete_collection("COLL0002")
    result = sync.run()
    assert len(result.entries) == 6
    for entry in result.entries:
        assert [heading.path for heading in entry.headings] == expected[change]
    assert sync.run().status is Status.EMPTY


# Removals that a person is not likely to want


def test_mass_removal_stops_and_removes_nothing(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.trash("PAPER001", "PAPER002")
    server.library.add(item("PAPER009", "New"))
    result = sync.run()
    assert result.status is Status.PARTIAL
    assert isinstance(result.error, SafetyStop)
    assert result.removed == ()
    assert result.cursor is None
    assert not result.complete
    assert titles(result) == {"PAPER009": "New"}
    assert "2 of the 6" in str(result.error)


def test_mass_removal_goes_through_once_allowed(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.delete(*(f"PAPER00{n}" for n in range(1, 7)))
    assert isinstance(sync.run().error, SafetyStop)
    sync.known = replace(sync.known, allow_removals=True)
    result = sync.run()
    assert result.error is None
    assert len(result.removed) == 6
    assert result.cursor is not None


def test_single_removal_passes_in_a_small_library_unless_none_may(server: ZoteroServer) -> None:
    server.library.delete("PAPER003", "PAPER004", "PAPER005", "PAPER006")
    sync = Sync(server)
    sync.run()
    server.library.trash("PAPER001")
    assert isinstance(sync.run(max_removed_share=0.0).error, SafetyStop)
    assert sync.run().removed == ("PAPER001",)


def test_another_group_in_the_settings_voids_the_cursor_and_keeps_the_old_papers(
    server: ZoteroServer,
) -> None:
    sync = Sync(server)
    sync.run()
    server.library.group = 77
    result = sync.run(group=77)
    assert [request.query.get("since") for request in server.requests[-3:]] == [None] * 3
    assert result.status is Status.OK
    other = Library(78)
    other.add(item("ELSE0001", "Elsewhere"))
    server.library = other
    result = sync.run(group=78)
    assert isinstance(result.error, SafetyStop)
    assert result.removed == ()


@pytest.mark.parametrize(
    "cursor",
    [
        {"version": 5},
        {"library": f"groups/{GROUP}", "version": "5"},
        {"library": f"groups/{GROUP}", "version": True},
        {"a": []},
    ],
)
def test_cursor_that_makes_no_sense_is_no_cursor(server: ZoteroServer, cursor: dict[str, Any]) -> None:
    sync = Sync(server)
    sync.known = Known(cursor=cursor)
    assert sync.run().complete


def test_log_of_deletions_that_starts_too_late_leads_to_a_full_read(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.delete("PAPER001")

    def forgotten(handler: Handler, response: Response) -> bool | None:
        return status(409)(handler, response) if "/deleted" in handler.path else None

    server.always = forgotten
    result = sync.run()
    assert result.complete
    assert result.removed == ("PAPER001",)


def test_empty_list_of_versions_may_be_written_as_an_empty_array(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.add(item("NOTE0001", kind="note", parentItem="PAPER001"))
    server.faults = [body("[]")]
    assert sync.run().status is Status.EMPTY


def test_empty_first_page_of_a_longer_list_never_passes_for_nothing(server: ZoteroServer) -> None:
    server.faults = [body("{}")]
    assert len(Sync(server).run().entries) == 6
    server.always = body("{}")
    failed(Sync(server).run(), "0 of 6")


def test_library_set_back_to_an_older_version_is_read_anew(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.version -= 1
    assert sync.run().complete


# The library changes while it is read


def test_item_added_between_two_pages_is_in_the_same_run(server: ZoteroServer) -> None:
    def once(request: Request) -> None:
        if "itemKey" in request.query and "PAPER010" not in server.library.items:
            server.library.add(item("PAPER010", "Late"))
            server.library.delete("PAPER006")

    server.before = once
    result = Sync(server).run(page_size=2)
    assert "PAPER010" in titles(result)
    assert "PAPER006" not in titles(result)
    assert result.status is Status.OK
    assert result.cursor is not None
    assert result.cursor["version"] == server.library.version


def test_library_that_never_rests_still_converges(server: ZoteroServer) -> None:
    sync = Sync(server)

    def always(request: Request) -> None:
        server.library.update("PAPER001", title=f"Edit {server.library.version}")

    server.before = always
    result = sync.run(page_size=2)
    assert result.status is Status.OK
    assert len(result.entries) == 6
    assert not result.complete
    assert result.cursor is not None
    assert result.cursor["version"] < server.library.version
    server.before = None
    assert titles(sync.run()) == {"PAPER001": server.library.items["PAPER001"]["title"]}
    assert sync.run().status is Status.EMPTY


def test_item_that_is_listed_but_not_given_is_missing_and_the_cursor_stays(server: ZoteroServer) -> None:
    def lose(handler: Handler, response: Response) -> None:
        if handler.path.find("itemKey") > 0:
            items = json.loads(response.body)
            response.body = json.dumps([one for one in items if one["key"] != "PAPER005"]).encode()

    server.always = lose
    result = Sync(server).run()
    assert result.status is Status.PARTIAL
    assert result.missing == ("PAPER005",)
    assert result.cursor is None
    assert not result.complete
    assert len(result.entries) == 5


# Items that cannot be read


@pytest.mark.parametrize(
    "fields",
    [
        {"title": None},
        {"title": 12},
        {"title": "", "DOI": ""},
        {"creators": None},
        {"creators": ["A. Author"]},
        {"creators": [{"creatorType": "author", "name": 3}]},
        {"tags": {"tag": "x"}},
        {"tags": ["x", 4]},
        {"collections": [1]},
        {"DOI": ["10.1/x"]},
        {"itemType": None},
        {"extra": None},
        {"date": 2025},
    ],
)
def test_item_with_wrong_types_is_quarantined_and_named(server: ZoteroServer, fields: dict[str, Any]) -> None:
    sync = Sync(server)
    server.library.update("PAPER003", **fields)
    result = sync.run()
    assert result.status is Status.PARTIAL
    assert len(result.entries) == 5
    assert [problem.where for problem in result.problems] == ["zotero item PAPER003"]
    assert result.cursor == cursor(server, "PAPER003")
    assert not result.complete
    server.library.add(item("PAPER003", "Mended"))
    mended = sync.run()
    assert mended.status is Status.OK
    assert titles(mended) == {"PAPER003": "Mended"}
    assert mended.cursor == cursor(server)
    assert sync.run().status is Status.EMPTY


def cursor(server: ZoteroServer, *quarantined: str) -> dict[str, Any]:
    named = {"quarantined": list(quarantined)} if quarantined else {}
    return {"library": f"groups/{GROUP}", "version": server.library.version} | named


def test_quarantined_item_is_asked_for_again_without_reading_the_library_again(server: ZoteroServer) -> None:
    """Each run names it, stays partial and leaves the cursor as it is; other items are not fetched again."""
    sync = Sync(server)
    server.library.update("PAPER003", title=None)
    first = sync.run()
    for _ in range(2):
        server.requests.clear()
        again = sync.run()
        assert again.status is Status.PARTIAL
        assert (again.entries, again.removed, again.problems) == ((), (), first.problems)
        assert again.cursor == first.cursor == cursor(server, "PAPER003")
        assert [r.query["itemKey"] for r in server.requests if "itemKey" in r.query] == ["PAPER003"]


def test_quarantine_lets_other_changes_through_and_grows_in_order(server: ZoteroServer) -> None:
    sync = Sync(server)
    server.library.update("PAPER005", title=None)
    sync.run()
    server.library.update("PAPER002", creators=None)
    server.library.update("PAPER001", title="Thinking in one bit")
    result = sync.run()
    assert titles(result) == {"PAPER001": "Thinking in one bit"}
    assert result.cursor == cursor(server, "PAPER002", "PAPER005")
    server.library.update("PAPER005", title="Mended")
    result = sync.run()
    assert titles(result) == {"PAPER005": "Mended"}
    assert result.status is Status.PARTIAL
    assert result.cursor == cursor(server, "PAPER002")


def test_quarantined_item_that_a_new_parser_can_read_needs_no_change_of_the_library(
    server: ZoteroServer,
) -> None:
    sync = Sync(server)
    sync.run()
    sync.known = replace(sync.known, cursor=cursor(server, "PAPER004"))
    result = sync.run()
    assert titles(result) == {"PAPER004": "Thinking in 4 bits"}
    assert result.entries[0].headings[0].path == ("Smaller", "Quantization")
    assert (result.status, result.cursor) == (Status.OK, cursor(server))


@pytest.mark.parametrize("way", ["trash", "delete"])
def test_quarantined_item_that_is_gone_leaves_the_quarantine(server: ZoteroServer, way: str) -> None:
    sync = Sync(server)
    sync.run()
    server.library.update("PAPER003", title=None)
    sync.run()
    getattr(server.library, way)("PAPER003")
    result = sync.run()
    assert (result.status, result.removed, result.problems) == (Status.OK, ("PAPER003",), ())
    assert result.cursor == cursor(server)


def test_quarantined_item_that_is_not_given_keeps_the_cursor(server: ZoteroServer) -> None:
    sync = Sync(server)
    server.library.update("PAPER003", title=None)
    sync.run()
    del server.library.items["PAPER003"]  # and no word of it in the log of deletions
    result = sync.run()
    assert (result.status, result.cursor, result.missing) == (Status.PARTIAL, None, ("PAPER003",))
    assert result.removed == ()


def test_more_quarantined_items_than_one_request_takes_are_all_asked_for(server: ZoteroServer) -> None:
    sync = Sync(server)
    bad = [f"BAD{n:05d}" for n in range(130)]
    server.library.add(*(item(key) for key in bad))
    assert len(sync.run().problems) == 130
    server.requests.clear()
    assert len(sync.run().problems) == 130
    assert sum("itemKey" in request.query for request in server.requests) == 2


def test_item_that_contradicts_itself_is_read_and_named(server: ZoteroServer) -> None:
    """Both ids are in the problem; the run is a good one all the same."""
    sync = Sync(server)
    server.library.update("PAPER003", archiveID="arXiv:2401.10021", url="https://arxiv.org/abs/2401.10022")
    result = sync.run()
    (problem,) = result.problems
    assert problem.where == "zotero item PAPER003"
    assert "2401.10021" in problem.message
    assert "2401.10022" in problem.message
    assert (result.status, result.complete, result.cursor) == (Status.OK, True, cursor(server))
    (entry,) = (entry for entry in result.entries if entry.entry_id == "PAPER003")
    assert entry.identifiers == {"arxiv_id": "2401.10021"}
    assert sync.run().status is Status.EMPTY


def test_known_item_that_turns_unreadable_is_not_removed(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.update("PAPER003", title=None)
    result = sync.run()
    assert result.removed == ()
    assert result.status is Status.PARTIAL


@pytest.mark.parametrize("page", ['"text"', "null", '{"a": 1}', "[[[]]]", "[null, 3]"])
def test_item_page_of_another_shape_never_looks_like_no_items(server: ZoteroServer, page: str) -> None:
    server.faults = [None, None, body(page)]
    result = Sync(server).run()
    assert result.status in {Status.FAILED, Status.PARTIAL}
    assert result.cursor is None
    assert not result.complete
    assert result.removed == ()


@pytest.mark.parametrize(
    "listing", ['"[]"', '{"../../x": 3}', '{"PAPER001": "3"}', '{"PAPER001": null}', "7"]
)
def test_item_list_of_another_shape_never_moves_the_cursor(server: ZoteroServer, listing: str) -> None:
    sync = Sync(server)
    sync.run()
    sync.known = replace(sync.known, cursor={})
    server.faults = [body(listing)]
    result = sync.run()
    assert result.status in {Status.FAILED, Status.PARTIAL}
    assert result.cursor is None
    assert result.removed == ()
    assert not result.complete


# Refusals


def test_bad_key_is_tried_once(server: ZoteroServer) -> None:
    result = Sync(server, key="wrong0wrong0wrong0wrong0").run()
    failed(result, "403", "ZOTERO_API_KEY")
    assert isinstance(result.error, NotAuthorised)
    assert len(server.requests) == 1


def test_six_bad_keys_in_five_minutes_end_in_429(server: ZoteroServer) -> None:
    sync = Sync(server, key="wrong0wrong0wrong0wrong0")
    for _ in range(5):
        sync.run()
    failed(sync.run(), "left alone")


def test_good_key_opens_a_private_group_and_no_key_does_not(server: ZoteroServer) -> None:
    server.private = True
    assert Sync(server, key=f" {server.key}\n").run().status is Status.OK
    failed(Sync(server).run(), "without a key")


def test_group_that_became_private_removes_nothing(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.private = True
    before = len(server.requests)
    result = sync.run()
    failed(result, "ZOTERO_API_KEY")
    assert isinstance(result.error, NotAuthorised)
    assert len(server.requests) == before + 1


def test_group_that_is_not_there_is_named_with_the_fix(server: ZoteroServer) -> None:
    line = failed(Sync(server, group=12).run(), "group 12", "kb.toml")
    assert "404" in line
    assert len(server.requests) == 1


# Waiting


def test_429_waits_as_long_as_retry_after_says(server: ZoteroServer) -> None:
    server.faults = [status(429, Retry_After="7"), status(429, Retry_After="9")]
    sync = Sync(server)
    assert sync.run().status is Status.OK
    assert sync.slept == [7, 9]


def test_429_waits_until_the_date_that_retry_after_names(server: ZoteroServer) -> None:
    when = datetime(2026, 1, 2, 3, 4, 35, tzinfo=UTC)
    server.faults = [status(429, Retry_After=format_datetime(when, usegmt=True))]
    sync = Sync(server)
    assert sync.run().status is Status.OK
    assert sync.slept == [30]


@pytest.mark.parametrize(
    "headers", [{}, {"Retry_After": "soon"}, {"Retry_After": "-3"}, {"Retry_After": "nan"}]
)
def test_429_without_a_usable_retry_after_backs_off_and_gives_up(
    server: ZoteroServer, headers: dict[str, str]
) -> None:
    server.always = status(429, "Slow down", **headers)
    sync = Sync(server)
    failed(sync.run(), "429", "tried 3 times")
    assert len(server.requests) == 3
    assert len(sync.slept) == 2
    assert min(sync.slept) >= 4.0


def test_default_back_off_doubles(server: ZoteroServer) -> None:
    server.always = status(503)
    sync = Sync(server, tries=4)
    failed(sync.run(), "503")
    assert sync.slept == [4, 8, 16]


def test_backoff_on_a_good_answer_is_honoured_before_the_next_request(server: ZoteroServer) -> None:
    server.faults = [header(Backoff="11"), header(Backoff="abc")]
    sync = Sync(server)
    assert sync.run().status is Status.OK
    assert sync.slept == [11, 4]


@pytest.mark.parametrize(
    "fault", [header(Backoff="86400"), status(429, Retry_After="86400"), status(503, Backoff="86400")]
)
def test_backoff_of_a_day_stops_and_says_when_to_come_back(server: ZoteroServer, fault: Fault) -> None:
    server.faults = [fault]
    sync = Sync(server)
    failed(sync.run(), "2026-01-03 03:04 UTC")
    assert sync.slept == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("wait", ["9" * 400, "1e999", "99999999999999999999"])
def test_absurd_wait_stops_too(server: ZoteroServer, wait: str) -> None:
    server.always = header(Backoff=wait)
    result = Sync(server).run()
    assert result.status in {Status.FAILED, Status.OK}
    server.always = status(429, Retry_After=wait)
    failed(Sync(server).run())


# Faults


def test_request_repeated_after_500_has_exactly_the_same_parameters(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.run()
    server.library.update("PAPER001", title="New")
    del server.requests[:]
    server.faults = [status(500), None, status(502), None, status(503), None, status(504)]
    assert titles(sync.run()) == {"PAPER001": "New"}
    asked = [(request.path, request.query) for request in server.requests]
    assert asked[0::2] == asked[1::2]
    assert len(asked) == 8
    conditions = [request.headers.get("If-Modified-Since-Version") for request in server.requests]
    assert conditions[0] == conditions[1] is not None
    assert set(conditions[2:]) == {None}


RETRIED = {
    "500": status(500), "503 for ever": status(503), "reset": reset, "short body": short_body,
    "broken chunk": broken_chunk, "HTML with 200": html(), "no content type": without_header("Content-Type"),
    "wrong type": body("{}", "application/atom+xml"), "cut": cut(), "empty": body(""), "not UTF-8": body(b'{"a": "\xff\xfe"}'),
    "deep": body("[" * 100_000), "no version": without_header("Last-Modified-Version"),
    "garbled version": header(Last_Modified_Version="4711abc"), "negative version": header(Last_Modified_Version="-4"),
    "garbled total": header(Total_Results="lots"), "false gzip": header(Content_Encoding="gzip"),
    "304 unasked": status(304), "a huge number": body("1" * 10_000),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(RETRIED) - {"304 unasked"}))
@pytest.mark.parametrize("at", [0, 1, 2])
def test_passing_fault_is_retried_and_leaves_no_trace(server: ZoteroServer, name: str, at: int) -> None:
    clean = Sync(server).run()
    server.faults = [None] * at + [RETRIED[name]]
    result = Sync(server).run()
    assert (result.status, result.entries, result.cursor) == (Status.OK, clean.entries, clean.cursor)
    assert result.requests == clean.requests + 1


@pytest.mark.parametrize("name", sorted(RETRIED))
@pytest.mark.parametrize("second_run", [False, True])
def test_lasting_fault_fails_after_bounded_tries(server: ZoteroServer, name: str, second_run: bool) -> None:
    sync = Sync(server, timeout_s=0.4)
    if second_run:
        sync.run()
        server.library.trash("PAPER001")
        if name == "304 unasked":
            server.faults = [None]
        del server.requests[:]
    server.always = RETRIED[name]
    line = failed(sync.run(), "/groups/")
    assert len(server.requests) <= 4
    assert "?" not in line


def test_server_that_never_answers_times_out(server: ZoteroServer) -> None:
    server.always = hang
    failed(Sync(server, timeout_s=0.15, tries=2).run(), "no answer within 0.15 s", "tried 2 times")


def test_server_that_trickles_is_cut_off(server: ZoteroServer) -> None:
    def trickle(handler: Handler, response: Response) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not handler.server.closing.wait(0.02):
            handler.wfile.write(b" ")
        return True

    server.always = trickle
    failed(Sync(server, timeout_s=0.1, tries=1).run(), "longer than")


def test_compression_bomb_is_stopped_at_the_limit(server: ZoteroServer) -> None:
    server.always = bomb(64)
    failed(Sync(server).run(), "larger than 4000000 bytes")
    assert len(server.requests) == 1


def test_nobody_listening_is_said_plainly(server: ZoteroServer) -> None:
    sync = Sync(server)
    sync.settings = sync.settings.model_copy(update={"base_url": "http://127.0.0.1:1"})
    failed(sync.run(), "cannot be reached")


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/elsewhere", "http://[", ""])
def test_redirects_are_not_followed(server: ZoteroServer, target: str) -> None:
    server.always = redirect(target)
    failed(Sync(server, key=server.key).run(), "redirects")
    assert len(server.requests) == 1


@pytest.mark.parametrize("code", [400, 405, 410, 413, 418])
def test_other_refusals_are_not_repeated(server: ZoteroServer, code: int) -> None:
    server.always = status(code)
    failed(Sync(server).run(), str(code))
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [status(500), html(), status(404), reset])
def test_failing_deleted_list_keeps_the_cursor_and_gives_nothing(server: ZoteroServer, fault: Fault) -> None:
    sync = Sync(server)
    sync.run()
    server.library.update("PAPER001", title="New")

    def only_deleted(handler: Handler, response: Response) -> bool | None:
        return fault(handler, response) if "/deleted" in handler.path else None

    server.always = only_deleted
    failed(sync.run(), "/deleted")
    server.always = None
    assert titles(sync.run()) == {"PAPER001": "New"}


def test_page_that_repeats_for_ever_is_noticed(server: ZoteroServer) -> None:
    for n in range(30):
        server.library.add_collection(f"LEAF{n:04}", f"Leaf {n}")

    def repeat(request: Request) -> None:
        request.query.pop("start", None)

    server.before = repeat
    failed(Sync(server).run(page_size=10), "same page again")


def test_interruption_passes_through(server: ZoteroServer) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    server.always = status(503)
    source = ZoteroSource(Sync(server).settings, sleep=interrupt)
    with pytest.raises(KeyboardInterrupt):
        source.fetch(Known())


# The key


CANARY = "c4n4ryc4n4ryc4n4ryc4n4ry"


@pytest.mark.parametrize("name", ["good", "403", "echo", "500", "reset", "html"])
def test_key_travels_in_the_header_and_shows_nowhere_else(
    server: ZoteroServer, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server.key = CANARY if name == "good" else "another"
    server.always = {
        "echo": status(403, f"Invalid key {CANARY}"), "500": status(500, CANARY), "reset": reset,
        "html": html(),
    }.get(name)  # fmt: skip
    result = Sync(server, key=CANARY).run()
    assert all(CANARY not in request.path + str(request.query) for request in server.requests)
    assert server.requests[0].headers["Authorization"] == f"Bearer {CANARY}"
    said = repr(result) + str(result.error) + caplog.text + "".join(capfd.readouterr())
    if result.error is not None:
        said += "".join(traceback.format_exception(result.error))
    assert CANARY not in said


@pytest.mark.parametrize("key", [f"{CANARY}\nX-Evil: 1", f"{CANARY}é", f"{CANARY} b"])
def test_key_that_fits_no_header_is_refused_without_being_quoted(server: ZoteroServer, key: str) -> None:
    result = Sync(server, key=key).run()
    assert isinstance(result.error, NotAuthorised)
    assert server.requests == []
    assert CANARY not in "".join(traceback.format_exception(result.error))


def test_key_never_travels_unencrypted_to_another_machine(server: ZoteroServer) -> None:
    sync = Sync(server, key=CANARY)
    sync.settings = sync.settings.model_copy(update={"base_url": "http://zotero.example"})
    result = sync.run()
    assert isinstance(result.error, ConfigError)
    assert result.requests == 0
