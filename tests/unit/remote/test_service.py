"""A service against a real server that misbehaves; what drivers make of it is tested with them."""

from __future__ import annotations

import json
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from assay_core.errors import ServiceError, UsageError
from assay_core.remote import NoAnswerError, RemoteService

KEY = "sk-0123456789abcdefABCDEF"
Serve = Callable[..., "Server"]


class Server:
    """Speaks raw bytes, so that it may say anything: one answer of `script` per connection, the last for ever."""

    def __init__(self, *script: bytes) -> None:
        self.script = list(script)
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(65_536)
                while b"\r\n\r\n{" not in request and request:
                    more = connection.recv(65_536)
                    request += more
                    if not more:
                        break
                self.requests.append(request)
                connection.sendall(self.script.pop(0) if len(self.script) > 1 else self.script[0])


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[Server] = []

    def start(*script: bytes) -> Server:
        running.append(Server(*script))
        return running[-1]

    yield start
    for each in running:
        each.close()


def answer(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def service(url: str, time: Time | None = None, *, key: str = KEY, **options: Any) -> RemoteService:
    time = time or Time()
    return RemoteService(
        url,
        what="the oracle",
        unavailable="E_JUDGE_UNAVAILABLE",
        key_name="ORACLE_KEY",
        environment={"ORACLE_KEY": key},
        clock=time,
        sleep=time.sleep,
        **options,
    )


def ask(asked: RemoteService, **bounds: float) -> object:
    return asked.post("/ask", b"{}", read, **{"timeout_s": 5.0, **bounds})  # type: ignore[arg-type]  # bounds by name


def read(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        raise NoAnswerError("no JSON") from None


def test_a_request_carries_the_key_and_its_answer_is_read(serve: Serve) -> None:
    server = serve(answer(200, b'{"a": 1}'))

    assert ask(service(server.url + "/")) == {"a": 1}

    assert server.requests[0].startswith(b"POST /v1/ask HTTP/1.1\r\n")
    assert f"Authorization: Bearer {KEY}".encode() in server.requests[0]


@pytest.mark.parametrize(
    ("said", "code", "attempts"),
    [
        (answer(429), "E_RATE_LIMIT", 4),
        (answer(500), "E_PROVIDER_5XX", 4),
        (answer(408), "E_TIMEOUT", 4),
        (answer(200, b"<html>"), "E_JUDGE_UNAVAILABLE", 4),
        (b"\x00 no protocol\r\n\r\n", "E_JUDGE_UNAVAILABLE", 4),
        (b"HTTP/1.1 200 x\r\nContent-Length: 99\r\n\r\n{", "E_NETWORK_ERROR", 4),
        (b"", "E_NETWORK_ERROR", 4),
        (answer(200, b"[" + b" " * 2000 + b"]"), "E_JUDGE_UNAVAILABLE", 4),
        (answer(400), "E_JUDGE_UNAVAILABLE", 1),
        (answer(401), "E_JUDGE_UNAVAILABLE", 1),
        (answer(404), "E_JUDGE_UNAVAILABLE", 1),
        (answer(302, b"", "Location: http://127.0.0.1:9/"), "E_JUDGE_UNAVAILABLE", 1),
    ],
)
def test_what_may_pass_is_tried_again_and_the_rest_is_not(serve: Serve, said: bytes, code: str, attempts: int) -> None:
    server = serve(said)

    with pytest.raises(ServiceError) as caught:
        ask(service(server.url, most_bytes=1000))

    assert (caught.value.code, caught.value.exit_code, len(server.requests)) == (code, 3, attempts)
    assert caught.value.message.startswith(f"the oracle at 127.0.0.1:{server.url.split(':')[2][:-3]} ")


def test_pauses_grow_up_to_a_bound_and_a_wish_of_the_service_is_granted_within_it(serve: Serve) -> None:
    server, time = serve(answer(500), answer(500), answer(500), answer(429, b"", "Retry-After: 99999")), Time()

    with pytest.raises(ServiceError):
        ask(service(server.url, time, attempts=6, longest_pause_s=5.0))

    assert time.slept == [0.5, 1.0, 2.0, 5.0, 5.0]


def test_a_budget_allows_a_long_pause_that_fits_and_no_other(serve: Serve) -> None:
    server, time = serve(answer(429, b"", "Retry-After: 30"), answer(200), answer(429, b"", "Retry-After: 30")), Time()
    asked = service(server.url, time)

    assert ask(asked, budget_s=60.0) == {}
    with pytest.raises(ServiceError) as caught:
        ask(asked, budget_s=20.0)

    assert (caught.value.code, time.slept) == ("E_RATE_LIMIT", [30.0])


def test_a_key_is_neither_shown_in_errors_nor_taken_from_answers(serve: Serve) -> None:
    quoted = json.dumps({"key": KEY}).encode()
    server = serve(answer(200, quoted), answer(401, quoted))
    asked = service(server.url)

    assert ask(asked) == {"key": "[redacted]"}
    with pytest.raises(ServiceError) as caught:
        ask(asked)
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))


@pytest.mark.parametrize("key", ["sk a", "sk\r\nX: 1", "sk-ä", ""])
def test_a_key_that_is_none_is_refused_before_anything_is_sent(serve: Serve, key: str) -> None:
    server = serve(answer(200))

    with pytest.raises(UsageError) as caught:
        ask(service(server.url, key=key, key_needed=True))

    assert (caught.value.code, server.requests) == ("E_CREDENTIAL_MISSING", [])


def test_a_key_does_not_travel_unencrypted_to_another_machine() -> None:
    with pytest.raises(UsageError) as caught:
        ask(service("http://oracle.example"))

    assert caught.value.code == "E_INVALID_ARGS"


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://h", "https://", "https://h:x", "https://u:p@h", "https://h?a", "https://h#a", "https://h/ä", "\n"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        service(url)

    assert caught.value.code == "E_INVALID_ARGS"
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://localhost", True),
        ("http://127.9.9.9:1", True),
        ("http://[::1]:1", True),
        ("https://h", False),
        ("https://localhost.example", False),
    ],
)
def test_only_this_machine_is_local(url: str, is_local: bool) -> None:
    assert service(url).is_local is is_local


def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, server = serve(answer(200, b'"proxied"')), serve(answer(200, b'"direct"'))
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)

    assert ask(service(server.url)) == "direct"
    assert ask(service("http://oracle.example", key="")) == "proxied"
    assert proxy.requests[0].startswith(b"POST http://oracle.example/ask ")
