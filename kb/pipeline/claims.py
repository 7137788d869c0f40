"""`kb claims`: the verdicts on all claims, from committed data alone; whether the committed ones still follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from kb.config import Config
from kb.errors import DataError, UsageError
from kb.harness.runs import Run, list_runs, load_run
from kb.link.contradictions import Contradictions
from kb.link.contradictions import find as find_contradictions
from kb.link.evidence import of_runs, reported
from kb.link.gap_spec import ready, spec_text
from kb.link.gaps import Gap, Matrix, matrix
from kb.link.match import Evidence
from kb.link.relations import State
from kb.link.verdict import Verdict, judge
from kb.link.verdict_data import changed, join_lines, parse_verdicts, verdict_data, verdict_line
from kb.pipeline.results import open_results
from kb.pipeline.store import open_library
from kb.records.claims import Claim
from kb.records.files import read_if_there, write_atomic
from kb.records.library import Library
from kb.records.models import Paper
from kb.records.results import Results

VERDICTS = "_verdicts.jsonl"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict. `committed` is the verdict's line in results/_verdicts.jsonl as data, if there is one."""

    claim: Claim
    verdict: Verdict
    committed: dict[str, Any] | None

    @property
    def name(self) -> str:
        return self.verdict.name


@dataclass(frozen=True)
class Moved:
    """A committed verdict that no longer follows (`before` None: new; `now` None: the claim is gone)."""

    name: str
    before: str | None
    now: str | None
    why: str

    @property
    def flipped(self) -> bool:
        """Whether the verdict itself is another one."""
        return self.before is not None and self.now is not None and self.before != self.now

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name}: {self.now}, and no verdict is committed"
        if self.now is None:
            return f"{self.name}: committed as {self.before}, and the claim is gone"
        said = f"{self.before} -> {self.now}" if self.flipped else f"still {self.now}"
        return f"{self.name}: {said}; {self.why}"


@dataclass(frozen=True)
class Held:
    """What claims are held against, with the records that make them."""

    papers: Library
    results: Results
    evidence: Evidence

    @property
    def claims(self) -> list[tuple[Paper, Claim]]:
        """Every claim, in the order of records and of their claims."""
        return [(paper, claim) for paper in self.papers.values() for claim in paper.claims]


def open_evidence(
    config: Config,
    papers: Library | None = None,
    results: Results | None = None,
    runs: Sequence[Run] | None = None,
) -> Held:
    """Records, reported results and committed runs.

    Args:
        papers, results, runs: if they are read already.

    Raises:
        DataError: a record, a row or a run is broken.
    """
    papers = open_library(config) if papers is None else papers
    results = open_results(config, papers) if results is None else results
    measured = of_runs(load_runs(config) if runs is None else runs, results.words)
    return Held(papers, results, Evidence(reported(results), measured))


def load_runs(config: Config) -> list[Run]:
    """Every run with its samples; those that came from elsewhere as well.

    Raises:
        DataError: one cannot be read.
    """
    folder = config.root / "runs"
    found, problems = list_runs(folder)
    if problems:
        raise problems[0] if isinstance(problems[0], DataError) else DataError(str(problems[0]))
    return [load_run(folder / run.id) for run in found]


def judge_held(
    held: Held, committed: Mapping[str, dict[str, Any]], *, progress: Progress = lambda done, total: None
) -> list[Judged]:
    """The verdict on every claim.

    Args:
        committed: the committed verdicts, by claim.
    """
    found = []
    for done, (paper, claim) in enumerate(held.claims, start=1):
        verdict = judge(paper.key, claim, held.evidence, latest=paper.identifiers.arxiv_version)
        found.append(Judged(claim, verdict, committed.get(verdict.name)))
        progress(done, len(held.claims))
    return found


def judge_all(
    config: Config, *, papers: Library | None = None, progress: Progress = lambda done, total: None
) -> list[Judged]:
    """The verdict on every claim of the knowledge base."""
    return judge_held(open_evidence(config, papers), load_committed(config), progress=progress)


