"""JSON-RPC frames, read so strictly that no other reader can take one for something else."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from assay_core.documents.strict_json import StrictJsonDepthError, StrictJsonError, decode_strict
from assay_core.model import JsonValue

__all__ = ["TOOLS_CALL", "TOOLS_LIST", "Frame", "FrameError", "FrameId", "is_modern", "raw_arguments", "read_frame"]

FrameId: TypeAlias = str | int
TOOLS_CALL: Final = "tools/call"
TOOLS_LIST: Final = "tools/list"
MODERN_META: Final = "io.modelcontextprotocol/protocolVersion"  # in params._meta: a stateless request of 2026-07-28

_MEMBERS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})
_CALL_PARAMS = frozenset({"name", "arguments", "_meta", "task", "inputResponses", "requestState"})
_FOLDED_METHODS = {TOOLS_CALL: TOOLS_CALL, TOOLS_LIST: TOOLS_LIST, "initialize": "initialize"}


class FrameError(Exception):
    """A line that is no frame, or that two readers could read differently.

    Attributes:
        reason: One word for logs, e.g. `duplicate-key`.
        message: What is wrong, in a few words; may quote hostile text.
        answerable: The id to answer to where it is beyond doubt, else None.
    """

    def __init__(self, reason: str, message: str, *, answerable: FrameId | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.answerable = answerable


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message. `line` is what was decided and what is forwarded."""

    kind: Literal["request", "notification", "response"]
    line: bytes
    id: FrameId | None
    method: str  # "" for responses
    value: dict[str, JsonValue]  # the whole message, decoded

    @property
    def request_id(self) -> FrameId:
        """The id of a request or response, which both have."""
        if self.id is None:
            raise TypeError("a notification has no id")
        return self.id

    @property
    def params(self) -> JsonValue:
        """The parameters of a request or notification, None where there are none."""
        return self.value.get("params")


class _CallParams(msgspec.Struct):
    arguments: msgspec.Raw = msgspec.Raw(b"")


class _Call(msgspec.Struct):
    params: _CallParams


_decode_call = msgspec.json.Decoder(_Call).decode


def raw_arguments(frame: Frame) -> bytes | None:
    """Return the exact bytes of the arguments of a `tools/call`, None where it has none."""
    found = bytes(_decode_call(frame.line).params.arguments)
    return found or None


def is_modern(frame: Frame) -> bool:
    """Tell whether a request carries the envelope of protocol 2026-07-28."""
    params = frame.params
    meta = params.get("_meta") if isinstance(params, Mapping) else None
    return isinstance(meta, Mapping) and MODERN_META in meta


def read_frame(line: bytes, *, max_depth: int = 128) -> Frame:
    """Read one line.

    Refused besides what strict JSON refuses (duplicate keys at any depth, NaN, lone surrogates, invalid UTF-8, a byte
    order mark, excess depth): a carriage return inside the line, which some readers take for its end; batches; any
    `jsonrpc` but "2.0"; ids that are neither text nor a whole number; members that differ from known ones by their
    case only, which some readers take for them; shapes that are neither request, notification nor response.

    Raises:
        FrameError: always with a reason; never forwarded by the caller.
    """
    text = line[:-1] if line.endswith(b"\n") else line
    if text.endswith(b"\r"):
        text = text[:-1]
    if b"\r" in text:
        raise FrameError("carriage-return", "a raw carriage return, which some readers take for the end of a line")
    try:
        value = decode_strict(text, max_depth=max_depth)
    except StrictJsonError as error:
        raise FrameError(_reason_of(error), str(error)) from error
    if isinstance(value, list):
        raise FrameError("batch", "a batch; each message needs a line of its own")
    if not isinstance(value, dict):
        raise FrameError("not-an-object", "a JSON value that is no object")
    return _classified(line, value)


def _reason_of(error: StrictJsonError) -> str:
    if isinstance(error, StrictJsonDepthError):
        return "depth"
    return "duplicate-key" if "twice" in error.message else "not-json"


def _classified(line: bytes, value: dict[str, JsonValue]) -> Frame:
    if not _MEMBERS.issuperset(value):
        _refuse_near_misses(value, _MEMBERS)
    if value.get("jsonrpc") != "2.0":
        raise FrameError("version", 'the member "jsonrpc" is not "2.0"')
    found = value.get("id")
    if "id" in value and type(found) is not str and type(found) is not int:
        raise FrameError("id", "the id is neither text nor a whole number")
    frame_id: FrameId | None = found  # type: ignore[assignment]  # checked above
    if "method" in value:
        return _asking(line, value, frame_id)
    if "id" not in value or ("result" in value) == ("error" in value) or "params" in value:
        raise FrameError("shape", "neither a request, nor a notification, nor a response")
    if "error" in value and not isinstance(value["error"], dict):
        raise FrameError("shape", "the error of a response is no object", answerable=frame_id)
    return Frame("response", line, frame_id, "", value)


def _asking(line: bytes, value: dict[str, JsonValue], frame_id: FrameId | None) -> Frame:
    method = value["method"]
    if not isinstance(method, str) or "result" in value or "error" in value:
        raise FrameError("shape", "a method that is no text, or a request that is a response as well")
    if method not in _FOLDED_METHODS and _folded(method.strip()) in _FOLDED_METHODS:
        raise FrameError("near-miss", f"the method {method!r} differs from a known one by its spelling only")
    params = value.get("params")
    if "params" in value and not isinstance(params, (dict, list)):
        raise FrameError("shape", "params is neither an object nor a list", answerable=frame_id)
    if "id" not in value:
        if method == TOOLS_CALL:
            raise FrameError("call-without-id", "a tools/call without an id, whose refusal nobody would hear of")
        return Frame("notification", line, None, method, value)
    if method == TOOLS_CALL:
        _check_call(params, frame_id)
    return Frame("request", line, frame_id, method, value)


def _check_call(params: JsonValue, frame_id: FrameId | None) -> None:
    if not isinstance(params, dict):
        raise FrameError("call-params", "the params of tools/call are no object", answerable=frame_id)
    if not _CALL_PARAMS.issuperset(params):
        _refuse_near_misses(params, _CALL_PARAMS)
    if not isinstance(params.get("name"), str):
        raise FrameError("call-name", "tools/call names no tool", answerable=frame_id)
    arguments = params.get("arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise FrameError("call-arguments", "the arguments of tools/call are no object", answerable=frame_id)


def _refuse_near_misses(value: dict[str, JsonValue], known: frozenset[str]) -> None:
    folded = {_folded(name) for name in known}
    for name in value:
        if name not in known and _folded(name) in folded:
            raise FrameError("near-miss", f"the member {name!r} differs from a known one by its spelling only")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
