"""What all quantizers share: grids, which layers they take, what they report, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from kb.errors import RunStopped, UsageError
from kb.harness.quant import QUANTIZERS, Calibration, keep_apart, make_quantizer, options_of, support
from kb.harness.quant.codebook import E2M1
from kb.harness.quant.grid import fit
from kb.harness.quant.records import size_bytes
from kb.harness.tasks import make_task
from kb.harness.tasks.chain import ChainTask
from kb.harness.types import Sample, Split
from tests.harness.quant_models import calibration, ids, logits, tiny

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

LINEARS = 14  # of the tiny model's two blocks
OURS = ["rtn", "gptq", "awq", "smoothquant", "hadamard", "float8", "nf4", "fp4"]

numbers = st.lists(
    st.floats(-1e4, 1e4, allow_nan=False, width=32), min_size=4, max_size=24
).map(lambda row: torch.tensor(row[: len(row) // 4 * 4]).reshape(-1, 4))  # fmt: skip


def weights(model: Any) -> dict[str, Any]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


# ------------------------------------------------------------------------------------------------- grids


@settings(deadline=None)
@given(numbers, st.integers(2, 8), st.booleans(), st.sampled_from([16, 32]))
def test_no_number_is_off_by_more_than_half_a_scale(
    groups: Any, bits: int, symmetric: bool, scale_bits: int
) -> None:
    """|w - q| is at most scale / 2 for every number that the grid was made for, clipped ends included."""
    grid = fit(groups, bits, symmetric, scale_bits)
    off = (groups - grid.round(groups)).abs()
    slack = 1e-5 * groups.abs().amax(-1, keepdim=True)  # float32's own rounding
    assert (off <= grid.scale / 2 + slack).all()


@settings(deadline=None)
@given(numbers, st.integers(2, 8), st.booleans())
def test_rounding_twice_changes_nothing(groups: Any, bits: int, symmetric: bool) -> None:
    """A grid's own points stay where they are, and there are at most 2^bits of them in a group."""
    grid = fit(groups, bits, symmetric)
    once = grid.round(groups)
    assert torch.equal(grid.round(once), once)
    levels = torch.round(once / grid.scale)
    assert (levels.amax(-1) - levels.amin(-1) < 2**bits).all()


@settings(deadline=None)
@given(numbers)
def test_stored_scales_are_float16_and_never_too_small(groups: Any) -> None:
    """With 16 scale bits a scale is a float16 number, at least the exact one and at most a float16 step above."""
    exact, stored = fit(groups, 4, True, 32).scale, fit(groups, 4, True, 16).scale
    assert torch.equal(stored.half().float(), stored)
    assert (stored >= exact).all()
    assert ((stored <= exact * 1.001 + 6e-8) | (exact == 1)).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([-1, 16, 64]), st.booleans())
def test_error_falls_as_bits_rise(seed: int, group_size: int, symmetric: bool) -> None:
    """Each further bit makes round-to-nearest's error smaller, and a smaller group never has a larger one by much."""
    weight = torch.randn(32, 64, generator=torch.Generator().manual_seed(seed))
    errors = []
    for bits in range(2, 9):
        options = {"method": "rtn", "bits": bits, "group_size": group_size, "symmetric": symmetric}
        errors.append(float((make_quantizer(options).round(weight, bits).values - weight).norm()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 20


def test_a_per_tensor_grid_is_one_grid() -> None:
    """per_tensor leaves at most 2^bits different values in a whole weight."""
    weight = torch.randn(16, 32, generator=torch.Generator().manual_seed(0))
    values = make_quantizer({"method": "rtn", "bits": 3, "per_tensor": True}).round(weight, 3).values
    assert 4 <= len(values.unique()) <= 8


def test_fp4_has_the_values_of_e2m1() -> None:
    """The table is what one sign, two exponent and one mantissa bit with a bias of one can say."""
    said = sorted(
        (mantissa / 2 if exponent == 0 else (1 + mantissa / 2) * 2 ** (exponent - 1))
        for exponent in range(4)
        for mantissa in range(2)
    )
    assert list(E2M1) == said


@pytest.mark.parametrize("method", ["nf4", "fp4"])
def test_codebooks_take_the_nearest_value(method: str) -> None:
    """No table value is nearer to a weight than the one that it got."""
    quantizer: Any = make_quantizer({"method": method, "group_size": 16})
    weight = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))
    largest = weight.abs().amax(-1, keepdim=True)
    best = (weight[..., None] - largest[..., None] * torch.tensor(quantizer.table)).abs().amin(-1)
    assert torch.allclose((weight - quantizer.round(weight, 4).values).abs(), best, atol=1e-6)


