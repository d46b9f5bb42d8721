"""One session: which answer belongs to which request, and what the agent did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import CallOutcome, Episode, JsonValue, SourcePlace, ToolCall
from assay_core.trace import (
    Members,
    RecordError,
    call_outcome,
    error_text,
    split_members,
    take_text,
    value_of,
)
from assay_importer_mcp.listings import Listings
from assay_importer_mcp.messages import Key, Message, Sender
from assay_importer_mcp.protocol import known_method, refuse_twins, refuse_variant
from assay_importer_mcp.redaction import redacted

__all__ = ["SESSION_PROMPT", "Session"]

SESSION_PROMPT = "<mcp:session>"
_NO_RESPONSE = "timeout/no_response"
_Kind: TypeAlias = Literal["initialize", "list", "page", "call", "other"]

# What a server asks of a client, with the members by which one knows the answer.
_OF_SERVERS = {"roots/list": ("roots",), "sampling/createMessage": ("role", "model"), "elicitation/create": ("action",)}
_KINDS: dict[str, _Kind] = {"initialize": "initialize", "tools/list": "list", "tools/call": "call"}
_MAX_NOTES = 20
_encode = msgspec.json.encode


class _Request(NamedTuple):
    """A request other than a call that waits for its answer."""

    kind: _Kind
    method: str


class _Asked(msgspec.Struct, gc=False):
    """A call that waits for its answer. It becomes a `ToolCall` when that is known."""

    index: int
    tool: str
    args_json: bytes | None
    ts_ms: float | None
    server: str | None
    key: Key | None
    call_id: str | None
    line: int
    extra_json: bytes = b"{}"
    error: str | None = None

    def answered(
        self, outcome: CallOutcome, result_json: bytes | None, error: str | None, ts_ms: float | None
    ) -> ToolCall:
        """Return the call with its answer, which came at this time."""
        duration = None
        if ts_ms is not None and self.ts_ms is not None and ts_ms >= self.ts_ms:
            duration = round(ts_ms - self.ts_ms)
        return ToolCall(
            index=self.index, tool=self.tool, args_json=self.args_json, result_json=result_json, error=error,
            outcome=outcome, ts_ms=_rounded(self.ts_ms), duration_ms=duration, server=self.server,
            call_id=self.call_id, line=self.line, extra_json=self.extra_json,
        )  # fmt: skip


class Session:
    """The messages between one client and one server, and the episode they make."""

    def __init__(self, episode_id: str, file: str, line: int, report: ImportReport) -> None:
        self.id = episode_id
        self.discovery: dict[str, JsonValue] = {}
        self._place = SourcePlace(file, line)
        self._report = report
        self._calls: list[ToolCall | _Asked] = []
        self._listings = Listings()
        self._of_client: dict[Key, _Asked | _Request] = {}
        self._of_server: dict[Key, _Request] = {}
        self._used: set[Key] = set()  # ids of calls
        self._mcp: dict[str, JsonValue] = {}
        self._server: str | None = None
        self._response: bytes | None = None
        self._times: list[float] = []  # the first and the last
        self._begun = False
        self._answers: dict[_Kind, Callable[[_Request, Message], None]] = {
            "initialize": self._initialized, "list": self._listed, "page": self._listed,
        }  # fmt: skip

    def begins_anew(self, message: Message) -> bool:
        """Tell whether the message opens another session."""
        return message.method == "initialize" and message.sender != "server" and self._begun

    def add(self, message: Message) -> None:
        """Take the next message.

        Raises:
            RecordError: it cannot be told what it means: an id that is taken, parameters without a tool.
        """
        self._see(message.ts_ms)
        if message.method is not None:
            refuse_variant(message.method)
        if message.method is None:
            self._take_response(message)
        elif message.key is None and message.method != "tools/call":
            self._take_notification(message)
        else:
            self._take_request(message, message.method)

    def add_call(self, key: Key, tool: str, args: bytes | None, line: int, ts_ms: float | None) -> bool:
        """Take a call that has nothing but id, tool and arguments; False where `add` has to look at it."""
        if key in self._used or key in self._of_client or not tool or tool.isspace():
            return False
        self._see(ts_ms)
        self._begun = True
        asked = _Asked(len(self._calls), tool, args, ts_ms, self._server, key, self._call_id(key), line)
        self._used.add(key)
        self._of_client[key] = asked
        self._calls.append(asked)
        return True

    def add_result(self, key: Key, value: JsonValue, result_json: bytes, ts_ms: float | None, *, sure: bool) -> bool:
        """Take the result of a call; False where `add` has to look. `sure` where it is known to be the server's."""
        asked = self._of_client.get(key)
        if type(asked) is not _Asked or type(value) is not dict or (self._of_server and not sure):
            return False
        self._see(ts_ms)
        del self._of_client[key]
        error = _text_of(value.get("content")) if value.get("isError") is True else None
        outcome: CallOutcome = call_outcome(value, error)
        self._calls[asked.index] = asked.answered(outcome, result_json, error, ts_ms)
        self._response = result_json
        return True

    def build(self) -> Episode:
        """Return the episode; calls that nobody answered say so."""
        for pending in self._of_client.values():
            if isinstance(pending, _Request):
                self._report.drop(f"{known_method(pending.method)} request without a response")
        calls = tuple([each if isinstance(each, ToolCall) else _unanswered(each) for each in self._calls])
        self._listings.close()
        return Episode(
            id=self.id, prompt=SESSION_PROMPT, response=None if self._response is None else self._response.decode(),
            events=calls, tool_definitions=self._listings.definitions(self._server), source=self._place,
            extra_json=self._extra(),
        )  # fmt: skip

    # -- requests ------------------------------------------------------------------------------------------------

    def _take_request(self, message: Message, method: str) -> None:
        sender: Sender | None = message.sender
        if sender is None:
            sender = "server" if method in _OF_SERVERS else "client"
        if sender == "server":
            self._report.drop(f"{known_method(method)} request of the server")
            if message.key is not None:
                self._of_server[message.key] = _Request("other", method)
            return
        kind = _KINDS.get(method, "other")
        self._begun = self._begun or kind != "other"
        if kind == "call":
            self._call(message)
            return
        if kind == "initialize":
            self._mcp |= _named(message.params, "clientInfo", "client")
        elif kind == "list":
            kind = "page" if _params(message).get("cursor") else "list"
        else:
            self._report.drop(f"{known_method(method)} request")
        if message.key is not None:
            if isinstance(self._of_client.get(message.key), _Asked):
                raise _taken(message.key)
            self._of_client[message.key] = _Request(kind, method)

    def _call(self, message: Message) -> None:
        key = message.key
        if key is not None and key in self._used:
            raise RecordError(f"the id {key!r} stands for two calls")
        if key is not None and key in self._of_client:
            raise _taken(key)
        params = _params(message)
        tool = take_text(params, "name")
        if not tool or tool.isspace():
            raise RecordError("the call names no tool")
        arguments = params.pop("arguments", None)
        if params:
            refuse_twins(params, tool, arguments)
        args = None if arguments is None or bytes(arguments) == b"null" else bytes(arguments)
        call_id = None if key is None else self._call_id(key)
        asked = _Asked(len(self._calls), tool, args, message.ts_ms, self._server, key, call_id, message.line)
        if further := self._further(params):
            asked.extra_json = _encode({"mcp": {"params": redacted(further)}})
        if key is not None:
            self._used.add(key)
            self._of_client[key] = asked
        self._calls.append(asked)

    def _call_id(self, key: Key) -> str:
        """Return an id as a text that no other call of the session has."""
        if isinstance(key, str):
            digits = key.isascii() and key.isdigit() and len(key) < 20
            return f'"{key}"' if digits and int(key) in self._used else key
        text = str(key)
        return f"{text} (number)" if text in self._used else text

    def _further(self, params: Members) -> dict[str, JsonValue]:
        """Return the parameters beside tool and arguments, without the token that only the transport needs."""
        further = {name: value_of(raw) for name, raw in params.items()}
        meta = further.get("_meta")
        if isinstance(meta, dict) and "progressToken" in meta:
            self._report.drop("progress token")
            further["_meta"] = {name: value for name, value in meta.items() if name != "progressToken"}
            if not further["_meta"]:
                del further["_meta"]
        return further

    # -- answers -------------------------------------------------------------------------------------------------

    def _take_response(self, message: Message) -> None:
        pending = self._waiting_for(message)
        if pending is None:
            self._report.drop("response without a request")
            if len(self._report.notes) < _MAX_NOTES:
                shown = "without an id" if message.key is None else f"to {message.key!r}"[:80]
                self._report.notes.append(f"line {message.line}: a response {shown} belongs to no request")
            return
        if isinstance(pending, _Asked):
            self._answered(pending, message)
            return
        handler = self._answers.get(pending.kind)
        if handler is None:
            self._report.drop(f"{known_method(pending.method)} response")
        elif message.result is None:
            self._report.drop(f"{known_method(pending.method)} error")
        else:
            handler(pending, message)

    def _waiting_for(self, message: Message) -> _Asked | _Request | None:
        """Return and forget the request that a response answers. Ids of client and server are counted apart."""
        key = message.key
        if key is None:
            return None
        ours, theirs = self._of_client, self._of_server
        if message.sender is not None:
            return (ours if message.sender == "server" else theirs).pop(key, None)
        asked = theirs.get(key)
        if asked is not None and (key not in ours or _answers(asked.method, message)):
            return theirs.pop(key)
        return ours.pop(key, None)

    def _initialized(self, _: _Request, message: Message) -> None:
        self._mcp |= _named(message.result, "serverInfo", "server")
        members = _members(message.result)
        version = value_of(members.get("protocolVersion"))
        if isinstance(version, str):
            self._mcp["protocol_version"] = version
        server = self._mcp.get("server")
        if isinstance(server, dict) and isinstance(name := server.get("name"), str) and name:
            self._server = name

    def _listed(self, pending: _Request, message: Message) -> None:
        self._listings.add(_members(message.result), self._report, continues=pending.kind == "page")

    def _answered(self, asked: _Asked, message: Message) -> None:
        value, error = value_of(message.result), None
        if message.error is not None:
            failure = value_of(message.error)
            error = error_text(failure) or "error"
            kept = value_of(asked.extra_json)
            kept = _object(kept.get("mcp")) if isinstance(kept, dict) else {}
            asked.extra_json = _encode({"mcp": {**kept, "error": redacted(failure)}})
        elif isinstance(value, dict) and value.get("isError") is True:
            error = _text_of(value.get("content"))
        outcome: CallOutcome = "ok" if value is None and error is None else call_outcome(value, error)
        result = None if value is None or message.result is None else bytes(message.result)
        self._calls[asked.index] = asked.answered(outcome, result, error, message.ts_ms)
        self._response = bytes(message.error or message.result or b"null")

    # -- the rest ------------------------------------------------------------------------------------------------

    def _take_notification(self, message: Message) -> None:
        if message.method == "notifications/cancelled" and message.sender != "server":
            params = _params(message)
            value = value_of(params.get("requestId"))
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                asked = self._of_client.get(value)
                if isinstance(asked, _Asked):
                    reason = value_of(params.get("reason"))
                    asked.error = f"cancelled: {reason}" if isinstance(reason, str) and reason else "cancelled"
                    return
        self._report.drop(f"{known_method(message.method or '')} notification")

    def _see(self, ts_ms: float | None) -> None:
        self._report.records += 1
        if ts_ms is not None:
            if self._times:
                self._times[1] = ts_ms
            else:
                self._times = [ts_ms, ts_ms]

    def _extra(self) -> bytes:
        meta: dict[str, JsonValue | msgspec.Raw] = {"source": "mcp_import", "episode_id": self.id}
        if self.discovery:
            self._mcp["authorization_discovery"] = self.discovery
        if self._mcp:
            meta["mcp"] = self._mcp
        if len(self._listings.snapshots) > 1:
            lists = [b"[" + b",".join(each) + b"]" for each in self._listings.snapshots]
            meta["tool_definition_snapshots"] = msgspec.Raw(b"[" + b",".join(lists) + b"]")
        extra: dict[str, object] = {"meta": meta}
        if self._times:
            extra |= {"timestamp": _rounded(self._times[0]), "end_timestamp": _rounded(self._times[1])}
        return _encode(extra)


