"""A citation as a line of text, as Highwire Press tags, and as schema.org's JSON-LD.

Tags: https://scholar.google.com/intl/en/scholar/inclusion.html#indexing and Zotero's translator "Embedded Metadata", which
takes a name apart at its comma and several names at semicolons.
"""

from __future__ import annotations

from typing import Any

from kb.export.links import best_url, doi_url, withdrawn_note
from kb.export.names import split_name
from kb.export.venues import is_journal
from kb.ids import ArxivId
from kb.records.models import Author, Paper
from kb.render.citation import Citation

# A text that names more is not read to the end. The tags and JSON-LD name everybody.
_NAMED = 10


def cite(paper: Paper) -> Citation:
    """Everything that the paper's page says of how to cite it."""
    return Citation(plain_citation(paper), tuple(highwire(paper)), json_ld(paper))


def plain_citation(paper: Paper) -> str:
    """One line: authors, year, title, where it appeared, where it can be read.

    >>> plain_citation(Paper.from_data("a2025b", {"title": "Why?", "authors": ["Ada van Dam"], "venue": "TMLR"}))
    'Ada van Dam. Why? TMLR.'
    """
    ids = paper.identifiers
    names = [author.name for author in paper.authors]
    people = ", ".join(names[:_NAMED]) + (" et al." if len(names) > _NAMED else "")
    year = f"({paper.year})" if paper.year else ""
    where = paper.venue or (f"arXiv:{ids.arxiv_id}" if ids.arxiv_id else "")
    who = " ".join(filter(None, (people, year)))
    url = doi_url(ids.doi) if ids.doi else best_url(paper)
    return " ".join(
        [*map(_ended, filter(None, (who, paper.title, where, withdrawn_note(paper)))), url]
    ).strip()


def _ended(text: str) -> str:
    return text if text[-1] in ".?!" else f"{text}."


def highwire(paper: Paper) -> list[tuple[str, str]]:
    """The tags: name and content; one `citation_author` a person."""
    ids = paper.identifiers
    tags = [("citation_title", paper.title)]
    for author in paper.authors:
        tags.append(("citation_author", _tag_name(author)))
        if author.orcid:
            tags.append(("citation_author_orcid", f"https://orcid.org/{author.orcid}"))
    if paper.dates.published:
        tags.append(("citation_publication_date", paper.dates.published.replace("-", "/")))
    if paper.venue:
        journal = is_journal(paper.venue)
        tags.append(("citation_journal_title" if journal else "citation_conference_title", paper.venue))
    if ids.doi:
        tags.append(("citation_doi", ids.doi))
    if ids.arxiv_id:
        tags += [("citation_arxiv_id", ids.arxiv_id), ("citation_pdf_url", pdf_url(ids.arxiv_id))]
    if url := best_url(paper):
        tags.append(("citation_abstract_html_url", url))
    return tags


def _tag_name(author: Author) -> str:
    """ "Family, Given" for a person; a team's name without what would take it apart."""
    name = split_name(author.name)
    if name.whole or not name.given:
        return author.name.replace(",", "").replace(";", "")
    family = " ".join(filter(None, (name.particle, name.family, name.suffix)))
    return f"{family}, {name.given}".replace(";", "")


def pdf_url(arxiv_id: str) -> str:
    """The PDF of a preprint's newest version."""
    return ArxivId(arxiv_id).url.replace("/abs/", "/pdf/")


def json_ld(paper: Paper) -> dict[str, Any]:
    """A https://schema.org/ScholarlyArticle."""
    ids = paper.identifiers
    addresses = [doi_url(ids.doi)] if ids.doi else []
    addresses += [ArxivId(ids.arxiv_id).url] if ids.arxiv_id else []
    identifiers = [("doi", ids.doi), ("arXiv", ids.arxiv_id)]
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "name": paper.title,
        "headline": paper.title,
        "author": [_person(author) for author in paper.authors],
        "datePublished": paper.dates.published,
        "dateModified": paper.dates.updated,
        "url": best_url(paper),
        "sameAs": addresses,
        "identifier": [
            {"@type": "PropertyValue", "propertyID": kind, "value": value}
            for kind, value in identifiers
            if value
        ],
    }
    if paper.venue:
        kind = "Periodical" if is_journal(paper.venue) else "PublicationVolume"
        data["isPartOf"] = {"@type": kind, "name": paper.venue}
    if paper.publication_state == "withdrawn":
        data["creativeWorkStatus"] = "Withdrawn"
    return {name: value for name, value in data.items() if value}


def _person(author: Author) -> dict[str, str]:
    person = {"@type": "Organization" if split_name(author.name).whole else "Person", "name": author.name}
    return person | ({"@id": f"https://orcid.org/{author.orcid}"} if author.orcid else {})
