"""Questions to git about the repository that holds a knowledge base. Nothing is fetched and nothing is written."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from kb.errors import UsageError


@dataclass(frozen=True)
class Change:
    """What happened to one file, relative to the knowledge base: A added, M modified, D deleted."""

    status: str
    file: str


class Git:
    """The repository around `root`, if there is one; paths are relative to `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ask(self, *words: str, give: str = "") -> bytes | None:
        """What git prints; None where it refuses, or there is no git.

        Args:
            give: its standard input.
        """
        command = ["git", "-C", str(self.root), "-c", "core.quotePath=false"]
        command += ["--no-optional-locks", "--no-replace-objects", *words]
        try:
            done = subprocess.run(command, input=give.encode(), capture_output=True, check=False)
        except OSError:
            return None
        return done.stdout if done.returncode == 0 else None

    def text(self, *words: str) -> str | None:
        """The same as text, without its last line end."""
        said = self.ask(*words)
        return None if said is None else said.decode("utf-8", "replace").removesuffix("\n")

    def commit(self, ref: str) -> str:
        """The commit that `ref` names.

        Raises:
            UsageError: there is no git, no repository or no such commit.
        """
        found = self.text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if not found:
            raise UsageError(
                f"--since: git knows no {ref!r} here",
                fix="a branch or commit, such as origin/main; is this a git repository?",
            )
        return found

    def parted(self, ref: str) -> str:
        """Where the branch at hand left `ref`.

        Raises:
            UsageError: as `commit`.
        """
        commit = self.commit(ref)
        return self.text("merge-base", commit, "HEAD") or commit

    def last_before(self, day: str) -> str | None:
        """The last commit of the main line before the day `day` (UTC) began; None if there is none."""
        return self.text("rev-list", "-1", "--first-parent", f"--before={day}T00:00:00Z", "HEAD") or None

    def changes(self, start: str, *paths: str) -> list[Change]:
        """What differs between the commit `start` and the working tree, in files that git knows."""
        said = self.text("diff", "--name-status", "--no-renames", "--relative", "-z", start, "--", *paths)
        parts = (said or "").split("\0")
        return [Change(status, file) for status, file in zip(parts[::2], parts[1::2], strict=False)]

    def untracked(self, *paths: str) -> list[str]:
        """Files that git neither knows nor ignores."""
        said = self.text("ls-files", "--others", "--exclude-standard", "-z", "--", *paths)
        return [file for file in (said or "").split("\0") if file]

    def diff(self, start: str, file: str) -> str:
        """The lines that differ, without context."""
        return self.text("diff", "-U0", "--no-color", "--no-ext-diff", "--relative", start, "--", file) or ""

    def last_days(self, folder: str) -> dict[str, str]:
        """The day of the last commit that touched each file below `folder`."""
        words = ("log", "--format=%x01%cs", "--name-only", "--no-renames", "--relative", "-z", "--", folder)
        found: dict[str, str] = {}
        day = ""
        for token in (self.text(*words) or "").split("\0"):
            name = token.removeprefix("\n")
            if name.startswith("\x01"):
                day, _, name = name[1:].partition("\n")
            if name:
                found.setdefault(name, day)
        return found
