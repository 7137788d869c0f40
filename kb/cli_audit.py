"""`kb audit`: the knowledge base held against other people's lists."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import examples, json_option
from kb.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from kb.pipeline.audit import Report
    from kb.reconcile.capture import Estimate

_SHOWN = 20


@click.command(
    epilog=examples(
        "kb audit README.md",
        "kb audit survey.bib --all",
        "kb audit list-a.md list-b.md --json",
        "kb audit papers.txt --format daily_papers",
    )
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format",
    "form",
    type=click.Choice(["awesome_list", "bibtex", "survey_readme", "daily_papers"]),
    help="Of all FILES [default: by name: .md is awesome_list, .bib is bibtex].",
)
@click.option("--all", "everything", is_flag=True, help="List every work that is missing.")
@json_option
@click.pass_obj
def audit(state: Any, files: tuple[Path, ...], form: str | None, everything: bool, as_json: bool) -> int:
    """Compare the base with FILES, other people's lists (Markdown) or a survey's bibliography (.bib). Writes nothing.

    \b
    Each work of a list is
      present   a record
      excluded  kept out by a person, with the reason (papers/_decisions.yaml)
      pending   among the candidates
      unsure    perhaps a record; a person has to look
      missing   named by no source so far
    Two lists, and each list with what all others gave the base, say how many works there are in all (Chapman's estimator;
    95 % interval), unless they share fewer than seven. It takes lists as made independently. They copy from each other, so
    that the truth is rather above it.
    """
    from kb.cli_output import say_json
    from kb.pipeline.audit import audit as run

    if not files:
        raise UsageError("no list is named", fix="kb audit README.md, or a survey's .bib")
    report = run(state.config(), files, form)
    if as_json:
        say_json(report.to_data())
    else:
        _show(report, everything)
    return EXIT_OK


def _estimated(estimate: Estimate) -> tuple[str, str]:
    if not estimate.usable:
        return "too few in common", ""
    return (
        f"{estimate.total:.0f} ({estimate.low:.0f} to {estimate.high:.0f})",
        f"{estimate.unseen:.0f}",
    )


def _show(report: Report, everything: bool) -> None:
    from kb.cli_output import count, print_table, say
    from kb.reconcile.audit import Standing

    print_table(
        ("list", "works", *(standing.value for standing in Standing), "read as"),
        [
            (
                each.file,
                str(len(each.works)),
                *(str(each.count(standing)) for standing in Standing),
                each.read_as or "",
            )
            for each in report.lists
        ],
    )
    for each in report.lists:
        if each.unread:
            say(f"{each.file}: {count(each.unread, 'entry')} could not be read")
        for one in each.works:
            if one.standing is Standing.EXCLUDED:
                say(f"excluded: {one.entry.title or one.name}: {one.reason}")
    gaps = report.gaps()
    for one, lists in gaps if everything else gaps[:_SHOWN]:
        ids = " ".join(f"{kind}:{value}" for kind, value in one.entry.identifiers.items())
        named = f" (named by {lists} lists)" if lists > 1 else ""
        reason = f": {one.reason}" if one.reason else ""
        say(f"{one.standing.value}: {one.entry.title or one.entry.url} {ids}{named}{reason}")
    if len(gaps) > _SHOWN and not everything:
        say(f"and {len(gaps) - _SHOWN} more; --all lists them")
    print_table(
        ("two sources", "sizes", "both", "in all (95 %)", "on neither"),
        [
            (
                f"{pair.first} and {pair.second}",
                f"{pair.estimate.first}, {pair.estimate.second}",
                str(pair.estimate.both),
                *_estimated(pair.estimate),
            )
            for pair in report.pairs
        ],
    )
