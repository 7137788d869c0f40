"""The in-process engine against transformers' own `generate`, one prompt at a time."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kb.errors import RunStopped
from kb.harness.engines.transformers import TransformersEngine, TransformersOptions, divergence
from kb.harness.models import Loaded, load_model, resolve_model
from kb.harness.quant import KvConfig
from kb.harness.types import Completion, Decoding, Request
from tests.harness.checkpoints import SIGNS, change_config, save_bytes_tokenizer, save_tiny

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

ENDS = [0, 5, 13, 21, 38]  # often enough for answers of many lengths
LONG = Decoding(max_new_tokens=60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny", seed=3, eos_token_id=ENDS)


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Loaded:
    """In float64, where no two logits are closer than rounding: the batch cannot matter."""
    found = load_model(resolve_model(str(folder)))
    return dataclasses.replace(found, model=found.model.double())


def prompts(n: int, seed: int = 0, shortest: int = 3, longest: int = 30) -> list[Request]:
    draw = random.Random(seed)
    return [Request(at, "".join(draw.choices(SIGNS, k=draw.randint(shortest, longest)))) for at in range(n)]


def answers(
    loaded: Loaded,
    requests: Sequence[Request],
    decoding: Decoding = LONG,
    batch_size: int = 8,
    kv: Any = None,
) -> dict[tuple[int, int], Completion]:
    engine = TransformersEngine(loaded, TransformersOptions(batch_size=batch_size), kv)
    return {(request.index, request.k): done for request, done in engine.generate(requests, decoding)}


def generated(loaded: Loaded, request: Request, tokens: int = 60) -> list[int]:
    ids = torch.tensor([loaded.encode(request.prompt)])
    made = loaded.model.generate(ids, max_new_tokens=tokens, do_sample=False)
    return [int(id) for id in made[0, ids.shape[1] :]]


@pytest.mark.parametrize("batch_size", [1, 3, 8, 64])
def test_answers_are_those_of_generate_one_by_one_whatever_the_batch(loaded: Loaded, batch_size: int) -> None:
    requests = prompts(40)
    found = answers(loaded, requests, batch_size=batch_size)
    assert len({len(done.token_ids) for done in found.values()}) > 5  # lengths are mixed
    for request in requests:
        assert list(found[request.index, 0].token_ids) == generated(loaded, request)


def test_a_completion_says_what_was_generated_and_why_it_ended(loaded: Loaded) -> None:
    for done in answers(loaded, prompts(40)).values():
        assert done.tokens == len(done.token_ids) == len(done.logprobs) == len(done.offsets)
        ended = done.token_ids[-1] in ENDS
        assert done.finish == ("stop" if ended else "length")
        assert ended or done.tokens == 60
        said = done.token_ids[: done.tokens - ended]
        assert done.text == "".join(loaded.tokenizer.decode([id]) for id in said if id > 2)
        for id, offset in zip(said, done.offsets, strict=False):
            assert id <= 2 or done.text[offset] == loaded.tokenizer.decode([id])
        assert not ended or done.offsets[-1] == len(done.text)


def test_log_probabilities_are_those_of_one_pass_over_the_whole_text(loaded: Loaded) -> None:
    requests = prompts(12)
    found = answers(loaded, requests)
    engine = TransformersEngine(loaded, TransformersOptions(batch_size=5))
    rows = [(loaded.encode(one.prompt), found[one.index, 0].token_ids) for one in requests]
    seen = dict(engine.logprobs(rows))
    assert sorted(seen) == list(range(12))
    for at, (prompt, ids) in enumerate(rows):
        with torch.no_grad():
            whole = loaded.model(torch.tensor([[*prompt, *ids]])).logits[0].log_softmax(-1)
        wanted = whole[len(prompt) - 1 : -1]
        torch.testing.assert_close(seen[at], wanted.float(), atol=1e-5, rtol=1e-5)
        said = torch.tensor(found[at, 0].logprobs)
        torch.testing.assert_close(said, wanted[range(len(ids)), list(ids)].float(), atol=1e-5, rtol=1e-5)


def test_a_draw_depends_on_seed_prompt_and_k_alone(loaded: Loaded) -> None:
    requests = [Request(one.index, one.prompt, k) for one in prompts(10) for k in range(3)]
    decoding = Decoding(max_new_tokens=30, temperature=1.0, top_p=0.95, samples_per_item=3, seed=7)
    found = answers(loaded, requests, decoding, batch_size=4)
    shuffled = random.Random(1).sample(requests, len(requests))
    assert answers(loaded, shuffled, decoding, batch_size=16) == found
    assert answers(loaded, requests[4:5], decoding) == {(1, 1): found[1, 1]}
    assert len({found[1, k].text for k in range(3)}) == 3
    other = answers(loaded, requests, decoding.model_copy(update={"seed": 8}))
    assert sum(other[key].text != found[key].text for key in found) > 20


def test_sampling_follows_the_distribution_and_top_p_cuts_its_tail(loaded: Loaded) -> None:
    prompt = "a=37;b=a+45;b?"
    with torch.no_grad():
        logits = loaded.model(torch.tensor([loaded.encode(prompt)])).logits[0, -1]
    wanted = (logits / 2).softmax(-1)
    requests = [Request(0, prompt, k) for k in range(2000)]
    decoding = Decoding(max_new_tokens=1, temperature=2.0, samples_per_item=2000)
    tokens = [done.token_ids[0] for done in answers(loaded, requests, decoding, 500).values()]
    share = torch.bincount(torch.tensor(tokens), minlength=len(wanted)) / 2000
    assert float((share - wanted).abs().max()) < 0.04  # 4 standard errors of a share of one half
    order = wanted.argsort(descending=True)
    kept = int((wanted[order].cumsum(0) < 0.5).sum()) + 1
    decoding = decoding.model_copy(update={"top_p": 0.5})
    tokens = [done.token_ids[0] for done in answers(loaded, requests, decoding, 500).values()]
    assert set(tokens) == set(order[:kept].tolist())


def test_a_stop_text_ends_the_row_and_is_not_part_of_it(loaded: Loaded) -> None:
    requests = prompts(20)
    free = answers(loaded, requests)
    text = max((done.text for done in free.values()), key=len)
    stop = (text[4:6], text[10])
    ended = 0
    for key, done in answers(loaded, requests, Decoding(max_new_tokens=60, stop=stop)).items():
        places = [at for at in map(free[key].text.find, stop) if at >= 0]
        if not places:
            assert done == free[key]
            continue
        ended += 1
        assert done.text == free[key].text[: min(places)]
        assert done.finish == "stop"
        assert done.token_ids == free[key].token_ids[: done.tokens]
        assert len(done.offsets) == done.tokens
        assert max(done.offsets) <= len(done.text)
    assert ended >= 1


def test_a_prompt_as_long_as_the_context_stops_the_run_before_it_begins(loaded: Loaded) -> None:
    requests = [*prompts(3), Request(17, "a" * 256)]
    engine = TransformersEngine(loaded)
    with pytest.raises(
        RunStopped, match=r"^sample 17: the prompt has 256 tokens, the model's context 256 \(fix"
    ):
        next(iter(engine.generate(requests, LONG)))


def test_an_answer_ends_where_the_context_does(loaded: Loaded) -> None:
    found = answers(loaded, [Request(0, "b" * 250)])
    assert found[0, 0].tokens <= 6
    assert found[0, 0].finish == ("stop" if found[0, 0].token_ids[-1] in ENDS else "length")


def test_logits_that_are_no_numbers_stop_the_run_and_name_the_sample(folder: Path) -> None:
    loaded = load_model(resolve_model(str(folder)))
    with torch.no_grad():
        loaded.model.lm_head.weight[5, 0] = float("nan")
    with pytest.raises(RunStopped, match=r"^sample 4: the logits of token 1 are not finite"):
        answers(loaded, [Request(4, "abc")])


class Full(torch.nn.Module):
    """A layer whose processor has no memory left after some passes."""

    def __init__(self, inner: Any, passes: int) -> None:
        super().__init__()
        self.inner, self.passes = inner, passes

    def forward(self, x: Any) -> Any:
        self.passes -= 1
        if self.passes < 0:
            torch.empty(1 << 50)  # the allocator's own error
        return self.inner(x)


def test_running_out_of_memory_stops_the_run_and_keeps_what_was_done(folder: Path) -> None:
    loaded = load_model(resolve_model(str(folder)))
    loaded.model.lm_head = Full(loaded.model.lm_head, passes=30)
    kept: list[Any] = []
    engine = TransformersEngine(loaded, TransformersOptions(batch_size=2))
    with pytest.raises(RunStopped, match=r"^sample \d+: out of memory with \d rows .*batch_size \(2\)"):
        kept.extend(engine.generate(prompts(30), Decoding(max_new_tokens=5)))
    assert len(kept) > 3


def test_another_error_of_torch_is_not_called_a_lack_of_memory(folder: Path) -> None:
    loaded = load_model(resolve_model(str(folder)))
    loaded.model.lm_head = torch.nn.Linear(5, 5)
    with pytest.raises(RuntimeError, match="shapes"):
        answers(loaded, prompts(1))


def test_a_model_that_attends_to_everything_gets_a_slab_and_others_their_own_cache(loaded: Loaded) -> None:
    from transformers import MistralConfig

    from kb.harness.engines.batching import CacheRows, SlabRows, make_rows

    assert type(make_rows(loaded.model, 4)) is SlabRows
    assert type(make_rows(loaded.model, 4, PlainCache)) is CacheRows
    windowed = SimpleNamespace(config=MistralConfig(sliding_window=8), forward=loaded.model.forward)
    assert type(make_rows(windowed, 4)) is CacheRows


def test_a_slab_gives_the_logits_of_the_whole_text_through_any_coming_and_going(loaded: Loaded) -> None:
    from kb.harness.engines.batching import make_rows

    draw = random.Random(4)
    rows = make_rows(loaded.model, 5)
    texts: list[list[int]] = []
    length = 40
    for _ in range(220):  # more columns than the slab begins with, several times
        if texts and draw.random() < 0.15:
            gone = draw.sample(range(len(texts)), draw.randint(1, len(texts)))
            texts = [texts[at] for at in rows.drop(gone)]
        if len(texts) < 5 and (not texts or draw.random() < 0.2):
            length -= draw.random() < 0.3
            new = [
                [draw.randrange(3, 40) for _ in range(length)] for _ in range(draw.randint(1, 5 - len(texts)))
            ]
            logits = rows.prefill(new)
            texts += new
            logits = torch.cat([torch.full((len(texts) - len(new), logits.shape[1]), torch.nan), logits])
        else:
            tokens = [draw.randrange(3, 40) for _ in texts]
            texts = [[*text, token] for text, token in zip(texts, tokens, strict=True)]
            logits = rows.step(tokens)
        at = len(texts) - 1
        with torch.no_grad():
            wanted = loaded.model(torch.tensor([texts[at]])).logits[0, -1]
        torch.testing.assert_close(logits[at], wanted)
    with pytest.raises(ValueError, match="longest first"):
        rows.prefill([[5] * 200])


def test_a_sliding_window_is_decoded_as_generate_does(tmp_path: Path) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    save_tiny(tmp_path)
    torch.manual_seed(5)
    config = MistralConfig(
        vocab_size=3 + len(SIGNS), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.5,
        eos_token_id=0, bos_token_id=1, pad_token_id=0, sliding_window=8,
    )  # fmt: skip
    MistralForCausalLM(config).save_pretrained(tmp_path)
    found = load_model(resolve_model(str(tmp_path)))
    loaded = dataclasses.replace(found, model=found.model.double())
    requests = prompts(12, shortest=5, longest=8)
    made = answers(loaded, requests, batch_size=4)
    for request in requests:
        assert list(made[request.index, 0].token_ids) == generated(loaded, request)


class PlainCache:
    """What a `KvConfig` of 16 bits is: transformers' own cache."""

    def cache(self, config: Any) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=config)

    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"bits": 16}


