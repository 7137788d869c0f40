"""Built sites and the swap between them.

build/.sites/<n>/ are whole sites; build/site is a link to one of them, replaced in one step. A reader of build/site sees
the old site or the new one, never a mixture, and a build that dies leaves the link alone.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kb.errors import KbError
from kb.records.files import write_atomic


@dataclass(frozen=True)
class Built:
    """What the published site was made of.

    Attributes:
        tree: its folder.
        stamp: programs and settings that shape every page.
        files: hash of each staged file.
        verdicts: on each claim; None if that was not written down.
    """

    tree: Path
    stamp: str
    files: dict[str, str]
    verdicts: dict[str, str] | None = None


class Trees:
    """The folder of built sites under build/."""

    def __init__(self, build_dir: Path) -> None:
        self.folder = build_dir / ".sites"
        self.link = build_dir / "site"

    def published(self) -> Built | None:
        """What build/site shows; None if that cannot be told."""
        try:
            tree = self.folder / self.link.readlink().name
            data = json.loads(tree.with_suffix(".json").read_text(encoding="utf-8"))
            if not (tree / "index.html").is_file():
                return None
            verdicts = data.get("verdicts")
            return Built(
                tree, data["stamp"], dict(data["files"]), None if verdicts is None else dict(verdicts)
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def new(self) -> Path:
        """An empty folder for the next site. What killed builds left is removed."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_others()
            numbers = [int(path.stem) for path in self.folder.iterdir() if path.stem.isdigit()]
            tree = self.folder / str(max(numbers, default=0) + 1)
            tree.mkdir()
        except OSError as error:
            raise KbError(f"cannot be written: {error.strerror or error}", file=self.folder) from error
        return tree

    def publish(self, built: Built) -> None:
        """Let build/site show `built`, then remove the sites before it."""
        data = {"stamp": built.stamp, "files": built.files, "verdicts": built.verdicts}
        text = json.dumps(data, sort_keys=True)
        write_atomic(built.tree.with_suffix(".json"), text)
        fresh = self.link.with_name(".site.new")
        try:
            with suppress(FileNotFoundError):
                fresh.unlink()
            fresh.symlink_to(Path(self.folder.name) / built.tree.name)
            if self.link.is_dir() and not self.link.is_symlink():  # a site that something else put there
                self.link.rename(self.folder / f"{built.tree.name}.before")
            fresh.replace(self.link)
            self._remove_others()
        except OSError as error:
            raise KbError(f"cannot be replaced: {error.strerror or error}", file=self.link) from error

    def discard(self, tree: Path) -> None:
        """Remove a site that was not published."""
        shutil.rmtree(tree, ignore_errors=True)

    def _remove_others(self) -> None:
        kept: str | None = None
        with suppress(OSError):
            kept = self.link.readlink().name
        for path in self.folder.iterdir():
            if path.name in {kept, f"{kept}.json"}:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def link_copy(source: Path, target: Path) -> None:
    """Fill `target` with the files of `source`: the same files under second names, or copies where that cannot be."""
    for base, _, names in os.walk(source):
        folder = target / Path(base).relative_to(source)
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            _link_or_copy(Path(base) / name, folder / name)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
