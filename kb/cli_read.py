"""`kb list`, `kb show` and `kb check`: what is in the base."""

from __future__ import annotations

from typing import Any

import click

from kb.cli_parts import examples, json_option, say_json
from kb.errors import EXIT_DATA, EXIT_OK, ConfigError, UsageError


@click.command(
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
@click.pass_obj
def list_(state: Any, /, as_json: bool, **filters: Any) -> int:
    """List records whose title holds all WORDS and that pass every filter."""
    from kb.cli_output import print_list
    from kb.pipeline.query import Query, select

    query = Query(**filters)
    papers = select(state.config(), query)
    if as_json:
        rows = [{"key": paper.key, **paper.to_data()} for paper in papers]
        say_json(rows)
    else:
        print_list(papers, filtered=query != Query())
    return EXIT_OK


@click.command(
    epilog=examples(
        "kb show liu2025quantization", "kb show 2504.04823", "kb show liu2025quantization --provenance"
    )
)
@click.argument("key")
@click.option("--provenance", is_flag=True, help="Say for each field who says so.")
@json_option
@click.pass_obj
def show(state: Any, key: str, provenance: bool, as_json: bool) -> int:
    """Show one record, by its key or an identifier of the paper."""
    from kb.cli_output import print_paper
    from kb.pipeline.query import find, provenance_of

    config = state.config()
    paper = find(config, key)
    witnesses = provenance_of(config, paper) if provenance else {}
    if as_json:
        data = {"key": paper.key, **paper.to_data()} | ({"provenance": witnesses} if provenance else {})
        say_json(data)
    else:
        print_paper(paper, witnesses)
    return EXIT_OK


@click.command(
    epilog=examples(
        "kb check",
        "kb check --only identifiers-unique --json",
        "kb check --errors",
        "kb check --since origin/main",
        "kb check --annotate",
    )
)
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check; may be repeated.")
@click.option("--errors", "errors_only", is_flag=True, help="Leave warnings out.")
@click.option(
    "--since",
    metavar="REF",
    help="Say too which files were edited since REF that kb writes, and what to edit instead.",
)
@click.option(
    "--annotate", is_flag=True, help="Print it for GitHub, which shows it at the lines of a pull request."
)
@json_option
@click.pass_obj
def check(
    state: Any,
    only: tuple[str, ...],
    errors_only: bool,
    since: str | None,
    annotate: bool,
    as_json: bool,
) -> int:
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
        say_json([vars(finding) for finding in unusable(error)])
        return error.exit_code
    found = run(config, only)
    if since is not None:
        from kb.pipeline.generated import edited_by_hand

        found += edited_by_hand(config, since)
    found = [f for f in found if not (errors_only and f.severity is Severity.WARNING)]
    if as_json:
        say_json([vars(finding) for finding in found])
    else:
        print_findings(found, annotate=annotate)
    return EXIT_DATA if any(f.severity is Severity.ERROR for f in found) else EXIT_OK