def test_with_a_cache_of_the_callers_the_answers_are_the_same(loaded: Loaded) -> None:
    requests = prompts(20, shortest=6, longest=9)
    wanted = answers(loaded, requests)
    found = answers(loaded, requests, kv=PlainCache())
    assert {key: done.token_ids for key, done in found.items()} == {
        key: done.token_ids for key, done in wanted.items()
    }


def test_characters_of_several_tokens_start_where_the_character_does(tmp_path: Path) -> None:
    from kb.harness.engines.text import Detokenizer
    from kb.harness.loading import load_model as load

    save_tiny(tmp_path, vocab_size=257, eos_token_id=256, bos_token_id=None, pad_token_id=256)
    save_bytes_tokenizer(tmp_path)
    loaded = load(resolve_model(str(tmp_path)))
    text = "aé√b"
    ids = loaded.encode(text)
    assert len(ids) == 1 + 2 + 3 + 1
    assert Detokenizer(loaded.tokenizer).text_and_offsets(ids) == (text, (0, 1, 1, 2, 2, 2, 3))


def test_divergence_is_zero_from_oneself_and_that_of_the_formula_from_another(
    loaded: Loaded, tmp_path: Path
) -> None:
    other = load_model(resolve_model(str(save_tiny(tmp_path, seed=9))))
    rows = [([5, 6, 7], [8, 9]), ([10, 11], [12, 13, 14, 15]), ([4], [20])]
    here, there = TransformersEngine(loaded), TransformersEngine(other)
    assert divergence(here, here, rows) == [0, 0, 0]
    found = divergence(here, there, rows)
    p, q = dict(here.logprobs(rows)), dict(there.logprobs(rows))
    for at, value in enumerate(found):
        wanted = sum(
            float(torch.nn.functional.kl_div(q[at][t], p[at][t], log_target=True, reduction="sum"))
            for t in range(len(rows[at][1]))
        ) / len(rows[at][1])
        assert value == pytest.approx(wanted, rel=1e-5)
        assert value > 0.1


