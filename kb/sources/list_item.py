"""From a list item to the papers it names.

Lists put a paper's title in a link, in bold, in quotes or in nothing, with badges, venues and dates around it and
links for the paper, its code and its data after it. The title is found first; all else is read relative to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from kb.ids import is_safe_url
from kb.sources import list_fields as fields
from kb.sources.latex import strip_latex
from kb.sources.markdown import Line, Lines, Span, text_of
from kb.text import normal_title, one_line

_QUOTED = re.compile(r"^\W{0,3}[\"“](?P<title>[^\"”]{8,300}?)[,.]?[\"”](?P<rest>.*)$", re.S)
_BRACKETED = re.compile(r"^\s*\[(?P<title>[^\[\]]{3,350})\]\s*$")
_TAGGED = re.compile(r"^\s*[\[(【](?P<tag>[^\[\]()【】]{2,60})[\])】]\s*[:\-–]?\s*")
_TAIL = re.compile(r"[,.]\s+(?P<tail>[^,.]{2,60}?)(?:[,.]\s*(?P<year>(?:19|20)\d\d))?\s*[.,]?\s*$")
_PROSE = re.compile(r"\b(?:we|our|please|this (?:paper|repo|list|survey|method))\b", re.I)
_SCREENING = re.compile(
    r"\b(?:relevan|suit|relat|fit|scope|unsure|not sure|exclud|includ|off-?topic|skip|remov|drop|keep|belong|duplicate)|相关|合适|不属于",
    re.I,
)
_SEPARATOR = re.compile(r"[\s,;|/+&·•\[\]*]*(?:and\s+)?\[?", re.I)
BLANK = re.compile(r"^[\s.…\-–—/x|✗✘]*$", re.I)


@dataclass
class Draft:
    """A paper as far as it has been read."""

    title: str
    line: int
    href: str | None = None
    identifiers: dict[str, str] = field(default_factory=dict)
    url: str | None = None
    authors: list[str] = field(default_factory=list)
    all_authors: bool = False
    published: str | None = None
    venue: str | None = None
    code: list[str] = field(default_factory=list)
    data: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)  # (text, kind)

    def add_note(self, text: str, kind: str = "note") -> None:
        text = one_line(strip_latex(text)).strip(" ;,")
        if text and not BLANK.match(text) and (text, kind) not in self.notes:
            self.notes.append((text, kind))


@dataclass(frozen=True)
class Reading:
    """What an item gave. `trouble` says why it is no paper although it may be one; `lost` that it surely is one."""

    drafts: tuple[Draft, ...] = ()
    trouble: str = ""
    lost: bool = False


@dataclass(frozen=True)
class _Title:
    text: str
    row: int  # index of its line
    start: int  # index of its first span; a title that is not a link ends where the spans up to `end` end
    end: int
    href: str | None = None
    rest: str = ""  # text of its own span after the title


def read_item(lines: Lines, line: int, headings: frozenset[str], dayfirst: bool | None) -> Reading:
    """The papers of a list item. `headings` are the normal forms of the list's own headings, which are no titles."""
    text = one_line(fields.EMOJI.sub(" ", text_of(lines)))
    outside = [
        s for ln in lines for s in ln if s.href is not None and not s.href.startswith(("#", "mailto:"))
    ]
    if BLANK.match(text) or normal_title(text) in headings:
        return Reading()
    if not outside and any(span.href for ln in lines for span in ln):
        return Reading()  # a table of contents
    if not outside and len(text.split()) <= 2 and (spelt := _spelt_out(text)):
        return Reading(trouble=spelt, lost=True)
    titles = find_titles(lines, in_column=False)
    if not titles:
        return _no_title(text, outside)
    trouble = _doubt(titles[0], lines, outside, headings)
    if trouble is not None:
        return Reading(trouble=trouble or _spelt_out(text))
    return Reading(tuple(make_drafts(titles, lines, line, dayfirst)))


def _no_title(text: str, outside: list[Span]) -> Reading:
    papers = [span for span in outside if span.href and fields.identifiers_of(span.href)]
    if papers:
        return Reading(
            trouble=f"links to a paper but has no title that can be read: {text[:80]!r}", lost=True
        )
    if outside:
        return Reading(trouble=f"links to no paper: {text[:80]!r}")
    if spelt := _spelt_out(text):
        return Reading(trouble=spelt, lost=True)
    bracketed = _BRACKETED.match(text)
    return Reading(trouble=f"not understood: {text[:80]!r}") if bracketed and len(text) > 5 else Reading()


