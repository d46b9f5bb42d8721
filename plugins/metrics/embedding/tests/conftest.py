"""How the tests of this folder prepare a check, ask it, and stand in for an embedding service."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import attrs
import pytest
from assay_metric_embedding.vectors import pack

from assay_core.cache import RunCache
from assay_core.contracts import CheckContext, Metric, PreparedCheck
from assay_core.convert import structure
from assay_core.errors import Place
from assay_core.model import Expectation, JsonObject
from assay_core.plugins.drivers import load
from assay_core.testing import make_context

PLACE = Place("eval.yaml", 7, 5, "      type: it")
Prepare = Callable[..., PreparedCheck]


@attrs.define(slots=False)
class CountingEmbedder:
    """Embeds by simple counts and remembers what it was asked."""

    needs: frozenset[str] = frozenset({"network", "model"})
    asked: list[str] = attrs.field(factory=list)
    id: str = "counting"
    dims: int = 3

    def embed(self, texts: list[str]) -> list[bytes]:
        self.asked.extend(texts)
        return [pack([len(text), text.count("a"), 1.0]) for text in texts]


@pytest.fixture
def counting() -> CountingEmbedder:
    """An embedder that says it needs the network, and counts."""
    return CountingEmbedder()


@pytest.fixture
def context(tmp_path: Path, counting: CountingEmbedder) -> CheckContext:
    """What the core lends: the real drivers, and one embedder more."""

    def driver(group: str, name: str, options: object | None = None) -> object:
        return counting if name == "counting" else load(group, name, options)

    return make_context(base_dir=tmp_path, driver=driver, cache=RunCache(), offline=False)


@pytest.fixture
def prepare(context: CheckContext) -> Prepare:
    """Return prepare(type, services={…}, context={…}, **options): the check, as the core makes it."""

    def make(
        name: str, *, services: JsonObject | None = None, lent: JsonObject | None = None, **options: object
    ) -> PreparedCheck:
        metric = cast("Metric", load("assay.metrics", name))
        raw = cast("JsonObject", options)
        expectation = Expectation(
            type=name, options=structure(raw, metric.types[name]), raw={"type": name, **raw}, place=PLACE
        )
        changes = {**(lent or {}), "services": services or {}}
        return metric.prepare(expectation, attrs.evolve(context, **changes))  # type: ignore[arg-type]  # fields of the class

    return make


@pytest.fixture
def write_trace(tmp_path: Path) -> Callable[..., str]:
    """Return write(name, *records): a trace beside the suite."""

    def write(name: str, *records: JsonObject) -> str:
        (tmp_path / name).write_text("".join(json.dumps(each) + "\n" for each in records))
        return name

    return write


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A real HTTP server on this machine that answers as it is told, and a key for it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-this-test")
    with Service() as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


@pytest.fixture
def closed_url() -> str:
    """The address of a server that is gone."""
    with Service() as gone:
        return gone.url


class Service:
    """Answers each request by the next word of `script`; the last word stays. `requests` keeps what came."""

    def __init__(self) -> None:
        self.script: list[str] = ["ok"]
        self.requests: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.closing = threading.Event()
        outer = self

        class Handler(_Handler):
            service = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def next_word(self) -> str:
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class _Handler(BaseHTTPRequestHandler):
    service: Service

    def log_message(self, *_: object) -> None:
        """Stay quiet."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.service.requests.append((dict(self.headers), body))
        word = self.service.next_word()
        if word.isdigit():
            self._send(int(word), {"error": {"message": "no", "key": self.headers.get("Authorization")}})
        else:
            getattr(self, f"_{word}")(body["input"])

    def do_GET(self) -> None:
        self.service.requests.append((dict(self.headers), {}))
        self._send(200, {})

    def _send(self, status: int, value: object, **headers: str) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(data)

    def _embeddings(self, vectors: list[list[float]]) -> None:
        data = [{"object": "embedding", "index": at, "embedding": each} for at, each in enumerate(vectors)]
        self._send(200, {"object": "list", "data": list(reversed(data)), "model": "m"})

    def _ok(self, texts: list[str]) -> None:
        self._embeddings([[float(len(text)), float(text.count("a")), 1.0] for text in texts])

    def _busy(self, _: list[str]) -> None:
        self._send(429, {}, Retry_After="0")

    def _redirect(self, _: list[str]) -> None:
        self._send(302, {}, Location=self.service.url + "/elsewhere")

    def _silent(self, _: list[str]) -> None:
        self.service.closing.wait(10)

    def _drip(self, _: list[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.service.closing.wait(0.05):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return

    def _drip_head(self, _: list[str]) -> None:
        while not self.service.closing.wait(0.05):
            try:
                self.wfile.write(b"H")
                self.wfile.flush()
            except OSError:
                return

    def _hang_up(self, _: list[str]) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _short(self, _: list[str]) -> None:
        self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"data": [')
        self.close_connection = True

    def _noise(self, _: list[str]) -> None:
        self.wfile.write(b"\x00\x01 no protocol at all\r\n\r\n")
        self.close_connection = True

    def _no_json(self, _: list[str]) -> None:
        self._send(200, b"<html>Bad gateway</html>")

    def _other_json(self, _: list[str]) -> None:
        self._send(200, {"data": "none"})

    def _too_few(self, texts: list[str]) -> None:
        self._embeddings([[1.0, 2.0, 3.0]] * (len(texts) - 1))

    def _uneven(self, texts: list[str]) -> None:
        self._embeddings([[1.0] * (at + 1) for at in range(len(texts))])

    def _empty(self, texts: list[str]) -> None:
        self._embeddings([[] for _ in texts])

    def _not_a_number(self, texts: list[str]) -> None:
        data = [{"index": at, "embedding": [float("nan")]} for at in range(len(texts))]
        self._send(200, {"data": data})

    def _too_large(self, texts: list[str]) -> None:
        self._embeddings([[1e300] for _ in texts])
