"""GPTQ, AWQ, SmoothQuant, rotations: that each does what it is for, on a model with uneven channels."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import UsageError
from kb.harness.quant import make_quantizer
from kb.harness.quant.capture import output_error, walk
from kb.harness.quant.hadamard import hadamard, rotate
from kb.harness.quant.smoothquant import absmax_round, round_inputs
from tests.harness.quant_models import calibration, ids, logits, tiny

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


def layer_inputs(model: Any) -> dict[str, Any]:
    """Gram matrices of every layer's inputs over the calibration rows, at full precision."""
    targets, _ = make_quantizer({"method": "gptq"}).plan(model)
    with torch.no_grad():
        return {
            name: stats.gram
            for step in walk(model, targets, calibration())
            for name, stats in step.stats().items()
        }


def _note(seen: list[Any], _layer: Any, args: tuple[Any, ...]) -> None:
    seen.append(args[0][0])


def correlated(seed: int, rows: int, columns: int, tokens: int) -> tuple[Any, Any]:
    """A weight, and the Gram matrix of correlated inputs with a few large channels."""
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=draw)
    inputs = torch.randn(tokens, columns, generator=draw) @ torch.randn(columns, columns, generator=draw)
    inputs[:, ::7] *= 8
    return weight, inputs.T @ inputs


# ----------------------------------------------------------------------------------------------- capture


def test_block_by_block_is_the_whole_model() -> None:
    """Inputs that are seen block by block are those of whole forward passes, one row at a time."""
    model = tiny(attention_bias=True)
    grams = layer_inputs(model)
    for name in (
        "model.layers.0.self_attn.q_proj",
        "model.layers.1.self_attn.o_proj",
        "model.layers.1.mlp.down_proj",
    ):
        seen: list[Any] = []
        hook = model.get_submodule(name).register_forward_pre_hook(partial(_note, seen))
        for row in calibration().token_rows:
            logits(model, torch.tensor([row]))
        hook.remove()
        inputs = torch.cat(seen)
        assert torch.allclose(
            inputs.T @ inputs, grams[name], rtol=1e-3, atol=1e-3 * float(grams[name].abs().max())
        )


def test_later_blocks_see_what_earlier_ones_became() -> None:
    """A block's inputs in calibration are the outputs of the blocks before it, as they are by then."""
    model = tiny()
    targets, _ = make_quantizer({"method": "gptq"}).plan(model)
    with torch.no_grad():
        for step in walk(model, targets, calibration()):
            if step.prefix == "model.layers.0.":
                step.module.mlp.down_proj.weight.zero_()
            else:
                changed = step.stats()["model.layers.1.self_attn.q_proj"].gram
    assert not torch.allclose(changed, layer_inputs(tiny())["model.layers.1.self_attn.q_proj"], rtol=0.05)


# -------------------------------------------------------------------------------------------------- gptq


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([2, 3, 4, 8]),
    st.sampled_from([-1, 8, 16]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1, 5, 200]),
)
def test_gptq_is_never_worse_than_round_to_nearest(
    seed: int, bits: int, group_size: int, symmetric: bool, act_order: bool, tokens: int
) -> None:
    """Over the calibration tokens each output channel's squared error is at most round-to-nearest's."""
    weight, gram = correlated(seed, 8, 32, tokens)
    grid = {"bits": bits, "group_size": group_size, "symmetric": symmetric}
    gptq: Any = make_quantizer({"method": "gptq", "act_order": act_order, **grid})
    solved = output_error(gptq.solve(weight, gram, bits) - weight, gram)
    nearest = output_error(
        make_quantizer({"method": "rtn", **grid}).round(weight, bits).values - weight, gram
    )
    assert (solved <= nearest).all()


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("group_size", [-1, 16, 256])
def test_gptq_is_much_better_on_correlated_inputs(group_size: int, act_order: bool) -> None:
    """It is the update of later columns that does it: at 3 bits less than 70 % of round-to-nearest's squared error."""
    weight, gram = correlated(0, 16, 512, 2000)
    gptq: Any = make_quantizer(
        {"method": "gptq", "bits": 3, "group_size": group_size, "act_order": act_order}
    )
    solved = output_error(gptq.solve(weight, gram, 3) - weight, gram).sum()
    nearest = output_error(gptq.round(weight, 3).values - weight, gram).sum()
    assert solved < (0.3 if act_order else 0.7) * nearest


