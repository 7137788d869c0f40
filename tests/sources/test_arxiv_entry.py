"""kb.sources.arxiv_entry: what a comment says outright is taken, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.config import ArxivQuery, ArxivSettings
from kb.ids import ArxivId, is_safe_url
from kb.sources.arxiv import ArxivSource
from kb.sources.arxiv_entry import accepted_venue, repository_urls
from kb.sources.entry import Known, SourceResult, Status
from tests.servers import base
from tests.servers.arxiv import ArxivServer
from tests.servers.base import running
from tests.sources.test_arxiv_feed import RECORDED, recorded


@pytest.mark.parametrize(
    ("comment", "venue"),
    [
        ("Accepted to ICML 2025", "ICML 2025"),
        ("accepted by the XYZ-2026", "XYZ-2026"),
        ("12 pages, 4 figures, accepted at the ABC Workshop (ABCW 2025)", "ABC Workshop (ABCW 2025)"),
        ("To appear in Findings of ACL 2025. 9 pages", "Findings of ACL 2025"),
        ("7 pages (Accepted to IEEE XY 2025)", "IEEE XY 2025"),
        ("This paper has been accepted for publication in TMLR; code: https://github.com/a/b", "TMLR"),
        ("Published as a conference paper at ICLR 2025", "ICLR 2025"),
        ("Accepted to NeurIPS 2025 / Project page: https://example.org", "NeurIPS 2025"),
        ("Accepted at IJCV as a short paper", "IJCV"),
    ],
)
def test_a_venue_that_is_stated_is_taken(comment: str, venue: str) -> None:
    assert accepted_venue(comment) == venue


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "ICML 2025",
        "Submitted to ICML 2025",
        "Not accepted to ICML 2025",
        "Extended version of a paper accepted to ICML 2025",
        "Code will be released once accepted to ICML 2025",
        "Accepted",
        "Accepted to a journal",
        "Accepted by the editors",
        "To appear in Proc. of something",
        "Accepted to " + "VERY LONG " * 40,
        "Results published in our blog",
    ],
)
def test_no_venue_is_guessed(comment: str) -> None:
    assert accepted_venue(comment) is None


def test_repositories_are_taken_without_what_follows_them() -> None:
    texts = [
        "Code: https://github.com/one/two/tree/main, mirrored at https://gitlab.com/one/two.git).",
        "https://github.com/one/two and github.com/three/four; see https://github.com/one and https://one.github.io/x",
    ]
    code, data = repository_urls(
        [*texts, "https://huggingface.co/datasets/one/set, https://huggingface.co/one/model"]
    )
    assert code == (
        "https://github.com/one/two",
        "https://gitlab.com/one/two",
        "https://github.com/three/four",
    )
    assert data == ("https://huggingface.co/datasets/one/set",)


@given(st.text(max_size=200), st.text(max_size=20))
def test_links_are_always_safe_and_known_hosts(text: str, name: str) -> None:
    for urls in repository_urls(
        [text, f"https://github.com/{name}/{name}", f"https://github.com@evil.example/{name}/b"]
    ):
        assert all(is_safe_url(url) and "evil" not in url for url in urls)


needs_recorded = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers of arXiv are not here"
)


def replayed(
    name: str, directory: Path, ask: Callable[[ArxivSource], SourceResult], **options: object
) -> SourceResult:
    with running(ArxivServer()) as server:
        server.always = base.body(recorded(name), "application/atom+xml; charset=UTF-8")
        settings = ArxivSettings.model_validate({"base_url": server.url, "delay_s": 0.0, **options})
        return ask(ArxivSource(settings, directory))


@needs_recorded
@pytest.mark.parametrize(
    ("name", "asked", "title", "authors", "last_author", "published", "venue"),
    [
        ("id_1605.08386_s0_m100_199195aa31ad.json", ["1605.08386"], "Heat-bath random walks with Markov bases",
         2, "Tobias Windisch", "2016-05-26", None),
        ("id_astro-ph_0601001_s0_m100_3150dca9dc76.json", ["astro-ph/0601001"],
         "Frequency of Hot Jupiters and Very Hot Jupiters from the OGLE-III Transit Surveys Toward the Galactic Bulge and Carina",
         4, "Andrzej Udalski", "2006-01-02", "ActaAstron.56:1-50,2006"),
        ("id_0808.05394_1707.08567_s0_m100_42e5aa0ec3af.json", ["1707.08567", "0808.0539"],
         "Proceedings of Workshop AEW10: Concepts in Information Theory and Communications",
         34, "Hirosuke Yamamoto", "2017-07-27", None),
    ],
)  # fmt: skip
def test_a_recorded_paper_comes_out_with_its_facts(
    tmp_path: Path,
    name: str,
    asked: list[str],
    title: str,
    authors: int,
    last_author: str,
    published: str,
    venue: str | None,
) -> None:
    result = replayed(name, tmp_path, lambda source: source.lookup([ArxivId(one) for one in asked]))
    (entry,) = result.entries
    assert (entry.entry_id, entry.arxiv_version, entry.title) == (asked[0], 1, title)
    assert (len(entry.authors), entry.authors[-1].name) == (authors, last_author)
    assert (entry.published, entry.updated, entry.venue) == (published, published, venue)
    assert result.missing == tuple(asked[1:])
    if authors == 34:
        assert "Dirk Wübben" in [author.name for author in entry.authors]


@needs_recorded
def test_a_recorded_page_of_a_hundred_papers_loses_nothing(tmp_path: Path) -> None:
    query = ArxivQuery(name="testing", query="testing", max_results=100)
    result = replayed(
        "q_testing_s0_m100_cfe7536492ca.json",
        tmp_path,
        lambda source: source.fetch(Known()),
        queries=(query,),
    )
    assert (result.status, len(result.entries), result.problems) == (Status.OK, 100, ())
    assert sum(len(entry.authors) for entry in result.entries) == 366
    states = Counter(entry.publication_state for entry in result.entries)
    assert states == {"published": 35, "preprint": 65}
    by_id = {entry.entry_id: entry for entry in result.entries}
    assert by_id["hep-ph/0301050"].arxiv_version == 2
    assert by_id["hep-ph/0301050"].identifiers["doi"] == "10.1016/j.physletb.2003.08.045"
    assert by_id["1706.00679"].code == ("https://github.com/ydecastro/super-resolution-testing",)
    assert by_id["2301.05651"].venue == "International Conference of Software Testing (ICST2023)"


@needs_recorded
def test_the_older_form_of_a_feed_is_read_as_well(tmp_path: Path) -> None:
    query = ArxivQuery(name="robots", query="cat:cs.RO AND (neural)", max_results=2)
    result = replayed(
        "xiv_old_style_2025-10-17.xml", tmp_path, lambda source: source.fetch(Known()), queries=(query,)
    )
    assert [(e.entry_id, len(e.authors), e.published) for e in result.entries] == [
        ("2510.14827", 6, "2025-10-16"),
        ("2510.14968", 4, "2025-10-16"),
    ]
    assert result.entries[1].title == (
        "RDD: Retrieval-Based Demonstration Decomposer for Planner Alignment in Long-Horizon Tasks"
    )
