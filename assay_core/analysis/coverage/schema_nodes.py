"""The branches of a JSON Schema: what an argument can be that another one is not, and how to see it in a value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, TypeAlias

import attrs
import msgspec

from assay_core.model import JsonValue
from assay_core.policy import LinearRegex

__all__ = [
    "Branch",
    "BranchKind",
    "Enumerated",
    "Members",
    "Named",
    "Node",
    "Sized",
    "Step",
    "Surely",
    "Visit",
    "key_of",
]

BranchKind: TypeAlias = Literal["property", "items", "enum", "type", "anyOf", "oneOf", "if", "dependency"]
Visit: TypeAlias = tuple["Node", object]

_encode = msgspec.json.Encoder(order="deterministic").encode
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Branch:
    """One thing that a schema provides for."""

    pointer: str  # into the tool's schema
    kind: BranchKind
    detail: str  # the property's name, the value of an enum, the name of a type; "" where the pointer says it all


class Node:
    """One schema inside a schema, and the steps that lead from a value to its branches."""

    __slots__ = ("active", "pointer", "steps")

    def __init__(self, pointer: str) -> None:
        self.pointer = pointer
        self.steps: list[Step] = []
        self.active: list[Step] = []  # those that may still find something new


class Step:
    """One keyword. `prune` keeps what may still find something new, `take` looks at a value."""

    def branches(self) -> Iterable[int]:
        """Return the branches that the step can reach itself."""
        return ()

    def targets(self) -> Iterable[Node]:
        """Return the schemas that it leads to."""
        return ()

    def prune(self, reached: set[int], needed: set[Node]) -> bool:
        """Forget what leads to nothing new; return whether anything is left."""
        raise NotImplementedError

    def take(self, value: object, reached: set[int], visits: list[Visit]) -> None:
        """Note the branches that a value reaches, and what to look at next."""
        raise NotImplementedError

    def take_all(self, values: list[object], reached: set[int], visits: list[Visit]) -> None:
        """Do the same for every element of an array."""
        for value in values:
            self.take(value, reached, visits)


class Surely(Step):
    """`allOf`, `$ref`: schemas that look at the same value whatever it is."""

    def __init__(self, target: Node) -> None:
        self._target = target

    def targets(self) -> Iterable[Node]:
        """Return the one schema."""
        return (self._target,)

    def prune(self, reached: set[int], needed: set[Node]) -> bool:  # noqa: ARG002 - the step's signature
        """Keep the step while its schema is needed."""
        return self._target in needed

    def take(self, value: object, reached: set[int], visits: list[Visit]) -> None:  # noqa: ARG002 - the step's signature
        """Look at the same value."""
        visits.append((self._target, value))


class Named(Step):
    """`properties`, `patternProperties`, `additionalProperties`, `dependentSchemas`: what a member's name leads to."""

    def __init__(self, *, in_place: bool = False) -> None:
        self._in_place = in_place  # the schema looks at the object, not at the member
        self._names: dict[str, tuple[int, Node]] = {}
        self._patterns: list[tuple[LinearRegex, int, Node]] = []
        self._rest: tuple[int, Node] | None = None
        self._known: frozenset[str] = frozenset()  # names that `additionalProperties` is not about
        self._known_patterns: tuple[LinearRegex, ...] = ()
        self._live: dict[str, tuple[int, Node]] = {}
        self._live_patterns: list[tuple[LinearRegex, int, Node]] = []
        self._live_rest: tuple[int, Node] | None = None

    def name(self, name: str, branch: int, target: Node) -> None:
        """Add a property."""
        self._names[name] = (branch, target)

    def pattern(self, regex: LinearRegex, branch: int, target: Node) -> None:
        """Add a pattern of properties."""
        self._patterns.append((regex, branch, target))

    def rest(self, known: Iterable[str], patterns: Iterable[LinearRegex], branch: int, target: Node) -> None:
        """Add what all other properties lead to."""
        self._known, self._known_patterns = frozenset(known), tuple(patterns)
        self._rest = (branch, target)

    def branches(self) -> Iterator[int]:
        """Return one branch per entry."""
        return (branch for branch, _ in self._edges())

    def targets(self) -> Iterator[Node]:
        """Return one schema per entry."""
        return (target for _, target in self._edges())

    def prune(self, reached: set[int], needed: set[Node]) -> bool:
        """Keep the entries that lead to something new."""

        def is_live(branch: int, target: Node) -> bool:
            return branch not in reached or target in needed

        self._live = {name: edge for name, edge in self._names.items() if is_live(*edge)}
        self._live_patterns = [each for each in self._patterns if is_live(each[1], each[2])]
        self._live_rest = self._rest if self._rest is not None and is_live(*self._rest) else None
        return bool(self._live or self._live_patterns or self._live_rest)

    def take(self, value: object, reached: set[int], visits: list[Visit]) -> None:
        """Look at the members of an object."""
        if type(value) is not dict:
            return
        for name in self._live.keys() & value.keys():
            branch, target = self._live[name]
            reached.add(branch)
            visits.append((target, value if self._in_place else value[name]))
        for regex, branch, target in self._live_patterns:
            for name, member in value.items():
                if regex.search(name):
                    reached.add(branch)
                    visits.append((target, member))
        if self._live_rest is not None:
            branch, target = self._live_rest
            for name in value.keys() - self._known:
                if not any(regex.search(name) for regex in self._known_patterns):
                    reached.add(branch)
                    visits.append((target, value[name]))

    def _edges(self) -> Iterator[tuple[int, Node]]:
        yield from self._names.values()
        yield from ((branch, target) for _, branch, target in self._patterns)
        if self._rest is not None:
            yield self._rest


