"""From episodes and results to rows of the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from assay_core.model import Episode, JsonObject, JsonValue, ToolCall
from assay_core.store.records import StoredResult

__all__ = [
    "EPISODE_SQL",
    "RESULT_SQL",
    "TOOL_CALL_SQL",
    "Redact",
    "episode_row",
    "result_row",
    "text",
    "tool_call_rows",
]

Redact = Callable[[JsonObject], JsonObject | None]  # None: the record must not be written

_encode = msgspec.json.Encoder().encode
_NONE = b"{}"

EPISODE_SQL = """
INSERT INTO episodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
    CAST(? AS TEXT), CAST(? AS TEXT))
"""
TOOL_CALL_SQL = """
INSERT INTO tool_calls VALUES (?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT))
"""
RESULT_SQL = "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), ?, ?)"


def text(value: str | None) -> str | None:
    """Return a text that SQLite can keep: a lone surrogate is spelt out."""
    if value is None or value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def result_row(row_id: int, run_id: int, result: StoredResult, redact: Redact | None) -> tuple[object, ...] | None:
    """Return a row of `results`; None: redaction failed, so that it must not be written."""
    message, details = result.message, result.details
    if redact is not None:
        record: JsonObject = {"type": "result", "test_id": result.test_id, "message": message, "details": details}
        answer = redact(record)
        if answer is None:
            return None
        message, kept = str(answer.get("message", "")), answer.get("details", {})
        details = kept if isinstance(kept, dict) else {"redacted": kept}
    return (
        row_id,
        run_id,
        text(result.test_id),
        result.kind,
        result.outcome,
        result.score,
        text(message),
        result.duration_ms,
        _encode(details),
        result.fingerprint,
        text(result.skip_reason),
    )


def episode_row(row_id: int, run_id: int, episode: Episode, redact: Redact | None) -> tuple[object, ...] | None:
    """Return a row of `episodes`; None: redaction failed, so that it must not be written."""
    prompt, response = episode.prompt, episode.response
    context, extra = _encode(episode.context), episode.extra_json
    definitions = None if episode.tool_definitions is None else _definitions(episode)
    others = _other_events(episode)
    if redact is not None:
        record: dict[str, JsonValue] = {
            "type": "episode",
            "episode_id": episode.id,
            "prompt": prompt,
            "response": response,
            "context": list(episode.context),
            "events": msgspec.json.decode(others),
            "extra": episode.extra,
        }
        answer = redact(record)
        if answer is None:
            return None
        prompt, response = _as_text(answer.get("prompt")), _as_text(answer.get("response"))
        context, extra = _encode(answer.get("context")), _encode(answer.get("extra"))
        others = _encode(answer.get("events"))
    return (
        row_id,
        run_id,
        text(episode.id),
        text(episode.test_id),
        text(prompt),
        text(response),
        text(episode.outcome),
        episode.complete,
        text(episode.source.file),
        episode.source.line,
        context,
        definitions,
        None if episode.usage is None else _encode(episode.usage),
        others,
        extra,
    )


def tool_call_rows(
    episode_row_id: int, calls: Sequence[ToolCall], episode_id: str, redact: Redact | None
) -> Iterator[tuple[object, ...]]:
    """Yield the rows of one episode's calls; those whose redaction failed are left out."""
    for call in calls:
        args, result, error, extra = call.args_json, call.result_json, call.error, call.extra_json
        if redact is not None:
            answer = redact(_call_record(call, episode_id))
            if answer is None:
                continue
            args = None if args is None else _encode(answer.get("args"))
            result = None if result is None else _encode(answer.get("result"))
            error, extra = _as_text(answer.get("error")), _encode(answer.get("extra"))
        yield (
            episode_row_id,
            call.index,
            call.tool,
            args,
            result,
            error,
            call.outcome,
            call.ts_ms,
            call.duration_ms,
            call.server,
            call.call_id,
            call.parent_id,
            call.line,
            None if extra == _NONE else extra,
        )


def _call_record(call: ToolCall, episode_id: str) -> JsonObject:
    return {
        "type": "tool_call",
        "episode_id": episode_id,
        "index": call.index,
        "tool": call.tool,
        "args": call.args,
        "result": call.result,
        "error": call.error,
        "server": call.server,
        "extra": call.extra,
    }


def _other_events(episode: Episode) -> bytes:
    """Return steps and resource events, each with its position among all events."""
    found: list[JsonObject] = []
    for at, event in enumerate(episode.events):
        if type(event) is ToolCall:
            continue
        fields = msgspec.structs.asdict(event)
        found.append({"at": at, **fields, "extra_json": event.extra_json.decode()})
    return _encode(found) if found else b"[]"


def _definitions(episode: Episode) -> bytes:
    found = []
    for tool in episode.tool_definitions or ():
        fields = msgspec.structs.asdict(tool)
        schema = tool.input_schema_json.decode() if tool.input_schema_json is not None else None
        found.append({**fields, "input_schema_json": schema, "extra_json": tool.extra_json.decode()})
    return _encode(found)


def _as_text(value: JsonValue) -> str | None:
    return value if value is None or isinstance(value, str) else _encode(value).decode()
