"""The adapter for client sessions of the official `mcp` package."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from assay.client import AssayClient
from assay.open_call import OpenCall
from assay.tools import recording_client

__all__ = ["record_mcp"]


class McpSession(Protocol):
    """What is used of an `mcp.ClientSession`."""

    call_tool: Any  # a coroutine function whose signature differs between releases of `mcp`
    list_tools: Any


Session = TypeVar("Session", bound=McpSession)


def record_mcp(session: Session, client: AssayClient | None = None, *, server: str | None = None) -> Session:
    """Record what goes through a session: `assay.record_mcp(session, client)`, once, and nothing else changes.

    Every `call_tool` becomes a call with arguments, result or error, and time; what `list_tools` answers becomes the
    tool definitions of the episode.

    Args:
        session: A `mcp.ClientSession`, or anything with its `call_tool` and `list_tools`. It is changed in place.
        client: Where to record; None: the client of the innermost `with` block, and the test that captures.
        server: The server's name; None: what it called itself in the handshake.

    Returns:
        The same session.
    """
    if getattr(session.call_tool, "recorded_by_assay", False):
        raise ValueError("the session is recorded already")
    adapter = _Adapter(session, client, server)
    session.call_tool = adapter.wrap_call(session.call_tool)
    session.list_tools = adapter.wrap_list(session.list_tools)
    return session


class _Adapter:
    def __init__(self, session: McpSession, client: AssayClient | None, server: str | None) -> None:
        self._session = session
        self._client = client
        self._server = server

    def wrap_call(self, call_tool: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(call_tool)
        async def recorded(name: str, arguments: dict[str, Any] | None = None, *args: Any, **keywords: Any) -> Any:
            target = recording_client(self._client)
            if target is None:
                return await call_tool(name, arguments, *args, **keywords)
            with OpenCall(target, name, {} if arguments is None else arguments, server=self._name()) as call:
                if call.replayed:
                    return _replayed(call.result)
                answer = await call_tool(name, arguments, *args, **keywords)
                call.result = _dumped(answer)
                call.error = _error(call.result)
                return answer

        recorded.recorded_by_assay = True  # type: ignore[attr-defined]  # a mark, read by `record_mcp`
        return recorded

    def wrap_list(self, list_tools: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(list_tools)
        async def recorded(*args: Any, **keywords: Any) -> Any:
            answer = await list_tools(*args, **keywords)
            target = recording_client(self._client)
            if target is not None:
                target.record_tools([self._definition(each) for each in _dumped(answer).get("tools", ())])
            return answer

        return recorded

    def _definition(self, tool: Mapping[str, object]) -> dict[str, object]:
        found: dict[str, object] = {
            "name": tool.get("name"), "description": tool.get("description"), "input_schema": tool.get("inputSchema"),
        }  # fmt: skip
        found |= {key: value for key, value in tool.items() if key not in (*found, "inputSchema")}
        server = self._name()
        return found if server is None else {**found, "server_id": server}

    def _name(self) -> str | None:
        """Return the server's name; before the handshake nobody knows it."""
        if self._server is None:
            info = getattr(self._session, "server_info", None)
            name = getattr(info, "name", None)
            self._server = name if isinstance(name, str) and name else None
        return self._server


def _dumped(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = answer.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return found


def _error(result: Mapping[str, Any]) -> str | None:
    if result.get("isError") is not True:
        return None
    parts = [part["text"] for part in result.get("content", ()) if isinstance(part.get("text"), str)]
    return "\n".join(parts) or "the tool reports an error"


def _replayed(result: object) -> object:
    from mcp.types import CallToolResult

    return CallToolResult.model_validate(result)
