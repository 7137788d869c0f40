"""What a person decides about papers: which come in, which are one work, whose value stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from kb.cli_parts import examples, json_option, say, say_json
from kb.errors import EXIT_OK, UsageError

_who = click.option("--by", envvar="KB_PERSON", help="Your name, stored with the decision [env: KB_PERSON].")


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


@click.command(
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
@click.pass_obj
def candidates(state: Any, wanted: str | None, sort: str, as_json: bool) -> int:
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
        say_json([{**c.model_dump(mode="json"), "relevance": relevance.get(c.id)} for c in found])
    else:
        print_candidates(found, relevance)
    return EXIT_OK


@click.command(
    epilog=examples("kb accept c-1a2b3c4d", "kb accept 2504.04823", "kb accept --all --source daily_papers")
)
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every candidate that is known well enough.")
@click.option("--source", help="With --all: only what this source named.")
@click.pass_obj
def accept(state: Any, ids: tuple[str, ...], everything: bool, source: str | None) -> int:
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
    say(edit.accept(config, ids).message)
    return EXIT_OK


@click.command(
    epilog=examples(
        'kb reject c-1a2b3c4d --reason "not about language models"',
        "kb reject liu2025quantization --reason duplicate",
    )
)
@click.argument("name")
@click.option("--reason", required=True, help="Why; it is stored and shown.")
@_who
@click.pass_obj
def reject(state: Any, name: str, reason: str, by: str | None) -> int:
    """Keep a candidate, or the paper of a record, out for good. A rejected paper never returns."""
    from kb.pipeline import edit

    say(edit.reject(state.config(), name, reason=reason, by=by, date=_today()).message)
    return EXIT_OK


@click.command(
    epilog=examples("kb same liu2025quantization liu2025empirical", "kb same c-1a2b3c4d liu2025quantization")
)
@click.argument("a")
@click.argument("b")
@_who
@click.pass_obj
def same(state: Any, a: str, b: str, by: str | None) -> int:
    """Say that A and B (records, or a record and a waiting entry) are one work; the record A stays."""
    from kb.pipeline import edit

    say(edit.same(state.config(), a, b, by=by, date=_today()).message)
    return EXIT_OK


@click.command(epilog=examples("kb different c-1a2b3c4d liu2025quantization"))
@click.argument("a")
@click.argument("b")
@_who
@click.pass_obj
def different(state: Any, a: str, b: str, by: str | None) -> int:
    """Say that A and B are two works, whatever their titles and identifiers suggest."""
    from kb.pipeline import edit

    say(edit.different(state.config(), a, b, by=by, date=_today()).message)
    return EXIT_OK


@click.command(epilog=examples("kb unmerge liu2025empirical"))
@click.argument("key")
@click.pass_obj
def unmerge(state: Any, key: str) -> int:
    """Undo a merge: the record KEY comes back byte for byte."""
    from kb.pipeline import edit

    say(edit.unmerge(state.config(), key).message)
    return EXIT_OK


@click.command(
    epilog=examples(
        "kb resolve liu2025quantization title --mine", "kb resolve liu2025quantization venue --theirs"
    )
)
@click.argument("key")
@click.argument("field")
@click.option(
    "--mine/--theirs", "mine", default=None, help="The record is right, or the sources are. One must be said."
)
@click.pass_obj
def resolve(state: Any, key: str, field: str, mine: bool | None) -> int:
    """Settle a field that both a person and the sources changed."""
    from kb.pipeline import edit

    if mine is None:  # click's own `required` lets a flag with two names pass
        raise UsageError("who is right?", fix="--mine keeps the record's value, --theirs takes the sources'")

    say(edit.resolve(state.config(), key, field, theirs=not mine).message)
    return EXIT_OK
