"""Elements of a picture and how they are written.

They are kept as a tree until a page or a file is made of them, because links differ: a page leads to its neighbours, a
file that somebody puts into a paper leads to nothing or to the site's address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from kb.render.escape import SafeText, escape_code, visible

Link = Callable[[str], str | None]
"""The address of a page of the site, with a query if it has one; None if there is none."""
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 /:.,#()\-]")


@dataclass(frozen=True)
class Element:
    """An element. `page` is where an `a` leads, relative to docs/."""

    tag: str
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Element | str, ...] = ()
    page: str = ""


def element(tag: str, *children: Element | str, page: str = "", **attributes: str | float | None) -> Element:
    """An element; ``class_`` is written class, ``text_anchor`` text-anchor. An attribute of None is left out."""
    given = tuple(
        (name.rstrip("_").replace("_", "-"), value if isinstance(value, str) else number(value))
        for name, value in attributes.items()
        if value is not None
    )
    return Element(tag, given, children, page)


def words(x: float, y: float, said: str, style: str, anchor: str | None = None) -> Element:
    """Text on one line. `anchor`: middle or end."""
    return element("text", said, class_=style, x=x, y=y, text_anchor=anchor)


def line(x1: float, x2: float, y1: float, y2: float, style: str, *, dashed: bool = False) -> Element:
    return element(
        "line",
        class_=style,
        x1=x1,
        x2=x2,
        y1=y1,
        y2=y2,
        stroke="currentColor",
        stroke_dasharray="4 3" if dashed else None,
    )


def title(said: str) -> Element:
    """The name of the element that it stands in, shown to who points at it."""
    return element("title", said)


def write(element: Element, link: Link = lambda page: None) -> SafeText:
    """The element as text. An `a` that leads nowhere becomes a group."""
    parts: list[str] = []
    _write(element, link, parts)
    return SafeText("".join(parts))


def _write(each: Element, link: Link, parts: list[str]) -> None:
    tag, attributes = each.tag, each.attributes
    if tag == "a":
        address = link(each.page)
        if address is None:
            tag, attributes = "g", tuple(pair for pair in attributes if pair[0] != "tabindex")
        else:
            attributes = (("href", address), *attributes)
    parts.append(f"<{tag}")
    parts.extend(f' {name}="{_NOT_PLAIN.sub(_entity, visible(value))}"' for name, value in attributes)
    if not each.children:
        parts.append("/>")
        return
    parts.append(">")
    for child in each.children:
        if tag == "svg":  # a line each: a change of one mark is a change of one line
            parts.append("\n")
        if isinstance(child, str):
            parts.append(escaped(child))
        else:
            _write(child, link, parts)
    parts.append(f"</{tag}>")


def escaped(text: str) -> SafeText:
    """Text that is inert in XML, in HTML and in the Markdown of a page."""
    return escape_code(visible(text))


def _entity(match: re.Match[str]) -> str:
    return f"&#{ord(match.group())};"


def cut(text: str, most: int) -> str:
    """`text` on one line, of at most so many characters."""
    text = visible(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def number(value: float) -> str:
    """A coordinate.

    >>> number(3.14159), number(-0.0), number(12)
    ('3.14', '0', '12')
    """
    return f"{round(value, 2) + 0.0:.10g}"
