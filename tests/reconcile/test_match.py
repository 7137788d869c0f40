"""Whether two descriptions are one work: what decides, what only raises a doubt, and what never meets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.reconcile.match import Index, Kind, Match, Work, compare
from kb.text import normal_author, normal_title

LONG = "Thrifty Chains of Thought for Small Models"


def work(title: str = "", *authors: str, year: int | None = None, n: int | None = None, **ids: str) -> Work:
    return Work(normal_title(title) if title else "", tuple(map(normal_author, authors)), ids, year, n)


@pytest.mark.parametrize(
    ("a", "b", "kind", "reason"),
    [
        # An identifier decides, unless the titles speak against it.
        (work(LONG, arxiv_id="1"), work(LONG, arxiv_id="1"), "same", "same arxiv_id 1"),
        (work(LONG, arxiv_id="1"), work(arxiv_id="1"), "same", "same arxiv_id 1"),
        (
            work("Thrifty Chains", arxiv_id="1"),
            work("Thrifty Chains: How to Save Tokens", arxiv_id="1"),
            "same",
            "same arxiv_id 1, another title",
        ),
        (
            work("Pruned Votes at Test Time", arxiv_id="1"),
            work("Latent Students for Vision", arxiv_id="1"),
            "suspicious",
            "same arxiv_id 1, but unlike titles",
        ),
        # Words that every title of the field has do not make two titles alike.
        (
            work("Confidence-guided Compression in Step-by-step Efficient Reasoning", arxiv_id="1"),
            work("Efficient Reasoning via Chain of Unconscious Thought", arxiv_id="1"),
            "suspicious",
            "same arxiv_id 1, but unlike titles",
        ),
        # A paper may be retitled out of recognition: its authors tell.
        (
            work("Pruned Votes at Test Time", "Ada Almeida", "Jun Fukuda", arxiv_id="1"),
            work("Latent Students for Vision", "Jun Fukuda", "Ada Almeida", arxiv_id="1"),
            "same",
            "same arxiv_id 1, another title",
        ),
        (
            work("Pruned Votes at Test Time", "Ada Almeida", arxiv_id="1"),
            work("Latent Students for Vision", "Emeka Eze", arxiv_id="1"),
            "suspicious",
            "same arxiv_id 1, but unlike titles",
        ),
        # Two different identifiers of one kind never meet by themselves, whatever else agrees.
        (
            work(LONG, "Ada Almeida", arxiv_id="1"),
            work(LONG, "Ada Almeida", arxiv_id="2"),
            "suspicious",
            "same title, but another arxiv_id",
        ),
        (
            work(LONG, "Ada Almeida", arxiv_id="1", doi="10.1/x"),
            work(LONG, "Ada Almeida", arxiv_id="1", doi="10.1/y"),
            "suspicious",
            "same arxiv_id, but another doi",
        ),
        (work(LONG, arxiv_id="1"), work("Votes of Many", arxiv_id="2"), "different", "unlike titles"),
        # Without a shared identifier, titles and authors decide.
        (work(LONG, "Ada Almeida"), work(LONG, "A. Almeida"), "same", "same title and authors"),
        (work(LONG, "Ada Almeida", arxiv_id="1"), work(LONG), "same", "same title"),
        (work(LONG, "Ada Almeida"), work(LONG, "Emeka Eze"), "suspicious", "same title, but other authors"),
        (work(LONG, "A A", "B B", "C C"), work(LONG, n=9), "suspicious", "another number of authors"),
        (work(LONG, "A A", "B B", "C C"), work(LONG, n=4), "same", "same title"),
        (work(LONG, year=2019), work(LONG, year=2025), "suspicious", "6 years apart"),
        (work(LONG, year=2023), work(LONG, year=2025), "same", "same title"),
        (work("Budgets"), work("Budgets"), "suspicious", "too short to be sure"),
        (work("Budgets", "Ada Almeida"), work("Budgets", "Ada Almeida"), "same", "same title and authors"),
        (
            work("Thrifty Chains of Thought for Small Models"),
            work("Thrifty Chains of Thoughts for Small Models"),
            "same",
            "nearly the same title",
        ),
        # Numbers tell parts of a series apart, and short titles are never nearly the same.
        (
            work("Notes on Frugal Reasoning, Part 2.1"),
            work("Notes on Frugal Reasoning, Part 2.2"),
            "different",
            "unlike titles",
        ),
        (work("Frugal Votes"), work("Frugal Vote"), "different", "unlike titles"),
        (work(), work(LONG), "different", "no title to compare"),
        (work(doi="10.1/x"), work(arxiv_id="1"), "different", "no title to compare"),
    ],
)
def test_what_decides_and_why(a: Work, b: Work, kind: str, reason: str) -> None:
    """The outcome and its reason are the same from both sides."""
    for match in (compare(a, b), compare(b, a)):
        assert (match.kind.value, reason in match.reason) == (kind, True), match


def test_surer_evidence_scores_higher() -> None:
    """An identifier with the title, then title and authors, then a new title, then a bare title; doubts come last."""
    scores = [
        compare(work(LONG, arxiv_id="1"), work(LONG, arxiv_id="1")),
        compare(work(LONG, "Ada Almeida"), work(LONG, "Ada Almeida")),
        compare(work("Thrifty Chains", arxiv_id="1"), work("Thrifty Chains of Old", arxiv_id="1")),
        compare(work(LONG), work(LONG)),
        compare(work(LONG), work(LONG + "s")),
        compare(work("Pruned Votes", arxiv_id="1"), work("Latent Students", arxiv_id="1")),
        compare(work(LONG, arxiv_id="1"), work(LONG, arxiv_id="2")),
        compare(work(LONG), work("Votes of Many")),
    ]
    assert [m.score for m in scores] == sorted((m.score for m in scores), reverse=True)
    assert [m.sure for m in scores] == [True] * 3 + [False] * 5
    assert [m.retitled for m in scores] == [False, False, True] + [False] * 5


titles = st.sampled_from(
    ["", LONG, LONG + "s", "Votes of Many", "Budgets", "Part 2.1 of It", "Part 2.2 of It"]
)
people = st.lists(st.sampled_from(["Ada Almeida", "Jun Fukuda", "Emeka Eze"]), max_size=2, unique=True)
ids = st.dictionaries(st.sampled_from(["arxiv_id", "doi", "openreview"]), st.sampled_from("123"), max_size=2)
works = st.builds(
    lambda t, p, i, y: work(t, *p, year=y, **i), titles, people, ids, st.sampled_from([None, 2019, 2025])
)


@given(works, works)
@settings(max_examples=300)
def test_a_clash_of_identifiers_is_never_the_same_work(a: Work, b: Work) -> None:
    """Two works with different identifiers of one kind are at most suspicious; comparing has no direction."""
    one, other = compare(a, b), compare(b, a)
    assert (one.kind, one.score, one.by_identifier) == (other.kind, other.score, other.by_identifier)
    assert 0 <= one.score <= 1
    if any(a.identifiers[k] != b.identifiers.get(k, a.identifiers[k]) for k in a.identifiers):
        assert one.kind is not Kind.SAME


def found(index: Index, one: Work) -> dict[str, Match]:
    return dict(index.find(one))


def test_every_description_of_a_work_carries_its_identifiers() -> None:
    """A title without an identifier does not let another paper in: the work's other descriptions have one."""
    index = Index()
    index.add("a", work(LONG))
    index.add("a", work(LONG, arxiv_id="1"))
    assert found(index, work(LONG, arxiv_id="2"))["a"].kind is Kind.SUSPICIOUS
    assert found(index, work(LONG, arxiv_id="1"))["a"].kind is Kind.SAME


def test_a_work_is_found_under_every_title_it_had() -> None:
    """Lists keep titles that a paper no longer has."""
    index = Index()
    index.add("a", work("Thrifty Chains of Thought", arxiv_id="1"))
    index.add("a", work("What Chains Cost, and Whom", arxiv_id="1"))
    assert list(found(index, work("What Chains Cost and Whom"))) == ["a"]
    assert list(found(index, work("Thrifty chains of thought!"))) == ["a"]
    assert found(index, work("Something Else Altogether")) == {}


def test_nearly_equal_titles_are_found_by_their_rare_words() -> None:
    """Among many works with common words, a typo is found; a forgotten work is not."""
    index = Index()
    for number in range(500):
        index.add(f"w{number}", work(f"Efficient Reasoning for Language Models, Report {number}"))
    index.add("typo", work("Efficient Reasoning for Language Models with Abacuses"))
    near = work("Efficent Reasoning for Language Models with Abacuses")
    assert list(found(index, near)) == ["typo"]
    index.remove("typo")
    assert found(index, near) == {}
    assert index.sharing(work("Efficient Reasoning for Language Models with Abacuses"), besides="") == []
