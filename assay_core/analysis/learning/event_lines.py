"""Files of learning events: one file, network or process access a line, as a monitor writes them."""

from __future__ import annotations

import attrs
import msgspec

from assay_core.analysis.learning.learner import Learner
from assay_core.contracts import BinarySource
from assay_core.documents.strict_json import DECODE_ERRORS, StrictJsonError, check_line
from assay_core.errors import Place
from assay_core.model import Notice, ResourceEvent, ResourceKind
from assay_core.trace import iter_lines

__all__ = ["EventFile", "read_events"]

_KINDS: dict[str, tuple[ResourceKind, str]] = {
    "file_open": ("file", "path"),
    "net_connect": ("net", "dest"),
    "proc_exec": ("exec", "path"),
}
_NAMED = 3  # bad lines that are told one by one
_GROUPED = ("episode_id", "session_id", "run_id", "test_id")  # members of the events of a trace


@attrs.define(kw_only=True)
class EventFile:
    """What a file of learning events holds."""

    learner: Learner
    events: int = 0
    bad: int = 0
    first_bad: list[Notice] = attrs.field(factory=list)

    def notices(self, name: str) -> list[Notice]:
        """Say which lines are no events, the first few one by one, and how many there are in all."""
        found = list(self.first_bad)
        if self.bad > len(found):
            found.append(Notice(code="W_TRACE_DROPPED", message=f"{name}: {self.bad} lines in all are no events"))
        if self.bad > self.events:
            text = f"{name}: more than half of the lines are no events; is this the right file?"
            found.append(Notice(code="W_TRACE_DROPPED", message=text))
        return found


def read_events(source: BinarySource) -> EventFile | None:
    """Read a file of learning events; None where the file is something else, or where no line of it is an event.

    Blank lines and lines that begin with `#` are skipped; a file of nothing else is a file of no events.

    Raises:
        InputError: E_TRACE_LIMIT, E_TRACE_NOT_FOUND, E_DOCUMENT_LIMIT.
    """
    found = EventFile(learner=Learner(source.name))
    for number, line in iter_lines(source):
        if line.startswith(b"#"):
            continue
        event = _event(line, number, source.limits.depth)
        if isinstance(event, ResourceEvent):
            found.learner.add_resource(event)
            found.events += 1
        elif event is None:
            return None
        else:
            found.bad += 1
            if len(found.first_bad) < _NAMED:
                place = Place(source.name, number)
                text = f"the line was left out: {event}"
                found.first_bad.append(Notice(code="W_TRACE_DROPPED", message=text, place=place))
    if found.bad and not found.events:
        return None
    found.learner.episodes = 1 if found.events else 0
    return found


def _event(line: bytes, number: int, depth: int) -> ResourceEvent | str | None:
    """Return the event, or what is wrong with the line, or None for a record of an agent's trace."""
    try:
        check_line(line, max_depth=depth)
        value = msgspec.json.decode(line)
    except StrictJsonError as error:
        return error.message
    except DECODE_ERRORS:
        return "it is no JSON that can be read"
    if not isinstance(value, dict):
        return "it is no JSON object"
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        return f"the type {str(kind)[:40]!r} is no learning event" if _is_foreign(value) else None
    if any(name in value for name in _GROUPED):
        return None
    resource, member = _KINDS[kind]
    target, time = value.get(member), value.get("timestamp")
    if not isinstance(target, str) or not target:
        return f"a {kind} needs {member!r}, a text"
    access = value.get("access")
    known = isinstance(time, (int, float)) and not isinstance(time, bool) and 0 <= time < 2**63
    return ResourceEvent(
        kind=resource,
        target=target,
        access=access if isinstance(access, str) else "",
        ts_ms=float(time) if known else None,  # type: ignore[arg-type]  # a number, as was looked at
        line=number,
    )


def _is_foreign(value: dict[str, object]) -> bool:
    """Tell whether a line has a type that no trace of an agent has."""
    kind = value.get("type")
    known = ("episode_start", "episode_end", "step", "tool_call", "call_tool", "tool_result", "assay.trace")
    return isinstance(kind, str) and kind not in known and "prompt" not in value
