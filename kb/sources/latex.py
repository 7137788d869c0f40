"""LaTeX in titles and names, as Unicode. Nothing is executed, and no file that a macro names is opened."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from kb.text import one_line

_MAX_CHARS = 20_000
_MAX_NESTING = 8
_CITE = re.compile(r"[~\s]*\\(?:cite\w*|ref|label|footnote)\s*(?:\[[^\]]*\])*\{[^{}]*\}")
_STYLE = re.compile(
    r"\\(?:text(?:bf|it|sc|tt|sf|rm|sl|md|up|normal)?|emph|underline|math(?:bf|it|rm|sf|tt|cal|bb)|mbox)\s*\{([^{}]*)\}"
)
_QUOTES = re.compile(r"``([^`']+)''")
# Characters by name, as Zotero and kb write them, that pylatexenc drops or takes for another.
_NAMED = {
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textbraceleft": "{",
    "textbraceright": "}",
    "textasciicircum": "^",
    "textquotedbl": '"',
}
_MATH = re.compile(r"\$([^$]{1,200})\$")


@lru_cache(maxsize=8192)
def latex_to_text(source: str) -> str:
    r"""`source` with its macros and accents as Unicode, on one line; as it was where it is not LaTeX.

    >>> latex_to_text(r"{\L}ukasz's na{\"\i}ve {CoT}: $\phi$-decoding")
    "Łukasz's naïve CoT: ϕ-decoding"
    """
    if len(source) > _MAX_CHARS:
        return one_line(source)
    if not re.search(r"[\\{}$~]|--|``|''", source):
        return one_line(source)
    try:
        # `%` starts a comment in TeX, but in what people paste into a title it is a per cent sign.
        text = _reader().latex_to_text(re.sub(r"(?<!\\)%", r"\\%", source))
    except Exception:  # noqa: BLE001 - pylatexenc raises whatever broken input leads it to
        text = source.replace("{", "").replace("}", "")
    return one_line(str(text).replace("\N{NO-BREAK SPACE}", " "))


@cache
def _reader() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db

    known = get_default_latex_context_db()
    macros = [MacroTextSpec(name, simplify_repl=char) for name, char in _NAMED.items()]
    known.add_context_category("characters", prepend=True, macros=macros)
    return LatexNodes2Text(known, math_mode="text", keep_comments=True)


def strip_latex(text: str) -> str:
    r"""Prose without its citations and styles, with its formulas and quotes as Unicode; other text stays as it is.

    >>> strip_latex(r"groups \cite{fake-align-1}, with $\alpha$ for $5")
    'groups, with α for $5'
    >>> strip_latex(r"\textbf{bold \emph{and} leaning} ``quotes''")
    'bold and leaning “quotes”'
    """
    text = _QUOTES.sub(r"“\1”", _CITE.sub("", text))
    for _ in range(_MAX_NESTING):
        text, changes = _STYLE.subn(r"\1", text)
        if not changes:
            break
    return _MATH.sub(
        lambda m: latex_to_text(m.group()) if re.search(r"[\\^_{}]", m.group(1)) else m.group(), text
    )
