"""`kb week`: the maintainer's page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import examples, json_option
from kb.errors import EXIT_OK

if TYPE_CHECKING:
    from kb.pipeline.week_text import Block


@click.command(
    epilog=examples(
        "kb week",
        "kb week --minutes 30",
        "kb week --since 2026-11-01 --markdown week.md",
        "kb week --since v1.0 --json",
        "kb week --audit rival.md --audit survey.bib",
    )
)
@click.option(
    "--since", metavar="DATE|REF", help="Tell what came in since this day or commit [default: a week ago]."
)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="Choose what fits into so many minutes."
)
@click.option(
    "--audit",
    "audits",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Hold the survey against this list or .bib, too; may be repeated.",
)
@click.option("--all", "everything", is_flag=True, help="List everything that waits.")
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the page there.",
)
@json_option
@click.pass_obj
def week(
    state: Any,
    since: str | None,
    minutes: float | None,
    audits: tuple[Path, ...],
    everything: bool,
    markdown: Path | None,
    as_json: bool,
) -> int:
    """Say what came in, what needs a decision, what went stale and what other lists have. Asks no network.

    Decisions come in the order of value per minute. Value is how many pages of the site are expected to say something else
    afterwards: the pages that speak of it, times the chance that the answer changes them. Minutes are estimates, until
    kb.toml gives yours ([week.minutes]), or kb triage times your answers ([triage] keep_times = true). The last table of the
    page has both. Other people's lists are those of kb.toml ([week] audits, and lists with a path) and of --audit.
    """
    from kb.cli_output import say, say_json
    from kb.pipeline.week import week as run
    from kb.pipeline.week_text import blocks
    from kb.pipeline.week_text import markdown as render
    from kb.records.files import write_atomic

    config = state.config()
    found = run(config, since=since, minutes=minutes, audits=audits)
    site = config.settings.site.url
    if markdown is not None:
        write_atomic(markdown, render(found, everything=everything, site=site))
    if as_json:
        say_json(found.model_dump(mode="json"))
    elif markdown is not None:
        say(f"wrote {markdown}")
    else:
        say(f"The week from {found.since} to {found.today}")
        for block in blocks(found, everything=everything, site=site):
            _show(block)
    return EXIT_OK


def _show(block: Block) -> None:
    from kb.cli_output import print_table, say

    say(f"\n{block.heading}")
    for line in block.lines:
        say(line)
    if block.rows:
        print_table(block.columns, block.rows)
    for line in block.after:
        say(line)
