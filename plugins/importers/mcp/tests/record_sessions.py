"""Record real MCP sessions, for the tests of this importer and for the demo.

    python plugins/importers/mcp/tests/record_sessions.py OUTPUT-FOLDER [NAME...]

Nothing here is made up: the official `mcp` client, and the client of the MCP Inspector, talk to servers from npm. Over
stdio this file stands between them (`--tee`) and writes down every line in both directions; over HTTP the client's own
transport writes down what goes out and what comes back. The plain JSON-RPC lines are the wire log without its times
and directions; the Inspector's export is what its own classes hold after the session.

The servers' folder lies in a temporary place, whose path is written as `/project`. Needs npm, Node 20 or newer and
`mcp`; the Inspector's session needs Node 22.19 or newer and is left out, aloud, where it is older.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import IO

SERVERS = ("everything", "filesystem", "memory")
SERVER_VERSION = "2026.8.31"
INSPECTOR_VERSION = "2.12.0"
TOKEN = "Bearer not-a-real-token-0123456789"  # what the redaction has to catch
NAMES = ("filesystem", "memory", "everything", "streamable-http", "http-sse", "inspector")

Agent = Callable[[object, Path], Awaitable[None]]


# -- standing between ---------------------------------------------------------------------------------------------


def tee(log: Path, command: list[str]) -> int:
    """Run a server, pass every line on in both directions, and write it down with time and direction."""
    lock = threading.Lock()
    with log.open("w", encoding="utf-8") as sink, subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:  # fmt: skip
        assert server.stdin is not None
        assert server.stdout is not None

        def pump(direction: str, source: IO[bytes], target: IO[bytes]) -> None:
            for line in iter(source.readline, b""):
                record = {"t": round(time.time(), 3), "dir": direction, "raw": line.decode("utf-8").rstrip("\r\n")}
                with lock:
                    sink.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
                    sink.flush()
                target.write(line)
                target.flush()
            with contextlib.suppress(BrokenPipeError):
                target.close()

        back = threading.Thread(target=pump, args=("s2c", server.stdout, sys.stdout.buffer))
        back.start()
        pump("c2s", sys.stdin.buffer, server.stdin)
        back.join(timeout=10)
        return server.wait(timeout=10)


# -- what the agents do -------------------------------------------------------------------------------------------


async def use_filesystem(session, root: Path) -> None:  # type: ignore[no-untyped-def]  # mcp is no dependency
    """Read, write, and ask for what is refused."""
    await session.list_tools()
    await session.call_tool("list_directory", {"path": str(root)})
    await session.call_tool("read_text_file", {"path": str(root / "notes.md")})
    await session.call_tool("write_file", {"path": str(root / "copy.md"), "content": "Ünïcode — “quoted”\n"})
    await session.call_tool("read_text_file", {"path": "/etc/passwd"})  # refused: isError
    with contextlib.suppress(Exception):
        await session.call_tool("no_such_tool", {})
    await session.list_tools()


async def use_memory(session, root: Path) -> None:  # type: ignore[no-untyped-def]  # as above
    """Build a graph and search it."""
    del root
    await session.list_tools()
    entities = [{"name": "assay", "entityType": "tool", "observations": ["tests agents"]}]
    await session.call_tool("create_entities", {"entities": entities})
    await session.call_tool("search_nodes", {"query": "agents"})
    await session.call_tool("read_graph", {})


async def use_everything(session, root: Path) -> None:  # type: ignore[no-untyped-def]  # as above
    """Progress, prompts, resources, errors, a call that is given up, and one that is never answered."""
    del root
    await session.list_tools()
    await session.call_tool("echo", {"message": "hello"})
    await session.call_tool("get-sum", {"a": 2.0, "b": 3})
    await session.call_tool("get-sum", {"a": "two"})  # refused by its schema

    async def progress(done: float, total: float | None, message: str | None) -> None:
        del done, total, message

    await session.call_tool("trigger-long-running-operation", {"duration": 0.2, "steps": 2}, progress_callback=progress)
    with contextlib.suppress(Exception):
        await session.list_prompts()
        await session.list_resources()
    with contextlib.suppress(Exception):  # the client gives up: it sends notifications/cancelled
        await session.call_tool("trigger-long-running-operation", {"duration": 20, "steps": 1}, 0.3)


AGENTS: dict[str, Agent] = {"filesystem": use_filesystem, "memory": use_memory, "everything": use_everything}  # type: ignore[dict-item]  # untyped


# -- recording ----------------------------------------------------------------------------------------------------


def server_command(packages: Path, server: str, root: Path, mode: str = "stdio") -> list[str]:
    """Return the command of a server of these packages."""
    script = packages / "node_modules" / "@modelcontextprotocol" / f"server-{server}" / "dist" / "index.js"
    more = {"everything": [mode], "filesystem": [str(root)], "memory": []}[server]
    return ["node", str(script), *more]


async def record_stdio(name: str, packages: Path, root: Path, log: Path) -> None:
    """Run one agent over stdio, with the tee between."""
    from mcp import ClientSession, StdioServerParameters, stdio_client

    command = server_command(packages, name, root)
    env = {**os.environ, "MEMORY_FILE_PATH": str(root / "memory.jsonl")}
    server = StdioServerParameters(command=sys.executable, args=[__file__, "--tee", str(log), *command], env=env)
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        await AGENTS[name](session, root)


def stream_events(pending: str) -> tuple[list[dict[str, str]], str]:
    """Split the whole events off a stream's text; return them and the rest."""
    *blocks, rest = pending.replace("\r\n", "\n").split("\n\n")
    events = []
    for block in blocks:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name in ("event", "id", "data"):
                fields[name] = (fields[name] + "\n" if name in fields else "") + value.removeprefix(" ")
        if fields:
            events.append(fields)
    return events, rest


