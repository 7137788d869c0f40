"""The rounded KV cache: through `generate`, through a loop of one's own, alone and in batches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.errors import UsageError
from kb.harness.quant import KvConfig
from kb.harness.types import parse_options
from tests.harness.quant_models import ids, logits, tiny

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

TOKEN = {"axis": "token", "group_size": -1}
CHANNEL = {"axis": "channel", "group_size": 4}
KIVI = {"axis": "kivi", "group_size": 4}


def kv(bits: int, **options: Any) -> KvConfig:
    return parse_options(KvConfig, {"bits": bits, **options}, "kv")


def stepwise(model: Any, tokens: Any, cache: Any) -> Any:
    """Logits of each position, the prompt's first half at once and then a token at a time."""
    half = tokens.shape[1] // 2
    with torch.no_grad():
        made = [model(input_ids=tokens[:, :half], cache=cache, use_cache=True).logits]
        for at in range(half, tokens.shape[1]):
            made.append(model(input_ids=tokens[:, at : at + 1], cache=cache, use_cache=True).logits)
    return torch.cat(made, 1)


def test_16_bits_are_the_plain_cache() -> None:
    """Generation with a 16-bit cache gives the very tokens of `generate` without one, and the same logits in a loop."""
    model = tiny()
    plain = model.generate(ids(), max_new_tokens=12, do_sample=False)
    made = model.generate(ids(), max_new_tokens=12, do_sample=False, cache=kv(16).cache(model.config))
    assert torch.equal(made, plain)
    from transformers import DynamicCache

    assert torch.equal(
        stepwise(model, ids(), kv(16).cache(model.config)),
        stepwise(model, ids(), DynamicCache(config=model.config)),
    )


@pytest.mark.parametrize("axis", [TOKEN, CHANNEL, KIVI])
def test_fewer_bits_are_further_from_full_precision(axis: dict[str, Any]) -> None:
    """8 bits are close, 4 less so, 2 far; all differ from the plain cache."""
    model = tiny()
    full = stepwise(model, ids(), kv(16).cache(model.config))
    off = [
        float((stepwise(model, ids(), kv(bits, **axis).cache(model.config)) - full).norm() / full.norm())
        for bits in (8, 4, 2)
    ]
    assert 0 < off[0] < off[1] < off[2]
    assert off[0] < 0.02


@pytest.mark.parametrize("axis", [TOKEN, CHANNEL, KIVI])
def test_generate_takes_the_cache(axis: dict[str, Any]) -> None:
    """transformers' own `generate` runs on it, and 8 bits leave this model's first token as it was."""
    model = tiny()
    plain = model.generate(ids(), max_new_tokens=6, do_sample=False)
    made = model.generate(ids(), max_new_tokens=6, do_sample=False, cache=kv(8, **axis).cache(model.config))
    assert made.shape == plain.shape
    assert torch.equal(made[:, :18], plain[:, :18])


@settings(deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([2, 4, 8]), st.booleans(), st.sampled_from([-1, 4, 8]))
def test_no_cached_number_is_off_by_more_than_half_a_scale(
    seed: int, bits: int, symmetric: bool, group_size: int
) -> None:
    """For every token by itself, and for every channel over a group of tokens."""
    states = torch.randn(2, 3, 8, 16, generator=torch.Generator().manual_seed(seed))
    config = kv(bits, symmetric=symmetric, group_size=group_size)
    size = 16 if group_size == -1 else group_size
    bound = 1.01 * states.abs().reshape(2, 3, 8, -1, size).amax(-1) / (2**bits - 1)
    off = (config.round_tokens(states) - states).abs().reshape(2, 3, 8, -1, size).amax(-1)
    assert (off <= bound + 1e-5).all()
    if group_size > 0:
        grouped = kv(bits, symmetric=symmetric, axis="channel", group_size=group_size)
        groups = states.unflatten(-2, (-1, group_size))
        off = (grouped.round_channels(states) - states).abs().unflatten(-2, (-1, group_size)).amax(-2)
        assert (off <= 1.01 * groups.abs().amax(-2) / (2**bits - 1) + 1e-5).all()


