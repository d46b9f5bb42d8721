"""The tool definitions that an episode records, in one shape, wherever the trace keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import attrs

from assay_core.canonical import canonical_bytes, digest_hex
from assay_core.errors import InputError, Place
from assay_core.model import Episode, JsonValue, ToolDefinition

__all__ = ["Definition", "by_name", "recorded_definitions", "recorded_snapshots"]


@attrs.frozen(kw_only=True)
class Definition:
    """One tool as a server announced it."""

    name: str
    description: str = ""  # "" where none was announced
    schema_sha256: str = ""  # of the RFC 8785 bytes of the input schema; "" where none was announced
    server: str | None = None


def recorded_definitions(episode: Episode) -> tuple[Definition, ...] | None:
    """Return the definitions that the episode records; None where it says nothing of them."""
    if episode.tool_definitions is not None:
        return tuple(_from_model(each) for each in episode.tool_definitions)
    listed = episode.meta.get("tool_definitions")
    return None if listed is None else _from_list(episode, "tool_definitions", listed)


def recorded_snapshots(episode: Episode) -> tuple[tuple[Definition, ...], ...]:
    """Return the successive lists of definitions in `meta.tool_definition_snapshots`."""
    snapshots = episode.meta.get("tool_definition_snapshots")
    if snapshots is None:
        return ()
    key = "tool_definition_snapshots"
    if not isinstance(snapshots, (list, tuple)):
        _malformed(episode, f"{key} is not a list of lists")
    return tuple(_from_list(episode, f"{key}[{index}]", each) for index, each in enumerate(snapshots))


def _from_model(definition: ToolDefinition) -> Definition:
    return Definition(
        name=definition.name,
        description=definition.description or "",
        schema_sha256=_digest(definition.input_schema),
        server=definition.server,
    )


def _from_list(episode: Episode, key: str, listed: JsonValue) -> tuple[Definition, ...]:
    if not isinstance(listed, (list, tuple)):
        _malformed(episode, f"{key} is not a list")
    return tuple(_from_mapping(episode, f"{key}[{index}]", each) for index, each in enumerate(listed))


def _from_mapping(episode: Episode, key: str, value: JsonValue) -> Definition:
    name = value.get("name") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(name, str):
        _malformed(episode, f"{key} is not a tool definition with a name")
    description = value.get("description")
    schema = value.get("input_schema", value.get("inputSchema"))
    identity = value.get("tool_identity")
    server = identity.get("server_id") if isinstance(identity, Mapping) else None
    server = value.get("server_id") if server is None else server
    return Definition(
        name=name,
        description=description if isinstance(description, str) else "",
        schema_sha256=_digest(schema),
        server=server if isinstance(server, str) else None,
    )


def _digest(schema: JsonValue) -> str:
    """Return the digest of a schema; of one that has no canonical form, a word that no pin equals."""
    if schema is None:
        return ""
    try:
        return digest_hex(canonical_bytes(schema))
    except ValueError:
        return "not canonical"


def _malformed(episode: Episode, message: str) -> NoReturn:
    raise InputError(
        code="E_TRACE_INVALID",
        message=f"episode {episode.id!r}: meta.{message}",
        place=Place(episode.source.file, episode.source.line or 0),
    )


def by_name(definitions: Sequence[Definition]) -> Mapping[str, tuple[Definition, ...]]:
    """Group definitions by tool name, in order."""
    groups: dict[str, list[Definition]] = {}
    for each in definitions:
        groups.setdefault(each.name, []).append(each)
    return {name: tuple(group) for name, group in groups.items()}