def _spelt_out(text: str) -> str:
    """The trouble with an item that names a paper by its identifier only; "" where it names none."""
    if not fields.spelt_identifiers(text):
        return ""
    return f"names a paper but has no title that can be read: {text[:80]!r}"


def _doubt(title: _Title, lines: Lines, outside: list[Span], headings: frozenset[str]) -> str | None:
    """Why an item with a title is no paper after all: "" when it is plain prose, a reason, or None."""
    links = [span for span in outside if not (span.image and "shields.io" in (span.href or ""))]
    paperish = [
        span
        for span in links
        if span.href
        and (
            fields.identifiers_of(span.href)
            or (fields.is_paper_label(span.text) and fields.may_be_paper_url(span.href))
        )
    ]
    if title.href is not None:
        if title.href == "" or paperish or fields.may_be_paper_url(title.href):
            return None
        return f"links to no paper: {title.text[:80]!r}"
    if (
        _PROSE.search(title.text)
        and not title.text.istitle()
        and (not paperish or title.text.endswith((":", ".")))
    ):
        return "" if not paperish else f"reads as prose: {title.text[:80]!r}"
    if paperish:
        return None
    if any(span.href for span in links):
        return f"links to no paper: {title.text[:80]!r}"
    if normal_title(title.text) in headings:
        return ""
    return None if fields.reads_as_bare_title(title.text) else ""


# Titles


def find_titles(lines: Lines, *, in_column: bool) -> list[_Title]:
    """Where the titles stand: mostly one, more where one row holds several papers."""
    for row, line in enumerate(lines):
        found = _titles_of_line(line, row)
        if found:
            more = [t for r in range(row + 1, len(lines)) for t in _titles_of_line(lines[r], r)]
            return [found[0], *_others(found[0], [*found[1:], *more], lines)]
    if in_column or len(lines) > 1:  # "GPTQ <br> ICLR 2023 [[Paper]](...)"
        return next(
            (found for row, line in enumerate(lines) if (found := _titles_of_line(line, row, at_least=1))), []
        )
    return []


def _others(first: _Title, candidates: list[_Title], lines: Lines) -> Iterator[_Title]:
    """Further papers: links with a title of their own to a paper of their own.

    A short title counts only in an enumeration, and where its identifier is not the same paper's at another place.
    """
    last = first
    seen = [fields.identifiers_of(first.href or "")]
    for title in candidates:
        found = fields.identifiers_of(title.href or "")
        if first.href is None or not found or found in seen:
            continue
        other = all(found.keys() & identifiers.keys() for identifiers in seen)
        if fields.reads_as_title(title.text) or (other and _enumerated(last, title, lines)):
            seen.append(found)
            last = title
            yield title


def _enumerated(one: _Title, other: _Title, lines: Lines) -> bool:
    """Whether nothing but a separator stands between two titles."""
    if one.row != other.row:
        return not any(span.text.strip() for span in lines[other.row][: other.start])
    between = "".join(span.text for span in lines[one.row][one.end : other.start])
    return _SEPARATOR.fullmatch(between) is not None


def _titles_of_line(line: Line, row: int, at_least: int = 3) -> list[_Title]:
    lead, end = _lead(line)
    if quoted := _QUOTED.match(lead):
        return [_Title(quoted["title"], row, 0, end, rest=quoted["rest"])]
    links = [
        _Title(span.text, row, i, i + 1, span.href)
        for i, span in enumerate(line)
        if _is_title_link(span, line, i)
    ]
    bare = lead
    while tag := _TAGGED.match(bare):
        if not (fields.is_venue(tag["tag"]) or fields.parse_date(tag["tag"])):
            break
        bare = bare[tag.end() :]
    count = len(fields.words(re.sub(r"^\W*(?:19|20)\d\d[./-]\d\d?\W*", "", bare)))
    if links and (count < 3 or bare.rstrip().endswith(":") or fields.is_venue(bare)):
        return links
    bracketed = _BRACKETED.match(bare)
    if bracketed and bracketed["title"].lower() not in {"x", "todo", "wip", "tbd"}:
        return [_Title(bracketed["title"], row, 0, end, rest="bracketed")]
    if count >= at_least and not fields.is_venue(bare) and not BLANK.match(bare):
        strong = _strong_lead(line)
        return [_Title(strong or bare.rstrip(" [(|"), row, 0, 1 if strong else end)]
    return links


