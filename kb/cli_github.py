"""`kb diff` and `kb from-issue`: what the workflows of a knowledge base do, to be run and tried out anywhere."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import examples, json_option, say, say_json
from kb.errors import EXIT_OK, DataError, UsageError
from kb.ids import is_safe_url

if TYPE_CHECKING:
    from kb.config import Config


@click.command(
    epilog=examples(
        "kb diff", "kb diff --since origin/main", "kb diff --since origin/main --markdown build/change.md"
    )
)
@click.option(
    "--since",
    metavar="REF",
    default="HEAD",
    show_default=True,
    help="A branch or commit; what changed since it left.",
)
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it into this file as Markdown, for a pull request.",
)
@click.option("--no-pages", is_flag=True, help="Leave pages and verdicts out: some seconds less.")
@json_option
@click.pass_obj
def diff(state: Any, since: str, markdown: Path | None, no_pages: bool, as_json: bool) -> int:
    """Say what a change does to the survey: papers, labels, verdicts, figures, pages, findings, lost addresses.

    The working tree counts. What is new is held against all other records: it may be here already.
    """
    from kb.export.github import as_markdown, as_text, for_github
    from kb.pipeline.difference import difference
    from kb.pipeline.difference_words import headline, sections
    from kb.records.files import write_atomic

    config = state.config()
    try:
        found = difference(config, since, pages=not no_pages)
    except DataError as error:
        if markdown is not None:
            lines = "\n".join(f"- {for_github(str(each))}" for each in (error, *error.others)[:40])
            write_atomic(markdown, f"## This change cannot be read\n\n{lines}\n")
        raise
    if markdown is not None:
        text = f"## What this change does to the survey\n\n{for_github(headline(found), 1_000)}\n\n{as_markdown(sections(found, _at_home(config).settings.site))}"
        write_atomic(markdown, text)
    if as_json:
        say_json(found.to_data())
    elif markdown is None and (text := as_text(sections(found))):
        say(text)
    if not as_json:
        say(headline(found))
    return EXIT_OK


@click.command(
    "from-issue",
    epilog=examples(
        'kb from-issue "$GITHUB_EVENT_PATH" --out answer',
        "kb from-issue --number 12 body.md",
        "kb from-issue --number 12 - --json < body.md",
    ),
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--number",
    type=click.IntRange(1, 10**12 - 1),
    help="FILE is the body of this issue, and no event of GitHub.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write branch, title, body and reply into this folder.",
)
@json_option
@click.pass_obj
def from_issue(state: Any, file: Path, number: int | None, out: Path | None, as_json: bool) -> int:
    """Turn an issue form that somebody filled in (FILE: the event as GitHub writes it; - is standard input) into a change.

    Suggested papers become records or candidates, reported figures doubtful rows, labels proposals. Prints what became of
    it; --out has the pull request and the answer to the reporter.

    Exit codes: 0 a change, or nothing is to be changed; 2 FILE is nothing that kb answers; 3 the issue has to be corrected;
    4 a source did not answer. Only with 0 did anything change.
    """
    from kb.cli_output import SyncProgress
    from kb.pipeline.from_issue import answer, write_answer
    from kb.pipeline.issue_event import MOST_BYTES, Issue, parse_event

    data = _read(file, MOST_BYTES)
    issue = parse_event(data) if number is None else Issue(number, data.decode("utf-8", "replace"))
    with SyncProgress(quiet=as_json) as progress:
        said = answer(_at_home(state.config()), issue, progress)
    if out is not None:
        write_answer(out, said)
    if as_json:
        say_json(said.to_data())
    else:
        say(said.line, err=said.exit_code != EXIT_OK)
    return said.exit_code


def _at_home(config: Config) -> Config:
    """The settings with the repository that a workflow runs in, where kb.toml names none."""
    server, name = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    url = f"{server}/{name}"
    site = config.settings.site
    if site.repository or not (server and name and is_safe_url(url)):
        return config
    settings = config.settings.model_copy(update={"site": site.model_copy(update={"repository": url})})
    return config.model_copy(update={"settings": settings})


def _read(file: Path, most: int) -> bytes:
    """At most one byte more than `most`: what is longer is refused by who knows what it is."""
    if str(file) == "-":
        return sys.stdin.buffer.read(most + 1)
    try:
        with file.open("rb") as stream:
            return stream.read(most + 1)
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror or error}", file=file, fix="check the path"
        ) from None
