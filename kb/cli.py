"""The `kb` command: parse, call the pipeline, print, exit with the code that errors.py gives."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from kb import __version__
from kb.cli_audit import audit
from kb.cli_claims import claims, gaps
from kb.cli_classify import classify
from kb.cli_decide import accept, candidates, different, reject, resolve, same, unmerge
from kb.cli_eval import eval_
from kb.cli_export import export
from kb.cli_freeze import freeze
from kb.cli_github import diff, from_issue
from kb.cli_graph import graph
from kb.cli_init import init
from kb.cli_parts import Sections, examples, json_option, say, say_json
from kb.cli_predict import predict
from kb.cli_read import check, list_, show
from kb.cli_records import fmt, merge_driver, schema
from kb.cli_results import results
from kb.cli_survey import survey
from kb.cli_sync import import_, new, sync
from kb.cli_taxonomy import taxonomy
from kb.cli_triage import triage
from kb.cli_week import week
from kb.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    KbError,
)

if TYPE_CHECKING:
    from kb.config import Config

# The pipeline and what it stands on are imported by the commands that need them: `kb --help` stays instant.


class _State:
    """What the options before the command said."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def config(self) -> Config:
        from kb.config import load_config

        return load_config(self.root.resolve())


_MOST_ERRORS = 20
pass_state = click.make_pass_decorator(_State)


class _ReaderGoneError(Exception):
    """`kb list | head`: who read our output has gone. Click would make an exit code of 1 of it."""


class _Commands(Sections):
    sections: ClassVar = {
        "Beginning": ("init",),
        "Getting papers": ("sync", "import", "new", "from-issue"),
        "Deciding": ("triage", "candidates", "accept", "reject", "same", "different", "unmerge", "resolve"),
        "Editing": ("fmt", "schema", "merge-driver"),
        "Reading": ("week", "list", "show", "check", "diff", "audit"),
        "Sorting": ("taxonomy", "classify", "graph"),
        "Measuring": ("eval", "results", "claims", "gaps", "predict"),
        "The survey": ("survey", "export", "freeze"),
        "The site": ("build", "serve"),
    }

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _ReaderGoneError from None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples("kb sync", "kb list quantization", "kb check && kb build"),
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The knowledge base [default: here].",
)
@click.option(
    "-v", "--verbose", count=True, help="Log what the libraries do to stderr; -vv logs every request."
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(__version__, prog_name="kb")
@click.pass_context
def cli(context: click.Context, root: Path, verbose: int, debug: bool) -> None:
    """A living survey that checks itself.

    Papers come from Zotero, arXiv and curated lists (kb sync), become one YAML record each under papers/, and are
    rendered into a site (kb build). People edit the records; a sync never overwrites what a person wrote.
    """
    if verbose:
        level = logging.INFO if verbose == 1 else logging.DEBUG
        logging.basicConfig(level=level, stream=sys.stderr, force=True)
    context.obj = _State(root)


# Rendering


@cli.command(epilog=examples("kb build", "kb build --clean"))
@click.option("--clean", is_flag=True, help="Build every page again.")
@json_option
@pass_state
def build(state: _State, clean: bool, as_json: bool) -> int:
    """Render records, taxonomy and hand-written pages into build/site. Never uses the network."""
    from kb.cli_output import build_json, print_build
    from kb.pipeline.build import build as run

    report = run(state.config(), clean=clean)
    if as_json:
        say_json(build_json(report))
    else:
        print_build(report)
    return EXIT_OK


@cli.command(epilog=examples("kb serve", "kb serve --port 8001"))
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@pass_state
def serve(state: _State, port: int) -> int:
    """Preview the site on this machine; it is built again when a record changes."""
    from kb.pipeline.build import serve as run

    run(state.config(), port=port)
    return EXIT_OK


for _command in (
    init,
    *(sync, import_, new, from_issue),
    *(triage, candidates, accept, reject, same, different, unmerge, resolve),
    *(fmt, schema, merge_driver),
    *(week, list_, show, check, diff, audit),
    *(taxonomy, classify, graph),
    *(eval_, results, claims, gaps, predict),
    *(survey, export, freeze),
):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `kb` and return its exit code. Every failure is one line on stderr, without a traceback unless --debug."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    try:
        result = cli.main(args=arguments, prog_name="kb", standalone_mode=False)
        return result if isinstance(result, int) else EXIT_OK
    except (KeyboardInterrupt, click.Abort):
        click.echo("kb: interrupted; nothing half-written is left", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except KbError as error:
        if debug:
            say(traceback.format_exc(), err=True)
        say(f"kb: {error}", err=True)
        for other in error.others[:_MOST_ERRORS]:
            say(f"kb: {other}", err=True)
        if len(error.others) > _MOST_ERRORS:
            say(f"kb: and {len(error.others) - _MOST_ERRORS} more; kb check lists all", err=True)
        return error.exit_code
    except _ReaderGoneError:
        with suppress(OSError, ValueError), open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or Python complains when it flushes at the end
        return EXIT_OK
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug is one line too
        if debug:
            say(traceback.format_exc(), err=True)
        fix = "report it, with what --debug prints"
        say(f"kb: a bug in kb: {type(error).__name__}: {error} (fix: {fix})".replace("\n", " "), err=True)
        return EXIT_BUG


def run() -> None:
    """Entry point of the console script."""
    sys.exit(main())
