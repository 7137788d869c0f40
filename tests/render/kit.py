"""A small set of claims and results, judged by the real machinery."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kb.link.contradictions import find
from kb.link.evidence import reported
from kb.link.gaps import matrix
from kb.link.match import Evidence
from kb.link.verdict import judge
from kb.records.claims import Origin, TaskKind
from kb.records.models import Paper
from kb.records.results import (
    Benchmark,
    Method,
    MethodKind,
    Model,
    ReportedResult,
    Results,
    ResultSource,
    SourceKind,
    Vocabulary,
)
from kb.render.findings import Findings, Judgement


def result(**fields: Any) -> ReportedResult:
    """A figure of the paper a2020b: its model M rounded to 4 bits by AWQ loses 10 points on GSM8K."""
    usual = {"source": "a2020b", "model": "M", "method": "awq", "weight_bits": 4, "benchmark": "GSM8K"}
    data = {**usual, "score": 70, "baseline_score": 80, **fields}
    return ReportedResult.model_validate_json(json.dumps(data))


def results(rows: Iterable[ReportedResult]) -> Results:
    """`rows` with the words that they use."""
    rows = tuple(rows)
    return Results(
        rows,
        Vocabulary(
            {
                row.source: ResultSource(id=row.source, kind=SourceKind.PAPER, title=row.source)
                for row in rows
            },
            {
                name: Model(name=name, family="F", origin=Origin.DISTILLED, size_b=70 if "big" in name else 7)
                for name in dict.fromkeys(row.model for row in rows)
            },
            {
                name: Benchmark(name=name, kind=TaskKind.MATH, difficulty=1, items=1319)
                for name in dict.fromkeys(row.benchmark for row in rows)
            },
            {
                name: Method(name=name, title=name.upper(), family="rounding", kind=MethodKind.POST_TRAINING)
                for name in dict.fromkeys(row.method for row in rows)
            },
        ),
    )


def findings(
    papers: Iterable[Paper],
    rows: Iterable[ReportedResult] = (),
    *,
    committed: Mapping[str, str] | None = None,
    doubts: Mapping[str, tuple[str, ...]] | None = None,
) -> Findings:
    """What follows for the claims of `papers` from `rows`."""
    known = results(rows)
    evidence = Evidence(reported(known))
    judged = []
    for paper in papers:
        for claim in paper.claims:
            verdict = judge(paper.key, claim, evidence, latest=paper.identifiers.arxiv_version)
            judged.append(Judgement(claim, verdict, (committed or {}).get(verdict.name)))
    claims = [(each.verdict.paper, each.claim) for each in judged]
    states = [(each.verdict.paper, each.claim, each.verdict.says) for each in judged]
    made = matrix(evidence, states, known.words)
    return Findings(
        tuple(judged),
        known,
        doubts or {},
        find(claims, evidence, known.words) if judged and known.rows else None,
        made,
        made.next,
    )
