"""The program that is running, and what it stands on, at their versions: for whoever wants to build the same again."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

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
