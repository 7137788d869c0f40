"""What people decide with kb: each command does what it says, can be obeyed by later syncs, and refuses in one line."""

from __future__ import annotations

import json

import pytest

from kb.pipeline.store import write_rows
from kb.reconcile.rows import Row
from kb.sources.entry import SourceEntry
from tests.pipeline.kbase import ArxivServer, KnowledgeBase, Outcome, ZoteroServer, paper
from tests.servers.base import status
from tests.servers.zotero import item

CHAINS = "Thrifty Chains of Thought for Small Models"
VOTES = "Pruned Votes at Test Time"
X, Y = "2504.00001", "2504.00002"
ALMEIDA, EZE = "almeida2025thrifty", "eze2025pruned"


@pytest.fixture
def two(both: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer) -> KnowledgeBase:
    """Two records, with what a person added to each."""
    zotero.library.add_collection("COLL0001", "Short chains")
    zotero.library.add(
        item(
            "AAAA1111",
            CHAINS,
            authors=["Ada Almeida"],
            date="2025",
            extra=f"arXiv:{X}",
            collections=["COLL0001"],
        ),
        item("BBBB2222", VOTES, "journalArticle", authors=["Emeka Eze"], date="2025", DOI="10.1145/1"),
    )
    arxiv.papers.append(paper(X, CHAINS, "Ada Almeida", "Jun Fukuda"))
    assert both.run("sync").code == 0
    both.edit(ALMEIDA, f"title: {CHAINS}\n", f"title: {CHAINS}  # ours\n")
    review = "review:\n  state: done\n  summary: Short.\n  reviewer: Hana\n"
    claims = "claims:\n  - id: c1  # read Table 2\n    statement: It saves half.\n"
    label = "labels:\n  - branch: faster\n    by: person\n    source: Hana\n    state: confirmed\n"
    both.path(EZE).write_text(both.text(EZE) + label + review + claims)
    return both