def test_gptq_follows_the_algorithm_of_the_paper() -> None:
    """The blocked updates give what the plain one-column-at-a-time form (optimal brain quantization, in order) gives."""
    weight, gram = correlated(3, 4, 300, 900)
    gptq: Any = make_quantizer({"method": "gptq", "bits": 4, "scale_bits": 32})
    damped = gram.double() + 0.01 * gram.double().diagonal().mean() * torch.eye(300, dtype=torch.float64)
    rest, values = weight.double().clone(), torch.zeros(4, 300, dtype=torch.float64)
    grid = gptq.fit(weight, 4)
    for at in range(300):
        inverse = torch.linalg.inv(damped[at:, at:])
        values[:, at] = grid.round(rest[:, at : at + 1].float())[:, 0].double()
        off = (rest[:, at] - values[:, at]) / inverse[0, 0]
        rest[:, at:] -= off[:, None] * inverse[0][None, :]
    mine = gptq.solve(weight, gram, 4).double()
    same = ((mine - values).abs() < 1e-4).double().mean()
    assert same > 0.97  # a number halfway between two levels may go either way
    assert (
        output_error(mine - weight, gram.double()).sum()
        < 1.02 * output_error(values - weight, gram.double()).sum()
    )


def test_gptq_stays_on_its_grid() -> None:
    """Each group of an output channel has at most 2^bits different values."""
    weight, gram = correlated(0, 8, 64, 300)
    gptq: Any = make_quantizer({"method": "gptq", "bits": 2, "group_size": 16, "act_order": True})
    for group in gptq.groups(gptq.solve(weight, gram, 2)).reshape(-1, 16):
        assert len(group.unique()) <= 4


def test_gptq_rounds_unseen_inputs_to_nearest() -> None:
    """A column whose input is always zero in calibration is rounded, not thrown away."""
    weight, gram = correlated(0, 8, 32, 300)
    gram[5], gram[:, 5] = 0, 0
    gptq: Any = make_quantizer({"method": "gptq", "bits": 4})
    assert torch.equal(gptq.solve(weight, gram, 4)[:, 5], gptq.round(weight, 4).values[:, 5])
    nothing = torch.zeros_like(gram)
    assert torch.equal(gptq.solve(weight, nothing, 4), gptq.round(weight, 4).values)


@pytest.mark.parametrize("act_order", [False, True])
def test_unseen_inputs_lie_on_the_grid_of_their_group(act_order: bool) -> None:
    """Also where GPTQ's grid is another than round-to-nearest's: one scale a group is all that is stored."""
    weight, gram = correlated(0, 8, 64, 300)
    gram[40:43], gram[:, 40:43] = 0, 0
    gptq: Any = make_quantizer({"method": "gptq", "bits": 2, "group_size": 16, "act_order": act_order})
    for group in gptq.groups(gptq.solve(weight, gram, 2)).reshape(-1, 16):
        assert len(group.unique()) <= 4


def test_gptq_brings_a_model_closer_to_full_precision() -> None:
    """On tokens that it has not seen, logits at 3 bits are nearer to full precision's than round-to-nearest's."""
    full = logits(tiny(), ids())
    off = {}
    for method in ("rtn", "gptq"):
        model = tiny()
        make_quantizer({"method": method, "bits": 3, "group_size": 32}).apply(model, calibration(60))
        off[method] = float((logits(model, ids()) - full).norm())
    assert off["gptq"] < off["rtn"]


def test_the_head_can_be_quantized_with_calibration() -> None:
    """What lies outside the blocks sees the quantized blocks' outputs."""
    model = tiny()
    report = make_quantizer({"method": "gptq", "layers": [{"match": "lm_head", "bits": 4}]}).apply(
        model, calibration()
    )
    assert report.layers[-1].name == "lm_head"
    assert len(report.layers) == 15


# --------------------------------------------------------------------------------------------------- awq


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("bits", [3, 4])
def test_awq_is_not_worse_than_round_to_nearest(bits: int, fold: bool) -> None:
    """Over the calibration tokens the first block's outputs lose less than with round-to-nearest."""
    grams = layer_inputs(tiny())
    lost = {}
    for method in ("rtn", "awq"):
        model = tiny()
        norm = model.model.layers[0].input_layernorm.weight.detach().clone()
        options: dict[str, Any] = {"method": method, "bits": bits, "group_size": 32}
        make_quantizer(options | ({"fold": fold} if method == "awq" else {})).apply(model, calibration())
        block = model.model.layers[0]
        scale = (norm / block.input_layernorm.weight).detach()  # what was folded, to be undone
        layer, name = block.self_attn.k_proj, "model.layers.0.self_attn.k_proj"
        off = layer.weight.detach() / scale - tiny().get_submodule(name).weight.detach()
        lost[method] = float(output_error(off, grams[name]).sum())
        assert bool(scale.std() > 0.01) == (method == "awq" and fold)
    assert lost["awq"] < 0.95 * lost["rtn"]


