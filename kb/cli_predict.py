"""`kb predict`: what quantization will cost, from what is reported, with an interval and the nearest evidence."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import Sections, examples, json_option
from kb.errors import EXIT_OK, EXIT_PARTIAL, UsageError

if TYPE_CHECKING:
    from kb.pipeline.predict import Answer, RowAnswer

_BITS = click.FloatRange(0, 32, min_open=True)
_ORIGINS = ("distilled", "rl", "hybrid", "instruct", "base")


@click.group(
    cls=Sections,
    invoke_without_command=True,
    epilog=examples(
        "kb predict --model-size 7 --weight-bits 4 --method awq --benchmark MATH-500 --baseline 92",
        "kb predict --model QwQ-32B --method quarot --weight-bits 4 --act-bits 4 --kv-bits 4 --benchmark AIME-120",
        "kb predict --rows FILE.csv --json",
        "kb predict evaluate --write",
    ),
)
@click.option("--model", help="A model of results/_models.yaml; then its size and origin are known.")
@click.option("--model-size", "size", type=float, metavar="BILLIONS", help="Parameters, in billions.")
@click.option(
    "--origin", type=click.Choice(_ORIGINS), help="How it came by its reasoning.  [default: distilled]"
)
@click.option("--method", help="A method of results/_methods.yaml, or another spelling of it.")
@click.option("--weight-bits", type=_BITS, default=16, show_default=True)
@click.option("--act-bits", type=_BITS, default=16, show_default=True)
@click.option("--kv-bits", type=_BITS, default=16, show_default=True)
@click.option("--benchmark", help="A benchmark of results/_benchmarks.yaml.")
@click.option(
    "--baseline", type=float, metavar="PERCENT", help="Accuracy at full precision.  [default: as reported]"
)
@click.option("--extrapolate", is_flag=True, help="Answer beyond the evidence too, with a wider interval.")
@click.option(
    "--rows",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="A table of questions, in the columns that kb results import reads.",
)
@click.option(
    "--evaluate", "measures", is_flag=True, help="With --rows: sum up the errors where a score stands."
)
@json_option
@click.pass_context
def predict(
    context: click.Context,
    /,
    rows: Path | None,
    measures: bool,
    extrapolate: bool,
    as_json: bool,
    **asked: Any,
) -> int | None:
    """Predict the accuracy of a quantized model from what papers report of others like it.

    The model is fitted to the rows of results/. Beyond them (fewer bits than a method was ever reported with, other sizes,
    unknown methods or benchmarks) one question gets no number: it is said what lies outside, and by how much, and the exit
    code is 7; --extrapolate gives a number with a wider interval. Rows of a table always get one, with the reasons beside
    it; a row that cannot be read is named, costs only itself, and makes the exit code 7. A score in the table is never used
    for its prediction.
    """
    if context.invoked_subcommand is not None:
        return None
    if rows is not None:
        return _rows(context.obj, rows, as_json=as_json, measures=measures)
    if measures:
        raise UsageError("--evaluate sums up a table", fix="add --rows FILE, or run kb predict evaluate")
    return _one(context.obj, asked, extrapolate=extrapolate, as_json=as_json)


def _one(state: Any, asked: dict[str, Any], *, extrapolate: bool, as_json: bool) -> int:
    from kb.cli_output import say_json
    from kb.pipeline.predict import ask, open_oracle

    for name in ("method", "benchmark"):
        if not asked[name]:
            raise UsageError(f"--{name} is missing", fix="kb predict --help shows a whole question")
    bits = (asked.pop("weight_bits"), asked.pop("act_bits"), asked.pop("kv_bits"))
    answer = ask(open_oracle(state.config()), bits=bits, extrapolate=extrapolate, **asked)
    if as_json:
        say_json(answer.to_data())
    else:
        _show(answer)
    return EXIT_PARTIAL if answer.refused else EXIT_OK


def _show(answer: Answer) -> None:
    from kb.cli_output import print_table, say

    case, found = answer.case, answer.predicted
    who = case.model or f"a model of {case.size_b:g} billion parameters ({case.origin})"
    for note in answer.notes:
        say(f"({note})")
    if found is None:
        say(f"no prediction for {who}, {case.setting}, on {case.benchmark}: it lies outside what is reported")
    else:
        inner, outer = found.intervals[80], found.intervals[95]
        say(
            f"{who}, {case.setting}, on {case.benchmark}: {found.score:.1f} %, {found.score - case.baseline:+.1f} points"
        )
        say(
            f"4 in 5 within {inner.low:.1f} to {inner.high:.1f}, 19 in 20 within {outer.low:.1f} to {outer.high:.1f}"
        )
    for each in answer.outside:
        say(f"outside the evidence: {each.message}")
    if found is None:
        say("--extrapolate gives a number all the same")
    if answer.in_evidence:
        say("this very figure is reported, and the model has learned from it")
    if answer.nearest:
        say("nearest evidence:")
        print_table(
            ("alike", "source", "model", "setting", "benchmark", "score", "drop"),
            [
                (
                    f"{alike:.2f}",
                    one.case.source,
                    one.case.model,
                    one.case.setting,
                    one.case.benchmark,
                    f"{one.score:g}",
                    f"{one.drop:+.3g}",
                )
                for one, alike in answer.nearest
            ],
        )


def _rows(state: Any, file: Path, *, as_json: bool, measures: bool) -> int:
    from kb.pipeline.predict import open_oracle, predict_rows
    from kb.records.files import decode_utf8, read_regular

    if str(file) == "-":
        name, text = "<stdin>", decode_utf8(sys.stdin.buffer.read(), Path("<stdin>"))
    else:
        if not file.exists():
            raise UsageError(f"{file}: there is no such file", fix="check the path")
        name, text = str(file), decode_utf8(read_regular(file), file)
    done = list(predict_rows(open_oracle(state.config()), text, file=name))
    for row in done:
        if as_json:
            click.echo(json.dumps(row.to_data(), ensure_ascii=True))
        else:
            _show_row(row)
        if row.problem is not None:
            click.echo(f"kb: {row.problem}", err=True)
    if measures or (as_json and any(row.score is not None for row in done)):
        _sum_up(done, to_stderr=not measures or as_json)
    return EXIT_PARTIAL if any(row.problem is not None for row in done) else EXIT_OK


def _show_row(row: RowAnswer) -> None:
    from kb.cli_output import say

    if row.answer is None or row.answer.predicted is None:
        return
    case, found = row.answer.case, row.answer.predicted
    inner = found.intervals[80]
    beyond = "".join(f"; outside: {each.message}" for each in row.answer.outside)
    name = " ".join(
        filter(None, (case.source, case.model or f"{case.size_b:g}B", case.setting, case.benchmark))
    )
    say(
        f"{row.index}: {name}: {found.score:.1f} ({found.score - case.baseline:+.1f}), "
        f"4 in 5 within {inner.low:.1f} to {inner.high:.1f}{beyond}"
    )


def _sum_up(rows: list[RowAnswer], *, to_stderr: bool) -> None:
    from kb.pipeline.predict_figures import summary_of

    for line in summary_of(rows):
        click.echo(line, err=to_stderr)


@predict.command(epilog=examples("kb predict evaluate", "kb predict evaluate --write"))
@click.option(
    "--write", is_flag=True, help="Keep the figures: benchmarks/predict.json and the pages that show them."
)
@json_option
@click.pass_obj
def evaluate(state: Any, write: bool, as_json: bool) -> int:
    """Measure the model on reported figures that it has not seen: nested cross-validation, baselines, intervals."""
    from kb.cli_output import SyncProgress, say_json
    from kb.link.predict.report import markdown
    from kb.pipeline.predict_figures import evaluate as run
    from kb.pipeline.predict_figures import write_figures

    config = state.config()
    with SyncProgress(quiet=as_json) as progress:
        found = run(config, progress)
    if write:
        write_figures(config, found)
    if as_json:
        say_json(found)
    else:
        click.echo(markdown(found))
    return EXIT_OK
