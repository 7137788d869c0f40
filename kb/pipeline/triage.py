"""`kb triage`: what a person decides about labels and waiting works, one at a time, and how it is written down.

A decision is on disk before the next question is asked; the lock is held only for that moment. Questions that were put
off are remembered in .kb/triage.json, so a session can be left at any time and taken up again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kb.config import Config
from kb.errors import DataError, LockError, UsageError
from kb.pipeline import edit
from kb.pipeline.store import inside_root, locked
from kb.records.candidates import load_candidates
from kb.records.files import decode_utf8, read_regular, remove, write_all, write_atomic
from kb.records.library import parse_record, render_record
from kb.records.models import Assignment, AssignmentState, Paper, Witness
from kb.records.relabel import relabelled
from kb.records.taxonomy import Taxonomy, load_taxonomy
from kb.text import one_line


class Decision(BaseModel):
    """What a person said, as it stands in a line of `kb triage --decisions FILE`.

    `verdict` is confirm or reject for a label; accept, reject, same or different for a work that waits. `branches` are
    confirmed or rejected; `refused` are rejected along with a confirmation: they were proposed, and are wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    verdict: str = "confirm"
    branches: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    key: str | None = None  # same: the record that it is
    reason: str | None = None

    @property
    def about_labels(self) -> bool:
        return bool(self.branches)


@dataclass(frozen=True)
class Undo:
    """The files that decisions changed, as they were and as they are now; None where there is no file."""

    before: Mapping[Path, bytes | None]
    after: Mapping[Path, bytes | None]

    def __bool__(self) -> bool:
        return bool(self.after)


# Deciding


def decide(config: Config, decisions: Sequence[Decision], *, by: str, date: str | None = None) -> Undo:
    """Write `decisions` down, all of them or, if one is wrong, none of the labels.

    Raises:
        UsageError: a decision names nothing that is there, or contradicts what somebody confirmed.
        LockError: another kb process is writing.
    """
    if not by or by != one_line(by):
        raise UsageError(f"{by!r} is no name", fix="--by NAME, or KB_PERSON")
    date = date or datetime.now(UTC).date().isoformat()
    labels = [each for each in decisions if each.about_labels]
    undo = _decide_labels(config, labels, by) if labels else Undo({}, {})
    for each in decisions:
        if not each.about_labels:
            undo = _both(undo, _settle(config, each, by, date))
    return undo


def _decide_labels(config: Config, decisions: Sequence[Decision], by: str) -> Undo:
    with locked(config):
        inside_root(config)
        taxonomy = load_taxonomy(config.taxonomy_path)
        papers: dict[str, Paper] = {}
        before: dict[Path, bytes | None] = {}
        for each in decisions:
            path = _record_path(config, each.id)
            if path not in before:
                before[path] = read_regular(path)
                papers[each.id] = _parse(each.id, before[path] or b"", path)
            papers[each.id] = labelled(papers[each.id], each, by, taxonomy)
        after: dict[Path, bytes | None] = {}
        for key, paper in papers.items():
            path = _record_path(config, key)
            old = decode_utf8(before[path] or b"", path)
            after[path] = render_record(paper, old, file=f"papers/{path.name}").encode()
        changed = {path: text for path, text in after.items() if text != before[path]}

        def check(path: Path) -> None:
            if path.read_bytes() != before[path]:
                raise LockError("was edited at this very moment", file=path, fix="decide again")

        write_all(((path, (text or b"").decode()) for path, text in changed.items()), check)
        return Undo({path: before[path] for path in changed}, changed)


def _record_path(config: Config, key: str) -> Path:
    path = config.papers_dir / f"{key}.yaml"
    if Path(key).name != key or key.startswith(("_", ".")) or not path.is_file():
        raise UsageError(
            f"no record {key!r}", fix="kb list WORDS finds one; kb triage --json lists what is open"
        )
    return path


def _parse(key: str, data: bytes, path: Path) -> Paper:
    return parse_record(key, decode_utf8(data, path), file=f"papers/{path.name}")


