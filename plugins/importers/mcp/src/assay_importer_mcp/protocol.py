"""The protocol's own words, and what only reads like them: refused, because a policy would not see it."""

from __future__ import annotations

import msgspec

from assay_core.trace import Members, RecordError, same_json, value_of

__all__ = ["known_method", "refuse_twins", "refuse_variant"]

_TOOL_TWINS = frozenset({"name", "tool", "tool_name", "toolname"})
_ARGUMENT_TWINS = frozenset({"arguments", "args", "params", "parameters", "input"})
_METHODS = frozenset({
    "initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read",
    "resources/subscribe", "resources/unsubscribe", "prompts/list", "prompts/get", "completion/complete",
    "logging/setLevel", "roots/list", "sampling/createMessage", "elicitation/create", "tasks/get", "tasks/list",
    "tasks/result", "tasks/cancel", "notifications/initialized", "notifications/cancelled", "notifications/progress",
    "notifications/message", "notifications/roots/list_changed", "notifications/tools/list_changed",
    "notifications/prompts/list_changed", "notifications/resources/list_changed", "notifications/resources/updated",
    "notifications/elicitation/complete", "notifications/tasks/status",
})  # fmt: skip


def known_method(method: str) -> str:
    """Return a method's name for the report; names outside the protocol are one."""
    return method if method in _METHODS else "other"


def refuse_variant(method: str) -> None:
    """Refuse a method that only its case or the space around it tells from one of the protocol."""
    if method in _METHODS:
        return
    known = "".join(method.split()).casefold()
    if (meant := next((each for each in _METHODS if each.casefold() == known), None)) is not None:
        raise RecordError(f"the method {method!r} is not {meant!r}, though it reads like it")


def refuse_twins(params: Members, tool: str, arguments: msgspec.Raw | None) -> None:
    """Refuse parameters that state the tool or its arguments a second time, and otherwise."""
    for name, raw in params.items():
        spelling = name.strip().casefold()
        if bytes(raw) == b"null":
            continue
        if spelling in _TOOL_TWINS and value_of(raw) != tool:
            raise RecordError(f"'params.name' and 'params.{name}' name two different tools")
        given = b"{}" if arguments is None or bytes(arguments) == b"null" else bytes(arguments)
        if spelling in _ARGUMENT_TWINS and not same_json(bytes(raw), given):
            raise RecordError(f"'params.arguments' and 'params.{name}' state two different arguments")
