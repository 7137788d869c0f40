"""BibTeX. Any title comes back unchanged from a BibTeX parser once LaTeX has read it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kb.ids import ArxivId
from kb.records.models import Paper

_LATEX = {
    "\\": r"{\textbackslash}",
    # BibTeX counts braces even after a backslash, so a single one needs its name.
    "{": r"{\textbraceleft}",
    "}": r"{\textbraceright}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"{\textasciitilde}",
    "^": r"{\textasciicircum}",
    "<": r"{\textless}",
    ">": r"{\textgreater}",
    "|": r"{\textbar}",
    '"': r"{\textquotedbl}",
}
_TABLE = str.maketrans(_LATEX)
_AROUND = "()[]{}\"'“”‘’.,:;?!"
_TEAM = re.compile(r"(?i)\b(?:team|group|collaboration|consortium|labs?|and|inc|et al)\b|,.*,")
_JOURNAL = re.compile(
    r"(?i)\b(?:journal|transactions|letters|tmlr|jmlr|tacl|nature|science|magazine|surveys)\b"
)


def render_bibtex(papers: Sequence[Paper]) -> str:
    """One entry for each of `papers`, in their order, a blank line between two."""
    return "\n".join(_entry(paper) for paper in papers)


def escape_latex(text: str) -> str:
    """`text` with what LaTeX and BibTeX would act on written by name."""
    return text.translate(_TABLE)


def _entry(paper: Paper) -> str:
    kind, fields = _kind_and_venue(paper)
    ids = paper.identifiers
    head = {"title": _title(paper.title), "author": _authors(paper)}
    published = paper.dates.published or ""
    tail = {
        "year": published[:4],
        "month": str(int(published[5:7])) if len(published) >= 7 else "",
        "doi": _verbatim(ids.doi or ""),
        "eprint": ids.arxiv_id or "",
        "archiveprefix": "arXiv" if ids.arxiv_id else "",
        "url": _verbatim(_url(paper)),
    }
    rows = [f"  {name:<13} = {{{value}}}" for name, value in (head | fields | tail).items() if value]
    return f"@{kind}{{{paper.key},\n" + ",\n".join(rows) + "\n}\n"


def _kind_and_venue(paper: Paper) -> tuple[str, dict[str, str]]:
    if not paper.venue:
        return "misc", {}
    venue = escape_latex(paper.venue)
    if _JOURNAL.search(paper.venue):
        return "article", {"journal": venue}
    return "inproceedings", {"booktitle": venue}


def _title(title: str) -> str:
    return " ".join(_word(word, first=number == 0) for number, word in enumerate(title.split(" ")))


def _word(word: str, *, first: bool) -> str:
    """`word`, in braces if lower-casing would change more of it than the capital that starts a title."""
    core = word.strip(_AROUND)
    one_letter = len(core) == 1 and core != core.lower() and core != "A" and not first
    if core[1:] == core[1:].lower() and not one_letter:
        return escape_latex(word)
    start = word.index(core)
    before, after = word[:start], word[start + len(core) :]
    return f"{escape_latex(before)}{{{escape_latex(core)}}}{escape_latex(after)}"


def _authors(paper: Paper) -> str:
    return " and ".join(_name(author.name) for author in paper.authors)


def _name(name: str) -> str:
    escaped = escape_latex(name)
    return f"{{{escaped}}}" if _TEAM.search(name) else escaped


def _url(paper: Paper) -> str:
    ids = paper.identifiers
    if ids.arxiv_id:
        return ArxivId(ids.arxiv_id).url
    if ids.acl_anthology:
        return f"https://aclanthology.org/{ids.acl_anthology}/"
    if ids.openreview:
        return f"https://openreview.net/forum?id={ids.openreview}"
    return ids.url or ""


def _verbatim(text: str) -> str:
    """A DOI or URL: read as it is by the url and doi fields, so only what breaks BibTeX itself is replaced."""
    return text.replace("\\", "%5C").replace("{", "%7B").replace("}", "%7D")
