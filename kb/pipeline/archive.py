"""An archive that stays the same and can be checked: a ZIP of sorted files with fixed dates, and a list of their SHA-256.

The list is in the form of `sha256sum`, so that nobody needs kb to check an unpacked archive.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from kb.errors import DataError, KbError
from kb.records.files import sync_dir

MANIFEST = "MANIFEST.sha256"
_CHUNK = 1 << 20
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_ODD = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_FIRST = 315_532_800  # 1980-01-01: a ZIP knows no earlier day
_MODE = (0o100644 << 16) | 0  # a plain file that anybody may read
Content = Path | bytes


def write_archive(
    path: Path,
    files: Mapping[str, Content],
    *,
    top: str,
    seconds: int,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> str:
    """Write `files` (by path inside the archive) and their list; whole or not at all.

    Args:
        top: the folder inside the archive that holds everything.
        seconds: the date of every file, since 1970.

    Returns:
        SHA-256 of the archive.

    Raises:
        DataError: a name cannot stand in a list, or a file cannot be read.
        KbError: the disk is full or the folder cannot be written; nothing is left then.
    """
    for name in files:
        if _ODD.search(name):
            raise DataError("has a name that no list can hold", file=ascii(name), fix="rename it")
    lines: list[str] = []
    with _beside(path) as stream:
        with zipfile.ZipFile(stream, "w") as archive:
            for number, name in enumerate(sorted(files), start=1):
                data = _read(files[name])
                lines.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
                put(archive, f"{top}/{name}", data, seconds)
                step(number, len(files))
            put(archive, f"{top}/{MANIFEST}", "".join(lines).encode(), seconds)
        stream.flush()
        os.fsync(stream.fileno())
        return _digest(stream)


def put(archive: zipfile.ZipFile, name: str, data: bytes, seconds: int) -> None:
    """Add a file to a ZIP, the same bytes on every machine: dated `seconds` since 1970, readable by anybody."""
    year, month, day, hour, minute, second, *_ = datetime.fromtimestamp(max(seconds, _FIRST), UTC).timetuple()
    entry = zipfile.ZipInfo(name, (year, month, day, hour, minute, second))
    entry.create_system = 3  # as on Unix, whatever this machine is
    entry.external_attr = _MODE
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data, compresslevel=9)


def _read(content: Content) -> bytes:
    if isinstance(content, bytes):
        return content
    try:
        if content.is_symlink() or not content.is_file():
            raise DataError(
                "is not a regular file", file=content, fix="put the file itself there, not a link"
            )
        return content.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=content) from None


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    """A new file that gets the name `path` once all is well, and is gone otherwise."""
    made: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        made = Path(name)
        with os.fdopen(handle, "w+b") as stream:
            yield stream
        made.chmod(0o644)
        made.replace(path)
        made = None
        sync_dir(path.parent)
    except OSError as error:
        raise KbError(f"cannot be written: {error.strerror or error}", file=path) from error
    finally:
        if made is not None:
            with suppress(OSError):
                made.unlink()


def _digest(stream: IO[bytes]) -> str:
    stream.seek(0)
    found = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        found.update(chunk)
    return found.hexdigest()


@dataclass(frozen=True)
class Verified:
    """What an archive holds, and what is wrong with it."""

    files: int
    bytes: int
    sha256: str
    problems: tuple[str, ...] = ()


def verify_archive(path: Path, step: Callable[[int, int], None] = lambda done, total: None) -> Verified:
    """Hold every file of an archive against its list. Nothing is unpacked.

    Raises:
        DataError: it is no archive of kb, or cannot be read.
    """
    fix = "name a file that kb freeze has made, or fetch it again"
    try:
        with path.open("rb") as stream:
            digest = _digest(stream)
            with zipfile.ZipFile(stream) as archive:
                return _verify(archive, digest, path, step)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"is no ZIP that can be read: {error}", file=path, fix=fix) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path, fix=fix) from None


def _verify(archive: zipfile.ZipFile, digest: str, path: Path, step: Callable[[int, int], None]) -> Verified:
    names = archive.namelist()
    lists = [name for name in names if name.count("/") == 1 and name.endswith(f"/{MANIFEST}")]
    if len(lists) != 1:
        fix = "name a file that kb freeze has made"
        raise DataError(f"holds no list of its files ({MANIFEST})", file=path, fix=fix)
    top = lists[0].removesuffix(MANIFEST)
    problems = [f"{name}: stands in it twice" for name, times in Counter(names).items() if times > 1]
    promised = _promised(_content(archive, lists[0], problems), problems)
    there = {name.removeprefix(top): name for name in names if name.startswith(top)} if top else {}
    del there[MANIFEST]
    size = 0
    for number, name in enumerate(sorted(promised.keys() | there.keys()), start=1):
        if name not in there:
            problems.append(f"{name}: is missing")
        elif name not in promised:
            problems.append(f"{name}: is not in the list")
        else:
            found = hashlib.sha256()
            for chunk in _chunks(archive, there[name], problems):
                found.update(chunk)
                size += len(chunk)
            if found.hexdigest() != promised[name] and not any(
                each.startswith(f"{there[name]}: is damaged") for each in problems[-1:]
            ):
                problems.append(f"{name}: is not what the list says")
        step(number, len(promised))
    problems += [f"{name}: lies outside of {top}" for name in names if not name.startswith(top)]
    return Verified(len(promised), size, digest, tuple(problems))


def _promised(text: bytes, problems: list[str]) -> dict[str, str]:
    """What the list says: SHA-256 by name."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), start=1):
        told = _LINE.fullmatch(line)
        if told is None:
            problems.append(f"{MANIFEST}:{number}: is no line of a list")
        else:
            found[told[2]] = told[1]
    return found


def _content(archive: zipfile.ZipFile, name: str, problems: list[str]) -> bytes:
    return b"".join(_chunks(archive, name, problems))


def _chunks(archive: zipfile.ZipFile, name: str, problems: list[str]) -> Iterator[bytes]:
    """A file of the archive piece by piece; one that cannot be unpacked is a problem, and ends there."""
    try:
        with archive.open(name) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        problems.append(f"{name}: is damaged ({error})")
