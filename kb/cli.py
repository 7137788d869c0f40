"""The `kb` command: parse, call the pipeline, print, exit with the code that errors.py gives."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from kb import __version__
from kb.cli_audit import audit
from kb.cli_claims import claims, gaps
from kb.cli_classify import classify
from kb.cli_eval import eval_
from kb.cli_export import export
from kb.cli_parts import Sections, examples, json_option
from kb.cli_predict import predict
from kb.cli_records import fmt, merge_driver, schema
from kb.cli_results import results
from kb.cli_survey import survey
from kb.cli_taxonomy import taxonomy
from kb.cli_triage import triage
from kb.errors import (
    EXIT_BUG,
    EXIT_DATA,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_USAGE,
    ConfigError,
    KbError,
    UsageError,
)

if TYPE_CHECKING:
    from kb.config import Config
    from kb.pipeline.sync import SyncReport

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
who = click.option("--by", envvar="KB_PERSON", help="Your name, stored with the decision [env: KB_PERSON].")


def _say(text: str, *, err: bool = False) -> None:
    from kb.cli_output import say

    say(text, err=err)


def _say_json(data: Any) -> None:
    from kb.cli_output import say_json

    say_json(data)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


class _ReaderGoneError(Exception):
    """`kb list | head`: who read our output has gone. Click would make an exit code of 1 of it."""


class _Commands(Sections):
    sections: ClassVar = {
        "Getting papers": ("sync", "import", "new"),
        "Deciding": ("triage", "candidates", "accept", "reject", "same", "different", "unmerge", "resolve"),
        "Editing": ("fmt", "schema", "merge-driver"),
        "Reading": ("list", "show", "check", "audit"),
        "Sorting": ("taxonomy", "classify"),
        "Measuring": ("eval", "results", "claims", "gaps", "predict"),
        "The survey": ("survey", "export"),
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
    """A living survey of efficient reasoning in language models that checks itself.

    Papers come from Zotero, arXiv and curated lists (kb sync), become one YAML record each under papers/, and are
    rendered into a site (kb build). People edit the records; a sync never overwrites what a person wrote.
    """
    if verbose:
        level = logging.INFO if verbose == 1 else logging.DEBUG
        logging.basicConfig(level=level, stream=sys.stderr, force=True)
    context.obj = _State(root)


# Getting papers


@cli.command(
    epilog=examples(
        "kb sync",
        "kb sync zotero lists",
        "kb sync arxiv --dry-run",
        "KB_ARXIV_BASE_URL=http://127.0.0.1:8000 kb sync arxiv",
    )
)
@click.argument("sources", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@click.option(
    "--allow-removals", is_flag=True, help="Go on although a source lost an unusual share of its papers."
)
@json_option
@pass_state
def sync(state: _State, sources: tuple[str, ...], dry_run: bool, allow_removals: bool, as_json: bool) -> int:
    """Bring papers/ up to date with SOURCES: zotero, arxiv, lists, or one list by name; all of them by default.

    Exit codes: 0 all well, 4 a source failed, 5 not authorised, 6 another kb is writing, 7 something was incomplete.
    """
    from kb.cli_output import SyncProgress, print_sync, sync_json
    from kb.pipeline.sync import sync as run

    with SyncProgress(quiet=as_json) as progress:
        report = run(
            state.config(),
            sources,
            dry_run=dry_run,
            allow_removals=allow_removals,
            progress=progress,
            done=progress.finished,
        )
    return _end_sync(report, as_json, print_sync, sync_json)


def _end_sync(
    report: SyncReport,
    as_json: bool,
    show: Callable[[SyncReport], None],
    plain: Callable[[SyncReport], dict[str, Any]],
) -> int:
    if as_json:
        _say_json(plain(report))
    else:
        show(report)
    return report.exit_code


@cli.command(
    "import",
    epilog=examples(
        "kb import bibtex refs.bib",
        "kb import awesome_list README.md --name owner/repository --create",
        "kb import daily_papers daily-papers.txt",
    ),
)
@click.argument("source")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", help="For a list: the name that its labels carry [default: the file's name].")
@click.option(
    "--create/--candidates", "creates", default=None, help="Make records, or only propose candidates."
)
@click.option(
    "--keep-notes/--no-notes", "keep_notes", default=None, help="For a list of your own: store its remarks."
)
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@json_option
@pass_state
def import_(
    state: _State,
    source: str,
    file: Path,
    name: str | None,
    creates: bool | None,
    keep_notes: bool | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Read papers from FILE as SOURCE: awesome_list, daily_papers, survey_readme or bibtex."""
    from kb.cli_output import print_result, print_sync, sync_json
    from kb.pipeline.sync import import_file

    report = import_file(
        state.config(), source, file, name=name, creates=creates, keep_notes=keep_notes, dry_run=dry_run
    )
    if not as_json:
        for result in report.results:
            print_result(result)
    return _end_sync(report, as_json, print_sync, sync_json)