@pytest.mark.parametrize(("kind", "step"), [("e4m3", 2**-4), ("e5m2", 2**-3)])
def test_float8_keeps_its_mantissa(kind: str, step: float) -> None:
    """A weight within the normal range is off by at most half a unit of the format's last mantissa bit."""
    weight = torch.rand(8, 64, generator=torch.Generator().manual_seed(0)) + 0.1
    values = make_quantizer({"method": "float8", "format": kind}).round(weight, 8).values
    off = ((weight - values) / weight).abs().max()
    assert step / 4 < off <= step


# ---------------------------------------------------------------------------------- layers and the report


@pytest.mark.parametrize("method", OURS)
def test_every_linear_layer_of_the_blocks_is_recorded(method: str) -> None:
    """Records name the quantized layers, `kept` the others; only what is recorded has changed its grid."""
    model = tiny()
    report = make_quantizer({"method": method}).apply(model, calibration())
    assert len(report.layers) == LINEARS
    assert {record.name.split(".")[-1] for record in report.layers} == {
        *("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    }
    assert report.kept == ("model.embed_tokens", "lm_head")
    assert report.fake
    assert report.library is None
    assert all(record.error is not None and 0 < record.error < 0.5 for record in report.layers)
    assert report.calibration == (str(calibration()) if method in {"gptq", "awq", "smoothquant"} else None)
    assert torch.isfinite(logits(model, ids())).all()
    json.dumps(report.to_data())


@pytest.mark.parametrize("method", OURS)
def test_the_same_options_give_the_same_weights(method: str) -> None:
    """Quantizing is deterministic, and `options_of` names the quantizer in full."""
    first, second = tiny(), tiny()
    quantizer = make_quantizer({"method": method})
    assert quantizer.apply(first, calibration()) == quantizer.apply(second, calibration())
    assert all(
        torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True)
    )
    assert make_quantizer(json.loads(json.dumps(options_of(quantizer)))) == quantizer


@pytest.mark.parametrize("method", ["rtn", "gptq", "awq"])
def test_16_bits_are_the_identity(method: str) -> None:
    """16 bits leave every weight as it is, bit for bit, and need no calibration."""
    model = tiny()
    before = weights(model)
    report = make_quantizer({"method": method, "bits": 16}).apply(model)
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert report.layers == ()
    assert report.size_bytes == report.full_size_bytes == size_bytes(model)
    assert report.effective_bits is None


def test_full_precision_is_a_quantizer_too() -> None:
    """ "none" changes nothing and is not fake."""
    report = make_quantizer({"method": "none"}).apply(tiny())
    assert (report.fake, report.layers, report.weight_bits, report.act_bits) == (False, (), 16, 16)
    assert len(report.kept) == LINEARS + 2


def test_sizes_count_scales_and_zero_points() -> None:
    """4 bits in groups of 32 are 4 + 16/32 bits a weight; a zero point is 4/32 more; the rest stays float32."""
    model = tiny()
    full = size_bytes(model)
    inside = sum(module.weight.numel() for name, module in model.named_modules() if name.endswith("_proj"))
    report = make_quantizer({"method": "rtn", "bits": 4, "group_size": 32}).apply(model)
    assert report.effective_bits == 4.5
    assert report.full_size_bytes == full
    assert report.size_bytes == full - 4 * inside + inside * 4.5 / 8
    asymmetric = make_quantizer({"method": "rtn", "bits": 4, "group_size": 32, "symmetric": False})
    assert asymmetric.apply(tiny()).effective_bits == 4.625
    assert make_quantizer({"method": "nf4"}).apply(tiny()).effective_bits == 4.5
    assert (
        make_quantizer({"method": "rtn", "scale_bits": 32, "group_size": 32}).apply(tiny()).effective_bits
        == 5
    )


def test_rules_mix_precisions() -> None:
    """The first rule that matches a layer's name decides; the head is taken only where a rule asks for it."""
    rules = [
        {"match": r"layers\.0\..*down_proj", "bits": "keep"},
        {"match": "down_proj", "bits": 8},
        {"match": "lm_head", "bits": 3},
    ]
    report = make_quantizer({"method": "rtn", "bits": 4, "layers": rules}).apply(tiny())
    bits = {record.name: record.bits for record in report.layers}
    assert "model.layers.0.mlp.down_proj" in report.kept
    assert bits["model.layers.1.mlp.down_proj"] == 8
    assert bits["lm_head"] == 3
    assert bits["model.layers.0.mlp.up_proj"] == 4
    assert report.kept == ("model.embed_tokens", "model.layers.0.mlp.down_proj")


def test_a_tied_weight_is_taken_once_or_not_at_all() -> None:
    """A head that is the embedding table cannot have other bits than it; with the same it counts once."""
    model = tiny(tie_word_embeddings=True)
    with pytest.raises(UsageError, match="share one weight") as caught:
        make_quantizer({"method": "rtn", "layers": [{"match": "lm_head", "bits": 8}]}).apply(model)
    assert "model.embed_tokens, lm_head" in str(caught.value)
    both = [{"match": "lm_head|embed_tokens", "bits": 8}]
    report = make_quantizer({"method": "rtn", "layers": both}).apply(model)
    assert [record.name for record in report.layers if record.bits == 8] == ["model.embed_tokens"]


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "quantizer: method: is missing"),
        ({"method": "magic"}, "quantizer: method: 'magic' is no method"),
        ({"method": "rtn", "bit": 4}, "quantizer rtn: bit: is no option"),
        (
            {"method": "rtn", "bits": 1},
            "quantizer rtn: bits: should be one of 2, 3, 4, 5, 6, 7, 8, 16, not 1",
        ),
        ({"method": "rtn", "bits": 9}, "not 9"),
        ({"method": "rtn", "bits": 4.5}, "quantizer rtn: bits"),
        ({"method": "gptq", "bits": 12}, "quantizer gptq: bits: should be one of"),
        ({"method": "nf4", "bits": 3}, "quantizer nf4: bits: is no option"),
        ({"method": "rtn", "group_size": 0}, "group_size"),
        ({"method": "rtn", "group_size": 8, "per_tensor": True}, "per_tensor and group_size"),
        ({"method": "torchao", "kind": "int8", "bits": 4}, "kind int8 is symmetric and has 8 bits"),
        ({"method": "hqq", "bits": 5}, "quantizer hqq: bits"),
        ({"method": "rtn", "layers": [{"match": "(", "bits": 4}]}, "no regular expression"),
    ],
)
def test_a_bad_option_is_one_clear_line(options: dict[str, Any], says: str) -> None:
    """What the method does not know is refused before a model is touched, naming method and option."""
    with pytest.raises(UsageError) as caught:
        make_quantizer(options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"method": "rtn", "group_size": 48},
            "group_size: 48 does not divide the 64 inputs of layer model.layers.0",
        ),
        (
            {"method": "gptq", "group_size": 128},
            "quantizer gptq: group_size: 128 does not divide the 64 inputs",
        ),
        ({"method": "nf4", "group_size": 24}, "quantizer nf4: group_size: 24 does not divide"),
        ({"method": "hqq", "group_size": 24}, "quantizer hqq: group_size: 24 does not divide"),
        ({"method": "rtn", "layers": [{"match": "q_prok", "bits": 4}]}, "decides about no layer: 'q_prok'"),
        (
            {"method": "rtn", "layers": [{"match": "q_proj", "bits": 12}]},
            "12 bits is nothing it can do for model",
        ),
        (
            {"method": "gptq", "layers": [{"match": "embed", "bits": 4}]},
            "layer model.embed_tokens: is an embedding",
        ),
        ({"method": "gptq"}, "quantizer gptq: needs calibration rows"),
        ({"method": "hadamard", "weights": "gptq"}, "quantizer hadamard: needs calibration rows"),
    ],
)
def test_a_model_that_cannot_be_quantized_so_is_left_as_it_was(options: dict[str, Any], says: str) -> None:
    """The line names option and layer, and no weight has changed."""
    model = tiny()
    before = weights(model)
    with pytest.raises(UsageError) as caught:
        make_quantizer(options).apply(model)
    assert says in str(caught.value)
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


