"""From entries to records: what becomes one record, what waits for a person, and that nothing depends on order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kb.records.decisions import Rejection
from kb.sources.entry import EntryNote, EntryReview, SourceEntry, SourceResult, Status
from tests.reconcile.invent import Survey, arxiv, entry, listed, results, zotero

ADA, JUN, EZE = "Ada Almeida", "Jun Fukuda", "Emeka Eze"
CHAINS = "Thrifty Chains of Thought for Small Models"
VOTES = "Pruned Votes at Test Time"
X, Y = "2504.00001", "2504.00002"


@pytest.fixture
def survey() -> Survey:
    return Survey()


# One work


def test_one_paper_in_three_sources_is_one_record(survey: Survey) -> None:
    """Each gives what it knows best, and every label names its list."""
    survey.sync(
        listed("a/list", CHAINS, arxiv_id=X, at="Short chains"),
        zotero("Z", CHAINS, ADA, arxiv_id=X, venue="ICML 2025"),
        arxiv(X, CHAINS, ADA, JUN),
    )
    (paper,) = survey.papers.values()
    assert paper.key == "almeida2025thrifty"
    assert [a.name for a in paper.authors] == [ADA, JUN]
    assert (paper.venue, paper.identifiers.arxiv_id, paper.dates.published) == ("ICML 2025", X, "2025-04-07")
    assert [label.identity for label in paper.labels] == [("shorter", "list", "a/list")]
    assert {row.paper for row in survey.rows.values()} == {paper.key}


def test_an_entry_with_two_identifiers_joins_what_each_alone_names(survey: Survey) -> None:
    """X is one name, the DOI another; who says both says that they are one work. Titles need not agree."""
    survey.sync(
        zotero("A", CHAINS, ADA, arxiv_id=X),
        zotero("B", "Chains of Thought, Thriftily", doi="10.1145/1"),
        listed("a/list", "Thrifty Chains of Thought", arxiv_id=X, doi="10.1145/1"),
    )
    (paper,) = survey.papers.values()
    assert paper.identifiers.by_kind() == {"arxiv_id": X, "doi": "10.1145/1"}


def test_a_bridge_never_joins_two_records(survey: Survey) -> None:
    """It is attached to one of them, and a person is asked about the pair until it is decided."""
    survey.sync(
        zotero("A", CHAINS, ADA, arxiv_id=X),
        zotero("B", "Chains of Thought, Thriftily", ADA, doi="10.1145/1"),
    )
    assert len(survey.papers) == 2
    survey.sync(listed("a/list", "Thrifty Chains of Thought", arxiv_id=X, doi="10.1145/1"))
    assert len(survey.papers) == 2
    (waits,) = survey.plan.candidates
    assert waits.like == tuple(sorted(survey.papers))
    before = survey.snapshot()
    survey.sync()
    assert survey.snapshot() == before
    survey.different(*survey.papers)
    survey.sync()
    assert survey.plan.candidates == ()


def test_a_record_never_takes_an_identifier_that_another_has(survey: Survey) -> None:
    """Told to be another work, the entry makes a record without the contested identifier, now and ever after."""
    survey.sync(zotero("A", CHAINS, ADA, arxiv_id=X))
    wrong = zotero("B", VOTES, EZE, arxiv_id=X)
    survey.sync(wrong)
    assert survey.waiting() == {
        VOTES: f"suspicious: same arxiv_id {X}, but unlike titles: almeida2025thrifty ({CHAINS})"
    }
    survey.different("zotero B", "almeida2025thrifty")
    survey.sync()
    assert survey.papers["eze2025pruned"].identifiers.by_kind() == {}
    before = survey.snapshot()
    survey.sync(wrong)
    assert survey.snapshot() == before
    survey.sync(wrong.model_copy(update={"venue": "ICML 2025"}))
    assert survey.papers["eze2025pruned"].identifiers.by_kind() == {}
    assert survey.papers["eze2025pruned"].venue == "ICML 2025"


# Doubts


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (
            zotero("A", CHAINS, ADA, arxiv_id=X),
            listed("a/list", VOTES, arxiv_id=X),
            f"same arxiv_id {X}, but unlike titles",
        ),
        (
            zotero("A", CHAINS, ADA, arxiv_id=X),
            zotero("B", CHAINS, ADA, arxiv_id=Y),
            "same title, but another arxiv_id",
        ),
        (
            zotero("A", CHAINS, ADA, arxiv_id=X, doi="10.1145/1"),
            zotero("B", CHAINS, ADA, arxiv_id=X, doi="10.1145/2"),
            "same arxiv_id, but another doi",
        ),
        (zotero("A", CHAINS, ADA), zotero("B", CHAINS, EZE), "same title, but other authors"),
        (zotero("A", CHAINS, ADA), zotero("B", CHAINS, published="2018"), "same title, but 7 years apart"),
        (
            zotero("A", CHAINS, ADA),
            zotero("B", CHAINS, n_authors=12),
            "same title, but another number of authors",
        ),
    ],
)
@pytest.mark.parametrize("together", [True, False])
def test_what_waits_for_a_person(
    survey: Survey, first: SourceEntry, second: SourceEntry, reason: str, together: bool
) -> None:
    """In one sync or in two, the second entry waits with the reason, and the record is as it was."""
    survey.sync(first)
    alone = dict(survey.texts)
    if together:
        survey = Survey()
        survey.sync(second, first)
    else:
        survey.sync(second)
    assert survey.texts == alone
    (waits,) = survey.plan.candidates
    assert (waits.state, waits.reason.split(": ")[0]) == ("suspicious", reason)
    assert waits.like == tuple(survey.papers)
    before = survey.snapshot()
    survey.sync(first, second)
    assert survey.snapshot() == before


def test_a_wrong_identifier_beside_a_right_title_decides_nothing(survey: Survey) -> None:
    """Lists copy a line and forget to change the link: neither paper gets the entry."""
    survey.sync(zotero("A", CHAINS, ADA, arxiv_id=X), zotero("B", VOTES, EZE, arxiv_id=Y))
    for title_of_b in (
        listed("a/list", VOTES, arxiv_id=X),
        listed("b/list", "Thrifty Votes: Pruned Chains", arxiv_id=X),
    ):
        survey.sync(title_of_b)
    assert survey.key_of(title_of_b) == "almeida2025thrifty" or survey.key_of(title_of_b) is None
    assert survey.key_of(listed("a/list", VOTES, arxiv_id=X)) is None
    no_id = Survey()
    no_id.sync(zotero("A", CHAINS, ADA, arxiv_id=X), zotero("B", "Thrifty Chains of Thought", EZE))
    doubt = listed("a/list", "Thrifty Chains of Thought", arxiv_id=X)
    no_id.sync(doubt)
    assert no_id.key_of(doubt) is None


def test_a_title_that_two_records_have_decides_nothing(survey: Survey) -> None:
    """An entry with nothing but that title waits; one with an author does not."""
    survey.sync(zotero("A", CHAINS, ADA, arxiv_id=X), zotero("B", VOTES, EZE, arxiv_id=Y))
    survey.replace("eze2025pruned", VOTES, CHAINS)
    bare, named = listed("a/list", CHAINS), listed("b/list", CHAINS, EZE)
    survey.sync(bare, named)
    assert (survey.key_of(bare), survey.key_of(named)) == (None, "eze2025pruned")
    assert "as more than one record" in survey.waiting()[CHAINS]
    survey.same("awesome_list:a/list " + bare.entry_id, "almeida2025thrifty")
    survey.sync()
    assert survey.key_of(bare) == "almeida2025thrifty"


def test_a_title_without_an_identifier_lets_no_second_paper_in(survey: Survey) -> None:
    """Three entries of one title, two with identifiers of one kind that differ: never all in one record."""
    for order in itertools.permutations(
        [listed("a/list", CHAINS), listed("b/list", CHAINS, arxiv_id=X), listed("c/list", CHAINS, arxiv_id=Y)]
    ):
        survey = Survey()
        for one in order:
            survey.sync(
                one.model_copy(update={"authors": zotero("", None, ADA).authors, "published": "2025"})
            )
        keys = [survey.key_of(order[n]) for n in range(3) if order[n].identifiers]
        assert keys[0] is None or keys[0] != keys[1]


def test_papers_of_a_series_stay_apart(survey: Survey) -> None:
    """Part 2.1 and Part 2.2 are two works, and so are near but short titles."""
    survey.sync(
        zotero("A", "Physics of Language Models: Part 2.1, Grade-School Math", ADA),
        zotero("B", "Physics of Language Models: Part 2.2, Grade-School Math", ADA),
        zotero("C", "Frugal Votes", ADA),
        zotero("D", "Frugal Vote", ADA),
    )
    assert len(survey.papers) == 4
    assert survey.plan.candidates == ()


def test_a_retitled_paper_stays_one_by_its_authors(survey: Survey) -> None:
    """The same identifier and the same authors: the record follows arXiv's new title, and is found by both."""
    survey.sync(zotero("A", VOTES, ADA, JUN, arxiv_id=X))
    survey.sync(arxiv(X, "What Latent Students Learn", JUN, ADA))
    (paper,) = survey.papers.values()
    assert (paper.key, paper.title) == ("almeida2025pruned", "What Latent Students Learn")
    old, new = listed("a/list", VOTES), listed("a/list", "What latent students learn")
    survey.sync(old, new)
    assert {survey.key_of(old), survey.key_of(new)} == {paper.key}


