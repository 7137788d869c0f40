"""The engine for servers, against a server on 127.0.0.1 that answers by rule and stumbles by script."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from kb.errors import ConfigError, KbError, NotAuthorised, RunStopped, UpstreamError, UsageError
from kb.harness.engines.openai import OpenAIEngine, OpenAIOptions
from kb.harness.types import Completion, Decoding, Request
from tests.servers import base
from tests.servers.base import Fault, Handler, Response, running
from tests.servers.completions import CompletionsServer, tokens_of

TEN = [Request(at, f"question {at}") for at in range(10)]


@pytest.fixture
def server() -> Iterator[CompletionsServer]:
    with running(CompletionsServer()) as started:
        yield started


def opened(server: CompletionsServer, **options: Any) -> OpenAIEngine:
    given: dict[str, Any] = {
        "backoff_s": 0.0,
        "timeout_s": 5.0,
        "concurrency": 1,
        "base_url": f"{server.url}/v1",
        "model": "tiny",
    }
    return OpenAIEngine(OpenAIOptions(**(given | options)))


def ask(
    server: CompletionsServer, requests: list[Request] = TEN, decoding: Decoding | None = None, **options: Any
) -> dict[int, Completion]:
    """Every completion, by the request's number."""
    with closing(opened(server, **options)) as engine:
        answers = engine.generate(requests, decoding or Decoding(max_new_tokens=50))
        return {request.index: done for request, done in answers}


def refusal(
    server: CompletionsServer, kind: type[KbError] = UpstreamError, **options: Any
) -> tuple[str, int]:
    """The one line of an error, and how many completions came before it."""
    kept: list[Any] = []
    with closing(opened(server, **options)) as engine, pytest.raises(kind) as caught:
        kept.extend(engine.generate(TEN, Decoding(max_new_tokens=50)))
    assert "\n" not in str(caught.value)
    return str(caught.value), len(kept)


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("newer", [False, True])
def test_text_tokens_log_probabilities_and_offsets_are_what_the_server_says(
    server: CompletionsServer, chat: bool, newer: bool
) -> None:
    server.newer_logprobs = newer
    done = ask(server, chat=chat)[3]
    assert done.text == "You said question 3"
    assert (done.tokens, done.finish) == (4, "stop")
    assert done.logprobs == (-0.25, -0.5, -0.75, -1.0)
    assert [done.text[at:] for at in done.offsets] == [
        "You said question 3",
        " said question 3",
        " question 3",
        " 3",
    ]
    assert done.token_ids == ((7, 7, 7, 7) if newer else ())
    assert server.requests[0].path == ("/v1/chat/completions" if chat else "/v1/completions")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_that_the_server_takes_apart_is_part_of_the_output(
    server: CompletionsServer, name: str
) -> None:
    """With its tags, as the model wrote it: what is only thought is no answer, and counts as reasoning."""
    server.thought = {name: "Two and two."}
    assert ask(server, chat=True)[3].text == "<think>Two and two.</think>You said question 3"
    server.reply = lambda asked: ""
    assert ask(server, chat=True)[3].text == "<think>Two and two."


def test_decoding_reaches_the_server_and_greedy_sends_no_seed(server: CompletionsServer) -> None:
    ask(server, TEN[:1], Decoding(max_new_tokens=7, stop=("question",)))
    assert server.asked[0] == {
        "model": "tiny", "prompt": "question 0", "max_tokens": 7, "temperature": 0.0, "stop": ["question"], "logprobs": 1
    }  # fmt: skip
    ask(server, TEN[:1], Decoding(max_new_tokens=7, temperature=0.6, top_p=0.95), logprobs=False)
    assert (server.asked[1]["temperature"], server.asked[1]["top_p"]) == (0.6, 0.95)
    assert "logprobs" not in server.asked[1]


def test_chat_asks_for_no_more_than_the_chosen_tokens_log_probabilities(server: CompletionsServer) -> None:
    ask(server, TEN[:1], chat=True)
    assert (server.asked[0]["logprobs"], server.asked[0]["top_logprobs"]) == (True, 1)


def test_fields_of_the_servers_own_are_sent_and_change_none_of_ours(server: CompletionsServer) -> None:
    ask(server, TEN[:1], extra={"top_k": 0, "min_p": 0.0, "cache_prompt": False, "prompt": "other"})
    asked = server.asked[0]
    assert (asked["top_k"], asked["min_p"], asked["cache_prompt"]) == (0, 0.0, False)
    assert asked["prompt"] == "question 0"


