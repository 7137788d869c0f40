"""Planted conflicts among planted agreements: what is found, and what is left alone."""

from __future__ import annotations

import pytest

from kb.link.contradictions import cannot_both_hold, find
from kb.records.claims import Claim, Range
from kb.records.results import ReportedResult
from tests.link.planted import SIZES, WORDS, claim, evidence, table

CLEVER = {"method": ["clever"], "weight_bits": [4.0]}
NI = {"relation": "non_inferior", "margin": 1.0}
LOWER = {"relation": "lower", "margin": 2.0}

# (one claim, the other, whether they contradict each other)
PAIRS: dict[str, tuple[dict[str, object], dict[str, object], bool]] = {
    "lossless against lower": (NI, LOWER, True),
    "lossless against lower by exactly the margin": (NI, LOWER | {"margin": 1.0}, True),
    "lossless against slightly lower": (NI, LOWER | {"margin": 0.5}, False),
    "lossless against lower by anything": (NI, {"relation": "lower"}, False),
    "no difference against lower": (NI | {"relation": "no_difference"}, LOWER, True),
    "no difference against higher": (
        NI | {"relation": "no_difference"},
        LOWER | {"relation": "higher"},
        True,
    ),
    "lossless against higher": (NI, LOWER | {"relation": "higher"}, False),
    "higher against lower": ({"relation": "higher"}, {"relation": "lower"}, True),
    "lower by two against lower by five": (LOWER, LOWER | {"margin": 5.0}, False),
    "other bits": (NI, LOWER | {"variant": CLEVER | {"weight_bits": [3.0]}}, False),
    "other method": (NI, LOWER | {"variant": CLEVER | {"method": ["round"]}}, False),
    "a family that has the method": (NI, LOWER | {"variant": CLEVER | {"method": ["weight-only"]}}, True),
    "a family that has it not": (NI, LOWER | {"variant": CLEVER | {"method": ["rounding"]}}, False),
    "any method": (NI, LOWER | {"variant": {"weight_bits": [4.0]}}, True),
    "some bits in common": (NI, LOWER | {"variant": CLEVER | {"weight_bits": [3.0, 4.0]}}, True),
    "other activations": (
        NI | {"variant": CLEVER | {"act_bits": [16.0]}},
        LOWER | {"variant": CLEVER | {"act_bits": [4.0]}},
        False,
    ),
    "sizes that overlap": (
        NI | {"conditions": {"model_size_b": {"max": 14}}},
        LOWER | {"conditions": {"model_size_b": {"min": 8}}},
        True,
    ),
    "sizes that do not": (
        NI | {"conditions": {"model_size_b": {"min": 14}}},
        LOWER | {"conditions": {"model_size_b": {"max": 8}}},
        False,
    ),
    "any size against small": (NI, LOWER | {"conditions": {"model_size_b": {"max": 8}}}, True),
    "other benchmarks": (
        NI | {"conditions": {"benchmark": ["Long"]}},
        LOWER | {"conditions": {"benchmark": ["Olympiad"]}},
        False,
    ),
    "a benchmark in common": (
        NI | {"conditions": {"benchmark": ["Long", "Olympiad"]}},
        LOWER | {"conditions": {"benchmark": ["Olympiad"]}},
        True,
    ),
    "other origins": (
        NI | {"conditions": {"model_origin": ["rl"]}},
        LOWER | {"conditions": {"model_origin": ["distilled"]}},
        False,
    ),
    "other task kinds": (
        NI | {"conditions": {"task_kind": ["math"]}},
        LOWER | {"conditions": {"task_kind": ["science"]}},
        False,
    ),
    "a model of another origin": (
        NI | {"conditions": {"model": ["Large-32B"]}},
        LOWER | {"conditions": {"model_origin": ["distilled"]}},
        False,
    ),
    "a model of that origin": (
        NI | {"conditions": {"model": ["Large-70B"]}},
        LOWER | {"conditions": {"model_origin": ["distilled"]}},
        True,
    ),
    "a model of another size": (
        NI | {"conditions": {"model": ["Large-70B"]}},
        LOWER | {"conditions": {"model_size_b": {"max": 8}}},
        False,
    ),
    "a benchmark of another difficulty": (
        NI | {"conditions": {"benchmark": ["Long"]}},
        LOWER | {"conditions": {"difficulty": {"min": 4}}},
        False,
    ),
    "a benchmark of another kind": (
        NI | {"conditions": {"benchmark": ["Science"]}},
        LOWER | {"conditions": {"task_kind": ["math"]}},
        False,
    ),
    "other difficulty": (
        NI | {"conditions": {"difficulty": {"max": 3}}},
        LOWER | {"conditions": {"difficulty": {"min": 4}}},
        False,
    ),
    "difficulty in common": (
        NI | {"conditions": {"difficulty": {"max": 4}}},
        LOWER | {"conditions": {"difficulty": {"min": 4}}},
        True,
    ),
    "other metric": (NI | {"metric": "ece"}, LOWER, False),
    "other baseline": (NI, LOWER | {"baseline": {"method": ["round"]}}, False),
    "full precision said and unsaid": (NI, LOWER | {"baseline": {"method": ["none"]}}, True),
    "other unit": (NI, LOWER | {"unit": "percent"}, False),
    "rising against falling": (
        {"relation": "monotone", "along": "weight_bits", "variant": {"method": ["clever"]}},
        {"relation": "monotone", "along": "weight_bits", "falling": True, "variant": {"method": ["clever"]}},
        True,
    ),
    "rising against rising": (
        {"relation": "monotone", "along": "weight_bits", "variant": {"method": ["clever"]}},
        {"relation": "monotone", "along": "weight_bits", "variant": {"method": ["clever"]}},
        False,
    ),
    "rising along something else": (
        {"relation": "monotone", "along": "model_size_b"},
        {"relation": "monotone", "along": "difficulty", "falling": True},
        False,
    ),
    "hard loses more against easy loses more": (
        {
            "relation": "larger_drop",
            "conditions": {"benchmark": ["Olympiad"]},
            "contrast": {"benchmark": ["Long"]},
        },
        {
            "relation": "larger_drop",
            "conditions": {"benchmark": ["Long"]},
            "contrast": {"benchmark": ["Olympiad"]},
        },
        True,
    ),
    "hard loses more, said twice": (
        {
            "relation": "larger_drop",
            "conditions": {"benchmark": ["Olympiad"]},
            "contrast": {"benchmark": ["Long"]},
        },
        {
            "relation": "larger_drop",
            "factor": 4.0,
            "conditions": {"benchmark": ["Olympiad"]},
            "contrast": {"benchmark": ["Long"]},
        },
        False,
    ),
    "no relation": (NI, {"relation": None}, False),
}


