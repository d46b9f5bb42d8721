"""A real HTTP server in the test process that answers as it is told, and misbehaves as it is told."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import attrs
import pytest


@attrs.frozen(kw_only=True)
class Planned:
    """One answer of the server.

    `hang` waits until the test ends, `trickle` sends a header without end, `closed` says nothing at all, `cut` closes
    the connection in the middle.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    hang: bool = False
    trickle: bool = False
    cut: bool = False
    closed: bool = False


def planned_of(written: str | dict[str, Any]) -> Planned:
    """Return an answer: a completion with this text, or what the members of `Planned` say."""
    if isinstance(written, str):
        return Planned(body=json.dumps({"choices": [{"message": {"role": "assistant", "content": written}}]}).encode())
    return Planned(**written)


@attrs.define
class Endpoint:
    """The server: answers in the order of `plan`, its last entry for ever; keeps what it was asked."""

    url: str
    plan: list[Planned]
    requests: list[dict[str, object]]
    headers: list[dict[str, str]]
    paths: list[str]

    def prompts(self) -> list[str]:
        return [str(each["messages"][1]["content"]) for each in self.requests]  # type: ignore[index]  # as it was sent


Serve = Callable[..., Endpoint]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[ThreadingHTTPServer] = []
    over = threading.Event()

    def start(*plan: str | dict[str, Any]) -> Endpoint:
        endpoint = Endpoint("", [planned_of(each) for each in plan], [], [], [])
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(endpoint, over))
        server.daemon_threads = True
        endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return endpoint

    yield start
    over.set()
    for server in servers:
        server.shutdown()
        server.server_close()


def _handler(endpoint: Endpoint, over: threading.Event) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                endpoint.requests.append(json.loads(body))
                endpoint.headers.append(dict(self.headers))
                endpoint.paths.append(self.path)
                planned = endpoint.plan.pop(0) if len(endpoint.plan) > 1 else endpoint.plan[0]
            self.answer(planned)

        def answer(self, planned: Planned) -> None:
            if planned.hang:
                over.wait(20)
                return
            if planned.trickle:
                self.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
                while not over.wait(0.05):
                    self.wfile.write(b"x")
                return
            if planned.closed:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response_only(planned.status)  # no Date of its own
            for name, value in planned.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(planned.body) + (1000 if planned.cut else 0)))
            self.end_headers()
            self.wfile.write(planned.body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
