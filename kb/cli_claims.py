"""`kb claims`: verdicts on what papers say, computed from reported results and committed runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import Sections, examples, json_option
from kb.errors import EXIT_DATA, EXIT_OK, UsageError

if TYPE_CHECKING:
    from kb.pipeline.claims import Judged

_STATES = ("supported", "refuted", "contested", "inconclusive", "untested", "stale")
_NEAR = 12  # results that nearly count, shown at most


@click.group(
    cls=Sections,
    epilog=examples("kb claims list --state refuted", "kb claims show feng2025efficient", "kb claims check"),
)
def claims() -> None:
    """Claims of the papers, and what the evidence says of them.

    A claim in a record (papers/KEY.yaml, field claims) names what is compared, on what, and by how much. It is held against
    every reported result (results/) and run (runs/) that fits. A verdict is computed and never typed.
    """


@claims.command(
    "list", epilog=examples("kb claims list", "kb claims list --state refuted", "kb claims list --json")
)
@click.option("--state", type=click.Choice(_STATES), help="Only claims with this verdict.")
@click.option("--paper", help="Only the claims of this record.")
@json_option
@click.pass_obj
def list_(root: Any, as_json: bool, paper: str | None, state: str | None) -> int:
    """All claims with their verdicts."""
    from kb.cli_output import count, print_table, say, say_json
    from kb.link.verdict_data import verdict_data
    from kb.pipeline import claims as run

    judged = _judged(root, as_json)
    shown = run.select(judged, paper) if paper else judged
    shown = [one for one in shown if state in {None, one.verdict.state.value}]
    if as_json:
        say_json(
            [{**verdict_data(one.verdict, one.claim), "statement": one.claim.statement} for one in shown]
        )
        return EXIT_OK
    print_table(
        ("verdict", "claim", "why"), [(one.verdict.state.value, one.name, one.verdict.why) for one in shown]
    )
    found = ", ".join(f"{n} {name}" for name, n in run.counts(judged).items() if n)
    say(f"{count(len(judged), 'claim')}: {found or 'none'}", err=True)
    return EXIT_OK


@claims.command(
    epilog=examples("kb claims show liu2025quantization/w4-lossless", "kb claims show feng2025efficient")
)
@click.argument("name")
@json_option
@click.pass_obj
def show(state: Any, name: str, as_json: bool) -> int:
    """One claim (KEY/ID), or those of a record: the verdict, its statistics, and every piece of evidence."""
    from kb.cli_output import say_json
    from kb.link.verdict_data import evidence_data, verdict_data
    from kb.pipeline import claims as run

    shown = run.select(_judged(state, as_json), name)
    if as_json:
        say_json(
            [
                {
                    **verdict_data(one.verdict, one.claim),
                    "statement": one.claim.statement,
                    "says_what": one.claim.model_dump(mode="json", exclude_unset=True, exclude={"statement"}),
                    "committed": one.committed["state"] if one.committed else None,
                    "evidence": evidence_data(one.verdict),
                    "left_out": [vars(each) for each in one.verdict.left_out],
                }
                for one in shown
            ]
        )
        return EXIT_OK
    for index, one in enumerate(shown):
        if index:
            click.echo()
        _show(one)
    return EXIT_OK


@claims.command(epilog=examples("kb claims check", "kb claims check || kb claims update"))
@json_option
@click.pass_obj
def check(state: Any, as_json: bool) -> int:
    """Compute every verdict again, offline; exit code 3 if a committed one no longer follows, to the byte."""
    from kb.cli_output import SyncProgress, count, say, say_json
    from kb.pipeline import claims as run

    with SyncProgress(quiet=as_json) as progress:
        judged, moved = run.check(
            state.config(), progress=lambda done, total: progress("claims", done, total)
        )
    if as_json:
        say_json({"claims": len(judged), "counts": run.counts(judged), "moved": [vars(one) for one in moved]})
    else:
        for one in moved:
            say(str(one))
        if moved:
            said = f"{len(moved)} of {count(len(judged), 'verdict')} no longer follow: read them, then kb claims update"
            say(f"kb: {said}", err=True)
        else:
            say(f"{count(len(judged), 'verdict')} computed again: every committed one follows")
    return EXIT_DATA if moved else EXIT_OK


@claims.command(epilog=examples("kb claims update"))
@json_option
@click.pass_obj
def update(state: Any, as_json: bool) -> int:
    """Write the verdicts that follow now into results/_verdicts.jsonl, to be committed with what changed them."""
    from kb.cli_output import SyncProgress, count, say, say_json
    from kb.pipeline import claims as run

    with SyncProgress(quiet=as_json) as progress:
        judged, moved = run.update(
            state.config(), progress=lambda done, total: progress("claims", done, total)
        )
    if as_json:
        say_json({"claims": len(judged), "counts": run.counts(judged), "moved": [vars(one) for one in moved]})
        return EXIT_OK
    for one in moved:
        say(str(one))
    flipped = sum(one.flipped for one in moved)
    say(f"{count(len(judged), 'verdict')} written; {flipped} flipped")
    return EXIT_OK


@claims.command(epilog=examples("kb claims contradictions", "kb claims contradictions --json"))
@json_option
@click.pass_obj
def contradictions(state: Any, as_json: bool) -> int:
    """Claims that cannot both hold, and sources that report what differs by more than chance.

    Of claims: what the evidence says of each where both speak, and what decides between them (such as size) if the data
    show it.
    """
    from kb.cli_output import count, say, say_json
    from kb.link.verdict_data import estimate_data, split_data
    from kb.pipeline import claims as run

    found = run.contradictions(run.open_evidence(state.config()))
    if as_json:
        say_json(
            {
                "claims": [
                    {
                        "claims": {side.name: side.state.value for side in (one.a, one.b)},
                        "ground": one.ground,
                        "effect": estimate_data(one.estimate) if one.estimate else None,
                        "reconciled": [split_data(split) for split in one.reconciled],
                        "evidence": [cell.ref for cell in one.cells],
                    }
                    for one in found.claims
                ],
                "results": [
                    {
                        "what": one.what,
                        "sources": {side.source: estimate_data(side.estimate) for side in (one.a, one.b)},
                        "p": one.p,
                    }
                    for one in found.results
                ],
                "compared": found.compared,
            }
        )
        return EXIT_OK
    for one in found.claims:
        for side in (one.a, one.b):
            say(f"{side.name} ({side.state.value}): {' '.join(side.claim.statement.split())}")
        effect = "nothing was measured there"
        if one.estimate:
            low, high = one.estimate.interval()
            effect = f"{one.estimate.value:+.2f}, 90 % interval {low:+.2f} to {high:+.2f}, {count(len(one.cells), 'cell')}"
        say(f"  both speak of {one.ground}: {effect}")
        for split in one.reconciled:
            sides = "; ".join(
                f"{side.what}: {side.estimate.value:+.2f}, {side.state}" for side in split.sides
            )
            say(f"  {split.axis} decides: {sides} (p {split.p:.2g})")
        click.echo()
    for result in found.results:
        sides = " and ".join(f"{side.source} {side.estimate.value:+.2f}" for side in (result.a, result.b))
        say(f"{result.what}: {sides} (p {result.p:.2g} after {found.compared} comparisons)")
    say(
        f"{count(len(found.claims), 'pair')} of claims, {count(len(found.results), 'pair')} of sources",
        err=True,
    )
    return EXIT_OK


@click.command(
    epilog=examples(
        "kb gaps",
        "kb gaps --top 30",
        "kb gaps --manifest awq/w3a16kv16/3B-to-10B/logic > spec.yaml && kb eval sweep spec.yaml",
    )
)
@click.option(
    "--manifest", metavar="CELL", help="Print a ready spec for the harness that would fill this cell."
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="How many untested cells to list.",
)
@json_option
@click.pass_obj
def gaps(state: Any, manifest: str | None, top: int, as_json: bool) -> int:
    """What to measure next: method and bits against model size and task, untested cells first by the claims they bear on."""
    from kb.cli_output import count, print_table, say, say_json
    from kb.link.verdict_data import estimate_data
    from kb.pipeline import claims as run

    held = run.open_evidence(state.config())
    made = run.gaps(held, run.judge_held(held, {}))
    if manifest:
        click.echo(run.manifest(held, made, manifest), nl=False)
        return EXIT_OK
    if as_json:
        say_json(
            [
                {
                    "cell": gap.name,
                    "state": gap.state.value,
                    "sources": list(gap.sources),
                    "effect": estimate_data(gap.estimate) if gap.estimate else None,
                    "claims": list(gap.claims),
                }
                for gap in made.cells.values()
            ]
        )
        return EXIT_OK
    states: dict[str, int] = {}
    for gap in made.cells.values():
        states[gap.state.value] = states.get(gap.state.value, 0) + 1
    print_table(
        ("untested cell", "claims it bears on", "such as"),
        [(gap.name, str(len(gap.claims)), ", ".join(gap.claims[:2])) for gap in run.next_gaps(made)[:top]],
    )
    said = ", ".join(f"{n} {name}" for name, n in sorted(states.items()))
    say(f"{count(len(made.cells), 'cell')}: {said or 'no results'}", err=True)
    return EXIT_OK


def _judged(state: Any, quiet: bool) -> list[Judged]:
    from kb.cli_output import SyncProgress
    from kb.pipeline import claims as run

    with SyncProgress(quiet=quiet) as progress:
        judged = run.judge_all(state.config(), progress=lambda done, total: progress("claims", done, total))
    if not judged:
        raise UsageError(
            "no record has a claim", fix="write some into a record: kb schema paper shows their fields"
        )
    return judged


def _show(one: Judged) -> None:
    from kb.cli_output import print_table, say
    from kb.link.verdict import needed_words
    from kb.render.claim_words import arm_words, baseline_words, conditions_words, relation_words

    verdict, claim = one.verdict, one.claim
    say(f"{one.name}: {verdict.state.value}")
    say(f"  {claim.statement}")
    if claim.relation is not None and claim.variant is not None:
        say(f"  Tested: {relation_words(claim)}")
        say(f"  Compared: {arm_words(claim.variant)}; with {baseline_words(claim)}")
        if where := conditions_words(claim.conditions):
            say(f"  Where: {where}")
        if claim.contrast is not None:
            say(f"  Other conditions: {conditions_words(claim.contrast) or 'everywhere else'}")
    say(f"  {verdict.why}")
    if verdict.outcome is not None:
        say(f"  by {verdict.outcome.estimate.method}; a unit is a model on a benchmark in a source")
    if one.committed and one.committed["state"] != verdict.state.value:
        say(f"  committed as {one.committed['state']}: run kb claims update")
    if words := needed_words(verdict):
        say(f"  {words}")
    for split in verdict.splits:
        sides = "; ".join(f"{side.what} {side.estimate.value:+.2f} ({side.state})" for side in split.sides)
        say(f"  differs by {split.axis}: {sides} (p {split.p:.2g} after {split.tried} cuts)")
    rows = [
        (
            "contrast" if at >= len(verdict.cells) else cell.variant.kind,
            cell.variant.source,
            cell.variant.model,
            str(cell.setting),
            cell.variant.benchmark
            if cell.variant.chain_length is None
            else f"{cell.variant.benchmark} {cell.variant.chain_length}",
            f"{cell.variant.score:g}",
            f"{cell.baseline.score:g}",
            f"{cell.effect:+.2f}",
            str(cell.variant.items or "?"),
        )
        for at, cell in enumerate((*verdict.cells, *verdict.contrast))
    ]
    if rows:
        click.echo()
        print_table(
            ("kind", "source", "model", "setting", "on", "score", "baseline", "effect", "items"), rows
        )
    if verdict.left_out:
        reasons: dict[str, int] = {}
        for each in verdict.left_out:
            reasons[each.reason] = reasons.get(each.reason, 0) + 1
        click.echo()
        say("not counted:")
        for reason, n in sorted(reasons.items(), key=lambda row: (-row[1], row[0]))[:_NEAR]:
            say(f"  {n}  {reason}")