def test_awq_scales_are_folded_without_changing_the_model() -> None:
    """At 8 bits the folded model computes what full precision does, within 8 bits' error; so all folds cancel."""
    full = logits(tiny(num_key_value_heads=4), ids())
    folded, kept = tiny(num_key_value_heads=4), tiny(num_key_value_heads=4)
    make_quantizer({"method": "awq", "bits": 8}).apply(folded, calibration())
    make_quantizer({"method": "awq", "bits": 8, "fold": False}).apply(kept, calibration())
    assert (logits(folded, ids()) - full).norm() < 0.03 * full.norm()
    assert (logits(folded, ids()) - logits(kept, ids())).norm() < 0.03 * full.norm()
    before, after = tiny(num_key_value_heads=4).model.layers[0], folded.model.layers[0]
    for name in ("self_attn.v_proj", "mlp.up_proj"):  # their rows took o_proj's and down_proj's scales
        old, new = before.get_submodule(name).weight, after.get_submodule(name).weight
        assert (old.norm(dim=1) / new.norm(dim=1)).std() > 0.01


def test_awq_counts_the_scales_that_it_could_not_fold() -> None:
    """16 bits an input channel; and a kept sibling keeps its norm as it was."""
    folded = make_quantizer({"method": "awq"}).apply(tiny(), calibration())
    model = tiny()
    rules = [{"match": "q_proj", "bits": "keep"}, {"match": "up_proj", "bits": "keep"}]
    mixed = make_quantizer({"method": "awq", "layers": rules}).apply(model, calibration())
    size = {record.name: record.size_bytes for record in folded.layers}
    for record in mixed.layers:
        extra = record.size_bytes - size[record.name]
        columns = record.shape[1]
        assert extra == (0 if "o_proj" in record.name else 2 * columns)
    for name in ("q_proj", "k_proj"):
        same = torch.equal(
            model.get_submodule(f"model.layers.0.self_attn.{name}").weight,
            tiny().get_submodule(f"model.layers.0.self_attn.{name}").weight,
        )
        assert same == (name == "q_proj")
    assert torch.equal(
        model.model.layers[0].input_layernorm.weight, tiny().model.layers[0].input_layernorm.weight
    )
    assert torch.equal(model.model.layers[0].mlp.up_proj.weight, tiny().model.layers[0].mlp.up_proj.weight)


# -------------------------------------------------------------------------------------------- smoothquant


def test_smoothing_moves_outliers_without_changing_the_model() -> None:
    """The model computes what it did within W8A8's error, which outliers make larger where they are not moved."""

    def outliers() -> Any:
        model = tiny()
        with torch.no_grad():
            for block in model.model.layers:
                block.input_layernorm.weight[3] *= 100
                block.post_attention_layernorm.weight[7] *= 100
                for layer in (block.self_attn.q_proj, block.self_attn.k_proj, block.self_attn.v_proj):
                    layer.weight[:, 3] /= 100
                for layer in (block.mlp.gate_proj, block.mlp.up_proj):
                    layer.weight[:, 7] /= 100
        return model

    full = logits(outliers(), ids())
    model = outliers()
    report = make_quantizer({"method": "smoothquant"}).apply(model, calibration())
    smoothed = float((logits(model, ids()) - full).norm() / full.norm())
    assert (report.weight_bits, report.act_bits) == (8, 8)
    rough = outliers()
    rtn = make_quantizer({"method": "rtn", "bits": 8})
    targets, _ = rtn.plan(rough)
    rtn.apply(rough)
    for target in targets:
        round_inputs(target.module, 8)
    unsmoothed = float((logits(rough, ids()) - full).norm() / full.norm())
    assert smoothed < 0.05
    assert smoothed < unsmoothed / 2


def test_inputs_are_rounded_token_by_token() -> None:
    """A token's input is rounded alike whatever else is in the batch, to 255 levels around zero."""
    states = torch.randn(4, 6, 32, generator=torch.Generator().manual_seed(0))
    alone = absmax_round(states[2:3, 3:4], 8)
    assert torch.equal(absmax_round(states, 8)[2:3, 3:4], alone)
    steps = alone / (alone.abs().max() / 127)
    assert torch.allclose(steps, steps.round(), atol=1e-3)
    assert torch.equal(absmax_round(torch.zeros(1, 4), 8), torch.zeros(1, 4))


def test_a_smoothed_models_rows_do_not_depend_on_the_batch() -> None:
    """A row's logits are the same alone and with others."""
    model = tiny()
    make_quantizer({"method": "smoothquant"}).apply(model, calibration())
    tokens = ids()
    assert torch.allclose(logits(model, tokens)[:1], logits(model, tokens[:1]), atol=1e-4)


