"""The program that is running, and what it stands on, at their versions: for whoever wants to build the same again."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import kb
from kb.pipeline.archive import put
from kb.pipeline.packaged import GITHUB, SHARED, files_under, packaged

DISTRIBUTION = "kb-survey"


def constraints() -> str:
    """A constraints file of pip: every package that kb needs (no extras), at the version that is installed.

    Empty where kb runs from a folder without having been installed.
    """
    found = {canonicalize_name(each.name): each.version for each in _needed(DISTRIBUTION, set())}
    found.pop(canonicalize_name(DISTRIBUTION), None)
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


def _needed(name: str, seen: set[str]) -> Iterator[Distribution]:
    if canonicalize_name(name) in seen:
        return
    seen.add(canonicalize_name(name))
    try:
        one = distribution(name)
    except PackageNotFoundError:
        return
    yield one
    for line in one.requires or ():
        try:
            wanted = Requirement(line)
        except InvalidRequirement:
            continue
        # An extra of ours is none of kb's needs; one that a package asks of another (fsspec[http]) is rare and left out.
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            yield from _needed(wanted.name, seen)


def wheel(seconds: int) -> tuple[str, bytes] | None:
    """The name and the bytes of a wheel of the program that is running, whether it was installed or lies in a checkout.

    https://packaging.python.org/en/latest/specifications/binary-distribution-format/

    Args:
        seconds: the date of its files, since 1970.

    Returns:
        None where kb runs from a folder without having been installed.
    """
    try:
        metadata = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return None
    name = f"{DISTRIBUTION.replace('-', '_')}-{metadata.version}"
    files = _program() | {
        f"{name}.dist-info/METADATA": (metadata.read_text("METADATA") or "").encode(),
        f"{name}.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: kb\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{name}.dist-info/entry_points.txt": (metadata.read_text("entry_points.txt") or "").encode(),
    }
    record = f"{name}.dist-info/RECORD"
    lines = [f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in sorted(files.items())]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in sorted(files.items()):
            put(archive, path, data, seconds)
        put(archive, record, "".join([*lines, f"{record},,\n"]).encode(), seconds)
    return f"{name}-py3-none-any.whl", packed.getvalue()


def _program() -> dict[str, bytes]:
    """The files of the package, with what every survey shares inside of it, as hatch_build.py puts it there."""
    home = Path(kb.__file__).parent
    found = {f"kb/{path.relative_to(home).as_posix()}": path for path in files_under(home)}
    if packaged() != home / "packaged":
        root = packaged()
        for part in (*SHARED, GITHUB):
            found |= {
                f"kb/packaged/{path.relative_to(root).as_posix()}": path for path in files_under(root / part)
            }
    return {name: path.read_bytes() for name, path in found.items() if "__pycache__" not in name}


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
