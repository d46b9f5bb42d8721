"""A small MCP server for tests: answers calls, writes down every line it gets, and misbehaves where it is told to."""

from __future__ import annotations

import json
import os
import sys

TOOLS = [{"name": name, "inputSchema": {"type": "object"}} for name in ("read", "exec", "quit", "spill")]


def main(seen_path: str) -> int:
    """Serve until the input ends; `quit` ends with the exit code it is given."""
    with open(seen_path, "ab", buffering=0) as seen:  # noqa: PTH123 - a script that imports little
        for line in sys.stdin.buffer:
            seen.write(line)
            message = json.loads(line)
            if "id" in message and (code := answer(message)) is not None:
                return code
    return 0


def answer(message: dict[str, object]) -> int | None:
    """Answer one request; return the exit code where it is the last one."""
    method, params = message.get("method"), message.get("params")
    result: object = {}
    if method == "initialize":
        result = {
            "protocolVersion": "2025-11-25", "capabilities": {"tools": {}},
            "serverInfo": {"name": "echo", "version": "1"},
        }  # fmt: skip
    elif method == "tools/list":
        result = {"tools": TOOLS}
    elif isinstance(params, dict):
        arguments = params.get("arguments") or {}
        if params.get("name") == "quit":
            return int(arguments["code"])
        if params.get("name") == "spill":
            sys.stdout.write("a line that is no frame\n")
        result = {"content": [{"type": "text", "text": json.dumps([arguments, os.environ.get("ASSAY_TEST_SECRET")])}]}
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}) + "\n")
    sys.stdout.flush()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