def test_a_quantized_model_is_not_quantized_again() -> None:
    """On the same grid that would change nothing, and look lossless."""
    model = tiny()
    make_quantizer({"method": "rtn", "bits": 16}).apply(model)  # which quantized nothing
    make_quantizer({"method": "rtn"}).apply(model)
    with pytest.raises(UsageError, match="quantizer gptq: the model is already quantized"):
        make_quantizer({"method": "gptq"}).apply(model, calibration())


@pytest.mark.parametrize("method", OURS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_stop_the_run(method: str, bad: float) -> None:
    """The layer is named."""
    model = tiny()
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 5] = bad
    with pytest.raises(
        RunStopped, match=r"layer model\.layers\.1\.mlp\.up_proj: its weights are not all finite"
    ):
        make_quantizer({"method": method}).apply(model, calibration())


def test_activations_that_are_not_finite_stop_the_run() -> None:
    """A norm that makes infinities is found in calibration, at the layer that they reach."""
    model = tiny()
    with torch.no_grad():
        model.model.layers[0].input_layernorm.weight[0] = float("inf")
    with pytest.raises(RunStopped, match=r"layer model\.layers\.0\.self_attn\.q_proj: its inputs"):
        make_quantizer({"method": "gptq"}).apply(model, calibration())


def test_a_scale_too_large_for_float16_stops_the_run() -> None:
    """It would be infinite, and is told rather than rounded to."""
    model = tiny()
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight[3, 5] = 1e8
    with pytest.raises(RunStopped, match="up_proj: rounding it to 4 bits gave numbers that are not finite"):
        make_quantizer({"method": "rtn"}).apply(model)


