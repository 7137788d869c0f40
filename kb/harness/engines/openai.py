"""A model behind an OpenAI-compatible server: vLLM, SGLang, a llama.cpp server.

`/completions` of https://platform.openai.com/docs/api-reference/completions, or `/chat/completions` where the options ask
for it. What the servers add or leave out is taken as it comes: log-probabilities in the older form (`token_logprobs`) or
the newer one (`content`, with each token's bytes), vLLM's `token_ids` or llama.cpp's `id`.

A server that is busy or stumbles is asked again, a bounded number of times, after the pause that it asks for. What
cannot get better (a refused key, a prompt longer than the context) is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from kb.errors import KbError, RunStopped, UpstreamError
from kb.harness.engines.openai_http import CompletionHttp, Rejected
from kb.harness.engines.sampling import seed_of
from kb.harness.engines.text import joined
from kb.harness.types import Completion, Decoding, Frozen, Request

if TYPE_CHECKING:
    from kb.harness.models import ModelRef

_FINISHES = {"stop": "stop", "eos": "stop", "length": "length"}
_TOO_LONG = (
    "context length",
    "context_length",
    "context size",
    "context_size",
    "maximum context",
    "too long",
)


class OpenAIOptions(Frozen):
    """Which server, and how patiently.

    Attributes:
        base_url: up to and with /v1. Taken from the model's name where that is a URL.
        model: the model's name there.
        api_key_env: environment variable that holds the key; None sends none.
        chat: use /chat/completions, with the prompt as one user message.
        logprobs: ask for the log-probabilities of the chosen tokens.
        extra: further fields of each request, as this server knows them. Servers draw with filters of their own unless
            told otherwise (llama.cpp: {top_k: 0, min_p: 0}; vLLM: {top_k: 0}), and llama.cpp repeats itself exactly only
            with {cache_prompt: false} and one slot.
        concurrency: requests under way at a time.
        timeout_s: without a byte from the server. A completion comes whole: allow for its length.
        tries: for each completion.
        backoff_s: pause after the first failure, doubled after each; or longer, if the server says so.
        max_wait_s: longest pause; a server that asks for a longer one ends the run.
        max_bytes: of one answer.
    """

    base_url: str | None = Field(None, pattern=r"^https?://[^@\s]+$")
    model: str | None = None
    api_key_env: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    chat: bool = False
    logprobs: bool = True
    extra: dict[str, bool | int | float | str] = Field({}, max_length=20)
    concurrency: int = Field(8, ge=1, le=256)
    timeout_s: float = Field(600.0, gt=0)
    tries: int = Field(4, ge=1, le=20)
    backoff_s: float = Field(1.0, ge=0)
    max_wait_s: float = Field(60.0, ge=0)
    max_bytes: int = Field(16 << 20, ge=1024)

    def at(self, ref: ModelRef) -> OpenAIOptions:
        """With server and model from a name such as http://host:8000/v1#model, where they are not set."""
        if ref.format != "endpoint":
            return self
        said = {"base_url": ref.facts["base_url"], "model": ref.facts["model"]}
        return self.model_copy(update={key: value for key, value in said.items() if not getattr(self, key)})


