"""The awesome list reads back as the records it was made from."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from kb.config import ListSettings
from kb.export.awesome import branches_of, render_awesome
from kb.export.venues import is_journal, short_venue
from kb.records.models import Paper
from kb.records.taxonomy import Taxonomy, load_taxonomy
from kb.sources.awesome_list import AwesomeList
from tests.export.strange import TITLES, paper
from tests.export.test_markdown import pages
from tests.library import REPO, invent_papers


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load_taxonomy(REPO / "taxonomy.yaml")


def sorted_paper(title: str = "Plain Words", *labels: dict[str, str], **fields: object) -> Paper:
    given = labels or ({"branch": "shorter/rl", "by": "list", "source": "x/y"},)
    return paper(title, identifiers={"arxiv_id": "2504.04823"}, labels=list(given), **fields)


def test_the_importer_reads_it_back(taxonomy: Taxonomy) -> None:
    """Each paper once, by title and identifier, with its code, under the headings of its branches."""
    library = [p for p in invent_papers(60) if p.authors and not set(p.title) & set('<>\\$_*[]`"')]
    result = AwesomeList(ListSettings(name="me/list")).parse(
        render_awesome(library, taxonomy, "A list"), where="A.md"
    )
    assert not result.problems
    read = {e.title: (e.identifiers, e.code) for e in result.entries}
    assert read == {p.title: (p.identifiers.by_kind(), p.links.code) for p in library}
    for entry in result.entries:
        written = next(p for p in library if p.title == entry.title)
        found = {
            branch
            for heading in entry.headings
            for branch in taxonomy.branches_for(heading.path, "direction")
        }
        assert found == set(branches_of(written, taxonomy, "direction"))


def test_a_hostile_list_is_inert(taxonomy: Taxonomy) -> None:
    """Titles, venues and authors make no element of their own and lead nowhere else."""
    made = [
        sorted_paper(
            t, venue=t, authors=[t], links={"code": ["https://github.com/a-b/c_d(e)?x=1&y=<".rstrip("<")]}
        )
        for t in TITLES
    ]
    for page in pages(render_awesome(made, taxonomy, "A <b>list</b>")):
        assert page.tags <= {"h1", "h2", "h3", "p", "ul", "li", "strong", "a", "img"}
        hosts = {re.sub(r"^(#|https?://[^/]+).*", r"\1", href) for href in page.links}
        assert hosts == {
            "#",
            "https://awesome.re",
            "https://arxiv.org",
            "https://github.com",
            "https://img.shields.io",
        }


def test_contents_lead_to_sections(taxonomy: Taxonomy) -> None:
    """Each line of the contents is the anchor of a heading, as GitHub makes them; empty branches are left out."""
    text = render_awesome(invent_papers(40), taxonomy, "A list")
    anchors = [unquote(anchor) for anchor in re.findall(r"^ *- \[[^\]]+\]\(#(.+)\)$", text, re.M)]
    headings = [
        re.sub(r"[^\w\- ]", "", line.strip("# ").lower()).replace(" ", "-")
        for line in re.findall(r"^##+ .*$", text, re.M)
    ]
    assert headings == ["contents", *anchors]
    alone = render_awesome([sorted_paper()], taxonomy, "A list")
    assert re.findall(r"^##+ (.*)$", alone, re.M) == [
        "Contents",
        "Shorter",
        taxonomy.branches["shorter/rl"].title,
    ]


def test_badges_say_where_and_what(taxonomy: Taxonomy) -> None:
    """Venue, arXiv id, stars of the code, and a warning on a withdrawn paper."""
    (line,) = [
        line
        for line in render_awesome(
            [
                sorted_paper(
                    venue="Findings of the Association for Computational Linguistics: ACL 2025",
                    links={"code": ["https://github.com/a-b/c_d.git", "https://example.org/code"]},
                    publication_state="withdrawn",
                )
            ],
            taxonomy,
            "A list",
        ).split("\n")
        if line.startswith("- **")
    ]
    shields = "https://img.shields.io"
    assert line == (
        "- **[Plain Words](https://arxiv.org/abs/2504.04823)** (Almeida and Brandt)"
        f" ![Withdrawn]({shields}/badge/withdrawn-critical)"
        f" ![ACL Findings 2025]({shields}/badge/ACL%20Findings%202025-blue)"
        f" [![arXiv 2504.04823]({shields}/badge/arXiv-2504.04823-b31b1b)](https://arxiv.org/abs/2504.04823)"
        f" [![code]({shields}/github/stars/a-b/c_d?style=flat&amp;label=code)](https://github.com/a-b/c_d.git)"
        f" [![code]({shields}/badge/code-24292f)](https://example.org/code)"
    )


@pytest.mark.parametrize(
    ("labels", "branches"),
    [
        ([("shorter", "list", "proposed"), ("shorter/rl", "list", "proposed")], ["shorter/rl"]),
        ([("smaller", "classifier", "proposed"), ("faster", "list", "proposed")], ["faster"]),
        ([("faster", "list", "proposed"), ("smaller", "person", "confirmed")], ["smaller"]),
        ([("faster", "list", "proposed"), ("faster", "person", "rejected")], []),
        ([("smaller", "classifier", "proposed")], ["smaller"]),
        ([("core", "list", "proposed")], []),
    ],
)
def test_the_best_witness_places_a_paper(
    taxonomy: Taxonomy, labels: list[tuple[str, str, str]], branches: list[str]
) -> None:
    """Confirmed before lists before the classifier; the most specific branch; nothing that was rejected."""
    made = sorted_paper(
        "X", *({"branch": b, "by": by, "source": "s", "state": state} for b, by, state in labels)
    )
    assert branches_of(made, taxonomy, "direction") == branches


@pytest.mark.parametrize(
    ("venue", "journal", "short"),
    [
        ("Transactions on Machine Learning Research", True, "TMLR"),
        ("IEEE T-PAMI 2026", True, "TPAMI 2026"),
        ("Transactions of the Association for Computational Linguistics", True, "TACL"),
        ("International Conference on Computer Science and Software Systems", False, None),
        ("Advances in Neural Information Processing Systems", False, "NeurIPS"),
        ("ICML Workshop", False, "ICML Workshop"),
    ],
)
def test_venues_have_kinds_and_short_names(venue: str, journal: bool, short: str | None) -> None:
    """A conference on computer science is no journal; the field's acronyms are known."""
    assert (is_journal(venue), short_venue(venue)) == (journal, short)