def test_options_are_frozen() -> None:
    """A configuration that named an experiment cannot become another."""
    with pytest.raises(ValidationError):
        make_quantizer({"method": "rtn"}).layers = ()


# ------------------------------------------------------------------------------------------- calibration


def test_calibration_and_evaluation_share_no_sample() -> None:
    """The chain's splits are apart, whatever the seed; a sample that is in both is named."""
    task = ChainTask()
    calibration, evaluated = task.samples(50, 3, Split.CALIBRATION), task.samples(200, 3, Split.EVAL)
    keep_apart(calibration, evaluated)
    keep_apart(calibration, task.samples(200, 4, Split.EVAL))
    with pytest.raises(
        UsageError, match=f"1 of 51 calibration texts are evaluated, too, such as sample {evaluated[7].id} "
    ):
        keep_apart([*calibration, evaluated[7]], evaluated)


def test_the_same_question_asked_otherwise_is_the_same_question(tmp_path: Path) -> None:
    """Other instructions, options in another order, another case: calibration would have seen it."""

    def file(name: str, question: str, first: int = 0) -> str:
        rows = [
            {"question": question.format(n), "answer": f"{n}", "one": f"{n + 1}", "two": f"{n + 2}"}
            for n in range(first, first + 60)
        ]
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
        return str(tmp_path / name)

    reads = {"name": "dataset", "choices": ["one", "two"]}
    evaluated = make_task({**reads, "path": file("eval.jsonl", "Which is {}?")}).samples(60, 0)
    stems = make_task({**reads, "path": file("stems.jsonl", "Which?")}).samples(60, 0)

    def seen(calibration_path: str) -> list[Sample]:
        elsewhere = {"path": file("elsewhere.jsonl", "Who is {}?"), "calibration_path": calibration_path}
        return make_task({**reads, **elsewhere, "ask": "Guess."}).samples(1, 5, Split.CALIBRATION)

    asked_again = seen(file("shouted.jsonl", "WHICH  IS {}?"))
    assert not {one.prompt for one in asked_again} & {one.prompt for one in evaluated}
    with pytest.raises(UsageError, match="1 of 1 calibration texts are evaluated"):
        keep_apart(asked_again, evaluated)
    keep_apart(seen(file("others.jsonl", "Where is {}?")), evaluated)
    keep_apart(make_task({**reads, "path": file("more.jsonl", "Which?", 100)}).samples(60, 0), stems)


def test_a_hash_names_calibration_rows_and_nothing_else() -> None:
    """Not where they come from; and a reader sees both."""
    made = Calibration([[1, 2], [3]], "here")
    assert made.hash == Calibration(((1, 2), (3,)), "elsewhere").hash
    assert made.hash != Calibration([[1], [2, 3]], "here").hash
    assert str(made) == f"here ({made.hash})"


# ------------------------------------------------------------------------------------------------ support


def test_support_names_every_quantizer() -> None:
    """`kb eval quantizers` has a row for each, and says "not installed" rather than nothing."""
    rows = list(support())
    assert set(QUANTIZERS) - {"none"} <= {row.method.split()[0] for row in rows}
    assert all(row.kind in {"fake", "packed", "not bundled"} for row in rows)
    missing = [row for row in rows if row.kind == "not bundled"]
    assert {row.method for row in missing} == {"llmcompressor", "gptqmodel", "auto-round"}
    assert all("give the folder as a model" in row.note for row in missing)
