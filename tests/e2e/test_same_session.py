"""One session, recorded by the SDK inside the agent and from the wire outside of it, makes equal episodes.

That the Inspector's export equals the wire log of its own session is held by the importer's tests, on bundled files.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from assay_core.contracts import ImportReport
from assay_core.model import Episode
from assay_core.plugins.drivers import load
from assay_core.trace import FileSource

RECORDER = Path(__file__).resolve().parents[2] / "plugins" / "importers" / "mcp" / "tests" / "record_sessions.py"


@pytest.fixture
def recorder() -> ModuleType:
    pytest.importorskip("mcp", reason="the package mcp is not here: pip install -r requirements/demo.txt")
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node and npm are not here: the session needs an npm server")
    spec = importlib.util.spec_from_file_location("record_sessions", RECORDER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def episode_of(path: Path, importer: str) -> Episode:
    (episode,) = load("assay.importers", importer).read(FileSource(path), ImportReport())  # type: ignore[attr-defined]  # an importer
    return episode


def what_happened(episode: Episode) -> list[tuple[object, ...]]:
    return [(c.tool, c.args, c.result, c.error, c.outcome, c.server) for c in episode.tool_calls]


def what_was_announced(episode: Episode) -> list[tuple[object, ...]]:
    return [(each.name, each.description, each.input_schema, each.server) for each in episode.tool_definitions or ()]


async def run_agent(recorder: ModuleType, packages: Path, root: Path, log: Path, trace: Path) -> None:
    import assay
    from mcp import ClientSession, StdioServerParameters, stdio_client

    command = recorder.server_command(packages, "filesystem", root)
    server = StdioServerParameters(command=sys.executable, args=[str(RECORDER), "--tee", str(log), *command])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        with assay.AssayClient(trace) as client:
            assay.record_mcp(session, client)
            await recorder.use_filesystem(session, root)


def test_the_sdk_and_the_wire_record_the_same_session_alike(recorder: ModuleType, tmp_path: Path) -> None:
    packages, log, trace = tmp_path / "packages", tmp_path / "session.wire.jsonl", tmp_path / "sdk.jsonl"
    try:
        recorder.npm_install(packages, f"@modelcontextprotocol/server-filesystem@{recorder.SERVER_VERSION}")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm could not install the server: {error}")
    root = recorder.fresh_root(tmp_path, "root")

    asyncio.run(asyncio.wait_for(run_agent(recorder, packages, root, log, trace), 60))

    wire, sdk = episode_of(log, "mcp"), episode_of(trace, "jsonl")
    lines = tmp_path / "session.jsonl"
    lines.write_text("".join(json.loads(line)["raw"] + "\n" for line in log.read_text().splitlines()))
    assert [call.outcome for call in wire.tool_calls] == ["ok", "ok", "ok", "error", "error"]
    assert what_happened(sdk) == what_happened(wire) == what_happened(episode_of(lines, "mcp"))
    assert what_was_announced(sdk) == what_was_announced(wire)
    assert what_was_announced(wire)

    exported = subprocess.run(
        [sys.executable, "-m", "assay_core", "trace", "convert", str(log)], capture_output=True, check=True
    )
    (tmp_path / "converted.jsonl").write_bytes(exported.stdout)
    assert what_happened(episode_of(tmp_path / "converted.jsonl", "jsonl")) == what_happened(sdk)
