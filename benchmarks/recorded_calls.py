"""A large trace and its policy, made from a seed; and the loop one would write without assay. No benchmark itself."""

from __future__ import annotations

import fnmatch
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema

CALLS_PER_EPISODE = 50
TOOLS = [
    f"{verb}_{noun}"
    for verb in ("read", "search", "list", "fetch")
    for noun in ("file", "page", "ticket", "order", "user")
]
DENY = ["admin.*", "*_secret", *(f"exec_{number}_*" for number in range(18))]
ALLOW = [
    "read_*",
    "search_*",
    "list_*",
    "fetch_*",
    "admin.*",
    "delete_*",
    *(f"other_{number}_*" for number in range(44)),
]
SCHEMA = {
    "type": "object",
    "required": ["id", "path"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer", "minimum": 0},
        "path": {"type": "string", "pattern": "^/srv/"},
        "limit": {"type": "integer", "maximum": 100},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 8},
    },
}
SCHEMAS = [*TOOLS, "delete_order"]
POLICY = {
    "version": "2.0",
    "name": "benchmark",
    "tools": {"allow": ALLOW, "deny": DENY},
    "schemas": dict.fromkeys(SCHEMAS, SCHEMA),
    "sequences": [
        {"id": "search-first", "type": "before", "first": "search_order", "then": "delete_order"},
        {"id": "few-fetches", "type": "max_calls", "tool": "fetch_page", "max": 40},
        {"id": "no-fetch-after-user", "type": "never_after", "trigger": "admin.*", "forbidden": "fetch_*"},
    ],
    "limits": {"max_tool_calls_total": 500},
}


def write_trace(path: Path, calls: int, seed: int = 7) -> None:
    """Write V2 events: episodes of fifty calls, of which about one in three hundred breaks the policy."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as stream:
        for episode in range(-(-calls // CALLS_PER_EPISODE)):
            head = f'"episode_id":"run-{episode:06d}"'
            stream.write(
                f'{{"type":"episode_start",{head},"timestamp":0,"input":{{"prompt":"task {episode}"}},"meta":null}}\n'
            )
            for index in range(min(CALLS_PER_EPISODE, calls - episode * CALLS_PER_EPISODE)):
                stream.write(_call(rng, head, index))
            stream.write(f'{{"type":"episode_end",{head},"timestamp":99,"outcome":"pass","final_output":"done"}}\n')


def _call(rng: random.Random, head: str, index: int) -> str:
    kind = rng.random()
    tool = "admin.reset" if kind < 0.001 else "delete_order" if kind < 0.01 else rng.choice(TOOLS)
    args: dict[str, Any] = {
        "id": rng.randrange(10**6),
        "path": f"/srv/{rng.choice('abcdef')}/{rng.randrange(10**4)}.json",
    }
    if rng.random() < 0.5:
        args["limit"] = rng.randrange(100)
    if rng.random() < 0.3:
        args["tags"] = [f"t{rng.randrange(50)}" for _ in range(rng.randrange(5))]
    if rng.random() < 0.001:
        args["limit"] = "all"
    body = json.dumps(args, separators=(",", ":"))
    return (
        f'{{"type":"tool_call",{head},"step_id":"step_{index:03d}","timestamp":{index},"tool_name":"{tool}","call_index":0,'
        f'"args":{body},"args_sha256":null,"result":{{"ok":true}},"result_sha256":null,"error":null,"truncations":[]}}\n'
    )


def naive(lines: Iterable[bytes]) -> int:
    """Decide the calls of a trace as one would in an afternoon: json, fnmatch, jsonschema. Return the calls refused."""
    validators = {tool: jsonschema.Draft202012Validator(SCHEMA) for tool in SCHEMAS}
    refused = 0
    seen: set[str] = set()
    pages = total = 0
    for line in lines:
        event = json.loads(line)
        if event["type"] == "episode_start":
            seen, pages, total = set(), 0, 0
        if event["type"] != "tool_call":
            continue
        tool, args = event["tool_name"], event["args"]
        total += 1
        pages += tool == "fetch_page"
        if (
            total > 500
            or any(fnmatch.fnmatchcase(tool, each) for each in DENY)
            or not any(fnmatch.fnmatchcase(tool, each) for each in ALLOW)
            or (tool in validators and list(validators[tool].iter_errors(args)))
            or (tool == "delete_order" and "search_order" not in seen)
            or pages > 40
            or (tool.startswith("fetch_") and any(each.startswith("admin.") for each in seen))
        ):
            refused += 1
        seen.add(tool)
    return refused
