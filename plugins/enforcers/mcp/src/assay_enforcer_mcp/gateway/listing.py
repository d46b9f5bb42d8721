"""`tools/list`: what a server announces, and what of it an agent gets to see."""

from __future__ import annotations

import msgspec

from assay_core.model import ToolDefinition

__all__ = ["Listed", "announced", "next_cursor", "without_tools"]

_split = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_split_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_NAMED = ("name", "description", "inputSchema")


class Listed(msgspec.Struct, frozen=True):
    """One entry of a listing."""

    raw: msgspec.Raw  # its exact bytes
    definition: ToolDefinition | None  # None: it has no name, so nothing can decide it


def announced(line: bytes, server_id: str) -> tuple[Listed, ...] | None:
    """Return the entries of a `tools/list` response; None where it is none: an error, or no list.

    Args:
        line: The response, which strict reading accepted.
        server_id: What the server is called in pins.
    """
    try:
        result = _split(_split(line)["result"])
        return tuple(_listed(raw, server_id) for raw in _split_list(result["tools"]))
    except (KeyError, msgspec.MsgspecError):
        return None


def next_cursor(line: bytes) -> str | None:
    """Return the cursor of the next page of a listing, None on its last page."""
    try:
        cursor = msgspec.json.decode(_split(_split(line)["result"])["nextCursor"])
    except (KeyError, msgspec.MsgspecError):
        return None
    return cursor if isinstance(cursor, str) else None


def without_tools(line: bytes, kept: tuple[Listed, ...]) -> bytes:
    """Return a `tools/list` response with these entries alone; all else keeps its bytes and its order."""
    message = _split(line)
    result = _split(message["result"])
    result["tools"] = msgspec.Raw(b"[" + b",".join(bytes(each.raw) for each in kept) + b"]")
    message["result"] = msgspec.Raw(_encode(result))
    return _encode(message).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"


def _listed(raw: msgspec.Raw, server_id: str) -> Listed:
    try:
        members = _split(raw)
        name = msgspec.json.decode(members["name"])
    except (KeyError, msgspec.MsgspecError):
        return Listed(raw, None)
    if not isinstance(name, str):
        return Listed(raw, None)
    described = msgspec.json.decode(members["description"]) if "description" in members else None
    schema = bytes(members["inputSchema"]) if "inputSchema" in members else None
    further = {key: value for key, value in members.items() if key not in _NAMED}
    return Listed(
        raw,
        ToolDefinition(
            name=name,
            description=described if isinstance(described, str) else None,
            input_schema_json=None if schema == b"null" else schema,
            server=server_id,
            extra_json=_encode(further),
        ),
    )
