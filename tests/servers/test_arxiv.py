"""tests.servers.arxiv answers as arXiv does."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest
from lxml import etree

from tests.servers.arxiv import ArxivServer, Paper, parse_query
from tests.servers.base import running

ATOM = "{http://www.w3.org/2005/Atom}"
PAPERS: list[Paper] = [
    {"id": "2501.00001", "title": "Short chains", "categories": ["cs.CL"], "authors": ["Ada Example"]},
    {"id": "2501.00002", "title": "Short-chain pruning", "abstract": "On chains.", "categories": ["cs.LG"]},
    {"id": "2501.00002", "title": "Short-chain pruning", "version": 2, "updated": "2025-06-01T00:00:00Z"},
    {"id": "hep-th/9901001", "title": "Long & <old>", "published": "1999-01-01T00:00:00Z"},
]


def ask(server: ArxivServer, **query: object) -> tuple[int, list[str], int]:
    """Status, ids of the entries, total."""
    try:
        with urllib.request.urlopen(f"{server.url}/api/query?{urlencode(query)}", timeout=5) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    feed = etree.fromstring(body)
    ids = [
        str(entry.findtext(f"{ATOM}id")).removeprefix("http://arxiv.org/abs/")
        for entry in feed.iter(f"{ATOM}entry")
    ]
    return status, ids, int(str(feed.findtext("{http://a9.com/-/spec/opensearch/1.1/}totalResults")))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("ti:chains", [0]),
        ("all:chains", [0, 1]),
        ('ti:"short chain"', [1, 2]),
        ("cat:cs.*", [0, 1]),
        ("ti:short ANDNOT cat:cs.LG", [0, 2]),
        ("(cat:cs.LG OR au:ada) AND ti:short", [0, 1]),
        ("chains old", [0, 1, 3]),
    ],
)
def test_a_search_finds_what_it_says(text: str, numbers: list[int]) -> None:
    matches = parse_query(text)
    assert [number for number, paper in enumerate(PAPERS) if matches(paper)] == numbers


def test_ids_give_the_newest_version_or_the_one_named_and_leave_out_the_unknown() -> None:
    with running(ArxivServer(PAPERS)) as server:
        asked = "2501.00002,2501.00001v1,2501.00002v1,2501.00001v7,2501.09999,hep-th/9901001"
        found = ["2501.00002v2", "2501.00001v1", "2501.00002v1", "hep-th/9901001v1"]
        assert ask(server, id_list=asked) == (200, found, 4)


def test_pages_are_sorted_and_cut() -> None:
    with running(ArxivServer(PAPERS)) as server:
        oldest = ask(
            server,
            search_query="all:short OR all:long",
            sortBy="submittedDate",
            sortOrder="ascending",
            max_results=1,
        )
        assert oldest == (200, ["hep-th/9901001v1"], 3)
        newest = ask(
            server, search_query="all:short OR all:long", sortBy="lastUpdatedDate", start=0, max_results=2
        )
        assert newest == (200, ["2501.00002v2", "2501.00001v1"], 3)


@pytest.mark.parametrize(
    "query",
    [
        {"id_list": "2513.00001"},
        {"id_list": "2501.00001,x"},
        {"search_query": "all:x", "max_results": 30_001},
        {"search_query": "all:x", "start": -1},
        {"search_query": "(all:x"},
        {"search_query": 'ti:"x'},
        {"search_query": "AND x"},
        {},
    ],
)
def test_what_arxiv_refuses_is_400_with_an_error_entry_or_200_as_it_was(query: dict[str, object]) -> None:
    with running(ArxivServer(PAPERS)) as server:
        status, ids, _ = ask(server, **query)
        assert (status, len(ids)) == (400, 1)
        assert ids[0].startswith("https://arxiv.org/api/errors#")
        server.errors_with_200 = True
        assert ask(server, **query)[0] == 200


def test_a_page_holds_two_thousand_at_most() -> None:
    papers: list[Paper] = [{"id": f"2501.{n:05}", "title": "Many"} for n in range(1, 2100)]
    with running(ArxivServer(papers)) as server:
        status, ids, total = ask(server, search_query="ti:many", max_results=5000)
        assert (status, len(ids), total) == (200, 2000, 2099)


def test_the_command_serves_files_until_it_is_stopped(tmp_path: Path) -> None:
    rows = [
        {
            "arxiv_id": "2501.00001",
            "title": "One",
            "authors": ["Ada"],
            "published": None,
            "announced": "2025-01-09",
        },
        {"arxiv_id": "2502.00002", "title": "Two", "authors": ["Ada"], "published": None, "announced": None},
        {"arxiv_id": "2502.00003", "title": "Three", "authors": None},
    ]
    file = tmp_path / "papers.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    papers = {paper["id"]: paper["published"] for paper in _loaded(file)}
    assert papers == {"2501.00001": "2025-01-09T00:00:00Z", "2502.00002": "2025-02-01T00:00:00Z"}
    command = [sys.executable, "-m", "tests.servers.arxiv", str(file)]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[0]
            with urllib.request.urlopen(f"{url}/api/query?id_list=2502.00002", timeout=5) as answer:
                assert b"2502.00002v1" in answer.read()
        finally:
            process.terminate()


def _loaded(file: Path) -> list[dict[str, object]]:
    server = ArxivServer.from_jsonl([file])
    server.server_close()
    return server.papers
