"""Paragraphs of people's prose, and the references to pages that they hold.

``[[liu2025quantization]]`` and ``[[branch:smaller/quantization]]`` become links; ``[[key|words]]`` chooses the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

REFERENCE = re.compile(r"\[\[([^\[\]|\n]{1,120})(?:\|([^\[\]|\n]{1,200}))?\]\]")
_PARAGRAPHS = re.compile(r"\n\s*\n")
# What Markdown shows as it is: fenced blocks, then code spans.
_CODE = re.compile(r"(?ms)^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)[^\n]*$|`[^`\n]+`")


@dataclass(frozen=True)
class Target:
    """A page that can be referred to, and the words that name it."""

    page: str
    label: str


@dataclass(frozen=True)
class Span:
    """A piece of a paragraph: plain text, or a link to `page` (relative to docs/)."""

    text: str
    page: str | None = None


Paragraph = tuple[Span, ...]
Prose = tuple[Paragraph, ...]
Resolve = Callable[[str], Target | None]
Complain = Callable[[str], None]


def parse_prose(text: str, resolve: Resolve, complain: Complain) -> Prose:
    """Paragraphs of `text` with its references resolved.

    A reference that nothing answers to stays as it was written, and `complain` is told.
    """
    return tuple(
        tuple(_spans(block, resolve, complain)) for block in _PARAGRAPHS.split(text.strip()) if block.strip()
    )


def _spans(block: str, resolve: Resolve, complain: Complain) -> list[Span]:
    spans: list[Span] = []
    end = 0
    for match in REFERENCE.finditer(block):
        target = resolve(match.group(1).strip())
        if target is None:
            complain(match.group(1).strip())
            continue
        if match.start() > end:
            spans.append(Span(block[end : match.start()]))
        spans.append(Span(match.group(2) or target.label, target.page))
        end = match.end()
    if end < len(block):
        spans.append(Span(block[end:]))
    return spans


def resolve_markdown(
    text: str, link: Callable[[str, str | None], str | None], complain: Callable[[str, int], None]
) -> str:
    """A hand-written Markdown page with its references replaced; code is left alone.

    Args:
        text: the page.
        link: gives the Markdown link for a reference and the words chosen for it, or None.
        complain: is told the unknown reference and its line (1-based).
    """
    code = [match.span() for match in _CODE.finditer(text)]

    def replace(match: re.Match[str]) -> str:
        if any(start <= match.start() < end for start, end in code):
            return match.group()
        found = link(match.group(1).strip(), match.group(2))
        if found is None:
            complain(match.group(1).strip(), text.count("\n", 0, match.start()) + 1)
            return match.group()
        return found

    return REFERENCE.sub(replace, text)
