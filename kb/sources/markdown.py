"""Markdown as a flat run of blocks: headings, list items, table rows, paragraphs, quotes.

Curated lists are written by many hands: links with a bracket too many, tables split by an empty line, HTML in
between. What a browser would still show as a link is a link here. https://spec.commonmark.org/0.31.2/ and
https://github.github.com/gfm/#tables-extension- say what well-formed means.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode


@dataclass(frozen=True)
class Span:
    """A stretch of text. `href` is None outside links and "" where a link leads nowhere."""

    text: str
    href: str | None = None
    image: str | None = None
    style: str = ""  # "strong", "em" or "code"
    link: int = 0  # spans of one link share a number


Line = tuple[Span, ...]
Lines = tuple[Line, ...]


@dataclass(frozen=True)
class Heading:
    """`level` is 1 to 6, or SUMMARY for the summary of a foldable section."""

    level: int
    lines: Lines
    line: int


@dataclass(frozen=True)
class Item:
    """A list item; `lines` is its own text, `children` what is nested in it."""

    lines: Lines
    children: tuple[Block, ...]
    line: int


@dataclass(frozen=True)
class Row:
    """A body row of a table, with the text of its header."""

    header: tuple[str, ...]
    cells: tuple[Lines, ...]
    line: int


@dataclass(frozen=True)
class Paragraph:
    lines: Lines
    line: int
    quoted: bool = False


@dataclass(frozen=True)
class Fold:
    """The end of a foldable section."""

    line: int


Block = Heading | Item | Row | Paragraph | Fold
SUMMARY = 7
_MAX_COLUMNS = 200

_SPACES = re.compile(r"[ \t]{2,}")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_STRUCTURE = re.compile(r"(</?(?:h[1-6]|summary|details|li|tr|td|th)\b[^<>]*>)", re.I)
_TAG = re.compile(r"<\s*(/?)\s*([a-zA-Z][a-zA-Z0-9]*)")
_ATTRIBUTE = re.compile(r"""\b(href|src|alt)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
# Links that CommonMark does not see: [text](url], [[text]] (url), [text](url with a bracket too many)).
_BROKEN = re.compile(
    r"\[+(?P<text>[^\[\]]{1,400})\]+\s{0,2}\((?P<url>\s*https?://[^\s()<>\]]+)\s*[)\]]{0,2}|\[+(?P<empty>[^\[\]]{1,400})\]+\(\s*\)"
)
_BARE = re.compile(r"(?:https?://|(?<![\w/.])(?:www\.)?arxiv\.org/)[^\s<>\[\]()\"'`，。；]+", re.I)
_STYLES = {"strong": "strong", "b": "strong", "em": "em", "i": "em"}


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def parse_blocks(text: str) -> list[Block]:
    """The blocks of `text` in the order of their lines, which count from 1."""
    # A header of thousands of columns would make a cell of each for every row; no list of papers has that many.
    lines = (line if line.count("|") <= _MAX_COLUMNS else "" for line in text.replace("\0", "").split("\n"))
    root = SyntaxTreeNode(_parser().parse("\n".join(lines)))
    return list(_Walk().blocks(root, 0))


def text_of(lines: Lines, *, images: bool = False) -> str:
    """The text of `lines` without markup, on one line."""
    spans = (span.text for line in lines for span in (*line, Span(" ")) if images or not span.image)
    return " ".join("".join(spans).split())


