"""A policy and a suite that hold a trace to what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

import attrs

from assay_core.config.starter.templates import POLICY_HEAD, fill, template
from assay_core.config.starter.yaml_text import block, comment, scalar
from assay_core.model import JsonObject, JsonValue

__all__ = ["CLIMBS", "CLIMBS_SCHEMA", "StarterTask", "learnt_policy", "learnt_suite"]

CLIMBS = "#/$defs/climbs"  # what learnt schemas refer to
CLIMBS_SCHEMA = {"type": "string", "pattern": r"(^|[/\\])\.\.([/\\]|$)"}
_ID_LENGTH = 48
_SCHEMAS_HEAD = "# JSON Schema 2020-12 per tool, by its exact name. Widen what is too narrow.\nschemas:\n"
_TESTS_HEAD = "\n# One test per task of the trace. Keep the calls that the task cannot do without.\ntests:\n"


@attrs.frozen(kw_only=True)
class StarterTask:
    """A task that gets a test: the tools that must be called."""

    prompt: str | None  # None: the test names the episode
    episode: str
    tools: tuple[str, ...]


def learnt_policy(trace: str, schemas: Mapping[str, JsonObject | None], *, episodes: int, most_calls: int) -> str:
    """Return a policy that allows these tools with these arguments, and nothing else.

    Args:
        trace: The trace's name, for a comment.
        schemas: Tool to the schema of its arguments; None where they have no common form.
        episodes: How many episodes were seen.
        most_calls: The most calls of one episode.
    """
    closed = {tool: schema for tool, schema in schemas.items() if schema is not None}
    allow = "".join(f"\n    - {scalar(tool)}" for tool in schemas)
    return POLICY_HEAD + fill(
        template("policy-learnt.yaml"),
        trace=comment(trace),
        seen=f"{_count(len(schemas), 'tool')} in {_count(episodes, 'episode')}",
        allow=f"allow:{allow or ' []'}",
        schemas="".join(_schema_lines(closed)),
        limit=str(max(20, 2 * most_calls)),
        most=str(most_calls),
        unconstrained="deny" if len(closed) == len(schemas) else "warn",
    )


def learnt_suite(tasks: Iterable[StarterTask]) -> str:
    """Return a suite with one test per task."""
    lines: list[str] = []
    taken: set[str] = set()
    for task in tasks:
        selector = f"prompt: {scalar(task.prompt)}" if task.prompt is not None else f"episode: {scalar(task.episode)}"
        lines.append(f"  - id: {_test_id(task, taken)}\n    input: {{{selector}}}\n    assertions:\n")
        lines.extend(f"      - {{type: trace_must_call_tool, tool: {scalar(tool)}}}\n" for tool in task.tools)
    return fill(template("eval-learnt.yaml"), tests=_TESTS_HEAD + "".join(lines) if lines else "").rstrip("\n") + "\n"


def _schema_lines(schemas: Mapping[str, JsonObject]) -> Iterator[str]:
    if schemas:
        yield _SCHEMAS_HEAD
        shared: dict[str, JsonValue] = {"$defs": {"climbs": CLIMBS_SCHEMA}} if CLIMBS in json.dumps(schemas) else {}
        for line in block({**shared, **schemas}, 2):
            yield f"{line}\n"
        yield "\n"


def _test_id(task: StarterTask, taken: set[str]) -> str:
    """Return a readable id that no other test has."""
    source = task.prompt if task.prompt is not None else task.episode
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in source.lower()).split()
    stem = words[0][:_ID_LENGTH] if words else "task"
    for word in words[1:]:
        if len(stem) + len(word) >= _ID_LENGTH:
            break
        stem += f"-{word}"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name)
    return scalar(name)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
