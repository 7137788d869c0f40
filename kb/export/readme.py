"""The survey as a README: summary table, paper reviews, themes. `kb import survey_readme` reads the same layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from kb.export.links import best_url, link_name, withdrawn_note
from kb.export.markdown import address, escape_markdown, link
from kb.export.names import byline
from kb.records.models import Paper, Review
from kb.render.prose import Prose
from kb.render.views import REVIEW_SECTIONS, TABLE_CELLS

_NOTHING = "..."
_HEADER = "| Paper | Focus | Key Contribution | Limitations / Open Questions |"
_NOTE = "<!-- Made by kb export readme: edit the records that are named below, not this block. -->"

ProseOf = Callable[[str], Prose]
"""Turns a reviewer's text into paragraphs; the `page` of a reference is an address, or empty for words alone."""


@dataclass(frozen=True)
class Theme:
    """What several papers say together: its heading, and one sentence about it."""

    title: str
    sentence: str


def render_readme(papers: Sequence[Paper], themes: Sequence[Theme], prose_of: ProseOf) -> str:
    """The block for `papers` that have a review card; each is a row of the table and a numbered review."""
    reviewed = [(paper, paper.review) for paper in papers if paper.review]
    parts = [_NOTE, "## Summary Table"]
    parts.append("\n".join([_HEADER, "|---|---|---|---|", *(_row(p, r, prose_of) for p, r in reviewed)]))
    parts.append("## Paper Reviews")
    parts += [_review(number, p, r, prose_of) for number, (p, r) in enumerate(reviewed, 1)]
    if themes:
        parts.append("## Emerging Themes & Research Directions")
        parts.append(
            "\n".join(
                f"- Theme {number}: **{escape_markdown(theme.title)}.** {render_inline(prose_of(theme.sentence))}".rstrip()
                for number, theme in enumerate(themes, 1)
            )
        )
    return "\n\n".join(parts)


def _row(paper: Paper, review: Review, prose_of: ProseOf) -> str:
    name = paper.identifiers.arxiv_id or (str(paper.year) if paper.year else paper.key)
    first = link(f"{byline(paper.authors) or 'Unknown authors'} ({name})", best_url(paper))
    if withdrawn_note(paper):
        first += " (withdrawn)"
    cells = (getattr(review, cell) for cell in TABLE_CELLS)
    return (
        f"| {' | '.join([first, *(render_inline(prose_of(text)) if text else _NOTHING for text in cells)])} |"
    )


def _review(number: int, paper: Paper, review: Review, prose_of: ProseOf) -> str:
    said = (
        f" ({escape_markdown(byline(paper.authors))}, {paper.year})" if paper.authors and paper.year else ""
    )
    lines = [
        f"### {number}. {escape_markdown(paper.title)}{said}",
        "",
        f"<!-- papers/{paper.key}.yaml -->",
        "",
    ]
    if note := withdrawn_note(paper):
        lines.append(f"- **{escape_markdown(note)}**")
    if review.summary:
        lines.append(_item("Summary", prose_of(review.summary)))
    for name in REVIEW_SECTIONS:
        text = getattr(review, name)
        lines.append(
            _item(name.capitalize(), prose_of(text)) if text else f"- **{name.capitalize()}**: {_NOTHING}"
        )
    if url := best_url(paper):
        lines.append(f"- **Link**: [{link_name(paper)}]({address(url)})")
    if paper.links.code:
        repositories = ", ".join(link(_repository(url), url) for url in paper.links.code)
        lines.append(f"- **Repo**: {repositories}")
    return "\n".join(lines)


def _repository(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.strip("/")
    return path if parts.hostname == "github.com" and path else f"{parts.hostname}{parts.path}".rstrip("/")


def _item(name: str, prose: Prose) -> str:
    """A list item; its further paragraphs stand below, indented."""
    first, *rest = [render_inline((paragraph,)) for paragraph in prose] or [_NOTHING]
    return "\n\n".join([f"- **{name}**: {first}", *(f"  {text}" for text in rest)])


def render_inline(prose: Prose) -> str:
    """Prose as one line of Markdown. A reference leads to the address of its paper."""
    paragraphs = []
    for paragraph in prose:
        parts = []
        for span in paragraph:
            if span.page:
                parts.append(link(span.text, span.page))
                continue
            words = escape_markdown(span.text)
            before = " " if span.text[:1].isspace() and parts else ""
            after = " " if span.text[-1:].isspace() else ""
            parts.append(f"{before}{words}{after}" if words else " ")
        paragraphs.append("".join(parts).strip())
    return " ".join(filter(None, paragraphs))
