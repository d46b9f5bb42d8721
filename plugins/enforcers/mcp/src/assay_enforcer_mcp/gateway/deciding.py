"""The way from the client to the server: what is refused, what is forwarded, and what is recorded first."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import uuid4

from assay_core.canonical import digest_hex
from assay_core.model import Decision, JsonValue, ToolCall
from assay_enforcer_mcp.gateway import replies
from assay_enforcer_mcp.gateway.announcements import Announcements
from assay_enforcer_mcp.gateway.connection import Connection, Pending
from assay_enforcer_mcp.gateway.obligations import Met, Obligations
from assay_enforcer_mcp.log.records import DecisionRecord, FrameRecord, Record
from assay_enforcer_mcp.wire.frames import (
    TOOLS_CALL,
    TOOLS_LIST,
    Frame,
    FrameError,
    is_modern,
    raw_arguments,
    read_frame,
)
from assay_enforcer_mcp.wire.lines import Oversized

__all__ = ["ClientSide"]


class _Step(NamedTuple):
    """What becomes of one line."""

    forward: bytes | None = None
    reply: bytes | None = None
    record: Record | None = None
    frame: Frame | None = None
    pending: Pending | None = None  # to wait for, once the line is forwarded
    commit: Callable[[], None] | None = None  # moves the session on, once the record is in the log


class ClientSide:
    """Decides what a client sends. Every method is called under the connection's lock."""

    def __init__(self, connection: Connection, obligations: Obligations, announcements: Announcements) -> None:
        self._at = connection
        self._announcements = announcements
        self.obligations = obligations

    def take(self, lines: Sequence[bytes | Oversized]) -> int:
        """Decide lines in their order, record, then put out what follows; return how many were taken.

        Fewer than all are taken where the next one has to wait for the server to list its tools.
        """
        at = self._at
        before = at.session.fork() if len(lines) > 1 else None
        steps: list[_Step] = []
        for line in lines:
            step = self._step(line)
            if step is None:
                break
            steps.append(step)
            if before is not None and step.commit is not None:
                step.commit()  # the lines behind it are decided after it
        records = [step.record for step in steps if step.record is not None]
        if records and not at.write(records):
            at.session = before or at.session
            steps = [self._unrecorded(step) for step in steps]
        elif before is None and steps and steps[0].commit is not None:
            steps[0].commit()
        for step in steps:
            if step.forward is not None:
                at.to_server.put(step.forward)
            elif step.pending is not None and step.frame is not None:
                at.waiting.pop(step.frame.request_id, None)
            if step.reply is not None:
                at.to_client.put(step.reply)
            if step.forward is not None and step.frame is not None:
                self._announcements.after(step.frame)
        if len(steps) < len(lines):
            self._announcements.begin()
        return len(steps)

    def _step(self, line: bytes | Oversized) -> _Step | None:
        """Decide one line; None: not before the server's tools are known."""
        at = self._at
        if isinstance(line, Oversized):
            return self._refused(FrameError("oversized", "the line is longer than the limit"), line.head)
        if not line.strip():
            return _Step(forward=line)  # a blank line means nothing to anybody
        try:
            frame = read_frame(line, max_depth=at.limits.depth)
        except FrameError as error:
            return self._refused(error, line)
        if self._announcements.holds(frame):
            return None
        if frame.kind == "response":
            return self._response(frame)
        if frame.kind == "notification":
            return _Step(forward=line, frame=frame)
        return self._request(frame)

    def _request(self, frame: Frame) -> _Step:
        at = self._at
        frame_id = frame.request_id
        if frame_id in at.waiting or len(at.waiting) >= at.limits.in_flight:
            reason = "id-in-flight" if frame_id in at.waiting else "in-flight-limit"
            # Nothing is answered: the client would take the answer for that of the request that is on its way.
            record = FrameRecord(event="frame-refused", direction="c2s", reason=reason, digest=_digest(frame.line))
            return _Step(record=record)
        at.requests += 1
        most = at.policy.form.max_requests_total
        if most is not None and at.requests > most and not at.dry_run:
            return self._too_many(frame)
        if frame.method == TOOLS_CALL:
            return self._call(frame)
        pending = Pending(method=frame.method, modern=is_modern(frame), sent_s=at.now())
        if frame.method == TOOLS_LIST and isinstance(frame.params, dict):
            pending.first_page = frame.params.get("cursor") is None
        at.waiting[frame_id] = pending
        return _Step(forward=frame.line, frame=frame, pending=pending)

    def _call(self, frame: Frame) -> _Step:
        """Decide one `tools/call`: the policy first, then what the policy obliges us to."""
        at = self._at
        params: dict[str, JsonValue] = frame.params  # type: ignore[assignment]  # checked by read_frame
        name: str = params["name"]  # type: ignore[assignment]  # likewise
        now = at.now()
        call = ToolCall(
            index=at.calls, tool=name, args_json=raw_arguments(frame), server=at.server_id, ts_ms=now * 1000
        )
        at.calls += 1
        decision = at.policy.decide(call, at.session, now * 1000)
        if decision.code != "E_TOOL_CONFUSABLE":  # identity comes before all else that is decided
            decision = self._announcements.refusal(name) or decision
        met = Met(call=call, line=frame.line)
        if decision.verdict != "deny" and (decision.obligations or self.obligations.always):
            met = self.obligations.meet(frame, call, decision)
            decision = met.decision or decision
        denied = decision.verdict == "deny" and not at.dry_run
        carried_out = decision if not at.dry_run else _let_through(decision)
        commit = functools.partial(at.session.commit, met.call, carried_out, now * 1000)
        pending = Pending(
            method=TOOLS_CALL, call=met.call, modern=is_modern(frame), sent_s=now, call_id=_call_id(frame)
        )
        record = self._record(frame, met, decision, pending.call_id)
        if denied:
            reply = replies.call_refused(frame.id, name, decision, modern=pending.modern)
            return _Step(reply=reply, record=record, frame=frame, commit=commit)
        at.waiting[frame.request_id] = pending
        limit_s = at.policy.timeout_s(name)
        if limit_s is not None:
            heapq.heappush(at.deadlines, (now + limit_s, at.calls, frame.request_id, pending))
        return _Step(forward=met.line, record=record, frame=frame, pending=pending, commit=commit)

    def _record(self, frame: Frame, met: Met, decision: Decision, call_id: str) -> DecisionRecord:
        at = self._at
        deny = decision.verdict == "deny"
        return DecisionRecord(
            tool=met.call.tool,
            decision="deny" if deny and not at.dry_run else "allow",
            code=decision.code,
            rule=decision.rule,
            reason=decision.reason,
            would_deny=deny and at.dry_run,
            call_id=call_id,
            request_id=frame.id,
            args_json=met.call.args_json,
            line_digest=_digest(frame.line),
            forwarded_digest=_digest(met.line) if met.line is not frame.line else "",
            tool_classes=tuple(at.policy.form.tool_classes.get(met.call.tool, ())),
            obligations=met.outcomes,
            detail=met.detail,
        )

    def _too_many(self, frame: Frame) -> _Step:
        at = self._at
        text = f"more than {at.policy.form.max_requests_total} requests"
        if frame.method == TOOLS_CALL:
            decision = Decision(verdict="deny", code="E_RATE_LIMIT", rule="limits.max_requests_total", reason=text)
            name = str(frame.params["name"])  # type: ignore[index,call-overload]  # checked by read_frame
            call = ToolCall(index=at.calls, tool=name, args_json=raw_arguments(frame), server=at.server_id)
            record = self._record(frame, Met(call=call, line=frame.line), decision, _call_id(frame))
            return _Step(reply=replies.call_refused(frame.id, name, decision, modern=is_modern(frame)), record=record)
        note = FrameRecord(event="request-refused", direction="c2s", reason="rate-limit", digest=_digest(frame.line))
        return _Step(reply=replies.request_refused(frame.request_id, "too many requests", "rate-limit"), record=note)

    def _response(self, frame: Frame) -> _Step:
        """Let through only what the server asked for."""
        if self._at.asked.pop(frame.request_id, None) is None:
            record = FrameRecord(
                event="response-unmatched", direction="c2s", reason="nobody-asked", digest=_digest(frame.line)
            )
            return _Step(record=record)
        return _Step(forward=frame.line)

    def _refused(self, error: FrameError, line: bytes) -> _Step:
        record = FrameRecord(
            event="frame-refused",
            direction="c2s",
            reason=error.reason,
            message=error.message[:300],
            digest=_digest(line),
        )
        if self._at.verbose:
            self._at.say(f"refused a line of the client: {error.message}")
        if error.reason == "call-without-id" or (error.answerable is not None and error.answerable in self._at.waiting):
            return _Step(record=record)
        return _Step(reply=replies.frame_refused(error), record=record)

    def _unrecorded(self, step: _Step) -> _Step:
        """Return what becomes of a line whose record is not in the log: a call is refused, all else stays."""
        if step.forward is None or not isinstance(step.record, DecisionRecord) or step.frame is None:
            return step
        decision = Decision(verdict="deny", code="E_LOG_UNWRITABLE", reason="the decision log cannot be written")
        reply = replies.call_refused(step.frame.id, step.record.tool, decision, modern=is_modern(step.frame))
        return step._replace(forward=None, reply=reply)


def _let_through(decision: Decision) -> Decision:
    """Return the decision as --dry-run carries it out: what would be denied runs, and counts as run."""
    if decision.verdict != "deny":
        return decision
    return Decision(
        verdict="warn", code=decision.code, rule=decision.rule, reason=decision.reason, violations=decision.violations
    )


def _call_id(frame: Frame) -> str:
    """Return the id a call is recorded under: the agent's own, else one made from the request's id.

    Source:
        spec/mcp-wrap.md §4.2.
    """
    params = frame.params
    arguments = params.get("arguments") if isinstance(params, dict) else None
    meta = arguments.get("_meta") if isinstance(arguments, dict) else None
    own = meta.get("tool_call_id") if isinstance(meta, dict) else None
    if isinstance(own, str) and own:
        return own[:200]
    return f"req_{frame.id}"[:200] if frame.id is not None else f"gen_{uuid4()}"


def _digest(line: bytes) -> str:
    return "sha256:" + digest_hex(line.rstrip(b"\r\n"))
