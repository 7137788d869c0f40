"""The survey's own README: a summary table, and a review of each paper under "Paper Reviews".

A review is a numbered heading, "### 2. Title (Author et al., 2025)", with its parts in whatever form they were
written: "- **Problem**: ..." in a bullet, "**Core Framework**: ..." in a paragraph, "### Critique (Gaps ...)" as a
heading of any level. What a part holds runs until the next part; "..." holds nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from kb.ids import KINDS, is_safe_url
from kb.sources import list_fields as fields
from kb.sources.entry import EntryReview, Problem, SourceEntry, SourceResult, Status
from kb.sources.entry import Heading as EntryHeading
from kb.sources.latex import strip_latex
from kb.sources.list_outline import heading_text
from kb.sources.markdown import Block, Heading, Item, Lines, Paragraph, Row, Span, parse_blocks, text_of
from kb.text import normal_title, one_line

_DOTS = re.compile(r"^[\s.…*_\-–—|]*$")
_REVIEWS = re.compile(r"(?:paper |detailed |individual )?reviews?(?: of papers)?|papers reviewed")
_BYLINE = re.compile(r"\s*\((?P<who>[^()]{2,80}?),?\s+(?P<year>(?:19|20)\d\d)\)\s*$")
_ID_IN_CELL = re.compile(r"(?<![\w.])\d{4}\.\d{4,5}(?:v\d+)?(?![\w.])")
_SHORT_NAME = re.compile(r"\bet\.? al\.?|^[A-Z][\w'-]+(?: (?:and|&) [A-Z][\w'-]+)?\s*(?:\(|,|$)")

# Labels in bold count only in these very words; headings may say more around them.
_LABELS = {
    "problem": "problem", "problem statement": "problem", "motivation": "problem",
    "approach": "approach", "method": "approach", "methodology": "approach", "core framework": "approach",
    "framework": "approach",
    "insight": "insight", "insights": "insight", "key insight": "insight", "key insights": "insight",
    "critical insights": "insight", "core insights": "insight", "takeaways": "insight", "findings": "insight",
    "key findings": "insight", "key takeaways": "insight",
    "critique": "critique", "limitations": "critique", "gaps": "critique", "weaknesses": "critique",
    "future directions": "critique", "open questions": "critique",
    "summary": "summary", "tl dr": "summary", "tldr": "summary",
    "link": "link", "links": "link", "paper": "link", "url": "link", "arxiv": "link",
    "repo": "repo", "repository": "repo", "code": "repo", "github": "repo",
}  # fmt: skip
_HEADINGS = (
    ("approach", r"^direction \d|\bdirection (?:one|two|three)\b"),
    ("problem", r"\bproblems?\b|\bmotivation\b|\bbackground\b"),
    ("insight", r"\binsights?\b|\btakeaways?\b|\bfindings?\b|\bresults?\b"),
    ("critique", r"\bcritiques?\b|\blimitations?\b|\bgaps?\b|\bweakness|\bfuture\b|\bopen questions?\b|\bdirections\b|"
                 r"\bthemes\b|\btransformative\b|\bexperiments\b|\bopportunit"),
    ("approach", r"\bapproach|\bmethod|\bframework\b|\bdesign\b|\bsetup\b"),
    ("summary", r"\bsummary\b|\btl ?dr\b|\boverview\b"),
    ("link", r"^links?$"),
    ("repo", r"^(?:repo|code|repository)$"),
)  # fmt: skip
_COLUMNS = (("paper", r"paper|title|work"), ("focus", r"focus|topic|area"), ("contribution", r"contribution"),
            ("limitations", r"limitation|open question|gap"))  # fmt: skip


@dataclass
class _Review:
    """A paper of the README as far as it has been read."""

    line: int
    title: str | None = None
    year: str | None = None
    identifiers: dict[str, str] = field(default_factory=dict)
    url: str | None = None
    code: list[str] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)
    cells: dict[str, str] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)  # those outside "Link" and "Repo" parts
    in_section: bool = False

    def add(self, part: str, text: str) -> None:
        text = one_line(strip_latex(text)).strip()
        self.parts.setdefault(part, [])
        if not _DOTS.match(text):
            self.parts[part].append(text)


class SurveyReadme:
    """The survey's README. What it lists is what the survey is about, so its papers become records."""

    name = "survey_readme"

    def parse(self, text: str, *, where: str) -> SourceResult:
        """The papers of the summary table and of the reviews; row and review of one paper are one entry."""
        problems: list[Problem] = []
        reviews = _merge([*_sections(parse_blocks(text)), *_table(parse_blocks(text))])
        entries = []
        for review in reviews:
            if review.title or review.identifiers:
                entries.append(self._entry(review, where))
            else:
                problems.append(Problem(f"{where}:{review.line}", "a paper without title or identifier"))
        return SourceResult(
            source=self.name,
            status=Status.OK if entries else Status.EMPTY,
            entries=tuple(entries),
            problems=tuple(problems),
            complete=not problems,
            creates=True,
            summary=f"{len(entries)} paper{'s' * (len(entries) != 1)}",
        )

    def _entry(self, review: _Review, where: str) -> SourceEntry:
        best = next(
            (f"{kind}:{review.identifiers[kind]}" for kind in KINDS if kind in review.identifiers), None
        )
        return SourceEntry(
            source=self.name,
            entry_id=best or f"title:{normal_title(review.title or '')}",
            title=review.title,
            identifiers=review.identifiers,
            url=None if review.identifiers else review.url,
            published=review.year,
            code=tuple(review.code),
            # What a review focuses on is where its paper belongs, if the taxonomy knows the words.
            headings=(EntryHeading(path=(review.cells["focus"],)),) if review.cells.get("focus") else (),
            review=_entry_review(review),
            where=f"{where}:{review.line}",
        )


