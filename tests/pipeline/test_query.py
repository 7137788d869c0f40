"""`kb list` and `kb show`: finding records, and who says what about them."""

from __future__ import annotations

import pytest

from kb.errors import UsageError
from kb.pipeline.query import Query, find, provenance_of, select
from kb.pipeline.store import write_rows
from kb.reconcile.rows import Row
from kb.sources.entry import EntryAuthor, SourceEntry
from tests.pipeline.kbase import KnowledgeBase

RECORDS = {
    "almeida2024frugal": """\
title: "Frugal Chains: Naïve Budgets"
authors: [Ada Almeida, Łucja Kovács]
identifiers: {arxiv_id: "2401.10000", doi: 10.1145/3666122, openreview: G8LaO1P0xv}
dates: {published: "2024-01-17"}
venue: ICML 2025
publication_state: published
links: {code: ["https://github.com/example/project"]}
labels:
  - {branch: shorter, by: person, source: Ada, state: confirmed}
  - {branch: faster, by: list, source: someone/list, state: rejected}
review: {state: draft}
""",
    "fukuda2025thrifty": """\
title: Thrifty Votes
authors: [Jun Fukuda]
identifiers: {arxiv_id: "2502.00001", acl_anthology: 2024.acl-long.510}
dates: {published: "2025-02"}
labels:
  - {branch: shorter, by: list, source: someone/list}
""",
    "jensen2025frugal": """\
title: Frugal Votes
authors: [Hana Jensen]
dates: {published: "2025"}
""",
}


@pytest.fixture
def full(base: KnowledgeBase) -> KnowledgeBase:
    (base.root / "papers").mkdir()
    for key, text in RECORDS.items():
        base.path(key).write_text(text, encoding="utf-8")
    return base


A, F, J = "almeida2024frugal", "fukuda2025thrifty", "jensen2025frugal"


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (Query(), [F, J, A]),
        (Query(words=("frugal",)), [J, A]),
        (Query(words=("FRUGAL", "votes")), [J]),
        (Query(words=("naive-budgets",)), [A]),
        (Query(words=("nothing",)), []),
        (Query(branch="shorter"), [F, A]),
        (Query(branch="shorter", confirmed=True), [A]),
        (Query(branch="faster"), []),
        (Query(year=2025), [F, J]),
        (Query(author="kovacs"), [A]),
        (Query(author="Fukuda", year=2024), []),
        (Query(venue="icml"), [A]),
        (Query(review="draft"), [A]),
        (Query(review="none"), [F, J]),
        (Query(publication="published"), [A]),
        (Query(publication="preprint"), [F, J]),
        (Query(has_code=True), [A]),
    ],
)
def test_every_filter_has_to_hold(full: KnowledgeBase, query: Query, keys: list[str]) -> None:
    """Words, branch, year, author, venue, review, state, code: accents and case do not count; newest first."""
    assert [paper.key for paper in select(full.config, query)] == keys


@pytest.mark.parametrize(
    ("branch", "near"), [("shortr", "shorter"), ("direction/faster", "faster"), ("x", "one of")]
)
def test_a_branch_that_is_not_there_is_an_error(full: KnowledgeBase, branch: str, near: str) -> None:
    """It must not look like a branch without papers; the nearest ones are named."""
    with pytest.raises(UsageError, match="no branch") as caught:
        select(full.config, Query(branch=branch))
    assert near in (caught.value.fix or "")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (A, A),
        ("2401.10000", A),
        ("arXiv:2401.10000v3", A),
        ("https://arxiv.org/pdf/2401.10000v1.pdf", A),
        ("10.1145/3666122", A),
        ("https://doi.org/10.1145/3666122", A),
        ("G8LaO1P0xv", A),
        ("https://openreview.net/forum?id=G8LaO1P0xv", A),
        ("2024.acl-long.510", F),
        ("https://aclanthology.org/2024.acl-long.510.pdf", F),
    ],
)
def test_a_record_is_found_by_whatever_names_it(full: KnowledgeBase, name: str, key: str) -> None:
    """Its key, any identifier, any address of the paper."""
    assert find(full.config, name).key == key


@pytest.mark.parametrize(
    ("name", "fix"),
    [("frugal", f"{A}, {J}"), ("ALMEIDA2024FRUGAL", A), ("../x", "kb list"), ("2401.99999", "kb list")],
)
def test_what_names_no_record_is_an_error(full: KnowledgeBase, name: str, fix: str) -> None:
    """With what was perhaps meant."""
    with pytest.raises(UsageError, match="no record") as caught:
        find(full.config, name)
    assert fix in (caught.value.fix or "")


def test_provenance_names_the_sources_that_agree(full: KnowledgeBase) -> None:
    """A field that no source says is a person's."""
    entry = SourceEntry(
        source="zotero",
        entry_id="ABCD1234",
        title="Frugal Chains: Naïve Budgets",
        authors=(EntryAuthor(name="Somebody Else"),),
        identifiers={"arxiv_id": "2401.10000"},
        code=("https://github.com/example/project",),
    )
    write_rows(full.store(), [Row(entry=entry, paper=A)])
    said = provenance_of(full.config, find(full.config, A))
    assert said["title"] == ["zotero ABCD1234"]
    assert said["identifiers.arxiv_id"] == ["zotero ABCD1234"]
    assert said["links.code"] == ["zotero ABCD1234"]
    assert said["authors"] == ["person"]
    assert said["venue"] == ["person"]
    out = full.run("show", A, "--provenance")
    assert out.code == 0
    row = next(line for line in out.out.splitlines() if line.startswith("links.code"))
    assert row.endswith("zotero ABCD1234")