def test_an_entry_that_comes_to_name_another_paper_leaves_its_record(survey: Survey) -> None:
    """The record keeps what it is about; the entry makes a record of its own. A corrected identifier stays."""
    one = zotero("A", CHAINS, ADA, arxiv_id=X)
    survey.sync(one)
    survey.sync(zotero("A", VOTES, EZE, arxiv_id=Y))
    assert survey.papers["almeida2025thrifty"].title == CHAINS
    assert survey.papers["almeida2025thrifty"].identifiers.arxiv_id in (X, None)
    assert survey.papers["eze2025pruned"].identifiers.arxiv_id == Y
    assert survey.key_of(one) == "eze2025pruned"
    other = Survey()
    other.sync(one)
    other.sync(zotero("A", CHAINS, ADA, arxiv_id=Y))
    assert {k: p.identifiers.arxiv_id for k, p in other.papers.items()} == {"almeida2025thrifty": Y}


# The queue


def test_arxiv_alone_makes_no_records_and_no_noise(survey: Survey) -> None:
    """Its entry for an id that somebody named only explains; what a search brings is a candidate, for good."""
    survey.sync(arxiv(X, CHAINS, ADA))
    assert (survey.papers, survey.plan.candidates) == ({}, ())
    survey.sync(arxiv(Y, VOTES, EZE, where="query:votes"))
    assert survey.waiting() == {VOTES: "candidate: named by query:votes, which only proposes"}
    survey.sync(arxiv(Y, VOTES, EZE))  # asked for by its id from now on
    assert survey.waiting() == {VOTES: "candidate: named by query:votes, which only proposes"}


