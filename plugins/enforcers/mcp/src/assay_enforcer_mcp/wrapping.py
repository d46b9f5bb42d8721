"""One wrapped server from its start to its end: threads that relay, signals, time limits."""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import attrs

from assay_enforcer_mcp.gateway.gateway import Gateway
from assay_enforcer_mcp.process import Child
from assay_enforcer_mcp.wire.lines import Lines

__all__ = ["Ending", "leave", "relay"]

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_TICK_S = 0.5  # how late a time limit may strike that was set while nothing else happened
_TAIL_S = 2.0  # how long a dead server's descendants may keep its output open


@attrs.frozen(kw_only=True)
class Ending:
    """How long to wait when it is over."""

    grace_s: float = 5.0  # for the server to end by itself once its input is closed, and again after SIGTERM


def relay(
    gateway: Gateway,
    child: Child,
    *,
    client_in: int,
    max_client_bytes: int,
    max_server_bytes: int,
    ending: Ending,
    every_tick: Callable[[], None],
) -> int:
    """Relay between the client on `client_in` and a server until one of them ends; return the server's exit code.

    Args:
        gateway: Decides; its outlets write to the server and to the client.
        child: The server.
        client_in: Where the client's lines come from.
        max_client_bytes: The cap of a client's line.
        max_server_bytes: The cap of a server's line.
        ending: How long to wait at the end.
        every_tick: Called about twice a second, on the thread that called this.
    """
    events: queue.SimpleQueue[str] = queue.SimpleQueue()
    to_server, to_client = gateway.connection.to_server, gateway.connection.to_client
    threads: dict[str, Callable[..., object]] = {
        "client": lambda: _pump(Lines(client_in, max_client_bytes), gateway.from_client),
        "server": lambda: _pump(Lines(child.stdout, max_server_bytes), gateway.from_server),
        "exit": child.wait,
        "to-server": to_server.drain,
        "to-client": to_client.drain,
    }
    with _signals_to(events), _no_collections():  # before anything is relayed: a signal may come at once
        running = {name: _start(name, work, events) for name, work in threads.items()}
        _watch(gateway, events, every_tick)
    to_server.close()  # the server's input ends
    code = child.wait(ending.grace_s)
    if code is None:
        code = child.stop(ending.grace_s)
    running["server"].join(_TAIL_S)  # what the server said before it ended still goes to the client
    child.signal(signal.SIGKILL)  # descendants that stayed behind in its group
    to_client.flush()
    return code


def _pump(lines: Lines, take: Callable[..., None]) -> None:
    with contextlib.suppress(OSError):  # its other end is gone: the same as its end
        for block in lines.blocks():
            take(block)


def _start(name: str, work: Callable[..., object], events: queue.SimpleQueue[str]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            events.put(name)

    thread = threading.Thread(target=run, name=f"assay-{name}", daemon=True)
    thread.start()
    return thread


def _watch(gateway: Gateway, events: queue.SimpleQueue[str], every_tick: Callable[[], None]) -> None:
    """Wait until the client, the server or a signal ends it; meanwhile hold the time limits."""
    while True:
        due_s = gateway.tick()
        every_tick()
        try:
            event = events.get(timeout=_TICK_S if due_s is None else min(due_s, _TICK_S))
        except queue.Empty:
            continue
        if event in ("client", "server", "exit", "signal", "to-client"):
            return


@contextlib.contextmanager
def _signals_to(events: queue.SimpleQueue[str]) -> Iterator[None]:
    def note(number: int, frame: object) -> None:  # noqa: ARG001 - the signature of handlers
        events.put("signal")

    before = {number: signal.signal(number, note) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Keep the collector from pausing the relay: what is there stays, and frames hold no cycles."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def leave(code: int) -> None:
    """End the process without waiting for threads that wait for input."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
