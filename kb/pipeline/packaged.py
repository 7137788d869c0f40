"""What comes with the program for every survey: page templates, and the frame of the site.

One copy lies in git, at the top of kb's own repository, which is a survey, too. A wheel carries it inside the package
(hatch_build.py); an editable install finds it in the repository. A survey overrides it file by file: its own
templates/paper.md.j2 counts in the place of the one that came with kb, and likewise below site/.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import kb

SHARED = ("templates", "site/mkdocs.yml", "site/overrides", "site/docs/assets")
"""What of kb's repository belongs to every survey. The rest of site/ is the words of one."""

GITHUB = ".github"
"""Workflows and forms, which `kb init` copies: GitHub reads them nowhere else."""


def packaged() -> Path:
    """The folder that holds `SHARED`."""
    home = Path(kb.__file__).parent
    inside = home / "packaged"
    return inside if inside.is_dir() else home.parent


def layered(root: Path, part: str) -> dict[str, Path]:
    """The files of the folder `part` (templates, site) by path in it: the survey's own, and under them those of kb."""
    found: dict[str, Path] = {}
    for shared in SHARED:
        if shared == part or shared.startswith(f"{part}/"):
            folder = packaged() / part
            found |= {path.relative_to(folder).as_posix(): path for path in files_under(packaged() / shared)}
    own = root / part
    return found | {path.relative_to(own).as_posix(): path for path in files_under(own)}


def files_under(folder: Path, *, hidden: bool = False) -> Iterator[Path]:
    """Every file and every link below `folder`, in order; itself, if it is one. Editors' leftovers are passed over.

    Args:
        hidden: those that begin with a dot or end in ~ as well.
    """
    if folder.is_file():
        yield folder
        return
    found: list[Path] = []
    for base, folders, names in os.walk(folder):
        linked = [name for name in folders if (Path(base) / name).is_symlink()]
        for name in [*names, *linked]:
            if hidden or not (name.startswith(".") or name.endswith("~")):
                found.append(Path(base) / name)
    yield from sorted(found)
