"""Reading and writing files so that no reader ever sees half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from kb.errors import DataError, KbError

MAX_BYTES = 256_000_000


_BATCH = 128  # files that wait for their names at a time
_FLUSHES = 8


def write_atomic(path: Path, text: str) -> bool:
    """Make `path` hold `text`: written beside it, flushed to disk, then renamed over it.

    Returns:
        False when the file held exactly that already; nothing is touched then.

    Raises:
        KbError: the disk is full or the folder cannot be written; the old content is intact.
    """
    return bool(write_all([(path, text)]))


def write_all(files: Iterable[tuple[Path, str]], check: Callable[[Path], None] = lambda path: None) -> int:
    """`write_atomic` for many files, which are flushed to disk together: that is many times as fast as one by one.

    Args:
        check: called right before a file is replaced; may raise to stop there.

    Returns:
        The number of files that changed.
    """
    waiting = iter(files)
    changed = 0
    while batch := list(islice(waiting, _BATCH)):
        changed += _replace(batch, check)
    return changed


def _replace(files: Iterable[tuple[Path, str]], check: Callable[[Path], None]) -> int:
    beside: dict[Path, Path] = {}  # new files that wait for their names
    folders: set[Path] = set()
    try:
        for path, text in files:
            data = text.encode("utf-8")
            if not _holds(path, data):
                beside[path] = _write_beside(path, data)
        changed = len(beside)
        _flush(beside)
        for path in tuple(beside):
            check(path)
            with _naming(path):
                beside[path].replace(path)
            del beside[path]
            folders.add(path.parent)
    finally:
        for left in beside.values():
            with suppress(OSError):
                left.unlink()
        for folder in sorted(folders):
            sync_dir(folder)
    return changed


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _write_beside(path: Path, data: bytes) -> Path:
    """A new file in the same folder with `data`, not yet flushed to disk."""
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            Path(name).chmod(0o644)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        return Path(name)


def _flush(beside: Mapping[Path, Path]) -> None:
    def flush(path: Path) -> None:
        with _naming(path):
            handle = os.open(beside[path], os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    if len(beside) < _FLUSHES:
        for path in beside:
            flush(path)
        return
    with ThreadPoolExecutor(_FLUSHES) as pool:  # the disk does them in one go
        list(pool.map(flush, beside))


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn an error of the system into one that names `path`."""
    try:
        yield
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=path) from error


def remove(path: Path) -> None:
    """Delete `path`, durably; it may be gone already."""
    try:
        path.unlink(missing_ok=True)
        sync_dir(path.parent)
    except OSError as error:
        raise KbError(f"cannot be removed: {error.strerror or error}", file=path) from error


def sync_dir(path: Path) -> None:
    """Make renames in `path` durable, where the system can."""
    with suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_utf8(path: Path) -> str:
    """The text of a file of ours.

    Raises:
        DataError: it cannot be read, is no regular file, or is not UTF-8.
    """
    return decode_utf8(read_regular(path), path)


def read_regular(path: Path) -> bytes:
    """The bytes of a plain file, never of a link, a pipe or a device, nor of one that is beyond all measure.

    Raises:
        DataError: it is none, or cannot be read.
    """
    try:
        if path.is_symlink() or not path.is_file():
            raise DataError("is not a regular file", file=path, fix="put the file itself there, not a link")
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"is larger than {MAX_BYTES} bytes", file=path)
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from None


def read_if_there(path: Path) -> str:
    """The text of a file of ours that may be absent; empty then. A link that leads nowhere is not absent."""
    return read_utf8(path) if path.is_symlink() or path.exists() else ""


def decode_utf8(data: bytes, path: Path) -> str:
    """The text of `data`, which was read from `path`.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"is not UTF-8 (byte {error.start})", file=path, fix="save it as UTF-8") from None


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Delete the temporary files that a killed run left in `folder`: of the file `name`, or of all."""
    for path in folder.glob(f".{name}.*.tmp"):
        with suppress(OSError):
            path.unlink()