def _entry_review(review: _Review) -> EntryReview:
    def part(name: str) -> str | None:
        return " ".join(review.parts.get(name, [])) or None

    told = {name: part(name) for name in ("summary", "problem", "approach", "insight", "critique")}
    stub = review.in_section and not any(told.values())
    cells = {name: review.cells.get(name) for name in ("focus", "contribution", "limitations")}
    return EntryReview(**told, **cells, stub=stub)


# The summary table


def _table(blocks: list[Block]) -> Iterator[_Review]:
    for row in (block for block in blocks if isinstance(block, Row)):
        kinds = [next((k for k, p in _COLUMNS if re.search(p, normal_title(h))), "") for h in row.header]
        if kinds[:1] != ["paper"] or not {"focus", "contribution", "limitations"} & set(kinds):
            continue
        review = _Review(row.line)
        for kind, cell in zip(kinds, row.cells, strict=False):
            text = one_line(strip_latex(text_of(cell))).replace("**", "").strip()
            if kind == "paper":
                _read_paper_cell(review, text, cell)
            elif kind and not _DOTS.match(text):
                review.cells[kind] = text
        if review.title or review.identifiers:
            yield review


def _read_paper_cell(review: _Review, text: str, cell: Lines) -> None:
    """ "Deng et al. (2508.02180)", "[Title](url)" or "Title (Author, 2025)"."""
    for span in (span for line in cell for span in line if span.href):
        _identify(review, span.href or "")
    for found in _ID_IN_CELL.findall(text):
        for kind, value in fields.identifiers_of(f"https://arxiv.org/abs/{found}").items():
            review.identifiers.setdefault(kind, value)
    text = re.sub(r"\s*[\[(]?(?:arxiv:?\s*)?\d{4}\.\d{4,5}(?:v\d+)?[\])]?", "", text, flags=re.I)
    if byline := _BYLINE.search(text):
        text, review.year = text[: byline.start()], byline["year"]
    if not _DOTS.match(text) and not _SHORT_NAME.search(text):
        review.title = fields.clean_title(text)


def _identify(review: _Review, url: str) -> None:
    found = fields.identifiers_of(url)
    for kind, value in found.items():
        review.identifiers.setdefault(kind, value)
    if not found and review.url is None and is_safe_url(url) and fields.may_be_paper_url(url):
        review.url = url


# The reviews


def _sections(blocks: list[Block]) -> list[_Review]:
    reviews: list[_Review] = []
    inside, level, part = False, 0, ""
    for block in blocks:
        if isinstance(block, Heading):
            number, text = heading_text(block.lines)
            if inside and number and (not level or block.level == level):
                level, part = block.level, ""
                reviews.append(_start(block, text))
                continue
            if _REVIEWS.fullmatch(normal_title(text)) or block.level < 3 or (level and block.level < level):
                inside, level, part = bool(_REVIEWS.fullmatch(normal_title(text))), 0, ""
            elif inside and reviews:
                part = _enter(reviews[-1], text, part)
        elif inside and level and reviews:
            part = _read(reviews[-1], block, part)
    return [review for review in reviews if _finish(review)]


def _start(block: Heading, text: str) -> _Review:
    review = _Review(block.line, in_section=True)
    if byline := _BYLINE.search(text):
        text, review.year = text[: byline.start()], byline["year"]
    review.title = None if _DOTS.match(text) else fields.clean_title(text)
    for span in (span for line in block.lines for span in line if span.href):
        _identify(review, span.href or "")
    return review


def _enter(review: _Review, text: str, part: str) -> str:
    """The part below a heading. A heading that names no part stays in the part it stands in, as a label."""
    name = normal_title(text)
    found = _LABELS.get(name) or next((part for part, pattern in _HEADINGS if re.search(pattern, name)), None)
    if found is None or re.search(
        r"^direction \d|\bthemes\b|\bdirections\b|\btransformative\b|\bexperiments\b", name
    ):
        review.add(found or part or "summary", f"{text}:")
    return found or part or "summary"


