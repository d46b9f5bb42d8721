"""Plain Python functions as tools: each call is recorded, its arguments by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast, overload

from assay.active import current_capture, current_client
from assay.client import AssayClient
from assay.open_call import OpenCall

__all__ = ["recording_client", "tool"]

P = ParamSpec("P")
R = TypeVar("R")


@overload
def tool(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def tool(
    *, name: str | None = None, client: AssayClient | None = None, server: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    client: AssayClient | None = None,
    server: str | None = None,
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function, plain or `async`, record each of its calls: `@tool`, or `@tool(name="search")`.

    Arguments are recorded by name, defaults included, as they are when the call begins; `self` is left out. The call
    goes to `client`, else to that of the innermost `with` block, and to the test that captures; where there is none
    of them, the function just runs. In a test that replays, the recorded result is returned as JSON holds it, and
    the function does not run.
    """
    if function is None:
        return lambda each: tool_of(each, name=name, client=client, server=server)
    return tool_of(function, name=name, client=client, server=server)


def tool_of(
    function: Callable[P, R], *, name: str | None, client: AssayClient | None, server: str | None
) -> Callable[P, R]:
    """Return the function that records."""
    title = name or function.__name__
    signature = inspect.signature(function)

    def opened(args: tuple[object, ...], keywords: dict[str, object]) -> OpenCall | None:
        target = recording_client(client)
        return None if target is None else OpenCall(target, title, arguments(signature, args, keywords), server=server)

    if inspect.iscoroutinefunction(function):
        awaited = cast("Callable[..., Awaitable[object]]", function)

        @functools.wraps(function)
        async def record_async(*args: object, **keywords: object) -> object:
            call = opened(args, keywords)
            if call is None:
                return await awaited(*args, **keywords)
            with call:
                if not call.replayed:
                    call.result = returned = await awaited(*args, **keywords)
                    return returned
            return call.result

        return cast("Callable[P, R]", record_async)

    @functools.wraps(function)
    def record(*args: P.args, **keywords: P.kwargs) -> R:
        call = opened(args, keywords)
        if call is None:
            return function(*args, **keywords)
        with call:
            if not call.replayed:
                call.result = returned = function(*args, **keywords)
                return returned
        return cast("R", call.result)

    return record


def recording_client(client: AssayClient | None) -> AssayClient | None:
    """Return the client that records now: the one given, that of the `with` block, that of the test, or none."""
    if client is not None:
        return client
    found = current_client()
    if found is not None:
        return found
    capture = current_capture()
    return None if capture is None else capture.client


def arguments(signature: inspect.Signature, args: tuple[object, ...], keywords: dict[str, object]) -> dict[str, object]:
    """Return the arguments by name. Those of `**keywords` stand beside the others; a name that clashes stays inside.

    Raises:
        TypeError: the call does not fit the function.
    """
    bound = signature.bind(*args, **keywords)
    bound.apply_defaults()
    found: dict[str, object] = {}
    for place, (name, parameter) in enumerate(signature.parameters.items()):
        value = bound.arguments[name]
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            clashing = {key: each for key, each in value.items() if key in found}
            found |= {key: each for key, each in value.items() if key not in found}
            if clashing:
                found[name] = clashing
        elif not (place == 0 and name in ("self", "cls")):
            found[name] = list(value) if parameter.kind is inspect.Parameter.VAR_POSITIONAL else value
    return found
