"""Every row of the reliability scorecard that concerns `kb sync`, end to end: command line, real sockets, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kb.cli import main
from tests.library import CANNOT_OBEY, OBEYS_MODES
from tests.pipeline.kbase import ArxivServer, KnowledgeBase, Outcome, ZoteroServer, leftovers, paper
from tests.servers.base import Fault, Request, Response, body, cut, hang, header, html, running, status
from tests.servers.zotero import item

CHAINS = "Thrifty Chains of Thought for Small Models"
VOTES = "Pruned Votes at Test Time"
X, Y = "2504.00001", "2504.00002"
CANARY = "canary0canary0canary0key"


def fill(zotero: ZoteroServer, arxiv: ArxivServer | None = None) -> None:
    """One paper that Zotero and arXiv share, one that only Zotero has."""
    zotero.library.add_collection("COLL0001", "Short chains")
    zotero.library.add(
        item(
            "AAAA1111",
            CHAINS,
            authors=["Ada Almeida"],
            date="2025",
            archiveID=f"arXiv:{X}",
            collections=["COLL0001"],
        ),
        item("BBBB2222", VOTES, authors=["Emeka Eze"], date="2025", DOI="10.1145/1", kind="journalArticle"),
    )
    if arxiv is not None:
        arxiv.papers.append(paper(X, CHAINS, "Ada Almeida", "Jun Fukuda"))


def one_line(outcome: Outcome, code: int, *words: str) -> str:
    """The command failed with `code` and says so in exactly one line that holds all `words`; no traceback."""
    assert outcome.code == code, outcome
    assert "Traceback" not in outcome.text
    lines = [line for line in outcome.text.splitlines() if all(word in line for word in words)]
    assert len(lines) == 1, outcome.text
    return lines[0]


def quiet(base: KnowledgeBase, *words: str) -> None:
    """A sync that changes no byte and is content."""
    before = base.tree()
    again = base.run("sync", *words)
    assert again.code == 0, again.text
    assert "nothing changed" in again.out
    assert base.tree() == before
    assert leftovers(base.root) == []


# Papers


def test_one_paper_in_both_sources_is_one_record(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer
) -> None:
    """One record, each field from who knows it best, and `kb show --provenance` names both."""
    fill(zotero, arxiv)
    done = both.run("sync")
    assert (done.code, both.keys()) == (0, ["almeida2025thrifty", "eze2025pruned"]), done.text
    shown = json.loads(both.run("show", "almeida2025thrifty", "--provenance", "--json").out)
    assert shown["authors"] == ["Ada Almeida", "Jun Fukuda"]
    assert shown["provenance"]["identifiers.arxiv_id"] == [f"arxiv {X}", "zotero AAAA1111"]
    assert shown["provenance"]["labels"] == ["zotero AAAA1111"]
    quiet(both)
    assert both.cursors()["zotero"]["version"] == zotero.library.version


@pytest.mark.parametrize("names", [("zotero", "arxiv"), ("arxiv", "zotero"), ()])
def test_the_order_in_which_sources_are_named_does_not_show(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer, names: tuple[str, ...], tmp_path: Path
) -> None:
    """The same tree, byte for byte."""
    fill(zotero, arxiv)
    assert both.run("sync", *names).code == 0
    other = KnowledgeBase(tmp_path / "other", both.capsys)
    other.configure(zotero=zotero.url, arxiv=arxiv.url)
    assert other.run("sync").code == 0
    assert both.tree() == other.tree()


def test_a_new_version_updates_the_record_and_flags_its_claims(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer
) -> None:
    """The same record with the new version; the sync says which claims to read again, and so does kb check."""
    fill(zotero, arxiv)
    both.run("sync")
    claim = "claims:\n  - id: saves-half  # mine\n    statement: It saves half.\n    arxiv_version: 1\n"
    both.path("almeida2025thrifty").write_text(both.text("almeida2025thrifty") + claim)
    arxiv.papers.append(
        paper(X, CHAINS, "Ada Almeida", "Jun Fukuda", version=2, updated="2025-06-01T00:00:00Z")
    )
    done = both.run("sync")
    assert (done.code, both.keys()) == (0, ["almeida2025thrifty", "eze2025pruned"])
    assert "almeida2025thrifty: version 2 on arXiv (was 1); check again: saves-half" in done.out
    text = both.text("almeida2025thrifty")
    assert "arxiv_version: 2" in text
    assert claim in text
    assert "the claim saves-half is pinned to version 1; version 2 is out" in both.run("check").out
    quiet(both)


def test_a_withdrawn_paper_is_flagged_and_kept(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer
) -> None:
    """The record stays, says that and why it was withdrawn, and the sync and the check say so too."""
    fill(zotero, arxiv)
    both.run("sync")
    both.edit("almeida2025thrifty", f"title: {CHAINS}\n", f"title: {CHAINS}  # read it\n")
    why = "This paper has been withdrawn by the author due to an error in Lemma 2"
    arxiv.papers.append(paper(X, CHAINS, "Ada Almeida", "Jun Fukuda", version=2, withdrawn=True, comment=why))
    done = both.run("sync")
    assert done.code == 0
    assert f"almeida2025thrifty: now withdrawn: {why}" in done.out
    text = both.text("almeida2025thrifty")
    assert f"\ntitle: {CHAINS}  # read it\n" in text
    assert "publication_state: withdrawn" in text
    assert f"withdrawn_reason: {why}" in text
    assert f"withdrawn: {why}" in both.run("check").out
    quiet(both)


def test_an_id_that_arxiv_does_not_know_is_named(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """Exit code 7 with the id; the record is there all the same."""
    fill(zotero)
    one_line(both.run("sync"), 7, "arxiv", X, "not known there")
    assert both.keys() == ["almeida2025thrifty", "eze2025pruned"]


def test_an_entry_with_a_bad_date_is_named_and_the_others_are_taken(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer
) -> None:
    """Exit code 7 with the id; what arXiv says of the other papers reaches their records."""
    fill(zotero, arxiv)
    zotero.library.add(item("CCCC3333", "Latent Students", authors=["Hana Jensen"], extra=f"arXiv:{Y}"))
    arxiv.papers.append(paper(Y, "Latent Students", published="yesterday"))
    one_line(both.run("sync"), 7, Y, "bad date")
    assert "Jun Fukuda" in both.text("almeida2025thrifty")


def test_old_ids_have_safe_file_names(both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer) -> None:
    """hep-th/9901001 makes a file in papers/ and comes back as it was."""
    zotero.library.add(
        item("CCCC3333", "Large N Field Theories", url="http://arxiv.org/abs/hep-th/9901001v3")
    )
    arxiv.papers.append(paper("hep-th/9901001", "Large N Field Theories", "Ofer Aharony", version=3))
    assert both.run("sync").code == 0
    (key,) = both.keys()
    assert key == "aharony1999large"
    assert json.loads(both.run("show", "hep-th/9901001", "--json").out)["key"] == key
    quiet(both)


class Growing(ArxivServer):
    """An arXiv to which a newer paper is added after each of the first requests, which shifts the later pages."""

    def answer(self, request: Request) -> Response:
        response = super().answer(request)
        if len(self.papers) < 6:
            new = len(self.papers)
            self.papers.append(
                paper(f"2504.0000{new}", f"Votes of Kind {new}", published=f"2025-04-0{new + 1}T00:00:00Z")
            )
        return response


def test_the_same_id_on_two_pages_is_one_paper(base: KnowledgeBase) -> None:
    """A search whose pages shift while they are read brings each paper once, and the next one settles."""
    query = '[[sources.arxiv.queries]]\nname = "votes"\nquery = "ti:votes"\nmax_results = 100\n'
    first = [
        paper(f"2504.0000{n}", f"Votes of Kind {n}", published=f"2025-04-0{n + 1}T00:00:00Z")
        for n in range(4)
    ]
    with running(Growing(first)) as arxiv:
        base.configure(arxiv=arxiv.url, queries="page_size = 2\n" + query)
        assert base.run("sync").code == 0
        assert base.run("sync").code == 0
        ids = [candidate["identifiers"]["arxiv_id"] for candidate in base.candidates()]
        assert sorted(ids) == sorted(set(ids))
        assert len(ids) == 6
        quiet(base)


def test_notes_and_attachments_are_never_papers(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """Only the item itself is; what hangs from it or stands alone as a note is not."""
    fill(zotero)
    zotero.library.add(
        item("NOTE1111", "", "note", parentItem="AAAA1111", note="<p>A thought</p>"),
        item("FILE1111", "Full Text PDF", "attachment", parentItem="AAAA1111"),
        item("NOTE2222", "", "note", note="<p>Alone</p>"),
        item("FILE2222", "Alone.pdf", "attachment"),
        item("MARK1111", "", "annotation", parentItem="FILE1111"),
    )
    assert both.run("sync", "zotero").code == 0
    assert both.keys() == ["almeida2025thrifty", "eze2025pruned"]
    assert both.candidates() == []


# People


def test_a_person_and_upstream_changed_the_same_field(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """The person wins; the sync, the check and the file say so until a person settles it."""
    fill(zotero)
    zotero.library.update("BBBB2222", publicationTitle="Journal of Votes")
    both.run("sync", "zotero")
    key = "eze2025pruned"
    both.edit(key, "venue: Journal of Votes", "venue: J. Votes  # their short form")
    zotero.library.update("BBBB2222", publicationTitle="Journal of Many Votes", abstractNote="New.")
    done = both.run("sync", "zotero")
    assert done.code == 0
    said = "venue: the record says 'J. Votes', the sources say 'Journal of Many Votes'"
    assert f"conflict: {key}: {said}" in done.out
    assert "venue: J. Votes  # their short form" in both.text(key)
    assert said.split(": ", 1)[1] in both.run("check").out
    quiet(both, "zotero")
    assert both.run("resolve", key, "venue", "--mine").code == 0
    assert "the sources say" not in both.run("check").out
    quiet(both, "zotero")
    zotero.library.update("BBBB2222", publicationTitle="Journal of All Votes")
    both.run("sync", "zotero")
    assert both.run("resolve", key, "venue", "--theirs").code == 0
    assert "venue: Journal of All Votes  # their short form" in both.text(key)
    quiet(both, "zotero")


def test_a_person_edits_while_the_sync_is_asking(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """The edit is not lost, although the sync read the record before it and changes the record after it."""
    fill(zotero)
    both.run("sync", "zotero")
    zotero.library.update("BBBB2222", publicationTitle="Journal of Votes")
    edited: list[bool] = []

    def edit(request: Request) -> None:
        if not edited:
            edited.append(True)
            both.edit("eze2025pruned", f"title: {VOTES}\n", "title: Votes, Pruned  # better\n")

    zotero.before = edit
    assert both.run("sync", "zotero").code == 0
    assert "title: Votes, Pruned  # better\n" in both.text("eze2025pruned")
    assert "venue: Journal of Votes\n" in both.text("eze2025pruned")
    quiet(both, "zotero")


# Removals


def test_trashed_then_deleted_is_marked_and_kept(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """The record and its curated text stay, byte for byte; kb check says that its source gave it up."""
    fill(zotero)
    both.run("sync", "zotero")
    text = both.text("eze2025pruned").replace(f"title: {VOTES}", f"title: {VOTES}  # dear to me")
    both.path("eze2025pruned").write_text(text)
    for change in (zotero.library.trash, zotero.library.delete):
        change("BBBB2222")
        done = both.run("sync", "zotero")
        assert done.code == 0, done.text
        assert both.text("eze2025pruned") == text
        assert "removed-at-source: papers/eze2025pruned.yaml" in both.run("check").out
        quiet(both, "zotero")


class NoDeletions(ZoteroServer):
    """A Zotero whose log of deletions is broken while `broken` is set."""

    broken = False

    def answer(self, request: Request) -> Response:
        if self.broken and request.path.endswith("/deleted"):
            return Response(500, b"no", {"Content-Type": "text/plain"})
        return super().answer(request)


def test_deletions_that_cannot_be_read_keep_the_cursor(base: KnowledgeBase) -> None:
    """`/deleted` fails after the items were listed: exit code 4, no byte changes, and the next sync gets it all."""
    with running(NoDeletions()) as zotero:
        base.configure(zotero=zotero.url)
        fill(zotero)
        base.run("sync")
        zotero.library.update("AAAA1111", title=CHAINS + ", Again")
        zotero.library.delete("BBBB2222")
        before = base.tree()
        zotero.broken = True
        one_line(base.run("sync"), 4, "zotero: FAILED", "/deleted", "500")
        assert base.tree() == before
        zotero.broken = False
        assert base.run("sync").code == 0
        assert f"title: {CHAINS}, Again" in base.text("almeida2025thrifty")
        assert base.store().rows["zotero BBBB2222"].entry.removed


def test_mass_removal_stops_until_it_is_allowed(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """Exit code 7, nothing marked, cursor kept; --allow-removals goes on."""
    names = ["Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta", "Iota", "Kappa"]
    zotero.library.add(
        *(
            item(f"ITEM000{n}", f"{name} Votes", authors=[f"A {name}"], date="2025")
            for n, name in enumerate(names)
        )
    )
    both.run("sync", "zotero")
    zotero.library.delete(*(f"ITEM000{n}" for n in range(5)))
    before = both.tree()
    one_line(both.run("sync", "zotero"), 7, "zotero", "5 of the 10", "--allow-removals")
    assert both.tree() == before
    assert both.run("sync", "zotero", "--allow-removals").code == 0
    assert sum(row.entry.removed for row in both.store().rows.values()) == 5
    assert len(both.keys()) == 10
    quiet(both, "zotero")


# Upstream trouble: nothing changes, one line, an exit code


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (status(503), 4, ["503"]),
        (status(429), 4, ["429"]),
        (html(), 4, ["text/html"]),
        (body("", "application/atom+xml"), 4, []),
        (cut(0.6), 4, []),
        (hang, 4, []),
        (
            body('<?xml version="1.0"?><!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><f>&x;</f>'),
            4,
            [],
        ),
        (status(429, Retry_After="86400"), 4, ["come back after"]),
    ],
)
def test_arxiv_in_trouble_changes_nothing(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer, fault: Fault, code: int, words: list[str]
) -> None:
    """Whatever it answers for ever: a bounded number of tries, one line that names arXiv, records as they were."""
    fill(zotero, arxiv)
    both.run("sync")
    both.configure(arxiv=arxiv.url, timeout_s=0.3)
    before, asked = both.tree(), len(arxiv.requests)
    arxiv.always = fault
    one_line(both.run("sync"), code, "arxiv: FAILED", X, *words)
    assert both.tree() == before
    assert 0 < len(arxiv.requests) - asked <= 3
    arxiv.always = None
    quiet(both)


def test_arxiv_waits_as_long_as_it_is_told(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer
) -> None:
    """429 with Retry-After twice, then 200: at least that long, and all is well."""
    fill(zotero, arxiv)
    arxiv.faults = [status(429, Retry_After="1"), status(429, Retry_After="1")]
    start = time.monotonic()
    assert both.run("sync").code == 0
    assert time.monotonic() - start >= 2
    assert len(both.keys()) == 2


def test_zotero_fails_and_arxiv_still_counts(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer
) -> None:
    """What one source brings is kept; the exit code and the line tell of the other, whose cursor stays."""
    fill(zotero, arxiv)
    both.run("sync")
    cursors = both.cursors()
    arxiv.papers.append(paper(X, CHAINS, "Ada Almeida", "Jun Fukuda", version=2))
    zotero.always = status(500)
    one_line(both.run("sync"), 4, "zotero: FAILED", "500")
    assert "arxiv_version: 2" in both.text("almeida2025thrifty")
    assert both.cursors()["zotero"] == cursors["zotero"]


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (status(429), 4, ["429"]),
        (header(Backoff="86400"), 4, ["24.0 hours", "sync again after"]),
        (status(403, "Forbidden"), 5, ["403", "ZOTERO_API_KEY"]),
        (html(), 4, ["text/html"]),
        (body('{"an": "object"}', "application/json"), 4, []),
        (body("[1, 2", "application/json"), 4, ["not JSON"]),
        (hang, 4, ["no answer"]),
    ],
)
def test_zotero_in_trouble_changes_nothing(
    both: KnowledgeBase, zotero: ZoteroServer, fault: Fault, code: int, words: list[str]
) -> None:
    """Bounded tries, one line that names Zotero, records and cursor as they were, nothing marked removed."""
    fill(zotero)
    both.run("sync", "zotero")
    zotero.library.update("AAAA1111", title="Something New")
    both.configure(zotero=zotero.url, timeout_s=0.3)
    before, asked = both.tree(), len(zotero.requests)
    zotero.always = fault
    one_line(both.run("sync"), code, "zotero: FAILED", *words)
    assert both.tree() == before
    assert 0 < len(zotero.requests) - asked <= (1 if code == 5 else 4)


def test_nothing_new_is_said_and_not_written(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """304: "up to date", exit code 0, one request, no file touched at all."""
    fill(zotero)
    both.run("sync", "zotero")
    papers = both.root / "papers"
    stamps = {path: path.stat().st_mtime_ns for path in papers.rglob("*")} | {
        papers: papers.stat().st_mtime_ns
    }
    asked = len(zotero.requests)
    done = both.run("sync", "zotero")
    assert (done.code, len(zotero.requests) - asked) == (0, 1)
    assert "up to date" in done.out
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}


def test_the_library_changes_between_two_pages(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """The sync ends with one state of the library, and the next has nothing left to do."""
    zotero.library.add(
        *(item(f"ITEM{n:04d}", f"Votes of Kind {n}", authors=[f"A Name{n}"], date="2025") for n in range(250))
    )
    changed: list[int] = []

    def change(request: Request) -> None:
        if len(zotero.requests) in (3, 5) and len(changed) < 2:
            changed.append(len(zotero.requests))
            zotero.library.update("ITEM0007", title=f"Votes, Changed {len(changed)} Times")

    zotero.before = change
    assert both.run("sync", "zotero").code == 0
    assert changed
    assert both.run("sync", "zotero").code == 0
    assert len(both.keys()) == 250
    titles = [p.title for p in both.store().library.values()]
    assert f"Votes, Changed {len(changed)} Times" in titles
    quiet(both, "zotero")


# Secrets


def test_the_key_is_nowhere(
    both: KnowledgeBase,
    zotero: ZoteroServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in the tree, not in logs or caches, not in what is printed, after a 403, a crash and a good run."""
    monkeypatch.setenv("ZOTERO_API_KEY", CANARY)
    caplog.set_level("DEBUG")
    said = ""
    for key, fault in (("other", None), (CANARY, status(500)), (CANARY, html()), (CANARY, None)):
        zotero.private, zotero.key, zotero.always = True, key, fault
        fill(zotero) if not zotero.library.items else None
        outcome = both.run("--debug", "sync", "zotero")
        assert outcome.code in (0, 4, 5)
        said += outcome.text
    (both.root / "papers" / "broken.yaml").write_text("title: [\n")
    assert both.capsys is not None
    assert main(["--debug", *both.arguments("sync", "zotero")]) == 3
    captured = both.capsys.readouterr()
    said += captured.out + captured.err + caplog.text
    assert both.keys()
    assert CANARY not in said
    for path in both.root.parent.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


