"""What a trace shows of an agent: its tools, the shape of their arguments, its tasks."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import attrs

from assay_core.config.starter.learnt import CLIMBS, StarterTask
from assay_core.errors import InputError
from assay_core.model import Episode, JsonObject, JsonValue, ToolCall

__all__ = ["Learnt", "learn"]

_MAX_TOOLS = 500
_MAX_TASKS = 20  # a starting suite, not a copy of the trace
_MAX_PROPERTIES = 100
_MAX_PROMPT = 2_000
_MAX_NAME = 100  # escaped it still fits the 1024 characters of a YAML key
_MAX_ORIGINS = 5
_CLIMBS = re.compile(r"(^|[/\\])\.\.([/\\]|$)")
_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"),
    (list, "array"), (dict, "object"), (type(None), "null"),
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Learnt:
    """What a trace shows. Every call it was learnt from fits it."""

    schemas: Mapping[str, JsonObject | None]  # tool to schema, sorted; None where the arguments have no common form
    unnamed: Mapping[str, str] = attrs.field(factory=dict)  # tools whose names cannot be listed, sorted, and why
    tasks: tuple[StarterTask, ...] = ()  # in the order of the trace; only tasks with calls
    most_calls: int = 0  # in one episode
    episodes: int = 0


@attrs.define
class _Argument:
    """What was seen of one argument of one tool."""

    count: int = 0
    types: set[str] = attrs.field(factory=set)
    folder: str | None = None  # the deepest folder above every absolute path so far
    origins: set[str] = attrs.field(factory=set)
    kinds: set[str] = attrs.field(factory=set)  # of "path", "url", "text"

    def add(self, value: JsonValue) -> None:
        self.count += 1
        self.types.add(next((name for kind, name in _TYPES if isinstance(value, kind)), "object"))
        if isinstance(value, str):
            self._add_text(value)

    def _add_text(self, text: str) -> None:
        if text.startswith("/") and not _CLIMBS.search(text) and "\\" not in text:
            self.kinds.add("path")
            above = posixpath.dirname(text.rstrip("/")) or "/"
            self.folder = above if self.folder is None else posixpath.commonpath((self.folder, above))
        elif origin := _origin(text):
            self.kinds.add("url")
            if len(self.origins) <= _MAX_ORIGINS:
                self.origins.add(origin)
        else:
            self.kinds.add("text")

    def schema(self) -> JsonObject:
        types = sorted(self.types - {"integer"} if "number" in self.types else self.types)
        schema: dict[str, JsonValue] = {"type": types[0] if len(types) == 1 else types}
        if self.kinds == {"path"} and self.folder not in (None, "/", "//"):
            schema["pattern"] = f"^{_literal(str(self.folder))}/"
            schema["not"] = {"$ref": CLIMBS}
        elif self.kinds == {"url"} and len(self.origins) <= _MAX_ORIGINS:
            schema["pattern"] = f"^({'|'.join(_literal(each) for each in sorted(self.origins))})(/|$)"
        return schema


@attrs.define
class _Tool:
    calls: int = 0
    arguments: dict[str, _Argument] = attrs.field(factory=dict)
    formless: bool = False

    def add(self, call: ToolCall) -> None:
        self.calls += 1
        args = call.args
        if not isinstance(args, dict):
            self.formless = True
            return
        for key, value in args.items():
            if len(key) > _MAX_NAME or (key not in self.arguments and len(self.arguments) >= _MAX_PROPERTIES):
                self.formless = True
                return
            self.arguments.setdefault(key, _Argument()).add(value)

    def schema(self) -> JsonObject | None:
        if self.formless:
            return None
        schema: dict[str, JsonValue] = {"type": "object"}
        if required := sorted(key for key, each in self.arguments.items() if each.count == self.calls):
            schema["required"] = required
        schema["additionalProperties"] = False
        schema["properties"] = {key: self.arguments[key].schema() for key in sorted(self.arguments)}
        return schema


def learn(episodes: Iterable[Episode], name: str) -> Learnt:
    """Read the episodes once and return what they show.

    Args:
        episodes: Of one trace; a stream will do.
        name: The trace's name, for messages.

    Raises:
        InputError: E_TRACE_EMPTY, where no episode calls a tool; E_DOCUMENT_LIMIT, where more tools are called than
            a policy written for people can list.
    """
    tools: dict[str, _Tool] = {}
    tasks: dict[str, StarterTask] = {}
    most = count = 0
    for episode in episodes:
        calls = episode.tool_calls
        count += 1
        most = max(most, len(calls))
        for call in calls:
            tools.setdefault(call.tool, _Tool()).add(call)
        if len(tools) > _MAX_TOOLS:
            raise InputError(
                code="E_DOCUMENT_LIMIT",
                message=f"{name!r} calls more than {_MAX_TOOLS} different tools, too many for a policy to be read",
                remedy="learn from a trace of one agent",
            )
        _add_task(tasks, episode, calls)
    if not tools:
        raise InputError(
            code="E_TRACE_EMPTY", message=f"no episode of {name!r} calls a tool, so there is nothing to learn"
        )
    unnamed = {tool: obstacle for tool in sorted(tools) if (obstacle := _obstacle(tool))}
    listed = [
        attrs.evolve(task, tools=tuple(each for each in task.tools if each not in unnamed)) for task in tasks.values()
    ]
    return Learnt(
        schemas={tool: tools[tool].schema() for tool in sorted(tools) if tool not in unnamed},
        unnamed=unnamed,
        tasks=tuple(task for task in listed if task.tools),
        most_calls=most,
        episodes=count,
    )


def _add_task(tasks: dict[str, StarterTask], episode: Episode, calls: Sequence[ToolCall]) -> None:
    """Count the episode as an attempt at its task: only tools that every attempt called are kept."""
    prompt = episode.prompt
    if prompt is None or len(prompt) > _MAX_PROMPT or prompt == "ignore":
        prompt = None
    key = f"p{prompt}" if prompt is not None else f"e{episode.id}"
    names = {call.tool for call in calls}
    if known := tasks.get(key):
        tasks[key] = attrs.evolve(known, tools=tuple(sorted(names.intersection(known.tools))))
    elif len(tasks) < _MAX_TASKS:
        tasks[key] = StarterTask(prompt=prompt, episode=episode.id, tools=tuple(sorted(names)))


def _obstacle(tool: str) -> str:
    """Return why a name would not mean just itself in `tools.allow` and in `schemas`, "" if it does."""
    if not (tool.isascii() and tool.isprintable()):
        return "its name is not printable ASCII"  # it may look like another's; listing it would let it pass
    if not tool or len(tool) > _MAX_NAME:
        return f"its name is longer than {_MAX_NAME} characters" if tool else "it has no name"
    if "*" in tool or "?" in tool:
        return "as a pattern its name would allow others too"
    if tool != tool.strip():
        return "its name begins or ends with white space"
    if tool.startswith("$"):
        return "in a policy a name that begins with $ is no tool"
    if tool.startswith("x-"):
        return "in a policy a key that begins with x- is a remark, so its arguments would not be checked"
    return ""


def _literal(text: str) -> str:
    """Return a pattern that matches the text itself, in the dialect of JSON Schema."""
    return re.sub(r"([\\.^$|?*+()\[\]{}])", r"\\\1", text)


def _origin(text: str) -> str:
    """Return `scheme://host:port` of a web address, "" for anything else."""
    if not text.startswith(("http://", "https://")):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc and "@" not in parts.netloc else ""
