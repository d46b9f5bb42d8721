"""`assay mcp wrap` as a process, in front of a server that is one."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SERVER = Path(__file__).parent / "echo_server.py"
POLICY = "version: '2.0'\ntools: {deny: [exec]}\nenforcement: {unconstrained_tools: allow}\n"
PATIENCE_S = 60


class Wrapped:
    """A wrapper that runs, and a client's end of it."""

    def __init__(self, folder: Path, *options: str, policy: str = POLICY, server: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.seen = folder / "seen.jsonl"
        (folder / "policy.yaml").write_text(policy)
        argv = server or (sys.executable, str(SERVER), str(self.seen))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "assay_core", "mcp", "wrap", "--decision-log", "log.jsonl", *options, "--", *argv],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
            env=dict(os.environ, ASSAY_TEST_SECRET="hidden?"),
        )  # fmt: skip

    def send(self, *messages: dict[str, Any] | bytes) -> None:
        assert self.process.stdin is not None
        for each in messages:
            self.process.stdin.write(each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def handshake(self) -> None:
        self.send({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {}})
        assert self.answer()["id"] == 0
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def end(self) -> tuple[int, list[dict[str, Any]], str]:
        """Close the wrapper's input; return its exit code, what it still said, and its standard error."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()

    def at_server(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.seen.read_text().splitlines()]

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log.jsonl").read_text().splitlines()]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Wrapped]]:
    running: list[Wrapped] = []
    yield running
    for each in running:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def wrapped(tmp_path: Path, started: list[Wrapped]) -> Wrapped:
    """A wrapper past its handshake."""
    started.append(Wrapped(tmp_path))
    started[0].handshake()
    return started[0]


def call(number: int, tool: str, **arguments: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def test_a_session_passes_but_for_what_is_denied(wrapped: Wrapped) -> None:
    wrapped.send(call(1, "read", path="/srv/a"), call(2, "exec", cmd="id"), {"id": 3, "method": "ping"})
    answers = {each["id"]: each for each in (wrapped.answer(), wrapped.answer(), wrapped.answer())}

    code, rest, _ = wrapped.end()

    assert (code, rest) == (0, [])
    assert json.loads(answers[1]["result"]["content"][0]["text"])[0] == {"path": "/srv/a"}
    assert answers[2]["result"]["structuredContent"]["error_code"] == "E_TOOL_DENIED"
    assert answers[None]["error"]["data"] == {"origin": "assay", "reason": "version"}
    methods = [each["method"] for each in wrapped.at_server()]
    assert methods == ["initialize", "notifications/initialized", "tools/list", "tools/call"]


def test_the_log_is_a_chain_and_holds_no_arguments(wrapped: Wrapped) -> None:
    wrapped.send(call(1, "read", path="/srv/secret-name"), call(2, "exec"))
    wrapped.answer()
    wrapped.answer()
    wrapped.end()

    events = wrapped.logged()

    assert [each["data"].get("decision") for each in events if each["type"] == "assay.tool.decision"] == [
        "allow",
        "deny",
    ]
    assert b"secret-name" not in (wrapped.folder / "log.jsonl").read_bytes()
    assert (wrapped.folder / "log.jsonl").stat().st_mode & 0o777 == 0o600
    last = "sha256:" + "0" * 64
    for line in (wrapped.folder / "log.jsonl").read_bytes().splitlines():
        assert json.loads(line)["assayprev"] == last
        last = "sha256:" + hashlib.sha256(line).hexdigest()


def test_calls_in_flight_are_answered_after_the_client_has_said_all(wrapped: Wrapped) -> None:
    wrapped.send(*(call(number, "read", n=number) for number in range(1, 201)))

    code, answers, _ = wrapped.end()

    assert code == 0
    assert [each["id"] for each in answers] == list(range(1, 201))


def test_the_exit_code_is_the_servers(wrapped: Wrapped) -> None:
    wrapped.send(call(1, "quit", code=7))

    assert wrapped.end()[0] == 7


def test_a_line_of_the_server_that_is_no_frame_stays_out(wrapped: Wrapped) -> None:
    wrapped.send(call(1, "spill"))

    assert wrapped.answer()["id"] == 1
    wrapped.end()
    assert [each["data"]["reason"] for each in wrapped.logged() if each["type"] == "assay.mcp.frame"] == ["not-json"]


def test_a_signal_ends_the_server_and_the_wrapper(wrapped: Wrapped) -> None:
    wrapped.send(call(1, "read"))
    wrapped.answer()

    wrapped.process.send_signal(signal.SIGTERM)

    assert wrapped.process.wait(PATIENCE_S) == 0  # its input was closed, and it ended by itself


def test_variables_are_hidden_from_the_server_where_the_user_wants_it(tmp_path: Path, started: list[Wrapped]) -> None:
    for number, options in enumerate(((), ("--env-strict",), ("--env-strict", "--env-allow", "ASSAY_TEST_*"))):
        folder = tmp_path / str(number)
        folder.mkdir()
        started.append(Wrapped(folder, *options))
        started[-1].handshake()
        started[-1].send(call(1, "read"))

        shown = json.loads(started[-1].answer()["result"]["content"][0]["text"])[1]

        assert shown == (None if number == 1 else "hidden?")


@pytest.mark.parametrize(
    ("policy", "options", "server", "code"),
    [
        ("tools: {alow: [a]}\n", (), (), "E_POLICY_PARSE"),
        (POLICY, ("--policy", "none.yaml"), (), "E_PATH_NOT_FOUND"),
        (POLICY, ("--event-source", "urn:x"), (), "E_INVALID_ARGS"),
        (POLICY, (), ("no-such-program-anywhere",), "E_PATH_NOT_FOUND"),
        (POLICY, ("--decision-log", "none.yaml/x/log"), (), ""),
    ],
)
def test_what_cannot_be_held_is_not_started(
    tmp_path: Path, started: list[Wrapped], policy: str, options: tuple[str, ...], server: tuple[str, ...], code: str
) -> None:
    (tmp_path / "none.yaml").write_text("") if not code else None
    started.append(Wrapped(tmp_path, *options, policy=policy, server=server))

    exit_code, answers, err = started[0].end()

    assert exit_code == (2 if code else 3)
    assert answers == []
    assert (code or "E_IO") in err
    assert not started[0].seen.exists()