# Processes


def wait_for(condition: object, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_two_syncs_at_once(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """One runs; the other ends with 6 and one line, and changes nothing."""
    fill(zotero)
    go = threading.Event()
    zotero.before = lambda request: (go.wait(20), None)[1]
    first = both.spawn("sync", "zotero")
    wait_for(lambda: zotero.requests)
    second = both.run("sync", "zotero")
    one_line(second, 6, "another kb process is writing")
    go.set()
    out, err = first.communicate(timeout=60)
    assert first.returncode == 0, out + err
    zotero.before = None
    quiet(both, "zotero")


def test_an_interrupt_in_a_page_leaves_nothing_behind(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """Control-C: 130, no temporary file, no lock held, records as they were; the next sync is whole."""
    fill(zotero)
    both.run("sync", "zotero")
    zotero.library.update("AAAA1111", title="Something New")
    before = both.tree()
    go = threading.Event()
    zotero.before = lambda request: (go.wait(20), None)[1]
    asked = len(zotero.requests)
    child = both.spawn("sync", "zotero")
    wait_for(lambda: len(zotero.requests) > asked)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    go.set()
    zotero.before = None
    assert child.returncode == 130, out + err
    assert err.strip() == "kb: interrupted; nothing half-written is left"
    assert (both.tree(), leftovers(both.root)) == (before, [])
    assert both.run("sync", "zotero").code == 0
    assert "title: Something New" in both.text("almeida2025thrifty")


def test_killed_at_every_step_a_sync_leaves_whole_files(
    both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer, tmp_path: Path
) -> None:
    """SIGKILL before and after every creation, flush, rename and removal: no half file, and a rerun converges."""
    fill(zotero, arxiv)
    both.run("sync")
    both.edit("eze2025pruned", f"title: {VOTES}", "title: Votes, Pruned  # mine")
    both.edit("almeida2025thrifty", "  - Jun Fukuda", "  # the second\n  - Jun Fukuda")
    arxiv.papers.append(paper(X, CHAINS, "Ada Almeida", "Jun Fukuda", "Hana Jensen", version=2))
    arxiv.papers.append(paper(Y, "Latent Students for Vision", "Hana Jensen"))
    zotero.library.update("BBBB2222", title="Pruned Votes, Revised")  # a conflict
    zotero.library.add(
        item("CCCC3333", "Latent Students for Vision", date="2025", extra=f"arXiv:{Y}"),
        item("DDDD4444", "Unknown Author's Work"),  # waits
    )
    program = subprocess.run(
        [sys.executable, "-m", "tests.pipeline.killed", str(both.root), str(tmp_path / "work"), "sync"],
        cwd=Path(__file__).parents[2],
        env=os.environ | both.env,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert program.returncode == 0, program.stdout[-4000:] + program.stderr[-4000:]
    report = json.loads(program.stdout.splitlines()[-1])
    assert report["kills"] >= 40
    assert report["changed"] >= 6


# Disks


@pytest.mark.parametrize("limit", [0, 200, 2000])
def test_a_full_disk_leaves_the_old_content(both: KnowledgeBase, zotero: ZoteroServer, limit: int) -> None:
    """No file can grow past `limit` bytes: one clear line, every file as it was or wholly new, and then all is well."""
    fill(zotero)
    both.run("sync", "zotero")
    zotero.library.update("AAAA1111", abstractNote="", title=CHAINS + ": " + "word " * 60)
    zotero.library.add(
        item("CCCC3333", "Latent Students", authors=[f"Hana{'a' * 40} J{n}x" for n in range(60)], date="2025")
    )
    before = both.tree()
    program = (
        "import resource, signal, sys; from kb.cli import main; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); sys.exit(main())"
    )
    child = both.spawn("sync", "zotero", program=("-c", program))
    out, err = child.communicate(timeout=60)
    assert child.returncode not in (0, 2, 4, 5, 7), out + err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1, err
    assert "a bug in kb" not in err
    cut_short = both.tree()
    assert leftovers(both.root) == []
    both.configure(zotero=zotero.url)
    assert both.run("sync", "zotero").code == 0
    after = both.tree()
    for name, content in cut_short.items():
        assert content in (before.get(name), after[name]), name
    assert both.keys() == ["almeida2025thrifty", "eze2025pruned", "j0x2025latent"]
    quiet(both, "zotero")


@pytest.mark.parametrize("folder", ["papers", "papers/_sources", ".kb"])
def test_a_folder_that_cannot_be_written_is_named(
    both: KnowledgeBase, zotero: ZoteroServer, folder: str
) -> None:
    """A file stands where a folder belongs, which stops even the superuser: one line with its name; nothing is lost."""
    fill(zotero)
    if folder != "papers":
        (both.root / "papers").mkdir(exist_ok=True)
    (both.root / folder).write_text("in the way")
    before = both.tree()
    done = both.run("sync", "zotero")
    assert done.code in (1, 3), done.text
    assert "Traceback" not in done.text
    assert "a bug in kb" not in done.text
    assert folder.split("/")[-1] in done.err
    assert (both.root / folder).read_text() == "in the way"
    assert {name: content for name, content in both.tree().items() if name in before} == before
    (both.root / folder).unlink()
    assert both.run("sync", "zotero").code == 0
    quiet(both, "zotero")


@pytest.mark.skipif(CANNOT_OBEY, reason="the superuser may write everywhere, and there is no setpriv")
def test_a_read_only_folder_is_named(both: KnowledgeBase, zotero: ZoteroServer) -> None:
    """papers/ without write permission: one line, old content intact."""
    fill(zotero)
    both.run("sync", "zotero")
    zotero.library.update("AAAA1111", title="Something New")
    before = both.tree()
    (both.root / "papers").chmod(0o500)
    try:
        process = both.spawn("sync", "zotero", under=OBEYS_MODES)
        out, err = process.communicate(timeout=60)
        one_line(Outcome(process.returncode, out, err), 1, "papers", "cannot be written")
        assert both.tree() == before
    finally:
        (both.root / "papers").chmod(0o700)


# Imports


def test_what_an_import_says_arrives_when_arxiv_knows_the_paper(
    base: KnowledgeBase, arxiv: ArxivServer
) -> None:
    """The review waits outside the committed files until there is a record for it, and is then in the record alone."""
    base.configure(arxiv=arxiv.url)
    readme = base.root / "readme.md"
    readme.write_text(
        f"# A Survey\n\n## Paper Reviews\n\n### 1. {CHAINS}\n- **Insight**: It saves tokens, we think.\n"
        f"- **Link**: [arXiv](https://arxiv.org/abs/{X})\n"
    )
    assert base.run("import", "survey_readme", str(readme)).code == 0
    assert base.keys() == []
    papers = {name: content for name, content in base.tree().items() if name.startswith("papers/")}
    assert not any(b"we think" in content for content in papers.values())
    arxiv.papers.append(paper(X, CHAINS, "Ada Almeida"))
    assert base.run("sync", "arxiv").code == 0
    if base.keys() == []:
        assert base.run("accept", X).code == 0
    assert "It saves tokens, we think." in base.text("almeida2025thrifty")
    quiet(base)
    before = base.tree()
    assert base.run("import", "survey_readme", str(readme)).code == 0
    assert base.tree() == before
