"""Members of a zip file, those compressed with Zstandard (method 93) included.

`zipfile` reads these from Python 3.14 on; before, the package `zstandard` decompresses them.
"""

from __future__ import annotations

import importlib
import struct
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import Self

from kb.errors import DataError, UsageError

_ZSTANDARD = 93
LARGEST = 1 << 28
"""Bytes of one member, unpacked."""


class Zipped:
    """An open zip file.

    Raises:
        DataError: it is no zip file, or cut off.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.name
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(
                f"is no whole zip file: {error}", file=self.name, fix="copy the log again"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        return self._zip.namelist()

    def text(self, name: str) -> str:
        """A member as text.

        Raises:
            DataError: there is no such member, or it is damaged or enormous.
            UsageError: it is compressed with Zstandard and there is no library for that.
        """
        try:
            info = self._zip.getinfo(name)
        except KeyError:
            raise DataError("is missing in the log", file=self.name, field=name) from None
        if info.file_size > LARGEST:
            raise DataError(f"unpacks to {info.file_size:,} bytes", file=self.name, field=name)
        try:
            data = self._zstandard(info) if info.compress_type == _ZSTANDARD else self._zip.read(info)
            return data.decode("utf-8")
        except (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, struct.error, OSError) as error:
            raise DataError(
                f"is damaged: {error}", file=self.name, field=name, fix="copy the log again"
            ) from None

    def _zstandard(self, info: zipfile.ZipInfo) -> bytes:
        try:
            library = importlib.import_module("zstandard")
        except ImportError:
            try:
                return self._zip.read(info)
            except NotImplementedError:
                raise UsageError(
                    f"{self.name} is compressed with Zstandard",
                    fix="pip install zstandard, or inspect log convert --to json",
                ) from None
        file = self._zip.fp
        assert file is not None  # noqa: S101 - open until __exit__
        file.seek(info.header_offset)
        name_length, extra_length = struct.unpack("<26x2H", file.read(30))
        file.seek(name_length + extra_length, 1)
        packed = file.read(info.compress_size)
        try:
            data: bytes = library.ZstdDecompressor().decompress(packed, max_output_size=info.file_size + 1)
        except library.ZstdError as error:
            raise zipfile.BadZipFile(str(error)) from None
        if zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile("wrong checksum")
        return data
