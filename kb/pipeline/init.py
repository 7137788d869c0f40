"""`kb init`: a new survey in any field, which syncs and builds at once. It holds only what is its own: settings, taxonomy, schemas.

Page templates and the frame of the site come with kb (see `kb.pipeline.packaged`), so that a newer kb improves them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

import kb
from kb import __version__
from kb.config import load_config
from kb.errors import UsageError
from kb.export.markdown import escape_markdown
from kb.pipeline.init_facets import facets_told, slug, unique
from kb.pipeline.installed import DISTRIBUTION, constraints
from kb.pipeline.packaged import GITHUB, files_under, packaged
from kb.pipeline.schemas import FOLDER, schema_texts
from kb.records.files import read_utf8, write_all
from kb.records.taxonomy import parse_taxonomy

STARTER = Path(kb.__file__).parent / "starter"
# Where each file of the starter goes.
_FILES = {
    "kb.toml.j2": "kb.toml",
    "taxonomy.yaml.j2": "taxonomy.yaml",
    "README.md.j2": "README.md",
    "Makefile": "Makefile",
    "gitignore": ".gitignore",
    "gitattributes": ".gitattributes",
    "editorconfig": ".editorconfig",
    "extensions.json": ".vscode/extensions.json",
}
OF_KB_ITSELF = "# of kb itself"
"""In one of the first lines of a file under .github: it is about the program, and no survey gets it."""


@dataclass(frozen=True)
class NewSurvey:
    """What a new survey is about.

    Attributes:
        facets: "Title: Branch, Branch", the survey's own ways of sorting.
        arxiv_queries: saved searches in arXiv's language.
        lists: owner/repository of curated lists on GitHub.
        program: what pip installs kb from.
        github: whether it gets workflows and forms for GitHub.
    """

    title: str
    repository: str | None = None
    zotero_group: int | None = None
    arxiv_queries: Sequence[str] = ()
    lists: Sequence[str] = ()
    facets: Sequence[str] = ()
    program: str = f"{DISTRIBUTION}=={__version__}"
    github: bool = True


@dataclass(frozen=True)
class Started:
    """What was written, and what was there and left alone."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...] = field(default=())


def init(folder: Path, new: NewSurvey, *, merge: bool = False) -> Started:
    """Write a new survey into `folder`.

    Args:
        merge: where files of the same names are there, leave them alone and add the others.

    Raises:
        UsageError: a title, group, query, list or facet cannot be; files are there already, and `merge` was not asked for.
        KbError: the folder cannot be written.
    """
    texts = _texts(new)
    if folder.exists() and not folder.is_dir():
        raise UsageError("is no folder", file=folder, fix="name another one")
    for name in texts:
        _stays_inside(folder, name)
    there = tuple(sorted(name for name in texts if _is_there(folder / name)))
    if there and not merge:
        shown = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        raise UsageError(
            f"holds {shown} already",
            file=folder,
            fix="--merge adds only the files that are missing; or name another folder",
        )
    fresh = {name: text for name, text in texts.items() if name not in there}
    write_all((folder / name, text) for name, text in fresh.items())
    config = load_config(folder.resolve(), {})
    schemas = {f"{FOLDER}/{name}.json": text for name, text in schema_texts(config).items()}
    missing = {name: text for name, text in schemas.items() if not _is_there(folder / name)}
    write_all((folder / name, text) for name, text in missing.items())
    return Started(
        folder, tuple(sorted([*fresh, *missing])), tuple(sorted([*there, *(schemas.keys() - missing.keys())]))
    )


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _stays_inside(folder: Path, name: str) -> None:
    """A link to a folder elsewhere is nothing to write through."""
    for parent in list((folder / name).parents)[: name.count("/")]:
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            raise UsageError(
                "is no folder of its own",
                file=parent,
                fix="remove the link or the file, or name another folder",
            )


