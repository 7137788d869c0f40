"""Where in a curated list one is: the headings above, and whether papers are to be found below them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kb.sources.list_fields import EMOJI
from kb.sources.markdown import SUMMARY, Lines
from kb.text import normal_title, one_line

BOLD = SUMMARY + 1  # a bold line that serves as a heading, below every real one

_NUMBER = re.compile(
    r"^\s*(?P<n>\d{1,2}(?:\.\d{1,2})+|\d{1,2}(?=[.)\u00a0])|[IVX]{1,4}(?=[.)])|\d{1,2}(?=\s))[.)]?(?P<rest>[\s\u00a0].*)$",
    re.S,
)
_NOT_NUMBERED = re.compile(r"^\s*(?:bits?|way|stage|step|level|[dx]\b)", re.I)

# Matched against the normal form of a heading. Tables of contents end where the next heading starts, at whatever level.
_CONTENTS = re.compile(
    r"(?:table of |full |paper )?contents?(?: list)?|toc|overview|outline|bookmarks?|catalogu?e?|menu|navigation|"
    r"quick (?:links?|access|navigation)|topics(?: included)?"
)
_NO_PAPERS = re.compile(
    r"(?:latest |recent |breaking |our )?news(?: (?:and )?updates?)?|(?:latest |recent )?updates?(?: log)?|what s new|change ?logs?|"
    r"announcements?|how to cite|cit(?:e|ing|ations?)(?: us)?|bib ?tex|references?|"
    r"contribut(?:e|ing|ions?|ors?)\b.*|how to contribute|ac?knowledge?ments?|licen[cs]es?|star(?:s|gazers)?|star history(?: chart)?|"
    r"blogs?|blogs? (?:and )?(?:posts?|projects?|articles?)|projects?|repos?|repositor(?:y|ies)|"
    r"(?:related|other|useful|awesome|similar) (?:awesome )?(?:repos?|repositor(?:y|ies)|resources?|projects?|lists?|links?)|"
    r"tools?|tools? (?:and )?(?:librar(?:y|ies)|frameworks?|toolkits?)|(?:open source )?(?:frameworks?|librar(?:y|ies)|toolkits?)|"
    r"tutorials?|tutorials? (?:and )?(?:talks?|courses?|blogs?)|competitions?|challenges and competitions|keywords?(?: conventions?)?|"
    r"contacts?(?: us)?|about(?: us| me)?|maintainers?|community|talks?|videos?|slides?|courses?|leaderboards?|todos?|"
    r"disclaimer|sponsors?|join us|faq|code of conduct|authors?"
)


def heading_text(lines: Lines) -> tuple[str, str]:
    """(number, text) of a heading, without markup, emoji and images. The number is "" where it has none."""
    raw = re.sub(r"<[^<>]*>", " ", "".join(span.text for line in lines for span in line if not span.image))
    raw = EMOJI.sub(" ", raw).replace("&nbsp;", "\u00a0").strip(" *#\u2003")
    number = ""
    found = _NUMBER.match(raw.lstrip())
    if found and one_line(found["rest"]) and not _NOT_NUMBERED.match(found["rest"]):
        number, raw = found["n"], found["rest"]
    return number, one_line(raw.replace("\u00a0", " ")).strip(" *:：·-–—")


class Outline:
    """The stack of headings. `skip` are further headings below which no papers are."""

    def __init__(self, skip: Iterable[str] = ()) -> None:
        self._skip = frozenset(normal_title(text) for text in skip)
        self._stack: list[tuple[int, str]] = []
        self._numbered: dict[str, list[tuple[int, str]]] = {}
        self._first: tuple[int, str] | None = None

    def enter(self, level: int, lines: Lines) -> None:
        """Go below a heading. "4.1" goes below "4" even where the list gets its levels wrong."""
        number, text = heading_text(lines)
        if not text:
            return
        parent = self._numbered.get(number.rpartition(".")[0]) if "." in number else None
        self._stack = list(parent) if parent else [part for part in self._stack if part[0] < level]
        self._stack.append((level, text))
        self._first = self._first or (level, text)
        if number:
            self._numbered[number] = list(self._stack)

    def leave_fold(self) -> None:
        self._stack = [part for part in self._stack if part[0] < SUMMARY]

    @property
    def skipped(self) -> bool:
        """Whether what stands here is no paper."""
        names = [normal_title(text) for _, text in self._stack]
        if names and _CONTENTS.fullmatch(names[-1]):
            return True
        return any(name in self._skip or _NO_PAPERS.fullmatch(name) for name in names)

    @property
    def path(self) -> tuple[str, ...]:
        """The headings above, outermost first; the list's own title only where there is no other."""
        parts = [part for part in self._stack if not _CONTENTS.fullmatch(normal_title(part[1]))]
        if len(parts) > 1 and parts[0] == self._first and parts[0][0] == 1:
            parts = parts[1:]
        return tuple(text for _, text in parts)
