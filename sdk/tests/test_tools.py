from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import assay
import pytest
from assay import AssayClient

from .conftest import Read


@assay.tool
def search(query: str, *more: str, limit: int = 3, **filters: object) -> list[str]:
    return [query, *more][:limit]


@assay.tool(name="web.fetch", server="web")
async def fetch(url: str) -> str:
    await asyncio.sleep(0)
    if url == "bad":
        raise ConnectionError("refused")
    return f"<{url}>"


def test_arguments_are_recorded_by_name_defaults_and_keywords_included(trace: Path, read: Read) -> None:
    with AssayClient(trace):
        assert search("x", "y", site="s", more=1) == ["x", "y"]

    (call,) = read(trace)[0].tool_calls

    assert (call.tool, call.result, call.outcome) == ("search", ["x", "y"], "ok")
    assert call.args == {"query": "x", "more": ["y"], "limit": 3, "site": "s", "filters": {"more": 1}}


def test_a_coroutine_function_is_recorded_with_its_failure(trace: Path, read: Read) -> None:
    async def agent() -> None:
        with AssayClient(trace):
            assert await fetch("ok") == "<ok>"
            with pytest.raises(ConnectionError):
                await fetch(url="bad")

    asyncio.run(agent())

    good, bad = read(trace)[0].tool_calls
    assert (good.tool, good.server, good.args, good.result) == ("web.fetch", "web", {"url": "ok"}, "<ok>")
    assert (bad.error, bad.outcome) == ("ConnectionError: refused", "error")


def test_a_call_that_was_cancelled_is_recorded(trace: Path, read: Read) -> None:
    @assay.tool
    async def hang() -> None:
        await asyncio.Event().wait()

    async def agent() -> None:
        with AssayClient(trace):
            task = asyncio.create_task(hang())
            await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(agent())

    assert read(trace)[0].tool_calls[0].error == "CancelledError"


def test_a_function_that_returns_nothing_succeeded(trace: Path, read: Read) -> None:
    @assay.tool
    def silent() -> None:
        return None

    with AssayClient(trace):
        silent()

    call = read(trace)[0].tool_calls[0]
    assert (call.outcome, call.result, call.args) == ("ok", None, {})


def test_arguments_are_those_of_the_beginning_and_self_is_none_of_them(trace: Path, read: Read) -> None:
    class Agent:
        @assay.tool
        def empty(self, items: list[int]) -> int:
            count = len(items)
            items.clear()
            return count

    with AssayClient(trace):
        assert Agent().empty([1, 2]) == 2

    assert read(trace)[0].tool_calls[0].args == {"items": [1, 2]}


def test_what_json_cannot_hold_is_noted_and_handed_on_unchanged(trace: Path, read: Read) -> None:
    thing = object()

    @assay.tool
    def same(value: object) -> object:
        return value

    with AssayClient(trace):
        assert same(thing) is thing

    call = read(trace)[0].tool_calls[0]
    assert call.extra["unrepresentable"] == [
        {"pointer": "/args/value", "type": "object"}, {"pointer": "/result", "type": "object"},
    ]  # fmt: skip


def test_without_a_client_the_function_just_runs() -> None:
    assert search("x") == ["x"]
    assert asyncio.run(fetch("y")) == "<y>"


def test_a_call_that_does_not_fit_is_the_callers_error(trace: Path) -> None:
    with AssayClient(trace), pytest.raises(TypeError):
        search()  # type: ignore[call-arg]  # on purpose


def test_a_named_client_wins_over_the_block_around(trace: Path, tmp_path: Path, read: Read) -> None:
    other = AssayClient(tmp_path / "other.jsonl", episode_id="other")

    @assay.tool(client=other)
    def mine() -> int:
        return 1

    with AssayClient(trace):
        mine()
    other.close()

    assert [len(each.tool_calls) for each in read(trace)] == [0]
    assert [call.tool for call in read(tmp_path / "other.jsonl")[0].tool_calls] == ["mine"]


def test_a_thread_that_is_given_the_context_records_into_the_block(trace: Path, read: Read) -> None:
    import contextvars

    with AssayClient(trace), ThreadPoolExecutor() as pool:
        pool.submit(contextvars.copy_context().run, search, "x").result()
        bare = threading.Thread(target=search, args=("y",))
        bare.start()
        bare.join()

    assert [call.args["query"] for call in read(trace)[0].tool_calls] == ["x"]  # type: ignore[index, call-overload]  # an object


def test_an_exception_that_cannot_say_what_it_is_is_recorded_by_its_type(trace: Path, read: Read) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    @assay.tool
    def fail() -> None:
        raise Mute

    with AssayClient(trace), pytest.raises(Mute):
        fail()

    assert read(trace)[0].tool_calls[0].error == "Mute"
