"""Text made inert for the place where it is put.

Titles and notes are hostile input. A page passes through Python-Markdown and Material's templates, which do not
escape; so every character that one of them could read as markup leaves here as a numeric entity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache

# C0 and C1 controls (Python-Markdown's own place-holders use them), direction overrides, surrogates, non-characters.
_DROPPED = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_TAIL = r"[A-Za-z0-9]"
# Group 1: punctuation that means nothing where it stands (x-y, it's, 3.5, "end. Next", "Title: more").
_PUNCTUATION = re.compile(
    rf"((?<={_TAIL})[-'](?={_TAIL})|(?<=\d)\.(?=\d)|(?<=[A-Za-z])[.](?=\s|$)|(?<={_TAIL}):(?=\s|$)|[,;?/%])"
    r"|[!-/:-@\[-`{-~]"
)
# A raw HTML block is not parsed any further, but fences (``` and ~~~) are looked for before it is found.
_CODE = re.compile(r"([-=.:,;/()@{}?%'+])|[!-/:-@\[-`{-~]")
_ATTRIBUTE = re.compile(r"[^A-Za-z0-9/:.\-,]", re.ASCII)


class SafeText(str):
    """Text that may stand in a page as it is: made by the functions below, never from a record directly."""

    __slots__ = ()


def visible(text: str) -> str:
    """`text` on one line, without characters that cannot be seen or that turn the writing direction."""
    return " ".join(_DROPPED.sub("", text).split())


@lru_cache(maxsize=1 << 17)  # a title stands on a dozen pages
def escape_text(text: str) -> SafeText:
    """One line that Markdown and HTML show as it is, wherever in a paragraph, heading or table cell it stands."""
    return SafeText(_PUNCTUATION.sub(_entity, visible(text)))


def escape_code(text: str) -> SafeText:
    """The inside of ``<pre><code>``: lines and spaces kept."""
    lines = (_DROPPED.sub("", line).rstrip() for line in text.split("\n"))
    return SafeText("\n".join(_CODE.sub(_entity, line) for line in lines).strip("\n"))


def escape_attribute(text: str) -> SafeText:
    """The inside of a quoted HTML attribute."""
    return SafeText(_ATTRIBUTE.sub(_entity_if_ascii, visible(text)))


def front_matter_text(text: str) -> SafeText:
    """A YAML value that Material may put into ``<title>`` and into the page's header without escaping it."""
    return SafeText(json.dumps(str(escape_text(text)), ensure_ascii=False))


def front_matter_data(value: object) -> SafeText:
    """Lists, mappings and texts as a YAML value on one line; what reads it escapes the texts for where it puts them."""
    return SafeText(json.dumps(_visible(value), ensure_ascii=False, sort_keys=True))


def _visible(value: object) -> object:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {name: _visible(item) for name, item in value.items()}
    return [_visible(item) for item in value] if isinstance(value, list | tuple) else value


def json_text(value: object) -> SafeText:
    """JSON that can also stand in a ``<script>`` element."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True)
    return SafeText(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _entity(match: re.Match[str]) -> str:
    return match.group() if match.group(1) else f"&#{ord(match.group())};"


def _entity_if_ascii(match: re.Match[str]) -> str:
    return f"&#{ord(match.group())};" if match.group().isascii() else match.group()
