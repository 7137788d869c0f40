"""An OpenAI-compatible server on 127.0.0.1, which answers by rule: /v1/completions and /v1/chat/completions.

As described in https://platform.openai.com/docs/api-reference/completions; a token is a word or a sign.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.servers.base import LoopbackServer, Request, Response


def echo(asked: dict[str, Any]) -> str:
    """The prompt again, and what the draw depends on."""
    prompt = asked["prompt"] if "prompt" in asked else asked["messages"][-1]["content"]
    return f"You said {prompt}" + (f" with {asked['seed']}" if "seed" in asked else "")


class CompletionsServer(LoopbackServer):
    """Answers with what `reply` makes of the request's JSON.

    Attributes:
        context: tokens of prompt and completion together.
        key: the one good key; None takes any.
        thought: what a server that takes the thinking apart adds to a message.
        newer_logprobs: llama.cpp's and chat's form of log-probabilities in /completions too, with ids and bytes.
    """

    def __init__(self, reply: Callable[[dict[str, Any]], str] = echo) -> None:
        super().__init__()
        self.reply = reply
        self.context = 200
        self.key: str | None = None
        self.newer_logprobs = False
        self.thought: dict[str, str] = {}

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The JSON of each request so far."""
        return [json.loads(request.body) for request in self.requests]

    def answer(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if self.key is not None and headers.get("authorization") != f"Bearer {self.key}":
            return _error(401, "Incorrect API key provided")
        if request.path not in {"/v1/completions", "/v1/chat/completions"}:
            return _error(404, "Not Found")
        chat = request.path == "/v1/chat/completions"
        asked = json.loads(request.body)
        prompt = asked["messages"][-1]["content"] if chat else asked["prompt"]
        if len(tokens_of(prompt)) + asked["max_tokens"] > self.context:
            return _error(400, f"This model's maximum context length is {self.context} tokens.")
        return _json(200, self._answer(asked, chat))

    def _answer(self, asked: dict[str, Any], chat: bool) -> dict[str, Any]:
        pieces = tokens_of(self.reply(asked))
        finish = "stop" if len(pieces) <= asked["max_tokens"] else "length"
        pieces = pieces[: asked["max_tokens"]]
        text = "".join(pieces)
        for stop in asked.get("stop", ()):
            text = text.partition(stop)[0]
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "logprobs": None}
        values = [-0.25 * (at + 1) for at in range(len(pieces))]
        if asked.get("logprobs") and (chat or self.newer_logprobs):
            rows: list[dict[str, Any]] = [
                {"token": piece, "logprob": value} for piece, value in zip(pieces, values, strict=True)
            ]
            if self.newer_logprobs:
                rows = [{**row, "id": 7, "bytes": list(row["token"].encode())} for row in rows]
            choice["logprobs"] = {"content": rows}
        elif asked.get("logprobs"):
            choice["logprobs"] = {"tokens": pieces, "token_logprobs": values}
        if chat:
            choice["message"] = {"role": "assistant", "content": text or None, **self.thought}
        else:
            choice["text"] = text
        return {"model": asked["model"], "choices": [choice], "usage": {"completion_tokens": len(pieces)}}


def tokens_of(text: str) -> list[str]:
    """A word with the space before it, or a sign."""
    return re.findall(r" ?\w+| ?[^\w]", text)


def _json(status: int, value: Any) -> Response:
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _error(status: int, message: str) -> Response:
    return _json(status, {"error": {"message": message, "type": "invalid_request_error"}})
