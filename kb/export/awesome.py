"""The survey as an awesome list: a section a branch, a line a paper, badges for where it is and where its code is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit

from kb.export.links import best_url, link_name, withdrawn_note
from kb.export.markdown import address, escape_markdown, image, link
from kb.export.names import byline
from kb.export.venues import short_venue
from kb.records.models import AssignmentState, Paper, Witness
from kb.records.taxonomy import Branch, Taxonomy
from kb.render.views import standings

_AWESOME = "[![Awesome](https://awesome.re/badge.svg)](https://awesome.re)"
_ELSEWHERE = "Not sorted yet"
_BADGE = "https://img.shields.io"
_COLORS = {"arXiv": "b31b1b", "ACL Anthology": "ed1c24", "OpenReview": "8c1b13", "DOI": "fab70c"}


def render_awesome(papers: Sequence[Paper], taxonomy: Taxonomy, title: str) -> str:
    """The list, sorted by the first facet of `taxonomy`; newest papers first in each section.

    A paper stands in every most specific branch that the best witness gives it: what a person confirmed, else what lists
    say, else what the classifier proposes.
    """
    facet = taxonomy.facets[0]
    members: dict[str, list[Paper]] = {}
    for paper in sorted(papers, key=lambda p: (_reversed(p.dates.published or ""), p.key)):
        for branch in branches_of(paper, taxonomy, facet.id) or [_ELSEWHERE]:
            members.setdefault(branch, []).append(paper)
    contents, sections, slugs = list[str](), list[str](), _Slugs()

    def add(branch: Branch, path: str, depth: int) -> None:
        if not any(name == path or name.startswith(f"{path}/") for name in members):
            return
        contents.append(f"{'  ' * depth}- [{escape_markdown(branch.title)}](#{slugs.of(branch.title)})")
        about = escape_markdown(branch.description)
        lines = _lines(members.get(path, []))
        sections.append(
            "\n\n".join(filter(None, [f"{'#' * (depth + 2)} {escape_markdown(branch.title)}", about, lines]))
        )
        for child in branch.branches:
            add(child, f"{path}/{child.id}", depth + 1)

    for top in facet.branches:
        add(top, top.id, 0)
    if _ELSEWHERE in members:
        contents.append(f"- [{_ELSEWHERE}](#{slugs.of(_ELSEWHERE)})")
        sections.append(f"## {_ELSEWHERE}\n\n{_lines(members[_ELSEWHERE])}")
    many = f"{len(papers):,} paper{'s' * (len(papers) != 1)}. Made by kb export awesome from the records in papers/."
    head = f"# {escape_markdown(title)} {_AWESOME}\n\n{many}"
    return "\n\n".join([head, "## Contents\n\n" + "\n".join(contents), *sections]) + "\n"


def branches_of(paper: Paper, taxonomy: Taxonomy, facet: str) -> list[str]:
    """The most specific branches of `facet` that the paper's best witness names, in the order of the taxonomy."""
    state = standings(paper)
    found: set[str] = set()
    for by in (None, Witness.PERSON, Witness.LIST, Witness.CLASSIFIER):
        found = {
            label.branch
            for label in paper.labels
            if taxonomy.facet_of(label.branch) == facet
            and (state[label.branch] == AssignmentState.CONFIRMED if by is None else label.by is by)
            and state[label.branch] != AssignmentState.REJECTED
        }
        if found:
            break
    return [
        branch
        for branch in taxonomy.branches
        if branch in found and not any(other.startswith(f"{branch}/") for other in found)
    ]


def _lines(papers: Iterable[Paper]) -> str:
    return "\n".join(_paper(paper) for paper in papers)


def _paper(paper: Paper) -> str:
    title = link(paper.title, best_url(paper))
    short = short_venue(paper.venue) if paper.venue else None
    said = (byline(paper.authors), str(paper.year or ""), paper.venue if paper.venue and not short else "")
    words = escape_markdown(", ".join(filter(None, said)))
    badges = [*([_venue(short)] if short else []), *_places(paper)]
    if withdrawn_note(paper):
        badges.insert(0, image(withdrawn_note(paper), _static("", "withdrawn", "critical")))
    return f"- {' '.join([f'**{title}**', *([f'({words})'] if words else []), *badges])}"


def _venue(name: str) -> str:
    return image(name, _static("", name, "blue"))


def _places(paper: Paper) -> Iterable[str]:
    if url := best_url(paper):
        name, arxiv_id = link_name(paper), paper.identifiers.arxiv_id
        label, message = ("arXiv", arxiv_id) if arxiv_id else ("", name)
        badge = _static(label, message, _COLORS.get(name, "555"))
        yield f"[{image(' '.join(filter(None, (label, message))), badge)}]({address(url)})"
    for url in paper.links.code:
        parts = urlsplit(url)
        path = [quote(part, safe="") for part in parts.path.removesuffix(".git").split("/") if part]
        badge = _static("", "code", "24292f")
        if parts.hostname in {"github.com", "www.github.com"} and len(path) >= 2:
            badge = f"{_BADGE}/github/stars/{path[0]}/{path[1]}?style=flat&label=code"
        yield f"[{image('code', badge)}]({address(url)})"


def _static(label: str, message: str, color: str) -> str:
    """https://shields.io/badges: a dash and an underscore in a word are doubled."""
    words = [quote(word.replace("-", "--").replace("_", "__"), safe="") for word in (label, message) if word]
    return f"{_BADGE}/badge/{'-'.join([*words, color])}"


def _reversed(date: str) -> tuple[int, ...]:
    """Sorts the latest first; a date of a year alone counts as its beginning."""
    return tuple(-int(part) for part in f"{date}-0-0".split("-")[:3] if part) if date else (0,)


class _Slugs:
    """The anchors that GitHub gives to headings, in their order."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {"contents": 1}

    def of(self, title: str) -> str:
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        number = self._seen.get(slug, 0)
        self._seen[slug] = number + 1
        return quote(f"{slug}-{number}" if number else slug)
