"""Curated Markdown lists of papers ("awesome" lists), whatever their layout.

What becomes a paper: a list item, a table row or a line of its own that carries a title together with a link to a
paper, or a title alone where the list forgot the link. What does not: contents, news, citation, blogs, tools and the
other sections that `list_outline` knows, repositories, prose. In between lies what cannot be told: a Problem.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from rapidfuzz import fuzz

from kb.config import ListSettings
from kb.ids import KINDS
from kb.sources import list_fields as fields
from kb.sources.entry import EntryAuthor, EntryNote, Heading, Problem, SourceEntry, SourceResult, Status
from kb.sources.list_item import Draft, Reading, read_item
from kb.sources.list_outline import BOLD, Outline, heading_text
from kb.sources.list_row import columns_of, read_row
from kb.sources.markdown import Block, Fold, Item, Line, Paragraph, Row, Span, parse_blocks, text_of
from kb.sources.markdown import Heading as HeadingBlock
from kb.text import normal_title

_ALIKE = 82  # of 100, by words: below, two titles under one identifier are two papers


@dataclass
class Found:
    draft: Draft
    paths: list[tuple[str, ...]]
    lines: list[int]


class AwesomeList:
    """A curated list. Its papers become records only where `settings.creates` says so."""

    def __init__(self, settings: ListSettings) -> None:
        self.settings = settings
        self.name = f"awesome_list:{settings.name}"

    def parse(self, text: str, *, where: str) -> SourceResult:
        """The papers of a list.

        Status is PARTIAL, and `complete` False, where an item that links to a paper could not be read: then nothing
        may be taken for gone. Other problems only want a person's eye.
        """
        reader = ListReader(self.settings, parse_blocks(text))
        reader.read()
        found, conflicts = merge(reader.found)
        problems = [
            Problem(f"{where}:{line}", message) for line, message in sorted([*reader.problems, *conflicts])
        ]
        entries = tuple(self._entries(found, where))
        status = Status.PARTIAL if reader.lost else Status.OK if entries else Status.EMPTY
        return SourceResult(
            source=self.name,
            status=status,
            entries=entries,
            problems=tuple(problems),
            complete=not reader.lost,
            creates=self.settings.creates,
            summary=f"{len(entries)} paper{'s' * (len(entries) != 1)}"
            + (f", {len(problems)} problems" if problems else ""),
        )

    def _entries(self, found: list[Found], where: str) -> Iterable[SourceEntry]:
        taken: set[str] = set()
        repeats: defaultdict[str, count[int]] = defaultdict(lambda: count(2))
        for item in found:
            draft = item.draft
            ids = [f"{kind}:{draft.identifiers[kind]}" for kind in KINDS if kind in draft.identifiers]
            candidates = [*ids[:1], f"title:{normal_title(draft.title)}", *ids[1:]]
            entry_id = next((candidate for candidate in candidates if candidate not in taken), None)
            if entry_id is None:
                last = candidates[-1]
                entry_id = next(name for n in repeats[last] if (name := f"{last}#{n}") not in taken)
            taken.add(entry_id)
            yield SourceEntry(
                source=self.name,
                entry_id=entry_id,
                title=draft.title,
                authors=tuple(EntryAuthor(name=name) for name in draft.authors),
                n_authors=len(draft.authors) if draft.authors and draft.all_authors else None,
                identifiers=draft.identifiers,
                url=None if draft.identifiers else draft.url,
                published=draft.published,
                venue=draft.venue,
                code=tuple(draft.code),
                data=tuple(draft.data),
                headings=tuple(Heading(path=path, facet=self.settings.facet) for path in item.paths),
                notes=self._notes(draft.notes),
                where=f"{where}:{item.lines[0]}",
            )

    def _notes(self, notes: Iterable[tuple[str, str]]) -> tuple[EntryNote, ...]:
        """The remarks of one's own list; other people's sentences are not ours to store."""
        if not self.settings.keep_notes:
            return ()
        return tuple(EntryNote(text=text, lang=fields.language(text), kind=kind) for text, kind in notes)


@dataclass
class ListReader:
    """One pass over the blocks of a list; `found` then has every place where it names a paper, in order."""

    settings: ListSettings
    blocks: list[Block]
    found: list[Found] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    named: list[tuple[int, Span]] = field(default_factory=list)  # links to papers, with their lines
    lost: bool = False

    def __post_init__(self) -> None:
        self.outline = Outline(self.settings.skip_headings)
        headings = [block.lines for block in self.blocks if isinstance(block, HeadingBlock)]
        headings += [b.lines for b in self.blocks if isinstance(b, Paragraph) and bold_heading(b) is not None]
        self.headings = frozenset(normal_title(heading_text(lines)[1]) for lines in headings)
        texts = [text_of(cell) for block in self.blocks if isinstance(block, Row) for cell in block.cells]
        self.dayfirst = fields.slash_order([text for text in texts if len(text) < 40])

    def read(self) -> None:
        self._read_blocks()
        self.problems += self._unread_links()

    def _read_blocks(self) -> None:
        for block in self.blocks:
            if isinstance(block, HeadingBlock):
                self.outline.enter(block.level, block.lines)
            elif isinstance(block, Fold):
                self.outline.leave_fold()
            elif isinstance(block, Paragraph) and (heading := bold_heading(block)) is not None:
                self.outline.enter(BOLD, ((Span(heading),),))
            elif self.outline.skipped:
                continue
            elif isinstance(block, Item):
                self._item(block, None)
            elif isinstance(block, Row):
                self._row(block)
            elif _stands_alone(block):
                reading = read_item(block.lines, block.line, self.headings, self.dayfirst)
                self._keep(reading, block.line, block.lines)

    def _item(self, item: Item, parent: Draft | None) -> None:
        """A list item. Below a paper an item is a remark on it, unless it links to another paper."""
        read = partial(read_item, item.lines, item.line, self.headings, self.dayfirst)
        own: Draft | None = parent
        if parent is None:
            drafts = self._keep(read(), item.line, item.lines)
            own = drafts[-1] if drafts else None
        elif _links_to_paper(item.lines) and (reading := read()).drafts:
            own = self._keep(reading, item.line, item.lines)[-1]
        else:
            self._remark(parent, item)
        for child in item.children:
            if isinstance(child, Item):
                self._item(child, own)
            elif isinstance(child, Row):
                self._row(child)
            elif isinstance(child, Paragraph) and own is not None:
                own.add_note(text_of(child.lines))

    def _row(self, row: Row) -> None:
        kinds = columns_of(row.header) + [""] * len(row.cells)
        # What a description mentions is not listed.
        lines = [
            line for cell, kind in zip(row.cells, kinds, strict=False) for line in cell if kind != "note"
        ]
        self._keep(read_row(row, self.dayfirst), row.line, lines)

    def _remark(self, paper: Draft, item: Item) -> None:
        text = text_of(item.lines)
        paper.add_note(text)
        self._name(item.line, item.lines)
        spelt = fields.spelt_identifiers(text)
        if spelt and spelt.items().isdisjoint(paper.identifiers.items()):
            self.problems.append((item.line, f"names a paper without a title: {text[:80]!r}"))

    def _name(self, line: int, lines: Iterable[Line]) -> None:
        """Note the links of a place that was read: in the end each has to be in an entry."""
        self.named += [(line, span) for spans in lines for span in spans if span.href]

    def _unread_links(self) -> list[tuple[int, str]]:
        """(line, message) for each link to a paper that became no entry. What is labelled as code or data is none."""
        read = {pair for item in self.found for pair in item.draft.identifiers.items()}
        unread: dict[tuple[int, str], str] = {}
        for line, span in self.named:
            identifiers = fields.identifiers_of(span.href or "")
            other = fields.is_code_label(span.text) or fields.is_data_label(span.text)
            if not identifiers or not read.isdisjoint(identifiers.items()):
                continue
            if not (other and fields.is_label(span.text)):
                name = ", ".join(f"{kind} {value}" for kind, value in sorted(identifiers.items()))
                text = span.text.strip()[:70]
                unread[line, name] = f"links to {name} as well, which became no entry: {text!r}"
        return [(line, message) for (line, _), message in unread.items()]

    def _keep(self, reading: Reading, line: int, lines: Iterable[Line]) -> tuple[Draft, ...]:
        """File what was read from `lines`. Every link of a place that gave a paper has to be in an entry in the end."""
        if reading.trouble:
            self.problems.append((line, reading.trouble))
            self.lost = self.lost or reading.lost
        else:
            self._name(line, lines)
        path = self.outline.path
        self.found.extend(Found(draft, [path] if path else [], [line]) for draft in reading.drafts)
        return reading.drafts


def bold_heading(block: Paragraph) -> str | None:
    """The text of a line in bold that serves as a heading: short, no sentence, nothing but bold in its paragraph or
    in the first line of it."""
    spans: list[Span] = [span for span in block.lines[0] if span.image is None] if block.lines else []
    while spans and not fields.EMOJI.sub("", spans[0].text).strip():
        spans = spans[1:]
    if not spans or spans[0].style != "strong" or spans[0].href is not None:
        return None
    rest = "".join(span.text for span in spans[1:])
    text = spans[0].text.strip()
    if (
        len(text) > 80
        or re.search(r"[.。?？!！,，;；]$", text)
        or (rest.strip() and not rest.startswith(" "))
    ):
        return None
    if any(span.href is not None for span in spans[1:]) or len(rest.split(" ")) > 120:
        return None
    return text if heading_text((tuple(spans[:1]),))[1] else None


def _stands_alone(block: Paragraph) -> bool:
    """Whether a paragraph is a paper by itself: it begins with a title and links to that paper."""
    if block.quoted or not block.lines or not _links_to_paper(block.lines):
        return False
    line: Line = tuple(span for span in block.lines[0] if span.image is None and span.text.strip())
    if not line or not fields.reads_as_title(line[0].text) or fields.CJK.search(line[0].text):
        return False
    return line[0].href not in {None, ""} or (
        line[0].style == "strong" and not line[0].text.strip().endswith(":")
    )


def _links_to_paper(lines: Iterable[Line]) -> bool:
    return any(span.href and fields.identifiers_of(span.href) for line in lines for span in line)


# One paper in several places


def merge(found: list[Found]) -> tuple[list[Found], list[tuple[int, str]]]:
    """One of each paper, its headings together; and (line, message) where identifiers and titles disagree."""
    kept: list[Found] = []
    problems: list[tuple[int, str]] = []
    by_id: dict[tuple[str, str], Found] = {}
    by_title: dict[str, Found] = {}
    for item in found:
        same = [by_id[pair] for pair in item.draft.identifiers.items() if pair in by_id]
        unlike = [other for other in same if not alike(other.draft.title, item.draft.title)]
        twin = by_title.get(normal_title(item.draft.title))
        target = next((other for other in same if other not in unlike), None)
        if target is None and twin is not None and not unlike and not _contradict(twin.draft, item.draft):
            target = twin
        for other in unlike:
            problems.append((item.lines[0], _conflict(other, item)))
        if target is None and twin is not None and not same and _contradict(twin.draft, item.draft):
            message = f"the title of line {twin.lines[0]} with another identifier: {item.draft.title[:80]!r}"
            problems.append((item.lines[0], message))
        if target is None:
            kept.append(item)
            target = item
        else:
            _absorb(target, item)
        for pair in target.draft.identifiers.items():
            by_id.setdefault(pair, target)
        by_title.setdefault(normal_title(item.draft.title), target)
    return kept, problems


def alike(one: str, other: str) -> bool:
    """Whether two titles may be spellings of one: equal but for a few words, or one within the other."""
    return fuzz.token_set_ratio(normal_title(one), normal_title(other)) >= _ALIKE


def _contradict(one: Draft, other: Draft) -> bool:
    return any(
        one.identifiers[kind] != other.identifiers[kind]
        for kind in one.identifiers.keys() & other.identifiers
    )


def _conflict(first: Found, second: Found) -> str:
    shared = dict(first.draft.identifiers.items() & second.draft.identifiers.items())
    name = ", ".join(f"{kind} {value}" for kind, value in sorted(shared.items()))
    return f"{name} is given here to {second.draft.title[:70]!r} and in line {first.lines[0]} to {first.draft.title[:70]!r}"


def _absorb(target: Found, item: Found) -> None:
    into, draft = target.draft, item.draft
    for kind, value in draft.identifiers.items():
        into.identifiers.setdefault(kind, value)
    into.url = into.url or draft.url
    into.venue = into.venue or draft.venue
    if draft.published and (not into.published or (draft.published.startswith(into.published))):
        into.published = draft.published
    if not into.authors:
        into.authors, into.all_authors = draft.authors, draft.all_authors
    for ours, theirs in ((into.code, draft.code), (into.data, draft.data)):
        ours.extend(link for link in theirs if link not in ours)
    into.notes.extend(note for note in draft.notes if note not in into.notes)
    target.paths.extend(path for path in item.paths if path not in target.paths)
    target.lines.extend(item.lines)
