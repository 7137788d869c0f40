"""The commit that is checked out, and what git keeps of a knowledge base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kb.errors import UsageError
from kb.pipeline.git import Git


@dataclass(frozen=True)
class Commit:
    """What is checked out.

    Attributes:
        seconds: when it was made, since 1970.
        files: what git keeps under the knowledge base, in order, relative to it.
        changed: what differs from it, and what is neither committed nor ignored.
    """

    id: str
    seconds: int
    files: tuple[str, ...]
    changed: tuple[str, ...]


def committed(root: Path) -> Commit:
    """The state of the repository around `root`.

    Raises:
        UsageError: there is no git, no repository or no commit.
    """
    git = Git(root)
    said = git.text("log", "-1", "--no-show-signature", "--format=%H %ct", "HEAD")
    if not said:
        fix = "git init, git add and git commit first: what is committed is what counts"
        raise UsageError("is in no git repository, or in one without a commit", file=root, fix=fix)
    commit, seconds = said.split()
    status = git.ask("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal", "--", ".")
    return Commit(
        commit,
        int(seconds),
        tuple(sorted(_names(git.ask("ls-files", "-z", "--", ".")))),
        tuple(line[3:] for line in _names(status)),
    )


def _names(said: bytes | None) -> list[str]:
    return [each.decode("utf-8", "surrogateescape") for each in (said or b"").split(b"\0") if each]
