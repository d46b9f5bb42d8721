"""What a test's episodes did, reduced to what can be compared: tools, their order, the shapes of arguments.

No value of any argument is kept, only keys and types.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice

import attrs

from assay_core.model import Episode, JsonObject, JsonValue

__all__ = ["Behaviour", "BehaviourTally", "EpisodeActs"]

_EPISODES = 250  # of one test; further ones are not looked at
_CALLS = 500  # of one episode
_TOOLS = 100  # of one test
_ORDERED = 24  # tools whose order is compared, in the order of their names
_POINTERS = 100  # of one tool
_DEPTH = 4
_ELEMENTS = 20  # of one list
_NAME = 300
_SCALARS = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}

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


class EpisodeActs:
    """What one episode did: made once, whatever the number of tests that look at it."""

    def __init__(self, episode: Episode) -> None:
        calls = episode.tool_calls
        self.cut = len(calls) > _CALLS
        self.spans: dict[str, tuple[int, int]] = {}  # tool to the index of its first and its last call
        self.shapes: dict[str, set[tuple[str, str]]] = {}  # tool to pairs of JSON Pointer and JSON type
        for at, call in enumerate(calls[:_CALLS]):
            name = call.tool[:_NAME]
            if name in self.spans:
                self.spans[name] = (self.spans[name][0], at)
            else:
                self.spans[name] = (at, at)
                self.shapes[name] = set()
            _walk(call.args, "", 0, self.shapes[name])


class BehaviourTally:
    """Takes the episodes of one test, one by one. Memory is bounded whatever they hold."""

    def __init__(self) -> None:
        self._episodes = 0
        self._tools: Counter[str] = Counter()
        self._order: dict[tuple[str, str], list[int]] = {}
        self._shapes: dict[str, dict[str, Counter[str]]] = {}
        self._cut = False

    @property
    def is_full(self) -> bool:
        """Whether further episodes are not looked at."""
        return self._episodes >= _EPISODES

    def add(self, acts: EpisodeActs) -> None:
        """Take one episode."""
        if self.is_full:
            return
        self._episodes += 1
        self._cut = self._cut or acts.cut
        for name, shape in acts.shapes.items():
            if name not in self._shapes:
                if len(self._shapes) >= _TOOLS:
                    self._cut = True
                    continue
                self._shapes[name] = {}
            self._tools[name] += 1
            self._take_shape(self._shapes[name], shape)
        self._take_order({name: span for name, span in acts.spans.items() if name in self._shapes})

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
        for pointer, kind in sorted(shape):  # sorted: which ones are cut off is the same every time
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


def _walk(value: JsonValue, pointer: str, depth: int, found: set[tuple[str, str]]) -> None:
    """Add pointer and type of a value and of all below it, as far as is looked."""
    if isinstance(value, dict):
        found.add((pointer, "object"))
        if depth < _DEPTH:
            for key, item in islice(value.items(), _POINTERS):
                step = key[:_NAME]
                if "/" in step or "~" in step:
                    step = step.replace("~", "~0").replace("/", "~1")
                _walk(item, f"{pointer}/{step}", depth + 1, found)
    elif isinstance(value, list):
        found.add((pointer, "array"))
        if depth < _DEPTH:
            for item in islice(value, _ELEMENTS):
                _walk(item, f"{pointer}/*", depth + 1, found)
    else:
        found.add((pointer, _SCALARS[type(value)]))
