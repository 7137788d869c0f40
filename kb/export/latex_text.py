"""Text for a LaTeX document that pdfLaTeX and XeLaTeX both set, and that says what the text says.

`escape_latex` makes text inert. What follows here is for the page: characters that the T1 encoding and AMS symbols do not
have become ``\\kbtext{script}{characters}{U+XXXX ...}`` (templates/latex/kbsurvey.tex), which XeLaTeX sets in a font of that
script and pdfLaTeX, which has none, by code point; words too long for a column get places where they may be broken.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from kb.export.latex import escape_latex

# Found by setting every character of pylatexenc's table with both engines.
_DIRECT = frozenset(
    "¡¢£¤¥¦§¨©ª«¬®¯°±²³´µ¶·¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿĀāĂăĄąĆćĈĉĊċČčĎďĐđĒēĔĕĖė"
    "ĘęĚěĜĝĞğĠġĢģĤĥĨĩĪīĬĭĮįİıĲĳĴĵĶķĹĺĻļĽľŁłŃńŅņŇňŊŋŌōŎŏŐőŒœŔŕŖŗŘřŚśŜŝŞşŠšŢţŤťŨũŪūŬŭŮůŰűŲųŴŵŶŷŸŹźŻżŽžƒ‐‑–—‘’‚“”„†‡•…‰‹›※"
)
_OWN = {
    **{char: rf"\ensuremath{{\mathrm{{{latin}}}}}" for char, latin in zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)},
    "‒": r"{\textendash}", "―": r"{\textemdash}", "−": r"\ensuremath{-}", "∗": r"\ensuremath{*}", "√": r"\ensuremath{\surd}",
    "′": r"\ensuremath{'}", "″": r"\ensuremath{''}",
}  # fmt: skip
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".", "\u0308": '"',
    "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c", "\u0328": "k", "\u0331": "b",
}  # fmt: skip
# What nobody can see: controls, soft hyphens, zero-width spaces, direction overrides, variation selectors, non-characters.
_DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e01ef]"
)
_BREAK, _HYPHEN = "\ufdd0", "\ufdd1"
_LONG, _LONG_WITH_DIGITS, _WIDE, _PIECE = 20, 10, 6.5, 4
_WORD = re.compile("[0-9A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u052f]{7,}")
# Where a token may end a line: after a hyphen or slash between words; where it is long, after any sign that opens nothing.
_AFTER = re.compile(r"(?<=\w)[-–—/](?=\w)")
_AFTER_ANY = re.compile(r"(?:[!-')*+/:;=>?@\\\]^`|}~_–—…-]|[.,](?!\d)|(?<=[!-/:-@\[-`{-~])[(\[{<])(?=.)")
_LONG_TOKEN = 14
_INDEX = re.compile(r"(\$[\^_](?:[A-Za-z0-9]|\{[A-Za-z0-9+\-]{1,12}\})\$)", re.ASCII)  # escape_latex keeps it
_OTHER = re.compile(r"[^\x00-\x7f]")
_CJK = re.compile(
    "[\u1100-\u11ff\u2e80-\u303f\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef"
    "\U00020000-\U0003ffff]"
)
_TEXT_COMMAND = "\\kbtext{"


class Latex(str):
    """LaTeX that may stand in a document as it is: made by this program, never from a record directly."""

    __slots__ = ()


def visible(text: str) -> str:
    """`text` on one line in composed form, without what cannot be seen."""
    return " ".join(unicodedata.normalize("NFC", _DROPPED.sub("", text)).split())


@lru_cache(maxsize=1 << 14)
def latex_text(text: str) -> str:
    """One line of LaTeX that shows `text`, wherever in a paragraph, heading or table cell it stands."""
    escaped = escape_latex(_with_breaks(visible(text)), ascii_math=True)
    return set_scripts(escaped).replace(_BREAK, r"\kbbreak{}").replace(_HYPHEN, r"\-{}")


def set_scripts(escaped: str) -> str:
    """Escaped text, or a whole bibliography, in which every character is one that both engines can set."""
    return escaped if escaped.isascii() else "".join(_wrap(run) for run in _runs(escaped))


def asks_for_unicode_engine(tex: str) -> bool:
    """Whether `tex` holds characters for which pdfLaTeX has no font."""
    return _TEXT_COMMAND in tex


def _with_breaks(text: str) -> str:
    """Long words with `_BREAK` where they may end a line, and `_HYPHEN` where they may with a hyphen."""
    return " ".join(_token(token) for token in text.split(" "))


def _token(token: str) -> str:
    after = _AFTER if len(token) <= _LONG_TOKEN else _AFTER_ANY
    # Every second piece is an index.
    pieces = _INDEX.split(token)
    return "".join(
        piece if number % 2 else after.sub(rf"\g<0>{_BREAK}", _WORD.sub(_cut, piece))
        for number, piece in enumerate(pieces)
    )


def _cut(match: re.Match[str]) -> str:
    word = match.group()
    digits = sum(char.isdigit() for char in word)
    width = sum(char.isupper() for char in word) + 0.6 * digits  # of what LaTeX does not hyphenate
    if len(word) <= (_LONG_WITH_DIGITS if digits else _LONG) and width <= _WIDE:
        return word
    return (_BREAK if digits else _HYPHEN).join(
        word[start : start + _PIECE] for start in range(0, len(word), _PIECE)
    )


def _runs(text: str) -> list[tuple[str, str]]:
    """`text` in pieces, each with the script that it needs; "" is none."""
    pieces: list[tuple[str, str]] = []
    for char in text:
        script = _script(char)
        if pieces and script == "mark":
            before, kind = pieces[-1]
            base, attached = before[-1:], _ACCENTS.get(char)
            if kind == "" and base.isascii() and base.isalpha() and attached:
                pieces[-1] = (before[:-1], "")
                pieces.append((rf"\{attached}{{{base}}}", "done"))
                continue
            script = kind if kind not in {"", "done"} else "other"
        if script == "mark":
            script = "other"
        if pieces and pieces[-1][1] == script and script != "done":
            pieces[-1] = (pieces[-1][0] + char, script)
        elif script and len(pieces) > 1 and pieces[-2][1] == script and _joins(script, *pieces[-1]):
            pieces[-2:] = [(pieces[-2][0] + pieces[-1][0] + char, script)]
        else:
            pieces.append((char, script))
    return pieces


def _joins(script: str, between: str, kind: str) -> bool:
    """Whether what stands between two pieces of a script belongs to them: in Hebrew and Arabic, it takes their direction."""
    return kind == "" and (
        between == " " or (script == "rtl" and re.fullmatch(r"[ .,:;!?()-]{1,3}", between) is not None)
    )


@cache
def _script(char: str) -> str:
    """What sets `char`: "" for both engines as they are."""
    if char.isascii() or char in _DIRECT or char in _OWN or char in {_BREAK, _HYPHEN}:
        return ""
    if unicodedata.category(char) in {"Mn", "Me", "Mc", "Cf"}:  # a joiner belongs to what stands before it
        return "mark"
    if unicodedata.bidirectional(char) in {"R", "AL", "AN"}:
        return "rtl"
    if _CJK.match(char):
        return "cjk"
    return "symbol" if unicodedata.category(char) in {"So", "Sk", "Co", "Cn"} else "other"


def _wrap(run: tuple[str, str]) -> str:
    text, script = run
    if script in {"", "done"}:
        return _OTHER.sub(lambda match: _OWN.get(match.group(), match.group()), text)
    codes = " ".join(f"U+{ord(char):04X}" for char in text if char != " ")
    return rf"{_TEXT_COMMAND}{script}}}{{{text}}}{{{codes}}}"
