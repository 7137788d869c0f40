"""The Jinja environment of the LaTeX templates: what is not marked safe is escaped, without being asked.

``<< value >>`` is a value, ``<% ... %>`` a statement, ``<# ... #>`` a comment: none of them means anything to LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

import jinja2

from kb.errors import DataError
from kb.export.latex_text import Latex, latex_text
from kb.ids import is_safe_url

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._+-]*")
_REFERENCE = re.compile(r"\[\[([^\[\]|\n]{1,120})(?:\|([^\[\]|\n]{1,200}))?\]\]")


def make_environment(templates: Mapping[str, str], names: Mapping[str, str]) -> jinja2.Environment:
    """An environment over `templates` (text by name). A name that a template misspells is an error.

    Args:
        names: what can be cited, and how a sentence names it. A reference to anything else stays text.
    """
    env = jinja2.Environment(
        loader=jinja2.DictLoader(dict(templates)),
        autoescape=False,  # noqa: S701 - Jinja's escaping knows HTML only; `finalize` escapes for LaTeX
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters.update(
        cell=lambda value: Latex(" ".join(prose(value, names).split("\n\n"))),
        cite=lambda value: cite(value, names),
        minus=lambda value: re.sub(r"(?<![\w.])-(?=\d)", "−", value),
        raw=Latex,
        sentence=lambda value: sentence(value, names),
        url=link,
    )
    return env


def render_template(env: jinja2.Environment, name: str, **values: Any) -> str:
    """The text made from the template `name`.

    Raises:
        DataError: the template is absent or broken; names the file and the line.
    """
    try:
        return env.get_template(name).render(**values)
    except jinja2.TemplateSyntaxError as error:
        place = error.name or name
        raise DataError(f"{error.message}", file=f"templates/{place}", line=error.lineno) from None
    except jinja2.TemplateNotFound as error:
        fix = "restore templates/latex/ from git"
        raise DataError("there is no such template", file=f"templates/{error.message}", fix=fix) from None
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"cannot be filled in: {error}", file=f"templates/{name}") from error


def cite(keys: str | Iterable[str], known: Container[str]) -> Latex:
    r"""``\citep{...}`` of those keys that can be cited; nothing if there is none."""
    found = [
        key for key in ([keys] if isinstance(keys, str) else keys) if key in known and _KEY.fullmatch(key)
    ]
    return Latex(rf"\citep{{{','.join(found)}}}" if found else "")


def prose(text: str | None, names: Mapping[str, str]) -> Latex:
    """A person's prose in paragraphs. ``[[key]]`` becomes a citation, ``[[key|words]]`` the words with one."""
    blocks = [block for block in re.split(r"\n\s*\n", (text or "").strip()) if block.strip()]
    return Latex("\n\n".join(_paragraph(block, names) for block in blocks))


def sentence(text: str | None, names: Mapping[str, str]) -> Latex:
    """Prose on one line that ends as a sentence does."""
    made = " ".join(prose(text, names).split("\n\n"))
    return Latex(made if not made or (text or "").strip()[-1] in ".!?…。！？" else f"{made}.")


def link(url: str, words: str) -> Latex:
    r"""``\href`` to a page; its words alone where `url` is nothing that may be linked to."""
    shown = latex_text(words)
    if not is_safe_url(url) or not url.isascii() or re.search(r"[\\{}\s^~\"<>|`]", url):
        return Latex(shown)
    safe = re.sub(r"[%#&_$]", lambda match: "\\" + match.group(), url)
    return Latex(rf"\href{{{safe}}}{{{shown}}}")


def _paragraph(block: str, names: Mapping[str, str]) -> str:
    made, end = "", 0
    for match in _REFERENCE.finditer(block):
        key = match.group(1).strip()
        made += _spaced(block[end : match.start()])
        end = match.end()
        made += latex_text(match.group(2) or names.get(key) or key)
        if citation := cite(key, names):
            made += f"~{citation}"
    return (made + _spaced(block[end:])).strip()


def _spaced(text: str) -> str:
    """`text` escaped, with the space at its ends kept."""
    made = latex_text(text)
    if not made:
        return " " if text else ""
    return f"{' ' * text[:1].isspace()}{made}{' ' * text[-1:].isspace()}"


def _finalize(value: object) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, Latex | int | float) else latex_text(str(value))