def test_a_token_is_rounded_once_whatever_comes_after() -> None:
    """What is in the cache does not depend on how the tokens came: at once, one by one, alone or in a batch."""
    model = tiny()
    whole, single, alone = (kv(4, group_size=8).cache(model.config) for _ in range(3))
    tokens = ids()
    with torch.no_grad():
        model(input_ids=tokens, cache=whole, use_cache=True)
        model(input_ids=tokens[1:2], cache=alone, use_cache=True)
    stepwise(model, tokens, single)
    for layer in range(2):
        assert torch.allclose(whole.layers[layer].keys, single.layers[layer].keys, atol=1e-5)
        assert torch.allclose(whole.layers[layer].values[1:2], alone.layers[layer].values, atol=1e-5)
    assert len(whole.layers[0].values[0, 0, 0].unique()) <= 16


def test_groups_of_tokens_wait_until_they_are_full() -> None:
    """With 4 tokens a group, the last 17 mod 4 keys are exact, the others have few levels a channel."""
    model = tiny()
    rounded, plain = kv(2, **CHANNEL).cache(model.config), kv(16).cache(model.config)
    stepwise(model, ids(), rounded)
    stepwise(model, ids(), plain)
    mine, theirs = rounded.layers[0].keys, plain.layers[0].keys
    assert torch.equal(mine[..., 16:, :], theirs[..., 16:, :])
    assert not torch.equal(mine[..., :16, :], theirs[..., :16, :])
    assert torch.allclose(mine[..., :16, :], kv(2, **CHANNEL).round_channels(theirs[..., :16, :]), atol=1e-5)


def test_kivi_rounds_values_by_token() -> None:
    """Keys wait for their group, values do not."""
    model = tiny()
    rounded, plain = kv(2, **KIVI).cache(model.config), kv(16).cache(model.config)
    stepwise(model, ids(), rounded)
    stepwise(model, ids(), plain)
    assert torch.equal(rounded.layers[0].keys[..., 16:, :], plain.layers[0].keys[..., 16:, :])
    assert torch.allclose(
        rounded.layers[0].values, kv(2, **KIVI).round_tokens(plain.layers[0].values), atol=1e-5
    )


@pytest.mark.parametrize("axis", [TOKEN, CHANNEL, KIVI])
def test_rows_can_be_dropped_cropped_and_reset(axis: dict[str, Any]) -> None:
    """What a decoding loop does with finished rows works as with the plain cache."""
    model = tiny()
    cache = kv(4, **axis).cache(model.config)
    first = stepwise(model, ids(), cache)
    cache.batch_select_indices(torch.tensor([0, 2]))
    with torch.no_grad():
        assert torch.isfinite(model(input_ids=ids(2, 1), cache=cache, use_cache=True).logits).all()
    cache.crop(-4)
    assert cache.get_seq_length() == 14
    with torch.no_grad():
        model(input_ids=ids(2, 5), cache=cache, use_cache=True)
    assert cache.get_seq_length() == 19
    cache.reset()
    assert torch.allclose(stepwise(model, ids(), cache), first, atol=1e-5)


def test_effective_bits_count_scales() -> None:
    """Of a head of 16: a scale a token is one more bit, with a zero point a quarter more at 4 bits."""
    assert kv(16).effective_bits(16) == 16
    assert kv(4, symmetric=True).effective_bits(16) == 5
    assert kv(4).effective_bits(16) == 5.25
    assert kv(4, symmetric=True, axis="channel", group_size=32).effective_bits(16) == 4.5
    assert kv(4, symmetric=True, axis="kivi", group_size=32).effective_bits(16) == 4.75


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bits": 3}, "kv: bits"),
        ({"bits": 4, "axis": "head"}, "kv: axis"),
        ({"bits": 4, "axis": "channel"}, "group_size of axis channel cannot be -1"),
        ({"bits": 4, "group_size": 0}, "group_size of axis token cannot be 0"),
        ({"bits": 4, "residual": 1}, "kv: residual: is no option"),
    ],
)
def test_bad_options_are_one_clear_line(options: dict[str, Any], says: str) -> None:
    """They name the option."""
    with pytest.raises(UsageError, match=says):
        parse_options(KvConfig, options, "kv")


def test_groups_that_do_not_divide_a_head_are_refused() -> None:
    """When the cache is made, before anything runs."""
    with pytest.raises(UsageError, match="kv: group_size: 12 does not divide a head's 16 channels"):
        kv(4, group_size=12).cache(tiny().config)


def test_logits_without_a_cache_are_full_precision() -> None:
    """The cache alone rounds: a model that was used with one is as it was."""
    model = tiny()
    before = logits(model, ids())
    stepwise(model, ids(), kv(2).cache(model.config))
    assert torch.equal(logits(model, ids()), before)