def _claims(*fields: dict[str, object]) -> list[tuple[str, Claim]]:
    names = ("own2025paper", "other2025paper")
    return [
        (name, claim(**({"id": f"c{at}"} | each)))
        for at, (name, each) in enumerate(zip(names, fields, strict=False))
    ]


@pytest.mark.parametrize("name", PAIRS)
def test_a_planted_pair_is_a_contradiction_exactly_if_it_was_planted_as_one(name: str) -> None:
    a, b, conflict = PAIRS[name]
    for pair in ((a, b), (b, a)):
        assert (
            bool(find(_claims(*pair), evidence(*table(dict.fromkeys(SIZES, 0.0))), WORDS).claims) is conflict
        )


def test_all_planted_claims_at_once_are_found_with_recall_and_precision() -> None:
    """Every planted pair in one base, each kept apart by a chain length of its own: no pair hides or invents another."""
    claims: list[tuple[str, Claim]] = []
    planted = set()
    for at, (a, b, conflict) in enumerate(PAIRS.values()):
        for side, fields in (("a", a), ("b", b)):
            claims.append((f"p{at}{side}", _apart(claim(**fields), at)))
        if conflict:
            planted.add((f"p{at}a/c", f"p{at}b/c"))
    found = {(one.a.name, one.b.name) for one in find(claims, evidence(), WORDS).claims}
    assert len(found & planted) >= 0.95 * len(planted)
    assert len(found & planted) >= 0.9 * len(found)


