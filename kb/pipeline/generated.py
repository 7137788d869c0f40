"""`kb check --since REF`: files that the program writes and a person edited by hand, with what to edit instead.

A generated file changes together with what it is made from. Where git shows a change of the one without the other, a
person's hand is the likely reason, and the next sync or build would undo it without a word.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kb.config import Config
from kb.errors import UsageError
from kb.pipeline.check import Finding, Severity

NAME = "generated"
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.M)
_OPEN = re.compile(r"<!-- (kb eval report|kb export readme|classify|predict)\b")
_MAKERS = {
    "kb eval report": "kb eval report PAGE makes it from runs/",
    "kb export readme": "kb export readme --into PAGE makes it from papers/",
    "classify": "kb classify evaluate makes it",
    "predict": "kb predict evaluate makes it",
}


@dataclass(frozen=True)
class Change:
    """What happened to one file since REF: A added, M modified, D deleted."""

    status: str
    file: str


class _Git:
    """Questions to git about the repository that holds a knowledge base."""

    def __init__(self, root: Path) -> None:
        found = shutil.which("git")
        if found is None:
            raise UsageError("--since: there is no git on this machine", fix="install git")
        self.command = [found, "-C", str(root), "-c", "core.quotePath=false"]

    def ask(self, *arguments: str) -> str | None:
        done = subprocess.run(
            [*self.command, *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        return done.stdout if done.returncode == 0 else None

    def start(self, ref: str) -> str:
        """Where the branch at hand left `ref`."""
        commit = self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if commit is None:
            raise UsageError(
                f"--since: git knows no {ref!r} here", fix="a branch or commit, such as origin/main"
            )
        return (self.ask("merge-base", commit.strip(), "HEAD") or commit).strip()

    def changes(self, start: str) -> list[Change]:
        parts = (self.ask("diff", "--name-status", "--no-renames", "--relative", "-z", start) or "").split(
            "\0"
        )
        return [Change(status, file) for status, file in zip(parts[::2], parts[1::2], strict=False)]

    def diff(self, start: str, file: str) -> str:
        return self.ask("diff", "-U0", "--no-color", "--no-ext-diff", "--relative", start, "--", file) or ""


def edited_by_hand(config: Config, ref: str) -> list[Finding]:
    """What was edited since `ref` although a command writes it; the working tree counts.

    Raises:
        UsageError: there is no git, no repository, or no such commit.
    """
    git = _Git(config.root)
    start = git.start(ref)
    changes = git.changes(start)
    files = {change.file for change in changes}
    found: list[Finding] = []
    for change in changes:
        file = change.file
        if file.startswith("papers/_sources/") and file.endswith(".jsonl"):
            found += _sources(file, git.diff(start, file), files)
        elif file == "papers/_candidates.jsonl":
            if not _any(files - {file}, "papers/"):
                found.append(
                    _warn(file, "kb sync writes it", "kb accept, kb reject, kb same or kb different ID")
                )
        elif file == "results/_verdicts.jsonl":
            found += _verdicts(file, git.diff(start, file), files)
        elif file.startswith("runs/") and change.status != "A":
            fix = "git restore it, and run kb eval again for other figures"
            found.append(_warn(file, "a run is evidence: nobody edits one", fix))
        elif file.endswith(".md") and change.status == "M":
            found += _blocks(config.root / file, file, git.diff(start, file), files)
    return sorted(found, key=lambda each: (each.file, each.line or 0))


def _warn(file: str, message: str, fix: str, line: int | None = None) -> Finding:
    return Finding(NAME, Severity.WARNING, file, f"edited by hand? {message}", line, None, fix)


def _any(files: Iterable[str], *starts: str) -> bool:
    return any(file.startswith(starts) for file in files)


def _rows(diff: str) -> Iterator[tuple[str, str]]:
    """The sign and the text of each changed line."""
    for line in diff.splitlines():
        if line[:1] in {"+", "-"} and not line.startswith(("+++ ", "--- ")):
            yield line[0], line[1:]


def _told(diff: str, field: str) -> list[str]:
    """What the changed rows of a JSON lines file hold in `field`, each once."""
    told: dict[str, None] = {}
    for _, text in _rows(diff):
        try:
            row = json.loads(text)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get(field), str):
            told[row[field]] = None
    return list(told)


def _sources(file: str, diff: str, files: set[str]) -> Iterator[Finding]:
    """A last-seen entry changed, and the record that it speaks of did not: a sync would have changed both."""
    for key in _told(diff, "paper"):
        if f"papers/{key}.yaml" not in files:
            yield _warn(file, f"kb sync writes here what a source says of {key}", f"edit papers/{key}.yaml")


def _verdicts(file: str, diff: str, files: set[str]) -> Iterator[Finding]:
    """A verdict changed, and nothing did from which it follows."""
    if _any(files - {file}, "results/", "runs/", "kb/"):
        return
    for name in _told(diff, "claim"):
        key = name.partition("/")[0]
        if f"papers/{key}.yaml" not in files:
            fix = f"edit the claim in papers/{key}.yaml, or results/, then kb claims update"
            yield _warn(file, f"the verdict on {name} is computed", fix)


def _blocks(path: Path, file: str, diff: str, files: set[str]) -> Iterator[Finding]:
    """Lines changed between a page's markers, and nothing from which they are made."""
    if _any(files, "runs/", "kb/", "experiments/", "results/", "papers/"):
        return
    changed = {
        line
        for match in _HUNK.finditer(diff)
        for line in range(int(match[1]), int(match[1]) + max(int(match[2] or 1), 1))
    }
    maker = None
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if line.startswith("<!-- /"):
            maker = None
        elif maker is not None and number in changed:
            message = f"this block is generated: {_MAKERS[maker]}"
            yield _warn(file, message, "write outside the markers", number)
            maker = None  # one line a block
        elif opened := _OPEN.match(line):
            maker = opened[1]
