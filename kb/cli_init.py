"""`kb init`: a new survey in another field."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from kb.cli_parts import examples, json_option
from kb.errors import EXIT_OK


@click.command(
    epilog=examples(
        "kb init protein-models",
        'kb init protein-models --title "Protein language models" --arxiv-query \'ti:"protein language model"\' \\\n'
        '      --facet "Task: Structure, Function, Design"',
        "kb init . --merge          # into a repository that is there already",
    )
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--title", help="What the survey is called.  [default: made of DIR]")
@click.option(
    "--repository", metavar="URL", help="Where it will live: every page gets a link to edit its record."
)
@click.option("--zotero-group", type=int, metavar="NUMBER", help="The Zotero group that it is kept in.")
@click.option(
    "--arxiv-query",
    "arxiv_queries",
    multiple=True,
    metavar="QUERY",
    help="A saved search of arXiv; may be repeated.",
)
@click.option(
    "--list",
    "lists",
    multiple=True,
    metavar="OWNER/REPOSITORY",
    help="A curated list on GitHub; may be repeated.",
)
@click.option(
    "--facet",
    "facets",
    multiple=True,
    metavar='"TITLE: BRANCH, BRANCH"',
    help="A way of sorting, with its branches; may be repeated.  [default: topics, to be edited in taxonomy.yaml]",
)
@click.option(
    "--kb", "program", metavar="WHAT", help="What pip installs kb from.  [default: this version, by name]"
)
@click.option("--no-github", is_flag=True, help="No workflows and forms for GitHub.")
@click.option("--merge", is_flag=True, help="Add only files that are missing; what is there stays as it is.")
@json_option
@click.pass_obj
def init(
    state: Any,
    /,
    folder: Path,
    title: str | None,
    program: str | None,
    no_github: bool,
    merge: bool,
    as_json: bool,
    **told: Any,
) -> int:
    """Make a new survey in DIR: settings, taxonomy, schemas, README, Makefile, workflows. It syncs and builds at once.

    Nothing is overwritten: if a file is there already, nothing is written and kb says which. On a terminal, without any
    option, kb asks; everything can be changed later in kb.toml and taxonomy.yaml.

    Page templates, styles and the navigation are not copied: they come with kb, and a file of the same name under
    templates/ or site/ of the survey takes the place of one. kb classify proposes nothing in another field until
    kb classify train has learned from labels that people confirmed; headings of lists label papers through the
    aliases in taxonomy.yaml from the first sync on.
    """
    from kb.cli_output import count, say, say_json
    from kb.pipeline.init import NewSurvey
    from kb.pipeline.init import init as run

    asked = (
        title is None
        and not any(told.values())
        and not as_json
        and sys.stdin.isatty()
        and sys.stdout.isatty()
    )
    title = title or _title(folder)
    if asked:
        title, told = _ask(title)
    wanted = NewSurvey(title=title, github=not no_github, **told)
    if program is not None:
        wanted = NewSurvey(title=title, github=not no_github, program=program, **told)
    done = run(folder, wanted, merge=merge)
    if as_json:
        say_json({"folder": str(done.folder), "written": list(done.written), "kept": list(done.kept)})
        return EXIT_OK
    say(
        f"{folder}: {count(len(done.written), 'file')} written"
        + (f", {len(done.kept)} kept" if done.kept else "")
    )
    root = "kb" if folder == Path() else f"kb --root {shlex.quote(str(folder))}"
    say(f"next: edit {folder / 'taxonomy.yaml'}, then {root} schema --write; {root} sync; {root} build")
    return EXIT_OK


def _title(folder: Path) -> str:
    words = folder.resolve().name.replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:] or "A living survey"


def _ask(title: str) -> tuple[str, dict[str, Any]]:
    """What a new survey is about, asked on a terminal; an empty answer leaves a line out."""
    title = click.prompt("Title", default=title, err=True)
    group = click.prompt("Zotero group (its number, or nothing)", default="", show_default=False, err=True)
    query = click.prompt(
        'arXiv search (such as ti:"protein language model", or nothing)',
        default="",
        show_default=False,
        err=True,
    )
    facet = click.prompt(
        'How papers are sorted ("Task: Structure, Function", or nothing)',
        default="",
        show_default=False,
        err=True,
    )
    while group and not group.isdigit():
        group = click.prompt("A number, or nothing", default="", show_default=False, err=True)
    return title, {
        "repository": None,
        "zotero_group": int(group) if group else None,
        "arxiv_queries": (query,) if query else (),
        "lists": (),
        "facets": (facet,) if facet else (),
    }
