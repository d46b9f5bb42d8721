"""One sample, at one epoch: one episode."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from assay_core.contracts import BinarySource, ImportReport
from assay_core.model import Episode, JsonObject, JsonValue, SourcePlace, ToolCall, Usage
from assay_core.trace import Members, RecordError, join_members, take_text, value_of
from assay_importer_inspect.attachments import Attachments
from assay_importer_inspect.events import Happenings, read_events
from assay_importer_inspect.messages import asked_calls, merged, read_messages, text_of
from assay_importer_inspect.strict import SAMPLE_TIMES, count_dropped, members_of, one_line

__all__ = ["Header", "read_header", "read_sample"]

# Members of a sample that are kept as they are in `meta.inspect`.
_KEPT = (
    "target", "choices", "scores", "metadata", "uuid", "started_at", "completed_at", "total_time", "working_time",
    "limit", "invalidation", "sandbox",
)  # fmt: skip
# What says again what other members say.
_SAID_TWICE = ("attachments", "events_data", "role_usage", "turn_count")
_encode = msgspec.json.Encoder().encode


class Header(NamedTuple):
    """What a log says of all its samples."""

    meta: JsonObject
    status: str


def read_header(members: Members) -> Header:
    """Return task, model and the like.

    Raises:
        RecordError: it is not the header of a log.
    """
    about = members_of(members.get("eval"), "'eval'")
    if not about:
        raise RecordError("it is no log of Inspect: it has no 'eval'")
    meta: dict[str, JsonValue] = {
        name: value_of(about[name]) for name in ("task", "model", "eval_id", "run_id") if name in about
    }
    status = value_of(members.get("status"))
    return Header(meta, status if isinstance(status, str) else "started")


def read_sample(
    text: bytes, header: Header, source: BinarySource, report: ImportReport, *, line: int | None, member: str | None
) -> Episode:
    """Return the episode of a sample that is strict JSON.

    Raises:
        RecordError: it is no sample.
        LimitError: it is larger than it may be.
    """
    sample = members_of(text, "a sample")
    name, epoch = take_text(sample, "id"), value_of(sample.pop("epoch", None))
    if not name or isinstance(epoch, bool) or not isinstance(epoch, int):
        raise RecordError("a sample has no id, or no epoch")
    attachments = Attachments(sample.get("attachments"), report, SAMPLE_TIMES * source.limits.line_bytes)
    happenings = read_events(sample.pop("events", None), report, attachments)
    messages = read_messages(sample.pop("messages", None), "'messages'")
    asked = asked_calls(messages, attachments, report)
    calls = _with_lines(merged(happenings.calls, asked), happenings, text, line)
    error = value_of(sample.pop("error", None))
    scores = value_of(sample.get("scores"))
    output = members_of(sample.pop("output", None), "'output'")
    prompt = _prompt(sample.pop("input", None), attachments)
    usage = _usage(sample.pop("model_usage", None))
    _count_messages(messages, report)
    return Episode(
        id=f"{name}:epoch-{epoch}", test_id=name, prompt=prompt, response=_response(output, attachments),
        events=tuple(calls), outcome=_outcome(scores, failed=error is not None),
        tool_definitions=tuple(happenings.tools.values()) if happenings.offered else None, usage=usage,
        source=SourcePlace(source.name, line),
        extra_json=_extra(sample, {**header.meta, "epoch": epoch, "member": member}, error, report),
    )  # fmt: skip


def _prompt(raw: msgspec.Raw | None, attachments: Attachments) -> str | None:
    """Return the input: a text, or the texts of its user messages."""
    value = attachments.text(value_of(raw))
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise RecordError("'input' is neither a text nor messages")
    texts = [
        text_of(each.get("content")) for each in value if isinstance(each, dict) and each.get("role") == "user"
    ]  # fmt: skip
    return "\n\n".join(text for text in texts if text) or None


def _response(output: Members, attachments: Attachments) -> str | None:
    completion = attachments.text(value_of(output.get("completion")))
    if isinstance(completion, str) and completion:
        return completion
    choices = value_of(output.get("choices"))
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    content = attachments.text(message.get("content")) if isinstance(message, dict) else None
    return text_of(content) or (None if content is None else "")


def _usage(raw: msgspec.Raw | None) -> Usage | None:
    """Return the tokens of all models together."""
    models = [value_of(each) for each in members_of(raw, "'model_usage'").values()]
    if not models:
        return None
    cost = [float(each) for each in _numbers(models, "total_cost")]
    return Usage(
        input_tokens=int(sum(_numbers(models, "input_tokens"))),
        output_tokens=int(sum(_numbers(models, "output_tokens"))),
        cost_usd=sum(cost) if cost else None,
    )


def _numbers(models: list[JsonValue], name: str) -> list[float]:
    found = [each.get(name) for each in models if isinstance(each, dict)]
    return [
        each for each in found
        if isinstance(each, (int, float)) and not isinstance(each, bool) and 0 <= each < 2**63
    ]  # fmt: skip


def _outcome(scores: JsonValue, *, failed: bool) -> str | None:
    """Return error, fail where some score says so, pass where every score that decides says so; else None."""
    if failed:
        return "error"
    values = [each.get("value") if isinstance(each, dict) else each for each in _values(scores)]
    said = [_passes(value) for value in values]
    if False in said:
        return "fail"
    return "pass" if True in said else None


def _values(scores: JsonValue) -> list[JsonValue]:
    return list(scores.values()) if isinstance(scores, dict) else []


def _passes(value: JsonValue) -> bool | None:
    """Tell what a score decides: C and I, 1 and 0, true and false; N (no answer) fails. None for any other."""
    if value in ("C", True, 1):
        return True
    return False if value in ("I", "N", False, 0) else None


def _with_lines(calls: list[ToolCall], happenings: Happenings, text: bytes, line: int | None) -> list[ToolCall]:
    """Give each call the line that its event begins on; the line of the sample where it has none."""
    if line is None:
        return calls
    lines: dict[tuple[str | None, str, bytes | None], list[int]] = {}
    position, reached = 0, line
    for call, raw in zip(happenings.calls, happenings.raw, strict=True):
        begins = text.find(raw, position)
        if begins >= 0:
            reached += text.count(b"\n", position, begins)
            position = begins
        lines.setdefault((call.call_id, call.tool, call.args_json), []).append(reached)
    result = []
    for call in calls:
        known = lines.get((call.call_id, call.tool, call.args_json))
        result.append(msgspec.structs.replace(call, line=known.pop(0) if known else line))
    return result


def _count_messages(messages: list[Members], report: ImportReport) -> None:
    """Count the messages that are in no other form in the episode."""
    last = len(messages) - 1
    for position, message in enumerate(messages):
        role = value_of(message.get("role"))
        said = bool(text_of(value_of(message.get("content"))))
        if role == "system" or (role == "assistant" and said and position != last):
            report.drop(f"message of the {role}")


def _extra(sample: Members, meta: JsonObject, error: JsonValue, report: ImportReport) -> bytes:
    about: dict[str, JsonValue | msgspec.Raw] = {name: value for name, value in meta.items() if value is not None}
    for name in _KEPT:
        raw = sample.pop(name, None)
        if raw is not None and bytes(raw) not in (b"null", b"{}", b"[]"):
            about[name] = msgspec.Raw(one_line(bytes(raw)))
    if isinstance(error, dict):
        about["error"] = error.get("message")
        for name in error:
            if name != "message":
                count_dropped(report, f"member {name!r} of an error")
    elif error is not None:
        about["error"] = error
    for name, raw in sample.items():
        if name not in _SAID_TWICE and bytes(raw) not in (b"null", b"{}", b"[]", b'""'):
            count_dropped(report, f"member {name!r} of a sample")
    return join_members({"meta": _encode({"source": "inspect_import", "inspect": about})})
