"""RIS comes back from rispy as it went in."""

from __future__ import annotations

import pytest
import rispy  # type: ignore[import-untyped]
from hypothesis import given

from kb.export.links import best_url, issued, withdrawn_note
from kb.export.names import split_name
from kb.export.ris import render_ris
from kb.records.models import Paper
from tests.export.strange import TITLES, paper, papers
from tests.library import invent_papers


def name_of(written: str) -> str:
    """ "Family, Given, Suffix" as a record has it; a team ends in a comma."""
    if written.endswith(","):
        return written[:-1]
    family, given_name, suffix = ([part.strip() for part in written.split(",")] + ["", ""])[:3]
    return " ".join(filter(None, (given_name, family, suffix)))


@pytest.mark.parametrize("title", TITLES)
def test_a_hostile_title_comes_back(title: str) -> None:
    """No title can start a tag or end a reference."""
    (entry,) = rispy.loads(render_ris([paper(title)]))
    assert (entry["id"], entry["title"]) == ("a2020b", title)


@given(papers())
def test_any_record_comes_back(given_paper: Paper) -> None:
    """Title, names, dates, venue, identifiers and withdrawal are what rispy reads."""
    text = render_ris([given_paper])
    assert text.count("\r\n") == text.count("\n")
    (entry,) = rispy.loads(text)
    ids = given_paper.identifiers
    assert entry["title"] == given_paper.title
    assert entry.get("secondary_title") == given_paper.venue
    published = issued(given_paper)
    assert entry.get("year", "") == published[:4]
    if len(published) > 4:
        assert "-".join(filter(None, entry["date"].split("/"))) == published
    assert entry.get("doi") == ids.doi
    assert entry.get("accession_number", "arXiv:") == f"arXiv:{ids.arxiv_id or ''}"
    assert [url.replace("%3B", ";") for url in entry.get("urls", [])] == [
        url for url in [best_url(given_paper)] if url
    ]
    assert entry.get("notes", []) == [note for note in [withdrawn_note(given_paper)] if note]
    assert [name_of(name) for name in entry.get("authors", [])] == [
        str(split_name(author.name)) for author in given_paper.authors
    ]


def test_a_library_keeps_its_order() -> None:
    """As many references as papers, in their order."""
    library = invent_papers(40)
    assert [entry["id"] for entry in rispy.loads(render_ris(library))] == [p.key for p in library]


def test_types_and_names_are_written_as_reference_managers_expect() -> None:
    """A journal, a conference, a preprint; a team's name ends in a comma so that it is not taken apart."""
    made = [
        render_ris([paper(venue=venue, authors=["Qwen Team", "Sammy van Davis Jr.", "Mausam"])])
        for venue in ("TMLR", "ICLR 2025", None)
    ]
    assert [text.split("\r\n")[0] for text in made] == ["TY  - JOUR", "TY  - CONF", "TY  - UNPB"]
    assert "AU  - Qwen Team,\r\nAU  - van Davis, Sammy, Jr.\r\nAU  - Mausam\r\n" in made[0]
    assert made[0].endswith("ER  - \r\n")
