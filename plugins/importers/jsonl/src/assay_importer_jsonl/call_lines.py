"""What a line that is one tool call may look like, and the decoders that take nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

__all__ = [
    "ABSENT",
    "CallLine",
    "EventCall",
    "FullCall",
    "PlainCall",
    "Spelling",
    "bare_decoder",
    "decode_event",
    "spelling_of",
]

ABSENT = Raw()  # what `args` and `result` are where the line has none
_Text = str | None | UnsetType
_Whole = Annotated[int, msgspec.Meta(gt=-(2**63), le=2**63 - 1)]
_Fraction = Annotated[float, msgspec.Meta(gt=-(2.0**63), lt=2.0**63)]  # as for `milliseconds`
_Number = _Whole | _Fraction | None | UnsetType


class PlainCall(Protocol):
    """A record without `type` and with none but the most usual members. Its class is made for its spelling.

    Absent members are unset or the one empty `Raw`, so that writing the record again adds no key.
    """

    key: str | UnsetType
    tool: str
    args: Any  # a msgspec.Raw until the call is added, then its value
    ts_ms: int | float | UnsetType | None
    call_id: str | UnsetType | None


class FullCall(PlainCall, Protocol):
    """A record without `type` that may have every member that the trace model has a field for."""

    result: Any  # as `args`
    error: str | UnsetType | None
    duration_ms: int | float | UnsetType | None
    server: str | UnsetType | None
    parent_id: str | UnsetType | None


class EventCall(
    msgspec.Struct, gc=False, omit_defaults=True, forbid_unknown_fields=True,
    rename={"key": "episode_id", "tool": "tool_name", "ts_ms": "timestamp"},
):  # fmt: skip
    """A V2 `tool_call` event whose values were neither hashed nor truncated."""

    type: Literal["tool_call"]
    key: str
    step_id: str
    ts_ms: _Whole | _Fraction
    tool: str
    call_index: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] | UnsetType | None = UNSET
    args: Raw = ABSENT
    args_sha256: UnsetType | None = UNSET
    result: Raw = ABSENT
    result_sha256: UnsetType | None = UNSET
    error: str | UnsetType | None = UNSET
    truncations: tuple[()] | UnsetType = UNSET


CallLine: TypeAlias = PlainCall | FullCall | EventCall


class Spelling(NamedTuple):
    """How a trace writes its bare calls."""

    key: str = "run_id"
    tool: str = "tool"
    args: str = "args"
    ts_ms: str = "ts_ms"
    call_id: str = "call_id"
    full: bool = False  # whether it has more members than these
    order: tuple[str, ...] = ()  # the fields in the order of the members: what is written again is then the same text

    def reads(self, other: Spelling) -> bool:
        """Tell whether a decoder of this spelling takes records of another."""
        return self[:5] == other[:5] and (self.full or not other.full)


_CHOICES = {
    "key": ("run_id", "episode_id", "session_id"),  # not test_id: it describes the episode as well
    "tool": ("tool", "tool_name"),
    "args": ("args", "arguments"),
    "ts_ms": ("ts_ms", "timestamp"),
    "call_id": ("call_id", "id"),
}


_PLAIN: dict[str, tuple[Any, Any]] = {
    "key": (str | UnsetType, UNSET),
    "ts_ms": (_Number, UNSET),
    "args": (Raw, ABSENT),
    "call_id": (_Text, UNSET),
}
_FURTHER: dict[str, tuple[Any, Any]] = {
    "result": (Raw, ABSENT),
    "error": (_Text, UNSET),
    "duration_ms": (_Number, UNSET),
    "server": (_Text, UNSET),
    "parent_id": (_Text, UNSET),
}


def spelling_of(members: Iterable[str], *, full: bool = False) -> Spelling:
    """Return the spelling of a record with these members: for each field, the first name that it uses."""
    names = list(members)
    chosen = {field: next((name for name in choice if name in names), choice[0]) for field, choice in _CHOICES.items()}
    fields = {name: field for field, name in chosen.items()} | {name: name for name in _FURTHER}
    order = tuple(fields[name] for name in names if name in fields)
    return Spelling()._replace(**chosen, full=full or not _FURTHER.keys().isdisjoint(names), order=order)


@lru_cache(maxsize=64)
def bare_decoder(spelling: Spelling) -> msgspec.json.Decoder[CallLine]:
    """Return a decoder of records without `type` that takes this spelling and refuses every other member."""
    renamed = dict(zip(Spelling._fields[:5], spelling[:5], strict=True))
    optional = _PLAIN | _FURTHER if spelling.full else _PLAIN
    fields: list[Any] = [("tool", str), *((name, *field) for name, field in optional.items())]
    order = {name: place for place, name in enumerate(spelling.order)}
    fields.sort(key=lambda field: order.get(field[0], len(order)))
    kind = msgspec.defstruct(
        "BareCall", fields, rename=renamed, gc=False, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
    )
    return msgspec.json.Decoder(kind)


decode_event = msgspec.json.Decoder(EventCall).decode
