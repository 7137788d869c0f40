"""CSV for spreadsheets and scripts: all facts of a record, its branches and its cells of the summary table.

A spreadsheet takes a cell that starts with ``=``, ``+``, ``-`` or ``@`` for a formula. Such a cell gets an apostrophe in
front, and so does whatever stands like one behind a semicolon, where some locales part cells; an apostrophe that was there
already is doubled. `read_cell` takes them off again. Lists are joined by "; ", with ``\\`` before a semicolon or a
backslash that is part of an item.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from kb.records.models import AssignmentState, Paper

# The full-width forms count as well: some spreadsheets fold them.
_FORMULA = re.compile(r"(^|;)(?=['=+\-@\t\r＝＋－＠])")
_APOSTROPHE = re.compile(r"(^|;)'")
_ITEM_END = re.compile(r"(?<!\\)((?:\\\\)*); ")

COLUMNS = (
    "key", "title", "authors", "year", "published", "venue", "state", "withdrawn_reason", "arxiv_id", "arxiv_version",
    "doi", "openreview", "acl_anthology", "semantic_scholar", "url", "code", "data", "confirmed_branches",
    "proposed_branches", "review", "focus", "contribution", "limitations",
)  # fmt: skip


def render_csv(papers: Sequence[Paper]) -> str:
    """A header and one row for each of `papers`, in their order (RFC 4180 but for the line's end, which is LF)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([inert_cell(cell) for cell in _cells(paper)] for paper in papers)
    return out.getvalue()


def inert_cell(text: str) -> str:
    """`text` so that no spreadsheet computes it."""
    return _FORMULA.sub(r"\1'", text)


def read_cell(text: str) -> str:
    """What `inert_cell` was given."""
    return _APOSTROPHE.sub(r"\1", text)


def join_items(items: Iterable[str]) -> str:
    """`items` in one cell."""
    return "; ".join(item.replace("\\", "\\\\").replace(";", "\\;") for item in items)


def split_items(cell: str) -> list[str]:
    """What `join_items` was given.

    >>> split_items(join_items(["a;b", "c\\\\", "d"]))
    ['a;b', 'c\\\\', 'd']
    """
    pieces = _ITEM_END.sub(lambda match: f"{match.group(1)}\n", cell).split("\n") if cell else []
    return [re.sub(r"\\(.)", r"\1", piece) for piece in pieces]


def _cells(paper: Paper) -> list[str]:
    ids, review = paper.identifiers, paper.review
    standing: dict[AssignmentState, dict[str, None]] = {state: {} for state in AssignmentState}
    for label in paper.labels:
        standing[label.state][label.branch] = None
    decided = standing[AssignmentState.CONFIRMED].keys() | standing[AssignmentState.REJECTED].keys()
    return [
        paper.key,
        paper.title,
        join_items(author.name for author in paper.authors),
        str(paper.year or ""),
        paper.dates.published or "",
        paper.venue or "",
        paper.publication_state.value,
        paper.withdrawn_reason or "",
        ids.arxiv_id or "",
        str(ids.arxiv_version or ""),
        ids.doi or "",
        ids.openreview or "",
        ids.acl_anthology or "",
        ids.semantic_scholar or "",
        ids.url or "",
        join_items(paper.links.code),
        join_items(paper.links.data),
        join_items(standing[AssignmentState.CONFIRMED]),
        join_items(branch for branch in standing[AssignmentState.PROPOSED] if branch not in decided),
        review.state.value if review else "",
        (review.focus if review else None) or "",
        (review.contribution if review else None) or "",
        (review.limitations if review else None) or "",
    ]