def _lead(line: Line) -> tuple[str, int]:
    """The text before the first link, and the index of the span that ends it."""
    text = ""
    for index, span in enumerate(line):
        if span.href is not None and not span.image:
            return re.sub(r"[\s\[(]+$", "", text), index
        if span.style == "code" and text.strip():
            return text, index
        text += fields.EMOJI.sub(" ", span.text) if not span.image else ""
    return text, len(line)


def _strong_lead(line: Line) -> str | None:
    spans = [span for span in line if span.image or span.text.strip()]
    spans = [span for span in spans if not span.image]
    if (
        spans
        and spans[0].style == "strong"
        and spans[0].href is None
        and len(fields.words(spans[0].text)) >= 2
    ):
        return spans[0].text if not fields.is_venue(spans[0].text) else None
    return None


def _is_title_link(span: Span, line: Line, index: int) -> bool:
    if (
        span.href is None
        or span.image
        or span.href.startswith(("#", "mailto:"))
        or fields.is_label(span.text)
    ):
        return False
    if fields.reads_as_title(span.text):
        return True
    if not (span.href == "" or fields.identifiers_of(span.href)) or len(span.text.strip()) < 3:
        return False
    return not any(
        s.text.strip(" ,.;:()[]-–*\"'") for s in line[index + 1 : index + 2] if len(fields.words(s.text)) > 8
    )


# The rest of the item


def make_drafts(titles: list[_Title], lines: Lines, line: int, dayfirst: bool | None) -> Iterator[Draft]:
    for index, title in enumerate(titles):
        after = titles[index + 1] if index + 1 < len(titles) else None
        text, venue, year = _split_tail(title) if title.href is None else (title.text, None, None)
        draft = Draft(fields.clean_title(text), line, title.href, venue=venue, published=year)
        spans = list(_spans_of(lines, title, after, with_lead=index == 0))
        add_links(draft, spans, "", only=title.href if len(titles) > 1 else None)
        _read_rest(draft, lines, title, after, dayfirst)
        yield draft


def _split_tail(title: _Title) -> tuple[str, str | None, str | None]:
    """("Title", venue, year) of `"Title", ECCV, 2024` and `Title, ECCV 2024`."""
    if title.rest and title.rest != "bracketed":
        where = re.sub(r"\b(?:19|20)\d\d\b.*$", "", title.rest, flags=re.S).strip(" ,.:")
        return title.text, fields.clean_venue(where), fields.parse_date(title.rest)
    text = title.text
    venue: str | None = None
    year: str | None = None
    tail = _TAIL.search(text)
    if tail and fields.is_venue(tail["tail"]) and len(fields.words(text[: tail.start()])) >= 3:
        text, venue, year = text[: tail.start()], fields.clean_venue(tail["tail"]), tail["year"]
    while tag := _TAGGED.match(text):
        if not (fields.is_venue(tag["tag"]) or fields.parse_date(tag["tag"])):
            break
        text = text[tag.end() :]
        venue = venue or (fields.clean_venue(tag["tag"]) if fields.is_venue(tag["tag"]) else None)
    return text, venue, year


def _spans_of(lines: Lines, title: _Title, after: _Title | None, *, with_lead: bool) -> Iterator[Span]:
    begin = (0, 0) if with_lead else (title.row, title.start)
    stop = (after.row, after.start) if after else (len(lines), 0)
    for row, line in enumerate(lines):
        for column, span in enumerate(line):
            if begin <= (row, column) < stop:
                yield span


def add_links(draft: Draft, spans: Iterable[Span], column: str, only: str | None = None) -> None:
    """File the links of `spans`. `column` is the header above them; with `only`, other papers' links are left out."""
    for span in spans:
        href = span.href
        if not href or not is_safe_url(href):
            continue
        label = f"{span.text} {column}" if fields.is_label(span.text) or span.image else span.text
        found = fields.identifiers_of(href)
        own = href == draft.href
        says_code = fields.is_code_label(span.text) or (
            not fields.is_paper_label(span.text) and fields.is_code_label(column)
        )
        if fields.is_code_url(href):
            _add(draft.code, href.rstrip("/"))
        elif fields.is_data_url(href) or (fields.is_data_label(label) and not found and not own):
            _add(draft.data, href.rstrip("/"))
        elif says_code and not own:
            if not found and fields.host_of(href):
                _add(draft.code, href.rstrip("/"))
        elif own or fields.is_paper_label(label) or (found and (fields.is_label(span.text) or span.image)):
            _add_paper(draft, href, found, own or only is None)


