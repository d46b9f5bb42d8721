"""Results: mappings whose keys are attributes as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Result"]


class Result(dict[str, Any]):  # the values are JSON of many shapes: a caller knows its key
    """A dictionary, so `json.dumps` takes it, whose keys can be read as attributes, at every depth.

    Every result has `passed` and `score`.
    """

    passed: bool  # whether the gate that the result is about holds
    score: float  # 0.0 to 1.0; the function that returns the result says what it measures

    def __init__(self, values: Mapping[str, Any], text: str = "") -> None:
        super().__init__({key: _readable(value) for key, value in values.items()})
        object.__setattr__(self, "_text", text)

    def __getattr__(self, name: str) -> Any:
        """Read a key; only names that a dictionary has not itself come here."""
        if name in self:
            return self[name]
        raise AttributeError(f"the result has no {name!r}: it has {', '.join(self)}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a result is not changed by attribute: set [{name!r}]")

    def __str__(self) -> str:
        """Return the result as people read it."""
        return self._text or super().__str__()


def _readable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Result(value)
    return [_readable(each) for each in value] if isinstance(value, (list, tuple)) else value
