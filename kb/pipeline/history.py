"""What happened to the survey, from git: what each commit of the main line did to papers/ and to the verdicts.

The main line is the chain of first parents: what a branch did counts where it is merged, once. Only commits count: the
same commit gives the same history, whatever lies in the working tree. Without git, records say when they were reviewed.
In a shallow clone the oldest commit seems to add everything; it is taken as a beginning, and nothing happens in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kb.config import Config
from kb.pipeline.git import Git
from kb.pipeline.history_facts import Facts, differ, facts_of, title_of
from kb.records.models import Paper, ReviewState
from kb.records.taxonomy import Taxonomy
from kb.render.atom import instant
from kb.render.events import KINDS, Event, History

_RECORD = re.compile(r"papers/([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\.yaml")
_RAW = re.compile(rb":\d+ \d+ ([0-9a-f]+) ([0-9a-f]+) ([AMDT])")
_LOG = (
    *(
        "-c",
        "log.showRoot=true",
        "log",
        "--first-parent",
        "--diff-merges=first-parent",
        "--no-renames",
        "--raw",
    ),
    *("--no-abbrev", "-z", "--relative", "--no-color", "--no-show-signature", "--format=tformat:%x01%H %ct"),
)


@dataclass(frozen=True)
class Touched:
    """What a commit did to a file: the blobs before and after, None where there was or is none."""

    commit: str
    at: str
    path: str
    before: str | None
    after: str | None


def load_history(
    config: Config, papers: Mapping[str, Paper], taxonomy: Taxonomy, *, after: str | None = None
) -> History:
    """Every event, newest first; those of one commit in a fixed order.

    Args:
        after: only what came after this commit; what is older is not read.
    """
    verdicts = (config.results_dir / "_verdicts.jsonl").relative_to(config.root).as_posix()
    git = _Log(config.root)
    touched = git.log(after, "papers", verdicts)
    if touched is None:
        return _of_records(papers)
    begins = git.boundary()
    cut = [each for each in touched if each.commit in begins]
    kept = [each for each in touched if each.commit not in begins]
    blobs = git.blobs({blob for each in kept if each.before for blob in (each.before, each.after) if blob})
    kinds = list(KINDS)
    found: list[Event] = []
    for each in kept:
        if each.path == verdicts:
            found += _flips(each, blobs)
        elif record := _RECORD.fullmatch(each.path):
            found += _record(each, record[1], blobs, taxonomy)
    found.sort(key=lambda event: (kinds.index(event.kind), event.paper, event.claim, event.branch))
    # Commits come newest first; clocks of two machines may disagree with that, and then the chain is right.
    order = {commit: number for number, commit in enumerate(dict.fromkeys(each.commit for each in kept))}
    found.sort(key=lambda event: order[event.commit])
    since = cut[0].at[:10] if cut else ""
    return History(tuple(found), "shallow" if begins else "git", since)


def _of_records(papers: Mapping[str, Paper]) -> History:
    done = [
        Event(instant(paper.review.date), "reviewed", key)
        for key, paper in sorted(papers.items())
        if paper.review and paper.review.state is ReviewState.DONE and paper.review.date
    ]
    return History(tuple(sorted(done, key=lambda event: event.at, reverse=True)))


def _record(each: Touched, key: str, blobs: Mapping[str, bytes], taxonomy: Taxonomy) -> Iterator[Event]:
    if each.before is None:
        yield Event(each.at, "new", key, each.commit)
        return
    before = blobs.get(each.before)
    if each.after is None:
        yield Event(each.at, "gone", key, each.commit, title=title_of(before or b"") or key)
        return
    after = blobs.get(each.after)
    if before is None or after is None or not differ(before, after):
        return
    was, now = facts_of(before), facts_of(after)
    if was is not None and now is not None:
        yield from _changes(each, key, was, now, taxonomy)


def _changes(each: Touched, key: str, was: Facts, now: Facts, taxonomy: Taxonomy) -> Iterator[Event]:
    if was.state != now.state:
        kind = now.state if now.state in KINDS else "restored" if was.state == "withdrawn" else None
        if kind:
            yield Event(each.at, kind, key, each.commit)
    if now.reviewed and not was.reviewed:
        yield Event(each.at, "reviewed", key, each.commit)
    before, after = (_current(facts.decided, taxonomy) for facts in (was, now))
    for branch in sorted(before.keys() | after.keys()):
        one, other = before.get(branch, "proposed"), after.get(branch, "proposed")
        if one != other:
            yield Event(each.at, "label", key, each.commit, branch=branch, before=one, after=other)


def _current(decided: Mapping[str, str], taxonomy: Taxonomy) -> dict[str, str]:
    """By the names that branches have now: moving a branch decides nothing."""
    return {taxonomy.final_branch(branch) or branch: standing for branch, standing in decided.items()}


def _flips(each: Touched, blobs: Mapping[str, bytes]) -> Iterator[Event]:
    if each.before is None or each.after is None:
        return
    was, now = (_states(blobs.get(blob, b"")) for blob in (each.before, each.after))
    for name in sorted(was.keys() & now.keys()):
        if was[name] != now[name]:
            paper, _, claim = name.partition("/")
            yield Event(
                each.at, "verdict", paper, each.commit, claim=claim, before=was[name], after=now[name]
            )


def _states(blob: bytes) -> dict[str, str]:
    from kb.link.verdict_data import parse_verdicts  # brings statistics with it

    try:
        return {name: str(row["state"]) for name, row in parse_verdicts(blob.decode()).items()}
    except ValueError:  # was broken at that time
        return {}


class _Log:
    """The commits of the main line, newest first."""

    def __init__(self, root: Path) -> None:
        self.git = Git(root)

    def log(self, after: str | None, *paths: str) -> list[Touched] | None:
        """What commits did to `paths`, newest first; None where there is no git, no repository or no commit."""
        said = self.git.ask(*_LOG, f"{after}..HEAD" if after else "HEAD", "--", *paths)
        return None if said is None else list(_parse_log(said))

    def boundary(self) -> frozenset[str]:
        """The commits at which a shallow clone begins."""
        path = self.git.root / (self.git.text("rev-parse", "--git-path", "shallow") or "")
        return frozenset(path.read_text(encoding="ascii").split()) if path.is_file() else frozenset()

    def blobs(self, ids: set[str]) -> dict[str, bytes]:
        """Contents by id; without those that this copy of the repository lacks."""
        give = "".join(f"{each}\n" for each in sorted(ids))
        return dict(_parse_batch(self.git.ask("cat-file", "--batch", "--buffer", give=give) or b""))


def _parse_log(said: bytes) -> Iterator[Touched]:
    commit = at = ""
    status: re.Match[bytes] | None = None
    for token in said.split(b"\0"):
        token = token.removeprefix(b"\n")
        if token.startswith(b"\x01"):
            commit, seconds = token[1:].decode().split()
            at = datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        elif status is None:
            status = _RAW.fullmatch(token)
        else:
            before, after = (None if not blob.strip(b"0") else blob.decode() for blob in status.groups()[:2])
            yield Touched(commit, at, token.decode("utf-8", "replace"), before, after)
            status = None


def _parse_batch(said: bytes) -> Iterator[tuple[str, bytes]]:
    """The form of git-cat-file(1), "BATCH OUTPUT"."""
    at = 0
    while at < len(said):
        end = said.index(b"\n", at)
        name, _, *size = said[at:end].decode().split(" ")
        at = end + 1
        if size:  # else: missing
            yield name, said[at : at + int(size[0])]
            at += int(size[0]) + 1
