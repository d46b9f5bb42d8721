"""The state of one connection between a client and a server. Its lock guards everything in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import attrs

from assay_core.model import ToolCall
from assay_core.policy import Policy, Session
from assay_enforcer_mcp.log.records import DecisionSink, FrameRecord, LogFailure, Record
from assay_enforcer_mcp.wire.frames import FrameId
from assay_enforcer_mcp.wire.outlet import Outlet

__all__ = ["Connection", "Limits", "Pending"]


@attrs.frozen(kw_only=True)
class Limits:
    """How much of hostile input is taken."""

    depth: int = 128
    in_flight: int = 100_000  # requests of one side that wait for an answer
    listing_s: float = 10.0  # how long a server may take to list its tools when the gateway asks


@attrs.define(kw_only=True, eq=False)
class Pending:
    """A request that was forwarded and has no answer yet."""

    method: str
    call: ToolCall | None = None  # of tools/call: as it was forwarded
    call_id: str = ""
    modern: bool = False
    first_page: bool = True  # of tools/list: it asked for the list from its start
    sent_s: float = 0.0  # monotonic
    answered: bool = False  # by the gateway, after a timeout; what comes late is dropped


@attrs.define(kw_only=True, eq=False)
class Connection:
    """What the two directions share."""

    policy: Policy
    session: Session
    to_server: Outlet
    to_client: Outlet
    log: DecisionSink
    say: Callable[[str], None]  # one line for people, on standard error; sanitised there
    server_id: str
    dry_run: bool = False
    verbose: bool = False
    limits: Limits = Limits()
    now: Callable[[], float] = time.monotonic  # seconds
    lock: threading.RLock = attrs.field(factory=threading.RLock)
    waiting: dict[FrameId, Pending] = attrs.field(factory=dict)  # requests of the client
    asked: dict[FrameId, str] = attrs.field(factory=dict)  # requests of the server, by id, to their methods
    deadlines: list[tuple[float, int, FrameId, Pending]] = attrs.field(factory=list)  # a heap, by time
    requests: int = 0  # of the client, calls included
    calls: int = 0  # decided

    def note(self, record: FrameRecord) -> None:
        """Record something that is no decided call. A log that fails here stops nothing: nothing was forwarded."""
        self.write([record])
        if self.verbose:
            self.say(f"{record.event}: {record.reason} {record.message}".rstrip())

    def write(self, records: list[Record]) -> bool:
        """Write records; tell people and return False where that fails."""
        try:
            self.log.append(records)
        except LogFailure as failure:
            self.say(f"the decision log cannot be written: {failure}")
            return False
        return True
