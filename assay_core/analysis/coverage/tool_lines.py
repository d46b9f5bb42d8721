"""Lists of calls that are no trace: a JSON object a line with the tool and, it may be, its classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from assay_core.analysis.coverage.tool_report import ToolReport, classes_of
from assay_core.analysis.coverage.tool_use import ToolUse
from assay_core.contracts import BinarySource
from assay_core.errors import InputError, Place
from assay_core.model import JsonObject, JsonValue
from assay_core.trace import check_strict, invalid_line, iter_lines

__all__ = ["read_tool_lines"]

_REMEDY = "each line names its tool in `tool` or `tool_name`; a trace is given as TRACE or with --trace-file"


def read_tool_lines(source: BinarySource, *, declared: Iterable[str] = ()) -> ToolReport:
    """Read a list of calls, or a log of decisions (`data.tool`), and say which tools it holds.

    Routes are the pairs of tools on neighbouring lines: the list knows no episodes.

    Args:
        source: One JSON object a line; blank lines are skipped.
        declared: The tools that are known.

    Raises:
        InputError: E_TRACE_INVALID for a line that is no object or names no tool, E_TRACE_LIMIT, E_TRACE_EMPTY.
    """
    tools: list[str] = []
    classes: dict[str, set[str]] = {}
    is_log = False
    for number, line in iter_lines(source):
        record = _record(line, number, source)
        inner = record.get("data")
        members = inner if isinstance(inner, Mapping) else {}
        tool = _tool(members, record)
        if tool is None:
            error = invalid_line(line, number, source, "no tool is named")
            error.remedy = _REMEDY
            raise error
        is_log = is_log or _names(members)
        tools.append(tool)
        found = members.get("tool_classes") if "tool_classes" in members else record.get("tool_classes")
        classes.setdefault(tool, set()).update(_checked_classes(found, line, number, source))
    if not tools:
        raise InputError(code="E_TRACE_EMPTY", message=f"{source.name} holds no call", place=Place(source.name))
    use = ToolUse()
    use.add(tools)
    return ToolReport(
        calls=dict(use.calls),
        declared=tuple(sorted(set(declared))),
        classes={tool: tuple(sorted(names)) for tool, names in classes.items()},
        routes=use.routes(),
        source="decision_jsonl" if is_log else "jsonl",
    )


def _record(line: bytes, number: int, source: BinarySource) -> JsonObject:
    import msgspec

    check_strict(line, number, source)
    record: JsonValue = msgspec.json.decode(line)
    if not isinstance(record, dict):
        raise invalid_line(line, number, source, "not a JSON object")
    return record


def _tool(members: JsonObject, record: JsonObject) -> str | None:
    """Return the first name that is a text; a blank one names nothing."""
    for value in _candidates(members, record):
        if isinstance(value, str):
            return value.strip() or None
    return None


def _candidates(members: JsonObject, record: JsonObject) -> Iterator[JsonValue]:
    for place in (members, record):
        for key in ("tool", "tool_name"):
            yield place.get(key)


def _names(members: JsonObject) -> bool:
    return any(isinstance(members.get(key), str) for key in ("tool", "tool_name"))


def _checked_classes(value: JsonValue, line: bytes, number: int, source: BinarySource) -> tuple[str, ...]:
    if value is not None and not isinstance(value, list):
        raise invalid_line(line, number, source, "tool_classes is a list of names")
    return classes_of(value)
