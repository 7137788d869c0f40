"""RIS, one tag a line (the format of Reference Manager; EndNote, Mendeley and Zotero read it).

Lines end in CR LF. A team's name ends in a comma, which keeps EndNote and Zotero from taking it apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kb.export.links import best_url, issued, withdrawn_note
from kb.export.names import split_name
from kb.export.venues import is_journal
from kb.records.models import Author, Paper

_END = "\r\n"


def render_ris(papers: Sequence[Paper]) -> str:
    """One reference for each of `papers`, in their order, a blank line between two."""
    return _END.join(
        "".join(f"{tag}  - {value}{_END}" for tag, value in _tags(paper) if value or tag == "ER")
        for paper in papers
    )


def _tags(paper: Paper) -> Iterator[tuple[str, str]]:
    ids = paper.identifiers
    journal = bool(paper.venue) and is_journal(paper.venue or "")
    yield "TY", "JOUR" if journal else "CONF" if paper.venue else "UNPB"
    yield "ID", paper.key
    yield "TI", paper.title
    for author in paper.authors:
        yield "AU", _name(author)
    published = issued(paper)
    yield "PY", published[:4]
    if len(published) > 4:  # year/month/day/other, whatever is not known empty
        year, month, day = (*published.split("-"), "")[:3]
        yield "DA", f"{year}/{month}/{day}/"
    yield "T2", paper.venue or ""
    yield "DO", ids.doi or ""
    yield "AN", f"arXiv:{ids.arxiv_id}" if ids.arxiv_id else ""
    yield "PB", "arXiv" if ids.arxiv_id and not paper.venue else ""
    yield "UR", best_url(paper).replace(";", "%3B")  # a semicolon would part two addresses
    yield "N1", withdrawn_note(paper)
    yield "ER", ""


def _name(author: Author) -> str:
    name = split_name(author.name)
    if name.whole:
        return f"{name.family},"
    last = " ".join(filter(None, (name.particle, name.family)))
    parts = [last, name.given, name.suffix] if name.suffix else [last, name.given]
    return ", ".join(parts if any(parts[1:]) else parts[:1])
