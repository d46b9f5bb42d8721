"""Which tools are what they were: without a lock file, what a server announced first is what it is held to."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import msgspec

from assay_core.canonical import canonical_bytes, digest_hex
from assay_core.model import JsonValue, ToolDefinition
from assay_enforcer_mcp.gateway.announcements import Refusals

__all__ = ["FirstSeen", "definition_digest", "folded_name"]

_IDENTIFYING = ("title", "outputSchema", "annotations")


class FirstSeen:
    """Approves what a connection announced first. A change later on is refused, and so is a twin of another name."""

    strict = False

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def review(self, definitions: Sequence[ToolDefinition], instructions: str | None) -> Refusals:  # noqa: ARG002 - of locks
        """Return the tools that changed since they were first announced, and those whose names look like another's."""
        refused = twins(definitions)
        for definition in definitions:
            digest = definition_digest(definition)
            if self._first.setdefault(definition.name, digest) != digest:
                refused[definition.name] = "its definition changed after it was first listed"
        return refused

    def knows(self, tool: str) -> bool:  # noqa: ARG002 - every tool may be called
        """Any tool may be named."""
        return True


def definition_digest(definition: ToolDefinition) -> str:
    """Return `sha256:…` over what an agent reads of a tool: RFC 8785 of name, title, description, schemas, annotations.

    What cannot be written in that form gets the digest of its bytes, so that a change still shows.
    """
    extra = msgspec.json.decode(definition.extra_json)
    about: dict[str, JsonValue] = {"name": definition.name}
    if definition.description is not None:
        about["description"] = definition.description
    try:
        if definition.input_schema_json is not None:
            about["inputSchema"] = definition.input_schema
        about.update({key: extra[key] for key in _IDENTIFYING if key in extra})
        return "sha256:" + digest_hex(canonical_bytes(about))
    except (ValueError, RecursionError):
        raw = (definition.input_schema_json or b"") + definition.extra_json
        text = f"{definition.name}\0{definition.description}\0".encode("utf-8", "surrogatepass")
        return "sha256:" + digest_hex(text + raw)


def twins(definitions: Sequence[ToolDefinition]) -> dict[str, str]:
    """Return every tool that is announced twice, or whose name is another's but for case, separators or look."""
    refused: dict[str, str] = {}
    first: dict[str, str] = {}
    for definition in definitions:
        name = definition.name
        other = first.setdefault(folded_name(name), name)
        if name in refused:
            continue
        if other != name:
            refused[name] = f"its name is a twin of {other!a}"
    seen: set[str] = set()
    for definition in definitions:
        if definition.name in seen:
            refused[definition.name] = "it is announced twice"
        seen.add(definition.name)
    return refused


def folded_name(name: str) -> str:
    """Return a name without what the eye passes over: case, separators, compatibility forms."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(each for each in text if each not in "_-. /" and unicodedata.category(each)[0] != "C")