def test_what_has_no_author_or_no_year_waits_until_arxiv_knows_it(survey: Survey) -> None:
    """Then it becomes a record in the same sync."""
    survey.sync(listed("a/list", CHAINS, arxiv_id=X), listed("a/list", VOTES))
    assert survey.waiting() == {
        CHAINS: "unresolved: no author known yet",
        VOTES: "unresolved: no identifier, no author and no year: no source with this exact title was found",
    }
    survey.sync(arxiv(X, CHAINS, ADA), arxiv(Y, VOTES, EZE, where=f"title:{VOTES}"))
    assert set(survey.papers) == {"almeida2025thrifty", "eze2025pruned"}
    assert survey.plan.candidates == ()


def test_an_entry_without_title_and_identifier_waits(survey: Survey) -> None:
    """It is counted, not dropped."""
    survey.sync(zotero("A"))
    assert [c.reason for c in survey.plan.candidates] == ["neither a title nor an identifier"]


def test_a_rejected_paper_returns_under_no_name(survey: Survey) -> None:
    """Not by its identifier, not by its title, not from another source; but a paper with other identifiers may."""
    rejection = Rejection(title=CHAINS, identifiers={"arxiv_id": X}, reason="no")
    survey.decisions = survey.decisions.model_copy(update={"rejected": (rejection,)})
    survey.sync(
        zotero("A", CHAINS, ADA, arxiv_id=X),
        zotero("B", CHAINS.upper(), EZE),
        listed("a/list", VOTES, ADA, arxiv_id=X, published="2025"),
        entry("daily_papers", "d"),
    )
    assert survey.papers == {}
    assert [c.reason for c in survey.plan.candidates] == ["neither a title nor an identifier"]
    survey.sync(zotero("C", CHAINS, EZE, arxiv_id=Y))
    assert len(survey.papers) == 1


