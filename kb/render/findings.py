"""What is known beside the records: verdicts on claims, reported results, doubts about them. Input of the pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kb.records.claims import Claim
from kb.records.results import Results, Vocabulary

if TYPE_CHECKING:  # the libraries behind it are loaded only where there are claims
    from kb.link.cells import Cell
    from kb.link.contradictions import Contradictions
    from kb.link.gaps import Gap, Matrix
    from kb.link.verdict import Verdict

CLAIMS = "claims/index.md"
RESULTS = "results/index.md"
CONTRADICTIONS = "contradictions.md"
GAPS = "gaps.md"
BITS = "results/bits.md"
MEMORY = "results/memory.md"
OPTIONAL = frozenset({CLAIMS, RESULTS, CONTRADICTIONS, GAPS, BITS, MEMORY})
"""Pages that are made where there is something to show."""


@dataclass(frozen=True)
class Judgement:
    """A claim with its verdict. `committed` is the verdict that stands in results/_verdicts.jsonl, if one does."""

    claim: Claim
    verdict: Verdict
    committed: str | None = None

    @property
    def name(self) -> str:
        return self.verdict.name

    @property
    def state(self) -> str:
        return self.verdict.state.value


@dataclass(frozen=True)
class Findings:
    """All of it.

    Attributes:
        judged: in the order of records and of their claims.
        doubts: what does not add up, by the ref of the row.
        upcoming: untested cells of the gap matrix, in the order in which to fill them.
        effects: every accuracy held against its model at full precision.
    """

    judged: tuple[Judgement, ...] = ()
    results: Results = field(default_factory=lambda: Results((), Vocabulary({}, {}, {}, {})))
    doubts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contradictions: Contradictions | None = None
    gaps: Matrix | None = None
    upcoming: tuple[Gap, ...] = ()
    effects: tuple[Cell, ...] = ()


def slugs(names: Iterable[str]) -> dict[str, str]:
    """A file's name for each name; two that would share one are told apart by a number.

    >>> slugs(["GSM8K, 5 shots", "gsm8k 5 shots", "数学"])
    {'GSM8K, 5 shots': 'gsm8k-5-shots', 'gsm8k 5 shots': 'gsm8k-5-shots-2', '数学': 'x'}
    """
    found: dict[str, str] = {}
    taken: set[str] = {"index"}
    for name in sorted(set(names)):
        base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "x"
        slug, number = base, 2
        while slug in taken:
            slug, number = f"{base}-{number}", number + 1
        taken.add(slug)
        found[name] = slug
    return found
