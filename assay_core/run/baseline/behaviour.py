"""What a test's episodes did, reduced to what can be compared: tools, their order, the shapes of arguments.

No value of any argument is kept, only keys and types.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import attrs

from assay_core.model import Episode, JsonObject, JsonValue, ToolCall

__all__ = ["Behaviour", "BehaviourTally"]

_EPISODES = 1_000  # further ones are not looked at
_CALLS = 1_000  # of one episode
_TOOLS = 100  # of one test
_ORDERED = 24  # tools whose order is compared, in the order of their names
_POINTERS = 100  # of one tool
_DEPTH = 4
_ELEMENTS = 20  # of one list
_NAME = 300

Order = Mapping[tuple[str, str], tuple[int, int, int]]
Shapes = Mapping[str, Mapping[str, Mapping[str, int]]]


@attrs.frozen(kw_only=True)
class Behaviour:
    """What was seen in so many episodes. Every number counts episodes."""

    episodes: int
    tools: Mapping[str, int]
    order: Order  # pair of names, sorted: all calls of the first before the second, all after it, mixed
    arguments: Shapes  # tool, then JSON Pointer, then JSON type
    cut: bool = False  # True: some of it is not listed

    def to_json(self) -> JsonObject:
        """Return it as run.json and baselines have it."""
        body: dict[str, JsonValue] = {
            "episodes": self.episodes,
            "tools": dict(sorted(self.tools.items())),
            "order": [[*pair, *counts] for pair, counts in sorted(self.order.items())],
            "arguments": {
                tool: {pointer: dict(sorted(types.items())) for pointer, types in sorted(pointers.items())}
                for tool, pointers in sorted(self.arguments.items())
            },
        }
        if self.cut:
            body["cut"] = True
        return body


class BehaviourTally:
    """Takes the episodes of one test, one by one. Memory is bounded whatever they hold."""

    def __init__(self) -> None:
        self._episodes = 0
        self._tools: Counter[str] = Counter()
        self._order: dict[tuple[str, str], list[int]] = {}
        self._shapes: dict[str, dict[str, Counter[str]]] = {}
        self._cut = False

    def add(self, episode: Episode) -> None:
        """Take one episode."""
        if self._episodes >= _EPISODES:
            return
        self._episodes += 1
        calls = episode.tool_calls
        self._cut = self._cut or len(calls) > _CALLS
        spans: dict[str, tuple[int, int]] = {}
        seen: dict[str, set[tuple[str, str]]] = {}
        for at, call in enumerate(calls[:_CALLS]):
            name = call.tool[:_NAME]
            if name not in self._shapes:
                if len(self._shapes) >= _TOOLS:
                    self._cut = True
                    continue
                self._shapes[name] = {}
            spans[name] = (spans[name][0], at) if name in spans else (at, at)
            seen.setdefault(name, set()).update(_shape(call))
        self._tools.update(spans.keys())
        for name, shape in seen.items():
            self._take_shape(self._shapes[name], shape)
        self._take_order(spans)

    def result(self) -> Behaviour:
        """Return what was seen so far."""
        return Behaviour(
            episodes=self._episodes,
            tools=dict(self._tools),
            order={pair: (one, two, mixed) for pair, (one, two, mixed) in self._order.items()},
            arguments={tool: {key: dict(types) for key, types in keys.items()} for tool, keys in self._shapes.items()},
            cut=self._cut,
        )

    def _take_shape(self, known: dict[str, Counter[str]], shape: set[tuple[str, str]]) -> None:
        for pointer, kind in shape:
            if pointer not in known:
                if len(known) >= _POINTERS:
                    self._cut = True
                    continue
                known[pointer] = Counter()
            known[pointer][kind] += 1

    def _take_order(self, spans: Mapping[str, tuple[int, int]]) -> None:
        names = sorted(spans)[:_ORDERED]
        for at, one in enumerate(names):
            for two in names[at + 1 :]:
                relation = 0 if spans[one][1] < spans[two][0] else 1 if spans[two][1] < spans[one][0] else 2
                self._order.setdefault((one, two), [0, 0, 0])[relation] += 1


def _shape(call: ToolCall) -> Iterator[tuple[str, str]]:
    return _walk(call.args, "", 0)


def _walk(value: JsonValue, pointer: str, depth: int) -> Iterator[tuple[str, str]]:
    yield pointer, _type(value)
    if depth == _DEPTH:
        return
    if isinstance(value, dict):
        for key, item in list(value.items())[:_POINTERS]:
            step = key[:_NAME].replace("~", "~0").replace("/", "~1")
            yield from _walk(item, f"{pointer}/{step}", depth + 1)
    elif isinstance(value, list):
        for item in value[:_ELEMENTS]:
            yield from _walk(item, f"{pointer}/*", depth + 1)


def _type(value: JsonValue) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return "string" if isinstance(value, str) else "object" if isinstance(value, dict) else "array"