def done(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 0, outcome.text
    assert all(word in outcome.out for word in words), outcome.out


def refused(base: KnowledgeBase, *command: str, words: tuple[str, ...], code: int = 2) -> None:
    """One line on stderr that holds all `words`, the exit code, and not a byte changed."""
    before = base.tree()
    outcome = base.run(*command)
    assert (outcome.code, outcome.out) == (code, ""), outcome.text
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert all(word in outcome.err for word in words), outcome.err
    assert base.tree() == before


def quiet(base: KnowledgeBase) -> None:
    """The next sync obeys what was decided, and the one after it has nothing to do."""
    assert base.run("sync").code == 0
    before = base.tree()
    assert "nothing changed" in base.run("sync").out
    assert base.tree() == before


def waiting(base: KnowledgeBase) -> str:
    (candidate,) = base.candidates()
    return str(candidate["id"])


# new


def test_new_makes_a_record_from_an_id_or_a_url(base: KnowledgeBase, arxiv: ArxivServer) -> None:
    """With arXiv's facts, whatever way the paper is named; later syncs keep it up to date."""
    base.configure(arxiv=arxiv.url)
    arxiv.papers = [paper(X, CHAINS, "Ada Almeida"), paper(Y, VOTES, "Emeka Eze")]
    done(base.run("new", X), f"made papers/{ALMEIDA}.yaml")
    done(base.run("new", f"https://arxiv.org/pdf/{Y}v1"), f"made papers/{EZE}.yaml")
    quiet(base)
    arxiv.papers.append(paper(X, CHAINS + ", Revised", "Ada Almeida", version=2))
    assert base.run("sync").code == 0
    assert "Revised" in base.text(ALMEIDA)


def test_new_says_why_it_makes_nothing(two: KnowledgeBase, arxiv: ArxivServer) -> None:
    """No id, a record that is there, an unknown id, a rejected one, an arXiv that does not answer."""
    refused(two, "new", "hello", words=("'hello'", "no arXiv id"))
    refused(two, "new", X, words=(X, "is here already", ALMEIDA))
    refused(two, "new", "2504.09999", words=("2504.09999", "arXiv has no"), code=7)
    done(two.run("reject", ALMEIDA, "--reason", "no"))
    refused(two, "new", X, words=(X, "was rejected before", "_decisions.yaml"))
    arxiv.always = status(503)
    refused(two, "new", "2504.08888", words=("arxiv", "503", "2504.08888"), code=4)


# accept and reject


def test_accept_makes_records_of_candidates(base: KnowledgeBase, arxiv: ArxivServer) -> None:
    """By the candidate's id or the paper's; with --all, everything that is known well enough."""
    query = '[[sources.arxiv.queries]]\nname = "all"\nquery = "ti:of OR ti:at"\n'
    base.configure(arxiv=arxiv.url, queries=query)
    arxiv.papers = [paper(X, CHAINS, "Ada Almeida"), paper(Y, VOTES, "Emeka Eze")]
    assert base.run("sync").code == 0
    assert base.keys() == []
    done(base.run("accept", X), "accepted 1", ALMEIDA)
    refused(base, "accept", X, words=("nothing named", X, "is waiting"))
    done(base.run("accept", "--all"), EZE)
    assert base.candidates() == []
    quiet(base)


def test_accept_refuses_what_cannot_be_a_record(two: KnowledgeBase, zotero: ZoteroServer) -> None:
    """Unknown names, too little known, and doubts, which want another answer."""
    refused(two, "accept", words=("no candidate is named",))
    refused(two, "accept", "c-00000000", words=("nothing named 'c-00000000' is waiting",))
    zotero.library.add(item("CCCC3333", "An Unsigned Note on Budgets"))
    two.run("sync")
    refused(two, "accept", waiting(two), words=("cannot become a record", "no author"))
    zotero.library.update("CCCC3333", title=VOTES, extra=f"arXiv:{X}")
    two.run("sync")
    refused(two, "accept", waiting(two), words=("waits for another answer", "kb same", "kb different"))


def test_a_record_deleted_by_hand_comes_back_under_its_key(two: KnowledgeBase) -> None:
    """Not by a sync; by kb accept, with what its sources say now."""
    two.path(ALMEIDA).unlink()
    quiet(two)
    assert two.keys() == [EZE]
    done(two.run("accept", waiting(two)), ALMEIDA)
    assert json.loads(two.run("show", X, "--json").out)["key"] == ALMEIDA
    quiet(two)


def test_a_rejected_record_stays_out_under_every_name(
    two: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer
) -> None:
    """By identifier, by either of its titles, from another entry; and its key is given to no other paper."""
    arxiv.papers.append(paper(X, "Chains, Retitled", "Ada Almeida", "Jun Fukuda", version=2))
    two.run("sync")
    done(
        two.run("reject", ALMEIDA, "--reason", "not about models", "--by", "Hana"),
        "rejected",
        "not about models",
    )
    assert two.keys() == [EZE]
    zotero.library.add(
        item("CCCC3333", CHAINS, authors=["Ada Almeida"], date="2025"),
        item(
            "DDDD4444",
            "Something Else",
            authors=["Ada Almeida"],
            date="2025",
            url=f"https://arxiv.org/abs/{X}",
        ),
        item("EEEE5555", "Thrifty Hats", authors=["Ada Almeida"], date="2025"),
    )
    quiet(two)
    assert two.keys() == [ALMEIDA + "b", EZE]
    assert two.candidates() == []
    assert "by: Hana" in (two.root / "papers" / "_decisions.yaml").read_text()
    refused(two, "reject", ALMEIDA, "--reason", "again", words=("nothing named", ALMEIDA))


def test_rejecting_a_wrong_link_does_not_harm_the_right_paper(
    two: KnowledgeBase, zotero: ZoteroServer, arxiv: ArxivServer
) -> None:
    """The candidate carries the identifier of a record: that record goes on getting its versions."""
    zotero.library.add(
        item("CCCC3333", "Hats of Felt and Straw", authors=["Hana Jensen"], extra=f"arXiv:{X}")
    )
    two.run("sync")
    done(two.run("reject", waiting(two), "--reason", "wrong link"))
    arxiv.papers.append(paper(X, CHAINS, "Ada Almeida", "Jun Fukuda", version=2))
    quiet(two)
    assert "arxiv_version: 2" in two.text(ALMEIDA)
    assert two.candidates() == []


def test_rejecting_twice_says_so_once(two: KnowledgeBase, zotero: ZoteroServer) -> None:
    """A rejection that a kill cut short can be repeated without a second entry in the decisions."""
    zotero.library.add(item("CCCC3333", "An Unsigned Note on Budgets"))
    two.run("sync")
    done(two.run("reject", waiting(two), "--reason", "no"))
    decisions = (two.root / "papers" / "_decisions.yaml").read_bytes()
    text = two.text(ALMEIDA)
    done(two.run("reject", ALMEIDA, "--reason", "no"))
    two.path(ALMEIDA).write_text(text)  # as if killed before the file was removed
    both = (two.root / "papers" / "_decisions.yaml").read_bytes()
    done(two.run("reject", ALMEIDA, "--reason", "no"))
    assert (two.root / "papers" / "_decisions.yaml").read_bytes() == both != decisions
    assert two.keys() == [EZE]


# same, different, unmerge


def test_merging_two_records_keeps_all_that_people_wrote(two: KnowledgeBase, zotero: ZoteroServer) -> None:
    """The first stays and gains what only the second has: identifiers, labels, the whole card, claims."""
    done(two.run("same", ALMEIDA, EZE), f"{EZE} is now part of {ALMEIDA}", f"kb unmerge {EZE}")
    data = json.loads(two.run("show", ALMEIDA, "--json").out)
    assert two.keys() == [ALMEIDA]
    assert f"\ntitle: {CHAINS}  # ours\n" in two.text(ALMEIDA)
    assert data["identifiers"]["doi"] == "10.1145/1"
    assert data["identifiers"]["arxiv_id"] == X
    assert data["review"] == {"state": "done", "summary": "Short.", "reviewer": "Hana"}
    assert [claim["id"] for claim in data["claims"]] == ["c1"]
    assert {(label["branch"], label["state"]) for label in data["labels"]} == {
        ("shorter", "proposed"),
        ("faster", "confirmed"),
    }
    zotero.library.update("BBBB2222", publicationTitle="Journal of Votes")
    quiet(two)
    assert "venue: Journal of Votes" in two.text(ALMEIDA)


def test_unmerge_restores_exact_bytes(two: KnowledgeBase) -> None:
    """Both records, and which entry belongs to which; from then on they are two, whatever the sources say."""
    texts, rows = (two.text(ALMEIDA), two.text(EZE)), two.store().rows
    done(two.run("same", ALMEIDA, EZE))
    done(two.run("unmerge", EZE), f"{EZE} and {ALMEIDA} are two records again")
    assert (two.text(ALMEIDA), two.text(EZE)) == texts
    assert two.store().rows == rows
    assert list((two.root / "papers" / "_merged").iterdir()) == []
    quiet(two)
    assert (two.text(ALMEIDA), two.text(EZE)) == texts
    done(two.run("same", EZE, ALMEIDA))  # the other way round, too
    done(two.run("unmerge", ALMEIDA))
    assert (two.text(ALMEIDA), two.text(EZE)) == texts


def test_unmerge_keeps_what_people_wrote_since(two: KnowledgeBase, zotero: ZoteroServer) -> None:
    """What came with the merge goes, what was edited since stays, comments included."""
    before, gone = json.loads(two.run("show", ALMEIDA, "--json").out), two.text(EZE)
    done(two.run("same", ALMEIDA, EZE))
    two.path(ALMEIDA).write_text(two.text(ALMEIDA) + "venue: Mine  # since then\n")
    done(two.run("unmerge", EZE))
    assert two.text(EZE) == gone
    assert json.loads(two.run("show", ALMEIDA, "--json").out) == before | {"venue": "Mine"}
    assert "venue: Mine  # since then\n" in two.text(ALMEIDA)
    assert f"\ntitle: {CHAINS}  # ours\n" in two.text(ALMEIDA)
    quiet(two)


def test_a_merge_that_was_killed_can_be_repeated_and_undone(two: KnowledgeBase) -> None:
    """The survivor is written, the rest is not: the same command again, then unmerge, gives the first bytes back."""
    texts = (two.text(ALMEIDA), two.text(EZE))
    decisions = two.root / "papers" / "_decisions.yaml"
    done(two.run("same", ALMEIDA, EZE))
    decisions.unlink()
    two.path(EZE).write_text(texts[1])
    done(two.run("same", ALMEIDA, EZE))
    done(two.run("unmerge", EZE))
    assert (two.text(ALMEIDA), two.text(EZE)) == texts


def test_a_chain_of_merges_is_undone_from_its_end(two: KnowledgeBase, zotero: ZoteroServer) -> None:
    """A merge into a record that was itself merged away names the merge to undo first."""
    zotero.library.add(item("CCCC3333", "Hats of Felt", authors=["Hana Jensen"], date="2025"))
    two.run("sync")
    keys = (ALMEIDA, EZE, "jensen2025hats")
    texts = [two.text(key) for key in keys]
    done(two.run("same", EZE, ALMEIDA))
    done(two.run("same", "jensen2025hats", EZE))
    quiet(two)
    refused(two, "unmerge", ALMEIDA, words=(f"{EZE}, which", "is no record any more", f"kb unmerge {EZE}"))
    done(two.run("unmerge", EZE))
    done(two.run("unmerge", ALMEIDA))
    assert [two.text(key) for key in keys] == texts
    quiet(two)


def test_same_and_different_settle_a_doubt(two: KnowledgeBase, zotero: ZoteroServer) -> None:
    """A waiting entry joins the record, or makes its own without the contested identifier; the last word counts."""
    wrong = item(
        "CCCC3333", "Hats of Felt", authors=["Hana Jensen"], date="2025", extra=f"arXiv:{X}", volume="7"
    )
    zotero.library.add(wrong)
    two.run("sync")
    candidate = waiting(two)
    done(two.run("different", candidate, ALMEIDA), "are different works")
    assert two.keys() == [ALMEIDA, EZE, "jensen2025hats"]
    assert X not in two.text("jensen2025hats")
    quiet(two)
    assert two.candidates() == []
    assert "identifiers-unique" not in two.run("check").out
    done(two.run("same", "zotero CCCC3333", ALMEIDA), "are one work")
    assert two.store().rows["zotero CCCC3333"].paper == ALMEIDA
    quiet(two)
    done(two.run("different", "zotero CCCC3333", ALMEIDA))
    assert two.store().rows["zotero CCCC3333"].paper == "jensen2025hats"
    quiet(two)


def test_what_same_different_and_unmerge_refuse(two: KnowledgeBase) -> None:
    """A thing and itself, unknown names, records that were never merged, a key that is no key."""
    refused(two, "same", ALMEIDA, ALMEIDA, words=("the same as itself",))
    refused(two, "different", EZE, EZE, words=("the same as itself",))
    refused(two, "same", ALMEIDA, "nobody2020nothing", words=("nothing named 'nobody2020nothing'",))
    refused(two, "different", "c-00000000", ALMEIDA, words=("nothing named 'c-00000000'",))
    refused(two, "unmerge", EZE, words=(f"{EZE} was not merged", "none"))
    refused(two, "unmerge", "../x", words=("cannot be a key",), code=3)
    done(two.run("same", ALMEIDA, EZE))
    two.path(EZE).write_text("title: Mine\n")
    refused(two, "unmerge", EZE, words=(f"papers/{EZE}.yaml is there again",))


def test_a_doubt_about_two_records_names_its_two_commands(two: KnowledgeBase, zotero: ZoteroServer) -> None:
    """An entry with identifiers of both: the queue, the check and a wrong answer all say what to do."""
    zotero.library.add(item("CCCC3333", CHAINS, authors=["Ada Almeida"], extra=f"arXiv:{X}"))
    two.run("sync")
    two.edit(EZE, "doi: 10.1145/1", "doi: 10.1145/2")
    zotero.library.update("CCCC3333", DOI="10.1145/2")
    zotero.library.update("CCCC3333", itemType="journalArticle")
    quiet(two)
    fix = f"kb same {ALMEIDA} {EZE}, or kb different {ALMEIDA} {EZE}"
    assert fix in two.run("check").out
    refused(two, "same", waiting(two), ALMEIDA, words=("is about two records", fix))
    done(two.run("different", ALMEIDA, EZE))
    quiet(two)
    assert two.candidates() == []


# resolve


def test_resolve_refuses_what_it_cannot_settle(two: KnowledgeBase, zotero: ZoteroServer) -> None:
    """No conflict, a record that is gone, a value that no record can hold."""
    refused(two, "resolve", EZE, "venue", "--mine", words=(f"{EZE} has no conflict in venue", "none is open"))
    zotero.library.update("BBBB2222", publicationTitle="Journal of Votes")
    two.run("sync")
    two.edit(EZE, "venue: Journal of Votes", "venue: Mine")
    zotero.library.update("BBBB2222", publicationTitle="V" * 3000)
    two.run("sync")
    refused(two, "resolve", EZE, "venue", "--theirs", words=("cannot stand in a record", "--mine"))
    refused(two, "resolve", EZE, "title", "--mine", words=(f"{EZE} venue",))
    text = two.text(EZE)
    two.path(EZE).unlink()
    refused(two, "resolve", EZE, "venue", "--theirs", words=("is no record any more",))
    two.path(EZE).write_text(text)
    done(two.run("resolve", EZE, "venue", "--mine"), "the record is right")
    quiet(two)


def test_a_persons_words_in_the_merged_record_outlast_the_sources_words_in_the_other(
    two: KnowledgeBase,
) -> None:
    """What a person wrote in the record that goes takes the place of what only sources said in the one that stays."""
    path = two.path(EZE)
    path.write_text(path.read_text() + "venue: A Venue by Hand\n")
    done(two.run("same", ALMEIDA, EZE))
    assert "venue: A Venue by Hand" in two.text(ALMEIDA)


def test_what_people_wrote_differently_in_both_records_is_a_conflict(two: KnowledgeBase) -> None:
    """Neither person's text is dropped in silence: one stays, the other waits for kb resolve."""
    for key, venue in ((ALMEIDA, "One Venue"), (EZE, "Another Venue")):
        two.path(key).write_text(two.text(key) + f"venue: {venue}\n")
    said = two.run("same", ALMEIDA, EZE)
    assert "venue" in said.out
    assert "kb resolve" in said.out
    assert "venue: One Venue" in two.text(ALMEIDA)
    assert "Another Venue" in two.run("check").out
    done(two.run("resolve", ALMEIDA, "venue", "--theirs"))
    assert "venue: Another Venue" in two.text(ALMEIDA)


def test_what_sources_changed_while_two_records_were_one_arrives_when_they_are_two_again(
    two: KnowledgeBase, zotero: ZoteroServer
) -> None:
    """An unmerge brings back the old bytes and then what the record's own entry says by now."""
    done(two.run("same", ALMEIDA, EZE))
    zotero.library.update("BBBB2222", publicationTitle="Journal of Late News")
    two.run("sync")
    done(two.run("unmerge", EZE))
    assert "venue: Journal of Late News" in two.text(EZE)
    assert "Late News" not in two.text(ALMEIDA)


def test_one_of_two_merges_is_undone_and_the_other_stands(base: KnowledgeBase) -> None:
    """What the other merge brought is no news of the survivor's own sources: it comes back as it was, byte for byte."""
    told = {
        "almeida2024frugal": ("awesome_list:a/list", "Frugal Chains for Small Models", "2401.10001"),
        "eze2024steady": ("zotero", "Steady Votes on Small Devices", "2401.10002"),
        "jensen2024latent": ("zotero", "Latent Students for Vision", "2401.10003"),
    }
    (base.root / "papers").mkdir()
    found = []
    for key, (source, title, arxiv_id) in told.items():
        text = f'title: {title}\nidentifiers:\n  arxiv_id: "{arxiv_id}"\n'
        base.path(key).write_text(text)
        entry = SourceEntry(source=source, entry_id=arxiv_id, title=title, identifiers={"arxiv_id": arxiv_id})
        found.append(Row(entry=entry, paper=key))
    write_rows(base.store(), found)
    survivor, first, second = told
    alone = base.text(survivor)
    assert base.run("same", survivor, first).code == 0
    assert base.run("same", survivor, second).code == 0
    assert base.run("unmerge", first).code == 0
    assert base.text(survivor) == alone
    assert base.run("unmerge", second).code == 0
    assert (base.text(survivor), base.keys()) == (alone, sorted(told))
