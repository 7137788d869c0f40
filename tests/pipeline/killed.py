"""Run a kb command again and again on copies of a knowledge base, each time killed one step later.

    python -m tests.pipeline.killed ROOT WORK COMMAND...

A step is a moment before or after a file is created, flushed, renamed or removed; a file that is killed before its
flush is cut in half first. After each kill: every file is as it was before or as an undisturbed run leaves it, and
the same command again comes to the undisturbed end. Each run is forked from this process, which has all modules
loaded and no threads.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kb.pipeline.sync  # noqa: F401 - loaded once, before the forks
import kb.sources.zotero  # noqa: F401
from kb import cli
from tests.pipeline.kbase import leftovers, tree

CODES = (0, 7)


class Steps:
    """Counts steps of this process, and ends it at the step `last`."""

    def __init__(self, root: Path, last: int) -> None:
        self.root, self.last, self.count = str(root), last, 0

    def step(self) -> None:
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        os.open = self.around(
            os.open, lambda path, flags, *rest, **more: bool(flags & os.O_CREAT) and self.ours(path)
        )
        os.replace = self.around(os.replace, lambda a, b, **more: self.ours(b))
        os.unlink = self.around(os.unlink, lambda path, **more: self.ours(path))
        flush = os.fsync

        def fsync(handle: int) -> None:
            self.count += 1
            if self.count == self.last:
                if Path(f"/proc/self/fd/{handle}").is_file():
                    os.ftruncate(handle, os.fstat(handle).st_size // 2)
                os.kill(os.getpid(), signal.SIGKILL)
            flush(handle)
            self.step()

        os.fsync = fsync

    def ours(self, path: Any) -> bool:
        return os.fspath(path).startswith(self.root)

    def around(self, call: Callable[..., Any], counts: Callable[..., bool]) -> Callable[..., Any]:
        def wrapped(*args: Any, **named: Any) -> Any:
            if not counts(*args, **named):
                return call(*args, **named)
            self.step()
            result = call(*args, **named)
            self.step()
            return result

        return wrapped


def forked(root: Path, command: list[str], last: int) -> int:
    """The wait status of the command in a process of its own, killed at step `last`; 0 kills never."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            Steps(root, last).install()
            code = cli.main(["--root", str(root), *command])
        except BaseException:  # noqa: BLE001 - told to the parent
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def fresh(root: Path, work: Path) -> Path:
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(root, work)
    return work


def main() -> int:
    root, work, *command = sys.argv[1:]
    before = tree(Path(root))
    target = fresh(Path(root), Path(work))
    assert os.waitstatus_to_exitcode(forked(target, command, 0)) in CODES
    after = tree(target)
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    assert changed, "the command changes nothing"
    kills = 0
    while True:
        target = fresh(Path(root), Path(work))
        if os.waitstatus_to_exitcode(forked(target, command, kills + 1)) != -signal.SIGKILL:
            break
        kills += 1
        here = tree(target)
        for name in {*before, *after, *here}:
            if not name.endswith(".tmp"):
                allowed = (before.get(name), after.get(name))
                assert here.get(name) in allowed, f"after kill {kills}: {name}: {here.get(name)!r}"
        assert os.waitstatus_to_exitcode(forked(target, command, 0)) in CODES, f"rerun after kill {kills}"
        again = tree(target)
        for name in {*after, *again}:
            assert again.get(name) == after.get(name), (
                f"rerun after kill {kills}: {name}: {again.get(name)!r}"
            )
        assert leftovers(target) == [], f"rerun after kill {kills}"
    assert tree(target) == after
    print(json.dumps({"kills": kills, "changed": len(changed)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
