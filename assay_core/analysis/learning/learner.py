"""The learner: reads episodes as they stream by, and says what they show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
import msgspec

from assay_core.analysis.learning.knobs import Knobs
from assay_core.analysis.learning.orders import Orders
from assay_core.analysis.learning.resources import SECTION_OF, ResourceCount, Section
from assay_core.analysis.learning.sensitive import may_be_secret
from assay_core.analysis.learning.tools import ToolFacts, obstacle
from assay_core.config.starter.learnt import StarterTask
from assay_core.errors import InputError
from assay_core.model import Episode, JsonObject, ResourceEvent, ToolCall

__all__ = ["Learner", "Learnt", "learn"]

MAX_TOOLS = 500
MAX_TARGETS = 20_000  # per section
_MAX_TASKS = 20  # a starting suite, not a copy of the trace
_MAX_PROMPT = 2_000
_decode = msgspec.json.Decoder().decode


@attrs.frozen(kw_only=True)
class Learnt:
    """What a trace shows, as a first suite and policy need it. Every call it was learnt from fits it."""

    schemas: Mapping[str, JsonObject | None]  # tool to schema, sorted; None where the arguments have no common form
    unnamed: Mapping[str, str] = attrs.field(factory=dict)  # tools whose names cannot be listed, sorted, and why
    tasks: tuple[StarterTask, ...] = ()  # in the order of the trace; only tasks with calls
    most_calls: int = 0  # in one episode
    episodes: int = 0


class Learner:
    """Everything seen so far. Memory grows with the tools and targets, not with the calls."""

    def __init__(self, name: str = "", *, include_denied: bool = False) -> None:
        self.name = name  # of what is being read, for messages and provenance
        self.tools: dict[str, ToolFacts] = {}
        self.orders = Orders()
        self.resources: dict[Section, dict[str, ResourceCount]] = {"files": {}, "network": {}, "processes": {}}
        self.denied: dict[str, int] = {}  # tool to calls that were recorded as denied and not learnt
        self.episodes = 0
        self.calls = 0
        self.latest = 0.0  # the last time on record, in whatever unit the recording has; 0: none
        self._include_denied = include_denied

    def add(self, episode: Episode) -> None:
        """Take note of an episode.

        Raises:
            InputError: E_DOCUMENT_LIMIT, where there are more tools or targets than a policy for people can list.
        """
        self.episodes += 1
        calls = episode.tool_calls
        if episode.events and (last := episode.events[-1].ts_ms) is not None:
            self.latest = max(self.latest, last)
        if len(calls) != len(episode.events):
            for event in episode.events:
                if type(event) is ResourceEvent:
                    self.add_resource(event)
        if not self._include_denied and any(call.outcome == "denied" for call in calls):
            calls = self._without_denied(calls)
        if not calls:
            return
        self.calls += len(calls)
        tools = self.tools
        for call in calls:
            facts = tools.get(call.tool)
            if facts is None:
                facts = self._new_tool(call, episode)
            facts.calls += 1
            if call.outcome == "error":
                facts.errors += 1
            check = facts.check
            if check is not None:
                try:
                    args_json = call.args_json
                    if check(_decode(args_json) if args_json is not None else {}):
                        continue
                except Exception:  # noqa: BLE001 - what cannot be checked is new; `add` looks at it slowly
                    facts.add(call)
                    continue
            facts.add(call)
        names = [call.tool for call in calls]
        for name in set(names):
            tools[name].episodes += 1
        self.orders.add(names)

    def add_resource(self, event: ResourceEvent) -> None:
        """Take note of a file, network or process event. Raises as `add`."""
        counts = self.resources[SECTION_OF[event.kind]]
        count = counts.get(event.target)
        if count is None:
            if len(counts) >= MAX_TARGETS:
                raise self._too_many(f"shows more than {MAX_TARGETS} different {SECTION_OF[event.kind]}")
            count = counts[event.target] = ResourceCount()
        count.add(event)
        if event.ts_ms is not None:
            self.latest = max(self.latest, event.ts_ms)

    def merge(self, other: Learner) -> None:
        """Take note of everything that another learner knows. Raises as `add`."""
        for tool, facts in other.tools.items():
            if tool not in self.tools:
                self.tools[tool] = ToolFacts()
            self.tools[tool].merge(facts)
        if len(self.tools) > MAX_TOOLS:
            raise self._too_many(f"calls more than {MAX_TOOLS} different tools")
        self.orders.merge(other.orders)
        for section, counts in other.resources.items():
            for target, count in counts.items():
                self.resources[section].setdefault(target, ResourceCount()).merge(count)
        for tool, times in other.denied.items():
            self.denied[tool] = self.denied.get(tool, 0) + times
        self.episodes += other.episodes
        self.calls += other.calls
        self.latest = max(self.latest, other.latest)

    def forget(self, tool: str) -> None:
        """Take out everything about a tool."""
        self.tools.pop(tool, None)
        self.orders.forget(tool)

    @property
    def unnamed(self) -> dict[str, str]:
        """The tools whose names cannot be listed, sorted, and why."""
        return {tool: why for tool in sorted(self.tools) if (why := obstacle(tool))}

    @property
    def listed(self) -> list[str]:
        """The tools that a policy can list, sorted."""
        return [tool for tool in sorted(self.tools) if not obstacle(tool)]

    def schema(self, tool: str, knobs: Knobs) -> JsonObject | None:
        """Return the schema of a tool's arguments, None where they have no common form."""
        facts = self.tools[tool]
        return None if facts.formless else facts.shape.schema(knobs, facts.calls)

    def _new_tool(self, call: ToolCall, episode: Episode) -> ToolFacts:
        if len(self.tools) >= MAX_TOOLS:
            raise self._too_many(f"calls more than {MAX_TOOLS} different tools")
        line = call.line if call.line is not None else episode.source.line
        where = f"{episode.source.file}{f':{line}' if line else ''}"
        shown = "" if may_be_secret(episode.id) or len(episode.id) > 80 else f", episode {episode.id}"
        facts = self.tools[call.tool] = ToolFacts(first=where + shown)
        return facts

    def _without_denied(self, calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
        """Leave out what somebody refused: a policy must not allow it because it was tried."""
        for call in calls:
            if call.outcome == "denied":
                self.denied[call.tool] = self.denied.get(call.tool, 0) + 1
        return tuple(call for call in calls if call.outcome != "denied")

    def _too_many(self, what: str) -> InputError:
        return InputError(
            code="E_DOCUMENT_LIMIT",
            message=f"{self.name!r} {what}, too many for a policy to be read",
            remedy="learn from a trace of one agent",
        )


def learn(episodes: Iterable[Episode], name: str) -> Learnt:
    """Read the episodes once and return what a first suite and policy need of them.

    Args:
        episodes: Of one trace; a stream will do.
        name: The trace's name, for messages.

    Raises:
        InputError: E_TRACE_EMPTY, where no episode calls a tool; E_DOCUMENT_LIMIT, where more tools are called than
            a policy written for people can list.
    """
    learner = Learner(name, include_denied=True)
    tasks: dict[str, StarterTask] = {}
    for episode in episodes:
        learner.add(episode)
        _add_task(tasks, episode)
    if not learner.tools:
        raise InputError(
            code="E_TRACE_EMPTY", message=f"no episode of {name!r} calls a tool, so there is nothing to learn"
        )
    unnamed, knobs = learner.unnamed, Knobs()
    known = [
        attrs.evolve(task, tools=tuple(each for each in task.tools if each not in unnamed)) for task in tasks.values()
    ]
    return Learnt(
        schemas={tool: learner.schema(tool, knobs) for tool in learner.listed},
        unnamed=unnamed,
        tasks=tuple(task for task in known if task.tools),
        most_calls=learner.orders.most_calls(),
        episodes=learner.episodes,
    )


def _add_task(tasks: dict[str, StarterTask], episode: Episode) -> None:
    """Count the episode as an attempt at its task: only tools that every attempt called are kept."""
    prompt = episode.prompt
    if prompt is None or len(prompt) > _MAX_PROMPT or prompt == "ignore":
        prompt = None
    key = f"p{prompt}" if prompt is not None else f"e{episode.id}"
    names = {call.tool for call in episode.tool_calls}
    if known := tasks.get(key):
        tasks[key] = attrs.evolve(known, tools=tuple(sorted(names.intersection(known.tools))))
    elif len(tasks) < _MAX_TASKS:
        tasks[key] = StarterTask(prompt=prompt, episode=episode.id, tools=tuple(sorted(names)))