def _apart(one: Claim, at: int) -> Claim:
    """The claim about a chain length of its own; a comparison, which no condition narrows, about a method of its own."""
    if one.contrast is None:
        place = Range(min=at, max=at)
        return one.model_copy(
            update={"conditions": one.conditions.model_copy(update={"chain_length": place})}
        )
    assert one.variant is not None
    return one.model_copy(update={"variant": one.variant.model_copy(update={"method": (f"method-{at}",)})})


def test_what_decides_between_two_claims_is_found_in_the_data() -> None:
    """Small models lose, large ones do not: each claim is borne out on one side of a size."""
    drops = {
        "Small-1B": 5.0,
        "Small-4B": 5.0,
        "Middle-8B": 5.0,
        "Large-14B": 0.0,
        "Large-32B": 0.0,
        "Large-70B": 0.0,
    }
    found = find(_claims(NI | {"margin": 1.5}, LOWER), evidence(*table(drops)), WORDS).claims
    (one,) = found
    assert one.estimate is not None
    assert len(one.cells) == 24
    split = one.reconciled[0]
    assert split.axis == "model size"
    assert [(side.what, side.state) for side in split.sides] == [
        ("model size up to 8B", "bears out c1"),
        ("model size of 14B or more", "bears out c0"),
    ]


def test_a_size_that_decides_nothing_is_not_named() -> None:
    found = find(_claims(NI, LOWER), evidence(*table(dict.fromkeys(SIZES, 5.0))), WORDS).claims
    assert found[0].reconciled == ()


def _planted_results() -> tuple[list[ReportedResult], set[str], set[str]]:
    rows: list[ReportedResult] = []
    conflicts: set[str] = set()
    agreements: set[str] = set()
    for at, model in enumerate(SIZES):
        for bits in (2.0, 3.0, 4.0, 8.0):
            for place, benchmark in enumerate(("Long", "Exam")):
                planted = (at + place + int(bits)) % 3 == 0
                what = f"clever W{bits:g}A16KV16, {model}, {benchmark}"
                (conflicts if planted else agreements).add(what)
                for source, drop in (("own2025paper", 1.0), ("other2025paper", 21.0 if planted else 1.5)):
                    rows += table({model: drop}, wobble=0.0, benchmarks=[benchmark], bits=bits, source=source)
    return rows, conflicts, agreements


def test_planted_disagreements_of_sources_are_found_with_recall_and_precision() -> None:
    rows, conflicts, agreements = _planted_results()
    assert len(conflicts) > 10
    assert len(agreements) > 10
    found = {one.what for one in find([], evidence(*rows), WORDS).results if "models of" not in one.what}
    assert len(found & conflicts) >= 0.95 * len(conflicts)
    assert len(found & conflicts) >= 0.9 * len(found)


def test_chance_alone_is_no_contradiction() -> None:
    """Two sources that differ by three points on 30 items have said nothing against each other."""
    rows = [
        *table({"Large-14B": 0.0}, benchmarks=["Tiny"]),
        *table({"Large-14B": 3.3}, benchmarks=["Tiny"], source="other2025paper"),
    ]
    made = find([], evidence(*rows), WORDS)
    assert made.compared == 1
    assert made.results == ()


def test_holding_is_symmetric() -> None:
    for a, b, _ in PAIRS.values():
        one, two = claim(**a), claim(**b)
        if one.relation and two.relation:
            assert cannot_both_hold(one, two) is cannot_both_hold(two, one)
