"""`kb taxonomy`: the terminal's side of changing the taxonomy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

import click

from kb.cli_parts import Sections, examples, json_option
from kb.errors import EXIT_OK
from kb.text import one_line

if TYPE_CHECKING:
    from kb.config import Config
    from kb.pipeline.retaxonomy import Retold, TaxonomyReport

_SHOWN = 20


class State(Protocol):
    """What the options before the command said."""

    def config(self) -> Config: ...


dry_option = click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")


@click.group(cls=Sections, epilog=examples("kb taxonomy report", "kb taxonomy rename --help"))
def taxonomy() -> None:
    """Change the branches that papers are sorted into; every label, heading and link comes along.

    A branch is named by its full id, such as smaller/quantization.
    """


@taxonomy.command(
    epilog=examples(
        "kb taxonomy rename faster/early-exit early-stopping",
        'kb taxonomy rename faster/early-exit early-stopping --title "Stopping early"',
    )
)
@click.argument("old")
@click.argument("new")
@click.option("--title", help="A new title; lists that use the old one are still understood.")
@dry_option
@json_option
@click.pass_obj
def rename(state: State, old: str, new: str, title: str | None, dry_run: bool, as_json: bool) -> int:
    """Give the branch OLD the id NEW."""
    from kb.pipeline import retaxonomy

    return _show(retaxonomy.rename(state.config(), old, new, title=title, dry_run=dry_run), as_json)


@taxonomy.command(epilog=examples("kb taxonomy merge faster/self-consistency faster/sampling --dry-run"))
@click.argument("gone")
@click.argument("into")
@dry_option
@json_option
@click.pass_obj
def merge(state: State, gone: str, into: str, dry_run: bool, as_json: bool) -> int:
    """Make the branch GONE part of INTO, with its papers, sub-branches and list headings."""
    from kb.pipeline import retaxonomy

    return _show(retaxonomy.merge(state.config(), gone, into, dry_run=dry_run), as_json)


@taxonomy.command(epilog=examples("kb taxonomy move smaller/architecture faster"))
@click.argument("branch")
@click.argument("parent")
@dry_option
@json_option
@click.pass_obj
def move(state: State, branch: str, parent: str, dry_run: bool, as_json: bool) -> int:
    """Put BRANCH under PARENT: another branch, or the facet's id for its top."""
    from kb.pipeline import retaxonomy

    return _show(retaxonomy.move(state.config(), branch, parent, dry_run=dry_run), as_json)


@taxonomy.command(
    epilog=examples(
        'kb taxonomy split smaller/quantization ptq="Post-Training Quantization" qat',
        "kb taxonomy split faster/sampling early-rejection --beside",
    )
)
@click.argument("branch")
@click.argument("into", nargs=-1, required=True, metavar="ID[=TITLE]...")
@click.option("--beside", is_flag=True, help="Make them beside BRANCH, not under it.")
@dry_option
@json_option
@click.pass_obj
def split(
    state: State, branch: str, into: tuple[str, ...], beside: bool, dry_run: bool, as_json: bool
) -> int:
    """Make new branches under BRANCH, and list the papers that a person has to sort into them.

    No label moves by itself, save those of lists whose heading is the title of a new branch.
    """
    from kb.pipeline import retaxonomy

    pairs = [(slug, title or None) for slug, _, title in (one.partition("=") for one in into)]
    return _show(retaxonomy.split(state.config(), branch, pairs, beside=beside, dry_run=dry_run), as_json)


@taxonomy.command(epilog=examples("kb taxonomy migrate"))
@dry_option
@json_option
@click.pass_obj
def migrate(state: State, dry_run: bool, as_json: bool) -> int:
    """Bring labels along that still name old branches: after a killed run, a merge in git, an edit by hand."""
    from kb.pipeline import retaxonomy

    return _show(retaxonomy.migrate(state.config(), dry_run=dry_run), as_json)


@taxonomy.command(epilog=examples("kb taxonomy report", "kb taxonomy report --json"))
@json_option
@click.pass_obj
def report(state: State, as_json: bool) -> int:
    """Show branches without papers, papers that fit nowhere, and list headings that no branch claims."""
    from kb.pipeline import retaxonomy

    found = retaxonomy.report(state.config())
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
    else:
        _print_report(found)
    return EXIT_OK


def _show(retold: Retold, as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps(_plain(retold), indent=1, ensure_ascii=False))
        return EXIT_OK
    if retold.dry_run:
        click.echo(retold.diff, nl=False)
    for old, new in retold.moved.items():
        click.echo(f"{old} is now {new}")
    if retold.made:
        click.echo(f"new: {', '.join(retold.made)}; describe them in taxonomy.yaml")
    for note in retold.notes:
        click.echo(f"edit by hand: {note}")
    verb = "would change" if retold.dry_run else "changed"
    nothing = not (retold.moved or retold.made or retold.records or retold.diff or retold.files_changed)
    click.echo("nothing to do" if nothing else f"{len(retold.records)} records {verb}")
    if retold.to_sort:
        asks = f"; kb triage --branch {retold.branch} asks about them" if retold.branch else ""
        click.echo(f"{len(retold.to_sort)} records want a person, and only these{asks}:")
        _print_some(retold.to_sort)
    return EXIT_OK


def _plain(retold: Retold) -> dict[str, Any]:
    return asdict(retold)


def _print_some(names: Sequence[str]) -> None:
    for name in names[:_SHOWN]:
        click.echo(f"  {one_line(name)}")
    if len(names) > _SHOWN:
        click.echo(f"  and {len(names) - _SHOWN} more; --json lists all")


def _print_report(found: TaxonomyReport) -> None:
    parts: list[tuple[str, Sequence[str]]] = [
        ("branches without a paper", found.empty),
        ("papers in no branch at all", found.unlabelled),
        *((f"papers without a place in {facet}", keys) for facet, keys in found.nowhere.items()),
        ("labels that name no branch", [f"{b}: {', '.join(keys[:5])}" for b, keys in found.unknown.items()]),
        ("headings of lists that no branch claims", [f"{name} ({n})" for name, n in found.headings.items()]),
        ("headings that two branches claim", [f"{n}: {', '.join(ids)}" for n, ids in found.shared.items()]),
    ]
    for title, names in parts:
        click.echo(f"{title}: {len(names)}")
        _print_some(names)
