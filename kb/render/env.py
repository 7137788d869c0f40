"""The Jinja environment of the page templates: what is not marked safe is escaped, without being asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2
from jinja2.runtime import Context

from kb.errors import DataError
from kb.ids import is_safe_url
from kb.render.escape import (
    SafeText,
    escape_attribute,
    escape_code,
    escape_text,
    front_matter_data,
    front_matter_text,
    json_text,
)
from kb.render.prose import Paragraph, Prose
from kb.render.views import source_name


def make_environment(templates: Mapping[str, str]) -> jinja2.Environment:
    """An environment over `templates` (text by name). A name that a template misspells is an error."""
    env = jinja2.Environment(
        loader=jinja2.DictLoader(dict(templates)),
        autoescape=False,  # noqa: S701 - Jinja's escaping knows HTML only; `finalize` escapes for Markdown too
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters.update(
        attribute=lambda value: escape_attribute(str(value)),
        code=escape_code,
        count=count_text,
        front_matter=front_matter_text,
        front_matter_data=front_matter_data,
        json=json_text,
        outward=outward,
        page_url=_page_url,
        prose=_prose,
        prose_line=_prose_line,
        source_name=source_name,
        spaces=lambda value: SafeText(" " * len(value)),
        to=_to,
    )
    return env


def render_template(env: jinja2.Environment, name: str, here: str, **values: Any) -> str:
    """The page `here` (relative to docs/) made from the template `name`.

    Raises:
        DataError: the template is broken; names the file and the line.
    """
    try:
        return env.get_template(name).render(here=here, **values)
    except jinja2.TemplateSyntaxError as error:
        place = error.name or name
        raise DataError(f"{error.message}", file=f"templates/{place}", line=error.lineno) from None
    except jinja2.TemplateNotFound as error:
        raise DataError("there is no such template", file=f"templates/{error.message}") from None
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError) as error:
        line = _template_line(error, name)
        raise DataError(f"cannot make {here}: {error}", file=f"templates/{name}", line=line) from error


def relative(target: str, here: str) -> str:
    """The link from page `here` to page `target`, both relative to docs/.

    >>> relative("branches/smaller/pruning.md", "branches/faster.md"), relative("index.md", "papers/a.md")
    ('smaller/pruning.md', '../index.md')
    """
    there, home = target.split("/"), here.split("/")[:-1]
    same = 0
    while same < min(len(home), len(there) - 1) and home[same] == there[same]:
        same += 1
    return "/".join([".."] * (len(home) - same) + there[same:])


def outward(url: str, label: str | None = None) -> SafeText:
    """A link to another site; only its words where `url` is nothing that a page may link to."""
    words = escape_text(label or url)
    if not is_safe_url(url):
        return words
    return SafeText(f'<a href="{escape_attribute(url)}" rel="noopener">{words}</a>')


def count_text(number: int, one: str, many: str | None = None) -> SafeText:
    """`number` and the word for it.

    >>> str(count_text(1, "paper")), str(count_text(0, "paper")), str(count_text(2, "branch", "branches"))
    ('1 paper', '0 papers', '2 branches')
    """
    return SafeText(f"{number:,} {one if number == 1 else many or one + 's'}")


def _finalize(value: Any) -> str:
    if isinstance(value, SafeText):
        return str(value)
    return "" if value is None else str(escape_text(str(value)))


@jinja2.pass_context
def _to(context: Context, page: str) -> SafeText:
    return SafeText(relative(page, context["here"]))


@jinja2.pass_context
def _page_url(context: Context, page: str) -> str:
    """The address of a page from here, for HTML that Markdown leaves as it is."""
    return relative(page.removesuffix(".md") + ".html", context["here"])


@jinja2.pass_context
def _prose(context: Context, prose: Prose) -> SafeText:
    return SafeText("\n\n".join(_paragraph(each, context["here"]) for each in prose))


@jinja2.pass_context
def _prose_line(context: Context, prose: Prose) -> SafeText:
    """All paragraphs on one line, for a table cell."""
    return SafeText(" ".join(_paragraph(each, context["here"]) for each in prose))


def _paragraph(paragraph: Paragraph, here: str) -> str:
    parts: list[str] = []
    for span in paragraph:
        words = escape_text(span.text)
        if span.page is None:
            before = " " if span.text[:1].isspace() and parts else ""
            after = " " if span.text[-1:].isspace() else ""
            parts.append(f"{before}{words}{after}" if words else " ")
        else:
            parts.append(f"[{words}]({relative(span.page, here)})")
    return "".join(parts).strip()


def _template_line(error: BaseException, name: str) -> int | None:
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in {"<template>", name}:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
