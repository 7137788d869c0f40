"""Text for GitHub: bodies of issues and pull requests, job summaries. What strangers wrote stays text there.

Markup is escaped as for any Markdown (`kb.export.markdown`); besides, GitHub makes links of ``@name`` and ``#12`` after it
has decoded entities, and tells those whom they name. A character of no width behind the sign keeps it a sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kb.config import SiteSettings
from kb.export.markdown import address, escape_markdown
from kb.ids import is_safe_url
from kb.render.escape import visible

MOST = 20_000
"""Characters of a text. GitHub takes 65,536 in a body, and a body is put together from several of ours."""
_LONGEST = 300
_TELLING = re.compile(r"&#(?:64|35);")
_WORKING = re.compile(r"[@#]|\bGH(?=-)|:(?=//)", re.I)
_BRACKETS = str.maketrans("[]", "()")
_TICKS = re.compile(r"`+")


def for_github(text: str, most: int = _LONGEST, *, inside: bool = False) -> str:
    """One line that shows as `text`, wherever in a body it stands; links nothing and calls nobody.

    Args:
        inside: something stands before it on its line, so that it begins no list and no heading.
    """
    before = "." * inside
    escaped = escape_markdown(before + shortened(text, most))[len(before) :]
    return _TELLING.sub(lambda match: f"{match.group()}&#8203;", escaped)


def for_title(text: str, most: int = 200) -> str:
    """`text` in the title of a pull request, which becomes a commit message as well.

    There is no markup in a title. But ``[skip ci]`` in a commit message stops workflows, and ``fixes #1`` closes an issue.
    """
    return _WORKING.sub(lambda match: f"{match.group()}\u200b", shortened(text, most)).translate(_BRACKETS)


def code(text: str, most: int = _LONGEST) -> str:
    """`text` as a span of code: a name, a command, a figure as somebody wrote it."""
    text = shortened(text, most)
    fence = _fence(text, 1)
    pad = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def quoted(text: str, most: int = 2_000) -> str:
    """What somebody wrote, as a block of code: lines stay, nothing in it means anything."""
    lines = [visible(line) for line in text[: 2 * most].replace("\r\n", "\n").split("\n")]
    told = "\n".join(lines).strip("\n")[:most]
    fence = _fence(told, 3)
    return f"{fence}text\n{told}\n{fence}"


def shortened(text: str, most: int) -> str:
    """One line of at most `most` characters."""
    text = visible(text[: 4 * most])
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def _fence(text: str, least: int) -> str:
    return "`" * max(least, 1 + max((len(run) for run in _TICKS.findall(text)), default=0))


@dataclass(frozen=True)
class Code:
    """A part of a line that is shown as code."""

    text: str


@dataclass(frozen=True)
class Link:
    """A part of a line that leads to an address of ours."""

    text: str
    url: str


Line = tuple[str | Code | Link, ...]
"""The parts of a line, as they are: what writes it out escapes them."""


@dataclass(frozen=True)
class Section:
    """A heading with lines of a list below it. `most`: how many lines are shown."""

    title: str
    lines: Sequence[Line]
    most: int = 30


def to_record(site: SiteSettings, key: str, title: str) -> Code | Link:
    """A link to a record that is there: to its page, or to its file where kb.toml names no site; its file's name otherwise."""
    if site.url:
        return Link(title, f"{site.url}/papers/{key}.html")
    if site.repository:
        return Link(title, f"{site.repository}/blob/HEAD/papers/{key}.yaml")
    return Code(f"papers/{key}.yaml")


def line_as_markdown(line: Line) -> str:
    """A line in GitHub's Markdown."""
    return "".join(_part(part, inside=number > 0) for number, part in enumerate(line))


def _part(part: str | Code | Link, *, inside: bool) -> str:
    if isinstance(part, Code):
        return code(part.text)
    if isinstance(part, Link):
        return (
            f"[{for_github(part.text)}]({address(part.url)})"
            if is_safe_url(part.url)
            else for_github(part.text)
        )
    # White space at the ends stands between this part and the next.
    before, after = " " * part[:1].isspace(), " " * part[-1:].isspace()
    words = for_github(part, inside=inside)
    return f"{before}{words}{after}" if words else before


def line_as_text(line: Line) -> str:
    """A line for a terminal."""
    return "".join(part if isinstance(part, str) else part.text for part in line)


def as_markdown(sections: Iterable[Section], *, level: int = 3, most: int = MOST) -> str:
    """The sections as GitHub's Markdown, never longer than `most` characters: whole sections are left out, and that is said."""
    parts: list[str] = []
    left = most
    for section in sections:
        shown = [f"- {line_as_markdown(line)}" for line in section.lines[: section.most]]
        shown += [f"- {rest}"] if (rest := _rest(section)) else []
        text = "\n".join([f"{'#' * level} {for_github(section.title)}", "", *shown, ""])
        if len(text) > left:
            parts.append("There is more than fits here: kb shows all of it in a clone.\n")
            break
        parts.append(text)
        left -= len(text)
    return "\n".join(parts)


def as_text(sections: Iterable[Section]) -> str:
    """The sections for a terminal."""
    lines: list[str] = []
    for section in sections:
        lines.append(section.title)
        for line in section.lines[: section.most]:
            lines.append(f"  {line_as_text(line)}")
        lines += [f"  {rest}"] if (rest := _rest(section)) else []
    return "\n".join(lines)


def _rest(section: Section) -> str:
    more = len(section.lines) - section.most
    return f"and {more:,} more" if more > 0 else ""