# ---------------------------------------------------------------------------------------------- rotations


@pytest.mark.parametrize("width", [1, 2, 8, 64])
def test_hadamard_matrices_are_orthogonal(width: int) -> None:
    """H Hᵀ is the identity, and every entry is as large as every other."""
    matrix = hadamard(width)
    assert torch.allclose(matrix @ matrix.T, torch.eye(width, dtype=torch.float64))
    assert torch.allclose(matrix.abs(), torch.full_like(matrix, width**-0.5))


@pytest.mark.parametrize(
    "config", [{}, {"tie_word_embeddings": True}, {"attention_bias": True, "mlp_bias": True}]
)
def test_rotation_leaves_full_precision_as_it_was(config: dict[str, Any]) -> None:
    """Weights change, logits do not: also with a tied head, with biases, and in generation."""
    model = tiny(**config)
    if config.get("attention_bias"):
        with torch.no_grad():
            for name, bias in model.named_parameters():
                if name.endswith("bias"):
                    bias.copy_(torch.randn_like(bias))
    full = logits(model, ids())
    text = model.generate(ids(), max_new_tokens=8, do_sample=False)
    before = model.model.layers[0].self_attn.v_proj.weight.detach().clone()
    rotate(model, seed=5)
    assert (model.model.layers[0].self_attn.v_proj.weight - before).norm() > 0.1 * before.norm()
    assert torch.allclose(logits(model, ids()), full, atol=2e-4 * float(full.abs().max()))
    assert torch.equal(model.generate(ids(), max_new_tokens=8, do_sample=False), text)


def test_16_bits_of_a_rotated_model_are_full_precision() -> None:
    """The quantizer with 16 bits rotates and rounds nothing; the seed decides the rotation."""
    full = logits(tiny(), ids())
    first, second = tiny(), tiny()
    report = make_quantizer({"method": "hadamard", "bits": 16}).apply(first)
    make_quantizer({"method": "hadamard", "bits": 16, "seed": 1}).apply(second)
    assert report.layers == ()
    assert torch.allclose(logits(first, ids()), full, atol=2e-4 * float(full.abs().max()))
    assert not torch.allclose(first.model.embed_tokens.weight, second.model.embed_tokens.weight)


def test_inputs_are_not_rounded_silently_nowhere() -> None:
    """Inputs belong to quantized layers: where there are none, asking for 4 bits is an error, not full precision."""
    with pytest.raises(UsageError, match=r"quantizer hadamard: inputs: .* none is quantized"):
        make_quantizer({"method": "hadamard", "bits": 16, "inputs": 4}).apply(tiny())


@pytest.mark.parametrize("weights", ["rtn", "gptq"])
def test_rotation_helps_weights_with_outliers(weights: str) -> None:
    """With a few large weights in each row, 4-bit rounding after rotation loses less of the model than before."""

    def outliers() -> Any:
        model = tiny()
        with torch.no_grad():
            for block in model.model.layers:
                for layer in (block.self_attn.q_proj, block.mlp.gate_proj, block.mlp.up_proj):
                    layer.weight[:, 11] *= 12
        return model

    full = logits(outliers(), ids())
    off = {}
    for options in ({"method": weights}, {"method": "hadamard", "weights": weights}):
        model = outliers()
        report = make_quantizer({**options, "bits": 4}).apply(model, calibration())
        off[options["method"]] = float((logits(model, ids()) - full).norm())
    assert off["hadamard"] < off[weights]
    assert (report.calibration is not None) == (weights == "gptq")


def test_rotated_inputs_can_be_rounded_too() -> None:
    """`inputs` makes it W4A8 or W4A4, of which the second loses more."""
    full = logits(tiny(), ids())
    off = []
    for inputs in (16, 8, 4):
        model = tiny()
        report = make_quantizer({"method": "hadamard", "bits": 4, "inputs": inputs}).apply(model)
        assert report.act_bits == inputs
        off.append(float((logits(model, ids()) - full).norm()))
    assert abs(off[1] - off[0]) < 0.1 * off[0]
    assert off[2] > 1.1 * off[0]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"hidden_size": 96, "num_attention_heads": 6}, "a width of 96 is not a power of two"),
        ({"head_dim": 24}, "a width of 24 is not a power of two"),
    ],
)
def test_a_model_that_cannot_be_rotated_is_left_as_it_was(config: dict[str, Any], says: str) -> None:
    """The line says which width; no weight has changed."""
    model = tiny(**config)
    before = [weight.detach().clone() for weight in model.parameters()]
    with pytest.raises(UsageError, match=says):
        make_quantizer({"method": "hadamard"}).apply(model)
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
