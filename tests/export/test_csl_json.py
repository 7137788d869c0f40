"""CSL-JSON holds to the published schema, and a citation processor sets what the record says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from citeproc import Citation, CitationItem, CitationStylesBibliography, CitationStylesStyle, formatter  # type: ignore[import-untyped]
from citeproc.source.json import CiteProcJSON  # type: ignore[import-untyped]
from hypothesis import given

from kb.export.csl_json import render_csl_json
from kb.export.links import best_url, issued, withdrawn_note
from kb.export.names import split_name
from kb.records.models import Paper
from tests.export.strange import ORCID, TITLES, paper, papers

# The part of csl-data.json (CSL 1.0.2) that an item of ours may use: variables and the types of their values.
_STRINGS = {
    "id", "type", "title", "container-title", "archive", "archive_location", "publisher", "number", "version", "DOI",
    "URL", "status", "note",
}  # fmt: skip
_NAME_PARTS = {"family", "given", "non-dropping-particle", "suffix", "literal"}
_TYPES = {"article", "article-journal", "paper-conference"}


def parse(text: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(text)
    for item in items:
        assert item["type"] in _TYPES
        for name, value in item.items():
            if name == "author":
                assert all(set(person) <= _NAME_PARTS for person in value)
                assert all(isinstance(part, str) and part for person in value for part in person.values())
            elif name == "issued":
                ((*parts,),) = value["date-parts"]
                assert 1 <= len(parts) <= 3
                assert all(type(part) is int for part in parts)
            elif name == "custom":
                assert isinstance(value, dict)
            else:
                assert name in _STRINGS
                assert isinstance(value, str)
    return items


@given(papers())
def test_any_record_comes_back(given_paper: Paper) -> None:
    """All facts are in the variables that the schema has for them; identifiers that it lacks are under `custom`."""
    (item,) = parse(render_csl_json([given_paper]))
    ids = given_paper.identifiers
    assert (item["id"], item["title"]) == ("a2020b", given_paper.title)
    assert item.get("container-title") == given_paper.venue
    assert [
        person.get("literal")
        or " ".join(filter(None, map(person.get, ("given", "non-dropping-particle", "family", "suffix"))))
        for person in item.get("author", [])
    ] == [str(split_name(author.name)) for author in given_paper.authors]
    published = issued(given_paper)
    parts = item.get("issued", {}).get("date-parts", [[]])[0]
    assert [int(part) for part in published.split("-") if part] == parts
    assert (item.get("DOI"), item.get("archive_location")) == (ids.doi, ids.arxiv_id)
    assert item.get("URL", "") == best_url(given_paper)
    assert (item.get("status"), item.get("note", "")) == (
        "withdrawn" if withdrawn_note(given_paper) else None,
        withdrawn_note(given_paper),
    )
    for kind in ("openreview", "acl_anthology", "semantic_scholar", "url"):
        assert item.get("custom", {}).get(kind) == getattr(ids, kind)


def bibliography(text: str) -> list[str]:
    """What citeproc-py makes of the items, in plain text."""
    source = CiteProcJSON(json.loads(text))
    style = CitationStylesStyle("harvard-cite-them-right", validate=False)
    made = CitationStylesBibliography(style, source, formatter.plain)
    for key in source:
        made.register(Citation([CitationItem(key)]))
    return [str(entry) for entry in made.bibliography()]


@pytest.mark.parametrize("title", [title for title in TITLES if "<" not in title])
def test_a_processor_prints_the_title(title: str) -> None:
    """citeproc-py prints a hostile title as it is, but for quotes and dashes, which it sets as a typesetter would."""
    (line,) = bibliography(render_csl_json([paper(title, dates={"published": "2025-04"})]))
    assert plain(title) in plain(line)
    assert "Almeida, A. and Brandt, B." in line
    assert "2025" in line


def plain(text: str) -> str:
    return re.sub(r"[^\w{}\\$&%#=+@|^~]", "", text).casefold()


def test_preprints_journals_and_events_have_their_types() -> None:
    """A preprint is an `article` with arXiv as publisher; an ORCID iD is kept."""
    ids = {"arxiv_id": "2504.04823", "arxiv_version": 2}
    preprint, journal, event = parse(
        render_csl_json(
            [
                paper(identifiers=ids, authors=[{"name": "Ada Almeida", "orcid": ORCID}]),
                paper(venue="Journal of Things"),
                paper(venue="ICLR 2025"),
            ]
        )
    )
    assert (preprint["type"], preprint["publisher"], preprint["number"], preprint["version"]) == (
        "article", "arXiv", "arXiv:2504.04823", "2",
    )  # fmt: skip
    assert preprint["custom"] == {"orcid": {"Ada Almeida": ORCID}}
    assert (journal["type"], event["type"]) == ("article-journal", "paper-conference")
