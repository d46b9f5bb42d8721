"""How likely some bytes are the start of a recorded MCP session, and whether it is lines or one document."""

from __future__ import annotations

import re

import msgspec

from assay_core.contracts import BinarySource
from assay_core.documents.strict_json import DECODE_ERRORS
from assay_core.trace import Members, split_members
from assay_importer_mcp.documents import TRANSPORTS, first_value
from assay_importer_mcp.records import DIRECTIONS, PAYLOADS

__all__ = ["is_document", "likelihood"]

_HEAD = 64 * 1024
_JSONRPC = re.compile(rb'"jsonrpc"\s*:\s*"2\.0"')
_TRANSPORT = re.compile(rb'"transport"\s*:\s*"(?:%s)"' % b"|".join(name.encode() for name in sorted(TRANSPORTS)))
_WIRE = re.compile(rb'"dir(?:ection)?"\s*:\s*"(?:%s)"' % b"|".join(name.encode() for name in sorted(DIRECTIONS)))
_EVENT = re.compile(rb"(?m)^data:[ \t]*[{\[]")
_DOCUMENT = re.compile(rb'\{\s*"(?:transport|entries|events)"\s*:')
_ENTRY = re.compile(rb'"direction"\s*:\s*"(?:request|response|notification)"')


def likelihood(head: bytes) -> int:
    """Return 0 to 100."""
    text = head.lstrip(b" \t\r\n")
    if _EVENT.search(head):
        return 90 if _JSONRPC.search(head) else 0
    if not text.startswith((b"{", b"[")):
        return 0
    line = text.split(b"\n", 1)[0]
    if text.startswith(b"["):
        return 95 if _JSONRPC.search(head) and _looks_like_items(text) else 0
    members = _split(line)
    if members is not None and not first_value(members) and "transport" not in members:
        return _of_line(members, line)
    if _TRANSPORT.search(head[:4096]) and b'"entries"' in head:
        return 95
    if b'"events"' in head and _JSONRPC.search(head) and (members is None or first_value(members)):
        return 90
    if _JSONRPC.match(text[1:].lstrip()):  # a message that is cut off, malformed, or spread over lines
        return 80
    return 70 if members is None and _WIRE.search(line[:512]) and b"jsonrpc" in line[:1024] else 0


def is_document(source: BinarySource) -> bool:
    """Tell whether the file is one JSON document rather than one JSON text a line."""
    with source.open() as stream:
        head = stream.read(_HEAD)
    text = head.lstrip(b" \t\r\n")
    line, _, rest = text.partition(b"\n")
    if text.startswith(b"["):
        return not rest.strip() or not _is_json(line)  # a batch may be the first of many lines
    members = _split(line)
    if members is None:
        return _is_start(line) or _DOCUMENT.match(text) is not None
    return first_value(members)


def _of_line(members: Members, line: bytes) -> int:
    if "jsonrpc" in members:
        return 95
    if _WIRE.search(line) and any(name in members for name in PAYLOADS):
        return 95
    return 90 if _ENTRY.search(line) and "message" in members else 0


def _looks_like_items(text: bytes) -> bool:
    """Tell whether the first element of an array begins as a message or as an entry of an export."""
    start = text[:8192]
    return bool(_JSONRPC.search(start) or _ENTRY.search(start))


def _split(line: bytes) -> Members | None:
    try:
        return split_members(line)
    except DECODE_ERRORS:
        return None


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except DECODE_ERRORS:
        return False
    return True


def _is_start(line: bytes) -> bool:
    """Tell whether a line is no more than the beginning of a value: the first of a document laid out for people."""
    return line.rstrip(b" \t\r")[-1:] in (b"{", b"[", b",") or line.strip() == b""
