"""BibLaTeX, as biber reads it: Unicode as it is, dates as precise as known, preprints as `online` with an eprint type."""

from __future__ import annotations

from collections.abc import Sequence

from kb.export.bibtex import authors, protected_title, render_entry, verbatim
from kb.export.latex import escape_latex
from kb.export.links import best_url, issued, withdrawn_note
from kb.export.venues import is_journal
from kb.records.models import Paper


def render_biblatex(papers: Sequence[Paper]) -> str:
    """One entry for each of `papers`, in their order, a blank line between two."""
    return "\n".join(_entry(paper) for paper in papers)


def _entry(paper: Paper) -> str:
    ids = paper.identifiers
    kind, venue = "online", {}
    if paper.venue:
        name, journal = escape_latex(paper.venue), is_journal(paper.venue)
        kind = "article" if journal else "inproceedings"
        venue = {"journaltitle": name} if journal else {"booktitle": f"{{{name}}}"}
    fields = {"title": protected_title(paper.title), "author": authors(paper.authors)} | venue
    fields |= {
        "date": issued(paper),
        "version": str(ids.arxiv_version or ""),
        "doi": verbatim(ids.doi or ""),
        "eprint": ids.arxiv_id or "",
        "eprinttype": "arxiv" if ids.arxiv_id else "",
        # Identifiers of before 2007 begin with their class.
        "eprintclass": ids.arxiv_id.split("/")[0] if ids.arxiv_id and "/" in ids.arxiv_id else "",
        "url": verbatim(best_url(paper)),
        "addendum": escape_latex(withdrawn_note(paper)),
    }
    return render_entry(kind, paper.key, fields)
