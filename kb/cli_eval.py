"""`kb eval`: what quantizing a reasoning model does, measured so that anyone can repeat it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import click

from kb import cli_eval_parts
from kb.cli_eval_parts import out_option, place_of
from kb.cli_parts import Sections, examples, json_option
from kb.errors import EXIT_OK, EXIT_PARTIAL, UsageError

if TYPE_CHECKING:
    from kb.harness.sweep import Backend, Outcome
    from kb.pipeline.evaluate import Place

spec_argument = click.argument("spec", type=click.Path(path_type=Path, dir_okay=False))


class _Commands(Sections):
    sections: ClassVar = {
        "Measuring": ("run", "sweep", "reproduce", "import"),
        "Reading": ("list", "show", "compare", "plot", "report"),
        "What there is": ("tasks", "quantizers", "engines", "train"),
    }


def _steady() -> None:
    """One thread for tokenizers, and no advice from libraries between our lines."""
    import os

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


@click.group(
    "eval",
    cls=_Commands,
    epilog=examples("kb eval run --quick", "kb eval run spec.yaml", "kb eval compare RUN-A RUN-B"),
)
def eval_() -> None:
    """Measure what quantizing a reasoning model does, with intervals, in runs that anyone can repeat."""
    _steady()


for command in (
    cli_eval_parts.tasks,
    cli_eval_parts.quantizers,
    cli_eval_parts.engines,
    cli_eval_parts.train,
    cli_eval_parts.plot,
    cli_eval_parts.report,
):
    eval_.add_command(command)


# Measuring


@eval_.command(
    epilog=examples(
        "kb eval run --quick",
        "kb eval run --quick --out /tmp/runs --n 50",
        "kb eval run spec.yaml",
        "printf 'model: reference\\ntask: chain\\nn: 100\\n' > spec.yaml && kb eval run spec.yaml",
    )
)
@click.argument("spec", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option(
    "--quick", is_flag=True, help="The embedded default: full precision against 8, 4, 3 and 2 bits."
)
@click.option("--n", type=click.IntRange(1), help="With --quick: samples in each run.")
@click.option("--model", help="With --quick: another model than the one that comes with kb.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="With --quick: processes [default: 2 where there are two cores].",
)
@out_option
@json_option
@click.pass_obj
def run(
    state: Any,
    spec: Path | None,
    quick: bool,
    n: int | None,
    model: str | None,
    workers: int | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Make the run that the YAML file SPEC asks for, or go on with it where it was stopped.

    SPEC needs `model`, `task` and `n`. A model is `reference` (comes with kb), `smollm2`, a folder, a .gguf file, a
    Hugging Face id, or a server's URL with #model. Further fields: quantizer, kv, seed, template, chat, decoding,
    engine, calibration, baseline, kl, keep_outputs, starts_from, name. A complete run is never overwritten.

    Exit codes: 0 all well, 2 the spec is wrong, 3 the model's files are, 4 a server or a library failed, 6 another kb
    writes this run, 7 it stopped midway and can go on.
    """
    from kb.cli_eval_show import Bar, print_summaries, summaries_json
    from kb.cli_output import say, say_json
    from kb.pipeline import evaluate

    if quick == (spec is not None):
        raise UsageError("what is to be run?", fix="name a spec, or say --quick")
    if not quick and (n is not None or model is not None or workers is not None):
        raise UsageError("--n, --model and --workers belong to --quick", fix="write them into the spec")
    where = place_of(state, out)
    if quick:
        return _quick(where, n, model, workers, as_json)
    assert spec is not None  # noqa: S101 - said above
    with Bar(quiet=as_json) as bar:
        made = evaluate.run_file(where, spec, bar.progress("samples"))
    if as_json:
        say_json(summaries_json([made])[0])
    else:
        print_summaries([made])
        say(f"run {made.id}")
    return EXIT_OK


