"""`kb graph`: the map of papers, what is like what, and who cites whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from kb.cli_parts import Sections, examples, json_option, say, say_json
from kb.errors import EXIT_OK, UsageError


@click.group(cls=Sections, epilog=examples("kb graph update", "kb graph show liu2025quantization"))
def graph() -> None:
    """The map of papers, which papers are alike, who cites whom, and whose method was measured by whom."""


@graph.command(
    epilog=examples("kb graph update", "kb graph update --dry-run", "kb graph update --layout   # seldom")
)
@click.option("--layout", is_flag=True, help="Lay all papers out anew, turned to lie much as they lay.")
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@json_option
@click.pass_obj
def update(state: Any, layout: bool, dry_run: bool, as_json: bool) -> int:
    """Give new and changed papers their place on the map and their similar papers: papers/_map.jsonl.

    Papers keep their places; a new one is put among those most like it. A line that was made from an abstract is not made
    anew where the abstract is missing. A second run changes nothing, and needs no model.
    """
    from kb.cli_output import SyncProgress
    from kb.pipeline.graph import update_map

    with SyncProgress(quiet=as_json) as progress:
        report = update_map(
            state.config(),
            fresh=layout,
            dry_run=dry_run,
            progress=lambda done, total: progress("embedding", done, total),
        )
    if as_json:
        say_json(vars(report))
    else:
        say(str(report))
    return EXIT_OK


@graph.command(epilog=examples("kb graph evaluate", "kb graph evaluate --no-write --json"))
@click.option("--write/--no-write", default=True, help="Keep the figures in benchmarks/.")
@json_option
@click.pass_obj
def evaluate(state: Any, write: bool, as_json: bool) -> int:
    """Measure whether similar papers stand in the same branch, and how much of a neighbourhood the map keeps."""
    from kb.cli_output import SyncProgress
    from kb.pipeline import graph_quality as run

    config = state.config()
    with SyncProgress(quiet=as_json) as progress:
        found = run.measure(config, progress=lambda done, total: progress("embedding", done, total))
    if write:
        run.write_figures(config, found)
    if as_json:
        say_json(found)
    else:
        say(run.markdown(found))
    return EXIT_OK


@graph.command(
    epilog=examples("kb graph picture --out map.svg", "kb graph picture | rsvg-convert -f pdf > map.pdf")
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write this file [default: print]."
)
@click.pass_obj
def picture(state: Any, out: Path | None) -> int:
    """The map of papers as SVG with a legend, for a paper or a talk. The site has the same file: graph/map.svg."""
    from kb.pipeline.graph import picture as made
    from kb.records.files import write_atomic

    text = made(state.config())
    if out is None:
        click.echo(text.encode("utf-8"), nl=False)
    elif write_atomic(out, text):
        say(f"written to {out}")
    else:
        say(f"{out} is current")
    return EXIT_OK


@graph.command(
    epilog=examples("kb graph show liu2025quantization", "kb graph show liu2025quantization --json")
)
@click.argument("key")
@json_option
@click.pass_obj
def show(state: Any, key: str, as_json: bool) -> int:
    """What a paper is connected with: similar papers, citations, figures of methods."""
    from kb.pipeline.graph import connections
    from kb.pipeline.results import open_results
    from kb.pipeline.store import open_library
    from kb.records.taxonomy import load_taxonomy

    config = state.config()
    library = open_library(config)
    if key not in library:
        raise UsageError(f"{key!r} is no record", fix="kb list WORDS finds its key")
    found = connections(
        config, library, load_taxonomy(config.taxonomy_path), open_results(config, library), key
    )
    if as_json:
        say_json(found)
        return EXIT_OK
    for title, lines in found.items():
        for line in lines:
            told = "; ".join(str(value) for name, value in line.items() if name != "paper" and value != [])
            say(f"{title}: {line['paper']}{f' ({told})' if told else ''}")
    return EXIT_OK
