"""A person at work in `kb triage`: the queue, what was put off, going back, and learning after a batch."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kb.classify.predict import Prediction
from kb.config import Config
from kb.errors import DataError, UsageError
from kb.pipeline.store import open_library
from kb.pipeline.triage import Decision, Undo, decide, papers_before, take_back
from kb.pipeline.triage_queue import Question, Wanted, questions
from kb.pipeline.triage_times import keep_time
from kb.reconcile.rows import load_rows
from kb.records.candidates import load_candidates
from kb.records.files import read_regular, write_atomic
from kb.records.models import Paper
from kb.records.taxonomy import load_taxonomy

BATCH = 20  # decisions after which the classifier learns from them


class Learner(Protocol):
    """Learns from what people confirmed, in seconds."""

    def __call__(self, config: Config, before: Mapping[str, Paper], facets: Iterable[str]) -> Learned:
        """Learn from the records as they are; say what that changed.

        Args:
            before: the records that were decided about since it last learned, as they were then.
        """
        ...


@dataclass(frozen=True)
class Learned:
    """What learning changed: lines for people, and what the classifier says now, by record."""

    lines: tuple[str, ...] = ()
    predictions: Mapping[str, Prediction] = field(default_factory=dict)


def find_learner() -> Learner:
    """The classifier, which is loaded when there is something to learn."""
    loaded: list[Learner] = []

    def learn(config: Config, before: Mapping[str, Paper], facets: Iterable[str]) -> Learned:
        if not loaded:
            from kb.pipeline.triage_learn import ClassifierLearner

            loaded.append(ClassifierLearner())
        return loaded[0](config, before, facets)

    return learn


# What is remembered between sessions


class Memory(BaseModel):
    """.kb/triage.json: who works here, and which questions were put off."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    by: str | None = None
    skipped: dict[str, str] = Field(default_factory=dict)


def _memory_path(config: Config) -> Path:
    return config.state_dir / "triage.json"


def load_memory(config: Config) -> Memory:
    """What earlier sessions left; a file that cannot be read counts as none."""
    try:
        return Memory.model_validate_json(read_regular(_memory_path(config)))
    except (DataError, ValidationError):
        return Memory()


def save_memory(config: Config, memory: Memory) -> None:
    write_atomic(_memory_path(config), json.dumps(memory.model_dump(), indent=1, ensure_ascii=False) + "\n")


# Asking


def open_questions(
    config: Config,
    wanted: Wanted,
    *,
    again: bool = False,
    predictions: Mapping[str, Prediction] | None = None,
) -> list[Question]:
    """What is open now, the most useful first.

    Args:
        again: questions that were put off as well.
    """
    refs: dict[str, list[str]] = {}
    for ref, row in load_rows(config.sources_dir).items():
        if row.paper:
            refs.setdefault(row.paper, []).append(ref)
    return questions(
        open_library(config),
        load_taxonomy(config.taxonomy_path),
        wanted,
        predictions=predictions,
        candidates=load_candidates(config.candidates_path),
        refs=refs,
        skipped={} if again else load_memory(config).skipped,
    )


def abstract_of(config: Config, question: Question) -> str | None:
    """The abstract that a source gave, from the git-ignored cache."""
    path = config.state_dir / "abstracts.sqlite"
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            for ref in question.refs:
                row = database.execute("SELECT text FROM abstract WHERE ref = ?", (ref,)).fetchone()
                if row:
                    return str(row[0])
    except sqlite3.Error:  # a cache: no abstract is shown then
        return None
    return None


