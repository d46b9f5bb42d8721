"""What the gateway itself says to a client or a server."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from assay_core.model import Decision, JsonValue, Violation
from assay_enforcer_mcp.wire.frames import FrameError, FrameId

__all__ = ["call_refused", "cancelled", "error_line", "frame_refused", "request_refused"]

_encode = msgspec.json.Encoder().encode
_INVALID_REQUEST = -32600
_PARSE_ERROR = -32700
_REFUSED = -31999  # of assay: never a code of the server behind it
_MAX_NAME = 120

# What an agent can do about a refusal; nothing of what the policy says.
_ADVICE = {
    "E_TOOL_DENIED": "The tool {tool} is not permitted here. Do not call it again; use another tool or ask the user.",
    "E_TOOL_NOT_ALLOWED": "The tool {tool} is not permitted here. Use one of the listed tools or ask the user.",
    "E_TOOL_CONFUSABLE": "The tool name {tool} has unusual characters. Call the tool by the name that was listed.",
    "E_TOOL_DRIFT": "The tool {tool} is not what was approved, so it is not called. Tell the user.",
    "E_TOOL_UNCONSTRAINED": "The tool {tool} is not set up for use here. Use another tool or ask the user.",
    "E_RATE_LIMIT": "Too many tool calls. Stop calling it for now and continue without it, or ask the user.",
    "E_SEQUENCE_VIOLATION": "The tool {tool} may not be called at this point of the task. Do what must come first.",
    "E_APPROVAL_REQUIRED": "The tool {tool} needs an approval. Ask the user to approve this call.",
    "E_SCOPE_MISMATCH": "The tool {tool} may not be used on this resource. Use a permitted one or ask the user.",
    "E_REDACTION_FAILED": "The arguments of {tool} could not be made safe, so it was not called. Ask the user.",
    "E_RESPONSE_DENIED": "The answer of {tool} was withheld. Do not call it again with the same arguments.",
    "E_TIMEOUT": "The tool {tool} did not answer in time. It may still take effect; check before you call it again.",
    "E_LOG_UNWRITABLE": "The call of {tool} could not be recorded, so it was not made. Tell the user.",
}
_OTHERWISE = "The call of {tool} was refused. Do not repeat it unchanged; ask the user."
_WRONG = {
    "additionalProperties": "has a member that is not permitted",
    "unevaluatedProperties": "has a member that is not permitted",
    "const": "is not the permitted value",
    "enum": "is not one of the permitted values",
    "pattern": "does not have the permitted form",
    "format": "does not have the permitted form",
    "required": "lacks a required member",
    "type": "has the wrong type",
    "maxLength": "is too long",
    "minLength": "is too short",
    "maxItems": "has too many items",
    "minItems": "has too few items",
    "maximum": "is too large",
    "exclusiveMaximum": "is too large",
    "minimum": "is too small",
    "exclusiveMinimum": "is too small",
}


def call_refused(frame_id: FrameId | None, tool: str, decision: Decision, *, modern: bool) -> bytes:
    """Return the result that a refused call gets: an error of the tool, so that the model sees it.

    Source:
        spec/mcp-wrap.md §4.3 for the structured contract. The text is ours: it says what to do, and nothing of the
        policy's rules, patterns or values.
    """
    contract: dict[str, JsonValue] = {"status": "deny", "error_code": decision.code}
    wrong = _wrong_arguments(decision.violations) if decision.code == "E_ARG_SCHEMA" else ()
    if decision.code != "E_RATE_LIMIT":
        contract["tool"] = tool
        if wrong:
            contract["violations"] = [{"path": path, "message": message} for path, message in wrong]
        else:
            contract["reason"] = _advice(decision.code, tool)
    text = _advice(decision.code, tool)
    if wrong:
        listed = "; ".join(f"{path or 'the arguments'} {message}" for path, message in wrong[:10])
        text = f"The arguments of {_named(tool)} are not permitted: {listed}. Correct them, or ask the user."
    result: dict[str, JsonValue] = {
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "structuredContent": contract,
    }
    if modern:
        result["resultType"] = "complete"
    return _line({"jsonrpc": "2.0", "id": frame_id, "result": result})


def frame_refused(error: FrameError) -> bytes:
    """Return the JSON-RPC error for a line that is no frame; its id is null unless the line's own is beyond doubt."""
    code = _PARSE_ERROR if error.reason in ("not-json", "oversized") else _INVALID_REQUEST
    return error_line(error.answerable, code, f"refused: {error.message}"[:300], error.reason)


def request_refused(frame_id: FrameId, message: str, reason: str) -> bytes:
    """Return the JSON-RPC error for a request that is none of a tool and is refused."""
    return error_line(frame_id, _REFUSED, message, reason)


def error_line(frame_id: FrameId | None, code: int, message: str, reason: str) -> bytes:
    """Return a JSON-RPC error that says it comes from assay."""
    error: dict[str, JsonValue] = {"code": code, "message": message, "data": {"origin": "assay", "reason": reason}}
    return _line({"jsonrpc": "2.0", "id": frame_id, "error": error})


def cancelled(frame_id: FrameId, reason: str) -> bytes:
    """Return the notification that tells a server to give up a request."""
    params: dict[str, JsonValue] = {"requestId": frame_id, "reason": reason}
    return _line({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})


def _wrong_arguments(violations: Sequence[Violation]) -> tuple[tuple[str, str], ...]:
    """Return pointer and what is wrong there for each violation, in words that do not quote the schema."""
    found = ((each.pointer, _WRONG.get(each.keyword, "is not permitted")) for each in violations if each.keyword)
    return tuple(dict.fromkeys(found))


def _advice(code: str, tool: str) -> str:
    return _ADVICE.get(code, _OTHERWISE).format(tool=_named(tool))


def _named(tool: str) -> str:
    return ascii(tool if len(tool) <= _MAX_NAME else tool[:_MAX_NAME] + "…")


def _line(message: dict[str, JsonValue]) -> bytes:
    return _encode(message) + b"\n"