def _read(review: _Review, block: Block, part: str) -> str:
    """Adds a block to the review; gives the part that the next block belongs to."""
    if isinstance(block, Row):
        cells = [text_of(cell) for cell in block.cells]
        text = ": ".join(cell for cell in cells if cell)
        review.add(part or "summary", text if text.endswith((".", "?", "!")) else f"{text}.")
        _collect(review, [line for cell in block.cells for line in cell])
        return part
    if not isinstance(block, Paragraph | Item):
        return part
    lines = block.lines
    if label := _label(lines):
        part, lines = label, _after_label(lines)
    for extra in _split_labels(lines):
        if isinstance(extra, str):
            part = extra
            continue
        _put(review, part, extra, bullet=isinstance(block, Item))
    for child in block.children if isinstance(block, Item) else ():
        part = _read(review, child, part)
    return part


def _label(lines: Lines) -> str | None:
    first = next((span for line in lines[:1] for span in line if span.text.strip()), None)
    if first is None or first.style != "strong" or first.href:
        return None
    return _LABELS.get(normal_title(first.text))


def _after_label(lines: Lines) -> Lines:
    spans = list(lines[0])
    while spans and not spans[0].text.strip():
        spans.pop(0)
    rest = spans[1:]
    if rest:
        rest[0] = Span(
            re.sub(r"^\s*[:：]\s*", "", rest[0].text),
            rest[0].href,
            rest[0].image,
            rest[0].style,
            rest[0].link,
        )
    return (tuple(rest), *lines[1:])


def _split_labels(lines: Lines) -> Iterator[str | Lines]:
    """Further labels within one paragraph, such as "**Link**: ... **Repo**: ..." on two lines of the source."""
    current: list[Span] = []
    for line in lines:
        for index, span in enumerate(line):
            after = line[index + 1].text if index + 1 < len(line) else ""
            name = _LABELS.get(normal_title(span.text)) if span.style == "strong" and not span.href else None
            if name and (after.lstrip().startswith((":", "：")) or span.text.rstrip().endswith((":", "："))):
                yield (tuple(current),)
                current = []
                yield name
            else:
                current.append(span)
        current.append(Span(" "))
    yield (tuple(current),)


def _put(review: _Review, part: str, lines: Lines, *, bullet: bool) -> None:
    text = re.sub(r"^\s*[:：]\s*", "", text_of(lines))
    hrefs = [span.href for line in lines for span in line if span.href]
    if part == "link":
        for href in hrefs:
            _identify(review, href)
    elif part == "repo":
        review.code.extend(href for href in hrefs if is_safe_url(href) and href not in review.code)
    else:
        _collect(review, list(lines))
        if text and not (bullet and _DOTS.match(text)):
            review.add(part or "summary", text if not bullet or text[-1] in ".!?:;…" else text + ";")


def _collect(review: _Review, lines: list[tuple[Span, ...]]) -> None:
    review.links.extend(span.href for line in lines for span in line if span.href)


def _finish(review: _Review) -> bool:
    """Whether this is a paper: a title, and not the template's "..."."""
    if not review.identifiers and review.url is None:
        papers = {tuple(fields.identifiers_of(href).items()) for href in review.links} - {()}
        if len(papers) == 1:  # no "Link" part, and one paper linked in the text
            review.identifiers.update(dict(papers.pop()))
    for name, texts in review.parts.items():
        review.parts[name] = [text for text in texts if text != ";"]
        if review.parts[name]:
            review.parts[name][-1] = review.parts[name][-1].removesuffix(";")
    return review.title is not None or bool(review.identifiers)


def _merge(reviews: list[_Review]) -> list[_Review]:
    kept: list[_Review] = []
    for review in reviews:
        twin = next((other for other in kept if _same(other, review)), None)
        if twin is None:
            kept.append(review)
            continue
        twin.title, twin.year = twin.title or review.title, twin.year or review.year
        twin.identifiers = {**review.identifiers, **twin.identifiers}
        twin.url = twin.url or review.url
        twin.code.extend(code for code in review.code if code not in twin.code)
        twin.cells = {**review.cells, **twin.cells}
        for name, texts in review.parts.items():
            if not twin.parts.get(name):
                twin.parts[name] = texts
        twin.in_section = twin.in_section or review.in_section
    return kept


def _same(one: _Review, other: _Review) -> bool:
    shared = one.identifiers.keys() & other.identifiers.keys()
    if shared:
        return any(one.identifiers[kind] == other.identifiers[kind] for kind in shared)
    return bool(one.title and other.title) and normal_title(one.title or "") == normal_title(
        other.title or ""
    )
