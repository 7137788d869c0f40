"""How a paper is cited: the line to copy, the Highwire tags, schema.org's data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kb.export.citation import cite, highwire, json_ld, plain_citation
from kb.records.models import Paper


def paper(**fields: Any) -> Paper:
    return Paper.from_data("a2025b", {"title": "A Title", **fields})


FULL = paper(
    authors=[{"name": "Ada van Dam", "orcid": "0000-0002-1825-0097"}, "Qwen Team"],
    dates={"published": "2025-04-07", "updated": "2025-05"},
    venue="Transactions on Machine Learning Research",
    identifiers={"arxiv_id": "2504.04823", "doi": "10.1145/3666122"},
)


def test_the_line_says_who_when_what_and_where() -> None:
    """Authors, year, title, venue and the DOI stand in one line."""
    assert plain_citation(FULL) == (
        "Ada van Dam, Qwen Team (2025). A Title. Transactions on Machine Learning Research. "
        "https://doi.org/10.1145/3666122"
    )


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "A Title."),
        ({"title": "Why?"}, "Why?"),
        (
            {"identifiers": {"arxiv_id": "2504.04823"}},
            "A Title. arXiv:2504.04823. https://arxiv.org/abs/2504.04823",
        ),
        ({"authors": [f"Person {n}" for n in range(11)]}, None),
        ({"publication_state": "withdrawn", "withdrawn_reason": "an error"}, "A Title. Withdrawn: an error."),
    ],
)
def test_the_line_leaves_out_what_is_not_known(fields: dict[str, Any], line: str | None) -> None:
    """No empty brackets, no doubled full stops; more than ten authors end in "et al."."""
    said = plain_citation(paper(**fields))
    assert said == (line or ", ".join(f"Person {n}" for n in range(10)) + " et al. A Title.")


def test_tags_are_those_that_zotero_reads() -> None:
    """One tag a person with the family name first; a team is one name; the date has slashes."""
    assert highwire(FULL) == [
        ("citation_title", "A Title"),
        ("citation_author", "van Dam, Ada"),
        ("citation_author_orcid", "https://orcid.org/0000-0002-1825-0097"),
        ("citation_author", "Qwen Team"),
        ("citation_publication_date", "2025/04/07"),
        ("citation_journal_title", "Transactions on Machine Learning Research"),
        ("citation_doi", "10.1145/3666122"),
        ("citation_arxiv_id", "2504.04823"),
        ("citation_pdf_url", "https://arxiv.org/pdf/2504.04823"),
        ("citation_abstract_html_url", "https://arxiv.org/abs/2504.04823"),
    ]


def test_a_conference_is_no_journal() -> None:
    """The venue's tag decides which item type Zotero makes."""
    assert ("citation_conference_title", "ICML 2025") in highwire(paper(venue="ICML 2025"))


def test_no_name_is_taken_apart_at_a_semicolon() -> None:
    """Zotero splits a name at semicolons: none is left in one, and a team has no comma either."""
    names = [
        content
        for name, content in highwire(paper(authors=["A; B Team, and others", "Ann; Lee"]))
        if "author" in name
    ]
    assert names == ["A B Team and others", "Lee, Ann"]


def test_structured_data_tells_people_and_teams_apart() -> None:
    """JSON-LD is plain JSON and says Person or Organization, with the ORCID iD as the person's id."""
    data = json_ld(FULL)
    assert json.loads(json.dumps(data)) == data
    assert data["author"] == [
        {"@type": "Person", "name": "Ada van Dam", "@id": "https://orcid.org/0000-0002-1825-0097"},
        {"@type": "Organization", "name": "Qwen Team"},
    ]
    assert data["isPartOf"] == {"@type": "Periodical", "name": "Transactions on Machine Learning Research"}
    assert data["sameAs"] == ["https://doi.org/10.1145/3666122", "https://arxiv.org/abs/2504.04823"]
    assert None not in data.values()


def test_a_paper_of_which_only_the_title_is_known_is_cited() -> None:
    """Nothing empty is written where nothing is known."""
    made = cite(paper())
    assert made.plain == "A Title."
    assert made.tags == (("citation_title", "A Title"),)
    assert set(made.json_ld) == {"@context", "@type", "name", "headline"}
