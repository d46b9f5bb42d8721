"""What the JSON values in one place have in common. Facts only widen: they join, in any order, to the same facts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

import attrs

from assay_core.analysis.learning.knobs import Knobs
from assay_core.analysis.learning.sensitive import is_private_name, may_be_secret
from assay_core.analysis.learning.texts import TextFacts, above, text_list
from assay_core.model import JsonObject, JsonValue

__all__ = ["MAX_NAME", "Shape"]

MAX_NAME = 100  # characters of an argument's name; escaped it still fits the 1024 of a YAML key
_MAX_MEMBERS = 100
_MAX_DEPTH = 6
_MAX_ITEMS = 1_000  # of one list that are looked at; of a longer one nothing is said of its items
_EXACT_GROWTHS = 64  # how often a bound may move before it moves in large steps only
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
Number: TypeAlias = int | float


@attrs.define
class _Range:
    """Between which bounds something lies."""

    low: Number | None = None
    high: Number | None = None
    growths: int = 0

    def add(self, number: Number) -> None:
        if self.low is None or self.high is None:
            self.low = self.high = number
        elif number < self.low:
            self.low = self._moved(number, 0 if number >= 0 else round_out(number))
        elif number > self.high:
            self.high = self._moved(number, 0 if number <= 0 else round_out(number))

    def merge(self, other: _Range) -> None:
        self.growths = max(self.growths, other.growths)
        for number in (other.low, other.high):
            if number is not None:
                self.add(number)

    def state(self) -> JsonValue:
        return [self.low, self.high, self.growths]

    @classmethod
    def from_state(cls, state: JsonValue) -> _Range:
        if not isinstance(state, list) or len(state) != 3:
            raise TypeError("no range")
        low, high, growths = state
        if type(growths) is not int or (low is None) != (high is None):
            raise TypeError("no range")
        for each in (low, high):
            if each is not None and (isinstance(each, bool) or not isinstance(each, (int, float))):
                raise TypeError("no range")
        return cls(low, high, growths)

    def _moved(self, exact: Number, rounded: Number) -> Number:
        self.growths += 1
        return exact if self.growths <= _EXACT_GROWTHS else rounded


def round_out(number: Number) -> Number:
    """Return 1, 2 or 5 times a power of ten that is at least as far from zero."""
    if not number or not math.isfinite(number) or abs(number) >= 1e300:
        return number
    size = abs(number)
    power = 10 ** math.floor(math.log10(size)) if size >= 1 else 1
    step = next(each for each in (1, 2, 5, 10, 20) if each * power >= size) * power
    return step if number > 0 else -step


@attrs.define
class Shape:
    """What was seen in one place: the types, and for each type what its values have in common."""

    seen: int = 0  # how many values were looked at; at least so many were there
    types: set[str] = attrs.field(factory=set)
    anything: bool = False  # too deep or too varied: nothing is said
    numbers: _Range = attrs.field(factory=_Range)
    texts: TextFacts | None = None
    lengths: _Range = attrs.field(factory=_Range)  # of lists
    items: Shape | None = None
    members: dict[str, Shape] = attrs.field(factory=dict)
    always: set[str] | None = None  # members that every object had; None before the first
    open: bool = False  # objects whose members are too many, or have names that are data

    def add(self, value: JsonValue, *, private: bool = False, depth: int = 0) -> None:
        """Take note of a value; `private` says that its name alone makes a secret of it."""
        self.seen += 1
        if depth > _MAX_DEPTH:
            self.anything = True
        if self.anything:
            return
        if isinstance(value, bool):
            self.types.add("boolean")
        elif isinstance(value, str):
            self.types.add("string")
            if self.texts is None:
                self.texts = TextFacts()
            self.texts.add(value, private=private)
        elif isinstance(value, (int, float)):
            self.types.add("integer" if isinstance(value, int) or value.is_integer() else "number")
            self.numbers.add(value)
        elif isinstance(value, (list, tuple)):
            self._add_list(value, private, depth)
        elif isinstance(value, Mapping):
            self._add_object(value, private, depth)
        else:
            self.types.add("null")

    def merge(self, other: Shape) -> None:
        """Take note of everything that another shape knows."""
        self.seen += other.seen
        self.anything = self.anything or other.anything
        self.types |= other.types
        self.numbers.merge(other.numbers)
        self.lengths.merge(other.lengths)
        if other.texts is not None:
            self.texts = self.texts or TextFacts()
            self.texts.merge(other.texts)
        if other.items is not None:
            self.items = self.items or Shape()
            self.items.merge(other.items)
        if other.always is not None:
            self.always = set(other.always) if self.always is None else self.always & other.always
        for name, inner in other.members.items():
            if name not in self.members:
                self.members[name] = Shape()
            self.members[name].merge(inner)
        if self.open or other.open or len(self.members) > _MAX_MEMBERS:
            self._open()

    def check(self) -> JsonObject:
        """Return a schema of which every value that fits it would change nothing here but `seen`."""
        if self.anything:
            return {}
        each = [self._check_of(name) for name in sorted(self.types)]
        return each[0] if len(each) == 1 else {"anyOf": each}

    def schema(self, knobs: Knobs, support: int) -> JsonObject:
        """Return what a policy may ask of such a value.

        Args:
            knobs: How far to go beyond what was seen.
            support: How many values there were, as far as that is known.
        """
        if self.anything or not self.types:
            return {}
        types = sorted(self.types - {"integer"} if "number" in self.types else self.types)
        schema: dict[str, JsonValue] = {"type": types[0] if len(types) == 1 else types}
        if self.texts is not None:
            texts = self.texts.schema(knobs, support)
            if "enum" not in texts:
                schema |= texts
            elif types == ["string"]:
                schema = dict(texts)
        if self.types & {"integer", "number"}:
            schema |= self._bounds(knobs, support)
        if "array" in self.types:
            schema |= self._list_schema(knobs, support)
        if "object" in self.types:
            schema |= self._object_schema(knobs, support)
        return schema

    def state(self) -> JsonObject:
        """Return the shape as JSON."""
        state: dict[str, JsonValue] = {"seen": self.seen, "types": sorted(self.types)}
        if self.anything:
            return {**state, "anything": True}
        if self.types & {"integer", "number"}:
            state["numbers"] = self.numbers.state()
        if self.texts is not None:
            state["texts"] = self.texts.state()
        if "array" in self.types:
            state["lengths"] = self.lengths.state()
        if self.items is not None:
            state["items"] = self.items.state()
        if self.always is not None:
            state["members"] = {name: self.members[name].state() for name in sorted(self.members)}
            state |= {"always": sorted(self.always), "open": self.open}
        return state

    @classmethod
    def from_state(cls, state: JsonValue, depth: int = 0) -> Shape:
        """Return the shape that `state` gave.

        Raises:
            KeyError, TypeError, ValueError: it gave no such thing.
        """
        if not isinstance(state, Mapping) or depth > _MAX_DEPTH + 1:
            raise TypeError("no shape")
        seen, types = state["seen"], set(text_list(state["types"]))
        if type(seen) is not int or seen < 0 or not types <= set(_TYPES):
            raise TypeError("no shape")
        shape = cls(seen=seen, types=types, anything=state.get("anything") is True)
        if "numbers" in state:
            shape.numbers = _Range.from_state(state["numbers"])
        if isinstance(texts := state.get("texts"), Mapping):
            shape.texts = TextFacts.from_state(texts)
        if "lengths" in state:
            shape.lengths = _Range.from_state(state["lengths"])
        if "items" in state:
            shape.items = cls.from_state(state["items"], depth + 1)
        if isinstance(members := state.get("members"), Mapping):
            shape.members = {name: cls.from_state(inner, depth + 1) for name, inner in members.items()}
            shape.always = set(text_list(state["always"])) & shape.members.keys()
            if state["open"] is True or any(_is_data(name) for name in members):
                shape._open()
        return shape

    def _add_list(self, value: list[JsonValue] | tuple[JsonValue, ...], private: bool, depth: int) -> None:
        self.types.add("array")
        self.lengths.add(len(value))
        if not value:
            return
        if self.items is None:
            self.items = Shape()
        if len(value) > _MAX_ITEMS:
            self.items.anything = True
            return
        for item in value:
            self.items.add(item, private=private, depth=depth + 1)

    def _add_object(self, value: Mapping[str, JsonValue], private: bool, depth: int) -> None:
        self.types.add("object")
        self.always = set(value) if self.always is None else self.always & value.keys()
        if self.open:
            return
        for name, inner in value.items():
            member = self.members.get(name)
            if member is None:
                if _is_data(name) or len(self.members) >= _MAX_MEMBERS:
                    self._open()
                    return
                member = self.members[name] = Shape()
            member.add(inner, private=private or is_private_name(name), depth=depth + 1)

    def _open(self) -> None:
        self.open, self.members, self.always = True, {}, set()

    def _check_of(self, name: str) -> JsonObject:
        if name == "string" and self.texts is not None:
            return self.texts.check()
        schema: dict[str, JsonValue] = {"type": name}
        if name in ("integer", "number") and self.numbers.low is not None:
            schema |= {"minimum": self.numbers.low, "maximum": self.numbers.high}
        elif name == "array":
            schema |= {"minItems": self.lengths.low, "maxItems": self.lengths.high}
            if self.items is not None:
                schema["items"] = self.items.check()
        elif name == "object" and not self.open:
            schema |= {"required": sorted(self.always or ()), "additionalProperties": False}
            schema["properties"] = {each: inner.check() for each, inner in self.members.items()}
        return schema

    def _bounds(self, knobs: Knobs, support: int) -> JsonObject:
        low, high = self.numbers.low, self.numbers.high
        if low is None or high is None or knobs.generalise == "loose":
            return {}
        if knobs.generalise != "strict":
            if support < knobs.min_support:
                return {}
            low, high = 0 if low >= 0 else round_out(2 * low), 0 if high <= 0 else round_out(2 * high)
        found: JsonObject = {"minimum": low, "maximum": high}
        return {key: bound for key, bound in found.items() if isinstance(bound, int) or math.isfinite(bound)}  # type: ignore[arg-type]  # a number

    def _list_schema(self, knobs: Knobs, support: int) -> JsonObject:
        found: dict[str, JsonValue] = {}
        if self.items is not None and (items := self.items.schema(knobs, self.items.seen)):
            found["items"] = items
        fewest, most = int(self.lengths.low or 0), int(self.lengths.high or 0)
        if knobs.generalise == "strict":
            found |= {"minItems": fewest, "maxItems": most}
        elif knobs.generalise == "balanced" and support >= knobs.min_support:
            found["maxItems"] = max(8, above(4 * most))
            if fewest:
                found["minItems"] = 1
        return found

    def _object_schema(self, knobs: Knobs, support: int) -> JsonObject:
        if self.open:
            return {}
        found: dict[str, JsonValue] = {}
        if required := sorted(self.always or ()):
            found["required"] = required
        found["additionalProperties"] = False
        found["properties"] = {
            name: self.members[name].schema(knobs, support if name in required else self.members[name].seen)
            for name in sorted(self.members)
        }
        return found


def _is_data(name: str) -> bool:
    """Tell whether the name of a member is too long, or may be a secret: such names are data."""
    return len(name) > MAX_NAME or may_be_secret(name)
