"""Tool definitions as a trace records them."""

from __future__ import annotations

import msgspec

from assay_core.model import ToolDefinition
from assay_core.trace.calls import RecordError, take_text
from assay_core.trace.members import Members, join_members, split_members, value_of

__all__ = ["definition_members", "read_definitions"]

_split_list = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode
_SCHEMA = ("input_schema", "inputSchema")


def read_definitions(raw: bytes | msgspec.Raw) -> tuple[ToolDefinition, ...]:
    """Return the definitions of a list of `{name, description?, input_schema?, server_id?, …}`.

    Raises:
        RecordError: it is not a list of objects that have names.
    """
    try:
        return tuple(map(_read_one, _split_list(raw)))
    except msgspec.MsgspecError as error:
        raise RecordError("the tool definitions are not a list of objects") from error


def _read_one(members: Members) -> ToolDefinition:
    name = take_text(members, "name")
    if not name:
        raise RecordError("a tool definition has no name")
    schema = next((members.pop(key) for key in _SCHEMA if key in members), None)
    schema_json = None if schema is None or bytes(schema) == b"null" else bytes(schema)
    description = take_text(members, "description")
    server = _server(members)
    return ToolDefinition(
        name=name,
        description=description,
        input_schema_json=schema_json,
        server=server,
        extra_json=join_members(members),
    )


def _server(members: Members) -> str | None:
    """Return the server of `tool_identity.server_id`, `server_id` or `server`. The identity stays a further member."""
    try:
        identity = split_members(members["tool_identity"]) if "tool_identity" in members else {}
    except msgspec.MsgspecError:  # null, or a value of another kind: it stays as it is
        identity = {}
    known = value_of(identity.get("server_id"))
    if isinstance(known, str):
        return known
    return take_text(members, "server_id") or take_text(members, "server")


def definition_members(definition: ToolDefinition) -> bytes:
    """Return a definition as the object that `read_definitions` reads back to an equal one."""
    members: dict[str, bytes | msgspec.Raw] = {"name": msgspec.json.encode(definition.name)}
    if definition.description is not None:
        members["description"] = msgspec.json.encode(definition.description)
    if definition.input_schema_json is not None:
        members["input_schema"] = definition.input_schema_json
    extra = split_members(definition.extra_json)
    if definition.server is not None and _server(dict(extra)) != definition.server:
        members["server_id"] = msgspec.json.encode(definition.server)
    return join_members(members | extra)
