"""Record real results of promptfoo, for the tests of this importer.

    python plugins/importers/promptfoo/tests/record_results.py OUTPUT-FOLDER PROMPTFOO-EXECUTABLE [OLD-EXECUTABLE]

Nothing here is made up: the `promptfoo` of npm runs an evaluation, offline, and writes `office.json` and
`office.jsonl`. Its own providers of OpenAI's and Anthropic's interfaces talk to a small server in this file, so where
they put tool calls is their choice; `echo` is promptfoo's, `agent.js` a custom provider. There are tests that pass,
that fail, and that end in an error. Needs Node and `npm install promptfoo`. An old promptfoo, such as 0.31.2, writes
`office.v2.json`: the second version of the format, with the custom provider alone.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CITY = {"city": "Oslo"}
CHAT = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "gpt-4o-mini",
    "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": None, "refusal": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": json.dumps(CITY)}},
            {"id": "call_2", "type": "function", "function": {"name": "send_mail", "arguments": '{"to":'}},
        ]}}],
    "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30},
}  # fmt: skip
RESPONSES = {
    "id": "resp_1", "object": "response", "created_at": 0, "status": "completed", "model": "gpt-4o-mini", "error": None,
    "output": [
        {"type": "function_call", "id": "fc_1", "call_id": "call_3", "name": "get_weather", "status": "completed",
         "arguments": json.dumps(CITY)},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "I am looking.", "annotations": []}]},
    ],
    "usage": {"input_tokens": 20, "output_tokens": 10, "total_tokens": 30},
}  # fmt: skip
MESSAGES = {
    "id": "msg_2", "type": "message", "role": "assistant", "model": "claude-3-5-haiku-20241022",
    "content": [{"type": "text", "text": "I am looking."},
                {"type": "tool_use", "id": "toolu_9", "name": "get_weather", "input": CITY}],
    "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 20, "output_tokens": 10},
}  # fmt: skip
ANSWERS = {"/v1/chat/completions": CHAT, "/v1/responses": RESPONSES, "/v1/messages": MESSAGES}


class Models(BaseHTTPRequestHandler):
    """Answers as the interfaces of OpenAI and Anthropic do."""

    def do_POST(self) -> None:
        """Answer one request."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = ANSWERS.get(self.path)
        body = json.dumps(answer or {"error": {"message": f"no such path: {self.path}"}}).encode()
        self.send_response(200 if answer else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def suite(address: str) -> dict[str, object]:
    """Return the configuration."""
    tool = {"name": "get_weather", "description": "Tell the weather of a city."}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    openai = {"apiBaseUrl": f"{address}/v1", "apiKey": "not-a-real-key"}
    chat_tool = {"type": "function", "function": {**tool, "parameters": schema}}
    return {
        "description": "the office agent",
        "prompts": ["Answer: {{question}}"],
        "providers": [
            "echo",
            "file://agent.js",
            {"id": "openai:chat:gpt-4o-mini", "config": {**openai, "tools": [chat_tool]}},
            {"id": "openai:responses:gpt-4o-mini",
             "config": {**openai, "tools": [{"type": "function", **tool, "parameters": schema}]}},
            {"id": "anthropic:messages:claude-3-5-haiku-20241022", "config": {
                "apiBaseUrl": address, "apiKey": "not-a-real-key", "tools": [{**tool, "input_schema": schema}]}},
        ],
        "tests": [
            {"description": "weather", "vars": {"question": "the weather in Oslo?"},
             "assert": [{"type": "contains", "value": "Oslo"}]},
            {"description": "outage", "vars": {"question": "is there an outage?"}, "metadata": {"topic": "health"},
             "assert": [{"type": "contains", "value": "all is well"}]},
        ],
    }  # fmt: skip


def old_suite() -> dict[str, object]:
    """Return a configuration that promptfoo took years ago."""
    return {
        "description": "the office agent", "prompts": ["prompt.txt"], "providers": ["./agent.js"],
        "tests": [
            {"vars": {"question": "the weather in Oslo?"}, "assert": [{"type": "contains", "value": "Oslo"}]},
            {"vars": {"question": "is there an outage?"}, "assert": [{"type": "contains", "value": "all is well"}]},
            {"vars": {"question": "is it calm?"}, "assert": [{"type": "contains", "value": "all is well"}]},
        ],
    }  # fmt: skip


def record(folder: Path, promptfoo: str) -> None:
    """Write `office.json` and `office.jsonl`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Models)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    names = ("office.json", "office.jsonl")
    run(suite(address), promptfoo, ["-j", "1"], {name: folder / name for name in names}, address)
    server.shutdown()


def run(config: object, promptfoo: str, flags: list[str], outputs: dict[str, Path], address: str) -> None:
    """Run an evaluation in a folder of its own and copy its outputs."""
    off = ("DISABLE_TELEMETRY", "DISABLE_UPDATE", "DISABLE_REMOTE_GENERATION", "DISABLE_SHARING")
    with tempfile.TemporaryDirectory() as place:
        settings = {f"PROMPTFOO_{name}": "1" for name in off} | {"PROMPTFOO_CONFIG_DIR": f"{place}/settings"}
        shutil.copy(Path(__file__).parent / "agent.js", place)
        (Path(place) / "promptfooconfig.json").write_text(json.dumps(config))
        (Path(place) / "prompt.txt").write_text("Answer: {{question}}")
        command = [promptfoo, "eval", "-c", "promptfooconfig.json", "--no-cache", "--no-progress-bar", *flags]
        done = subprocess.run(
            [*command, *(word for name in outputs for word in ("-o", name))],
            cwd=place, env={**os.environ, **settings}, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        for name, output in outputs.items():
            if not (Path(place) / name).exists():
                raise SystemExit(done.stdout + done.stderr)
            text = (Path(place) / name).read_text(encoding="utf-8")
            output.write_text(text.replace(address, "http://localhost:8080"), encoding="utf-8")


if __name__ == "__main__":
    where = Path(sys.argv[1]).resolve()
    record(where, sys.argv[2])
    if len(sys.argv) > 3:
        old = {"old.json": where / "office.v2.json"}
        run(old_suite(), sys.argv[3], ["--no-write", "-j", "1"], old, "http://localhost:8080")
