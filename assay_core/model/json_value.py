"""The type of a JSON value, and text that keeps it exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias, Union

# A recursive alias; cattrs and msgspec need no help because values of this type are passed through as they are.
JsonValue: TypeAlias = Union[  # noqa: UP007 - a recursive alias has to be a string on 3.11
    bool, int, float, str, Sequence["JsonValue"], Mapping[str, "JsonValue"], None
]
JsonObject: TypeAlias = Mapping[str, JsonValue]