def _quick(where: Place, n: int | None, model: str | None, workers: int | None, as_json: bool) -> int:
    """Full precision against fewer bits: a table, and a plot of it."""
    import os

    from kb.cli_eval_show import Bar, print_summaries, summaries_json
    from kb.cli_output import say, say_json
    from kb.harness.sweep_local import Local
    from kb.pipeline import evaluate

    changes: dict[str, Any] = {"n": n} if n else {}
    cells = evaluate.quick_grid(where.parts, changes | ({"model": model} if model else {}))
    with Bar(quiet=as_json) as bar:
        report = evaluate.run_grid(
            where, cells, Local(workers or min(2, os.cpu_count() or 1)), bar.outcomes("runs")
        )
    runs = evaluate.whole_runs(where, cells)
    pictures = [str(path) for path in evaluate.plot(runs, where.runs / "quick")] if runs else []
    if as_json:
        say_json(
            {"runs": summaries_json(runs), "failed": [vars(one) for one in report.failed], "plots": pictures}
        )
    else:
        print_summaries(runs)
        for picture in pictures:
            say(f"plot: {picture}")
        _say_failed(report.failed)
    return EXIT_PARTIAL if report.failed else EXIT_OK


def _say_failed(failed: list[Outcome]) -> None:
    from kb.cli_output import say

    for outcome in failed:
        say(f"FAILED {outcome.id}: {outcome.message}", err=True)


