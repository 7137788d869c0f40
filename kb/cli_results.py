"""`kb results`: what sources report; importing a table of figures; what does not add up."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import Sections, examples, json_option
from kb.errors import EXIT_DATA, EXIT_OK, UsageError

if TYPE_CHECKING:
    from kb.pipeline.results import Imported
    from kb.pipeline.results_query import ShownResult

_SHOWN = 20


@click.group(
    cls=Sections,
    invoke_without_command=True,
    epilog=examples(
        "kb results --model Distill-Qwen-7B --bits w4a16kv16",
        "kb results --method weight-rounding --bits 3 --benchmark AIME-120 --sort drop",
        "kb results --size 14.. --origin distilled --json",
        "kb results --source liu2025quantization --csv > rows.csv",
        "kb results import figures.csv --spread spreads.csv --dry-run",
        "kb results doubts",
    ),
)
@click.option("--model", help="A model, or a part of its name.")
@click.option("--method", help="A method or a family: awq, weight-rounding, k-quant, rotation and so on.")
@click.option("--bits", help="w4a16kv16, a part of it such as w4a4 or kv4, or the weights' bits alone: 4.")
@click.option("--benchmark", help="A benchmark, or a part of its name.")
@click.option("--source", help="A paper's key or another source, or a part of it.")
@click.option("--size", metavar="MIN..MAX", help="Billions of parameters: 7, 7..14, ..8 or 14..")
@click.option("--origin", help="How the model came by its reasoning: distilled, rl, hybrid, instruct, base.")
@click.option(
    "--sort", type=click.Choice(["source", "drop", "score", "size"]), default="source", show_default=True
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.pass_context
def results(context: click.Context, /, as_json: bool, as_csv: bool, **filters: Any) -> int | None:
    """Show the figures that papers, model cards and others report, with the loss against full precision.

    Scores are in percent. The interval is Wilson's at 95 %, from the number of items and, where a source gives them, its
    seeds and their spread. A question mark stands behind a figure that a check doubts.
    """
    if context.invoked_subcommand is not None:
        if as_json or as_csv or any(value for name, value in filters.items() if name != "sort"):
            fix = f"write them after {context.invoked_subcommand}, if it has them"
            raise UsageError("filters belong to kb results itself", fix=fix)
        return None
    from kb.cli_output import say, say_json
    from kb.pipeline.results import open_results
    from kb.pipeline.results_query import ResultQuery, select_results
    from kb.records.claims import Origin

    if as_json and as_csv:
        raise UsageError("--json and --csv at once", fix="choose one")
    if filters["origin"] is not None and filters["origin"] not in set(Origin):
        raise UsageError(f"--origin: {filters['origin']!r} is none", fix=f"one of {', '.join(Origin)}")
    there = open_results(context.obj.config())
    found = select_results(there, ResultQuery(**filters)) if there.rows else []
    if as_json:
        say_json([each.to_data() for each in found])
    elif as_csv:
        _write_csv(found)
    elif not there.rows:
        say("nothing is reported yet: results/ holds no rows (kb results import FILE brings some)")
    elif not found:
        say(f"none of {len(there.rows)} rows passes all filters")
    else:
        _show(found, len(there.rows))
    return EXIT_OK


def _write_csv(found: Sequence[ShownResult]) -> None:
    rows = [{**each.to_data(), "doubts": "; ".join(each.doubts)} for each in found]
    if rows:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _signed(drop: float | None) -> str:
    return "" if drop is None else f"{drop:+.4g}" if drop else "0"


def _show(found: Sequence[ShownResult], total: int) -> None:
    from kb.cli_output import count, print_table, say

    rows = []
    for each in found:
        row, interval = each.row, each.interval
        rows.append(
            (
                row.source,
                row.model,
                f"{row.method} [{row.variant}]" if row.variant else row.method,
                row.bits,
                row.benchmark,
                f"{row.score:g}{' ?' if each.doubts else ''}",
                "" if row.baseline_score is None else f"{row.baseline_score:g}",
                _signed(each.drop),
                "" if interval is None else f"{100 * interval.low:.1f} to {100 * interval.high:.1f}",
            )
        )
    print_table(
        ("source", "model", "method", "bits", "benchmark", "score", "baseline", "drop", "95 % of score"), rows
    )
    doubted = sum(bool(each.doubts) for each in found)
    end = f"; {doubted} with a question mark (kb results doubts)" if doubted else ""
    say(f"{count(len(found), 'row')} of {total}{end}")


@results.command(
    "import",
    epilog=examples(
        "kb results import figures.csv", "kb results import figures.csv --spread spreads.csv --dry-run"
    ),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--spread",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Spreads of the same rows, in the same order.",
)
@click.option("--replace", "replaces", is_flag=True, help="Where figures differ, take those of FILE.")
@click.option("--dry-run", is_flag=True, help="Show what would change; write nothing.")
@json_option
@click.pass_obj
def import_(state: Any, file: Path, spread: Path | None, replaces: bool, dry_run: bool, as_json: bool) -> int:
    """Add the rows of FILE, a CSV table for all sources, to results/. Rows that are there stay as they are.

    \b
    Columns, in any order; the first six are needed:
      paper_arxiv_id   an arXiv id, or a source of results/_sources.yaml
      model            a spelling that results/_models.yaml knows
      method           of _methods.yaml; a setting may follow: GPTQ[calib=Numina]
      benchmark        of _benchmarks.yaml
      weight_bits      16 is not quantized; 3.59avg is an average
      score            in percent
      act_bits, kv_bits, baseline_score
      metric           accuracy_pct, pass@1_mean_10runs, accuracy_pct_mean_3seeds
      source_url_or_repo_path   where it stands; its version and table are kept
      certainty        high, medium or low, and why
    \b
    Columns of --spread: the same up to benchmark, and
      score, score_std_or_pm, delta_vs_baseline
    """
    from kb.cli_output import say_json
    from kb.pipeline.results import import_table

    done = import_table(state.config(), file, spread, replace=replaces, dry_run=dry_run)
    if as_json:
        say_json(done.to_data())
    else:
        _say_import(done)
    return EXIT_OK


def _say_import(done: Imported) -> None:
    from kb.cli_output import count, print_table, say

    sources = sorted({*done.new, *done.same})
    print_table(
        ("source", "new", "there already"),
        [(source, str(done.new.get(source, 0)), str(done.same.get(source, 0))) for source in sources],
    )
    for old, new in done.other[:_SHOWN]:
        verb = "replaced by" if done.replaced else "kept, not"
        say(
            f"{new.ref}: {old.score:g} (baseline {old.baseline_score}) {verb} {new.score:g} ({new.baseline_score})"
        )
    if len(done.other) > _SHOWN:
        say(f"and {len(done.other) - _SHOWN} more that differ")
    for doubt in done.doubts[:_SHOWN]:
        say(f"{doubt.row.ref}: {doubt.reason}")
    if len(done.doubts) > _SHOWN:
        say(f"and {len(done.doubts) - _SHOWN} more that do not add up; --json lists all")
    written = "dry run: would add" if done.dry_run else "added"
    after = "" if done.dry_run else "; kb results doubts says what does not add up"
    say(f"{written} {count(sum(done.new.values()), 'row')}{after}")


@results.command(
    epilog=examples("kb results doubts", "kb results doubts --source liu2025quantization --json")
)
@click.option("--source", help="Only this source.")
@click.option("--check", "checks", multiple=True, help="Only what this check finds; may be repeated.")
@json_option
@click.pass_obj
def doubts(state: Any, source: str | None, checks: tuple[str, ...], as_json: bool) -> int:
    """List the figures that cannot be or do not add up: means, baselines, counts of items, bits. Exit code 3 if one cannot be.

    What is listed stays in results/: a source may be wrong, and then its figures are still what it reports.
    """
    from kb.cli_output import count, say, say_json
    from kb.link.adds_up import RESULT_CHECKS
    from kb.link.adds_up import doubts as run
    from kb.pipeline.results import open_results

    if unknown := set(checks) - set(RESULT_CHECKS):
        fix = f"one of {', '.join(RESULT_CHECKS)}"
        raise UsageError(f"--check: there is no check {sorted(unknown)[0]!r}", fix=fix)
    there = open_results(state.config())
    if source is not None and source not in there.words.sources:
        raise UsageError(f"--source: nothing is called {source!r}", fix="kb results shows the sources")
    found = [each for each in run(there, checks or tuple(RESULT_CHECKS)) if source in {None, each.row.source}]
    if as_json:
        data = [
            {
                "check": each.check,
                "wrong": each.wrong,
                "ref": each.row.ref,
                "source": each.row.source,
                "reason": each.reason,
            }
            for each in found
        ]
        say_json(data)
    else:
        for name in RESULT_CHECKS:
            of_check = [each for each in found if each.check == name]
            if of_check:
                say(f"{name} ({len(of_check)}): {RESULT_CHECKS[name][1].__doc__.splitlines()[0]}")  # type: ignore[union-attr]
            for each in of_check:
                say(f"  {each}")
        say(f"{count(len(found), 'doubt')} about {count(len(there.rows), 'row')}")
    return EXIT_DATA if any(each.wrong for each in found) else EXIT_OK
