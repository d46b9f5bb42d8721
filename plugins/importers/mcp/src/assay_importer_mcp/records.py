"""Records that hold messages: lines of a wire log, entries of an Inspector export, entries of HTTP transcripts."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from assay_core.contracts import ImportReport
from assay_core.documents.strict_json import StrictJsonError, decode_strict
from assay_core.model import JsonValue
from assay_core.trace import Members, RecordError, split_members, value_of
from assay_importer_mcp.messages import (
    TIMES,
    Message,
    Sender,
    carries_message,
    count_dropped,
    is_message,
    read_message,
    refuse_carried,
    take_time,
)
from assay_importer_mcp.redaction import authorization_discovery, count_headers

__all__ = ["DIRECTIONS", "PAYLOADS", "RecordReader"]

DIRECTIONS: dict[str, Sender] = {
    "c2s": "client", "client-to-server": "client", "client->server": "client", "sent": "client", "outgoing": "client",
    "s2c": "server", "server-to-client": "server", "server->client": "server", "received": "server",
    "incoming": "server",
}  # fmt: skip
PAYLOADS = ("raw", "message", "msg", "payload", "data")
_DIRECTION_NAMES = ("dir", "direction")
_PARTS = ("request", "response", "sse")
_split_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class RecordReader:
    """Turns the records of one recording into messages, and counts what it leaves out."""

    def __init__(self, report: ImportReport, depth: int) -> None:
        self._report = report
        self._depth = depth
        self.discovery: dict[str, JsonValue] = {}  # of authorisation, merged over all refused requests

    def read(self, raw: bytes | msgspec.Raw, line: int) -> Iterator[Message]:
        """Yield the messages of a line or of an item of an array; a batch of JSON-RPC is several.

        Raises:
            RecordError: it is no object, or a member is not what it should be.
        """
        if bytes(raw[:1] if isinstance(raw, bytes) else raw)[:1] == b"[":
            for each in _split_list(raw):
                yield from self._read_object(each, line, None, None)
        else:
            yield from self._read_object(raw, line, None, None)

    def _read_object(
        self, raw: bytes | msgspec.Raw, line: int, sender: Sender | None, ts_ms: float | None
    ) -> Iterator[Message]:
        try:
            members = split_members(raw)
        except msgspec.MsgspecError as error:
            raise RecordError("the record is not an object") from error
        if "jsonrpc" not in members and any(name in members for name in _DIRECTION_NAMES):
            yield from self._read_directed(members, line)
            return
        message = read_message(members, line, self._report, sender=sender, ts_ms=ts_ms)
        if message is not None:
            yield message

    # -- wire logs and Inspector exports -------------------------------------------------------------------------

    def _read_directed(self, members: Members, line: int) -> Iterator[Message]:
        name = next(name for name in _DIRECTION_NAMES if name in members)
        direction = value_of(members.pop(name))
        ts_ms = take_time(members, TIMES)
        if direction in ("request", "response", "notification"):
            yield from self._read_entry(members, line, str(direction), ts_ms)
            return
        sender = DIRECTIONS.get(direction) if isinstance(direction, str) else None
        if sender is None:
            raise RecordError(f"{name!r} is none of {', '.join(DIRECTIONS)}")
        payload = next((each for each in PAYLOADS if each in members), None)
        if payload is None:
            raise RecordError(f"the record has none of {', '.join(PAYLOADS)}")
        raw = members.pop(payload)
        refuse_carried(members, value_of(raw))
        yield from self._read_payload(raw, line, sender, ts_ms)
        self._count(members, "a wire record")

    def _read_entry(self, members: Members, line: int, direction: str, ts_ms: float | None) -> Iterator[Message]:
        """Read one entry of an export: a message, and the answer that the Inspector laid beside it.

        The answer is matched again by its id: it lies beside the wrong request where both sides used the same id.
        """
        origin = value_of(members.pop("origin", None))
        sender: Sender | None = None
        if origin == "client" or origin == "server":
            sender = origin
        elif direction == "response":
            sender = "server"  # exports without an origin hold no answers of the client
        message, answer = members.pop("message", None), members.pop("response", None)
        duration = value_of(members.pop("duration", None))
        members.pop("id", None)
        if message is None:
            raise RecordError("the entry has no 'message'")
        refuse_carried(members, value_of(message))
        yield from self._read_object(message, line, sender, ts_ms)
        if answer is not None and bytes(answer) != b"null":
            known = isinstance(duration, (int, float)) and not isinstance(duration, bool)
            answered = ts_ms + duration if known and ts_ms is not None else None  # type: ignore[operator]  # a number
            yield from self._read_object(answer, line, _other(sender), answered)
        self._count(members, "an export's entry")

    def _read_payload(self, raw: msgspec.Raw, line: int, sender: Sender, ts_ms: float | None) -> Iterator[Message]:
        value = value_of(raw)
        if isinstance(value, str):
            text = value.strip().encode("utf-8")
            if not text.startswith((b"{", b"[")):
                if carries_message(value):
                    raise RecordError("the message on the wire is wrapped in a text of its own")
                self._report.drop("text on the wire that is no message" if text else "empty line on the wire")
                return
            try:
                value = decode_strict(text, max_depth=self._depth)
            except StrictJsonError as error:
                raise RecordError(f"the message on the wire: {error.message}") from error
        else:
            text = bytes(raw)
        for each in _split_list(text) if isinstance(value, list) else (text,):
            yield from self._read_object(each, line, sender, ts_ms)

    # -- HTTP transcripts ----------------------------------------------------------------------------------------

    def read_transport(self, raw: bytes | msgspec.Raw, line: int) -> Iterator[Message]:
        """Yield the messages of one entry of a streamable-HTTP or SSE transcript.

        Raises:
            RecordError: the entry is not exactly one of request, response and event of a stream.
        """
        try:
            members = split_members(raw)
        except msgspec.MsgspecError as error:
            raise RecordError("the entry is not an object") from error
        present = [name for name in _PARTS if name in members]
        if len(present) != 1:
            raise RecordError("the entry holds not exactly one of 'request', 'response' and 'sse'")
        part = members.pop(present[0])
        if present[0] == "response":
            self._discover(raw)
        ts_ms = take_time(members, TIMES)
        refuse_carried(members, value_of(part))
        for name in ("headers", "transport_context"):
            self._count_headers(members.pop(name, None))
        self._count(members, "a transcript's entry")
        if present[0] == "sse":
            yield from self._read_event(part, line, ts_ms)
        else:
            yield from self._read_body(part, line, "client" if present[0] == "request" else "server", ts_ms)

    def _read_event(self, raw: msgspec.Raw, line: int, ts_ms: float | None) -> Iterator[Message]:
        event = _object(raw, "'sse'")
        kind = value_of(event.pop("event", None))
        if kind not in (None, "", "message"):
            self._report.drop("stream event of another kind than message")
            return
        event.pop("id", None)
        data = event.pop("data", None)
        refuse_carried(event, value_of(data))
        self._count(event, "a stream event")
        if data is not None:
            yield from self._read_payload(data, line, "server", ts_ms)

    def read_stream_data(self, data: bytes, line: int) -> Iterator[Message]:
        """Yield the messages in the data of one event that a server sent.

        Raises:
            RecordError: it is no text, or a message that is wrong.
        """
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RecordError("the data of an event is not UTF-8") from error
        yield from self._read_payload(msgspec.Raw(msgspec.json.encode(text)), line, "server", None)

    def _read_body(self, raw: msgspec.Raw, line: int, sender: Sender, ts_ms: float | None) -> Iterator[Message]:
        """Read a message, or the HTTP request or response that carries it in its `body`."""
        if bytes(raw)[:1] in (b"[", b'"'):
            yield from self._read_payload(raw, line, sender, ts_ms)
            return
        members = _object(raw, "'request' or 'response'")
        if is_message(members) or "result" in members or "error" in members:
            yield from self._read_object(raw, line, sender, ts_ms)
            return
        self._count_headers(members.pop("headers", None))
        body = members.pop("body", None)
        refuse_carried(members, value_of(body))
        if body is None or bytes(body) in (b"null", b'""'):
            self._report.drop("HTTP message without a body")
        else:
            yield from self._read_payload(body, line, sender, ts_ms)

    def _discover(self, raw: bytes | msgspec.Raw) -> None:
        entry = value_of(raw)
        found = authorization_discovery(entry) if isinstance(entry, dict) else None
        for name, value in (found or {}).items():
            self.discovery[name] = value or self.discovery.get(name, False)

    def _count_headers(self, raw: msgspec.Raw | None) -> None:
        value = value_of(raw)
        if isinstance(value, dict):
            inner = value.get("headers")
            count_headers(inner if isinstance(inner, dict) else value, self._report)

    def _count(self, members: Members, where: str) -> None:
        for name in members:
            count_dropped(self._report, f"member {name!r} of {where}")


def _other(sender: Sender | None) -> Sender | None:
    """Return who answers. Exports without an origin hold only what the server answered."""
    return "client" if sender == "server" else "server"


def _object(raw: msgspec.Raw, what: str) -> Members:
    try:
        return split_members(raw)
    except msgspec.MsgspecError as error:
        raise RecordError(f"{what} is not an object") from error