@eval_.command(
    epilog=examples(
        "kb eval sweep grid.yaml",
        "kb eval sweep grid.yaml --workers 2",
        "kb eval sweep grid.yaml --on ray --address auto --gpus 1",
        "kb eval sweep grid.yaml --slurm sweep.sh && sh sweep.sh",
    )
)
@spec_argument
@click.option("--on", "where_to", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Cells at a time, on this machine.",
)
@click.option(
    "--address",
    help="With --on ray: an existing cluster, such as auto [default: RAY_ADDRESS, or one made here].",
)
@click.option(
    "--cpus",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="With --on ray: what a cell takes.",
)
@click.option(
    "--gpus",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="With --on ray: what a cell takes.",
)
@click.option(
    "--retries",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="With --on ray: after a worker died.",
)
@click.option(
    "--slurm", type=click.Path(path_type=Path, dir_okay=False), help="Only write a script for Slurm."
)
@click.option(
    "--cell", type=click.IntRange(0), help="Only this cell, in this process; what that script does."
)
@out_option
@json_option
@click.pass_obj
def sweep(
    state: Any,
    spec: Path,
    where_to: str,
    workers: int,
    address: str | None,
    cpus: float,
    gpus: float,
    retries: int,
    slurm: Path | None,
    cell: int | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Make every run of a grid: a spec in which model, task, seed, quantizer and kv may be lists.

    `baseline: full` holds each cell against the one with the same model, task and seed at full precision. Cells that
    are complete are left alone, so a sweep that was stopped goes on; one that fails is reported (exit code 7).
    """
    from kb.cli_eval_show import Bar, outcomes_json, print_outcomes
    from kb.cli_output import say, say_json
    from kb.pipeline import evaluate

    where = place_of(state, out)
    cells = evaluate.load_grid(spec, where.parts)
    if slurm is not None:
        command = ["kb", "eval", "sweep", str(spec), *(["--out", str(out)] if out else [])]
        evaluate.write_slurm(cells, command, slurm)
        say(f"wrote {slurm} for {len(cells)} cells; submit it with: sh {slurm}")
        return EXIT_OK
    if cell is not None:
        if error := evaluate.run_cell(where, cells, cell):
            say(f"kb: {error}", err=True)
        return EXIT_PARTIAL if error else EXIT_OK
    with Bar(quiet=as_json) as bar:
        report = evaluate.run_grid(
            where, cells, _backend(where_to, workers, address, cpus, gpus, retries), bar.outcomes("runs")
        )
    if as_json:
        say_json(outcomes_json(report))
    else:
        print_outcomes(report)
    _say_failed([] if as_json else report.failed)
    return EXIT_PARTIAL if report.failed else EXIT_OK


def _backend(on: str, workers: int, address: str | None, cpus: float, gpus: float, retries: int) -> Backend:
    from kb.harness.sweep_local import Local
    from kb.harness.sweep_ray import OnRay

    if on == "ray":
        return OnRay(address=address, workers=workers, cpus=cpus, gpus=gpus, retries=retries)
    if address is not None or gpus:
        raise UsageError(
            "--address and --gpus belong to --on ray", fix="say --on ray; engine.device takes a GPU here"
        )
    return Local(workers)


@eval_.command(
    epilog=examples(
        "kb eval reproduce RUN",
        "kb eval reproduce RUN --model models/mine --json",
        "kb eval reproduce RUN --data ~/data/gsm8k.jsonl",
    )
)
@click.argument("run_id", metavar="RUN")
@click.option("--model", help="Where its model lies on this machine.")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Where the questions of its data set lie on this machine."
)
@click.option(
    "--calibration-data", type=click.Path(path_type=Path), help="The same of what its quantizer looked at."
)
@out_option
@json_option
@click.pass_obj
def reproduce(
    state: Any,
    run_id: str,
    model: str | None,
    data: Path | None,
    calibration_data: Path | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Run RUN again in a temporary folder and say, sample by sample, what differs. Exit code 7 if something does."""
    from kb.cli_eval_show import Bar, print_reproduction
    from kb.cli_output import say_json
    from kb.pipeline import evaluate

    where = place_of(state, out)
    with Bar(quiet=as_json) as bar:
        found = evaluate.repeat(
            where, run_id, model, bar.progress("samples"), data=data, calibration_data=calibration_data
        )
    if as_json:
        say_json(found.to_data())
    else:
        print_reproduction(found)
    return EXIT_OK if found.same else EXIT_PARTIAL


@eval_.command(
    "import", epilog=examples("kb eval import results_2026-01-01.json", "kb eval import logs/run.eval --json")
)
@click.argument("file", type=click.Path(path_type=Path))
@out_option
@json_option
@click.pass_obj
def import_(state: Any, file: Path, out: Path | None, as_json: bool) -> int:
    """Take in runs made elsewhere, with their samples and settings: logs of lm-evaluation-harness, lighteval, inspect.

    What a log does not state is named in the manifest and not made up. An imported run cannot be reproduced.
    """
    from kb.cli_eval_show import print_summaries, summaries_json
    from kb.cli_output import say, say_json
    from kb.pipeline import evaluate

    made = evaluate.import_log(place_of(state, out), file)
    if as_json:
        say_json(summaries_json(made))
        return EXIT_OK
    print_summaries(made)
    for run in made:
        say(f"run {run.id}")
        if unknown := run.manifest.get("unknown"):
            say(f"  not stated: {', '.join(unknown)}")
    return EXIT_OK


# Reading


@eval_.command("list", epilog=examples("kb eval list", "kb eval list --json"))
@out_option
@json_option
@click.pass_obj
def list_(state: Any, out: Path | None, as_json: bool) -> int:
    """List the runs."""
    from kb.cli_eval_show import print_runs, runs_json
    from kb.cli_output import say, say_json
    from kb.pipeline import evaluate

    runs, problems = evaluate.all_runs(place_of(state, out))
    if as_json:
        say_json(runs_json(runs))
    else:
        print_runs(runs)
    for problem in problems:
        say(f"kb: {problem}", err=True)
    return problems[0].exit_code if problems else EXIT_OK


@eval_.command(epilog=examples("kb eval show RUN", "kb eval show RUN --json", "kb eval show RUN --samples"))
@click.argument("run_id", metavar="RUN")
@click.option("--samples", is_flag=True, help="Every completion, too.")
@out_option
@json_option
@click.pass_obj
def show(state: Any, run_id: str, samples: bool, out: Path | None, as_json: bool) -> int:
    """Show what a run measured and with which settings. RUN is an id, its beginning, or a folder."""
    from kb.cli_eval_show import print_run, run_json
    from kb.cli_output import say_json

    found = place_of(state, out).load(run_id)
    if as_json:
        say_json(run_json(found, samples=samples))
    else:
        print_run(found, samples=samples)
    return EXIT_OK


@eval_.command(epilog=examples("kb eval compare FULL RTN4", "kb eval compare FULL RTN4 --margin 0.02 --json"))
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="A difference of accuracies that does not matter, a fraction.",
)
@click.option("--force", is_flag=True, help="Compare although settings differ; the result says which.")
@out_option
@json_option
@click.pass_obj
def compare(state: Any, a: str, b: str, margin: float, force: bool, out: Path | None, as_json: bool) -> int:
    """Hold run B against run A, sample by sample: difference, McNemar, equivalence within the margin, items needed."""
    from kb.cli_output import say, say_json
    from kb.harness.compare import compare as hold
    from kb.harness.compare_text import render_comparison

    where = place_of(state, out)
    found = hold(where.load(a), where.load(b), margin, force=force)
    if as_json:
        say_json(found.to_data())
    else:
        say(render_comparison(found).rstrip("\n"))
    return EXIT_OK