def test_halves_of_a_character_have_offsets_where_the_server_gives_bytes(server: CompletionsServer) -> None:
    """As llama.cpp answers: a token of half a character has an unreadable text, and the end token an empty one."""
    rows = (
        '{"token":"\\ufffd","bytes":[195],"logprob":-1,"id":5},{"token":"\\ufffd","bytes":[169],"logprob":-2,"id":6},'
        '{"token":"b","bytes":[98],"logprob":-3,"id":7},{"token":"","bytes":[],"logprob":-4,"id":2}'
    )
    answer = f'{{"choices":[{{"text":"\\u00e9b","finish_reason":"stop","logprobs":{{"content":[{rows}]}}}}]}}'
    server.always = base.body(answer, "application/json")
    done = ask(server, TEN[:1])[0]
    assert (done.text, done.offsets, done.token_ids) == ("éb", (0, 0, 1, 2), (5, 6, 7, 2))


def test_the_server_is_named_before_its_first_answer_and_a_silent_one_is_not(
    server: CompletionsServer,
) -> None:
    with closing(opened(server)) as engine:
        assert engine.facts()["server"].startswith("BaseHTTP")
    assert [request.path for request in server.requests] == ["/v1/models"]
    with closing(opened(server, base_url="http://127.0.0.1:9/v1")) as engine:
        assert engine.facts()["server"] is None


def test_the_seed_sent_depends_on_seed_prompt_and_k_alone(server: CompletionsServer) -> None:
    def seeds(seed: int, requests: list[Request]) -> list[int]:
        before = len(server.asked)
        ask(server, requests, Decoding(temperature=1.0, max_new_tokens=5, seed=seed))
        return [asked["seed"] for asked in server.asked[before:]]

    first = seeds(1, [Request(0, "a", 0), Request(0, "a", 1), Request(1, "b", 0)])
    assert len(set(first)) == 3
    assert seeds(1, [Request(9, "b", 0), Request(8, "a", 1)]) == [first[2], first[1]]
    assert seeds(2, [Request(0, "a", 0)]) != first[:1]


def test_an_answer_that_is_cut_says_length_and_a_stop_text_keeps_offsets_inside(
    server: CompletionsServer,
) -> None:
    assert ask(server, TEN[:1], Decoding(max_new_tokens=2))[0].finish == "length"
    done = ask(server, TEN[:1], Decoding(max_new_tokens=9, stop=(" question",)))[0]
    assert done.text == "You said"
    assert done.offsets == (0, 3, 8, 8)


def test_tokens_that_are_not_the_text_give_no_offsets(server: CompletionsServer) -> None:
    answer = b'{"choices":[{"text":"\\u00e9","finish_reason":"stop","logprobs":{"tokens":["\\ufffd","\\ufffd"],"token_logprobs":[-1,-2]}}]}'
    server.always = base.body(answer)
    done = ask(server, TEN[:1])[0]
    assert (done.text, done.tokens, done.logprobs, done.offsets) == ("é", 2, (-1.0, -2.0), ())


def test_as_many_requests_are_under_way_as_asked_for_and_no_more(server: CompletionsServer) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def slow(handler: Handler, response: Response) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.05)
        with lock:
            under_way -= 1

    server.always = slow
    assert len(ask(server, concurrency=4)) == 10
    assert most == 4


@pytest.mark.parametrize(
    "fault",
    [
        base.status(429, "slow down"), base.status(503), base.status(500), base.html(), base.reset, base.short_body,
        base.cut(), base.broken_chunk, base.body("[]", "application/json"), base.body('{"choices": NaN}'),
        base.without_header("Content-Type"), base.body(b"\xff\xfe"),
    ],
    ids=lambda fault: fault.__qualname__.split(".")[0],
)  # fmt: skip
def test_a_stumble_is_tried_again_and_a_fall_is_one_line(server: CompletionsServer, fault: Fault) -> None:
    server.faults = [fault, None, fault, fault]
    assert len(ask(server, tries=3)) == 10
    assert len(server.requests) == 13
    server.faults = [None, None, None]
    server.always = fault
    line, kept = refusal(server, tries=3)
    assert kept == 3
    assert line.startswith("sample 3: the server ")
    assert "(3 tries) at http://127.0.0.1:" in line


def test_a_server_that_dies_while_others_are_under_way_loses_none_of_what_came(
    server: CompletionsServer,
) -> None:
    dying = threading.Event()

    def die_at_three(handler: Handler, response: Response) -> bool | None:
        if b"question 3" in response.body:
            dying.set()
            return base.reset(handler, response)
        if b"question 2" in response.body:  # under way while the other falls
            dying.wait(10)
            time.sleep(0.1)
        return None

    server.always = die_at_three
    line, kept = refusal(server, concurrency=2, tries=1, timeout_s=30.0)
    assert kept == 3
    assert len(server.requests) == 4
    assert line.startswith("sample 3: the server broke off")