def _texts(new: NewSurvey) -> dict[str, str]:
    """Every file but the schemas, by its path."""
    _check(new)
    facets = facets_told(new.facets)
    values: dict[str, Any] = {
        "title": new.title,
        "repository": new.repository,
        "zotero_group": new.zotero_group,
        "arxiv_queries": [
            {"name": name, "query": query}
            for name, query in zip(_names(new.arxiv_queries), new.arxiv_queries, strict=True)
        ],
        "lists": [
            {"name": name, "url": f"https://raw.githubusercontent.com/{name}/HEAD/README.md"}
            for name in new.lists
        ],
        "facets": facets,
        "example": facets[0].branches[0].id,
        "sources": _sources(new),
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(STARTER),
        autoescape=False,  # noqa: S701 - TOML, YAML and Markdown: every value passes a filter of ours
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"quoted": _quoted, "slug": _slug_text, "markdown": escape_markdown}
    texts = {
        path: environment.get_template(name).render(values)
        if name.endswith(".j2")
        else read_utf8(STARTER / name)
        for name, path in _FILES.items()
    }
    parse_taxonomy(texts["taxonomy.yaml"], file="taxonomy.yaml")
    pinned = constraints()
    texts["requirements.txt"] = ("-c constraints.txt\n" if pinned else "") + f"{new.program}\n"
    if pinned:
        texts["constraints.txt"] = (
            f"# What kb {__version__} stood on when this survey was made: an install is the same again.\n{pinned}"
        )
    if new.github:
        texts |= github_files()
    return texts


def github_files() -> dict[str, str]:
    """Workflows and forms that every survey can use, by their path."""
    root = packaged() / GITHUB
    found: dict[str, str] = {}
    for path in files_under(root):
        text = read_utf8(path)
        if OF_KB_ITSELF not in "\n".join(text.split("\n")[:5]):
            found[f"{GITHUB}/{path.relative_to(root).as_posix()}"] = text
    return found


def _check(new: NewSurvey) -> None:
    """Raise if something cannot stand in kb.toml."""
    if not new.title.strip() or not new.title.isprintable():
        raise UsageError(f"{new.title!r} is no title", fix="one line of text")
    if not new.program.strip() or not new.program.isprintable() or new.program.startswith("-"):
        raise UsageError(
            f"--kb: {new.program!r} is nothing that pip installs",
            fix=f"such as {DISTRIBUTION}=={__version__}",
        )
    if new.zotero_group is not None and new.zotero_group < 1:
        raise UsageError(
            f"--zotero-group: {new.zotero_group} is no group", fix="the number in the group's address"
        )
    for query in new.arxiv_queries:
        if not query.strip() or not query.isprintable():
            raise UsageError(
                f"--arxiv-query: {query!r} is no query", fix='such as ti:"protein language model"'
            )
    for name in new.lists:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9._-]+", name):
            raise UsageError(f"--list: {name!r} is no repository on GitHub", fix="owner/repository")
    for option, values in (("--list", new.lists), ("--arxiv-query", new.arxiv_queries)):
        if len(set(values)) < len(values):
            raise UsageError(f"{option}: one stands there twice", fix="leave one out")


def _quoted(text: str) -> str:
    """Text in double quotes, as TOML, YAML and JSON read it alike."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


# Words that some YAML readers take for a truth or for nothing.
_AMBIGUOUS = frozenset("y n yes no on off true false null".split())


def _slug_text(slug: str) -> str:
    return _quoted(slug) if slug in _AMBIGUOUS else slug


def _names(queries: Iterable[str]) -> list[str]:
    """A name for each query, from the first words in it."""
    taken: set[str] = set()
    return [
        unique(
            slug(re.sub(r"\b(?:ti|abs|au|cat|all|co|jr|rn):|\b(?:AND|OR|ANDNOT)\b", " ", query)),
            "query",
            taken,
        )
        for query in queries
    ]


def _sources(new: NewSurvey) -> str:
    named = {
        "a Zotero group": new.zotero_group is not None,
        "arXiv": True,
        "curated lists": bool(new.lists),
    }
    *most, last = [name for name, there in named.items() if there]
    return f"{', '.join(most)} and {last}" if most else last
