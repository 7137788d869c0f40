"""`kb sync citations` and `kb import bibtex --cited-by`: one file, between records alone, never less after half an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kb.errors import EXIT_DATA, EXIT_OK, EXIT_PARTIAL, EXIT_UPSTREAM, EXIT_USAGE
from tests.pipeline.kbase import ArxivServer, KnowledgeBase, paper, settings
from tests.servers import base as servers
from tests.servers.citations import CitationsServer

KEYS = ("almeida2024frugal", "brandt2024early", "chen2023votes")
IDS = ("2401.10000", "2402.10000", "2301.10000")


@pytest.fixture
def server() -> Iterator[CitationsServer]:
    names = [f"ARXIV:{each}" for each in IDS]
    with servers.running(CitationsServer({names[0]: [names[2]], names[1]: names[:1], names[2]: []})) as made:
        yield made


@pytest.fixture
def cited(base: KnowledgeBase, server: CitationsServer) -> KnowledgeBase:
    """Three records, and a source of citations."""
    (base.root / "papers").mkdir()
    for key, arxiv_id in zip(KEYS, IDS, strict=True):
        base.path(key).write_text(
            f'title: About {key}\nauthors: [Ada Almeida]\nidentifiers:\n  arxiv_id: "{arxiv_id}"\n'
            "labels:\n  - {branch: shorter, by: list, source: a/b}\n"
        )
    base.configure(configuration(server.url))
    return base


def configuration(url: str, **others: Any) -> str:
    http = "timeout_s = 2.0\ntries = 2\nbackoff_s = 0.01\nmax_wait_s = 1.0\n"
    return settings(**others) + (
        f'[sources.citations]\nenabled = true\nbase_url = "{url}"\ndelay_s = 0.0\n[sources.citations.http]\n{http}'
    )


def lines(base: KnowledgeBase) -> dict[str, list[str]]:
    path = base.root / "papers" / "_citations.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {f"{row['paper']} {row['source']}": row["cites"] for row in rows}


FOUND = {
    "almeida2024frugal semantic-scholar": ["chen2023votes"],
    "brandt2024early semantic-scholar": ["almeida2024frugal"],
}


def test_a_sync_writes_who_cites_whom_once(cited: KnowledgeBase) -> None:
    """One line a citing paper; a second sync changes no byte, and says that there was nothing new."""
    done = cited.run("sync", "citations")
    assert (done.code, lines(cited)) == (EXIT_OK, FOUND), done.text
    assert "2 came" in done.out
    log = (cited.root / ".kb" / "log" / "sync.jsonl").read_text().splitlines()
    assert ("citations", "ok") in {(row.get("source"), row.get("status")) for row in map(json.loads, log)}
    before = cited.tree()
    done = cited.run("sync", "citations")
    assert (done.code, cited.tree()) == (EXIT_OK, before)
    assert "nothing new" in done.out


def test_records_that_a_sync_brings_are_asked_about_at_once(
    cited: KnowledgeBase, server: CitationsServer, arxiv: ArxivServer
) -> None:
    """Citations come last: a paper that a list and arXiv brought in the same run has its line already."""
    names = [f"About {key}" for key in KEYS]
    arxiv.papers = [paper(*pair) for pair in zip((*IDS, "2403.10000"), (*names, "A New Paper"), strict=True)]
    server.cites["ARXIV:2403.10000"] = [f"ARXIV:{IDS[0]}"]
    (cited.root / "list.md").write_text(
        "## Short chains\n\n- [A New Paper](https://arxiv.org/abs/2403.10000)\n"
    )
    lists = '[[sources.lists]]\nname = "a/b"\npath = "list.md"\ncreates = true\n'
    cited.configure(configuration(server.url, arxiv=arxiv.url) + lists)
    done = cited.run("sync")
    assert done.code == EXIT_OK, done.text
    (key,) = set(cited.keys()) - set(KEYS)
    assert lines(cited)[f"{key} semantic-scholar"] == ["almeida2024frugal"]


def test_a_dry_run_writes_nothing(cited: KnowledgeBase) -> None:
    before = cited.tree()
    assert cited.run("sync", "citations", "--dry-run").code == EXIT_OK
    assert cited.tree() == before


def test_the_address_may_come_from_the_environment(
    cited: KnowledgeBase, server: CitationsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """KB_CITATIONS_BASE_URL takes the place of the one in kb.toml, as for the other sources."""
    cited.configure(configuration("http://127.0.0.1:9"))
    monkeypatch.setenv("KB_CITATIONS_BASE_URL", server.url)
    assert cited.run("sync", "citations").code == EXIT_OK
    assert lines(cited) == FOUND


def test_a_failure_changes_nothing(cited: KnowledgeBase, server: CitationsServer) -> None:
    """What was known before an outage is known after it; the exit code says that it was one."""
    cited.run("sync", "citations")
    before = cited.tree()
    server.always = servers.status(503)
    assert cited.run("sync", "citations").code == EXIT_UPSTREAM
    assert cited.tree() == before


def test_only_a_complete_answer_takes_away(cited: KnowledgeBase, server: CitationsServer) -> None:
    """A citation goes when a whole list of references comes without it, and stays when a part of one does."""
    cited.run("sync", "citations")
    server.cites[f"ARXIV:{IDS[0]}"] = []
    server.counts[f"ARXIV:{IDS[0]}"] = 12
    assert cited.run("sync", "citations").code == EXIT_OK
    assert lines(cited) == FOUND
    server.counts.clear()
    done = cited.run("sync", "citations")
    assert "1 went" in done.out
    assert lines(cited) == {"brandt2024early semantic-scholar": ["almeida2024frugal"]}


def test_a_record_that_went_takes_its_citations_along(cited: KnowledgeBase) -> None:
    """Both ends are records: what a removed one cites, or is cited by, goes with the next sync."""
    cited.run("sync", "citations")
    cited.path("almeida2024frugal").unlink()
    assert cited.run("sync", "citations").code == EXIT_OK
    assert lines(cited) == {}


def test_a_merge_brings_its_citations_along(cited: KnowledgeBase) -> None:
    """What was said of a record is said of the one that it was merged into."""
    cited.run("sync", "citations")
    assert cited.run("same", "brandt2024early", "chen2023votes", "--by", "Ada").code == EXIT_OK
    assert not cited.path("chen2023votes").exists()
    shown = json.loads(cited.run("graph", "show", "almeida2024frugal", "--json").out)
    assert [each["paper"] for each in shown["cites"]] == ["brandt2024early"]
    assert [each["paper"] for each in shown["cited by"]] == ["brandt2024early"]
    assert "no record" not in cited.run("check", "--only", "citations").text


def test_a_paper_that_cannot_be_read_keeps_its_citations(
    cited: KnowledgeBase, server: CitationsServer
) -> None:
    """A broken value in the answer: exit code 7, the paper named, its line as it was."""
    cited.run("sync", "citations")
    server.cites[f"ARXIV:{IDS[0]}"] = [f"ARXIV:{IDS[1]}"]

    def broken(handler: Any, response: servers.Response) -> None:
        data = json.loads(response.body)
        data[1]["references"] = "none"
        response.body = json.dumps(data).encode()

    server.faults = [broken]
    done = cited.run("sync", "citations")
    assert (done.code, "brandt2024early" in done.text) == (EXIT_PARTIAL, True)
    assert lines(cited)["brandt2024early semantic-scholar"] == ["almeida2024frugal"]
    assert lines(cited)["almeida2024frugal semantic-scholar"] == ["brandt2024early"]


def test_a_damaged_file_stops_the_sync(cited: KnowledgeBase) -> None:
    """It is named with its line and a remedy, and is not written over."""
    path = cited.root / "papers" / "_citations.jsonl"
    path.write_text('{"paper": "a"}\n')
    done = cited.run("sync", "citations")
    assert done.code == EXIT_DATA
    assert "_citations.jsonl:1" in done.err
    assert path.read_text() == '{"paper": "a"}\n'


BIB = """\
@article{one, title={About almeida2024frugal}, author={Almeida, Ada}, eprint={2401.10000}, archivePrefix={arXiv}, year={2024}}
@article{two, title={Something Else Entirely}, author={Noor, Nia}, eprint={2201.10000}, archivePrefix={arXiv}, year={2022}}
"""


def test_a_bibliography_is_what_its_paper_cites(cited: KnowledgeBase) -> None:
    """Records that the file names are cited by the record that it belongs to; others are not; a second import is no change."""
    path = cited.root / "survey.bib"
    path.write_text(BIB)
    arguments = ("import", "bibtex", str(path), "--candidates", "--cited-by", "chen2023votes")
    assert cited.run(*arguments).code == EXIT_OK
    assert lines(cited) == {"chen2023votes bibtex": ["almeida2024frugal"]}
    before = cited.tree()
    cited.run(*arguments)
    assert cited.tree() == before
    cited.run("sync", "citations")
    assert lines(cited) == FOUND | {"chen2023votes bibtex": ["almeida2024frugal"]}


def test_a_bibliography_belongs_to_a_record(cited: KnowledgeBase) -> None:
    """A key that is no record is refused before anything is written."""
    path = cited.root / "survey.bib"
    path.write_text(BIB)
    before = cited.tree()
    assert cited.run("import", "bibtex", str(path), "--cited-by", "nobody2020nothing").code == EXIT_USAGE
    assert cited.tree() == before