class _Walk:
    """Turns a syntax tree into blocks; remembers the last table, for rows that an empty line cut off."""

    def __init__(self) -> None:
        self.header: tuple[str, ...] = ()

    def blocks(self, node: SyntaxTreeNode, shift: int, quoted: bool = False) -> Iterator[Block]:
        for child in node.children:
            line = (child.map[0] if child.map else 0) + 1 + shift
            if child.type == "heading":
                yield Heading(int(child.tag[1:]), _inline(child), line)
            elif child.type == "paragraph":
                yield from self._paragraph(child, line, quoted)
            elif child.type in {"bullet_list", "ordered_list", "blockquote"}:
                yield from self.blocks(child, shift, quoted or child.type == "blockquote")
            elif child.type == "list_item":
                yield self._item(child, shift, line, quoted)
            elif child.type == "table":
                yield from self._table(child, shift)
            elif child.type == "html_block":
                yield from self._html(child.content, line - 1)

    def _item(self, node: SyntaxTreeNode, shift: int, line: int, quoted: bool) -> Item:
        own: list[Line] = []
        nested: list[Block] = []
        for block in self.blocks(node, shift, quoted):
            if isinstance(block, Paragraph) and not block.quoted and not nested:
                own.extend(block.lines)
            else:
                nested.append(block)
        return Item(tuple(own), tuple(nested), line)

    def _table(self, node: SyntaxTreeNode, shift: int) -> Iterator[Row]:
        for part in node.children:
            for row in part.children:
                cells = tuple(_inline(cell) for cell in row.children)
                if part.type == "thead":
                    self.header = tuple(text_of(cell) for cell in cells)
                else:
                    yield Row(self.header, cells, (row.map[0] if row.map else 0) + 1 + shift)

    def _paragraph(self, node: SyntaxTreeNode, line: int, quoted: bool) -> Iterator[Block]:
        content = node.children[0].content if node.children else ""
        if content.lstrip().startswith("|") and self.header and not quoted:
            columns = "|" + "-|" * len(self.header)
            table = "|" + " |" * len(self.header) + f"\n{columns}\n{content}"
            header = self.header
            for block in self.blocks(SyntaxTreeNode(_parser().parse(table)), line - 3):
                yield replace(block, header=header) if isinstance(block, Row) else block
            self.header = header
        else:
            yield Paragraph(_inline(node), line, quoted)

    def _html(self, content: str, before: int) -> Iterator[Block]:
        """Blocks of an HTML block: headings, folds, list items and rows; Markdown caught between its tags too."""
        content = _COMMENT.sub(lambda m: "\n" * m.group().count("\n"), content)
        stack: list[str] = []
        cells: list[Lines] = []
        for piece in _STRUCTURE.split(content):
            line = before + 1
            before += piece.count("\n")
            tag = _TAG.match(piece) if _STRUCTURE.fullmatch(piece) else None
            if tag is None:
                yield from self._html_text(piece, line, stack, cells)
                continue
            closing, name = bool(tag.group(1)), tag.group(2).lower()
            if not closing:
                stack.append(name)
                cells = [] if name == "tr" else cells
                continue
            while name in stack and stack.pop() != name:
                pass
            if name == "tr" and cells:
                if tuple(text_of(cell) for cell in cells) != self.header:
                    yield Row(self.header, tuple(cells), line)
                cells = []
            elif name == "details":
                yield Fold(line)

    def _html_text(self, piece: str, line: int, stack: list[str], cells: list[Lines]) -> Iterator[Block]:
        inside = stack[-1] if stack else ""
        if inside in {"td", "th"}:
            lines = _inline_text(piece)
            if inside == "th":
                self.header = (*(self.header if cells else ()), text_of(lines))
            cells.append(lines)
            return
        if not piece.strip():
            return
        if inside == "li":
            yield Item(_inline_text(piece), (), line)
        elif inside == "summary" or re.fullmatch(r"h[1-6]", inside):
            yield Heading(SUMMARY if inside == "summary" else int(inside[1]), _inline_text(piece), line)
        elif re.search(r"\]\(|^\s*\|", piece, re.M) and not piece.lstrip().startswith("<"):
            yield from self.blocks(SyntaxTreeNode(_parser().parse(piece)), line - 1)


def _inline(node: SyntaxTreeNode) -> Lines:
    lines: list[Line] = []
    for child in node.children:
        tokens = child.to_tokens()
        for token in tokens:
            if token.type == "inline":
                lines.extend(_spans(token.children or []))
    return tuple(lines)


def _inline_text(source: str) -> Lines:
    token = _parser().parseInline(" ".join(source.split()))[0]
    return tuple(_spans(token.children or []))


def _spans(tokens: list[Token]) -> list[Line]:
    """One line per `<br>` or hard break; a soft break is a space."""
    lines: list[list[Span]] = [[]]
    style: list[str] = []
    href: str | None = None
    link = 0
    for token in tokens:
        name, closing, attributes = token.tag, token.type.endswith("_close"), token.attrs
        if token.type == "html_inline":
            found = _TAG.match(token.content)
            name, closing = (found.group(2).lower(), bool(found.group(1))) if found else ("", False)
            attributes = {
                k.lower(): html.unescape(a or b or c) for k, a, b, c in _ATTRIBUTE.findall(token.content)
            }
        if name == "br" and token.type != "softbreak":
            lines.append([])
        elif name in _STYLES:
            style = style[:-1] if closing else [*style, _STYLES[name]]
        elif name == "a":
            link += 0 if closing else 1
            href = None if closing else str(attributes.get("href", "")).strip()
        elif name == "img":
            alt = token.content if token.type == "image" else str(attributes.get("alt", ""))
            lines[-1].append(Span(alt, href, str(attributes.get("src", "")), link=link))
        elif token.type in {"text", "softbreak", "code_inline"}:
            text = " " if token.type == "softbreak" else _SPACES.sub(" ", token.content)
            kind = "code" if token.type == "code_inline" else (style[-1] if style else "")
            lines[-1].append(Span(text, href, None, kind, link if href is not None else 0))
    return [_repair(line) for line in lines]


def _repair(line: list[Span]) -> Line:
    """Joins what belongs together, then finds the links that the parser did not."""
    joined: list[Span] = []
    for span in line:
        last = joined[-1] if joined else None
        if last and _belong_together(last, span):
            joined[-1] = replace(last, text=last.text + span.text)
            continue
        joined.append(span)
    return tuple(part for span in joined for part in _relink(span))


def _belong_together(left: Span, right: Span) -> bool:
    if left.image or right.image or left.link != right.link or left.href != right.href:
        return False
    return left.href is not None or left.style == right.style


def _relink(span: Span) -> Iterator[Span]:
    if (
        span.href is not None
        or span.image
        or span.style == "code"
        or not re.search(r"https?://|arxiv\.org|\]\(", span.text, re.I)
    ):
        yield span
        return
    start = 0
    matches = sorted([*_BROKEN.finditer(span.text), *_BARE.finditer(span.text)], key=lambda m: m.start())
    for match in matches:
        if match.start() < start:
            continue
        yield replace(span, text=span.text[start : match.start()])
        groups = match.groupdict()
        label, url = groups.get("text") or groups.get("empty"), groups.get("url")
        if label is None:
            url = match.group().rstrip(".,;:!?*_")
            label = url
        yield replace(span, text=label, href=(url or "").strip(), link=-1 - match.start())
        start = match.start() + len(url) if label == url else match.end()
    yield replace(span, text=span.text[start:])
