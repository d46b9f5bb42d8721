"""The adapter against real servers from npm, through the official client."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import assay
import pytest
from assay import AssayClient
from assay.replay import Capture

from .conftest import Read

SERVERS = {"everything": "2026.8.31", "filesystem": "2026.8.31"}

Agent = Callable[[Any], Awaitable[None]]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the servers from npm; without Node, npm or `mcp` there is nothing to test against."""
    pytest.importorskip("mcp", reason="`mcp` is not installed")
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("npm or node is not installed")
    folder = tmp_path_factory.mktemp("servers")
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    wanted = [f"@modelcontextprotocol/server-{name}@{version}" for name, version in SERVERS.items()]
    done = subprocess.run([*npm, *wanted], capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"npm could not install the servers: {done.stderr[-300:]}")
    return folder / "node_modules" / "@modelcontextprotocol"


def run_agent(servers: Path, name: str, agent: Agent, *words: str) -> None:
    """Run an agent in a session with a fresh server."""
    from mcp import ClientSession, StdioServerParameters, stdio_client

    async def main() -> None:
        script = servers / f"server-{name}" / "dist" / "index.js"
        server = StdioServerParameters(command="node", args=[str(script), *words])
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            await agent(session)

    asyncio.run(asyncio.wait_for(main(), 60))


def test_one_line_records_a_session_with_the_everything_server(servers: Path, trace: Path, read: Read) -> None:
    async def agent(session: Any) -> None:
        with AssayClient(trace, prompt="Add.") as client:
            assay.record_mcp(session, client)
            await session.list_tools()
            await session.list_tools()
            await session.call_tool("get-sum", {"a": 2, "b": 3})
            await session.call_tool("echo", {"message": "hi"})
            await asyncio.gather(*(session.call_tool("echo", {"message": str(each)}) for each in range(5)))
            assert (await session.call_tool("get-sum", {"a": "no number"})).is_error

    run_agent(servers, "everything", agent, "stdio")

    (episode,) = read(trace)
    calls = episode.tool_calls
    assert (episode.prompt, episode.complete) == ("Add.", True)
    assert [call.tool for call in calls] == ["get-sum", *["echo"] * 6, "get-sum"]
    assert calls[0].args == {"a": 2, "b": 3}
    assert "5" in str(calls[0].result)
    assert [call.outcome for call in calls] == ["ok"] * 7 + ["error"]
    assert calls[-1].error
    assert {call.server for call in calls} == {calls[0].server}
    assert calls[0].server
    assert all(call.duration_ms for call in calls)
    names = [each.name for each in episode.tool_definitions or ()]
    assert {"echo", "get-sum"} <= set(names)
    assert len(set(names)) == len(names)
    assert all(each.input_schema for each in episode.tool_definitions or ())


def test_a_session_with_the_filesystem_server_is_judged_by_a_policy(servers: Path, trace: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "note.txt").write_text("hello")

    async def agent(session: Any) -> None:
        assay.record_mcp(session)
        with AssayClient(trace):
            await session.call_tool("read_text_file", {"path": str(root / "note.txt")})
            await session.call_tool("write_file", {"path": str(root / "out.txt"), "content": "x"})
        await session.call_tool("list_directory", {"path": str(root)})  # outside of the block: recorded nowhere

    run_agent(servers, "filesystem", agent, str(root))

    policy = {"version": "2.0", "tools": {"allow": ["read_*"]}}
    result = assay.validate(policy, str(trace))
    assert [(each.tool, each.error_code) for each in result.policy_violations] == [("write_file", "E_TOOL_NOT_ALLOWED")]
    assert (root / "out.txt").read_text() == "x"
    assert assay.Explainer(policy).explain(trace).total_steps == 2


def test_an_answer_is_replayed_without_the_server(servers: Path, trace: Path, read: Read) -> None:
    from mcp.types import CallToolResult

    answers: list[object] = []

    async def agent(session: Any) -> None:
        with AssayClient(trace) as client:
            assay.record_mcp(session, client)
            answers.append(await session.call_tool("echo", {"message": "hi"}))

    run_agent(servers, "everything", agent, "stdio")

    class Dead:
        async def call_tool(self, name: str, arguments: dict[str, object] | None = None) -> object:
            raise AssertionError("the server is not asked")

        async def list_tools(self) -> object:
            raise AssertionError("the server is not asked")

    capture = Capture("again", tuple(read(trace)), "once")
    session = assay.record_mcp(Dead(), capture.client)
    token = assay.active.CAPTURE.set(capture)  # type: ignore[attr-defined]  # what the pytest plugin does
    try:
        replayed = asyncio.run(session.call_tool("echo", {"message": "hi"}))  # type: ignore[arg-type]  # a coroutine
    finally:
        assay.active.CAPTURE.reset(token)  # type: ignore[attr-defined]  # as above
    assert isinstance(replayed, CallToolResult)
    assert replayed == answers[0]


def test_a_session_that_fails_is_recorded_and_raises(servers: Path, trace: Path, read: Read) -> None:
    from mcp.shared.exceptions import MCPError

    async def agent(session: Any) -> None:
        with AssayClient(trace) as client:
            assay.record_mcp(session, client)
            with pytest.raises(MCPError):
                await session.call_tool("trigger-long-running-operation", {"duration": 20, "steps": 2}, 0.3)

    run_agent(servers, "everything", agent, "stdio")

    (call,) = read(trace)[0].tool_calls
    assert call.outcome == "error"
    assert call.error is not None
    assert "MCPError" in call.error


def test_a_session_is_recorded_once() -> None:
    class Session:
        async def call_tool(self, name: str) -> None: ...
        async def list_tools(self) -> None: ...

    session = Session()
    assert assay.record_mcp(session) is session

    with pytest.raises(ValueError, match="recorded already"):
        assay.record_mcp(session)
