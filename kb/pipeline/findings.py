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
    if not (results.rows or any(paper.claims for paper in library.values())):
        return Findings()
    from kb.link.adds_up import doubts
    from kb.link.contradictions import against_full_precision
    from kb.pipeline.claims import contradictions, gaps, judge_held, load_committed, next_gaps, open_evidence

    held = open_evidence(config, library, results, runs)
    judged = judge_held(held, load_committed(config))
    reasons: dict[str, list[str]] = {}
    for doubt in doubts(results):
        reasons.setdefault(doubt.row.ref, []).append(doubt.reason)
    made = gaps(held, judged)
    return Findings(
        judged=tuple(
            Judgement(one.claim, one.verdict, one.committed["state"] if one.committed else None)
            for one in judged
        ),
        results=results,
        doubts={ref: tuple(said) for ref, said in reasons.items()},
        contradictions=contradictions(held) if results.rows and judged else None,
        gaps=made,
        upcoming=tuple(next_gaps(made)),
        effects=tuple(against_full_precision(held.evidence)),
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
