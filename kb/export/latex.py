"""Text made inert for LaTeX, BibTeX and BibLaTeX."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache

_TABLE = {
    "\\": r"{\textbackslash}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"{\textasciitilde}",
    "^": r"{\textasciicircum}",
    "<": r"{\textless}",
    ">": r"{\textgreater}",
    "|": r"{\textbar}",
    "`": r"{\textasciigrave}",
}
# BibTeX counts braces even after a backslash: a single one needs its name, which not every reader knows.
_PAIRED = str.maketrans(_TABLE | {"{": r"\{", "}": r"\}"})
_SINGLE = str.maketrans(_TABLE | {"{": r"{\textbraceleft}", "}": r"{\textbraceright}"})
# Two of these in a row would be printed as a dash or as a quotation mark. Between spaces a dash is what was meant.
_LIGATURE = re.compile(r"(?:(?<= )|^)-{2,3}(?= |$)|([-',])(?=\1)")
# What an index is in titles that come from arXiv: "VLM-R$^3$". No command can stand in it.
_INDEX = re.compile(r"(\$[\^_](?:[A-Za-z0-9]|\{[A-Za-z0-9+\-]{1,12}\})\$)", re.ASCII)
# Commands that LaTeX does not know without packages for them: Cyrillic (T1 has none), rare signs. The character stays as it
# is then, as a Chinese one does. Found by setting every character of pylatexenc's table.
_UNKNOWN = re.compile(
    r"\\(?:CYR|cyr)[A-Za-z]*"
    r"|\\ensuremath\{\\(?:mathscr\{.\}|mathbb\{[a-z]\}|DownArrowUpArrow|VDash|allequal|approxnotequal|arrowwave\w+|clockoint"
    r"|clwintegral|dblarrowupdown|estimates|forcesextra|hermitconjmatrix|homothetic|image|lazysinv|not(?:greaterless|lessgreater)"
    r"|original|precedesnotsimilar|recorder|rightangle(?:arc)?|sqrint|starequal|surfintegral|tildetrpl|truestate|udots"
    r"|varperspcorrespond|verymuch\w+|volintegral)\}"
    r"|\{\\(?:acute\{\\ddot\{\\iota\}\}|flat|natural|nolinebreak|quarternote|sharp)\}"
)


def escape_latex(text: str, *, ascii_math: bool = False) -> str:
    """`text` with what LaTeX and BibTeX would act on written by name. A plain index such as ``$^3$`` stays one.

    Args:
        ascii_math: write Greek letters and mathematical signs as commands, for pdfLaTeX, which stops at them; accented
            Latin letters and common punctuation stay, and so do scripts for which it has no commands without packages of
            their own (Chinese, Hebrew, Cyrillic).
    """
    return escaper(text, ascii_math=ascii_math)(text)


def escaper(whole: str, *, ascii_math: bool = False) -> Callable[[str], str]:
    """`escape_latex` for pieces of `whole` that will stand together in one field."""
    table = _PAIRED if _balanced(whole) else _SINGLE

    def escape(text: str) -> str:
        # Every second piece is an index.
        pieces = _INDEX.split(text)
        return "".join(
            piece if number % 2 else _escape(piece, table, ascii_math) for number, piece in enumerate(pieces)
        )

    return escape


def _balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall("[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def _escape(text: str, table: dict[int, str], ascii_math: bool) -> str:
    escaped = _LIGATURE.sub(
        lambda match: match.group() + ("{}" if match.group(1) else ""), text.translate(table)
    )
    if not ascii_math or escaped.isascii():
        return escaped
    return "".join(char if char.isascii() else _command(char) for char in escaped)


@cache
def _command(char: str) -> str:
    """The command for `char` where pdfLaTeX does not know it in UTF-8, if there is one that means it and nothing else."""
    if ord(char) < 0x370 or 0x1E00 <= ord(char) < 0x2060 or unicodedata.category(char)[0] == "M":
        return char
    encode, decode = _tables()
    command = encode(char)
    return command if decode(command) == char and not _UNKNOWN.search(command) else char


@cache
def _tables() -> tuple[Callable[[str], str], Callable[[str], str]]:
    """How pylatexenc writes Unicode as LaTeX, and how it reads it."""
    from pylatexenc.latex2text import LatexNodes2Text
    from pylatexenc.latexencode import UnicodeToLatexEncoder

    encoder = UnicodeToLatexEncoder(
        replacement_latex_protection="braces-all", unknown_char_policy="keep", unknown_char_warning=False
    )
    return encoder.unicode_to_latex, LatexNodes2Text().latex_to_text
