"""`kb triage`: its options; `kb.cli_ask` asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from kb.cli_ask import Terminal, learn
from kb.errors import EXIT_OK, UsageError
from kb.text import one_line

if TYPE_CHECKING:
    from kb.config import Config
    from kb.pipeline.triage import Decision
    from kb.pipeline.triage_session import Session
    from kb.records.taxonomy import Taxonomy


class State(Protocol):
    """What the options before the command said."""

    def config(self) -> Config: ...


@click.command(
    epilog="\b\nExamples:\n"
    "  kb triage --by 'Ada Almeida'\n"
    "  kb triage --facet stage --branch test-time\n"
    "  kb triage --json --limit 20\n"
    "  kb triage --decide liu2025quantization=smaller/quantization --decide han2024token=-faster\n"
    "  kb triage --decisions decisions.jsonl"
)
@click.option("--by", envvar="KB_PERSON", help="Your name, stored with every label [env: KB_PERSON].")
@click.option("--facet", "facets", multiple=True, help="Ask about this facet [default: the first].")
@click.option("--branch", help="Only papers that somebody proposes for this branch or below.")
@click.option("--only", type=click.Choice(["papers", "candidates"]), help="Only these.")
@click.option("--again", is_flag=True, help="Ask what was put off, too.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many questions.")
@click.option(
    "--batch", type=click.IntRange(min=1), default=20, show_default=True, help="Learn after so many."
)
@click.option(
    "--learn/--no-learn",
    "learns",
    default=None,
    help="Let the classifier learn, or not [default: after a batch, and when you quit].",
)
@click.option("--decide", "answers", multiple=True, metavar="KEY=BRANCH", help="Decide, without asking.")
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.jsonl",
    help="Decide what the file says: a JSON object a line, with id, branch, verdict, reason.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the queue as JSON for programs; ask nothing.")
@click.pass_obj
def triage(
    state: State,
    by: str | None,
    facets: tuple[str, ...],
    branch: str | None,
    only: str | None,
    again: bool,
    limit: int | None,
    batch: int,
    learns: bool | None,
    answers: tuple[str, ...],
    decisions: Path | None,
    as_json: bool,
) -> int:
    """Confirm or correct labels, and settle waiting works: the most useful question first, one key a decision.

    Every answer is in the record before the next question comes, so you can stop at any time. What lists and the
    classifier said stays beside your word. Piped, each line is one answer.
    """
    from kb.pipeline.triage_queue import Wanted
    from kb.pipeline.triage_session import Session, find_learner, open_questions
    from kb.records.taxonomy import load_taxonomy

    config = state.config()
    taxonomy = load_taxonomy(config.taxonomy_path)
    wanted = Wanted(
        facets=_facets(facets, taxonomy),
        kinds=("papers", "candidates") if only is None else (only,),
        branch=_branch(branch, taxonomy),
    )
    learner = None if learns is False else find_learner()
    if answers or decisions is not None:
        # A program that decides one at a time would wait for each.
        session = Session(
            config, wanted, _person(config, by, ask=False), learner=learner, batch=1 if learns else batch
        )
        return _decide_all(session, answers, decisions, as_json)
    if as_json:
        found = open_questions(config, wanted, again=again)[:limit]
        click.echo(json.dumps([asdict(each) for each in found], indent=1, ensure_ascii=False))
        return EXIT_OK
    session = Session(
        config, wanted, _person(config, by, ask=True), learner=learner, again=again, batch=batch
    )
    session.start()
    terminal = Terminal(session, taxonomy, limit)
    terminal.run()
    return EXIT_OK


def _facets(names: Sequence[str], taxonomy: Taxonomy) -> tuple[str, ...]:
    known = [facet.id for facet in taxonomy.facets]
    for name in names:
        if name not in known:
            raise UsageError(f"no facet {name!r}", fix=f"one of: {', '.join(known)}")
    return tuple(dict.fromkeys(names)) or (known[0],)


def _branch(name: str | None, taxonomy: Taxonomy) -> str | None:
    from kb.pipeline.triage import known_branch

    return known_branch(name, taxonomy) if name is not None else None


def _person(config: Config, by: str | None, *, ask: bool) -> str:
    """Who decides: as named, as remembered, or as asked for, once."""
    from kb.pipeline.triage_session import load_memory, save_memory

    memory = load_memory(config)
    name = one_line(by or "")
    if not name and ask:
        name = one_line(memory.by or "")
        if not name and sys.stdin.isatty():
            name = one_line(click.prompt("Your name, as it shall stand in the records"))
            save_memory(config, memory.model_copy(update={"by": name}))
    if not name:
        raise UsageError("nobody is named, and a label is somebody's word", fix="--by NAME, or set KB_PERSON")
    return name


def _decide_all(session: Session, answers: Sequence[str], file: Path | None, as_json: bool) -> int:
    from kb.pipeline.triage import decide, parse_decision, parse_decisions
    from kb.records.files import read_utf8

    found: list[Decision] = [parse_decision(each) for each in answers]
    if file is not None:
        text = sys.stdin.read() if str(file) == "-" else read_utf8(file)
        found += parse_decisions(text, file=file)
    undo = decide(session.config, found, by=session.by)
    files = sorted(path.relative_to(session.config.root).as_posix() for path in undo.after)
    session.take_note(undo)
    lines = learn(session) if session.wants_to_learn else ()
    if as_json:
        click.echo(json.dumps({"decisions": len(found), "files": files, "learned": lines}, indent=1))
        return EXIT_OK
    for name in files:
        click.echo(name)
    click.echo(f"{len(found)} decisions, {len(files)} files changed")
    for line in lines:
        click.echo(one_line(line))
    return EXIT_OK