def test_a_broken_model_has_no_divergence_rather_than_none(loaded: Loaded, folder: Path) -> None:
    broken = load_model(resolve_model(str(folder)))
    with torch.no_grad():
        broken.model.lm_head.weight[5, 0] = float("nan")
    with pytest.raises(
        RunStopped, match=r"^kl: the divergence from full precision is nan on solution 1 of 1"
    ):
        divergence(TransformersEngine(loaded), TransformersEngine(broken), [([5, 6], [7])])


def test_rounded_groups_of_tokens_hold_no_padding(loaded: Loaded) -> None:
    """What a row's tokens are worth does not depend on longer rows beside it."""
    kv = KvConfig(bits=2, axis="channel", group_size=4)
    rows = [(list(range(4, 9)), [20, 21]), (list(range(4, 24)), [7])]
    together = dict(TransformersEngine(loaded, kv=kv).logprobs(rows))
    alone = dict(TransformersEngine(loaded, kv=kv).logprobs(rows[:1]))
    assert torch.equal(together[0], alone[0])


def test_facts_name_versions_kernel_type_device_threads_and_batch(loaded: Loaded) -> None:
    facts = TransformersEngine(loaded, TransformersOptions(batch_size=5)).facts()
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["kernels"]["attention"] == "sdpa"
    assert (facts["dtype"], facts["device"], facts["batch_size"]) == ("float64", "cpu", 5)
    assert facts["threads"] == torch.get_num_threads()


def test_a_list_of_end_tokens_ends_at_any_of_them(tmp_path: Path) -> None:
    save_tiny(tmp_path, seed=3)
    (tmp_path / "generation_config.json").unlink()
    change_config(tmp_path, eos_token_id=ENDS)
    loaded = load_model(resolve_model(str(tmp_path)))
    assert loaded.end_ids == set(ENDS)
    found = answers(loaded, prompts(30)).values()
    assert all(not set(ENDS) & set(done.token_ids[:-1]) for done in found)
    assert len({done.token_ids[-1] for done in found} & set(ENDS)) > 1
