"""What a server says its tools are: listed by the gateway itself before the first call, and watched from then on."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from assay_core.model import Decision, JsonValue, ToolDefinition, Violation
from assay_enforcer_mcp.gateway.connection import Connection, Pending
from assay_enforcer_mcp.gateway.listing import Listed, announced, next_cursor
from assay_enforcer_mcp.log.records import FrameRecord
from assay_enforcer_mcp.wire.frames import TOOLS_CALL, TOOLS_LIST, Frame, FrameId, is_modern

__all__ = ["INTRODUCTIONS", "Announcements", "Approvals", "Refusals"]

Refusals = Mapping[str, str]  # tool to why it is not what was approved
INTRODUCTIONS = ("initialize", "server/discover")
_INITIALIZED = "notifications/initialized"
_MAX_PAGES = 1000
_encode = msgspec.json.Encoder().encode


class Approvals(Protocol):
    """Knows which tools were approved."""

    strict: bool  # True: a server whose tools could not be listed gets no call

    def review(self, definitions: Sequence[ToolDefinition], instructions: str | None) -> Refusals:
        """Compare a whole listing with what was approved; called for every listing, in order."""

    def knows(self, tool: str) -> bool:
        """Tell whether a call may name this tool at all."""


class Announcements:
    """The listings of one connection. Every method but `wait` is called under the connection's lock."""

    def __init__(self, connection: Connection, approvals: Approvals) -> None:
        self._at = connection
        self._approvals = approvals
        self._state: Literal["unlisted", "listing", "listed", "unknown"] = "unlisted"
        self._changed = threading.Condition(connection.lock)
        self._own: FrameId | None = None
        self._envelope: JsonValue = None  # `_meta` of the client's requests, in the stateless protocol
        self._own_pages: list[Listed] = []
        self._client_pages: list[Listed] = []
        self._pages = 0
        self._until_s = 0.0
        self._without_tools = False  # the server said, in its handshake, that it has no tools
        self._refused: Refusals = {}
        self._known: dict[str, ToolDefinition] = {}  # of the last whole listing
        self.instructions: str | None = None

    # -- the client's side --------------------------------------------------------------------------------------

    def holds(self, frame: Frame) -> bool:
        """Tell whether a message has to wait until the server's tools are listed."""
        if self._state == "listing":
            return True
        if self._state != "unlisted" or frame.kind != "request":
            return False
        modern = is_modern(frame)
        if modern:
            params = frame.params
            self._envelope = params.get("_meta") if isinstance(params, Mapping) else None
        return frame.method == TOOLS_CALL or (modern and not self._introduces(frame))

    def _introduces(self, frame: Frame) -> bool:
        return frame.method in INTRODUCTIONS

    def begin(self) -> None:
        """List the tools, unless that has begun."""
        if self._state == "unlisted":
            self._begin()

    def after(self, frame: Frame) -> None:
        """Begin a listing behind the message that ends the handshake."""
        if frame.method == _INITIALIZED and self._state == "unlisted" and not self._without_tools:
            self._begin()

    def wait(self) -> None:
        """Wait until the tools are listed, or cannot be; called with the lock held, which is released meanwhile."""
        while self._state == "listing":
            left_s = self._until_s - self._at.now()
            if left_s <= 0:
                self._give_up("no answer in time")
                return
            self._changed.wait(left_s)

    def refusal(self, tool: str) -> Decision | None:
        """Return the denial of a tool that is not what was approved, None where nothing speaks against it."""
        reason = self._refused.get(tool)
        if reason is None and not self._approvals.knows(tool):
            reason = "it is not among the approved tools"
        if reason is None and self._state == "unknown" and self._approvals.strict:
            reason = "the server's tools could not be listed"
        if reason is None:
            return None
        text = f"{tool[:80]!a} is not what was approved: {reason}"
        violation = Violation(rule="identity", code="E_TOOL_DRIFT", message=text)
        return Decision(verdict="deny", code="E_TOOL_DRIFT", rule="identity", reason=text, violations=(violation,))

    # -- the server's side --------------------------------------------------------------------------------------

    def is_own(self, frame: Frame) -> bool:
        """Take the answer to a listing of our own; True: it is not for the client."""
        if self._own is None or frame.id != self._own:
            return False
        self._own = None
        entries = announced(frame.line, self._at.server_id)
        if entries is None:
            self._give_up("the server answered with an error")
            return True
        self._own_pages += entries
        cursor = next_cursor(frame.line)
        self._pages += 1
        if cursor is not None and self._pages < _MAX_PAGES:
            self._ask(cursor)
        else:
            self._finish(self._own_pages)
        return True

    def introduce(self, frame: Frame) -> None:
        """Take note of what the answer to `initialize` or `server/discover` says of the server."""
        result = frame.value.get("result")
        if not isinstance(result, Mapping):
            return
        instructions, capabilities = result.get("instructions"), result.get("capabilities")
        self.instructions = instructions if isinstance(instructions, str) else None
        self._without_tools = isinstance(capabilities, Mapping) and "tools" not in capabilities

    def learn(self, entries: Sequence[Listed], pending: Pending, line: bytes) -> None:
        """Take note of a page that the client asked for; the last page ends its listing."""
        if pending.first_page:
            self._client_pages = []
        self._client_pages += entries
        if next_cursor(line) is None:
            self._finish(self._client_pages)
        else:
            self._review(self._client_pages, whole=False)

    def shows(self, entry: Listed) -> bool:
        """Tell whether an entry of a listing is what was approved."""
        return entry.definition is not None and self.refusal(entry.definition.name) is None

    def changed(self) -> None:
        """Forget that the tools are known: the next call waits for a new listing."""
        if self._state in ("listed", "unknown"):
            self._state = "unlisted"

    # -- listing ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._state, self._own_pages, self._pages = "listing", [], 0
        self._until_s = self._at.now() + self._at.limits.listing_s
        self._ask(None)

    def _ask(self, cursor: str | None) -> None:
        self._own = f"assay-{secrets.token_hex(8)}"
        params: dict[str, JsonValue] = {} if cursor is None else {"cursor": cursor}
        if self._envelope is not None:
            params["_meta"] = self._envelope
        message: dict[str, JsonValue] = {"jsonrpc": "2.0", "id": self._own, "method": TOOLS_LIST, "params": params}
        self._at.to_server.put(_encode(message) + b"\n")

    def _finish(self, entries: Sequence[Listed]) -> None:
        self._review(entries, whole=True)
        if self._state != "listing" or entries is self._own_pages:
            self._state = "listed"
            self._changed.notify_all()

    def _review(self, entries: Sequence[Listed], *, whole: bool) -> None:
        """Compare a listing, or its first pages, with what was approved. A refusal holds until a listing clears it."""
        listed = {each.definition.name: each.definition for each in entries if each.definition is not None}
        definitions = [each.definition for each in entries if each.definition is not None]
        if not whole:
            definitions += [each for name, each in self._known.items() if name not in listed]
        else:
            self._known = listed
        self._at.session.learn(self._at.server_id, definitions)
        found = self._approvals.review(definitions, self.instructions)
        before = self._refused
        self._refused = {tool: reason for tool, reason in before.items() if tool not in listed} | dict(found)
        for tool, reason in self._refused.items():
            if before.get(tool) != reason:
                self._at.note(FrameRecord(event="tool-refused", direction="s2c", reason=reason, message=tool[:200]))
                self._at.say(f"the tool {tool!r} is refused: {reason}")

    def _give_up(self, reason: str) -> None:
        self._state, self._own = "unknown", None
        self._at.note(FrameRecord(event="listing-failed", direction="s2c", reason=reason))
        self._changed.notify_all()