def labelled(paper: Paper, decision: Decision, by: str, taxonomy: Taxonomy) -> Paper:
    """`paper` with what `by` said of its branches. Everything that others said stays.

    Raises:
        UsageError: a branch is unknown, or somebody else confirmed what this contradicts.
    """
    paper = relabelled(paper, taxonomy)
    states = dict.fromkeys(
        (known_branch(branch, taxonomy) for branch in decision.refused), AssignmentState.REJECTED
    )
    state = {"confirm": AssignmentState.CONFIRMED, "reject": AssignmentState.REJECTED}.get(decision.verdict)
    if state is None:
        raise UsageError(
            f"{decision.id}: {decision.verdict!r} is no verdict on a label", fix="write confirm or reject"
        )
    states |= dict.fromkeys((known_branch(branch, taxonomy) for branch in decision.branches), state)
    labels = list(paper.labels)
    for branch, each in states.items():
        labels = _said(paper.key, labels, branch, each, by, taxonomy, decision.reason)
    return paper.model_copy(update={"labels": tuple(labels)})


def known_branch(branch: str, taxonomy: Taxonomy) -> str:
    """The branch that `branch` names now.

    Raises:
        UsageError: there is none.
    """
    now = taxonomy.final_branch(branch)
    if now is None:
        near = [name for name in taxonomy.branches if branch.rsplit("/", 1)[-1] in name][:5]
        raise UsageError(f"no branch {branch!r}", fix=f"one of: {', '.join(near or taxonomy.branches)}")
    return now


def _said(
    key: str,
    labels: list[Assignment],
    branch: str,
    state: AssignmentState,
    by: str,
    taxonomy: Taxonomy,
    reason: str | None,
) -> list[Assignment]:
    why = (f"reason: {one_line(reason)}",) if reason else ()
    new = Assignment(branch=branch, by=Witness.PERSON, source=by, state=state, evidence=why)
    facet = next(each for each in taxonomy.facets if each.id == taxonomy.facet_of(branch))
    for label in labels:
        if label.state is not AssignmentState.CONFIRMED or label.source == by:
            continue
        if state is AssignmentState.REJECTED and label.branch == branch:
            raise UsageError(
                f"{key}: {label.source} confirmed {branch}", fix="talk to them, then edit the record"
            )
        same_facet = taxonomy.facet_of(label.branch) == facet.id
        if state is AssignmentState.CONFIRMED and facet.single and same_facet and label.branch != branch:
            raise UsageError(
                f"{key}: {label.source} confirmed {label.branch}, and {facet.id} allows one branch",
                fix="talk to them, then edit the record",
            )
    if state is AssignmentState.CONFIRMED and facet.single:  # a second thought replaces the first
        labels = [
            label
            for label in labels
            if label.by is not Witness.PERSON
            or label.state is not AssignmentState.CONFIRMED
            or label.branch == branch
            or taxonomy.facet_of(label.branch) != facet.id
        ]
    if any(label.identity == new.identity for label in labels):
        return [
            new if label.identity == new.identity and label.state is not state else label for label in labels
        ]
    return [*labels, new]


def _settle(config: Config, decision: Decision, by: str, date: str) -> Undo:
    """A work that waits: taken in, kept out, or told to be, or not to be, a record's."""
    like = next((c.like for c in load_candidates(config.candidates_path) if c.id == decision.id), ())
    named = {
        config.papers_dir / f"{key}.yaml" for key in (*like, decision.key or "_") if Path(key).name == key
    }
    records = set(config.papers_dir.glob("[!_.]*.yaml"))
    before = _read(_shared_files(config) | (named & records))
    if decision.verdict == "accept":
        edit.accept(config, [decision.id])
    elif decision.verdict == "reject":
        if not decision.reason:
            raise UsageError(f"{decision.id}: a work is kept out for a reason", fix="give one; it is shown")
        edit.reject(config, decision.id, reason=decision.reason, by=by, date=date)
    elif decision.verdict == "same":
        edit.same(config, decision.id, decision.key or (like[0] if len(like) == 1 else ""), by=by, date=date)
    elif decision.verdict == "different":
        for key in like:
            if any(c.id == decision.id for c in load_candidates(config.candidates_path)):
                edit.different(config, decision.id, key, by=by, date=date)
    elif decision.verdict == "confirm":
        raise UsageError(f"{decision.id}: no branch is named", fix="name one: KEY=BRANCH")
    else:
        raise UsageError(
            f"{decision.id}: {decision.verdict!r} is no verdict", fix="accept, reject, same or different"
        )
    fresh = set(config.papers_dir.glob("[!_.]*.yaml")) - records
    after = _read(_shared_files(config) | before.keys() | fresh)
    changed = {path for path in after if after[path] != before.get(path)}
    return Undo({path: before.get(path) for path in changed}, {path: after[path] for path in changed})


