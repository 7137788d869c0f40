"""The wire to an OpenAI-compatible server: posts JSON, judges the answer, tries again where that may help."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx2
from pydantic import SecretStr

from kb.errors import ConfigError, NotAuthorised, UpstreamError, UsageError

if TYPE_CHECKING:
    from kb.harness.engines.openai import OpenAIOptions

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_INTRODUCED_S = 5.0
_WHOLE_ANSWER = 4  # time-outs that a whole answer may take, however steadily it drips


class Rejected(Exception):
    """The server will not take this request (400, 404, 413, 422), and says why."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status, self.said = status, said


class _Trouble(Exception):
    """An attempt failed in a way that another may not. `wait_s` is the wait that the server asked for."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.wait_s = wait_s


class CompletionHttp:
    """Posts to one server, from several threads at a time.

    Attributes:
        server: what it calls itself, from its first answer, or from `introduce`.
    """

    def __init__(self, options: OpenAIOptions) -> None:
        if not options.base_url or not options.model:
            raise UsageError(
                "no server or no model is named",
                field="engine openai",
                fix="write the model as http://host:port/v1#name, or set base_url and model",
            )
        self.server: str | None = None
        self._options = options
        self._base = options.base_url.rstrip("/")
        self._key = _key(options.api_key_env, self._base)
        self._stopped = threading.Event()
        self._client = httpx2.Client(
            timeout=options.timeout_s,
            follow_redirects=False,
            trust_env=not _is_loopback(self._base),  # the proxies that the environment names
            limits=httpx2.Limits(max_connections=options.concurrency),
        )

    def close(self) -> None:
        self.stop()
        self._client.close()

    def begin(self) -> None:
        """Take back a `stop`."""
        self._stopped.clear()

    def stop(self) -> None:
        """Begin no further attempt."""
        self._stopped.set()

    def introduce(self) -> None:
        """Ask for the list of models, to learn what the server is. One that does not say stays without a name."""
        if self.server is not None:
            return
        try:
            with self._client.stream(
                "GET",
                f"{self._base}/models",
                headers=self._headers(),
                timeout=min(_INTRODUCED_S, self._options.timeout_s),
            ) as answer:
                self.server = answer.headers.get("Server")
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
            return  # the first completion will say what is wrong

    def post(self, path: str, asked: dict[str, Any], where: str) -> dict[str, Any]:
        """The answer, a JSON object.

        Raises:
            Rejected: the server will not take this request.
            NotAuthorised: it refuses the key, or wants one.
            UpstreamError: anything else that it did, or did not do, until the last try.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return self._once(path, asked)
            except UpstreamError as error:
                raise type(error)(f"{where}: {error.message}", fix=error.fix) from None
            except _Trouble as trouble:
                pause = self._options.backoff_s * 2 ** (tries - 1)
                if trouble.wait_s is not None and trouble.wait_s > self._options.max_wait_s:
                    raise UpstreamError(
                        f"{where}: the server {trouble} and asks for a pause of {trouble.wait_s:.0f} s",
                        fix="come back later, or raise engine.max_wait_s",
                    ) from None
                pause = max(trouble.wait_s or 0.0, min(pause, self._options.max_wait_s))
                if tries >= self._options.tries or self._stopped.wait(pause):
                    raise UpstreamError(
                        f"{where}: the server {trouble} ({tries} {'try' if tries == 1 else 'tries'}) "
                        f"at {self._base}{path}"
                    ) from None

    def _once(self, path: str, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            with self._client.stream(
                "POST", self._base + path, json=asked, headers=self._headers()
            ) as answer:
                body = self._body(answer)
        except httpx2.TimeoutException:
            raise _Trouble(f"gave no answer within {self._options.timeout_s:g} s") from None
        except httpx2.ConnectError as error:
            raise _Trouble(f"cannot be reached: {str(error)[:100]}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise _Trouble(f"broke off or garbled its answer ({type(error).__name__})") from None
        self._judge(answer, body)
        self.server = self.server or answer.headers.get("Server")
        return _object(body)

    def _headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        return headers

    def _body(self, answer: httpx2.Response) -> bytes:
        """The unpacked body. A server that trickles is cut off, and so is one that floods."""
        deadline = time.monotonic() + _WHOLE_ANSWER * self._options.timeout_s
        body = bytearray()
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > self._options.max_bytes:
                raise UpstreamError(
                    f"the server's answer is larger than {self._options.max_bytes} bytes",
                    fix="raise engine.max_bytes",
                )
            if time.monotonic() > deadline:
                raise _Trouble(f"took longer than {_WHOLE_ANSWER * self._options.timeout_s:g} s")
        return bytes(body)

    def _judge(self, answer: httpx2.Response, body: bytes) -> None:
        """Raise unless this is a good answer so far."""
        status = answer.status_code
        if status in {401, 403}:
            variable = self._options.api_key_env
            raise NotAuthorised(
                f"the server refuses {'the key in ' + variable if variable else 'requests without a key'} ({status})",
                fix=f"set {variable}" if variable else "name the key's variable in engine.api_key_env",
            )
        if status in _RETRIED:
            raise _Trouble(f"answered {status}", _asked_wait(answer.headers.get("Retry-After"), time.time()))
        if 300 <= status < 400:
            raise UpstreamError(
                f"the server redirects, which kb does not follow ({status})", fix="name its own address"
            )
        if 400 <= status < 500:
            raise Rejected(status, _said(body))
        if status != 200:
            raise UpstreamError(f"the server answered {status}")
        kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            kind = re.sub(r"[^a-z0-9/+.-]", "?", kind)[:60]
            raise _Trouble(f"gave {kind or 'something without a content type'} where JSON was expected")


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise _Trouble("gave JSON that is broken or cut off") from None
    if not isinstance(value, dict):
        raise _Trouble("gave JSON that is no object")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _said(body: bytes) -> str:
    """The server's own words for an error, one line."""
    text = body[:4000].decode("utf-8", "replace")
    try:
        value = json.loads(text)
        said = value.get("error", value.get("message", value.get("detail", text)))
        text = said.get("message", str(said)) if isinstance(said, dict) else str(said)
    except (ValueError, AttributeError, RecursionError):
        pass
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200] or "nothing"


def _asked_wait(text: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, from a number or an HTTP date (RFC 9110, 10.2.3)."""
    text = (text or "").strip()
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]+)?", text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def _key(variable: str | None, base_url: str) -> SecretStr | None:
    if variable is None:
        return None
    text = os.environ.get(variable, "").strip()
    if not text:
        raise NotAuthorised(f"the environment variable {variable} holds no key", fix=f"set {variable}")
    if not re.fullmatch(r"[!-~]+", text):
        raise NotAuthorised(f"{variable} holds characters that no key has", fix="copy the key again")
    if urlsplit(base_url).scheme != "https" and not _is_loopback(base_url):
        raise ConfigError("the key would be sent unencrypted", field="engine.base_url", fix="use https")
    return SecretStr(text)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