@cli.command(epilog=examples("kb new 2504.04823", "kb new https://arxiv.org/abs/2504.10903"))
@click.argument("arxiv_id_or_url")
@pass_state
def new(state: _State, arxiv_id_or_url: str) -> int:
    """Make a record for one arXiv paper, with arXiv's metadata."""
    from kb.cli_output import SyncProgress
    from kb.pipeline import edit

    with SyncProgress() as progress:
        done = edit.new(state.config(), arxiv_id_or_url, progress)
    _say(done.message)
    return EXIT_OK


# Deciding


@cli.command(
    epilog=examples(
        "kb candidates",
        "kb candidates --state candidate --sort relevance",
        "kb candidates --state suspicious --json",
    )
)
@click.option(
    "--state", "wanted", type=click.Choice(["candidate", "unresolved", "suspicious"]), help="Only these."
)
@click.option("--sort", type=click.Choice(["name", "relevance"]), default="name", show_default=True)
@json_option
@pass_state
def candidates(state: _State, wanted: str | None, sort: str, as_json: bool) -> int:
    """List what sources named and no record holds: candidates, unresolved titles, suspicious pairs.

    `relevance` says how likely a work belongs in the survey, as the last `kb classify apply` saw it. Sorted by it, works
    that it has not seen come first.
    """
    from kb.cli_output import print_candidates
    from kb.pipeline.relevance import load_relevance
    from kb.records.candidates import load_candidates

    config = state.config()
    relevance = load_relevance(config)
    found = [c for c in load_candidates(config.candidates_path) if wanted in (None, c.state.value)]
    if sort == "relevance":
        found.sort(key=lambda c: -relevance.get(c.id, 1.01))
    if as_json:
        _say_json([{**c.model_dump(mode="json"), "relevance": relevance.get(c.id)} for c in found])
    else:
        print_candidates(found, relevance)
    return EXIT_OK


@cli.command(
    epilog=examples("kb accept c-1a2b3c4d", "kb accept 2504.04823", "kb accept --all --source daily_papers")
)
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every candidate that is known well enough.")
@click.option("--source", help="With --all: only what this source named.")
@pass_state
def accept(state: _State, ids: tuple[str, ...], everything: bool, source: str | None) -> int:
    """Make records of candidates, named by their id or an identifier of the paper."""
    from kb.pipeline import edit
    from kb.records.candidates import load_candidates

    config = state.config()
    if everything:
        waiting = [c for c in load_candidates(config.candidates_path) if c.state.value == "candidate"]
        ids = tuple(
            c.id for c in waiting if source is None or any(ref.split(" ")[0] == source for ref in c.seen_in)
        )
    if not ids:
        raise UsageError(
            "no candidate is named", fix="kb candidates lists them; kb accept ID, or kb accept --all"
        )
    _say(edit.accept(config, ids).message)
    return EXIT_OK


