"""Verdicts as plain data: one line of JSON a claim, the same for the same evidence.

`claim_hash` and `evidence_hash` say what a verdict was computed from: where a committed one no longer follows, they tell
whether the claim, the evidence, or only the method has changed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from kb.link.cells import Cell
from kb.link.effects import Estimate
from kb.link.moderators import Split
from kb.link.relations import Outcome
from kb.link.verdict import Verdict
from kb.records.claims import Claim

DIGITS = 4


def verdict_line(verdict: Verdict, claim: Claim) -> str:
    """One line, without its end. How much does not count is left out: each new run or row would change most lines."""
    data = verdict_data(verdict, claim)
    del data["left_out"]
    return json.dumps(data, ensure_ascii=False, allow_nan=False)


def verdict_data(verdict: Verdict, claim: Claim) -> dict[str, Any]:
    """State, reason and statistics of a verdict. What is not known is null."""
    return {
        "claim": verdict.name,
        "state": verdict.state.value,
        "says": verdict.says.value,
        "why": verdict.why,
        "outcome": outcome_data(verdict.outcome),
        "sources": {
            voice.source: {"state": voice.outcome.state.value, **outcome_data(voice.outcome)}
            for voice in verdict.voices
        },
        "splits": [split_data(split) for split in verdict.splits],
        "needed": number(verdict.needed),
        "cells": len(verdict.cells) + len(verdict.contrast),
        "left_out": len(verdict.left_out),
        # What it means, not how it was written down: a default may be written out.
        "claim_hash": _hash(claim.model_dump(mode="json", exclude_defaults=True)),
        "evidence_hash": _hash([cell_data(cell) for cell in (*verdict.cells, *verdict.contrast)]),
    }


def outcome_data(outcome: Outcome | None) -> dict[str, Any]:
    """The estimate with its 90 % interval, and both p values."""
    if outcome is None:
        return {}
    return {
        **estimate_data(outcome.estimate),
        "p_support": number(outcome.p_support),
        "p_refute": number(outcome.p_refute),
    }


def estimate_data(made: Estimate) -> dict[str, Any]:
    low, high = made.interval()
    return {
        "effect": number(made.value),
        "low": number(low),
        "high": number(high),
        "units": made.units,
        "cells": made.cells,
        "method": made.method,
    }


def split_data(split: Split) -> dict[str, Any]:
    return {
        "axis": split.axis,
        "p": number(split.p),
        "tried": split.tried,
        "sides": [
            {"where": side.what, "state": side.state, **estimate_data(side.estimate)} for side in split.sides
        ],
    }


def cell_data(cell: Cell) -> dict[str, Any]:
    """One cell: what was held against what, and what came of it."""
    return {
        "ref": cell.variant.ref,
        "baseline": cell.baseline.ref,
        "score": number(cell.variant.score),
        "baseline_score": number(cell.baseline.score),
        "effect": number(cell.effect),
        "variance": number(cell.variance),
        "items": cell.variant.items,
        "seeds": cell.variant.seeds,
    }


def evidence_data(verdict: Verdict) -> list[dict[str, Any]]:
    """Every cell of a verdict with what it is of; those of the contrast, for a claim that has one, come last."""
    sides = [(cell, "conditions") for cell in verdict.cells] + [
        (cell, "contrast") for cell in verdict.contrast
    ]
    return [
        {
            **cell_data(cell),
            "side": side,
            "kind": cell.variant.kind,
            "source": cell.variant.source,
            "model": cell.variant.model,
            "setting": str(cell.setting),
            "against": str(cell.baseline.setting),
            "benchmark": cell.variant.benchmark,
            "chain_length": cell.variant.chain_length,
            "place": cell.variant.place,
            "certainty": cell.variant.certainty.value,
        }
        for cell, side in sides
    ]


def number(value: float | None) -> float | None:
    """Rounded, so that machines which differ in the last bits agree; None for what is no number."""
    if value is None or not math.isfinite(value):
        return None
    return round(value, DIGITS) + 0.0  # no -0.0


def parse_verdicts(text: str) -> dict[str, dict[str, Any]]:
    """Committed verdicts by claim.

    Raises:
        ValueError: a line is no verdict, or a second one on its claim (a merge may leave both).
    """
    found: dict[str, dict[str, Any]] = {}
    for at, line in enumerate(text.splitlines(), start=1):
        try:
            row = json.loads(line)
        except ValueError:
            raise ValueError(f"line {at} is no JSON") from None
        if not isinstance(row, dict) or not isinstance(row.get("claim"), str) or "state" not in row:
            raise ValueError(f"line {at} is no verdict")
        if row["claim"] in found:
            raise ValueError(f"line {at} is a second verdict on {row['claim']}")
        found[row["claim"]] = row
    return found


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What changed between two verdicts on one claim, for people."""
    if before.get("claim_hash") != now["claim_hash"]:
        return "the claim was changed"
    if before.get("evidence_hash") != now["evidence_hash"]:
        return "the evidence was changed"
    return "the method was changed, or the line was edited by hand"


def _hash(data: object) -> str:
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def join_lines(lines: Iterable[str]) -> str:
    """The file."""
    return "".join(f"{line}\n" for line in lines)
