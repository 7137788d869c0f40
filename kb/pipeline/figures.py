"""Measured figures in Markdown for people: between two markers of benchmarks/README.md or of a page."""

from __future__ import annotations

from pathlib import Path


def markers(name: str) -> tuple[str, str]:
    """The comments between which the figures called `name` stand."""
    return f"<!-- {name} -->", f"<!-- /{name} -->"


def with_figures(text: str, name: str, section: str, *, heading: str | None = None) -> str:
    """`text` with `section` between its markers; what stands around them stays.

    Args:
        heading: where there are no markers yet, they are added at the end, under this.

    Raises:
        ValueError: there are none, and no heading.
    """
    begin, end = markers(name)
    if begin not in text:
        if heading is None:
            raise ValueError(f"there is no {begin}")
        text = f"{text.rstrip()}\n\n{heading}\n\n{begin}\n{end}\n"
    head, rest = text.split(begin, 1)
    section = section.strip("\n")
    return f"{head}{begin}\n\n{section}\n\n{end}{rest.split(end, 1)[1]}"


def readme_with_figures(path: Path, name: str, section: str, heading: str) -> str:
    """What benchmarks/README.md is to hold."""
    old = path.read_text(encoding="utf-8") if path.exists() else "# Measurements\n"
    return with_figures(old, name, section, heading=heading)