@cli.command(
    epilog=examples(
        'kb reject c-1a2b3c4d --reason "not about language models"',
        "kb reject liu2025quantization --reason duplicate",
    )
)
@click.argument("name")
@click.option("--reason", required=True, help="Why; it is stored and shown.")
@who
@pass_state
def reject(state: _State, name: str, reason: str, by: str | None) -> int:
    """Keep a candidate, or the paper of a record, out for good. A rejected paper never returns."""
    from kb.pipeline import edit

    _say(edit.reject(state.config(), name, reason=reason, by=by, date=_today()).message)
    return EXIT_OK


@cli.command(
    epilog=examples("kb same liu2025quantization liu2025empirical", "kb same c-1a2b3c4d liu2025quantization")
)
@click.argument("a")
@click.argument("b")
@who
@pass_state
def same(state: _State, a: str, b: str, by: str | None) -> int:
    """Say that A and B (records, or a record and a waiting entry) are one work; the record A stays."""
    from kb.pipeline import edit

    _say(edit.same(state.config(), a, b, by=by, date=_today()).message)
    return EXIT_OK


@cli.command(epilog=examples("kb different c-1a2b3c4d liu2025quantization"))
@click.argument("a")
@click.argument("b")
@who
@pass_state
def different(state: _State, a: str, b: str, by: str | None) -> int:
    """Say that A and B are two works, whatever their titles and identifiers suggest."""
    from kb.pipeline import edit

    _say(edit.different(state.config(), a, b, by=by, date=_today()).message)
    return EXIT_OK


@cli.command(epilog=examples("kb unmerge liu2025empirical"))
@click.argument("key")
@pass_state
def unmerge(state: _State, key: str) -> int:
    """Undo a merge: the record KEY comes back byte for byte."""
    from kb.pipeline import edit

    _say(edit.unmerge(state.config(), key).message)
    return EXIT_OK


@cli.command(
    epilog=examples(
        "kb resolve liu2025quantization title --mine", "kb resolve liu2025quantization venue --theirs"
    )
)
@click.argument("key")
@click.argument("field")
@click.option(
    "--mine/--theirs", "mine", default=None, help="The record is right, or the sources are. One must be said."
)
@pass_state
def resolve(state: _State, key: str, field: str, mine: bool | None) -> int:
    """Settle a field that both a person and the sources changed."""
    from kb.pipeline import edit

    if mine is None:  # click's own `required` lets a flag with two names pass
        raise UsageError("who is right?", fix="--mine keeps the record's value, --theirs takes the sources'")

    _say(edit.resolve(state.config(), key, field, theirs=not mine).message)
    return EXIT_OK


# Reading


@cli.command(
    "list",
    epilog=examples(
        "kb list --branch smaller/quantization --year 2025",
        "kb list --review draft --json",
        "kb list early exit",
    ),
)
@click.argument("words", nargs=-1)
@click.option("--branch", help="In this branch or below it.")
@click.option("--year", type=int)
@click.option("--author", help="An author's name, or part of it.")
@click.option("--venue", help="A venue, or part of it.")
@click.option(
    "--review", type=click.Choice(["none", "stub", "draft", "done"]), help="State of the review card."
)
@click.option("--state", "publication", type=click.Choice(["preprint", "published", "withdrawn"]))
@click.option("--has-code", is_flag=True)
@click.option("--confirmed", is_flag=True, help="With --branch: only where a person confirmed the label.")
@json_option
@pass_state
def list_(state: _State, /, as_json: bool, **filters: Any) -> int:
    """List records whose title holds all WORDS and that pass every filter."""
    from kb.cli_output import print_list
    from kb.pipeline.query import Query, select

    query = Query(**filters)
    papers = select(state.config(), query)
    if as_json:
        rows = [{"key": paper.key, **paper.to_data()} for paper in papers]
        _say_json(rows)
    else:
        print_list(papers, filtered=query != Query())
    return EXIT_OK


