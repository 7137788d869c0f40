"""Whether two expressions are the same mathematics, asked of `math-verify` in a process of its own.

A model can write ``9^{9^{9^9}}``. SymPy then computes for hours inside one call that neither a signal nor a thread can
interrupt, or takes all memory. So the question goes to a child process that is killed when its time is over; the
answer is then *unscored*, and a new child starts with the next question. This works from any thread (math-verify's own
time limit works in the main one alone) and on any system.

    python -m kb.harness.tasks.math_check       the child: a JSON line {gold, answer} in, one {equal, why} out

Method: math-verify (github.com/huggingface/Math-Verify), strict comparison of parsed expressions, six digits.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from typing import Any

from kb.errors import UsageError

LIMIT_S = 10.0
"""Seconds of processor time for one comparison: on a busy machine the verdict is the same."""
PATIENCE = 6.0
"""How many times as long it may take by the clock: the limit where the system cannot measure the former."""
START_S = 60.0
"""Seconds until a child has imported SymPy."""
MEMORY = 4 << 30
"""Bytes of address space of the child, where the system can limit it."""


class Child:
    """The process that compares. One at a time; safe to call from several threads."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self.limit_s = limit_s
        self._lock = threading.Lock()
        self.process: subprocess.Popen[str] | None = None

    def ask(self, gold: str, answer: str) -> tuple[bool | None, str]:
        """(True, False or None for nobody can say, why)."""
        with self._lock:
            if self.process is None or self.process.poll() is not None:
                self._start()
            reply = self._exchange({"gold": gold, "answer": answer}, PATIENCE * self.limit_s)
            if reply is None:
                self._stop()
                return None, f"the comparison took longer than {self.limit_s:g} s or all of its memory"
            return reply["equal"], reply["why"]

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kb.harness.tasks.math_check", str(self.limit_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        reply = self._exchange(None, START_S)
        if reply is None:
            self._stop()
            raise UsageError(
                "comparing mathematics needs math-verify, which does not start",
                fix="pip install 'kb-survey[eval]'",
            )

    def _exchange(self, question: dict[str, str] | None, limit_s: float) -> dict[str, Any] | None:
        """One line there, one line back; None if the child died or its time was over."""
        process = self.process
        assert process is not None  # noqa: S101 - for the type checker
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        timer = threading.Timer(limit_s, process.kill)
        timer.daemon = True
        timer.start()
        try:
            if question is not None:
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
            line = process.stdout.readline()
            return json.loads(line) if line.endswith("\n") else None
        except OSError:
            return None
        finally:
            timer.cancel()

    def _stop(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # a question that the dead child never read
                    continue


child = Child()
atexit.register(child.close)


def equal_as_mathematics(gold: str, answer: str) -> tuple[bool | None, str]:
    """Whether `answer` says the same as `gold`; None if nobody can say, with the reason.

    Raises:
        UsageError: math-verify is not installed.
    """
    return child.ask(gold, answer)


def compare(gold: str, answer: str) -> tuple[bool | None, str]:
    """The comparison itself, without a limit. Runs in the child."""
    from math_verify import parse, verify

    def read(text: str) -> list[Any]:
        for wrapped in (f"${text}$", text):  # in math mode, else as it stands
            found: list[Any] = parse(wrapped, fallback_mode="no_fallback", parsing_timeout=None)
            if found:
                return found
        return []

    left = read(gold)
    if not left:
        return None, "math-verify cannot read the gold answer"
    right = read(answer)
    if not right:
        return False, "it cannot be read"
    return bool(verify(left, right, timeout_seconds=None)), ""


def _limit(seconds: float) -> None:
    """The system ends this process after so much processor time, whatever it computes; 0 takes the limit away."""
    import signal

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)  # the signal's default action needs no Python to run


def main() -> None:
    """The child's loop."""
    import contextlib
    import logging
    import warnings

    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):  # no such limit here: the time limit is left
        pass
    seconds = float(sys.argv[1])
    with contextlib.redirect_stdout(sys.stderr):
        compare("1", r"\frac{2}{2}")  # imports, and compiles the patterns

    def say(equal: bool | None, why: str) -> None:
        sys.stdout.write(json.dumps({"equal": equal, "why": why}) + "\n")
        sys.stdout.flush()

    say(None, "ready")
    for line in sys.stdin:
        _limit(seconds)
        question = json.loads(line)
        try:
            with contextlib.redirect_stdout(sys.stderr):
                verdict = compare(question["gold"], question["answer"])
        except Exception as error:  # noqa: BLE001 - whatever the library raises, nobody can say
            verdict = None, f"math-verify failed: {type(error).__name__}"
        _limit(0)
        say(*verdict)


if __name__ == "__main__":
    main()
