"""What is recorded of a connection, before it becomes bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

__all__ = ["DecisionRecord", "DecisionSink", "FrameRecord", "LogFailure", "OutcomeRecord", "Record"]


class DecisionRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One `tools/call` that was decided."""

    tool: str
    decision: Literal["allow", "deny"]  # what happened: a denial under --dry-run is an allow that `would_deny`
    code: str = ""  # the decision code, "" for a plain allow
    rule: str = ""
    reason: str = ""
    would_deny: bool = False
    call_id: str
    request_id: str | int | None = None
    args_json: bytes | None = None  # written only where the user asked for it
    line_digest: str = ""  # "sha256:…" over the line that came in, without its end
    forwarded_digest: str = ""  # over the line that went out, where it differs from the one that came in
    tool_classes: tuple[str, ...] = ()
    obligations: tuple[dict[str, str], ...] = ()
    detail: dict[str, str] = {}  # further facts by name, e.g. of an approval


class OutcomeRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a forwarded call ended."""

    tool: str
    call_id: str
    outcome: Literal["ok", "error", "denied", "no_response"]
    code: str = ""  # e.g. E_RESPONSE_DENIED, E_TIMEOUT
    reason: str = ""
    duration_ms: float = 0.0
    response_bytes: int = 0
    result_json: bytes | None = None  # written only where the user asked for it


class FrameRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something that was not forwarded, or that happened to the connection, besides decided calls."""

    event: str  # e.g. "frame-refused", "response-unmatched", "policy-reloaded"
    direction: Literal["c2s", "s2c", ""] = ""
    reason: str = ""
    message: str = ""
    digest: str = ""  # "sha256:…" over the line


Record = DecisionRecord | OutcomeRecord | FrameRecord


class LogFailure(Exception):
    """Records could not be written: what they speak of must not happen."""


class DecisionSink(Protocol):
    """Where records go, in their order."""

    def append(self, records: Sequence[Record]) -> None:
        """Write records, all or none.

        Raises:
            LogFailure: none of them is in the log.
        """