@cli.command(
    epilog=examples(
        "kb show liu2025quantization", "kb show 2504.04823", "kb show liu2025quantization --provenance"
    )
)
@click.argument("key")
@click.option("--provenance", is_flag=True, help="Say for each field who says so.")
@json_option
@pass_state
def show(state: _State, key: str, provenance: bool, as_json: bool) -> int:
    """Show one record, by its key or an identifier of the paper."""
    from kb.cli_output import print_paper
    from kb.pipeline.query import find, provenance_of

    config = state.config()
    paper = find(config, key)
    witnesses = provenance_of(config, paper) if provenance else {}
    if as_json:
        data = {"key": paper.key, **paper.to_data()} | ({"provenance": witnesses} if provenance else {})
        _say_json(data)
    else:
        print_paper(paper, witnesses)
    return EXIT_OK


@cli.command(
    epilog=examples(
        "kb check",
        "kb check --only identifiers-unique --json",
        "kb check --errors",
        "kb check --since origin/main",
    )
)
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check; may be repeated.")
@click.option("--errors", "errors_only", is_flag=True, help="Leave warnings out.")
@click.option(
    "--since",
    metavar="REF",
    help="Say too which files were edited since REF that kb writes, and what to edit instead.",
)
@json_option
@pass_state
def check(state: _State, only: tuple[str, ...], errors_only: bool, since: str | None, as_json: bool) -> int:
    """Check all of papers/, results/, taxonomy.yaml and kb.toml. Exit code 3 if there is an error."""
    from kb.cli_output import print_findings
    from kb.pipeline.check import CHECKS, Severity, unusable
    from kb.pipeline.check import check as run

    if unknown := set(only) - set(CHECKS):
        raise UsageError(f"no check named {', '.join(sorted(unknown))}", fix=f"one of: {', '.join(CHECKS)}")
    try:
        config = state.config()
    except ConfigError as error:
        if not as_json:
            raise
        _say_json([vars(finding) for finding in unusable(error)])
        return error.exit_code
    found = run(config, only)
    if since is not None:
        from kb.pipeline.generated import edited_by_hand

        found += edited_by_hand(config, since)
    found = [f for f in found if not (errors_only and f.severity is Severity.WARNING)]
    if as_json:
        _say_json([vars(finding) for finding in found])
    else:
        print_findings(found)
    return EXIT_DATA if any(f.severity is Severity.ERROR for f in found) else EXIT_OK


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
        _say_json(build_json(report))
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


# Editing

cli.add_command(audit)
cli.add_command(fmt)
cli.add_command(merge_driver)
cli.add_command(schema)

# Sorting

cli.add_command(classify)
cli.add_command(triage)
cli.add_command(taxonomy)

# Measuring

cli.add_command(eval_)
cli.add_command(claims)
cli.add_command(gaps)
cli.add_command(results)
cli.add_command(predict)

# The survey

cli.add_command(export)
cli.add_command(survey)


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
            _say(traceback.format_exc(), err=True)
        _say(f"kb: {error}", err=True)
        for other in error.others[:_MOST_ERRORS]:
            _say(f"kb: {other}", err=True)
        if len(error.others) > _MOST_ERRORS:
            _say(f"kb: and {len(error.others) - _MOST_ERRORS} more; kb check lists all", err=True)
        return error.exit_code
    except _ReaderGoneError:
        with suppress(OSError, ValueError), open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # or Python complains when it flushes at the end
        return EXIT_OK
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug is one line too
        if debug:
            _say(traceback.format_exc(), err=True)
        fix = "report it, with what --debug prints"
        _say(f"kb: a bug in kb: {type(error).__name__}: {error} (fix: {fix})".replace("\n", " "), err=True)
        return EXIT_BUG


def run() -> None:
    """Entry point of the console script."""
    sys.exit(main())