def test_a_rejection_takes_nothing_from_a_record_that_is_there(survey: Survey) -> None:
    """A wrong link that was rejected carries the identifier of a right paper: later entries still reach its record."""
    survey.sync(zotero("A", CHAINS, ADA, arxiv_id=X))
    rejection = Rejection(title=VOTES, identifiers={"arxiv_id": X}, reason="wrong link")
    survey.decisions = survey.decisions.model_copy(update={"rejected": (rejection,)})
    right, wrong = listed("a/list", CHAINS, arxiv_id=X), listed("b/list", VOTES, arxiv_id=X)
    survey.sync(right, wrong)
    assert (survey.key_of(right), survey.key_of(wrong)) == ("almeida2025thrifty", None)
    assert survey.plan.candidates == ()


def test_a_record_deleted_by_hand_does_not_come_back_by_itself(survey: Survey) -> None:
    """All its entries, and any that join them, are one candidate."""
    survey.sync(zotero("A", CHAINS, ADA, arxiv_id=X), listed("a/list", CHAINS, arxiv_id=X))
    survey.papers, survey.texts = {}, {}
    survey.sync(listed("b/list", CHAINS), zotero("A", CHAINS, ADA, arxiv_id=X))
    assert survey.papers == {}
    (waits,) = survey.plan.candidates
    assert (waits.state, len(waits.seen_in)) == ("candidate", 3)
    assert "almeida2025thrifty was deleted by hand" in waits.reason


def test_a_merged_records_entries_follow_it(survey: Survey) -> None:
    """Also through a chain of merges."""
    survey.sync(zotero("A", CHAINS, ADA), zotero("B", VOTES, EZE))
    text = """{"merged": [{"gone": "eze2025pruned", "into": "gone2025between"},
        {"gone": "gone2025between", "into": "almeida2025thrifty"}]}"""
    survey.decisions = survey.decisions.model_validate_json(text)
    del survey.papers["eze2025pruned"], survey.texts["eze2025pruned"]
    survey.sync(zotero("B", VOTES, EZE, venue="ICML 2025"))
    assert survey.key_of(zotero("B")) == "almeida2025thrifty"
    assert survey.papers["almeida2025thrifty"].venue == "ICML 2025"


# People


def test_a_persons_edit_and_comment_survive_every_sync(survey: Survey) -> None:
    """Only the lines that the sources changed are touched."""
    one = zotero("A", CHAINS, ADA, arxiv_id=X)
    survey.sync(one)
    key = "almeida2025thrifty"
    survey.replace(key, f"title: {CHAINS}\n", "# as they say it\ntitle: Thrifty Chains  # short\n")
    survey.sync(zotero("A", CHAINS, ADA, JUN, arxiv_id=X, venue="ICML 2025"))
    assert "\n# as they say it\ntitle: Thrifty Chains  # short\n" in survey.texts[key]
    assert survey.papers[key].venue == "ICML 2025"
    assert [a.name for a in survey.papers[key].authors] == [ADA, JUN]
    assert survey.conflicts == ()


def test_a_conflict_is_kept_until_it_is_settled(survey: Survey) -> None:
    """It outlives syncs with nothing new, follows what the sources say, and ends when both sides agree."""
    key = "almeida2025thrifty"
    survey.sync(zotero("A", CHAINS, ADA, venue="ICML 2025"))
    survey.replace(key, "venue: ICML 2025", "venue: Mine")
    survey.sync(zotero("A", CHAINS, ADA, venue="ACL 2025"))
    assert [(c.field, c.ours, c.theirs) for c in survey.plan.new_conflicts] == [("venue", "Mine", "ACL 2025")]
    survey.sync()
    survey.sync(zotero("A", CHAINS, ADA, venue="ACL 2025", doi="10.1145/1"))
    assert [(c.ours, c.theirs) for c in survey.conflicts] == [("Mine", "ACL 2025")]
    survey.sync(zotero("A", CHAINS, ADA, venue="COLM 2025", doi="10.1145/1"))
    assert [(c.ours, c.theirs) for c in survey.conflicts] == [("Mine", "COLM 2025")]
    assert survey.papers[key].venue == "Mine"
    survey.sync(zotero("A", CHAINS, ADA, venue="Mine", doi="10.1145/1"))
    assert survey.conflicts == ()


