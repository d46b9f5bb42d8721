"""Values for tests: each factory fills in everything but the fields that the test is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import attrs

from assay_core.contracts import CheckContext
from assay_core.model import (
    CompiledPolicy,
    Counts,
    Episode,
    Event,
    Finding,
    JsonValue,
    Provenance,
    ResourceEvent,
    ResultRow,
    RunReport,
    SourcePlace,
    Status,
    Step,
    ToolCall,
)

__all__ = [
    "make_call",
    "make_context",
    "make_episode",
    "make_event",
    "make_finding",
    "make_policy",
    "make_result",
    "make_run",
]

_COUNTED: Mapping[Status, str] = {
    "pass": "passed",
    "fail": "failed",
    "warn": "warned",
    "skipped": "skipped",
    "error": "errored",
    "unstable": "unstable",
    "flaky": "flaky",
    "allowed_on_error": "allowed_on_error",
}


def make_call(tool: str = "read_file", args: JsonValue = None, **fields: Any) -> ToolCall:
    """Return a tool call. `result` and `extra` are taken decoded, other fields as `ToolCall` names them."""
    return ToolCall.of(tool, {} if args is None else args, **fields)


def make_event(**fields: Any) -> Event:
    """Return an event: a resource event where `target` is given, a step where `kind` is, else a tool call."""
    if "target" in fields:
        return ResourceEvent(**{"kind": "file", **fields})
    if "kind" in fields:
        return Step(**fields)
    return make_call(**fields)


def make_episode(*events: Event, **fields: Any) -> Episode:
    """Return a complete episode; its tool calls are numbered in order."""
    numbered: list[Event] = []
    index = 0
    for event in events:
        if isinstance(event, ToolCall):
            event = ToolCall(**{**{name: getattr(event, name) for name in event.__struct_fields__}, "index": index})
            index += 1
        numbered.append(event)
    defaults: dict[str, Any] = {
        "id": "e1",
        "prompt": "Tidy up the folder.",
        "response": "Done.",
        "source": SourcePlace("trace.jsonl", 1),
    }
    return Episode(events=tuple(numbered), **{**defaults, **fields})


def make_finding(**fields: Any) -> Finding:
    """Return a finding about the first call of episode e1."""
    defaults: dict[str, Any] = {
        "code": "E_TOOL_DENIED",
        "message": "the policy denies the tool 'delete_file'",
        "rule": "tools.deny:delete_*",
        "source": SourcePlace("trace.jsonl", 1),
        "test_id": "policy:e1",
        "episode_id": "e1",
        "tool": "delete_file",
        "call_index": 0,
    }
    return Finding(**{**defaults, **fields})


def make_result(**fields: Any) -> ResultRow:
    """Return one row of a report: a test that passed, or failed where findings are given."""
    failed = bool(fields.get("findings"))
    defaults: dict[str, Any] = {
        "test_id": "t1",
        "status": "fail" if failed else "pass",
        "score": 0.0 if failed else 1.0,
        "message": "violated" if failed else "held",
        "episode_ids": ("e1",),
        "source": SourcePlace("trace.jsonl", 1),
    }
    return ResultRow(**{**defaults, **fields})


def make_run(results: Sequence[ResultRow] = (), **fields: Any) -> RunReport:
    """Return a finished run of these rows; findings, counts, exit code and reason code follow from them."""
    rows = tuple(sorted(results, key=lambda row: row.test_id))
    findings = tuple(finding for row in rows for finding in row.findings)
    failed = any(row.status in ("fail", "error", "unstable") for row in rows)
    defaults: dict[str, Any] = {
        "command": "ci",
        "suite": "demo",
        "exit_code": 1 if failed else 0,
        "reason_code": "E_TEST_FAILED" if failed else "",
        "message": "1 or more tests failed" if failed else "all tests passed",
        "rows": rows,
        "findings": findings,
        "counts": _counts(rows, len(findings)),
        "provenance": Provenance(assay_version="1.0.0a1"),
        "config_file": "eval.yaml",
        "trace_file": "trace.jsonl",
    }
    return RunReport(**{**defaults, **fields})


def make_policy(content: Mapping[str, JsonValue] | None = None) -> CompiledPolicy:
    """Return a compiled policy from what its file would hold; `version` is filled in."""
    from assay_core.policy import load_policy

    return cast("CompiledPolicy", load_policy({"version": "2.0", **(content or {})}))


class _NoCache:
    """A cache that keeps nothing."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002 - the protocol's signature
        return None

    def put(self, key: str, value: bytes) -> None:
        """Forget it."""


def _no_driver(group: str, name: str) -> object:
    raise LookupError(f"the test lends no driver {name!r} of {group}")


def make_context(**fields: Any) -> CheckContext:
    """Return what the core lends to a check: an offline context with an empty cache and no drivers."""
    defaults: dict[str, Any] = {
        "base_dir": Path(),
        "seed": 7,
        "cache": _NoCache(),
        "driver": _no_driver,
        "policy": None,
        "offline": True,
    }
    return CheckContext(**{**defaults, **fields})


def _counts(rows: Sequence[ResultRow], findings: int) -> Counts:
    counted: dict[str, int] = {}
    for row in rows:
        name = _COUNTED[row.status]
        counted[name] = counted.get(name, 0) + 1
    episodes = {each for row in rows for each in row.episode_ids}
    return attrs.evolve(
        Counts(**counted), total=len(rows), episodes=len(episodes), checks_exercised=len(rows), findings=findings
    )