def recording_client(entries: list[dict[str, object]]):  # type: ignore[no-untyped-def]  # httpx2 comes with mcp
    """Return an HTTP client whose transport writes down what passes."""
    import httpx2

    def note(**entry: object) -> None:
        entries.append({"timestamp_ms": time.time_ns() // 1_000_000, **entry})

    class Stream(httpx2.AsyncByteStream):
        def __init__(self, inner, kind: str, head: dict[str, object]) -> None:  # type: ignore[no-untyped-def]  # as above
            self._inner, self._kind, self._head = inner, kind, head

        async def __aiter__(self) -> AsyncIterator[bytes]:
            text = ""
            async for piece in self._inner:
                text += piece.decode("utf-8")
                if "text/event-stream" in self._kind:
                    events, text = stream_events(text)
                    for event in events:
                        note(sse=event)
                yield piece
            if "text/event-stream" not in self._kind:
                note(response={**self._head, "body": text})

        async def aclose(self) -> None:
            await self._inner.aclose()

    class Transport(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request):  # type: ignore[no-untyped-def]  # as above
            body = request.content if request.method == "POST" else b""
            if body:
                note(request=json.loads(body), headers=dict(request.headers))
            answer = await super().handle_async_request(request)
            head = {"status": answer.status_code, "headers": dict(answer.headers)}
            kind = answer.headers.get("content-type", "")
            return httpx2.Response(
                answer.status_code, headers=answer.headers, stream=Stream(answer.stream, kind, head),
                extensions=answer.extensions,
            )  # fmt: skip

    return httpx2.AsyncClient(
        transport=Transport(), headers={"Authorization": TOKEN}, timeout=httpx2.Timeout(30, read=60)
    )


@contextlib.contextmanager
def served(packages: Path, root: Path, mode: str) -> Iterator[int]:
    """Run the server that knows everything over HTTP; yield its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = server_command(packages, "everything", root, mode)
    env = {**os.environ, "PORT": str(port)}
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(100):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()


async def record_http(packages: Path, root: Path, transport: str) -> dict[str, object]:
    """Run one agent over HTTP; return the transcript."""
    from mcp import ClientSession
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    entries: list[dict[str, object]] = []
    with served(packages, root, "streamableHttp" if transport == "streamable-http" else "sse") as port:
        if transport == "streamable-http":
            opened = streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=recording_client(entries))
        else:
            opened = sse_client(
                f"http://127.0.0.1:{port}/sse", httpx_client_factory=lambda *_, **__: recording_client(entries)
            )
        async with opened as streams, ClientSession(streams[0], streams[1]) as session:
            await session.initialize()
            await use_everything(session, root)
    return {"transport": transport, "entries": entries}


DRIVER = """
import { writeFileSync } from "node:fs";
import { InspectorClient, MessageLogState, createTransportNode } from "./recording-copy.js";
const [output, root, command, ...args] = process.argv.slice(2);
const client = new InspectorClient(
  { type: "stdio", command, args, env: { ...process.env } },
  { environment: { transport: createTransportNode }, clientIdentity: { name: "inspector", version: "VERSION" },
    pipeStderr: true, roots: [], sample: false, elicit: false, progress: true },
);
const log = new MessageLogState(client, { maxMessages: 0 });
await client.connect();
const { tools } = await client.listAllTools();
const call = async (name, args) => {
  try { await client.callTool(tools.find((tool) => tool.name === name), args); }
  catch (error) { console.error(String(error)); }
};
await call("list_directory", { path: root });
await call("read_text_file", { path: `${root}/notes.md` });
await call("write_file", { path: `${root}/copy.md`, content: "Ünïcode — “quoted”\\n" });
await call("read_text_file", { path: "/etc/passwd" });
await client.listAllTools();
writeFileSync(output, JSON.stringify(log.getMessages(), null, 2) + "\\n");
await client.disconnect();
process.exit(0);
"""


def record_inspector(packages: Path, root: Path, log: Path, export: Path) -> str:
    """Run the Inspector's own client and message log; return why that was not possible, "" if it was."""
    found = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    version = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    if version < (22, 19):
        return f"the Inspector {INSPECTOR_VERSION} needs Node 22.19, and this is {found.strip()}"
    npm_install(packages, f"@modelcontextprotocol/inspector@{INSPECTOR_VERSION}")
    folder = packages / "node_modules" / "@modelcontextprotocol" / "inspector" / "clients" / "cli" / "build"
    bundle = (folder / "index.js").read_text(encoding="utf-8")
    (folder / "recording-copy.js").write_text(
        bundle + "\nexport { InspectorClient, MessageLogState, createTransportNode };\n", encoding="utf-8"
    )
    driver = folder / "recording-driver.js"
    driver.write_text(DRIVER.replace("VERSION", INSPECTOR_VERSION), encoding="utf-8")
    server = [sys.executable, __file__, "--tee", str(log), *server_command(packages, "filesystem", root)]
    subprocess.run(["node", str(driver), str(export), str(root), *server], check=True, timeout=120)
    return ""


# -- putting it on disk -------------------------------------------------------------------------------------------


def npm_install(folder: Path, *wanted: str) -> None:
    """Install pinned packages, without running any of their scripts."""
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    subprocess.run([*npm, *wanted], check=True, stdout=sys.stderr)


def write_recording(target: Path, text: str, root: Path) -> None:
    """Write a recording without the place it was made in."""
    target.write_text(text.replace(str(root), "/project"), encoding="utf-8")


def json_rpc_lines(wire: str) -> str:
    """Return what a recorder without clock and direction would have kept of a wire log."""
    return "".join(json.loads(line)["raw"] + "\n" for line in wire.splitlines())


def fresh_root(scratch: Path, name: str) -> Path:
    """Make the folder that an agent finds."""
    root = scratch / name
    root.mkdir()
    (root / "notes.md").write_text("# Notes\n\nShip it on Thursday.\n", encoding="utf-8")
    return root


def record(name: str, packages: Path, scratch: Path, output: Path) -> None:
    """Record one session into the output folder."""
    root = fresh_root(scratch, name)
    log = scratch / f"{name}.wire.jsonl"
    if name in AGENTS:
        asyncio.run(record_stdio(name, packages, root, log))
    elif name == "inspector":
        export = scratch / "inspector.export.json"
        if why := record_inspector(packages, root, log, export):
            print(f"left out: {name}: {why}", file=sys.stderr)
            return
        write_recording(output / export.name, export.read_text(encoding="utf-8"), root)
    else:
        transcript = asyncio.run(record_http(packages, root, name))
        text = json.dumps(transcript, ensure_ascii=False, indent=1)
        write_recording(output / f"everything.{name}.json", text + "\n", root)
        return
    wire = log.read_text(encoding="utf-8")
    write_recording(output / f"{name}.wire.jsonl", wire, root)
    write_recording(output / f"{name}.jsonrpc.jsonl", json_rpc_lines(wire), root)


def main(output: Path, names: list[str]) -> None:
    """Record the sessions that are named, or all of them."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="assay-mcp-") as folder:
        scratch = Path(folder).resolve()
        packages = scratch / "packages"
        npm_install(packages, *(f"@modelcontextprotocol/server-{server}@{SERVER_VERSION}" for server in SERVERS))
        for name in names or NAMES:
            record(name, packages, scratch, output)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--tee"]:
        sys.exit(tee(Path(sys.argv[2]), sys.argv[3:]))
    main(Path(sys.argv[1]), sys.argv[2:])