def _unanswered(asked: _Asked) -> ToolCall:
    if asked.key is None:  # asked without an id, so that nobody could answer
        return asked.answered("unknown", None, None, None)
    return asked.answered("no_response", None, asked.error or _NO_RESPONSE, None)


def _taken(key: Key) -> RecordError:
    return RecordError(f"the id {key!r} belongs to another request that still waits for its answer")


def _params(message: Message) -> Members:
    return _members(message.params)


def _members(raw: msgspec.Raw | None) -> Members:
    """Return the members of an object; none where there is nothing.

    Raises:
        RecordError: it is something else.
    """
    if raw is None or bytes(raw) == b"null":
        return {}
    try:
        return split_members(raw)
    except msgspec.MsgspecError as error:
        raise RecordError("the parameters or the result are not an object") from error


def _named(raw: msgspec.Raw | None, member: str, name: str) -> dict[str, JsonValue]:
    """Return name and version of an `Implementation`, under `name`."""
    found = value_of(_members(raw).get(member))
    if not isinstance(found, dict):
        return {}
    return {name: {key: found[key] for key in ("name", "version") if isinstance(found.get(key), str)}}


def _answers(method: str, message: Message) -> bool:
    """Tell by its form whether a response answers what the server asked."""
    if message.result is None:
        return False
    members = _members(message.result)
    return all(name in members for name in _OF_SERVERS.get(method, ("",)))


def _text_of(content: JsonValue) -> str | None:
    """Return the text of a result's content."""
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]
    return "\n".join(texts) or None


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _rounded(time_ms: float | None) -> float | None:
    return None if time_ms is None else round(time_ms)
