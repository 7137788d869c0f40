"""Where a paper can be read, for formats that have room for one address."""

from __future__ import annotations

import re
from urllib.parse import quote

from kb.ids import ArxivId
from kb.records.models import Paper


def best_url(paper: Paper) -> str:
    """The page where anybody can read the paper: arXiv, the ACL Anthology, OpenReview, its own address, its DOI."""
    ids = paper.identifiers
    if ids.arxiv_id:
        return ArxivId(ids.arxiv_id).url
    if ids.acl_anthology:
        return f"https://aclanthology.org/{ids.acl_anthology}/"
    if ids.openreview:
        return f"https://openreview.net/forum?id={ids.openreview}"
    return ids.url or (doi_url(ids.doi) if ids.doi else "")


def doi_url(doi: str) -> str:
    """The resolver's address of a DOI."""
    return "https://doi.org/" + quote(doi, safe="/:;().,-_")


def issued(paper: Paper) -> str:
    """The date that a reference to the paper gives, as precise as known.

    A record's date is that of the preprint where there is one. Beside a venue, the day and month of the preprint would be
    wrong: there it is the year alone, the one that the venue names ("ICLR 2025") if it names one.
    """
    published = paper.dates.published or ""
    if not (paper.venue and paper.identifiers.arxiv_id):
        return published
    named = re.findall(r"\b(?:19|20)\d\d\b", paper.venue, re.ASCII)
    return named[0] if len(named) == 1 and published else published[:4]


def withdrawn_note(paper: Paper) -> str:
    """What stands beside a withdrawn paper; empty for any other."""
    if paper.publication_state != "withdrawn":
        return ""
    return f"Withdrawn: {paper.withdrawn_reason}" if paper.withdrawn_reason else "Withdrawn"


def link_name(paper: Paper) -> str:
    """What `best_url` leads to."""
    url = best_url(paper)
    for name, start in (
        ("arXiv", "https://arxiv.org/"),
        ("ACL Anthology", "https://aclanthology.org/"),
        ("OpenReview", "https://openreview.net/"),
        ("DOI", "https://doi.org/"),
    ):
        if url.startswith(start):
            return name
    return "Paper"
