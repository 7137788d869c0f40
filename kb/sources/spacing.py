"""Taking turns at a server: one request at a time and a pause after each, for all kb processes of a machine.

arXiv asks for "no more than one request every three seconds" and "a single connection at a time", whatever the
number of machines (https://info.arxiv.org/help/api/tou.html). Two processes know of each other through two files:
a lock, held while a request is under way, and the time before which nobody may ask.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from kb.errors import LockError


@dataclass
class Turn:
    """The right to send one request. `pause_s` is how long everybody waits after it, in seconds."""

    pause_s: float


class Spacing:
    """Turns at one server.

    Args:
        directory: where the two files lie; made if absent. Processes that share it share the turns.
        name: the server's name, for the files and for messages.
        delay_s: the least time between the end of a request and the start of the next.
        max_wait_s: how long to wait for other processes before giving up.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        delay_s: float,
        max_wait_s: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.delay_s = delay_s
        self.max_wait_s = max_wait_s
        self._sleep = sleep
        self._clock = clock
        self._lock_path = directory / f"{name}.lock"
        self._stamp_path = directory / f"{name}.next"

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """Wait until it is our turn, and hold it for one request.

        Raises:
            LockError: other processes kept the turn for longer than `max_wait_s`, or the files cannot be used.
        """
        lock = self._wait()
        turn = Turn(self.delay_s)
        try:
            self._write(turn)  # holds even if this process is killed inside the request
            try:
                yield turn
            finally:
                self._write(turn)
        finally:
            lock.release()

    def _wait(self) -> FileLock:
        # The lock is never held while sleeping: whoever held it would be the first to take it again.
        seen: str | None = None
        waited, budget = 0.0, self.max_wait_s
        while True:
            lock, took = self._acquire(max(0.0, budget - waited))
            try:
                stamp = self._read()
                left = self._left(stamp)
                if left <= 0 or stamp == seen:  # the same stamp after its time was slept: nobody came between
                    return lock
            except BaseException:
                lock.release()
                raise
            lock.release()
            if seen is None:
                budget += left  # this pause is everybody's; only waiting for others is limited
            if waited + took + left > budget:
                raise self._busy()
            waited += took + left
            seen = stamp
            self._sleep(left)

    def _acquire(self, timeout: float) -> tuple[FileLock, float]:
        start = time.monotonic()
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._lock_path)
            lock.acquire(timeout=timeout, poll_interval=0.02)
        except Timeout:
            raise self._busy() from None
        except OSError as error:
            raise LockError(f"{self.name}: {error.strerror or error}", file=self._lock_path) from error
        return lock, time.monotonic() - start

    def _busy(self) -> LockError:
        return LockError(
            f"{self.name}: another kb process kept its turn for more than {self.max_wait_s:g} s",
            fix="let it end, then run this again",
        )

    def _read(self) -> str | None:
        try:
            return self._stamp_path.read_text(encoding="ascii", errors="replace")[:40]
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LockError(f"{self.name}: {error.strerror or error}", file=self._stamp_path) from error

    def _left(self, stamp: str | None) -> float:
        if stamp is None:
            return 0.0
        try:
            left = float(stamp) - self._clock()
        except ValueError:
            return self.delay_s  # a process was killed while it wrote
        if not math.isfinite(left) or left > max(self.delay_s, self.max_wait_s):
            return self.delay_s  # the clock was set back
        return max(0.0, left)

    def _write(self, turn: Turn) -> None:
        try:
            self._stamp_path.write_text(f"{self._clock() + turn.pause_s:.6f}", encoding="ascii")
        except OSError as error:
            raise LockError(f"{self.name}: {error.strerror or error}", file=self._stamp_path) from error
