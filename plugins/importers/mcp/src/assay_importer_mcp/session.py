"""One session: which answer belongs to which request, and what the agent did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import Episode, JsonValue, SourcePlace, ToolCall
from assay_core.trace import Members, RecordError, call_outcome, error_text, split_members, take_text, value_of
from assay_importer_mcp.listings import Listings
from assay_importer_mcp.messages import Key, Message, Sender, key_text
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


class _Pending:
    """A request that waits for its answer."""

    __slots__ = ("event", "kind", "method", "ts_ms")

    def __init__(self, kind: _Kind, method: str, event: int, ts_ms: float | None) -> None:
        self.kind = kind
        self.method = method
        self.event = event  # the position of a call
        self.ts_ms = ts_ms


class Session:
    """The messages between one client and one server, and the episode they make."""

    def __init__(self, episode_id: str, file: str, line: int, report: ImportReport) -> None:
        self.id = episode_id
        self.discovery: dict[str, JsonValue] = {}
        self._place = SourcePlace(file, line)
        self._report = report
        self._calls: list[ToolCall] = []
        self._listings = Listings()
        self._of_client: dict[Key, _Pending] = {}
        self._of_server: dict[Key, _Pending] = {}
        self._used: set[Key] = set()  # ids of calls
        self._names: set[str] = set()
        self._mcp: dict[str, JsonValue] = {}
        self._server: str | None = None
        self._response: bytes | None = None
        self._times: list[float] = []  # the first and the last
        self._begun = False
        self._answers: dict[_Kind, Callable[[_Pending, Message], None]] = {
            "initialize": self._initialized, "list": self._listed, "page": self._listed, "call": self._answered,
        }  # fmt: skip

    def begins_anew(self, message: Message) -> bool:
        """Tell whether the message opens another session."""
        return message.method == "initialize" and message.sender != "server" and self._begun

    def add(self, message: Message) -> None:
        """Take the next message.

        Raises:
            RecordError: it cannot be told what it means: an id that is taken, parameters without a tool.
        """
        self._report.records += 1
        if message.ts_ms is not None:
            self._times = [self._times[0] if self._times else message.ts_ms, message.ts_ms]
        if message.method is None:
            self._take_response(message)
        elif message.key is None and message.method != "tools/call":
            self._take_notification(message)
        else:
            self._take_request(message, message.method)

    def build(self) -> Episode:
        """Return the episode; calls that nobody answered say so."""
        for pending in self._of_client.values():
            if pending.kind == "call":
                call = self._calls[pending.event]
                error = _NO_RESPONSE if call.error is None else call.error
                self._calls[pending.event] = msgspec.structs.replace(call, error=error, outcome="no_response")
            else:
                self._report.drop(f"{_known(pending.method)} request without a response")
        self._listings.close()
        return Episode(
            id=self.id, prompt=SESSION_PROMPT, response=None if self._response is None else self._response.decode(),
            events=tuple(self._calls), tool_definitions=self._listings.definitions(self._server), source=self._place,
            extra_json=self._extra(),
        )  # fmt: skip

    # -- requests ------------------------------------------------------------------------------------------------

    def _take_request(self, message: Message, method: str) -> None:
        sender: Sender | None = message.sender
        if sender is None:
            sender = "server" if method in _OF_SERVERS else "client"
        if sender == "server":
            self._report.drop(f"{_known(method)} request of the server")
            if message.key is not None:
                self._of_server[message.key] = _Pending("other", method, 0, message.ts_ms)
            return
        kind = _KINDS.get(method, "other")
        self._begun = self._begun or kind != "other"
        event = 0
        if kind == "call":
            event = self._call(message)
        elif kind == "initialize":
            self._mcp |= _named(message.params, "clientInfo", "client")
        elif kind == "list":
            kind = "page" if _params(message).get("cursor") else "list"
        else:
            self._report.drop(f"{_known(method)} request")
        if message.key is None:
            return
        earlier = self._of_client.get(message.key)
        if earlier is not None and "call" in (kind, earlier.kind):
            raise RecordError(f"the id {message.key[1]!r} belongs to another request that still waits for its answer")
        self._of_client[message.key] = _Pending(kind, method, event, message.ts_ms)

    def _call(self, message: Message) -> int:
        """Add a call; return its position."""
        key = message.key
        if key is not None and key in self._used:
            raise RecordError(f"the id {key[1]!r} stands for two calls")
        params = _params(message)
        tool = take_text(params, "name")
        if not tool or tool.isspace():
            raise RecordError("the call names no tool")
        arguments = params.pop("arguments", None)
        args = None if arguments is None or bytes(arguments) == b"null" else bytes(arguments)
        kept: dict[str, JsonValue] = {}
        if further := self._further(params):
            kept["params"] = redacted(further)
        call_id = None
        if key is not None:
            self._used.add(key)
            call_id = key_text(key)
            if call_id in self._names:  # "1" and 1 are two ids
                call_id = f'"{call_id}"' if key[0] else f"{call_id} (number)"
            self._names.add(call_id)
        call = ToolCall(
            index=len(self._calls), tool=tool, args_json=args,
            ts_ms=_rounded(message.ts_ms), server=self._server, call_id=call_id, line=message.line,
        )  # fmt: skip
        if kept:
            call = msgspec.structs.replace(call, extra_json=_encode({"mcp": kept}))
        self._calls.append(call)
        return call.index

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
                shown = "without an id" if message.key is None else f"to {message.key[1]!r}"[:80]
                self._report.notes.append(f"line {message.line}: a response {shown} belongs to no request")
            return
        handler = self._answers.get(pending.kind)
        if handler is None:
            self._report.drop(f"{_known(pending.method)} response")
        elif message.result is None and pending.kind != "call":
            self._report.drop(f"{_known(pending.method)} error")
        else:
            handler(pending, message)

    def _waiting_for(self, message: Message) -> _Pending | None:
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

    def _initialized(self, _: _Pending, message: Message) -> None:
        self._mcp |= _named(message.result, "serverInfo", "server")
        members = _members(message.result)
        version = value_of(members.get("protocolVersion"))
        if isinstance(version, str):
            self._mcp["protocol_version"] = version
        server = self._mcp.get("server")
        if isinstance(server, dict) and isinstance(name := server.get("name"), str) and name:
            self._server = name

    def _listed(self, pending: _Pending, message: Message) -> None:
        self._listings.add(_members(message.result), self._report, continues=pending.kind == "page")

    def _answered(self, pending: _Pending, message: Message) -> None:
        call = self._calls[pending.event]
        result = message.result
        value = value_of(result)
        error, extra_json = None, call.extra_json
        if message.error is not None:
            failure = value_of(message.error)
            error = error_text(failure) or "error"
            kept = _object(call.extra.get("mcp"))
            extra_json = _encode({"mcp": {**kept, "error": redacted(failure)}})
        elif isinstance(value, dict) and value.get("isError") is True:
            error = _text_of(value.get("content"))
        duration = None
        if message.ts_ms is not None and pending.ts_ms is not None and message.ts_ms >= pending.ts_ms:
            duration = _rounded(message.ts_ms - pending.ts_ms)
        self._calls[pending.event] = msgspec.structs.replace(
            call, result_json=None if value is None else bytes(result or b""), error=error,
            outcome="ok" if value is None and error is None else call_outcome(value, error), duration_ms=duration,
            extra_json=extra_json,
        )  # fmt: skip
        self._response = bytes(message.error or result or b"null")

    # -- the rest ------------------------------------------------------------------------------------------------

    def _take_notification(self, message: Message) -> None:
        if message.method == "notifications/cancelled" and message.sender != "server":
            params = _params(message)
            value = value_of(params.get("requestId"))
            if isinstance(value, (str, int, float)) and not isinstance(value, bool):
                pending = self._of_client.get((isinstance(value, str), value))
                if pending is not None and pending.kind == "call":
                    reason = value_of(params.get("reason"))
                    text = f"cancelled: {reason}" if isinstance(reason, str) and reason else "cancelled"
                    call = self._calls[pending.event]
                    self._calls[pending.event] = msgspec.structs.replace(call, error=text)
                    return
        self._report.drop(f"{_known(message.method or '')} notification")

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


def _known(method: str) -> str:
    """Return a method's name for the report; names outside the protocol are one."""
    return method if method in _METHODS else "other"


def _rounded(time_ms: float | None) -> float | None:
    return None if time_ms is None else round(time_ms)


_METHODS = frozenset({
    "initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read",
    "resources/subscribe", "resources/unsubscribe", "prompts/list", "prompts/get", "completion/complete",
    "logging/setLevel", "roots/list", "sampling/createMessage", "elicitation/create", "tasks/get", "tasks/list",
    "tasks/result", "tasks/cancel", "notifications/initialized", "notifications/cancelled", "notifications/progress",
    "notifications/message", "notifications/roots/list_changed", "notifications/tools/list_changed",
    "notifications/prompts/list_changed", "notifications/resources/list_changed", "notifications/resources/updated",
    "notifications/elicitation/complete", "notifications/tasks/status",
})  # fmt: skip
