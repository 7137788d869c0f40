"""A question of `kb triage` at a terminal: shown, and answered by a key. Piped, it reads a line where it would read a key."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from kb.cli_keys import BACK, ESCAPE, Keys
from kb.errors import KbError, UsageError
from kb.text import one_line

if TYPE_CHECKING:
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


def learn(session: Session) -> tuple[str, ...]:
    """Learning may fail; what was decided is on disk all the same."""
    if session.learner is not None and session.decided:
        click.echo(f"learning from {len(session.decided)} ...", err=True)
    try:
        return session.learn()
    except KbError as error:
        return (f"the classifier did not learn from this: {error}",)


class Terminal:
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
                self._say(learn(self.session))
        self._end()

    def _end(self) -> None:
        self._say(learn(self.session))
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
