"""`kb check --since REF`: files that the program writes and a person edited by hand, with what to edit instead.

A generated file changes together with what it is made from. Where git shows a change of the one without the other, a
person's hand is the likely reason, and the next sync or build would undo it without a word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kb.config import Config
from kb.errors import DataError
from kb.pipeline.check import Finding, Severity
from kb.pipeline.generated_text import Hand, edited_blocks, edited_export, hunks
from kb.pipeline.git import Change, Git
from kb.pipeline.store import open_library
from kb.records.files import read_utf8
from kb.records.models import Paper

NAME = "generated"


@dataclass(frozen=True)
class Place:
    """Files that a command writes.

    Attributes:
        files: what they are called, a regular expression.
        causes: what they are made from: with a change there, a change of theirs is the program's.
        message: who writes them.
        fix: what to edit instead.
        new: a new file is an edit, too.
    """

    files: re.Pattern[str]
    causes: tuple[str, ...]
    message: str
    fix: str
    new: bool = False


PLACES = (
    Place(
        re.compile(r"papers/_candidates\.jsonl"),
        ("papers/_sources/", "papers/_decisions.yaml", "papers/_merged/", "kb/"),
        "kb sync writes it",
        "kb accept, kb reject, kb same or kb different ID",
    ),
    Place(
        re.compile(r"papers/_sources/_cursors\.json"),
        ("papers/_sources/",),
        "kb sync notes here how far it has read",
        "git restore it; kb sync reads on from there",
    ),
    Place(
        re.compile(r"runs/.*"),
        (),
        "a run is evidence: nobody edits one",
        "git restore it, and run kb eval again for other figures",
    ),
    Place(
        re.compile(r"site/docs/experiments/[^/]*\.svg"),
        ("runs/", "experiments/", "kb/"),
        "kb eval report draws it",
        "kb eval report draws it again, beside its page",
    ),
    Place(
        re.compile(r"benchmarks/[^/]*\.json"),
        ("benchmarks/", "kb/"),
        "a measurement writes it",
        "make bench measures again; benchmarks/*.py say what",
    ),
    Place(
        re.compile(r"site/docs/assets/vendor/.*"),
        ("site/docs/assets/vendor/vendored.json",),
        "these files are other people's, as they were published",
        "git restore it; a newer version comes with its line in vendored.json",
    ),
    Place(
        re.compile(r"build/.*"),
        (),
        "kb build makes it, and it is not committed",
        "edit papers/, taxonomy.yaml, templates/ or site/docs; then git rm --cached it",
        new=True,
    ),
    Place(
        re.compile(r"\.kb/.*"),
        (),
        "what kb keeps on a machine is not committed",
        "git rm -r --cached .kb",
        new=True,
    ),
)


def edited_by_hand(config: Config, ref: str) -> list[Finding]:
    """What was edited since `ref` although a command writes it; the working tree counts.

    Raises:
        UsageError: there is no git, no repository, or no such commit.
    """
    git = Git(config.root)
    start = git.parted(ref)
    changes = git.changes(start)
    files = {change.file for change in changes if not _excuses_nothing(change)} | set(git.untracked())
    library = _library(config)
    found: list[Finding] = []
    for change in changes:
        file = change.file
        for place in PLACES:
            made = place.files.fullmatch(file) and (change.status != "A" or place.new)
            if made and not any_of(files - {file}, *place.causes):
                found.append(_warn(file, place.message, place.fix))
        if re.fullmatch(r"papers/_(?:sources/.*|citations|map)\.jsonl", file):
            found += _rows_of_papers(file, git.diff(start, file), files)
        elif file == "results/_verdicts.jsonl":
            found += _verdicts(file, git.diff(start, file), files)
        elif change.status == "M":
            found += [_by_hand(file, hand) for hand in _texts(config, git, start, file, files, library)]
    return sorted(found, key=lambda each: (each.file, each.line or 0))


def _excuses_nothing(change: Change) -> bool:
    """Whether a change cannot be why another file was made anew: it is no program, or itself something that is made."""
    return (
        re.fullmatch(r"kb/.*\.md", change.file) is not None
        or (change.file.startswith("runs/") and change.status == "M")
        or change.file == "results/_verdicts.jsonl"
    )


def any_of(files: Iterable[str], *starts: str) -> bool:
    """Whether one of `files` begins with one of `starts`."""
    return any(file.startswith(starts) for file in files)


def _library(config: Config) -> Mapping[str, Paper]:
    try:
        return open_library(config)
    except DataError:  # said by the check "loads"
        return {}


def _texts(
    config: Config, git: Git, start: str, file: str, files: set[str], library: Mapping[str, Paper]
) -> Iterator[Hand]:
    """Edits between markers, and of exports."""
    if not file.endswith((".md", ".markdown", ".bib", ".ris", ".csv", ".json")):
        return
    try:
        text = read_utf8(config.root / file)
    except DataError:
        return
    changed = hunks(git.diff(start, file))
    edited = edited_blocks if file.endswith((".md", ".markdown")) else edited_export
    yield from edited(file, text, changed, files, library)


def _warn(file: str, message: str, fix: str, line: int | None = None) -> Finding:
    return Finding(NAME, Severity.WARNING, file, f"edited by hand? {message}", line, None, fix)


def _by_hand(file: str, hand: Hand) -> Finding:
    return _warn(file, hand.message, hand.fix, hand.line)


def _told(diff: str, field: str) -> list[str]:
    """What the changed rows of a JSON lines file hold in `field`, each once."""
    told: dict[str, None] = {}
    for hunk in hunks(diff):
        for text in hunk.lines:
            try:
                row = json.loads(text)
            except ValueError:
                continue
            if isinstance(row, dict) and isinstance(row.get(field), str):
                told[row[field]] = None
    return list(told)


_WRITERS = {"papers/_citations.jsonl": "kb sync citations", "papers/_map.jsonl": "kb graph update"}
_SAYS = {
    "papers/_citations.jsonl": "what {key} cites",
    "papers/_map.jsonl": "where {key} lies on the map",
}


def _rows_of_papers(file: str, diff: str, files: set[str]) -> Iterator[Finding]:
    """A line about a record changed, and the record did not: a sync would have changed both, or whole files."""
    writer = _WRITERS.get(file, "kb sync")
    says = _SAYS.get(file, "what a source says of {key}")
    if file in _WRITERS and any_of(files - {file}, "papers/", "kb/"):
        return
    for key in _told(diff, "paper"):
        if f"papers/{key}.yaml" not in files:
            fix = f"{writer} again" if file in _WRITERS else f"edit papers/{key}.yaml"
            yield _warn(file, f"{writer} writes here {says.format(key=key)}", fix)


def _verdicts(file: str, diff: str, files: set[str]) -> Iterator[Finding]:
    """A verdict changed, and nothing did from which it follows."""
    if any_of(files - {file}, "results/", "runs/", "kb/"):
        return
    for name in _told(diff, "claim"):
        key = name.partition("/")[0]
        if f"papers/{key}.yaml" not in files:
            fix = f"edit the claim in papers/{key}.yaml, or results/, then kb claims update"
            yield _warn(file, f"the verdict on {name} is computed", fix)
