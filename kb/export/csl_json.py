"""CSL-JSON, the input of citeproc (https://docs.citationstyles.org): Pandoc, Quarto and Zotero read it.

Values stand as they are. A processor reads a handful of inline tags in titles (``<i>``, ``<b>``, ``<sup>``, ``<sub>``,
``<span>``) and escapes everything else. Identifiers for which CSL has no variable stand under `custom`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from kb.export.links import best_url, issued, withdrawn_note
from kb.export.names import split_name
from kb.export.venues import is_journal
from kb.records.models import Author, Paper


def render_csl_json(papers: Sequence[Paper]) -> str:
    """An array with one item for each of `papers`, in their order."""
    return json.dumps([_item(paper) for paper in papers], ensure_ascii=False, indent=2) + "\n"


def _item(paper: Paper) -> dict[str, Any]:
    ids = paper.identifiers
    kind = "article"  # CSL 1.0.2: a preprint
    if paper.venue:
        kind = "article-journal" if is_journal(paper.venue) else "paper-conference"
    published = [int(part) for part in issued(paper).split("-") if part]
    others = {name: getattr(ids, name) for name in ("openreview", "acl_anthology", "semantic_scholar", "url")}
    orcids = {author.name: author.orcid for author in paper.authors if author.orcid}
    custom = {name: value for name, value in {**others, "orcid": orcids}.items() if value}
    withdrawn = withdrawn_note(paper)
    item = {
        "id": paper.key,
        "type": kind,
        "title": paper.title,
        "author": [_name(author) for author in paper.authors],
        "container-title": paper.venue,
        "issued": {"date-parts": [published]} if published else None,
        "archive": "arXiv" if ids.arxiv_id else None,
        "archive_location": ids.arxiv_id,
        "publisher": "arXiv" if ids.arxiv_id and not paper.venue else None,
        "number": f"arXiv:{ids.arxiv_id}" if ids.arxiv_id and not paper.venue else None,
        "version": str(ids.arxiv_version) if ids.arxiv_version else None,
        "DOI": ids.doi,
        "URL": best_url(paper),
        "status": "withdrawn" if withdrawn else None,
        "note": withdrawn,
        "custom": custom,
    }
    return {name: value for name, value in item.items() if value}


def _name(author: Author) -> dict[str, str]:
    name = split_name(author.name)
    if name.whole:
        return {"literal": name.family}
    parts = {
        "family": name.family,
        "given": name.given,
        "non-dropping-particle": name.particle,
        "suffix": name.suffix,
    }
    return {part: value for part, value in parts.items() if value}