def load_committed(config: Config) -> dict[str, dict[str, Any]]:
    """The committed verdicts by claim; none if there is no file.

    Raises:
        DataError: the file is broken.
    """
    path = config.results_dir / VERDICTS
    try:
        return parse_verdicts(read_if_there(path))
    except ValueError as error:
        raise DataError(str(error), file=path, fix="kb claims update") from None


def select(judged: Sequence[Judged], name: str) -> list[Judged]:
    """The claims of a record, or the one that `name` (key/id) says.

    Raises:
        UsageError: there is none.
    """
    found = [one for one in judged if name in {one.name, one.verdict.paper}]
    if not found:
        raise UsageError(f"no claim or record with claims is called {name}", fix="kb claims list")
    return found


def check(
    config: Config, *, progress: Progress = lambda done, total: None
) -> tuple[list[Judged], list[Moved]]:
    """Recompute every verdict, and say which of the committed ones no longer follow, to the byte."""
    judged = judge_all(config, progress=progress)
    return judged, moved(config, judged)


def moved(config: Config, judged: Sequence[Judged]) -> list[Moved]:
    """What differs from the committed verdicts, in the order of the claims."""
    committed = load_committed(config)
    text = read_if_there(config.results_dir / VERDICTS)
    before = dict(zip(committed, text.splitlines(), strict=True))
    now = {one.name: verdict_line(one.verdict, one.claim) for one in judged}
    found = [
        Moved(
            one.name,
            one.committed["state"] if one.committed else None,
            one.verdict.state.value,
            changed(one.committed, verdict_data(one.verdict, one.claim)) if one.committed else "it is new",
        )
        for one in judged
        if before.get(one.name) != now[one.name]
    ]
    gone = [name for name in before if name not in now]
    return found + [Moved(name, committed[name]["state"], None, "the claim is gone") for name in gone]


def update(
    config: Config, *, progress: Progress = lambda done, total: None
) -> tuple[list[Judged], list[Moved]]:
    """Write results/_verdicts.jsonl anew. Gives what changed."""
    try:
        committed = load_committed(config)
    except DataError:  # broken by hand: written anew
        committed = {}
    judged = judge_held(open_evidence(config), committed, progress=progress)
    changes = moved(config, judged) if committed else []
    path = config.results_dir / VERDICTS
    if judged or path.exists():  # a survey without claims needs no file
        write_atomic(path, join_lines(verdict_line(one.verdict, one.claim) for one in judged))
    return judged, changes


def contradictions(held: Held) -> Contradictions:
    """Claims and results that cannot both hold."""
    claims = [(paper.key, claim) for paper, claim in held.claims]
    return find_contradictions(claims, held.evidence, held.results.words)


def gaps(held: Held, judged: Sequence[Judged]) -> Matrix:
    """The gap matrix.

    Args:
        judged: all claims.
    """
    states = [(one.verdict.paper, one.claim, one.verdict.says) for one in judged]
    return matrix(held.evidence, states, held.results.words)


def next_gaps(made: Matrix) -> list[Gap]:
    """Untested cells in the order of what a run there would bear on; of equals, those that can be run as they are first."""
    return sorted(made.next, key=lambda gap: (-len(gap.claims), not ready(gap), gap.name))


def manifest(held: Held, made: Matrix, name: str) -> str:
    """The spec for an untested cell of the gap matrix.

    Raises:
        UsageError: there is no such cell, or nothing can be run there.
    """
    by_name = {gap.name: gap for gap in made.cells.values()}
    if name not in by_name:
        near = get_close_matches(name, by_name, n=1, cutoff=0.0)
        fix = f"kb gaps lists them{f', such as {near[0]}' if near else ''}"
        raise UsageError(f"{name} is no cell of the gap matrix", fix=fix)
    return spec_text(by_name[name], held.results.words.models)


def counts(judged: Sequence[Judged]) -> dict[str, int]:
    """How many claims have each verdict, in a fixed order."""
    return {state.value: sum(one.verdict.state is state for one in judged) for state in State}
