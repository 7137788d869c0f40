"""No memory left: told apart from every other error, and no bug."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kb.errors import RunStopped

_SIGNS = ("can't allocate memory", "not enough memory", "out of memory")


def is_memory(error: BaseException) -> bool:
    """Whether this error says so. Torch has a class of its own on accelerators; on a processor, a RuntimeError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


@contextmanager
def memory_counts(what: str, fix: str) -> Iterator[None]:
    """Stops the run where there is no memory, and lets every other error through.

    Args:
        what: did not fit: one line.
        fix: what the reader can do.

    Raises:
        RunStopped: there is no memory left.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_memory(error):
            raise
        raise RunStopped(what, fix=fix) from error
