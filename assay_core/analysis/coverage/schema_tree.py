"""From the text of a JSON Schema to its branches and the steps that find them in values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assay_core.analysis.coverage.schema_nodes import (
    Branch,
    BranchKind,
    Enumerated,
    Members,
    Named,
    Node,
    Sized,
    Step,
    Surely,
    key_of,
)
from assay_core.errors import AssayError
from assay_core.model import JsonObject, JsonValue
from assay_core.policy import LinearRegex, linear_regex
from assay_core.policy.matching.schema_text import SchemaFault, inner_schemas, resolved
from assay_core.policy.matching.schemas import CompiledSchema, part_checks

__all__ = ["MAX_BRANCHES", "SchemaTree"]

MAX_BRANCHES = 10_000  # of one tool's schema; what stands after them is not measured
_MAX_DETAIL = 80
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_Check = Callable[[object], bool]


class SchemaTree:
    """The nodes of one schema. Made once; the nodes then change as they are pruned."""

    def __init__(self, schema: CompiledSchema) -> None:
        self.branches: list[Branch] = []
        self.truncated = False
        self.nodes: dict[str, Node] = {}
        self.own: dict[Node, tuple[int, ...]] = {}  # the branches that the steps of a node reach
        self.sources: dict[Node, list[Node]] = {}  # the nodes that lead to a node
        self._root: JsonValue = schema.schema
        self._schema = schema
        self._checks: Callable[[str], _Check] | None = None
        self._places: dict[int, str] = {}  # of every schema inside, by identity: what references lead to
        self._waiting: list[tuple[Node, JsonObject]] = []
        self.root = self._node("", self._root)
        while self._waiting:  # no recursion: references make schemas deeper than their text
            self._expand(*self._waiting.pop())

    def _expand(self, node: Node, schema: JsonObject) -> None:
        """Give a node its steps."""
        steps: list[Step | None] = [self._named(node, schema), self._sized(node, schema)]
        steps += [self._enumerated(node, schema), self._conditional(node, schema), self._dependent(node, schema)]
        steps += [self._members(node, schema, "anyOf"), self._members(node, schema, "oneOf")]
        for index, inner in enumerate(_list(schema, "allOf")):
            steps.append(Surely(self._node(f"{node.pointer}/allOf/{index}", inner)))
        for key in _REFERENCES:
            if key in schema and (target := self._referred(schema[key])) is not None:
                steps.append(Surely(target))
        node.steps = [step for step in steps if step is not None]
        self.own[node] = tuple(branch for step in node.steps for branch in step.branches())
        for step in node.steps:
            for target in step.targets():
                self.sources.setdefault(target, []).append(node)

    def _named(self, node: Node, schema: JsonObject) -> Step | None:
        step, found = Named(), False
        properties, patterns = _mapping(schema, "properties"), _mapping(schema, "patternProperties")
        for name, inner in properties.items():
            branch = self._branch(f"{node.pointer}/properties/{_escaped(name)}", "property", name, inner)
            if branch is not None:
                step.name(name, branch, self._node(f"{node.pointer}/properties/{_escaped(name)}", inner))
                found = True
        regexes: list[LinearRegex] = []
        for text, inner in patterns.items():
            pointer = f"{node.pointer}/patternProperties/{_escaped(text)}"
            regex = _regex(text)
            branch = self._branch(pointer, "property", text, inner) if regex else None
            if regex is not None:
                regexes.append(regex)
            if regex is not None and branch is not None:
                step.pattern(regex, branch, self._node(pointer, inner))
                found = True
        rest = schema.get("additionalProperties")
        if isinstance(rest, Mapping) and rest and len(regexes) == len(patterns):
            pointer = f"{node.pointer}/additionalProperties"
            branch = self._branch(pointer, "property", "any other", rest)
            if branch is not None:
                step.rest(properties, regexes, branch, self._node(pointer, rest))
                found = True
        return step if found else None

    def _dependent(self, node: Node, schema: JsonObject) -> Step | None:
        step, found = Named(in_place=True), False
        for keyword in ("dependentSchemas", "dependencies"):
            for name, inner in _mapping(schema, keyword).items():
                pointer = f"{node.pointer}/{keyword}/{_escaped(name)}"
                branch = self._branch(pointer, "dependency", name, inner) if isinstance(inner, Mapping) else None
                if branch is not None:
                    step.name(name, branch, self._node(pointer, inner))
                    found = True
        return step if found else None

    def _sized(self, node: Node, schema: JsonObject) -> Step | None:
        step, found = Sized(), False
        items = schema.get("items")
        listed = "items" if isinstance(items, (list, tuple)) else "prefixItems"
        places = [(f"/{listed}/{index}", inner) for index, inner in enumerate(_list(schema, listed))]
        for where, inner in places:
            branch = self._branch(node.pointer + where, "items", "", inner)
            if branch is None:
                return step if found else None
            step.place(branch, self._node(node.pointer + where, inner))
            found = True
        keyword = "additionalItems" if listed == "items" else "items"
        rest = schema.get(keyword)
        if isinstance(rest, Mapping) and rest:
            branch = self._branch(f"{node.pointer}/{keyword}", "items", "", rest)
            if branch is not None:
                step.rest(branch, self._node(f"{node.pointer}/{keyword}", rest))
                found = True
        return step if found else None

    def _enumerated(self, node: Node, schema: JsonObject) -> Step | None:
        members: dict[object, int] = {}
        types: list[tuple[str, int]] = []
        for key, kind in (("enum", "enum"), ("type", "type")):
            values = _list(schema, key)
            if len(values) < 2:  # one value is no choice
                continue
            for index, value in enumerate(values):
                detail = value if kind == "type" else _json(value)
                branch = self._branch(f"{node.pointer}/{key}/{index}", kind, str(detail), True)  # type: ignore[arg-type]  # a kind by the loop
                if branch is not None and kind == "type":
                    types.append((str(value), branch))
                elif branch is not None:
                    members[key_of(value)] = branch
        return Enumerated(members, types) if members or types else None

    def _members(self, node: Node, schema: JsonObject, keyword: BranchKind) -> Step | None:
        edges: list[tuple[_Check, bool, int | None, Node]] = []
        for index, inner in enumerate(_list(schema, keyword)):
            pointer = f"{node.pointer}/{keyword}/{index}"
            branch = self._branch(pointer, keyword, "", inner)
            if branch is not None:
                edges.append((self._check(pointer, inner), True, branch, self._node(pointer, inner)))
        return Members(edges) if edges else None

    def _conditional(self, node: Node, schema: JsonObject) -> Step | None:
        if "if" not in schema:
            return None
        pointer = f"{node.pointer}/if"
        check = self._check(pointer, schema["if"])
        edges: list[tuple[_Check, bool, int | None, Node]] = [(check, True, None, self._node(pointer, schema["if"]))]
        for keyword, wanted in (("then", True), ("else", False)):
            if keyword in schema:
                where = f"{node.pointer}/{keyword}"
                branch = self._branch(where, "if", keyword, True)
                if branch is not None:
                    edges.append((check, wanted, branch, self._node(where, schema[keyword])))
        return Members(edges)

    def _branch(self, pointer: str, kind: BranchKind, detail: str, schema: JsonValue) -> int | None:
        """Add a branch; None for one that nothing may ever reach, and where there are too many."""
        if schema is False:
            return None
        if len(self.branches) >= MAX_BRANCHES:
            self.truncated = True
            return None
        cut = detail if len(detail) <= _MAX_DETAIL else detail[:_MAX_DETAIL] + "…"
        self.branches.append(Branch(pointer=pointer, kind=kind, detail=cut))
        return len(self.branches) - 1

    def _node(self, pointer: str, schema: JsonValue) -> Node:
        found = self.nodes.get(pointer)
        if found is None:
            found = self.nodes[pointer] = Node(pointer)
            self.own[found] = ()
            if isinstance(schema, Mapping):
                self._waiting.append((found, schema))
        return found

    def _referred(self, reference: JsonValue) -> Node | None:
        try:
            target = resolved(reference, self._root, "")
        except SchemaFault:  # checked when the policy was loaded
            return None
        if not isinstance(target, Mapping):
            return None
        if not self._places:
            self._places = _places(self._root)
        pointer = self._places.get(id(target))
        return None if pointer is None else self._node(pointer, target)

    def _check(self, pointer: str, schema: JsonValue) -> _Check:
        if isinstance(schema, bool):
            return lambda _: schema
        if self._checks is None:
            self._checks = part_checks(self._schema)
        return self._checks(pointer)


def _places(root: JsonValue) -> dict[int, str]:
    """Return the pointer of every schema inside a schema, by identity; of one written once and used twice the first."""
    found: dict[int, str] = {}
    waiting: list[tuple[str, JsonValue]] = [("", root)]
    while waiting:
        pointer, schema = waiting.pop()
        if isinstance(schema, Mapping) and found.setdefault(id(schema), pointer) == pointer:
            waiting.extend(
                (f"{pointer}/{_pointer_of(where)}", inner) for where, inner in reversed(list(inner_schemas(schema)))
            )
    return found


def _pointer_of(where: str) -> str:
    keyword, slash, name = where.partition("/")
    return keyword + slash + _escaped(name)


def _escaped(name: str) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def _mapping(schema: JsonObject, key: str) -> Mapping[str, JsonValue]:
    value = schema.get(key)
    return {str(name): inner for name, inner in value.items()} if isinstance(value, Mapping) else {}


def _list(schema: JsonObject, key: str) -> Sequence[JsonValue]:
    value = schema.get(key)
    return value if isinstance(value, (list, tuple)) else ()


def _regex(text: str) -> LinearRegex | None:
    try:
        return linear_regex(text)
    except AssayError:  # what the engine takes inside a schema only
        return None


def _json(value: JsonValue) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, default=str)
