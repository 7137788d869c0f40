"""`kb eval tasks | quantizers | engines | train | plot | report`: what there is to run, and pictures and pages of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import examples, json_option
from kb.errors import EXIT_OK, EXIT_PARTIAL, UsageError

if TYPE_CHECKING:
    from kb.pipeline.evaluate import Place


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep runs in this folder, which needs no knowledge base [default: runs/ of the knowledge base].",
)


def place_of(state: Any, out: Path | None = None) -> Place:
    """Where runs are kept."""
    from kb.pipeline.evaluate import place

    return place(state.root, out)


def _show(rows: list[dict[str, Any]], as_json: bool) -> int:
    """A table of rows with the same fields."""
    from kb.cli_output import print_table, say_json

    if as_json:
        say_json(rows)
    elif rows:
        names = [name for name in rows[0] if any(row[name] not in (None, "") for row in rows)]
        print_table(
            [name.replace("_", " ") for name in names],
            [["" if row[name] is None else str(row[name]) for name in names] for row in rows],
        )
    return EXIT_OK


@click.command(epilog=examples("kb eval tasks", "kb eval tasks --json"))
@json_option
def tasks(as_json: bool) -> int:
    """List the tasks with their options: what stands under `task` in a spec."""
    from kb.harness.tasks import describe

    return _show([vars(row) for row in describe()], as_json)


@click.command(epilog=examples("kb eval quantizers", "kb eval quantizers --json"))
@json_option
def quantizers(as_json: bool) -> int:
    """List the methods that a spec's `quantizer` can name: bits, library and version, where they work, fake or packed."""
    from kb.harness.quant import support

    return _show([vars(row) for row in support()], as_json)


@click.command(epilog=examples("kb eval engines", "kb eval engines --json"))
@json_option
def engines(as_json: bool) -> int:
    """List the engines that a spec's `engine` can name, and what each needs."""
    from kb.harness.engines import support

    return _show([vars(row) for row in support()], as_json)


@click.command(
    epilog=examples(
        "kb eval train --out models/mine", "kb eval train --out models/tiny --tokens 100000 --seed 7"
    )
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder of the model."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--tokens", type=click.IntRange(2000), help="How many tokens it sees [default: as the shipped models]."
)
@click.option("--device", help="cpu or cuda [default: cuda where there is one].")
@click.option("--threads", type=click.IntRange(1), help="Of torch.")
def train(out: Path, seed: int, tokens: int | None, device: str | None, threads: int | None) -> int:
    """Train a small reasoner on chained arithmetic, as those that come with kb were trained.

    Half an hour on one quiet core. A training that was killed goes on with the same command. At the end the model writes
    chains of every length, and accuracy.json says how many steps are right; exit code 7 if fewer than 99.9 % are.
    """
    from kb.cli_eval_show import Bar
    from kb.cli_output import say
    from kb.harness.reference.check import check, is_good
    from kb.harness.reference.train import Point, Recipe
    from kb.harness.reference.train import train as run

    recipe = Recipe()
    if tokens:  # both rounds shorter by the same factor
        first = tokens * recipe.tokens // recipe.all_tokens
        recipe = Recipe(tokens=first, polish_tokens=tokens - first)
    with Bar() as bar:
        show = bar.progress("tokens")

        def progress(done: int, total: int, point: Point) -> None:
            show(done, total)
            right = ", ".join(f"{steps} steps {share:.2%}" for steps, share in (point.right or {}).items())
            say(f"step {point.step}: loss {point.loss:.4f}; right: {right}")

        curve = run(out, seed=seed, recipe=recipe, device=device, threads=threads, progress=progress)
        found = check(out, progress=bar.progress("checking"))
    say(f"wrote {out} after {curve[-1].tokens:,} tokens and {curve[-1].seconds:,.0f} s")
    for length, row in found.items():
        say(
            f"{length} steps: {row['answers_right']} of {row['chains']} answers right, "
            f"{row['steps_right'] / row['steps_reached']:.2%} of {row['steps_reached']:,} steps"
        )
    return EXIT_OK if is_good(found) else EXIT_PARTIAL


@click.command(
    epilog=examples("kb eval plot RUN-A RUN-B --to pictures", "kb eval plot FULL RTN4 --only calibration")
)
@click.argument("run_ids", metavar="RUNS", nargs=-1, required=True)
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), default=Path("plots"), show_default=True
)
@click.option("--only", multiple=True, metavar="NAME", help="Only this picture; may be repeated.")
@out_option
@json_option
@click.pass_obj
def plot(
    state: Any, run_ids: tuple[str, ...], to: Path, only: tuple[str, ...], out: Path | None, as_json: bool
) -> int:
    """Draw runs, PNG and SVG: accuracy by bits and by length, first errors, calibration, reasoning tokens."""
    from kb.cli_output import say, say_json
    from kb.harness.plots import PLOTS
    from kb.pipeline import evaluate

    if unknown := [name for name in only if name not in PLOTS]:
        raise UsageError(f"no picture {unknown[0]}", field="--only", fix=f"one of: {', '.join(PLOTS)}")
    where = place_of(state, out)
    made = evaluate.plot([where.load(name) for name in run_ids], to, only or tuple(PLOTS))
    if as_json:
        say_json([str(path) for path in made])
    else:
        for path in made:
            say(f"wrote {path}")
    return EXIT_OK


@click.command(
    epilog=examples(
        "kb eval report site/docs/experiments/bits.md",
        "kb eval report site/docs/experiments/*.md --check",
    )
)
@click.argument("pages", metavar="PAGE", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit code 7 if a page is not current.")
@json_option
@click.pass_obj
def report(state: Any, pages: tuple[Path, ...], check: bool, as_json: bool) -> int:
    """Fill a page's blocks with tables and pictures of committed runs. What stands around them stays as it is.

    A block lies between <!-- kb eval report SPEC: SECTIONS --> and <!-- /kb eval report -->. SPEC is a grid's file
    from the root of the knowledge base; sections are accuracy, equivalence, first-error, calibration, tokens, runs.
    Runs that differ in model or seed alone are pooled. Pictures are SVG files beside the page.
    """
    from kb.cli_output import say, say_json
    from kb.pipeline.evaluate_report import report as fill

    found = fill(place_of(state), pages, check=check)
    if as_json:
        say_json(
            [
                {
                    "page": str(one.page),
                    "current": one.current,
                    "blocks": one.blocks,
                    "written": [str(path) for path in one.written],
                }
                for one in found
            ]
        )
    else:
        for one in found:
            for path in one.written:
                say(f"wrote {path}")
            if not one.blocks:
                say(f"{one.page} holds no block to fill")
            elif not one.written:
                say(f"{one.page} is {'current' if one.current else 'not current; kb eval report writes it'}")
    return EXIT_PARTIAL if check and not all(one.current for one in found) else EXIT_OK
