"""A block that kb writes into a file of somebody's: what stands between two markers, and nothing else.

    <!-- kb export readme -->
    (made by kb)
    <!-- /kb export readme -->

Each marker is a line of its own outside of code. There is one pair in a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

from kb.errors import DataError

_FORM = "write <!-- kb export {name} --> and, below it, <!-- /kb export {name} -->, each on a line of its own"


@dataclass(frozen=True)
class Block:
    """Where the text between the markers starts and ends in the file, and the file's own line end."""

    start: int
    end: int
    newline: str


def find_block(text: str, name: str, *, file: str) -> Block:
    """The block called `name` of a Markdown file.

    Raises:
        DataError: a marker is missing, stands twice, or the end stands before the start; names the line.
    """
    fix = _FORM.format(name=name)
    opening, closing = (_markers(text, f"{slash}kb export {name}") for slash in ("", "/"))
    for what, found in (("start", opening), ("end", closing)):
        if len(found) > 1:
            raise DataError(
                f"the {what} marker stands twice, first in line {_line(text, found[0].start())}",
                file=file,
                line=_line(text, found[1].start()),
                fix="leave one pair",
            )
    if not opening and not closing:
        raise DataError("has no markers to write between", file=file, fix=fix)
    if not opening or not closing:
        (lonely,) = opening or closing
        missing = "start" if not opening else "end"
        raise DataError(
            f"this marker has no {missing} marker", file=file, line=_line(text, lonely.start()), fix=fix
        )
    if closing[0].start() < opening[0].start():
        raise DataError(
            "the end marker stands before the start marker",
            file=file,
            line=_line(text, closing[0].start()),
            fix=fix,
        )
    newline = "\r\n" if opening[0]["newline"] == "\r\n" else "\n"
    return Block(opening[0].end(), closing[0].start(), newline)


def fill_block(text: str, name: str, content: str, *, file: str) -> str:
    """The file with `content` between its markers. Every byte outside of them stays.

    Raises:
        DataError: as `find_block`.
    """
    block = find_block(text, name, file=file)
    body = content.strip("\n").replace("\n", block.newline)
    return f"{text[: block.start]}{block.newline}{body}{block.newline}{block.newline}{text[block.end :]}"


def _markers(text: str, words: str) -> list[re.Match[str]]:
    spaced = re.escape(words).replace("\\ ", "[ \\t]+")
    pattern = re.compile(rf"(?m)^ {{0,3}}<!--[ \t]*{spaced}[ \t]*-->[ \t]*(?P<newline>\r?\n|\Z)")
    code = _code_lines(text)
    return [match for match in pattern.finditer(text) if _line(text, match.start()) not in code]


def _code_lines(text: str) -> set[int]:
    """The lines (1-based) of code blocks: a marker in an example is none."""
    if "```" not in text and "~~~" not in text:
        return set()
    tokens = MarkdownIt("commonmark").parse(text)
    return {
        line + 1
        for token in tokens
        if token.type == "fence" and token.map
        for line in range(token.map[0], token.map[1])
    }


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
