"""How a paper is cited: what its page shows to people and tells to programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kb.config import SiteSettings
from kb.records.models import Paper


@dataclass(frozen=True)
class Citation:
    """One paper's.

    Attributes:
        plain: a line to copy into a text.
        tags: Highwire Press `citation_*` tags, which reference managers and Google Scholar read; names may repeat.
        json_ld: the same as schema.org has it; a data block, which no content-security policy takes for a script.
    """

    plain: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    json_ld: Mapping[str, Any] = field(default_factory=dict)


Cite = Callable[[Paper], Citation]


def uncited(paper: Paper) -> Citation:
    """For a site that says nothing of how to cite."""
    return Citation()


def line_of_survey(settings: SiteSettings) -> str:
    """The survey itself, as a line of a text cites it."""
    authors = ", ".join(settings.citation_authors)
    year = str(settings.citation_year) if settings.citation_year else ""
    return ". ".join(part for part in (authors, settings.title, year, settings.url or "") if part)


def bibtex_of_survey(settings: SiteSettings, bibtex: Callable[[Sequence[Paper]], str]) -> str | None:
    """BibTeX of the survey itself; None while kb.toml names no authors."""
    if not settings.citation_authors:
        return None
    year = str(settings.citation_year) if settings.citation_year else None
    survey = Paper.from_data(
        "survey",
        {
            "title": " ".join(settings.title.split()) or "kb",
            "authors": list(settings.citation_authors),
            "dates": {"published": year} if year else {},
            "identifiers": {"url": settings.url} if settings.url else {},
        },
    )
    return bibtex([survey])