def test_labels_of_people_and_lists(survey: Survey) -> None:
    """A label that a person deleted stays away, one that was confirmed stays, one whose list dropped it goes."""
    key = "almeida2025thrifty"
    lists = [listed(name, CHAINS, arxiv_id=X, at="Short chains") for name in ("a/list", "b/list", "c/list")]
    survey.sync(zotero("A", CHAINS, ADA, arxiv_id=X), *lists)
    blocks = {
        name: f"  - branch: shorter\n    by: list\n    source: {name}/list\n    state: proposed\n"
        for name in "abc"
    }
    survey.replace(key, blocks["a"], "")
    survey.replace(key, blocks["b"], blocks["b"].replace("proposed", "confirmed"))
    survey.sync(zotero("A", CHAINS, ADA, JUN, arxiv_id=X), *lists)
    assert [label.source for label in survey.papers[key].labels] == ["b/list", "c/list"]
    survey.sync(
        *(listed(n, "Some Other Paper Altogether") for n in ("a/list", "b/list", "c/list")), complete=True
    )
    assert [(label.source, label.state.value) for label in survey.papers[key].labels] == [
        ("b/list", "confirmed")
    ]


def test_prose_arrives_once_and_is_kept_out_of_the_rows(survey: Survey) -> None:
    """A review of the user's own README reaches the record, is then known by digest, and yields to a person's."""
    said = entry(
        "survey_readme",
        "r",
        CHAINS,
        ADA,
        published="2025",
        review=EntryReview(summary="Short.", critique="Weak."),
        notes=(EntryNote(text="A note.", lang="en"),),
    )
    survey.sync(said)
    (key,) = survey.papers
    assert "Short." in survey.texts[key]
    before = survey.snapshot()
    survey.sync(said)
    assert survey.snapshot() == before
    survey.replace(key, "Weak.", "Weak, I think.")
    survey.sync(said.model_copy(update={"review": EntryReview(summary="Shorter.", critique="Weak.")}))
    assert "Shorter." in survey.texts[key]
    assert "Weak, I think." in survey.texts[key]
    assert survey.conflicts == ()


def test_prose_that_waited_without_a_record_still_arrives(survey: Survey) -> None:
    """It is read again from its source, because nothing of it was kept as known."""
    said = entry("survey_readme", "r", CHAINS, review=EntryReview(summary="Short."))
    survey.sync(said)
    assert survey.papers == {}
    survey.sync(zotero("A", CHAINS, ADA))
    survey.sync(said)
    assert "Short." in survey.texts["almeida2025thrifty"]


# Failures


def test_a_failed_source_changes_nothing_and_removes_nothing(survey: Survey) -> None:
    """Even if it says that it is complete."""
    survey.sync(zotero("A", CHAINS, ADA))
    before = survey.snapshot()
    survey.take(
        [
            SourceResult(
                "zotero", Status.FAILED, entries=(zotero("B", VOTES, EZE),), removed=("A",), complete=True
            )
        ]
    )
    assert survey.snapshot() == before
    survey.take(
        [
            SourceResult("zotero", Status.PARTIAL, complete=True),
            SourceResult("zotero", Status.EMPTY, complete=True),
        ]
    )
    assert survey.snapshot() == before


def test_what_is_gone_is_marked_and_what_is_back_is_not(survey: Survey) -> None:
    """By name, or because a complete answer lacks it; the record keeps its text."""
    one = zotero("A", CHAINS, ADA, venue="ICML 2025")
    survey.sync(one)
    text = dict(survey.texts)
    for said in (
        SourceResult("zotero", Status.OK, removed=("A",)),
        SourceResult("zotero", Status.OK, complete=True),
    ):
        survey.take([said])
        assert survey.rows["zotero A"].entry.removed
        assert survey.texts == text
        before = survey.snapshot()
        survey.take([said])
        assert survey.snapshot() == before
        survey.sync(one)
        assert not survey.rows["zotero A"].entry.removed


@pytest.mark.parametrize("known", [True, False])
def test_a_value_that_no_record_can_hold_is_a_problem_every_time(survey: Survey, known: bool) -> None:
    """It is named, its source is held back, and the next sync tries again; other entries are not disturbed."""
    if known:
        survey.sync(zotero("A", CHAINS, ADA))
    bad = zotero("A", CHAINS, ADA, venue="x" * 3000)
    text = dict(survey.texts)
    for _ in range(2):
        plan = survey.sync(bad, zotero("B", VOTES, EZE))
        (problem,) = plan.problems
        assert "zotero A" in str(problem)
        assert "venue" in str(problem)
        assert plan.held == {"zotero"}
        assert {k: v for k, v in survey.texts.items() if "eze" not in k} == text
        assert "eze2025pruned" in survey.papers
    survey.sync(zotero("A", CHAINS, ADA, venue="ICML 2025"))
    assert survey.papers["almeida2025thrifty"].venue == "ICML 2025"


