"""The way from the server to the client: what nobody asked for stays here, and answers are decided as well."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

import msgspec

from assay_core.canonical import digest_hex
from assay_core.model import Decision, JsonValue
from assay_enforcer_mcp.gateway import replies
from assay_enforcer_mcp.gateway.announcements import INTRODUCTIONS, Announcements
from assay_enforcer_mcp.gateway.connection import Connection, Pending
from assay_enforcer_mcp.gateway.listing import Listed, announced, without_tools
from assay_enforcer_mcp.log.records import FrameRecord, OutcomeRecord, Record
from assay_enforcer_mcp.wire.frames import TOOLS_CALL, TOOLS_LIST, Frame, FrameError, read_frame
from assay_enforcer_mcp.wire.lines import Oversized

__all__ = ["ServerSide"]

LIST_CHANGED = "notifications/tools/list_changed"
_INTERNAL_ERROR = -32603
_PING = "ping"  # asks for nothing that a policy could refuse

_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ServerSide:
    """Decides what a server sends. Every method is called under the connection's lock."""

    def __init__(self, connection: Connection, announcements: Announcements) -> None:
        self._at = connection
        self._announcements = announcements
        self._records: list[Record] = []  # of the block of lines that is being taken

    def take(self, lines: Sequence[bytes | Oversized]) -> None:
        """Put out what of these lines is for the client."""
        for line in lines:
            self._take(line)
        self._write()

    def tick(self) -> float | None:
        """Answer calls whose time is over; return when the next one's is, on the connection's clock."""
        at = self._at
        while at.deadlines and (at.deadlines[0][0] <= at.now() or at.deadlines[0][3].answered):
            _, _, frame_id, pending = heapq.heappop(at.deadlines)
            if at.waiting.get(frame_id) is pending and not pending.answered:
                pending.answered = True  # it stays in `waiting`, so that a late answer finds it and is dropped
                tool = pending.call.tool if pending.call else ""
                decision = Decision(verdict="deny", code="E_TIMEOUT", rule="timeouts", reason="no answer in time")
                at.to_client.put(replies.call_refused(frame_id, tool, decision, modern=pending.modern))
                at.to_server.put(replies.cancelled(frame_id, "timed out"))
                self._ended(pending, "no_response", code="E_TIMEOUT", reason=decision.reason)
        self._write()
        return at.deadlines[0][0] if at.deadlines else None

    def _write(self) -> None:
        """Record what became of these lines: all was decided before, so a log that fails stops nothing here."""
        if self._records:
            records, self._records = self._records, []
            self._at.write(records)

    def _take(self, line: bytes | Oversized) -> None:
        at = self._at
        if isinstance(line, Oversized):
            self._pollution(FrameError("oversized", "the line is longer than the limit"), line.head)
            return
        if not line.strip():
            at.to_client.put(line)
            return
        try:
            frame = read_frame(line, max_depth=at.limits.depth)
        except FrameError as error:
            self._pollution(error, line)
            return
        if frame.kind == "response":
            self._answer(frame)
        elif frame.kind == "request":
            self._request(frame)
        else:
            at.to_client.put(line)
            if frame.method == LIST_CHANGED:
                self._announcements.changed()

    def _answer(self, frame: Frame) -> None:
        """Match a response with its request; decide what a tool answered."""
        at = self._at
        if self._announcements.is_own(frame):
            return
        pending = at.waiting.pop(frame.request_id, None)
        if pending is None or pending.answered:
            reason = "late" if pending else "nobody-asked"
            at.note(FrameRecord(event="response-unmatched", direction="s2c", reason=reason, digest=_digest(frame.line)))
            return
        if pending.method == TOOLS_LIST and "result" in frame.value:
            self._listing(frame, pending)
        elif pending.method == TOOLS_CALL and pending.call is not None:
            self._result(frame, pending)
        else:
            if pending.method in INTRODUCTIONS:
                self._announcements.introduce(frame)
            at.to_client.put(frame.line)

    def _listing(self, frame: Frame, pending: Pending) -> None:
        """Hide the tools that no call would get through for."""
        at = self._at
        entries = announced(frame.line, at.server_id)
        if entries is None:
            at.to_client.put(frame.line)  # no list of tools: nothing in it to call
            return
        self._announcements.learn(entries, pending, frame.line)
        kept = tuple(each for each in entries if self._is_visible(each))
        if len(kept) == len(entries) or at.dry_run:
            at.to_client.put(frame.line)
        else:
            at.to_client.put(without_tools(frame.line, kept))

    def _is_visible(self, entry: Listed) -> bool:
        definition = entry.definition
        if definition is None:
            return False
        return self._at.policy.visible(definition.name, definition) and self._announcements.shows(entry)

    def _result(self, frame: Frame, pending: Pending) -> None:
        at, call = self._at, pending.call
        if call is None:
            raise TypeError("only answers of calls are decided")
        value = frame.value.get("result")
        failed = "error" in frame.value or (isinstance(value, Mapping) and value.get("isError") is True)
        raw = bytes(_split(frame.line).get("result", msgspec.Raw(b"null")))
        decision = self._refused_inputs(value)
        if decision is None:
            decision = at.policy.decide_response(call, raw, at.session)
        if decision.verdict == "deny" and not at.dry_run:
            at.to_client.put(replies.call_refused(frame.id, call.tool, decision, modern=pending.modern))
            self._ended(pending, "denied", code=decision.code, reason=decision.reason, size=len(raw))
            return
        at.to_client.put(frame.line)
        self._ended(
            pending,
            "error" if failed else "ok",
            code=decision.code,
            reason=decision.reason,
            size=len(raw),
            result_json=raw,
        )

    def _refused_inputs(self, result: JsonValue) -> Decision | None:
        """Decide the requests that a result of protocol 2026-07-28 embeds, as if the server had made them."""
        if not isinstance(result, Mapping) or not isinstance(wanted := result.get("inputRequests"), Mapping):
            return None
        for each in wanted.values():
            method = each.get("method") if isinstance(each, Mapping) else None
            decision = self._at.policy.decide_server_request(method if isinstance(method, str) else "")
            if decision.verdict == "deny":
                return decision
        return None

    def _request(self, frame: Frame) -> None:
        """Let a server ask what the policy lets it ask."""
        at = self._at
        decision = Decision(verdict="allow") if frame.method == _PING else at.policy.decide_server_request(frame.method)
        reason = ""
        if decision.verdict == "deny" and not at.dry_run:
            reason = decision.code
        elif frame.request_id in at.asked:
            reason = "id-in-flight"
        elif len(at.asked) >= at.limits.in_flight:
            reason = "in-flight-limit"
        if not reason:
            at.asked[frame.request_id] = frame.method
            at.to_client.put(frame.line)
            return
        self._note(
            FrameRecord(
                event="server-request-refused",
                direction="s2c",
                reason=reason,
                message=frame.method[:200],
                digest=_digest(frame.line),
            )
        )
        if reason != "id-in-flight":
            at.to_server.put(replies.request_refused(frame.request_id, "the client does not permit this", reason))

    def _pollution(self, error: FrameError, line: bytes) -> None:
        """Keep what is no frame from the client; where it was to be an answer, the client is not left waiting."""
        at = self._at
        note = FrameRecord(
            event="frame-refused",
            direction="s2c",
            reason=error.reason,
            message=error.message[:300],
            digest=_digest(line),
        )
        self._note(note)
        frame_id = _meant_for(line)
        pending = at.waiting.pop(frame_id, None) if frame_id is not None else None
        if pending is not None and not pending.answered and frame_id is not None:
            text = f"the server's answer was refused: {error.message}"[:300]
            at.to_client.put(replies.error_line(frame_id, _INTERNAL_ERROR, text, error.reason))
            self._ended(pending, "error", code="E_FRAME_REFUSED", reason=error.reason)

    def _ended(
        self, pending: Pending, outcome: str, *, code: str = "", reason: str = "", size: int = 0,
        result_json: bytes | None = None,
    ) -> None:  # fmt: skip
        if pending.call is None:
            return
        at = self._at
        record = OutcomeRecord(
            tool=pending.call.tool,
            call_id=pending.call_id,
            outcome=outcome,  # type: ignore[arg-type]  # one of its words, above
            code=code,
            reason=reason,
            duration_ms=(at.now() - pending.sent_s) * 1000,
            response_bytes=size,
            result_json=result_json,
        )
        self._records.append(record)

    def _note(self, record: FrameRecord) -> None:
        self._records.append(record)
        if self._at.verbose:
            self._at.say(f"{record.event}: {record.reason} {record.message}".rstrip())


class _Head(msgspec.Struct):
    id: str | int


_head_of = msgspec.json.Decoder(_Head).decode


def _meant_for(line: bytes) -> str | int | None:
    """Guess the id of an answer that cannot be taken; good enough to stop waiting for it."""
    try:
        return _head_of(line).id
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def _digest(line: bytes) -> str:
    return "sha256:" + digest_hex(line.rstrip(b"\r\n"))
