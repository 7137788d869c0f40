"""What the site shows beside the records: verdicts, reported results, doubts; and what changed since the last build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kb.config import Config
from kb.pipeline.results import open_results
from kb.records.library import Library
from kb.render.findings import Findings, Judgement

if TYPE_CHECKING:
    from kb.harness.runs import Run


def load_findings(config: Config, library: Library, runs: Sequence[Run] | None = None) -> Findings:
    """All of it. What computes verdicts is loaded only where a record has a claim or results/ has a row.

    Args:
        runs: if they are read already.

    Raises:
        DataError: something under results/ or runs/ is wrong.
    """
    results = open_results(config, library)
    every = [(paper, claim) for paper in library.values() for claim in paper.claims]
    if not (every or results.rows):
        return Findings()
    from kb.link.adds_up import doubts
    from kb.link.contradictions import find
    from kb.link.gaps import matrix
    from kb.link.verdict import judge
    from kb.pipeline.claims import load_committed, load_evidence, next_gaps

    reasons: dict[str, list[str]] = {}
    for doubt in doubts(results):
        reasons.setdefault(doubt.row.ref, []).append(doubt.reason)
    evidence, committed = load_evidence(config, library, results, runs), load_committed(config)
    judged = []
    for paper, claim in every:
        verdict = judge(paper.key, claim, evidence, latest=paper.identifiers.arxiv_version)
        before = committed.get(verdict.name)
        judged.append(Judgement(claim, verdict, before["state"] if before else None))
    claims = [(paper.key, claim) for paper, claim in every]
    states = [(key, claim, each.verdict.says) for (key, claim), each in zip(claims, judged, strict=True)]
    made = matrix(evidence, states, results.words)
    return Findings(
        judged=tuple(judged),
        results=results,
        doubts={ref: tuple(said) for ref, said in reasons.items()},
        contradictions=find(claims, evidence, results.words) if results.rows and every else None,
        gaps=made,
        upcoming=tuple(next_gaps(made)),
    )


@dataclass(frozen=True)
class Change:
    """A verdict that is another one than in the last build (`before` None: new; `now` None: gone)."""

    claim: str
    before: str | None
    now: str | None

    @property
    def flipped(self) -> bool:
        return self.before is not None and self.now is not None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.claim}: {self.now}, new"
        return f"{self.claim}: {self.before} -> {self.now or 'gone'}"


def changes(before: Mapping[str, str] | None, now: Mapping[str, str]) -> tuple[Change, ...]:
    """What changed between two builds, flipped verdicts first; nothing if it is not known what was before."""
    if before is None:
        return ()
    found = [
        Change(name, before.get(name), now.get(name))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return tuple(sorted(found, key=lambda change: not change.flipped))
