"""Pinned tools: the four-field identity of a tool, and whether what a server announced is what was pinned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from assay_core.canonical import canonical_bytes, digest_hex
from assay_core.model import ToolDefinition
from assay_core.policy.form import ToolPin

__all__ = ["ToolIdentity", "drift", "identity_of"]


class ToolIdentity(NamedTuple):
    """What a tool's announcement amounts to."""

    server_id: str | None  # None: the trace does not say
    tool_name: str
    schema_hashes: tuple[str, ...]  # over RFC 8785 bytes first; then over the announced text, as older pins have it
    meta_hash: str


def identity_of(definition: ToolDefinition, server: str | None = None) -> ToolIdentity:
    """Return the identity of an announced tool.

    `schema_hash` is the SHA-256 of the RFC 8785 bytes of the input schema, or of `null`; `meta_hash` that of the
    description's UTF-8 bytes, or of nothing.

    Source:
        spec/mcp-wrap.md §5: the newest form, and that of release 3.8.0 (compact, keys as received) beside it.
    """
    announced = definition.input_schema_json
    try:
        compact = msgspec.json.format(announced, indent=-1) if announced else b"null"
        canonical = canonical_bytes(definition.input_schema)
    except (ValueError, RecursionError):  # not JSON, or not I-JSON: nobody can have pinned that
        return ToolIdentity(definition.server or server, definition.name, (), "")
    return ToolIdentity(
        server_id=definition.server or server,
        tool_name=definition.name,
        schema_hashes=(digest_hex(canonical), digest_hex(compact)),
        meta_hash=digest_hex((definition.description or "").encode("utf-8", "surrogatepass")),
    )


def drift(pin: ToolPin, announced: Iterable[ToolIdentity], server: str | None, *, strict: bool) -> str:
    """Say how what was announced differs from the pin, "" where it does not.

    Args:
        pin: What was pinned.
        announced: Every announcement of the tool; all have to fit.
        server: The server that was called, where an announcement does not name one.
        strict: True: an unknown server differs. False: a trace that names no server is not held against it.
    """
    found = list(announced)
    if not found:
        return "no server announced it"
    for identity in found:
        server_id = identity.server_id or server
        if identity.tool_name != pin.tool_name:
            return "its name differs from the pinned one"
        if server_id != pin.server_id and (strict or server_id is not None):
            return "its server differs from the pinned one"
        if pin.schema_hash not in identity.schema_hashes:
            return "its input schema differs from the pinned one"
        if identity.meta_hash != pin.meta_hash:
            return "its description differs from the pinned one"
    return ""