def test_a_title_that_no_record_can_hold_stops_nobody_else(survey: Survey) -> None:
    """Three thousand characters are a problem with a name, not a crash."""
    plan = survey.sync(zotero("A", "word " * 700, ADA), zotero("B", VOTES, EZE))
    assert list(survey.papers) == ["eze2025pruned"]
    assert "zotero A" in str(plan.problems[0])


def test_abstracts_only_where_the_settings_say_so() -> None:
    """Off, no record holds one; on, it arrives."""
    for on in (False, True):
        survey = Survey(abstracts=on)
        survey.sync(zotero("A", CHAINS, ADA, abstract="All of it."))
        assert ("All of it." in survey.texts["almeida2025thrifty"]) is on


# Order


TITLES = [CHAINS, CHAINS + "s", VOTES, "Budgets", "Notes, Part 2.1 of Many", "Notes, Part 2.2 of Many"]
NAMES = st.lists(st.sampled_from([ADA, JUN, EZE]), max_size=2, unique=True)
IDS = st.fixed_dictionaries(
    {},
    optional={
        "arxiv_id": st.sampled_from([X, Y, "2504.00003"]),
        "doi": st.sampled_from(["10.1145/1", "10.1145/2"]),
    },
)


@st.composite
def entries(draw: st.DrawFn, least: int = 0) -> list[SourceEntry]:
    """Few titles, names and identifiers, so that they meet in every wrong way."""
    found: list[SourceEntry] = []
    for number in range(draw(st.integers(least, 7))):
        ids: dict[str, Any] = draw(IDS)
        title, names = draw(st.sampled_from(TITLES)), draw(NAMES)
        common: dict[str, Any] = {"venue": draw(st.sampled_from([None, "ICML 2025", "ACL 2025"]))}
        source = draw(st.sampled_from(["zotero", "arxiv", "list", "daily"]))
        if source == "arxiv" and "arxiv_id" in ids:
            if not any(e.source == "arxiv" and e.entry_id == ids["arxiv_id"] for e in found):
                found.append(arxiv(ids["arxiv_id"], title, *names, venue=common["venue"]))
        elif source == "zotero":
            found.append(zotero(f"Z{number}", title, *names, **ids, **common))
        elif source == "daily":
            found.append(entry("daily_papers", f"d{number}", title, *names, published="2025", **ids))
        else:
            at = draw(st.sampled_from(["", "Quantization", "Short chains"]))
            one = listed(draw(st.sampled_from(["a/list", "b/list"])), title, *names, at=at, **ids)
            found.append(one.model_copy(update={"entry_id": f"l{number}"}))
    return found


@given(entries(2), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_entries_and_sources_does_not_show(said: list[SourceEntry], random: Any) -> None:
    """Any order within one sync gives the same records, rows, queue and conflicts."""
    one, other = Survey(), Survey()
    one.sync(*said)
    shuffled = list(said)
    random.shuffle(shuffled)
    parts = results(*shuffled)
    random.shuffle(parts)
    other.take(parts)
    assert one.snapshot() == other.snapshot()


@given(st.lists(entries(), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_sync_with_nothing_new_changes_nothing(syncs: list[list[SourceEntry]]) -> None:
    """The same answers again, or none at all: the same bytes. And no record ever holds two works by itself."""
    survey = Survey()
    for said in syncs:
        survey.sync(*said)
        before = survey.snapshot()
        survey.sync(*said)
        assert survey.snapshot() == before
        survey.sync()
        assert survey.snapshot() == before
        never_two_works(survey, syncs)


def never_two_works(survey: Survey, syncs: list[list[SourceEntry]]) -> None:
    edited = {
        ref
        for refs in [[f"{e.source} {e.entry_id}" for said in syncs for e in said]]
        for ref in refs
        if refs.count(ref) > 1
    }
    for key in survey.papers:
        for kind in ("arxiv_id", "doi"):
            values = {
                row.entry.identifiers[kind]
                for ref, row in survey.rows.items()
                if row.paper == key and kind in row.entry.identifiers and ref not in edited
            }
            assert len(values) <= 1, (key, kind, values)
    holders: dict[tuple[str, str], str] = {}
    for key, paper in survey.papers.items():
        for pair in paper.identifiers.by_kind().items():
            assert holders.setdefault(pair, key) == key
