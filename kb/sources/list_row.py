"""From a row of a table to the papers it names. What a column holds is told by its header, in whatever order they are."""

from __future__ import annotations

import re

from kb.sources import list_fields as fields
from kb.sources.list_item import BLANK, Draft, Reading, add_links, find_titles, make_drafts, read_authors
from kb.sources.markdown import Lines, Row, text_of
from kb.text import normal_title

_COLUMNS = (
    ("title", r"(?:paper )?(?:titles?|names?)\b.*|.*\btitle\b.*"),
    ("date", r"(?:publication |release )?(?:time|dates?|years?|months?|released?)"),
    ("venue", r"venues?|publish(?:ed)?(?: in)?|publications?|conferences?|journals?|conf(?: journal)?|venue year|pub"),
    ("authors", r"authors?(?: list)?|first author|team|affiliations?|institut(?:e|ion)s?|organi[sz]ations?"),
    ("note", r"intro(?:duction)?|summar(?:y|ies)|methods?|descriptions?|notes?|comments?|tl ?dr|abstracts?|remarks?|key ideas?|"
             r"highlights?|(?:main |key )?contributions?|ideas?|details?"),
    ("paper", r"papers?(?: links?| urls?)?|pdfs?|arxiv|links?|urls?|doi|openreview"),
    ("code", r".*\b(?:codes?|github|repos?|repository|implementation)\b.*|projects?(?: page)?"),
    ("data", r"data|datasets?"),
)  # fmt: skip


def columns_of(header: tuple[str, ...]) -> list[str]:
    """What each column of a table holds: title, date, venue, authors, note, paper, code, data or ""."""
    kinds = []
    for text in header:
        name = normal_title(text) if text.strip() else ""
        kinds.append(next((kind for kind, pattern in _COLUMNS if re.fullmatch(pattern, name)), ""))
    if "title" not in kinds:
        for kind in ("paper", "note"):
            if kind in kinds:
                kinds[kinds.index(kind)] = "title" if kind == "paper" else kind
                break
    return kinds


def read_row(row: Row, dayfirst: bool | None) -> Reading:
    """The papers of a table row; none for a table that is not about papers."""
    kinds = columns_of(row.header)
    text = text_of(tuple(line for cell in row.cells for line in cell))
    links = [span for cell in row.cells for line in cell for span in line if span.href]
    papers = [span for span in links if fields.identifiers_of(span.href or "")]
    if "title" not in kinds:
        readable = any(fields.reads_as_title(span.text) for span in papers)
        return (
            Reading(trouble=f"a table without a title column names papers: {text[:80]!r}", lost=True)
            if readable
            else Reading()
        )
    column = kinds.index("title")
    cell: Lines = row.cells[column] if column < len(row.cells) else ()
    if not links and all(BLANK.match(text_of(c)) for c in row.cells):
        return Reading()
    titles = find_titles(cell, in_column=True)
    if not titles or (not links and "paper" not in kinds and len(fields.words(titles[0].text)) < 3):
        return Reading(trouble=f"a row without a title: {text[:80]!r}", lost=bool(papers))
    drafts = list(make_drafts(titles, cell, row.line, dayfirst))
    for draft in drafts:
        _read_columns(draft, row, kinds, column, dayfirst, alone=len(drafts) == 1)
    return Reading(tuple(drafts))


def _read_columns(
    draft: Draft, row: Row, kinds: list[str], title: int, dayfirst: bool | None, *, alone: bool
) -> None:
    for index, cell in enumerate(row.cells):
        kind = kinds[index] if index < len(kinds) else ""
        text = text_of(cell)
        if index == title:
            continue
        if kind in {"paper", "code", "data"} and alone:
            add_links(draft, (span for line in cell for span in line), row.header[index])
        elif kind == "date":
            draft.published = fields.parse_date(text, dayfirst=dayfirst) or draft.published
        elif kind == "venue":
            draft.venue = fields.clean_venue(re.sub(r"\s*\d{4}\s?[./-]\s?\d.*$", "", text)) or draft.venue
            date = fields.parse_date(text, dayfirst=dayfirst, year_alone="arxiv" in text.lower())
            draft.published = draft.published or date
        elif kind == "authors" and not draft.authors:
            read_authors(draft, text)
        elif kind == "note":
            draft.add_note(text)
