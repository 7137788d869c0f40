"""`kb triage` on a plain terminal: one question, one key. Piped, it reads a line where it would read a key."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from kb.cli_keys import BACK, ESCAPE, Keys
from kb.errors import EXIT_OK, KbError, UsageError
from kb.text import one_line

if TYPE_CHECKING:
    from kb.config import Config
    from kb.pipeline.triage import Decision
    from kb.pipeline.triage_queue import Question
    from kb.pipeline.triage_session import Session
    from kb.records.taxonomy import Taxonomy

_SHOWN_EVIDENCE = 3
_SHOWN_AUTHORS = 3
_MATCHES = 9
_WIDEST = 110
_HELP = {
    "paper": "[enter] first  [1-9] that one instead  [letters, /] search  [+] several  [r]eject first  "
    "[s]kip  [v] abstract  [u]ndo  [q]uit",
    "candidate": "[enter] take it in  [r]eject with a reason  [s]kip  [v] abstract  [u]ndo  [q]uit",
    "suspicious": "[1-9] it is that record  [d] it is none of them  [r]eject with a reason  [s]kip  [u]ndo  [q]uit",
}


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
    terminal = _Terminal(session, taxonomy, limit)
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
    lines = _learn(session) if session.wants_to_learn else ()
    if as_json:
        click.echo(json.dumps({"decisions": len(found), "files": files, "learned": lines}, indent=1))
        return EXIT_OK
    for name in files:
        click.echo(name)
    click.echo(f"{len(found)} decisions, {len(files)} files changed")
    for line in lines:
        click.echo(one_line(line))
    return EXIT_OK


def _learn(session: Session) -> tuple[str, ...]:
    """Learning may fail; what was decided is on disk all the same."""
    if session.learner is not None and session.decided:
        click.echo(f"learning from {len(session.decided)} ...", err=True)
    try:
        return session.learn()
    except KbError as error:
        return (f"the classifier did not learn from this: {error}",)


class _Terminal:
    """Shows questions and turns keys into answers."""

    def __init__(self, session: Session, taxonomy: Taxonomy, limit: int | None) -> None:
        self.session = session
        self.taxonomy = taxonomy
        self.limit = limit
        self.keys = Keys()
        self.width = min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)

    def run(self) -> None:
        with self.keys:
            self._ask()

    def _ask(self) -> None:
        shown: str | None = None
        asked = 0
        while (question := self.session.question) is not None:
            name = f"{question.name} {question.stamp}"
            if name != shown:
                if self.limit is not None and asked >= self.limit:
                    break
                asked += 1
                self._show(question)
                shown = name
            try:
                if not self._answer(question):
                    break
            except KbError as error:  # nothing was written: ask again
                click.echo(f"kb: {error}")
                continue
            if self.session.wants_to_learn:
                self._say(_learn(self.session))
        self._end()

    def _end(self) -> None:
        self._say(_learn(self.session))
        rest = len(self.session.queue)
        click.echo(
            f"{self.session.count} decided, {rest} open"
            if rest
            else f"{self.session.count} decided, none open"
        )

    def _say(self, lines: Sequence[str]) -> None:
        for line in lines:
            click.echo(one_line(line))

    # Showing

    def _show(self, question: Question) -> None:
        open_ = len(self.session.queue)
        what = question.facet or {"candidate": "waiting", "suspicious": "here already?"}[question.kind]
        click.echo()
        self._wrap(f"[{open_} open] {what}: {'; '.join(question.reasons) or 'not confirmed yet'}", dim=True)
        self._wrap(question.title, bold=True)
        authors = ", ".join(question.authors[:_SHOWN_AUTHORS])
        more = " et al." if len(question.authors) > _SHOWN_AUTHORS else ""
        year = f" ({question.year})" if question.year else ""
        self._wrap(
            f"{authors or 'unknown authors'}{more}{year}  {'  '.join(question.links[:3])}  {question.id}"
        )
        for number, proposal in enumerate(question.proposals, start=1):
            sure = f"  {proposal.confidence:.0%}" if proposal.confidence is not None else ""
            self._wrap(f"  {number}  {proposal.branch}{sure}  {proposal.title}")
            if proposal.witnesses:
                self._wrap(f"said by {', '.join(map(one_line, proposal.witnesses))}", indent=7, dim=True)
            for line in proposal.evidence[:_SHOWN_EVIDENCE]:
                self._wrap(line, indent=7, dim=True)
        if question.kind == "paper" and not question.proposals:
            self._wrap("  nobody proposes a branch; type to search for one")
        for number, (key, title) in enumerate(question.like, start=1):
            self._wrap(f"  {number}  {key}  {title}")
        self._wrap(_HELP[question.kind], dim=True)

    def _wrap(self, text: str, *, indent: int = 0, dim: bool = False, bold: bool = False) -> None:
        lead = " " * (indent or len(text) - len(text.lstrip(" ")))
        lines = textwrap.wrap(
            text.strip(),
            max(self.width, 40),
            initial_indent=lead,
            subsequent_indent=lead + ("   " if lead and not indent else ""),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines:
            click.secho(line, dim=dim or None, bold=bold or None)

    # Answering

    def _answer(self, question: Question) -> bool:
        """Take one answer; False ends the session."""
        if self.keys.terminal:
            return self._on_key(question, self._key())
        line = self.keys.line("> ")
        return line is not None and self._on_line(question, line)

    def _key(self) -> str:
        click.echo("> ", nl=False)
        key = self.keys.key()
        click.echo(key if key.isprintable() else "")
        return key

    def _on_key(self, question: Question, key: str) -> bool:
        if key in ("\n", "a"):
            return self._done(self.session.accept)
        if key.isdigit():
            return self._number(question, key)
        if key == "+" and question.kind == "paper":
            line = self.keys.line("several, joined by +: ")
            return self._on_line(question, line) if line else True
        if key == "r" and question.kind != "paper":
            reason = self.keys.line("why: ")
            return self._done(lambda: self.session.reject(reason)) if reason else True
        if key in ("r", "s", "u", "v", "q", "d", "?"):
            return self._word(question, key, None)
        if question.kind == "paper" and key.isprintable():
            branch = self._search(question, "" if key == "/" else key)
            return self._done(lambda: self.session.accept([branch])) if branch else True
        return True

    def _on_line(self, question: Question, line: str) -> bool:
        word, _, rest = line.partition(" ")
        if line in ("", "a"):
            return self._done(self.session.accept)
        if word in ("r", "s", "u", "v", "q", "d", "?") and (word == "r" or not rest):
            return self._word(question, word, rest.strip() or None)
        if question.kind != "paper":
            return self._number(question, line)
        branches = [self._one(question, part.strip()) for part in line.split("+")]
        return self._done(lambda: self.session.accept(branches))

    def _done(self, act: Callable[[], None]) -> bool:
        act()
        return True

    def _word(self, question: Question, word: str, rest: str | None) -> bool:
        if word == "q":
            return False
        if word == "?":
            self._show(question)
        elif word == "s":
            self.session.skip()
        elif word == "u":
            before = self.session.undo()
            click.echo(f"taken back: {before.id}")
        elif word == "v":
            self._abstract(question)
        elif word == "d":
            if question.kind == "suspicious":
                self.session.different()
            elif question.kind == "paper" and self.keys.terminal:
                branch = self._search(question, "d")
                if branch:
                    self.session.accept([branch])
            else:
                click.echo(_HELP[question.kind])
        else:
            self.session.reject(rest)
        return True

    def _number(self, question: Question, text: str) -> bool:
        names = [p.branch for p in question.proposals] or [key for key, _ in question.like]
        if not text.isdigit() or not 1 <= int(text) <= len(names):
            raise UsageError(f"there is no {text}", fix=_HELP[question.kind])
        name = names[int(text) - 1]
        if question.kind == "suspicious":
            self.session.same(name)
        else:
            self.session.accept([name])
        return True

    def _one(self, question: Question, text: str) -> str:
        """The branch that a number or words mean.

        Raises:
            UsageError: they mean none, or several.
        """
        from kb.pipeline.triage_queue import search

        if text.isdigit() and 1 <= int(text) <= len(question.proposals):
            return question.proposals[int(text) - 1].branch
        found = search(self.taxonomy, question.facet, text)
        exact = [name for name in found if text in (name, name.rpartition("/")[2])]
        if len(exact) == 1 or (exact and exact[0] == text):
            return exact[0]
        if len(found) == 1:
            return found[0]
        raise UsageError(f"{text!r} may be {', '.join(found[:_MATCHES]) or 'no branch'}", fix="write the id")

    def _search(self, question: Question, words: str) -> str | None:
        """Type-ahead: letters narrow, a number or enter chooses, escape leaves."""
        from kb.pipeline.triage_queue import search

        while True:
            found = search(self.taxonomy, question.facet, words)[:_MATCHES]
            self._matches(words, found)
            key = self.keys.key()
            if key == ESCAPE or (key in BACK and not words):
                click.echo()
                return None
            if key == "\n" and found:
                click.echo()
                return found[0]
            if key.isdigit() and 1 <= int(key) <= len(found):
                click.echo()
                return found[int(key) - 1]
            if key in BACK:
                words = words[:-1]
            elif key.isprintable():
                words += key

    def _matches(self, words: str, found: Sequence[str]) -> None:
        names = "  ".join(f"{number} {name}" for number, name in enumerate(found, start=1))
        text = f"search: {words}   {names or ('nothing is called so' if words else '')}"
        click.echo(f"\r\x1b[K{text[: self.width - 1]}", nl=False)

    def _abstract(self, question: Question) -> None:
        from kb.pipeline.triage_session import abstract_of

        self._wrap(
            one_line(abstract_of(self.session.config, question) or "no abstract is kept on this machine")
        )
