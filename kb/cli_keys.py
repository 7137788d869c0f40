"""One key at a time from a plain terminal, or one line at a time from a pipe."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections import deque
from collections.abc import Callable

import click

from kb.text import one_line

BACK, ESCAPE = ("\x7f", "\x08"), "\x1b"
_SEQUENCE = re.compile(r"\x1b[\[O][0-9;]*[A-Za-z~]")


class Keys:
    """Keys of a terminal, or lines of a pipe. A pipe that ends says quit.

    The terminal gives every key at once from the start to the end of the session, and not just while a question is
    open: what a quick hand types ahead is not lost.
    """

    def __init__(self) -> None:
        self.terminal = sys.stdin.isatty()
        self._waiting: deque[str] = deque()
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def __enter__(self) -> Keys:
        self._restore = _each_key(sys.stdin.fileno()) if self.terminal else None
        return self

    def __exit__(self, *error: object) -> None:
        if self._restore is not None:
            self._restore()

    def key(self) -> str:
        """One key; several that came at once are given one by one. What arrow and function keys send is left out."""
        while not self._waiting:
            self._waiting.extend(_SEQUENCE.sub("", self._read()))
        key = self._waiting.popleft()
        if key == "\x03":
            raise KeyboardInterrupt
        return "q" if key == "\x04" else "\n" if key == "\r" else key

    def _read(self) -> str:
        if self._restore is None:  # a system without termios
            return click.getchar()
        data = os.read(sys.stdin.fileno(), 1024)
        return self._decode(data) if data else "\x04"

    def line(self, prompt: str) -> str | None:
        """One line; None at the end of the input."""
        click.echo(prompt, nl=False)
        if not self.terminal:
            line = sys.stdin.readline()
            if not line:
                click.echo()
                return None
            click.echo(one_line(line))
            return line.strip()
        said = ""
        while True:
            key = self.key()
            if key == "\n":
                click.echo()
                return said.strip()
            if key == ESCAPE:
                click.echo()
                return ""
            if key in BACK:
                if said:
                    said = said[:-1]
                    click.echo("\b \b", nl=False)
            elif key.isprintable():
                said += key
                click.echo(key, nl=False)


def _each_key(handle: int) -> Callable[[], None] | None:
    """Let a terminal give each key as it is pressed, unseen; gives back how to end that. None where it cannot."""
    try:
        import termios
        import tty
    except ImportError:
        return None
    before = termios.tcgetattr(handle)
    tty.setcbreak(handle, termios.TCSADRAIN)
    return lambda: termios.tcsetattr(handle, termios.TCSADRAIN, before)
