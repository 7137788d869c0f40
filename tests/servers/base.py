"""A loopback HTTP server whose faults are scripted, one per request.

The real clients talk to it over real sockets, so that time-outs, resets and broken bodies are real ones. Every
request is logged with its time. Nothing listens anywhere but on 127.0.0.1.
"""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Request:
    """One request as it came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    time: float
    body: bytes = b""


@dataclass
class Response:
    """What the server means to answer, before a fault changes it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Fault = Callable[["Handler", Response], bool | None]
"""Changes the response in place, or answers by itself and returns True."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: 40 ms a request otherwise
    server: LoopbackServer

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the requests are in `server.requests`."""

    def do_GET(self) -> None:
        self._take(b"")

    def do_POST(self) -> None:
        self._take(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _take(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        request = Request(
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            dict(self.headers),
            time.monotonic(),
            body,
        )
        with self.server.lock:
            self.server.requests.append(request)
            fault = self.server.faults.pop(0) if self.server.faults else self.server.always
            response = self.server.answer(request)
        with suppress(OSError):
            if fault is not None and fault(self, response):
                self.close_connection = True
                return
            self.send(response)

    def send(self, response: Response) -> None:
        self.send_response(response.status)
        headers = {"Content-Length": str(len(response.body)), **response.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.body)


class LoopbackServer(ThreadingHTTPServer):
    """Subclass and override `answer`. Use with `running`.

    Attributes:
        requests: everything that was asked, in order.
        faults: one per coming request; None is no fault.
        always: the fault of every request after `faults` has run out.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.faults: list[Fault | None] = []
        self.always: Fault | None = None
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, request: Request) -> Response:
        raise NotImplementedError

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is not news."""


_Server = TypeVar("_Server", bound=LoopbackServer)


@contextmanager
def running(server: _Server) -> Iterator[_Server]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


# Faults


def status(code: int, body: str = "", **headers: str) -> Fault:
    """Answer `code`; header names with `_` for `-`."""

    def fault(handler: Handler, response: Response) -> None:
        response.status, response.body = code, body.encode()
        response.headers = {"Content-Type": "text/plain"} | {
            k.replace("_", "-"): v for k, v in headers.items()
        }

    return fault


def header(**headers: str) -> Fault:
    """Add headers to the good answer."""

    def fault(handler: Handler, response: Response) -> None:
        response.headers |= {k.replace("_", "-"): v for k, v in headers.items()}

    return fault


def without_header(name: str) -> Fault:
    def fault(handler: Handler, response: Response) -> None:
        response.headers.pop(name, None)

    return fault


def body(text: str | bytes, content_type: str | None = None) -> Fault:
    """The good status with another body."""

    def fault(handler: Handler, response: Response) -> None:
        response.body = text if isinstance(text, bytes) else text.encode()
        if content_type is not None:
            response.headers["Content-Type"] = content_type

    return fault


def html() -> Fault:
    """A login page of some proxy, with 200."""
    return body("<!DOCTYPE html><html><body>Please sign in</body></html>", "text/html; charset=utf-8")


def delay(seconds: float) -> Fault:
    def fault(handler: Handler, response: Response) -> None:
        time.sleep(seconds)

    return fault


def hang(handler: Handler, response: Response) -> bool:
    """Never answer."""
    handler.server.closing.wait(30)
    return True


def reset(handler: Handler, response: Response) -> bool:
    """Close the connection with RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    return True


def short_body(handler: Handler, response: Response) -> bool:
    """Announce the whole length, send half, hang up."""
    handler.send_response(response.status)
    for name, value in {"Content-Length": str(len(response.body)), **response.headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(response.body[: len(response.body) // 2])
    handler.wfile.flush()
    return True


def broken_chunk(handler: Handler, response: Response) -> bool:
    """Chunked transfer with a chunk size that is no number."""
    handler.send_response(response.status)
    for name, value in {**response.headers, "Transfer-Encoding": "chunked"}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(b"5\r\n<feed\r\nzz\r\n")
    handler.wfile.flush()
    return True


def redirect(url: str, code: int = 302) -> Fault:
    return status(code, "", Location=url)


def cut(share: float = 0.5) -> Fault:
    """A body that ends too early, with a length that agrees."""

    def fault(handler: Handler, response: Response) -> None:
        response.body = response.body[: int(len(response.body) * share)]

    return fault


def bomb(megabytes: int) -> Fault:
    """A compressed body that unpacks to `megabytes` of spaces. Packed beforehand: that takes longer than a time-out."""
    packed = gzip.compress(b" " * (megabytes << 20))

    def fault(handler: Handler, response: Response) -> None:
        response.body = packed
        response.headers["Content-Encoding"] = "gzip"

    return fault