def test_a_server_that_is_gone_is_said_to_be(server: CompletionsServer) -> None:
    gone = CompletionsServer()
    gone.server_close()
    line, _ = refusal(gone, tries=2)
    assert line.startswith("sample 0: the server cannot be reached: ")
    assert "(2 tries)" in line


def test_a_server_that_hangs_is_left_after_the_time_out(server: CompletionsServer) -> None:
    server.faults = [base.hang]
    start = time.monotonic()
    assert len(ask(server, TEN[:2], timeout_s=0.3)) == 2
    assert 0.3 <= time.monotonic() - start < 4


def test_retry_after_is_kept_to_and_a_long_one_ends_the_run(server: CompletionsServer) -> None:
    server.faults = [base.status(429, "", Retry_After="0.3")]
    start = time.monotonic()
    ask(server, TEN[:1])
    assert server.requests[1].time - server.requests[0].time >= 0.3
    assert time.monotonic() - start < 3
    server.faults = [base.status(503, "", Retry_After="7200")]
    line, _ = refusal(server)
    assert line.startswith("sample 0: the server answered 503 and asks for a pause of 7200 s (fix: ")


def test_a_key_is_sent_and_never_shown(server: CompletionsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", "sk-secret-1")
    server.key = "sk-secret-1"
    assert len(ask(server, api_key_env="TINY_KEY")) == 10
    server.key = "sk-other"
    line, _ = refusal(server, NotAuthorised, api_key_env="TINY_KEY")
    assert line == "sample 0: the server refuses the key in TINY_KEY (401) (fix: set TINY_KEY)"
    monkeypatch.setenv("TINY_KEY", "sk-secret\nX: 1")
    with pytest.raises(NotAuthorised, match="holds characters that no key has") as caught:
        opened(server, api_key_env="TINY_KEY")
    assert "sk-secret" not in str(caught.value)
    with pytest.raises(NotAuthorised, match="TINY_KEY_2 holds no key"):
        opened(server, api_key_env="TINY_KEY_2")


def test_a_key_is_never_sent_unencrypted_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_KEY", "sk-secret-1")
    with pytest.raises(ConfigError, match="unencrypted"):
        OpenAIEngine(OpenAIOptions(base_url="http://192.0.2.1/v1", model="m", api_key_env="TINY_KEY"))


def test_a_prompt_longer_than_the_context_stops_the_run_and_names_the_sample(
    server: CompletionsServer,
) -> None:
    server.context = 55
    long = [*TEN[:2], Request(42, "so very long " * 30)]
    with pytest.raises(
        RunStopped, match=r"^sample 42: the server says: This model's maximum context length is 55"
    ):
        ask(server, long)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            base.status(404, '{"error": {"message": "no model\\n tiny"}}'),
            r"refuses the request \(404\): no model tiny",
        ),
        (base.status(422, '{"detail": "max_tokens"}'), r"refuses the request \(422\): max_tokens"),
        (base.status(400, "plain"), r"refuses the request \(400\): plain"),
        (base.redirect("http://192.0.2.1/"), "redirects, which kb does not follow"),
        (base.body("{}"), r"the answer is no completion \(KeyError"),
        (base.body('{"choices": [{"text": 5}]}'), r"no completion \(TypeError"),
        (base.body('{"choices": [{"text": "", "finish_reason": "content_filter"}]}'), "'content_filter'"),
        (base.bomb(32), "larger than 16777216 bytes"),
    ],
)
def test_what_cannot_get_better_is_not_tried_again(
    server: CompletionsServer, fault: Fault, said: str
) -> None:
    server.always = fault
    with pytest.raises(UpstreamError, match=r"^sample 0: .*" + said):
        ask(server, timeout_s=30.0)
    assert len(server.requests) == 1


def test_a_server_or_model_that_is_not_named_is_asked_for() -> None:
    with pytest.raises(UsageError, match=r"no server or no model is named \(fix: write the model as http://"):
        OpenAIEngine(OpenAIOptions(model="m"))


def test_an_engine_can_go_on_after_a_failure(server: CompletionsServer) -> None:
    engine = opened(server, tries=2)
    server.faults = [base.status(500)] * 2
    with pytest.raises(UpstreamError):
        list(engine.generate(TEN[:1], Decoding()))
    server.faults = [base.status(500)]
    assert len(list(engine.generate(TEN[:1], Decoding(max_new_tokens=9)))) == 1
    assert engine.facts()["engine"] == "openai"
    engine.close()


def test_the_loopback_servers_tokens_join_to_the_text() -> None:
    assert tokens_of("a b, c!") == ["a", " b", ",", " c", "!"]
