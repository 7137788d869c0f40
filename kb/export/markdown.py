"""Text and addresses made inert for Markdown that people read and edit: a README on GitHub, a page of any site.

Fewer characters are touched than on our own pages (`kb.render.escape`), because a README is also read as it is written:
an entity stands only where CommonMark, GitHub or Python-Markdown and its usual extensions could take a character for
markup.
"""

from __future__ import annotations

import re

from kb.ids import is_safe_url
from kb.render.escape import visible

_MARKUP = re.compile(
    r"[\\`*\[\]<>&|$~{}^@#]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it means nothing
    r"|:(?=[\w+\-/])|(?<=www)\."  # emoji, bare addresses
    r"|=(?==)|\+(?=\+)"  # ==mark==, ++insert++
    r"|^[-+=:!?/]|(?<=^\d)[.)]|(?<=^\d\d)[.)]|(?<=^\d\d\d)[.)]|(?<=^\d\d\d\d)[.)]"  # at the start of a block
)
_IN_ADDRESS = re.compile(r"[()\[\]{}|*`$^~]")


def escape_markdown(text: str) -> str:
    """One line that shows as `text`, wherever in a paragraph, heading, list item, table cell or link it stands."""
    return _MARKUP.sub(lambda match: f"&#{ord(match.group())};", visible(text))


def link(words: str, url: str) -> str:
    """A link; only its words where `url` is nothing that a page may link to."""
    shown = escape_markdown(words)
    return f"[{shown}]({address(url)})" if is_safe_url(url) else shown


def image(alt: str, url: str) -> str:
    """A picture from another site."""
    return f"![{escape_markdown(alt)}]({address(url)})"


def address(url: str) -> str:
    """`url` so that nothing in it ends a link or a table cell or is taken for an entity."""
    return _IN_ADDRESS.sub(lambda match: f"%{ord(match.group()):02X}", url).replace("&", "&amp;")
