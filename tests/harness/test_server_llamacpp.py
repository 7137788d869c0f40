"""The engine for servers, against llama.cpp's own server (from the package xllamacpp) on 127.0.0.1."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from kb.errors import RunStopped
from kb.harness.engines import open_engine
from kb.harness.models import resolve_model
from kb.harness.tasks import make_task
from kb.harness.types import Completion, Decoding, Request, Split
from tests.harness.gguf_models import save_gguf

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None,
        reason="xllamacpp (llama.cpp's server) is not installed",
    ),
]
EXACT = {"cache_prompt": False, "top_k": 0, "min_p": 0.0}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the reference model's very weights."""
    pytest.importorskip("gguf")
    pytest.importorskip("torch")
    folder = resolve_model("reference").path
    assert folder is not None
    library: Any = importlib.import_module("xllamacpp")
    asked = library.CommonParams()
    asked.model.path = str(save_gguf(folder, tmp_path_factory.mktemp("gguf") / "reference.gguf"))
    asked.n_ctx, asked.n_parallel, asked.cpuparams.n_threads, asked.warmup = 512, 1, 1, False
    server = library.Server(asked)
    yield server.listening_address
    del server


def ask(
    address: str, requests: list[Request], decoding: Decoding, **options: Any
) -> dict[Request, Completion]:
    given = {"name": "openai", "concurrency": 2, "timeout_s": 120.0, "extra": EXACT} | options
    with closing(open_engine(given, resolve_model(f"{address}/v1#reference"))) as engine:
        assert engine.facts()["server"] == "llama.cpp"
        return dict(engine.generate(requests, decoding))


def questions() -> list[Request]:
    samples = make_task({"name": "chain", "steps": [2, 8]}).samples(4, 0, Split.EVAL)
    return [Request(at, sample.prompt) for at, sample in enumerate(samples)]


def test_the_server_says_what_transformers_says_of_the_same_weights(address: str) -> None:
    """Text, ids, offsets and end are equal, and log-probabilities but for rounding."""
    decoding = Decoding(max_new_tokens=120)
    theirs = ask(address, questions(), decoding)
    with closing(open_engine({"name": "transformers", "threads": 1}, resolve_model("reference"))) as engine:
        ours = dict(engine.generate(questions(), decoding))
    for request, one in ours.items():
        other = theirs[request]
        assert (one.text, one.token_ids, one.offsets) == (other.text, other.token_ids, other.offsets)
        assert (one.tokens, one.finish) == (other.tokens, other.finish)
        assert one.logprobs == pytest.approx(other.logprobs, abs=2e-3)
    assert ask(address, questions()[::-1], decoding) == theirs


def test_draws_repeat_themselves_and_their_log_probabilities_are_the_models(address: str) -> None:
    """At any temperature a token's log-probability is the one at temperature 1, as this engine's siblings give it."""
    requests = [Request(0, questions()[0].prompt, k) for k in range(3)]
    hot = Decoding(max_new_tokens=20, temperature=3.0, samples_per_item=3)
    drawn = ask(address, requests, hot)
    assert len({done.text for done in drawn.values()}) > 1
    assert ask(address, requests, hot) == drawn
    greedy = ask(address, requests[:1], Decoding(max_new_tokens=1))[requests[0]]
    for done in drawn.values():
        if done.token_ids[0] == greedy.token_ids[0]:
            assert done.logprobs[0] == pytest.approx(greedy.logprobs[0], abs=1e-4)
        else:
            assert done.logprobs[0] < -1  # what temperature 3 makes likely, the model still does not


def test_a_stop_text_is_left_out_and_a_short_budget_says_length(address: str) -> None:
    request = Request(0, "a=64;b-7;c-2;c?")
    cut = ask(address, [request], Decoding(max_new_tokens=60, stop=(";c",)))[request]
    assert (cut.text, cut.finish) == ("b-7:64=93", "stop")
    assert cut.offsets == tuple(range(9))
    short = ask(address, [request], Decoding(max_new_tokens=4))[request]
    assert (short.text, short.finish, short.tokens) == ("b-7:", "length", 4)


def test_chat_gives_text_and_log_probabilities(address: str) -> None:
    request = Request(0, "a=64;b-7;c-2;c?")
    done = ask(address, [request], Decoding(max_new_tokens=5), chat=True)[request]
    assert done.tokens == len(done.logprobs) == 5
    assert max(done.logprobs) <= 0


def test_a_prompt_longer_than_the_context_stops_the_run_in_one_line(address: str) -> None:
    with pytest.raises(
        RunStopped, match=r"sample 7: the server says: request \(\d+ tokens\) exceeds the available"
    ):
        ask(address, [Request(7, "a=64;" * 150)], Decoding())
