"""The page about the API, made from its schemas, and llms.txt: an index of the site in plain Markdown for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kb.render.addresses import Addresses
from kb.render.api import ROOT, ApiInput, schema_path, schemas
from kb.render.branches import walk
from kb.render.changes import FEED as CHANGES_FEED
from kb.render.changes import PAGE as CHANGES
from kb.render.escape import visible
from kb.render.feeds import ALL

PAGE = "api.md"
LLMS = "llms.txt"


@dataclass(frozen=True)
class FieldLine:
    name: str
    type: str
    about: str


@dataclass(frozen=True)
class FileView:
    """A file of the API: where it and its schema are, and tables of fields: its own, then those of what stands in it."""

    name: str
    path: str
    schema: str
    about: str
    tables: tuple[tuple[str, str, tuple[FieldLine, ...]], ...]


def api_page() -> tuple[FileView, ...]:
    """What the page says of each file."""
    return tuple(_file(name, schema) for name, schema in schemas().items())


def _file(name: str, schema: Mapping[str, Any]) -> FileView:
    path = f"{ROOT}/papers/<key>.json" if name == "paper" else f"{ROOT}/{name}.json"
    tables = [("", "", _lines(schema))]
    for title in _named(schema):
        definition = schema["definitions"][title]
        if title.endswith("Entry") or title in {"Share", "FeedLink"}:
            tables.append((title, definition.get("description", ""), _lines(definition)))
    return FileView(name, path, schema_path(name), schema["description"], tuple(tables))


def _named(schema: Mapping[str, Any]) -> list[str]:
    """Definitions in the order in which a reader meets them."""
    found: dict[str, None] = {}
    waiting: list[Any] = [schema["properties"]]
    while waiting:
        at = waiting.pop(0)
        if isinstance(at, Mapping):
            name = str(at.get("$ref", "")).rpartition("/")[2]
            if name and name not in found:
                found[name] = None
                waiting.append(schema["definitions"][name])
            waiting += at.values()
        elif isinstance(at, list):
            waiting += at
    return list(found)


def _lines(schema: Mapping[str, Any]) -> tuple[FieldLine, ...]:
    return tuple(
        FieldLine(name, type_words(field), field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    )


def type_words(field: Mapping[str, Any]) -> str:
    """A field's type for people.

    >>> type_words({"type": "array", "items": {"$ref": "#/definitions/PaperEntry"}})
    'list of PaperEntry'
    >>> type_words({"anyOf": [{"type": "string"}, {"type": "null"}]})
    'string or null'
    """
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    for together in ("anyOf", "allOf", "oneOf"):
        if together in field:
            return " or ".join(dict.fromkeys(map(type_words, field[together])))
    if field.get("type") == "array":
        return f"list of {type_words(field.get('items', {}))}"
    if field.get("type") == "object" and isinstance(field.get("additionalProperties"), Mapping):
        return f"object of {type_words(field['additionalProperties'])}"
    return str(field.get("type", "anything"))


def llms_txt(given: ApiInput) -> str:
    """The index in the form of https://llmstxt.org: title, summary, sections of links."""
    at = Addresses(given.settings)

    def link(title: str, page: str, about: str = "") -> str:
        said = f": {_words(about)}" if about else ""
        return f"- [{_words(title)}]({at.of(page, LLMS)}){said}"

    def section(title: str, lines: Iterable[str]) -> str:
        return "\n".join([f"## {title}", "", *lines])

    reviews = sum(
        paper.review is not None and paper.review.state == "done" for paper in given.papers.values()
    )
    claims, figures = len(given.findings.judged), len(given.findings.results.rows)
    counts = f"{len(given.papers):,} papers, {reviews:,} reviews"
    if claims:
        counts += f", {claims:,} claims held against {figures:,} reported results"
    summary = f"> {_words(given.settings.description or 'A living survey.')} {counts}."
    branches = [branch for facet in given.facets for branch in walk(tuple(facet.branches))]
    papers = [given.views[key] for key in sorted(given.papers)]
    return (
        "\n\n".join(
            [
                f"# {_words(given.settings.title)}",
                summary,
                section(
                    "Data",
                    [
                        link("API", f"{ROOT}/index.json", "JSON with schemas; start here"),
                        link("About the API", PAGE, "every file and field"),
                        link("New papers", ALL, "Atom feed"),
                        link("What changed", CHANGES_FEED, "Atom feed"),
                    ],
                ),
                section(
                    "Pages",
                    [
                        link("Home", "index.md"),
                        link("Summary table", "survey.md"),
                        link("Taxonomy", "taxonomy.md"),
                        link("What changed", CHANGES),
                    ],
                ),
                section(
                    "Branches", [link(branch.title, branch.page, branch.description) for branch in branches]
                ),
                section(
                    "Papers",
                    [
                        link(
                            view.row.title,
                            view.row.page,
                            ", ".join(filter(None, (view.row.byline, view.row.published))),
                        )
                        for view in papers
                    ],
                ),
            ]
        )
        + "\n"
    )


def _words(text: str) -> str:
    """One line of text. Brackets and backslashes would end a link early, and a tag would be one."""
    return "".join(f"\\{each}" if each in "\\[]`<>*_" else each for each in visible(text))