class Sized(Step):
    """`items`, `prefixItems`: what the elements of an array lead to."""

    def __init__(self) -> None:
        self._places: list[tuple[int, int, Node]] = []  # (place, branch, target)
        self._rest: tuple[int, int, Node] | None = None  # (first place, branch, target)
        self._live: list[tuple[int, int, Node]] = []
        self._live_rest: tuple[int, int, Node] | None = None

    def place(self, branch: int, target: Node) -> None:
        """Add the schema of the next place."""
        self._places.append((len(self._places), branch, target))

    def rest(self, branch: int, target: Node) -> None:
        """Add the schema of all places after those."""
        self._rest = (len(self._places), branch, target)

    def branches(self) -> Iterator[int]:
        """Return one branch per place, and one for the rest."""
        return (branch for _, branch, _ in self._edges())

    def targets(self) -> Iterator[Node]:
        """Return one schema per place, and the one for the rest."""
        return (target for _, _, target in self._edges())

    def prune(self, reached: set[int], needed: set[Node]) -> bool:
        """Keep the places that lead to something new."""

        def is_live(edge: tuple[int, int, Node]) -> bool:
            return edge[1] not in reached or edge[2] in needed

        self._live = list(filter(is_live, self._places))
        self._live_rest = self._rest if self._rest is not None and is_live(self._rest) else None
        return bool(self._live or self._live_rest)

    def take(self, value: object, reached: set[int], visits: list[Visit]) -> None:
        """Look at the elements of an array."""
        if type(value) is not list:
            return
        for place, branch, target in self._live:
            if place < len(value):
                reached.add(branch)
                visits.append((target, value[place]))
        if self._live_rest is not None and len(value) > self._live_rest[0]:
            start, branch, target = self._live_rest
            reached.add(branch)
            for step in target.active:
                step.take_all(value[start:] if start else value, reached, visits)

    def _edges(self) -> Iterator[tuple[int, int, Node]]:
        yield from self._places
        if self._rest is not None:
            yield self._rest


class Enumerated(Step):
    """`enum` and lists of types: which of several a value is."""

    def __init__(self, members: Mapping[object, int] | None = None, types: Iterable[tuple[str, int]] = ()) -> None:
        self._members = dict(members or {})
        self._types = list(types)
        self._only_texts = all(isinstance(key, str) for key in self._members)

    def branches(self) -> Iterator[int]:
        """Return one branch per member."""
        yield from self._members.values()
        yield from (branch for _, branch in self._types)

    def prune(self, reached: set[int], needed: set[Node]) -> bool:  # noqa: ARG002 - the step's signature
        """Keep the members that were not seen."""
        self._members = {key: branch for key, branch in self._members.items() if branch not in reached}
        self._only_texts = all(isinstance(key, str) for key in self._members)
        self._types = [each for each in self._types if each[1] not in reached]
        return bool(self._members or self._types)

    def take(self, value: object, reached: set[int], visits: list[Visit]) -> None:  # noqa: ARG002 - the step's signature
        """Look which member a value is."""
        if self._members and (type(value) is str or not self._only_texts):
            branch = self._members.get(value if type(value) is str else key_of(value))
            if branch is not None:
                reached.add(branch)
        for name, branch in self._types:
            if _is_of(name, value):
                reached.add(branch)

    def take_all(self, values: list[object], reached: set[int], visits: list[Visit]) -> None:
        """Look which members the elements are: where only texts are left, at once."""
        if self._only_texts and not self._types:
            try:
                reached.update(self._members[key] for key in self._members.keys() & values)
            except TypeError:  # some elements are arrays or objects
                pass
            else:
                return
        super().take_all(values, reached, visits)


class Members(Step):
    """`anyOf`, `oneOf`, `if`/`then`/`else`: schemas that a value leads to where it fits a condition."""

    def __init__(self, edges: Iterable[tuple[Callable[[object], bool], bool, int | None, Node]]) -> None:
        self._edges = list(edges)  # (condition, what it has to be, branch, target)
        self._live = self._edges

    def branches(self) -> Iterator[int]:
        """Return the branches of the edges that have one."""
        return (branch for _, _, branch, _ in self._edges if branch is not None)

    def targets(self) -> Iterator[Node]:
        """Return the schemas."""
        return (target for _, _, _, target in self._edges)

    def prune(self, reached: set[int], needed: set[Node]) -> bool:
        """Keep the edges that lead to something new."""
        self._live = [
            each for each in self._edges if (each[2] is not None and each[2] not in reached) or each[3] in needed
        ]
        return bool(self._live)

    def take(self, value: object, reached: set[int], visits: list[Visit]) -> None:
        """Ask which conditions a value fits."""
        for condition, wanted, branch, target in self._live:
            try:
                fits = condition(value)
            except Exception:  # noqa: BLE001 - what the engine cannot judge does not fit
                fits = False
            if fits is wanted:
                if branch is not None:
                    reached.add(branch)
                visits.append((target, value))


def key_of(value: JsonValue | object) -> object:
    """Return what equal JSON values have in common: 1 and 1.0 are equal, 1 and true are not. A text is itself."""
    if type(value) is str:
        return value
    if type(value) is bool or value is None:
        return (type(value), value)
    if isinstance(value, (int, float)):
        return (float, value)
    try:
        return (list, _encode(value))
    except (TypeError, ValueError, RecursionError, OverflowError):
        return (object, None)


def _is_of(name: str, value: object) -> bool:
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == "integer":
        return type(value) is int or (type(value) is float and value.is_integer())
    return isinstance(value, _JSON_TYPES.get(name, ()))
