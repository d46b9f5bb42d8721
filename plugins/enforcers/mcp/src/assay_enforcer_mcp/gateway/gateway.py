"""The gateway: two directions, one lock, and what to do when."""

from __future__ import annotations

from collections.abc import Sequence

from assay_enforcer_mcp.gateway.announcements import Announcements, Approvals
from assay_enforcer_mcp.gateway.answering import ServerSide
from assay_enforcer_mcp.gateway.connection import Connection
from assay_enforcer_mcp.gateway.deciding import ClientSide
from assay_enforcer_mcp.gateway.obligations import Obligations
from assay_enforcer_mcp.wire.lines import Oversized

__all__ = ["Gateway"]


class Gateway:
    """Decides the lines of a connection. Each method may be called from a thread of its own."""

    def __init__(self, connection: Connection, obligations: Obligations, approvals: Approvals) -> None:
        self.connection = connection
        self.announcements = Announcements(connection, approvals)
        self.client_side = ClientSide(connection, obligations, self.announcements)
        self.server_side = ServerSide(connection, self.announcements)

    def from_client(self, lines: Sequence[bytes | Oversized]) -> None:
        """Take lines of the client, in order; may wait for the server to list its tools, and for a slow server."""
        at = self.connection
        rest = lines
        while rest:
            with at.lock:
                self.announcements.wait()
                taken = self.client_side.take(rest)
            rest = rest[taken:]
            at.to_server.flush()
            at.to_client.nudge()

    def from_server(self, lines: Sequence[bytes | Oversized]) -> None:
        """Take lines of the server, in order; may wait for a slow client."""
        at = self.connection
        with at.lock:
            self.server_side.take(lines)
        at.to_client.flush()
        at.to_server.nudge()

    def tick(self) -> float | None:
        """Answer what is overdue; return the seconds until something will be, None where nothing waits."""
        at = self.connection
        with at.lock:
            due_s = self.server_side.tick()
        at.to_client.nudge()
        at.to_server.nudge()
        return None if due_s is None else max(0.0, due_s - at.now())
