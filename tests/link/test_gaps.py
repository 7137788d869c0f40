"""The gap matrix, and the specs that fill it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kb.errors import UsageError
from kb.harness.spec import parse_grid
from kb.link.gap_spec import CHECKPOINT, DATA, quantizer_of, ready, spec_text
from kb.link.gaps import Gap, GapState, Matrix, Row, matrix
from kb.link.relations import State
from kb.records.claims import Claim, Origin, TaskKind
from kb.records.results import Model, ReportedResult
from kb.records.yaml_read import parse_yaml
from tests.link.planted import SIZES, WORDS, claim, evidence, row, table

HUB = {
    name: Model(name=name, aliases=(f"lab/{name}",), family="Series", origin=Origin.DISTILLED, size_b=size)
    for name, size in SIZES.items()
}


def _matrix(rows: Sequence[ReportedResult], *claims: tuple[Claim, State]) -> Matrix:
    return matrix(evidence(*rows), [("own2025paper", one, state) for one, state in claims], WORDS)


def _cell(made: Matrix, size: int, kind: TaskKind = TaskKind.MATH, bits: float = 4) -> Gap:
    (found,) = [
        gap
        for gap in made.cells.values()
        if (gap.size, gap.task_kind, gap.row.weight_bits) == (size, kind, bits)
    ]
    return found


def test_a_cell_says_how_many_sources_measured_it_and_whether_they_agree() -> None:
    rows = [
        *table({"Small-1B": 1.0}, benchmarks=["Long", "Science"]),
        *table({"Middle-8B": 1.0}, benchmarks=["Exam"]),
        *table({"Middle-8B": 1.2}, benchmarks=["Exam"], source="other2025paper"),
        *table({"Large-14B": 0.0}, benchmarks=["Long"]),
        *table({"Large-14B": 25.0}, benchmarks=["Long"], source="other2025paper"),
    ]
    made = _matrix(rows)
    assert _cell(made, 0).state is GapState.SINGLE
    assert _cell(made, 1).state is GapState.AGREE
    assert _cell(made, 2).state is GapState.CONFLICT
    assert _cell(made, 3).state is GapState.UNTESTED
    assert _cell(made, 0, TaskKind.SCIENCE).state is GapState.SINGLE
    assert _cell(made, 1, TaskKind.SCIENCE).state is GapState.UNTESTED
    assert len(made.cells) == 8


def test_untested_cells_come_in_the_order_of_the_undecided_claims_they_bear_on() -> None:
    rows = table({"Small-1B": 1.0, "Middle-8B": 1.0}, benchmarks=["Long"]) + table(
        {"Small-1B": 1.0}, benchmarks=["Science"]
    )
    about_large = claim(relation="non_inferior", margin=1.0, conditions={"model_size_b": {"min": 14}})
    about_science = claim(
        id="s", relation="lower", conditions={"task_kind": ["science"], "model_size_b": {"min": 40}}
    )
    decided = claim(id="d", relation="lower", conditions={"model_size_b": {"min": 3}})
    made = _matrix(
        rows, (about_large, State.UNTESTED), (about_science, State.INCONCLUSIVE), (decided, State.SUPPORTED)
    )
    first = made.next[0]
    assert (first.size, first.task_kind) == (3, TaskKind.SCIENCE)
    assert first.claims == ("own2025paper/c", "own2025paper/s")
    assert [len(gap.claims) for gap in made.next] == sorted(
        (len(gap.claims) for gap in made.next), reverse=True
    )


@pytest.mark.parametrize(
    ("fields", "size", "bears"),
    [
        ({"conditions": {"benchmark": ["Science"]}}, 0, False),
        ({"conditions": {"benchmark": ["Olympiad"]}}, 0, True),
        ({"conditions": {"model": ["Large-70B"]}}, 0, False),
        ({"conditions": {"model": ["Large-70B"]}}, 3, True),
        ({"variant": {"method": ["round"]}}, 0, False),
        ({"variant": {"method": ["weight-only"]}}, 0, True),
        ({"variant": {"weight_bits": [3.0]}}, 0, False),
        ({"metric": "reasoning_tokens"}, 0, False),
        ({"conditions": {"model_origin": ["reference"]}}, 0, False),
    ],
)
def test_a_claim_is_borne_on_only_where_it_speaks(fields: dict[str, object], size: int, bears: bool) -> None:
    one = claim(**({"relation": "non_inferior", "margin": 1.0} | fields))
    made = _matrix([row()], (one, State.UNTESTED))
    assert bool(_cell(made, size).claims) is bears


def test_methods_that_do_not_quantize_are_no_rows() -> None:
    assert not _matrix([row(bits=16)]).rows


@pytest.mark.parametrize(
    ("place", "options"),
    [
        (Row("awq", 4, 16, 16), {"method": "awq", "bits": 4}),
        (Row("gptq", 3, 16, 4), {"method": "gptq", "bits": 3}),
        (Row("nf4", 4, 16, 16), {"method": "nf4"}),
        (Row("smoothquant", 8, 8, 16), {"method": "smoothquant"}),
        (Row("smoothquant", 4, 4, 16), None),
        (Row("quarot", 4, 4, 4), {"method": "hadamard", "bits": 4, "inputs": 4}),
        (Row("none", 16, 16, 4), {"method": "none"}),
        (Row("awq", 3.59, 16, 16), None),
        (Row("awq", 1, 16, 16), None),
        (Row("flatquant", 4, 4, 4), None),
        (Row("awq", 4, 16, 3), None),
    ],
)
def test_a_row_becomes_options_that_the_harness_takes_or_none(
    place: Row, options: dict[str, object] | None
) -> None:
    from kb.harness.quant import make_quantizer

    assert quantizer_of(place) == options
    if options is not None:
        assert make_quantizer(options).method == options["method"]


@pytest.mark.parametrize("method", ["awq", "none", "flatquant"])
@pytest.mark.parametrize("kind", list(TaskKind))
@pytest.mark.parametrize("size", range(4))
def test_every_cell_gives_a_spec_that_the_harness_reads(method: str, kind: TaskKind, size: int) -> None:
    place = Row(method, 16 if method == "none" else 4, 16, 4 if method == "none" else 16)
    gap = Gap(place, size, kind, GapState.UNTESTED, None, (), (), ())
    text = spec_text(gap, HUB)
    cells = parse_grid(parse_yaml(text, file="spec.yaml", plain=frozenset({"n"})).data)
    assert len(cells) == 2
    assert (CHECKPOINT in text) is (method == "flatquant")
    assert ready(gap) is not (CHECKPOINT in text or DATA in text)
    if method != "flatquant":
        assert cells[1].baseline == cells[0].run_id


def test_a_size_without_a_model_is_said() -> None:
    gap = Gap(Row("awq", 4, 16, 16), 3, TaskKind.MATH, GapState.UNTESTED, None, (), (), ())
    with pytest.raises(UsageError, match="40B and more"):
        spec_text(gap, {"Small-1B": HUB["Small-1B"]})
