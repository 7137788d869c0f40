"""The data of the table of all papers, and the choices that its page offers."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from kb.export.venues import venue_series
from kb.records.models import Paper
from kb.records.taxonomy import parse_taxonomy
from kb.render.pages import render_site
from kb.render.survey_table import BIBTEX, COLUMNS, DATA, PAGE
from tests.library import HOSTILE, REPO, invent_papers
from tests.render.test_pages import TAXONOMY, paper, render, site_input


def data(*papers: Paper, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(*papers, venue_series=venue_series, **changes).pages[DATA])
    return found


def row(*papers: Paper, **changes: Any) -> dict[str, Any]:
    """The first paper's cells by their names, without those that were left out."""
    found = data(*papers, **changes)
    return dict(zip(found["columns"], found["papers"][0], strict=False))


def test_a_paper_is_a_row_of_named_cells() -> None:
    """Each cell says what its column promises; labels are told apart, and one that was rejected is not there."""
    found = row(
        paper(
            venue="Findings of the Association for Computational Linguistics: ACL 2024",
            dates={"published": "2024-08-11"},
            identifiers={"arxiv_id": "2401.00001", "doi": "10.1234/x"},
            links={"code": ["https://example.com/code"]},
            labels=[
                {"branch": "smaller/quantization", "by": "list", "source": "l"},
                {"branch": "smaller/quantization", "by": "person", "source": "Ada", "state": "confirmed"},
                {"branch": "faster", "by": "list", "source": "l"},
                {"branch": "shorter", "by": "person", "source": "Ada", "state": "rejected"},
            ],
            review={"state": "draft", "summary": "See [[branch:faster]].", "focus": "One.\n\nTwo."},
        )
    )
    branches = list(TAXONOMY.branches)
    assert found == {
        "key": "a2020b",
        "title": "A Title",
        "byline": "Almeida",
        "authors": ["Ada Almeida"],
        "published": "2024-08-11",
        "venue": "Findings of the Association for Computational Linguistics: ACL 2024",
        "series": "ACL Findings",
        "confirmed": [branches.index("smaller/quantization")],
        "proposed": [branches.index("faster")],
        "code": ["https://example.com/code"],
        "review": "draft",
        "verdicts": {},
        "state": "",
        "arxiv": "2401.00001",
        "doi": "10.1234/x",
        "summary": "See Faster.",
        "focus": "One.\nTwo.",
    }


def test_branches_lead_to_pages_that_there_are() -> None:
    """Each branch of the data has its title, its facet and the page that the site makes for it."""
    site = render(paper())
    found = json.loads(site.pages[DATA])
    assert [branch[0] for branch in found["branches"]] == list(TAXONOMY.branches)
    for id, title, facet, page in found["branches"]:
        assert title == TAXONOMY.branches[id].title
        assert found["facets"][facet] == TAXONOMY.facet_of(id)
        assert page.removesuffix(".html") + ".md" in site.pages


def test_what_is_not_said_weighs_nothing() -> None:
    """A paper of which nothing is known is as long as what is known of it; the columns are still named."""
    found = data(paper(authors=[]))
    assert found["papers"] == [["a2020b", "A Title", "unknown authors"]]
    assert found["columns"] == list(COLUMNS)
    assert data()["papers"] == []


def test_a_withdrawn_paper_and_a_stub_say_so() -> None:
    """The state is what the lists mark a paper with."""
    assert row(paper(publication_state="withdrawn", withdrawn_reason="x"))["state"] == "withdrawn"
    assert row(paper(status="stub"))["state"] == "stub"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_words_come_back_as_they_were(hostile: str) -> None:
    """The data carry any title as plain text, and the page that Markdown makes carries none of it."""
    site = render(paper(title=hostile, venue=hostile))
    found = json.loads(site.pages[DATA])["papers"][0]
    assert found[1] == hostile
    assert "pwned" not in site.pages[PAGE].replace("&#", "").split('<select name="venue">')[0]
    option = site.pages[PAGE].split("none: preprints</option>")[1].split("</select>")[0]
    assert "<script" not in option
    assert "<img" not in option
    assert option.count('"') == 2  # nothing ends the attribute early


def test_only_addresses_that_a_page_may_link_to_are_code() -> None:
    """Code is linked by http and https alone (records accept nothing else, and the data neither)."""
    for each in data(*invent_papers(40))["papers"]:
        code = dict(zip(COLUMNS, each, strict=False)).get("code", [])
        assert all(url.startswith(("http://", "https://")) for url in code)


def test_bibtex_of_each_paper_is_the_one_on_its_page() -> None:
    """Entries stand by the papers' keys, as the survey's exporter makes them."""
    papers = invent_papers(12)
    given = site_input(*papers)
    entries = json.loads(render_site(given).pages[BIBTEX])
    assert entries == {each.key: given.bibtex([each]) for each in papers}


def test_choices_are_those_that_papers_have() -> None:
    """Years newest first, venues by name and without years, branches below their direction."""
    page = render(
        paper("a2024b", venue="ICLR 2024", dates={"published": "2024"}),
        paper("a2025b", venue="ICLR 2025", dates={"published": "2025-03"}),
        paper("a2025c", venue="AAAI 2025"),
        venue_series=venue_series,
    ).pages[PAGE]
    years = page.split('<select name="from">')[1].split("</select>")[0]
    assert years.index("2025") < years.index("2024")
    venues = page.split('<select name="venue">')[1].split("</select>")[0]
    assert venues.count("ICLR") == 2  # the value and the words of one choice
    assert venues.index("AAAI") < venues.index("ICLR")
    smaller = page.split('<optgroup label="Smaller">')[1].split("</optgroup>")[0]
    assert 'value="smaller/quantization"' in smaller
    assert "shorter/" not in smaller


def test_a_facet_may_be_called_like_a_filter() -> None:
    """A facet whose id is a name of the page's address gets another one; both work."""
    text = "facets:\n  - {id: venue, title: Where, description: d, branches: [{id: x, title: X, description: d}]}\n"
    page = render(paper(), taxonomy=parse_taxonomy(text, file="taxonomy.yaml")).pages[PAGE]
    assert page.count('<select name="venue">') == 1
    assert '<select name="facet-venue" data-facet="venue">' in page


def test_one_paper_is_one_line() -> None:
    """A change of one record changes one line of the data, so that a diff of two sites can be read."""
    before, after = invent_papers(30), invent_papers(30)
    after[4] = Paper.from_data(after[4].key, after[4].to_data() | {"title": "Another Title"})
    one, two = (render(*papers).pages[DATA].splitlines() for papers in (before, after))
    assert len(one) == len(two)
    assert sum(a != b for a, b in zip(one, two, strict=True)) == 1


def test_vendored_files_are_those_that_were_published() -> None:
    """Each file of another project has the hash that was recorded with its version, and a licence beside it."""
    folder = REPO / "site/docs/assets/vendor"
    recorded = json.loads((folder / "vendored.json").read_text(encoding="utf-8"))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name, package in recorded.items():
        assert {"version", "licence", "source", "sha256"} == package.keys()
        assert "LICENSE.txt" in package["sha256"]
        for file, sha256 in package["sha256"].items():
            path = folder / name / file
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256, path
            files.remove(f"{name}/{file}")
    assert files == {"vendored.json"}
