"""A planted library of claims whose truth is known: every verdict must be right."""

from __future__ import annotations

import pytest

from kb.link.relations import State
from kb.link.verdict import judge
from kb.records.results import Certainty, ReportedResult
from tests.link.planted import SIZES, claim, evidence, row, table

ALL = dict.fromkeys(SIZES, 0.0)
GRADED = {
    "Small-1B": 5.0,
    "Small-4B": 4.0,
    "Middle-8B": 3.0,
    "Large-14B": 0.3,
    "Large-32B": 0.2,
    "Large-70B": 0.1,
}
NI: dict[str, object] = {"relation": "non_inferior", "margin": 1.0}

PLANTED: dict[str, tuple[dict[str, object], list[ReportedResult], str]] = {
    # non-inferiority
    "true: no drop anywhere": (NI, table(ALL), "supported"),
    "true: a gain is not inferior": (NI, table(dict.fromkeys(SIZES, -2.0)), "supported"),
    "false: five points lost": (NI, table(dict.fromkeys(SIZES, 5.0)), "refuted"),
    "false: two points lost, margin one": (NI, table(dict.fromkeys(SIZES, 2.5)), "refuted"),
    "true: two points lost, margin four": (
        NI | {"margin": 4.0},
        table(dict.fromkeys(SIZES, 2.0)),
        "supported",
    ),
    "underpowered: one figure on 30 items, no drop": (NI, [row(benchmark="Tiny")], "inconclusive"),
    "underpowered: one figure on 30 items, 3 points": (NI, [row(benchmark="Tiny", drop=3.3)], "inconclusive"),
    "underpowered: three models on 30 items agree by luck": (
        NI,
        [row(model, "Tiny", 0.0) for model in ("Large-14B", "Large-32B", "Large-70B")],
        "inconclusive",
    ),
    "underpowered: a drop near the margin": (
        NI,
        table(dict.fromkeys(SIZES, 1.0), wobble=1.0),
        "inconclusive",
    ),
    "underpowered: how many items is not known": (NI, [row(items=None, benchmark="Tiny")], "inconclusive"),
    "true of large models": (
        NI | {"margin": 1.5, "conditions": {"model_size_b": {"min": 14}}},
        table(GRADED),
        "supported",
    ),
    "false of small models": (
        NI | {"margin": 1.5, "conditions": {"model_size_b": {"max": 8}}},
        table(GRADED),
        "refuted",
    ),
    # no difference
    "true: within a point either way": (NI | {"relation": "no_difference"}, table(ALL), "supported"),
    "false: a gain is a difference": (
        NI | {"relation": "no_difference"},
        table(dict.fromkeys(SIZES, -3.0)),
        "refuted",
    ),
    # lower, higher
    "true: at least two points lower": (
        {"relation": "lower", "margin": 2.0},
        table(dict.fromkeys(SIZES, 6.0)),
        "supported",
    ),
    "false: not lower at all": ({"relation": "lower", "margin": 2.0}, table(ALL), "refuted"),
    "true: lower": ({"relation": "lower"}, table(dict.fromkeys(SIZES, 2.0)), "supported"),
    "false: higher": ({"relation": "higher"}, table(dict.fromkeys(SIZES, 2.0)), "refuted"),
    "true: higher": ({"relation": "higher"}, table(dict.fromkeys(SIZES, -2.0)), "supported"),
    "underpowered: lower by three on 30 items": (
        {"relation": "lower"},
        [row(benchmark="Tiny", drop=3.3)],
        "inconclusive",
    ),
    # one method against another
    "true: clever beats round": (
        {"relation": "higher", "margin": 1.0, "baseline": {"method": ["round"]}},
        [*table(ALL), *table(dict.fromkeys(SIZES, 5.0), method="round")],
        "supported",
    ),
    "false: clever beats other": (
        {"relation": "higher", "margin": 1.0, "baseline": {"method": ["other"]}},
        [*table(ALL), *table(ALL, method="other")],
        "refuted",
    ),
    # monotone
    "true: more bits, less lost": (
        {"relation": "monotone", "along": "weight_bits", "variant": {"method": ["clever"]}},
        [
            *table(dict.fromkeys(SIZES, 9.0), bits=2),
            *table(dict.fromkeys(SIZES, 4.0), bits=3),
            *table(ALL, bits=4),
        ],
        "supported",
    ),
    "false: more bits, more lost": (
        {"relation": "monotone", "along": "weight_bits", "falling": True, "variant": {"method": ["clever"]}},
        [
            *table(dict.fromkeys(SIZES, 9.0), bits=2),
            *table(dict.fromkeys(SIZES, 4.0), bits=3),
            *table(ALL, bits=4),
        ],
        "refuted",
    ),
    "true: larger models lose less": (
        {"relation": "monotone", "along": "model_size_b"},
        table({k: v for k, v in GRADED.items() if k != "Large-32B"}),
        "supported",
    ),
    # larger drop
    "true: hard tasks lose three times more": (
        {
            "relation": "larger_drop",
            "factor": 3.0,
            "conditions": {"benchmark": ["Olympiad"]},
            "contrast": {"benchmark": ["Long"]},
        },
        [
            *table(dict.fromkeys(SIZES, 12.0), benchmarks=["Olympiad"]),
            *table(dict.fromkeys(SIZES, 1.0), benchmarks=["Long"]),
        ],
        "supported",
    ),
    "false: hard tasks lose as much": (
        {
            "relation": "larger_drop",
            "factor": 4.0,
            "conditions": {"benchmark": ["Olympiad"]},
            "contrast": {"benchmark": ["Long"]},
        },
        [
            *table(dict.fromkeys(SIZES, 6.0), benchmarks=["Olympiad"]),
            *table(dict.fromkeys(SIZES, 6.0), benchmarks=["Long"]),
        ],
        "refuted",
    ),
    "true: distilled models lose more than trained ones": (
        {
            "relation": "larger_drop",
            "conditions": {"model_origin": ["distilled"]},
            "contrast": {"model_origin": ["rl"]},
        },
        table({"Large-14B": 6.0, "Middle-8B": 6.0, "Large-32B": 0.0}),
        "supported",
    ),
    # every cell
    "false for one model of six": (NI | {"each": True}, table(ALL | {"Small-1B": 30.0}), "refuted"),
    "true for every one": (NI | {"each": True, "margin": 20.0}, table(ALL), "supported"),
    "underpowered for each": (NI | {"each": True}, table(ALL), "inconclusive"),
    # sources that disagree
    "contested": (
        NI,
        [*table(ALL), *table(dict.fromkeys(SIZES, 6.0), source="other2025paper")],
        "contested",
    ),
    "one says nothing for certain": (
        NI,
        [*table(ALL), row("Small-1B", "Tiny", 3.3, source="other2025paper")],
        "supported",
    ),
    # stale and untested
    "stale": (NI | {"arxiv_version": 1}, table(ALL), "stale"),
    "read in the newest version": (NI | {"arxiv_version": 2}, table(ALL), "supported"),
    "untested: other bits": (NI, table(ALL, bits=8), "untested"),
    "untested: no such model": (NI | {"conditions": {"model_size_b": {"min": 100}}}, table(ALL), "untested"),
    "untested: one bit-width is no trend": (
        {"relation": "monotone", "along": "weight_bits", "variant": {"method": ["clever"]}},
        table(ALL),
        "untested",
    ),
    "untested: only one side of a contrast": (
        {
            "relation": "larger_drop",
            "conditions": {"benchmark": ["Olympiad"]},
            "contrast": {"benchmark": ["Tiny"]},
        },
        table(ALL),
        "untested",
    ),
    "untested: no relation": ({"relation": None}, table(ALL), "untested"),
    "untested: only figures that do not add up": (NI, [row(certainty=Certainty.LOW)], "untested"),
    "untested: special settings are not the method": (NI, [row(variant="other calibration")], "untested"),
    "untested: a printed average is no evidence": (NI, [row(benchmark="Mean")], "untested"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_claim_gets_the_verdict_that_it_was_planted_with(name: str) -> None:
    fields, rows, expected = PLANTED[name]
    verdict = judge("own2025paper", claim(**fields), evidence(*rows), latest=2)
    assert verdict.state.value == expected, verdict.why


def test_every_state_is_planted() -> None:
    """The library above has claims of every kind of truth."""
    assert {expected for _, _, expected in PLANTED.values()} == {state.value for state in State}
