"""Reading and writing files so that no reader ever sees half of one."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from kb.errors import DataError, KbError

MAX_BYTES = 256_000_000


def write_atomic(path: Path, text: str) -> bool:
    """Make `path` hold `text`: written beside it, flushed to disk, then renamed over it.

    Returns:
        False when the file held exactly that already; nothing is touched then.

    Raises:
        KbError: the disk is full or the folder cannot be written; the old content is intact.
    """
    changed = _replace(path, text)
    if changed:
        sync_dir(path.parent)
    return changed


def write_all(files: Iterable[tuple[Path, str]], check: Callable[[Path], None] = lambda path: None) -> int:
    """`write_atomic` for many files, whose folders are flushed to disk once, at the end.

    Args:
        check: called right before a file is written; may raise to stop there.

    Returns:
        The number of files that changed.
    """
    folders: Counter[Path] = Counter()
    try:
        for path, text in files:
            check(path)
            folders[path.parent] += _replace(path, text)
    finally:
        for folder in sorted(folder for folder, count in folders.items() if count):
            sync_dir(folder)
    return folders.total()


def _replace(path: Path, text: str) -> bool:
    data = text.encode("utf-8")
    with suppress(OSError):
        if path.read_bytes() == data:
            return False
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=path) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()
    return True


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
