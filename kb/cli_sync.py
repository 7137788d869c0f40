"""`kb sync`, `kb import` and `kb new`: papers come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import examples, json_option, say, say_json
from kb.errors import EXIT_OK, KbError

if TYPE_CHECKING:
    from kb.pipeline.sync_report import SyncReport


@click.command(
    epilog=examples(
        "kb sync",
        "kb sync zotero lists",
        "kb sync arxiv --dry-run",
        "kb sync --summary build/sync.md",
        "KB_ARXIV_BASE_URL=http://127.0.0.1:8000 kb sync arxiv",
    )
)
@click.argument("sources", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@click.option(
    "--allow-removals", is_flag=True, help="Go on although a source lost an unusual share of its papers."
)
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write down for whoever reviews the sync what came in, what failed and what needs a decision.",
)
@json_option
@click.pass_obj
def sync(
    state: Any,
    sources: tuple[str, ...],
    dry_run: bool,
    allow_removals: bool,
    summary: Path | None,
    as_json: bool,
) -> int:
    """Bring papers/ up to date with SOURCES: zotero, arxiv, lists, one list by name, or citations; all by default.

    Exit codes: 0 all well, 4 a source failed, 5 not authorised, 6 another kb is writing, 7 something was incomplete.
    """
    from kb.cli_output import SyncProgress, print_sync, sync_json
    from kb.pipeline.sync import sync as run

    with _summed_up(summary) as keep, SyncProgress(quiet=as_json) as progress:
        report = run(
            state.config(),
            sources,
            dry_run=dry_run,
            allow_removals=allow_removals,
            progress=progress,
            done=progress.finished,
        )
        keep(report)
    return _end_sync(report, as_json, print_sync, sync_json)


@contextmanager
def _summed_up(path: Path | None) -> Iterator[Callable[[SyncReport], None]]:
    """Gives what writes the summary of a report to `path`; a sync that ends without one is summed up, too."""
    if path is None:
        yield lambda report: None
        return
    from kb.pipeline.sync_summary import failure, summary
    from kb.records.files import write_atomic

    def keep(report: SyncReport) -> None:
        write_atomic(path, summary(report))

    try:
        yield keep
    except KbError as error:
        write_atomic(path, failure(error))
        raise


def _end_sync(
    report: SyncReport,
    as_json: bool,
    show: Callable[[SyncReport], None],
    plain: Callable[[SyncReport], dict[str, Any]],
) -> int:
    if as_json:
        say_json(plain(report))
    else:
        show(report)
    return report.exit_code


@click.command(
    "import",
    epilog=examples(
        "kb import bibtex refs.bib",
        "kb import awesome_list README.md --name owner/repository --create",
        "kb import daily_papers daily-papers.txt",
        "kb import bibtex survey.bib --candidates --cited-by feng2025efficient",
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
@click.option("--cited-by", metavar="KEY", help="FILE is this record's bibliography: note what it cites.")
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@json_option
@click.pass_obj
def import_(
    state: Any,
    source: str,
    file: Path,
    name: str | None,
    creates: bool | None,
    keep_notes: bool | None,
    cited_by: str | None,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Read papers from FILE as SOURCE: awesome_list, daily_papers, survey_readme or bibtex."""
    from kb.cli_output import print_result, print_sync, sync_json
    from kb.pipeline.sync import import_file

    report = import_file(
        state.config(),
        source,
        file,
        name=name,
        creates=creates,
        keep_notes=keep_notes,
        cited_by=cited_by,
        dry_run=dry_run,
    )
    if not as_json:
        for result in report.results:
            print_result(result)
    return _end_sync(report, as_json, print_sync, sync_json)


@click.command(epilog=examples("kb new 2504.04823", "kb new https://arxiv.org/abs/2504.10903"))
@click.argument("arxiv_id_or_url")
@click.pass_obj
def new(state: Any, arxiv_id_or_url: str) -> int:
    """Make a record for one arXiv paper, with arXiv's metadata."""
    from kb.cli_output import SyncProgress
    from kb.pipeline import edit

    with SyncProgress() as progress:
        done = edit.new(state.config(), arxiv_id_or_url, progress)
    say(done.message)
    return EXIT_OK
