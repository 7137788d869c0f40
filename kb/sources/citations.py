"""Which records cite which, from Semantic Scholar's Graph API. It makes no papers: it is asked about those that are there.

The API gives a paper's references in one answer for many papers (POST /graph/v1/paper/batch), and leaves some out without
a word: beyond 9,999 references an answer, and where a publisher withholds them. So a paper whose references are fewer than
the count that comes with them is asked for again by itself, and what it cites is then only added to, never taken away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from kb.config import CitationsSettings
from kb.errors import KbError, LockError, SafetyStop, UpstreamError
from kb.ids import parse_arxiv_id, parse_doi
from kb.sources.citations_http import CitationsHttp
from kb.sources.entry import CITATIONS, Answer, Known, Problem, Progress, SourceResult, Status, no_progress
from kb.sources.spacing import Spacing

FIELDS = "externalIds,referenceCount,references.externalIds"
_PREFIXES = {"arxiv_id": "ARXIV:", "doi": "DOI:", "acl_anthology": "ACL:", "semantic_scholar": ""}
_EXTERNAL = {"ArXiv": "arxiv_id", "DOI": "doi", "ACL": "acl_anthology"}
_ALONE = 40  # papers that are asked for again by themselves, in one run
_FEW = 10  # citations that may go without a question


@dataclass
class _Run:
    """What one run has so far."""

    holders: Mapping[tuple[str, str], str]
    answers: dict[str, Answer] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    short: list[str] = field(default_factory=list)

    def take(self, key: str, asked: str, value: Any) -> None:
        """Read the answer about the record `key`."""
        if value is None:
            self.unknown.append(key)
            return
        problem, answer = _read(value, key, asked, self.holders)
        if answer is None:
            self.problems.append(Problem(key, problem))
            return
        self.answers[key] = answer
        if not answer.complete:
            self.short.append(key)


class CitationsSource:
    """Semantic Scholar, https://api.semanticscholar.org/api-docs/graph.

    Args:
        spacing_dir: where processes that must take turns meet.
        key: raises the limits; without one the API's common pool is used.
        sleep, clock: how to wait, in seconds, and what time it is, in seconds since 1970.
    """

    name = CITATIONS

    def __init__(
        self,
        settings: CitationsSettings,
        spacing_dir: Path,
        key: SecretStr | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._key = key
        self._clock = clock
        self._spacing = Spacing(
            spacing_dir,
            "semantic-scholar",
            delay_s=settings.delay_s,
            max_wait_s=settings.http.max_wait_s,
            sleep=sleep,
            clock=clock,
        )

    def fetch(self, known: Known, progress: Progress = no_progress) -> SourceResult:
        """What the records of `known.records` cite among each other. An answer that cannot be read costs its paper alone;
        a batch that cannot be had ends the run, and what came before it counts."""
        http = CitationsHttp(self._settings.http, self._spacing, self._key, self._clock)
        asked = {key: name for key, ids in known.records.items() if (name := _name(ids))}
        run = _Run({(kind, value): key for key, ids in known.records.items() for kind, value in ids.items()})
        error: KbError | None = None
        try:
            for batch in _batches(list(asked), self._settings.batch_size):
                progress("citations", len(run.answers) + len(run.unknown), len(asked))
                self._ask(http, batch, asked, run)
            for key in run.short[:_ALONE]:
                self._ask_again(http, key, asked[key], run)
        except (UpstreamError, LockError) as caught:
            error = caught
        return self._result(known, run, http.requests, len(asked), error)

    def _ask(self, http: CitationsHttp, batch: list[str], asked: Mapping[str, str], run: _Run) -> None:
        names = [asked[key] for key in batch]
        what = f"{len(batch)} papers from {batch[0]} on"
        for key, name, value in zip(batch, names, http.post(self._url, names, what), strict=True):
            run.take(key, name, value)

    def _ask_again(self, http: CitationsHttp, key: str, name: str, run: _Run) -> None:
        (value,) = http.post(self._url, [name], key)
        _, answer = _read(value, key, name, run.holders) if value is not None else ("", None)
        if answer is not None and len(answer.cites) >= len(run.answers[key].cites):
            run.answers[key] = answer

    @property
    def _url(self) -> str:
        return f"{self._settings.base_url}/graph/v1/paper/batch?fields={FIELDS}"

    def _result(
        self, known: Known, run: _Run, requests: int, asked: int, error: KbError | None
    ) -> SourceResult:
        answers, lost = dict(run.answers), _lost(known, run.answers)
        before = sum(map(len, known.cites.values()))
        if lost > max(_FEW, known.max_removed_share * before) and not known.allow_removals and error is None:
            error = SafetyStop(
                f"citations: {lost} of {before} citations are gone; none was removed",
                fix="if that is right, run again with --allow-removals",
            )
            answers = {key: Answer(each.cites, complete=False) for key, each in answers.items()}
        if error is not None and not answers and not run.unknown:
            return SourceResult(self.name, Status.FAILED, error=error, requests=requests, summary=str(error))
        partial = error is not None or bool(run.problems)
        changed = any(set(each.cites) != set(known.cites.get(key, ())) for key, each in answers.items())
        return SourceResult(
            self.name,
            Status.PARTIAL if partial else Status.OK if changed else Status.EMPTY,
            problems=tuple(run.problems),
            requests=requests,
            error=error,
            summary=_summary(known, run, asked, error),
            cites=answers,
        )


def _lost(known: Known, answers: Mapping[str, Answer]) -> int:
    return sum(
        len(set(known.cites.get(key, ())) - set(answer.cites))
        for key, answer in answers.items()
        if answer.complete
    )


def _summary(known: Known, run: _Run, asked: int, error: KbError | None) -> str:
    count = sum(len(answer.cites) for answer in run.answers.values())
    short = sum(not answer.complete for answer in run.answers.values())
    parts = [f"{count} citations among {len(known.records)} records"]
    if len(run.answers) < asked:
        parts.append(f"{len(run.unknown)} of {asked} are not known there")
    if short:
        parts.append(f"{short} have references that it does not give")
    if len(known.records) > asked:
        parts.append(f"{len(known.records) - asked} have no identifier to ask by")
    return "; ".join([*parts, *([str(error)] if error else [])])


def _batches(keys: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _name(ids: Mapping[str, str]) -> str | None:
    """What the API calls a paper."""
    return next((f"{prefix}{ids[kind]}" for kind, prefix in _PREFIXES.items() if ids.get(kind)), None)


def _read(
    value: Any, key: str, asked: str, holders: Mapping[tuple[str, str], str]
) -> tuple[str, Answer | None]:
    """What a paper of the answer cites, or what is wrong with it."""
    if not isinstance(value, dict):
        return "is no object", None
    told = dict(_identifiers(value))
    if wrong := _another(told, asked):
        return wrong, None
    references, count = value.get("references"), value.get("referenceCount")
    if not isinstance(references, list | None) or not isinstance(count, int | None):
        return "has references of another form than documented", None
    cited = {
        holder
        for each in references or ()
        if isinstance(each, dict)
        for pair in _identifiers(each)
        if (holder := holders.get(pair)) and holder != key
    }
    return "", Answer(
        tuple(sorted(cited)), complete=references is not None and len(references) >= (count or 0)
    )


def _another(told: Mapping[str, str], asked: str) -> str | None:
    """Why the answer is about another paper than the one that was asked for, if its arXiv id says so."""
    prefix, _, name = asked.partition(":")
    if prefix == "ARXIV" and told.get("arxiv_id", name) != name:
        return f"was asked for as {asked} and came as {told['arxiv_id']}"
    return None


def _identifiers(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Kinds and normal forms of what a paper of the answer is called."""
    if isinstance(paper_id := value.get("paperId"), str):
        yield "semantic_scholar", paper_id
    external = value.get("externalIds")
    for name, kind in _EXTERNAL.items() if isinstance(external, dict) else ():
        text = external.get(name) if isinstance(external, dict) else None
        if not isinstance(text, str):
            continue
        if arxiv := parse_arxiv_id(text) if kind in {"arxiv_id", "doi"} else None:
            yield "arxiv_id", arxiv.base
        elif kind == "doi" and (doi := parse_doi(text)):
            yield "doi", doi
        elif kind == "acl_anthology":
            yield kind, text
