"""Strategies and readers that the tests of the exports share."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import strategies as st
from pylatexenc.latex2text import LatexNodes2Text

from kb.records.models import Paper
from tests.library import HOSTILE

TITLES = (
    *HOSTILE,
    "Plain Words",
    "{Balanced {braces}} and } an { unbalanced",
    "100% of A & B cost $5 #1 under_score ~tilde ^caret",
    r"\input{/etc/passwd} \write18{id} \textbf{x}",
    "Naïve Łukasz's façade: Ærø – “curly” ‘quotes’ — and…",
    "ϕ-Decoding in {±1, ± i} ⟨/𝚃𝚑𝚒𝚗𝚔⟩ → ≤ ∞ τ²",
    "R$^3$, H$_{2}$ and $\\alpha$",
    "压缩思维链：大模型推理（综述）",
    "تفكير أقل לחשוב פחות mixed with Latin",
    "-- a dash ---, ''two'' `ticks``, and ??? !``",
    '"Everything" is \'quoted\' "twice"',
    "=cmd|' /C calc'!A0",
    "@book{x, title = {y}}",
    "TY - JOUR",
    "ER - x",
    "+1 -1 ;=1+1 ,=2",
    "'already quoted",
    "I: A Study. of iPhone vs. B2B (GPUs)",
)
_CHARS = st.one_of(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], exclude_characters="\u202a\u202b"),
    st.sampled_from(list("\\{}$&%#_~^<>|\"'`-=+@;,:!?*[]()./ éßŁϕ中ע")),
)
LINES = st.text(_CHARS, min_size=1, max_size=40).map(lambda text: " ".join(text.split())).filter(bool)
_WORD = st.text(st.characters(codec="utf-8", categories=["L"]), min_size=1, max_size=8)
PEOPLE = st.builds(
    lambda given, particle, family, suffix: " ".join(filter(None, (given, particle, family, suffix))),
    _WORD.map(str.capitalize), st.sampled_from(["", "", "van der", "de"]), _WORD.map(str.capitalize),
    st.sampled_from(["", "", "Jr.", "III"]),
)  # fmt: skip
TEAMS = st.sampled_from(
    ["Qwen Team", "OpenAI", "Meta AI", "A, B, and C", "Tom & Co.", "others", "王 小明", "DeepSeek-AI"]
)
NAMES = st.one_of(PEOPLE, TEAMS, LINES)
DATES = st.dates().map(str).flatmap(lambda day: st.sampled_from([day[:4], day[:7], day]))
ORCID = "0000-0002-1825-0097"


@st.composite
def papers(draw: st.DrawFn, titles: st.SearchStrategy[str] = LINES) -> Paper:
    """A record with whatever facts may be missing or strange."""
    data: dict[str, Any] = {"title": draw(titles), "authors": draw(st.lists(NAMES, max_size=3))}
    ids = {
        "arxiv_id": st.sampled_from(["2504.04823", "hep-th/9901001"]),
        "arxiv_version": st.integers(1, 9),
        "doi": st.sampled_from(
            ["10.1145/3666122", "10.1002/(sici)1097-4571(199806)49:8_693::aid-asi4_3.0.co;2-o"]
        ),
        "openreview": st.just("G8LaO1P0xv"),
        "acl_anthology": st.just("2024.acl-long.510"),
        "semantic_scholar": st.just("a" * 40),
        "url": st.sampled_from(["https://example.org/a_b%20c?x=1;y=2&z={q}#f"]),
    }
    data["identifiers"] = {name: draw(value) for name, value in ids.items() if draw(st.booleans())}
    if draw(st.booleans()):
        data["dates"] = {"published": draw(DATES)}
    if draw(st.booleans()):
        data["venue"] = draw(st.one_of(st.sampled_from(["ICLR 2025", "Journal of A & B"]), LINES))
    if draw(st.booleans()):
        data |= {"publication_state": "withdrawn", "withdrawn_reason": draw(LINES)}
    return Paper.from_data("a2020b", data)


def paper(title: str = "Plain Words", **fields: object) -> Paper:
    return Paper.from_data("a2020b", {"title": title, "authors": ["Ada Almeida", "Björn Brandt"], **fields})


_NAMED = {
    r"{\textbackslash}": "\\", r"{\textbraceleft}": "{", r"{\textbraceright}": "}", r"{\textasciitilde}": "~",
    r"{\textasciicircum}": "^", r"{\textless}": "<", r"{\textgreater}": ">", r"{\textbar}": "|",
    r"{\textasciigrave}": "`", r"\$": "$", r"\&": "&", r"\%": "%", r"\#": "#", r"\_": "_", r"\{": "{", r"\}": "}",
}  # fmt: skip
_INDEX = re.compile(r"\$[\^_](?:\w|\{[\w+-]+\})\$")
_DECODER = LatexNodes2Text()


def read_latex(text: str) -> str:
    """What LaTeX would print: named characters, braces for grouping dropped, other commands as pylatexenc knows them.

    An index such as ``$^3$`` stays as it is.
    """
    read, place = "", 0
    while place < len(text):
        if index := _INDEX.match(text, place):
            piece = shown = index.group()
        elif name := next((name for name in _NAMED if text.startswith(name, place)), None):
            piece, shown = name, _NAMED[name]
        elif re.match(r"\{\\[A-Za-z]", text[place : place + 3]):
            piece = _group(text, place)
            shown = str(_DECODER.latex_to_text(piece))
        else:
            piece = text[place]
            shown = "" if piece in "{}" else piece
        read, place = read + shown, place + len(piece)
    return read


def _group(text: str, start: int) -> str:
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start : place + 1]
    raise AssertionError(f"not closed: {text[start:]}")