class OpenAIEngine:
    """Completions of a server.

    Raises:
        UsageError: no server or no model is named.
        NotAuthorised: the variable that is to hold the key is not set, or holds no key.
        ConfigError: the key would travel in the clear.
    """

    Options: ClassVar = OpenAIOptions

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._http = CompletionHttp(options)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def facts(self) -> Mapping[str, Any]:
        """See `kb.harness.types.Engine`. What the server computes with, it does not say; its name it may."""
        self._http.introduce()
        return {
            "engine": "openai",
            "versions": {"httpx2": metadata.version("httpx2")},
            "server": self._http.server,
            "base_url": self._options.base_url,
            "model": self._options.model,
            "chat": self._options.chat,
            "concurrency": self._options.concurrency,
        }

    def generate(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[tuple[Request, Completion]]:
        """See `kb.harness.types.Engine`. After a failure nothing more is asked, and what is under way is waited for."""
        waiting = iter(requests)
        failed: KbError | None = None
        self._http.begin()
        with ThreadPoolExecutor(self._options.concurrency, thread_name_prefix="kb-openai") as pool:
            asked: dict[Future[Completion], Request] = {}
            try:
                while True:
                    while failed is None and len(asked) < self._options.concurrency:
                        request = next(waiting, None)
                        if request is None:
                            break
                        asked[pool.submit(self._complete, request, decoding)] = request
                    if not asked:
                        break
                    for done in wait(asked, return_when=FIRST_COMPLETED).done:
                        request = asked.pop(done)
                        try:
                            completion = done.result()
                        except KbError as error:
                            failed = failed or error
                            self._http.stop()
                        else:
                            yield request, completion
            finally:
                if asked:  # nobody listens any more
                    self._http.stop()
        if failed is not None:
            raise failed

    def _complete(self, request: Request, decoding: Decoding) -> Completion:
        where = f"sample {request.index}"
        try:
            answer = self._http.post(self._path, self._asked(request, decoding), where)
        except Rejected as rejected:
            if any(sign in rejected.said.lower() for sign in _TOO_LONG):
                raise RunStopped(
                    f"{where}: the server says: {rejected.said}",
                    fix="leave such samples out, lower max_new_tokens, or serve with a longer context",
                ) from None
            raise UpstreamError(
                f"{where}: the server refuses the request ({rejected.status}): {rejected.said}"
            ) from None
        try:
            return _completion(answer, self._options.chat)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise UpstreamError(
                f"{where}: the answer is no completion ({type(error).__name__}: {str(error)[:80]})"
            ) from None

    @property
    def _path(self) -> str:
        return "/chat/completions" if self._options.chat else "/completions"

    def _asked(self, request: Request, decoding: Decoding) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "model": self._options.model,
            "max_tokens": decoding.max_new_tokens,
            "temperature": decoding.temperature,
        }
        if decoding.temperature > 0:
            asked |= {"top_p": decoding.top_p, "seed": seed_of(request, decoding)}
        if decoding.stop:
            asked["stop"] = list(decoding.stop)
        if self._options.chat:
            asked["messages"] = [{"role": "user", "content": request.prompt}]
        else:
            asked["prompt"] = request.prompt
        if self._options.logprobs and self._options.chat:
            asked |= {
                "logprobs": True,
                "top_logprobs": 1,
            }  # llama.cpp would send the 20 most probable of each token
        elif self._options.logprobs:
            asked["logprobs"] = 1
        return self._options.extra | asked


def _completion(answer: Mapping[str, Any], chat: bool) -> Completion:
    choice = answer["choices"][0]
    text = _spoken(choice["message"]) if chat else choice["text"]
    if not isinstance(text, str):
        raise TypeError("text is no string")
    finish = _FINISHES.get(choice.get("finish_reason") or "stop")
    if finish is None:
        raise ValueError(f"finish_reason {str(choice['finish_reason'])[:40]!r}")
    pieces, logprobs, listed = _tokens(choice.get("logprobs"))
    ids = choice.get("token_ids") or listed
    said = (answer.get("usage") or {}).get("completion_tokens")
    tokens = int(said) if said is not None else len(ids) or len(logprobs)
    return Completion(
        text=text,
        tokens=tokens,
        finish=finish,
        token_ids=tuple(int(id) for id in ids),
        logprobs=logprobs,
        offsets=_offsets(pieces, text),
    )


def _spoken(message: Mapping[str, Any]) -> str:
    """A message's text, after the thinking, in its tags again, where a server takes the two apart (vLLM, SGLang, llama.cpp)."""
    text: str = message["content"] or ""
    thought = message.get("reasoning_content") or message.get("reasoning")
    if not thought:
        return text
    return f"<think>{thought}</think>{text}" if text else f"<think>{thought}"


def _tokens(said: Any) -> tuple[tuple[bytes, ...], tuple[float, ...], tuple[int, ...]]:
    """Texts, log-probabilities and ids of the tokens, from either form; none where one of them is missing."""
    rows = (said or {}).get("content")
    if rows is not None:
        pieces = [_bytes(row["token"], row.get("bytes")) for row in rows]
        values = [row["logprob"] for row in rows]
        ids = [row.get("id") for row in rows]
    else:
        pieces = [_bytes(token, None) for token in (said or {}).get("tokens") or ()]
        values = list((said or {}).get("token_logprobs") or ())
        ids = [None] * len(values)
        if len(pieces) != len(values):
            raise ValueError("as many tokens as log-probabilities")
    if any(value is None for value in values):
        return (), (), ()
    return (
        tuple(pieces),
        tuple(float(value) for value in values),
        tuple(ids) if all(isinstance(id, int) for id in ids) else (),
    )


def _bytes(token: Any, said: Any) -> bytes:
    """A token's bytes, which alone tell half of a character."""
    return bytes(said) if said is not None else str(token).encode(errors="replace")


def _offsets(pieces: Sequence[bytes], text: str) -> tuple[int, ...]:
    """Where each token starts. Nothing where the tokens' texts are not the text (half characters; a stop text may be cut off)."""
    whole, offsets = joined(pieces)
    return tuple(min(at, len(text)) for at in offsets) if whole.startswith(text) else ()