def _add(links: list[str], href: str) -> None:
    if href not in links:
        links.append(href)


def _add_paper(draft: Draft, href: str, found: dict[str, str], wanted: bool) -> None:
    if not wanted:
        return
    for kind, value in found.items():
        draft.identifiers.setdefault(kind, value)
    if not found and draft.url is None and fields.may_be_paper_url(href):
        draft.url = href


def _read_rest(
    draft: Draft, lines: Lines, title: _Title, after: _Title | None, dayfirst: bool | None
) -> None:
    """Venue, date, names and remarks from what stands around the title."""
    stop = after.row if after and after.row > title.row else len(lines)
    for row in range(title.row):
        text = text_of((lines[row],))
        if not draft.venue and (
            fields.is_venue(text) or re.fullmatch(r"\S{2,20}(?: \S{2,20})?,? ?'?\d{2,4}", text)
        ):
            draft.venue = fields.clean_venue(text)
    lead = "".join(span.text for span in lines[title.row][: title.start] if not span.image)
    _read_text(draft, lead, dayfirst)
    for row in range(title.row, stop):
        first = title.end if row == title.row else 0
        _read_line(draft, lines[row][first:], dayfirst, own_line=row > title.row)
    for span in (span for row in range(stop) for span in lines[row] if span.image):
        draft.venue = draft.venue or fields.venue_of_badge(span.image or "", span.text)
        message = fields.badge_text(span.image or "")[1]
        draft.published = draft.published or fields.parse_date(message, dayfirst=dayfirst, year_alone=False)


def _read_line(draft: Draft, line: Line, dayfirst: bool | None, *, own_line: bool) -> None:
    plain = one_line("".join(span.text for span in line if _is_plain(span)))
    for span in line:
        if span.style == "em" and not draft.authors:
            read_authors(draft, span.text)
        elif span.style == "code":
            remark = span.text.strip()
            kind = "screening" if len(fields.words(remark)) >= 2 and _SCREENING.search(remark) else "note"
            draft.add_note(remark, kind)
    if not draft.authors and not fields.is_venue(plain):
        before_link = one_line("".join(span.text for span in _until_link(line)))
        lone = own_line or "," in before_link.strip(" ,.") or before_link.lower().strip(" .").endswith("team")
        if lone:
            read_authors(draft, before_link if not own_line else plain)
    names = " ".join(draft.authors)
    _read_text(draft, "" if draft.authors and plain.startswith(names[:10]) else plain, dayfirst)
    for remark in re.findall(r"\(([^()]{3,200})\)", plain):
        if not fields.is_venue(remark) and not own_line and len(fields.words(remark)) >= 2:
            draft.add_note(remark)


def _is_plain(span: Span) -> bool:
    names = span.style == "em" and "," in span.text
    return span.href is None and not span.image and span.style != "code" and not names


def _until_link(line: Line) -> Iterator[Span]:
    for span in line:
        if span.href is not None or span.style == "code":
            return
        if not span.image:
            yield span


def read_authors(draft: Draft, text: str) -> None:
    if found := fields.parse_authors(text):
        draft.authors, draft.all_authors = found


def _read_text(draft: Draft, text: str, dayfirst: bool | None) -> None:
    """A venue and a date in loose text such as ", arXiv 2025.3.20," or "NeurIPS 2022 [["."""
    for piece in re.split(r"[\[\]|;]|,\s|\.\s", text):
        if fields.is_venue(piece) and not draft.venue:
            draft.venue = fields.clean_venue(piece)
    about = (
        re.sub(r"\b[A-Za-z]+\s*'?\d{4}\b(?!\s*[./-]\s*\d)", "", text)
        if not re.search("arxiv", text, re.I)
        else text
    )
    draft.published = draft.published or fields.parse_date(about, dayfirst=dayfirst)
