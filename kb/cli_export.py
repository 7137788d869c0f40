"""`kb export`: the survey in other people's formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kb.cli_parts import Sections, examples, json_option
from kb.errors import EXIT_OK, EXIT_PARTIAL

if TYPE_CHECKING:
    from kb.pipeline.query import Query

F = TypeVar("F", bound=Callable[..., Any])
# Those of kb.export.EXPORTS, which `kb --help` must not load (a test holds them together), and the awesome list.
FORMATS = {
    "bibtex": ("BibTeX, as classic styles and pdfLaTeX read it.", ".bib"),
    "biblatex": ("BibLaTeX for biber: full dates, eprint types, Unicode.", ".bib"),
    "csl-json": ("CSL-JSON, for Pandoc, Zotero, Quarto and citeproc.", ".json"),
    "ris": ("RIS, for EndNote, Mendeley and Zotero.", ".ris"),
    "csv": ("A table of all facts, a row a paper, for spreadsheets.", ".csv"),
    "awesome": ("An awesome list: a section a branch, with badges.", ".md"),
}
_NOTES = {
    "bibtex": "Greek letters and mathematical signs become commands; Chinese and Hebrew titles want LuaLaTeX.",
    "csv": "A cell that a spreadsheet would take for a formula has an apostrophe in front; one that was there already is "
    'doubled. Lists in a cell are joined by "; ". Encoding is UTF-8: in Excel, import it as such.',
    "awesome": "A paper stands where a person confirmed it, else where lists put it, else where the classifier would.",
}


class _Formats(Sections):
    sections = {  # noqa: RUF012 - as in its base
        "References": ("bibtex", "biblatex", "csl-json", "ris", "csv"),
        "Markdown": ("readme", "awesome"),
        "Pictures": ("figures",),
    }


def _filters(command: F) -> F:
    """The options that choose records, as `kb list` has them."""
    for option in reversed(
        (
            click.argument("words", nargs=-1),
            click.option("--branch", help="In this branch or below it."),
            click.option("--year", type=int),
            click.option("--author", help="An author's name, or part of it."),
            click.option("--venue", help="A venue, or part of it."),
            click.option("--review", type=click.Choice(["none", "stub", "draft", "done"])),
            click.option("--state", "publication", type=click.Choice(["preprint", "published", "withdrawn"])),
            click.option("--has-code", is_flag=True),
            click.option(
                "--confirmed", is_flag=True, help="With --branch: only where a person confirmed the label."
            ),
        )
    ):
        command = option(command)
    return command


def _query(filters: dict[str, Any]) -> Query:
    from kb.pipeline.query import Query

    return Query(**filters)


@click.group(
    cls=_Formats,
    epilog=examples(
        "kb export bibtex --out references.bib",
        "kb export csl-json --branch smaller/quantization --year 2025 > quantization.json",
        "kb export ris early exit --has-code",
        "kb export readme --into README.md",
    ),
)
def export() -> None:
    """The survey in other people's formats.

    An entry's key is the record's key, for ever. Records come in the order of their keys: all of them, or those whose title
    holds all WORDS and that pass every filter.
    """


def _add(name: str) -> None:
    about, suffix = FORMATS[name]

    @export.command(
        name,
        help="\n\n".join(filter(None, [about, _NOTES.get(name)])),
        short_help=about,
        epilog=examples(
            f"kb export {name} --out survey{suffix}", f"kb export {name} --branch smaller --year 2025 | head"
        ),
    )
    @_filters
    @click.option(
        "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write this file [default: print]."
    )
    @click.pass_obj
    def run(state: Any, /, out: Path | None, **filters: Any) -> int:
        from kb.cli_output import count, say
        from kb.pipeline import export as pipeline

        made = pipeline.export(state.config(), name, _query(filters))
        if out is None:
            click.echo(made.text.encode("utf-8"), nl=False)
            if not made.papers:
                say("no record passes these filters", err=True)
        elif pipeline.write_export(made, out):
            say(f"{count(made.papers, 'paper')} written to {out}")
        else:
            say(f"{count(made.papers, 'paper')}; {out} is current")
        return EXIT_OK


for _name in FORMATS:
    _add(_name)


@export.command(
    epilog=examples(
        "kb export readme --into README.md",
        "kb export readme --into README.md --branch smaller --review done",
        "kb export readme --into README.md --check   # exit code 7 if it is not current",
    )
)
@_filters
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The Markdown file to write into.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit code 7 if the block is not current.")
@json_option
@click.pass_obj
def readme(state: Any, /, into: Path, check: bool, as_json: bool, **filters: Any) -> int:
    """Summary table, reviews and themes, between two markers in a Markdown file.

    The markers are lines of their own, once in the file; what stands around them is never touched:

    \b
      <!-- kb export readme -->
      <!-- /kb export readme -->

    In the block are the papers that have a review card, in the order in which they appeared. Themes are the sections of
    site/docs/themes.md. A second run changes nothing.
    """
    from kb.cli_output import count, say, say_json
    from kb.pipeline.export import fill_readme

    done = fill_readme(state.config(), into, _query(filters), check=check)
    if as_json:
        say_json(
            {
                "file": str(into),
                "papers": done.papers,
                "current": done.current,
                "written": not (done.current or check),
            }
        )
    elif done.current:
        say(f"{count(done.papers, 'reviewed paper')}; {into} is current")
    elif check:
        say(f"{into} is not current: kb export readme --into {into}")
    else:
        say(f"{count(done.papers, 'reviewed paper')} written into {into}")
    return EXIT_PARTIAL if check and not done.current else EXIT_OK


@export.command(
    epilog=examples(
        "kb export figures --out paper/figures",
        "kb export figures drop-bits timeline --out paper/figures",
        "kb export figures --out paper/figures --json",
    )
)
@click.argument("names", nargs=-1)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write into; made if it is not there.",
)
@json_option
@click.pass_obj
def figures(state: Any, /, names: tuple[str, ...], out: Path, as_json: bool) -> int:
    """The site's pictures as SVG for a paper, each with its figures as CSV.

    All of them, or those with these NAMES: timeline, taxonomy-direction, four-bits, drop-bits, memory, coverage and others, as
    the site's page "Pictures" lists them. A picture is the same as on its page, on white, in colours that keep apart for
    colour-blind readers. For LaTeX, Inkscape or rsvg-convert make PDF of it.
    """
    from kb.cli_output import count, say, say_json
    from kb.pipeline.export import figure_files, write_figures

    files = figure_files(state.config(), names)
    written = write_figures(files, out)
    if as_json:
        say_json({"folder": str(out), "files": sorted(files), "written": written})
    else:
        say(f"{count(len(files), 'file')} in {out}, {written} of them new or changed")
    return EXIT_OK