def _shared_files(config: Config) -> set[Path]:
    """What a decision about a waiting work may change, besides records."""
    return {config.decisions_path, config.candidates_path, *config.sources_dir.glob("*.jsonl")}


def _read(paths: Iterable[Path]) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in paths}


def _both(one: Undo, two: Undo) -> Undo:
    return Undo({**two.before, **one.before}, {**one.after, **two.after})


def papers_before(config: Config, undo: Undo) -> list[Paper]:
    """The records that decisions changed, as they were."""
    return [
        _parse(path.stem, data, path)
        for path, data in undo.before.items()
        if data is not None and path.parent == config.papers_dir and not path.name.startswith("_")
    ]


def take_back(config: Config, undo: Undo) -> None:
    """Put every file back as it was before.

    Raises:
        UsageError: one was changed since; nothing is taken back then.
    """
    with locked(config):
        now = _read(undo.after)
        for path in undo.after:
            if now[path] != undo.after[path]:
                raise UsageError(
                    f"{path.name} was changed since", file=path, fix="edit it by hand; nothing was taken back"
                )
        # What decides is put back before what follows from it: a sync finishes what a kill leaves undone.
        for path in sorted(undo.before, key=lambda path: (path != config.decisions_path, path)):
            old = undo.before[path]
            if old is None:
                remove(path)
            else:
                write_atomic(path, old.decode("utf-8"))


# Decisions from elsewhere


def parse_decision(text: str) -> Decision:
    """What `KEY=BRANCH` means: KEY=A+B confirms, KEY=-A rejects; ID=accept, ID=reject:REASON, ID=same:KEY, ID=different.

    Raises:
        UsageError: it has no "=".
    """
    name, sign, what = (part.strip() for part in text.partition("="))
    if not (name and sign and what):
        raise UsageError(f"{text!r} is no decision", fix="write KEY=BRANCH")
    verdict, _, rest = what.partition(":")
    if what in ("accept", "different"):
        return Decision(id=name, verdict=what)
    if verdict == "reject":
        return Decision(id=name, verdict=verdict, reason=rest.strip() or None)
    if verdict == "same":
        return Decision(id=name, verdict=verdict, key=rest.strip() or None)
    if what.startswith("-"):
        return Decision(id=name, verdict="reject", branches=(what[1:].strip(),))
    return Decision(id=name, branches=tuple(part.strip() for part in what.split("+")))


def parse_decisions(text: str, *, file: Path | str) -> list[Decision]:
    """One JSON object a line: id (or key) and branch or branches, verdict, reason.

    Raises:
        DataError: a line is wrong; carries the others that are.
    """
    found: list[Decision] = []
    wrong: list[DataError] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append(_decision_of(json.loads(line)))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"])) or None
            wrong.append(DataError(first["msg"], file=file, line=number, field=name))
        except (ValueError, RecursionError) as error:
            wrong.append(DataError(f"is not JSON: {error}", file=file, line=number))
    if wrong:
        raise DataError.bundle(wrong)
    return found


def _decision_of(data: Any) -> Decision:
    if isinstance(data, dict):
        data = dict(data)
        if "id" not in data and "key" in data:
            data["id"] = data.pop("key")
        if "branch" in data and "branches" not in data:
            data["branches"] = [data.pop("branch")]
    return Decision.model_validate(data)