@dataclass
class Session:
    """A person at work: where they are in the queue, and how to go back. `clock` gives seconds."""

    config: Config
    wanted: Wanted
    by: str
    learner: Learner | None = None
    again: bool = False
    batch: int = BATCH
    clock: Callable[[], float] = time.monotonic
    queue: list[Question] = field(default_factory=list)
    decided: dict[str, Paper] = field(default_factory=dict)  # since the classifier last learned: as they were
    count: int = 0
    _history: list[tuple[Question, Undo | None]] = field(default_factory=list)
    _predictions: Mapping[str, Prediction] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _asked_at: float | None = None

    def start(self) -> None:
        self._reload()
        self._asked_at = self.clock()

    @property
    def question(self) -> Question | None:
        return self.queue[0] if self.queue else None

    def accept(self, branches: Sequence[str] = ()) -> None:
        """Confirm `branches`, or the first proposal; take a waiting work in.

        Proposals that were shown before the confirmed ones, and that these contradict, are rejected.
        """
        question = self._here()
        if question.kind == "candidate":
            self._decide(Decision(id=question.id, verdict="accept"))
            return
        if question.kind == "suspicious":
            raise UsageError("say which record it is, or that it is none", fix="a number, or d")
        first = next((p.branch for p in question.proposals[:1] if p.meant), None)
        chosen = tuple(branches) or tuple(branch for branch in (first,) if branch)
        if not chosen:
            raise UsageError("nobody proposes a branch", fix="choose a number, or type to search for one")
        refused = () if first is None or any(_agree(first, branch) for branch in chosen) else (first,)
        self._decide(Decision(id=question.id, branches=chosen, refused=refused))

    def reject(self, reason: str | None = None) -> None:
        """Reject the first proposal, or keep a waiting work out."""
        question = self._here()
        if question.kind != "paper":
            self._decide(Decision(id=question.id, verdict="reject", reason=reason))
        elif question.proposals and question.proposals[0].meant:
            branch = question.proposals[0].branch
            self._decide(Decision(id=question.id, verdict="reject", branches=(branch,), reason=reason))
        else:
            raise UsageError("there is no proposal to reject", fix="s puts the paper off")

    def same(self, key: str) -> None:
        """The suspicious work is the record `key`."""
        self._decide(Decision(id=self._here().id, verdict="same", key=key))

    def different(self) -> None:
        """The suspicious work is none of the records that it is like."""
        self._decide(Decision(id=self._here().id, verdict="different"))

    def skip(self) -> None:
        """Put the question off; it comes back when somebody proposes something else, or with --again."""
        question = self._here()
        memory = load_memory(self.config)
        skipped = memory.skipped | {question.name: question.stamp}
        save_memory(self.config, memory.model_copy(update={"skipped": skipped}))
        self._history.append((question, None))
        self._next()

    def undo(self) -> Question:
        """Take the last answer back, and ask again.

        Raises:
            UsageError: there is none in this session, or its files were changed since.
        """
        if not self._history:
            raise UsageError("nothing was decided in this session", fix="edit the record, or use git")
        question, undo = self._history[-1]
        if undo is None:
            memory = load_memory(self.config)
            skipped = {name: stamp for name, stamp in memory.skipped.items() if name != question.name}
            save_memory(self.config, memory.model_copy(update={"skipped": skipped}))
        else:
            take_back(self.config, undo)
            self.count -= 1
            if not any(each.id == question.id for each, _ in self._history[:-1]):
                self.decided.pop(question.id, None)
        self._history.pop()
        self._asked_at = self.clock()
        self._seen.discard(question.name)
        if self.queue and self.queue[0].name == question.name:  # its next proposal, which is moot now
            self.queue.pop(0)
        self.queue.insert(0, question)
        return question

    def take_note(self, undo: Undo) -> None:
        """Remember the records that were decided about, for the classifier."""
        for paper in papers_before(self.config, undo):
            self.decided.setdefault(paper.key, paper)

    def learn(self) -> tuple[str, ...]:
        """Let the classifier learn from what was decided since it last did, and put the queue in its new order."""
        if self.learner is None or not self.decided:
            return ()
        learned = self.learner(self.config, dict(self.decided), self.wanted.facets)
        self.decided.clear()
        self._predictions = learned.predictions
        self._reload()
        self._asked_at = self.clock()
        return learned.lines

    @property
    def wants_to_learn(self) -> bool:
        return self.learner is not None and len(self.decided) >= self.batch

    def _here(self) -> Question:
        if self.question is None:
            raise UsageError("nothing is open", fix="kb triage --again asks what was put off")
        return self.question

    def _decide(self, decision: Decision) -> None:
        question = self._here()
        undo = decide(self.config, [decision], by=self.by)
        self._history.append((question, undo))
        self.count += 1
        if self._asked_at is not None:
            keep_time(self.config, question.kind, self.clock() - self._asked_at)
        self.take_note(undo)
        self._next(reject=decision.verdict == "reject" and question.kind == "paper")

    def _next(self, *, reject: bool = False) -> None:
        """Go on; a rejected proposal makes way for the next one of the same paper."""
        self._asked_at = self.clock()
        question = self.queue.pop(0)
        rest = question.proposals[1:]
        if reject and rest:
            self.queue.insert(0, replace(question, proposals=rest))
        else:
            self._seen.add(question.name)

    def _reload(self) -> None:
        found = open_questions(self.config, self.wanted, again=self.again, predictions=self._predictions)
        self.queue = [question for question in found if question.name not in self._seen]


def _agree(one: str, other: str) -> bool:
    """Whether a paper in `other` may well stand in `one`, too: it is the same, or holds it."""
    return other == one or other.startswith(f"{one}/")
