"""`kb classify`: what the classifier says, what it writes into records, how it is trained and measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kb.cli_parts import Sections, examples, json_option
from kb.errors import EXIT_OK, EXIT_PARTIAL, UsageError

if TYPE_CHECKING:
    from kb.classify.predict import Prediction


words_option = click.option(
    "--words-only", is_flag=True, help="Use no embeddings, only words: quicker, a little less sure."
)
data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The folder of labelled papers (gold_labels_dev.jsonl and its neighbours).",
)


@click.group(cls=Sections, epilog=examples("kb classify apply", "kb classify predict papers.jsonl --json"))
def classify() -> None:
    """Sort papers into branches, stages and scope, with probabilities and evidence."""


@classify.command(
    epilog=examples(
        "kb classify predict papers.jsonl --json",
        'echo \'{"title": "Shorter chains of thought"}\' | kb classify predict - --json',
    )
)
@click.argument("file", type=click.Path(path_type=str, dir_okay=False, allow_dash=True))
@words_option
@json_option
@click.pass_obj
def predict(state: Any, file: str, words_only: bool, as_json: bool) -> int:
    """Classify each line of FILE: a JSON object with title, abstract and, if you like, id and headings.

    A line that cannot be read is named and costs only itself; the exit code is 7 then.
    """
    from kb.pipeline import voice as run
    from kb.pipeline.classify import known_keys
    from kb.records.taxonomy import load_taxonomy

    config = state.config()
    voice = run.open_voice(config, words_only=words_only)
    taxonomy = load_taxonomy(config.taxonomy_path)
    keys = known_keys(config)
    try:
        stream = sys.stdin.buffer if file == "-" else Path(file).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    wrong = 0
    with stream:
        for answer in run.predict_lines(
            voice, stream, name="<stdin>" if file == "-" else file, taxonomy=taxonomy, keys=keys
        ):
            _notices(voice.notices)
            if answer.problem is not None:
                wrong += 1
                click.echo(f"kb: {answer.problem}", err=True)
            elif answer.prediction is not None:
                _show(answer.prediction, as_json, relevance="relevance" in voice.classifier.words)
    _notices(voice.notices)
    return EXIT_PARTIAL if wrong else EXIT_OK


def _notices(lines: list[str]) -> None:
    while lines:
        click.echo(f"kb: {lines.pop(0)}", err=True)


def _show(prediction: Prediction, as_json: bool, *, relevance: bool) -> None:
    """Print an answer; without a relevance where nobody taught the classifier what does not belong here."""
    if as_json:
        data = prediction.to_data()
        if not relevance:
            del data["relevance"]
        click.echo(json.dumps(data, ensure_ascii=True))
        return
    parts = [prediction.id] if prediction.id else []
    for name, facet in prediction.facets.items():
        if facet.abstained:
            parts.append(f"{name} ? ({facet.reason})")
        else:
            parts.append(f"{name} {', '.join(f'{b} {p:.0%}' for b, p in facet.proposed)}")
    if relevance:
        parts.append(f"relevance {prediction.relevance:.0%}")
    click.echo("; ".join(parts))


@classify.command(epilog=examples("kb classify apply", "kb classify apply --dry-run"))
@click.option("--dry-run", is_flag=True, help="Say what would change; write nothing.")
@words_option
@json_option
@click.pass_obj
def apply(state: Any, dry_run: bool, words_only: bool, as_json: bool) -> int:
    """Give every record the classifier's proposals, and every candidate its relevance.

    What a person confirmed or rejected stays as it is. A second run changes nothing. `kb sync` does not do this by
    itself: run it after a sync that brought papers.
    """
    from kb.cli_output import SyncProgress
    from kb.pipeline import classify as run

    with SyncProgress(quiet=as_json) as progress:
        report = run.apply(
            state.config(),
            dry_run=dry_run,
            words_only=words_only,
            progress=lambda done, total: progress("embedding", done, total),
        )
    if as_json:
        click.echo(json.dumps(vars(report), indent=1, ensure_ascii=False))
    else:
        _notices(list(report.notices))
        click.echo(str(report))
    return EXIT_OK


@classify.command(
    epilog=examples(
        "kb classify train",
        "kb classify train --words-only",
        "kb classify train --data DIR --out weights",
    )
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of labelled papers (gold_labels_dev.jsonl and its neighbours).  [default: the confirmed labels here]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write the weights.  [default: weights/; with --data into kb itself]",
)
@words_option
@click.pass_obj
def train(state: Any, data: Path | None, out: Path | None, words_only: bool) -> int:
    """Train the classifier: on the labels that people confirmed in the records, or on the papers of --data.

    In a survey of another field this is what makes it speak; it wants 20 papers with a confirmed branch of the first facet.
    kb.toml has to name the folder: [classify] weights = "weights". The same data give the same weights.
    """
    from kb.cli_output import SyncProgress

    config = state.config()
    with SyncProgress() as progress:

        def step(done: int, total: int) -> None:
            progress("embedding", done, total)

        if data is None:
            from kb.pipeline.classify_own import train_on_records

            classifier, files, notices = train_on_records(config, out, words_only=words_only, progress=step)
        elif words_only:
            raise UsageError("--words-only goes with the labels of the records", fix="leave --data out")
        else:
            from kb.pipeline.classify_data import train_weights

            (classifier, files), notices = train_weights(config, data, out, progress=step), []
    _notices(notices)
    for name, head in classifier.words.items():
        click.echo(f"{name}: {len(head.rows)} papers, {len(head.classes)} classes")
    for file in files:
        click.echo(f"wrote {file}")
    if data is None and config.settings.classify.weights is None:
        click.echo(f'next: [classify] weights = "{files[0].parent.name}" in kb.toml, then kb classify apply')
    return EXIT_OK


@classify.command(
    epilog=examples("kb classify evaluate --data labelled", "kb classify evaluate --data labelled --json")
)
@data_option
@words_option
@click.option("--repeats", type=click.IntRange(1, 20), default=5, show_default=True)
@click.option("--write/--no-write", default=True, help="Keep the figures in benchmarks/.")
@json_option
@click.pass_obj
def evaluate(state: Any, data: Path, words_only: bool, repeats: int, write: bool, as_json: bool) -> int:
    """Measure the classifier on labelled papers it has not seen: nested cross-validation, baselines, screening."""
    from kb.classify.report import markdown
    from kb.cli_output import SyncProgress
    from kb.pipeline import classify_data as run

    config = state.config()
    with SyncProgress(quiet=as_json) as progress:
        found, notices = run.evaluate(
            config,
            data,
            words_only=words_only,
            repeats=repeats,
            progress=lambda done, total: progress("embedding", done, total),
            step=progress,
        )
    _notices(notices)
    if write:
        run.write_figures(config, found)
    click.echo(json.dumps(found, indent=1, ensure_ascii=False) if as_json else markdown(found))
    return EXIT_OK
