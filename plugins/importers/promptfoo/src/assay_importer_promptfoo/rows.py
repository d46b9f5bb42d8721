"""One result: one episode."""

from __future__ import annotations

import msgspec

from assay_core.contracts import ImportReport
from assay_core.model import Episode, JsonValue, SourcePlace, Usage
from assay_core.trace import Members, RecordError, join_members, take_text, value_of
from assay_importer_promptfoo.calls import calls_of_response
from assay_importer_promptfoo.documents import Row
from assay_importer_promptfoo.strict import count_dropped, is_nothing, one_line, optional_object

__all__ = ["read_row"]

_OUTCOMES = {0: "pass", 1: "fail", 2: "error"}
# Members of a row that are kept as they are in `meta.promptfoo`.
_KEPT = ("vars", "score", "namedScores", "latencyMs", "promptIdx", "testIdx", "error", "id", "promptId")
_OF_GRADING = ("pass", "score", "reason")
_OF_RESPONSE = ("cached", "finishReason", "isRefusal", "guardrails", "logProbs")
_encode = msgspec.json.Encoder().encode


def read_row(row: Row, file: str, number: int, report: ImportReport) -> Episode:
    """Return the episode of a result; `number` counts the results of the file from 1.

    Raises:
        RecordError: it is no result.
    """
    members = optional_object(row.text, "a result")
    prompt = _prompt(members.pop("prompt", None), report)
    response = optional_object(members.pop("response", None), "'response'")
    case = optional_object(members.pop("testCase", None), "'testCase'")
    outcome = _outcome(members)
    calls = calls_of_response(response, row.line)
    usage = _usage(members, response)
    test_id = value_of(case.pop("description", None)) or value_of(members.pop("description", None))
    about: Members = {}
    about |= _provider(members.pop("provider", None), report)
    about |= _grading(members.pop("gradingResult", None), report)
    about |= _case(case, report)
    text = _text(response.pop("output", None))
    about |= _of_response(response, report)
    members.pop("failureReason", None)
    episode_id = _id(members, number)
    for name in _KEPT:
        raw = members.pop(name, None)
        if raw is not None and not is_nothing(raw):
            about[name] = raw
    for name, raw in members.items():
        if not is_nothing(raw):
            count_dropped(report, f"member {name!r} of a result")
    meta = {"source": msgspec.Raw(_encode("promptfoo_import")), "promptfoo": one_line(join_members(about))}
    return Episode(
        id=episode_id, prompt=prompt, response=text, events=calls, outcome=outcome,
        test_id=test_id if isinstance(test_id, str) and test_id else None, usage=usage,
        source=SourcePlace(file, row.line), extra_json=join_members({"meta": join_members(meta)}),
    )  # fmt: skip


def _outcome(members: Members) -> str:
    """Return pass, fail or error. Older results do not say which: what was not graded is an error.

    Raises:
        RecordError: the result does not say whether it passed.
    """
    success = value_of(members.pop("success", None))
    reason = value_of(members.get("failureReason"))
    if not isinstance(success, bool):
        raise RecordError("a result does not say whether it is a success")
    if isinstance(reason, int) and reason in _OUTCOMES and not isinstance(reason, bool):
        named = _OUTCOMES[reason]
        return named if success == (named == "pass") else "error" if named == "error" else "fail"
    if success:
        return "pass"
    return "error" if is_nothing(members.get("gradingResult")) and not is_nothing(members.get("error")) else "fail"


def _id(members: Members, number: int) -> str:
    """Return an id that the same evaluation has again: the numbers of test and prompt, else that of the row."""
    test, prompt = value_of(members.get("testIdx")), value_of(members.get("promptIdx"))
    if all(isinstance(each, int) and not isinstance(each, bool) and 0 <= each < 2**63 for each in (test, prompt)):
        return f"test-{test}:prompt-{prompt}"
    return f"row-{number}"


def _prompt(raw: msgspec.Raw | None, report: ImportReport) -> str | None:
    """Return the prompt as it was sent."""
    if raw is None or bytes(raw)[:1] != b"{":
        value = value_of(raw)
        if value is None or isinstance(value, str):
            return value
        raise RecordError("'prompt' is neither a text nor an object")
    members = optional_object(raw, "'prompt'")
    text = take_text(members, "raw")
    for name, inner in members.items():
        if not is_nothing(inner):
            count_dropped(report, f"member {name!r} of a prompt")
    return text


def _text(raw: msgspec.Raw | None) -> str | None:
    """Return the output: a text as it is, any other value as its JSON."""
    value = value_of(raw)
    if raw is None or value is None or isinstance(value, str):
        return value if isinstance(value, str) else None
    return one_line(bytes(raw)).decode()


def _usage(members: Members, response: Members) -> Usage | None:
    tokens = members.pop("tokenUsage", None)
    own = response.pop("tokenUsage", None)
    found = optional_object(own if is_nothing(tokens) else tokens, "'tokenUsage'")
    cost, own_cost = value_of(members.pop("cost", None)), value_of(response.pop("cost", None))
    sent, said = (_count(value_of(found.get(name))) for name in ("prompt", "completion"))
    amount = _amount(cost) if _amount(cost) is not None else _amount(own_cost)
    if sent is None and said is None and amount is None:
        return None
    return Usage(input_tokens=sent, output_tokens=said, cost_usd=amount)


def _count(value: JsonValue) -> int | None:
    return (
        int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**63 else None
    )


def _amount(value: JsonValue) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**63 else None


def _provider(raw: msgspec.Raw | None, report: ImportReport) -> Members:
    """Return id and label; a provider's configuration may hold keys and is left out."""
    if raw is None or bytes(raw)[:1] == b'"':
        return {} if raw is None else {"provider": raw}
    members = optional_object(raw, "'provider'")
    kept = {name: members.pop(name) for name in ("id", "label") if not is_nothing(members.get(name))}
    for name, inner in members.items():
        if not is_nothing(inner):
            count_dropped(report, f"member {name!r} of a provider")
    names = {"id": "provider", "label": "provider_label"}
    return {names[name]: inner for name, inner in kept.items()}


def _grading(raw: msgspec.Raw | None, report: ImportReport) -> Members:
    """Return what the assertions said, each with its type; their configuration is left out."""
    members = optional_object(raw, "'gradingResult'")
    if not members:
        return {}
    grading = {name: members.pop(name) for name in _OF_GRADING if name in members}
    components = value_of(members.pop("componentResults", None))
    if isinstance(components, list) and components:
        grading["components"] = msgspec.Raw(_encode([_component(each) for each in components]))
    for name, inner in members.items():
        if not is_nothing(inner):
            count_dropped(report, f"member {name!r} of a grading")
    return {"grading": msgspec.Raw(join_members(grading))}


def _component(value: JsonValue) -> JsonValue:
    if not isinstance(value, dict):
        return None
    found: dict[str, JsonValue] = {name: value[name] for name in _OF_GRADING if name in value}
    assertion = value.get("assertion")
    kind = assertion.get("type") if isinstance(assertion, dict) else None
    return found | ({"type": kind} if isinstance(kind, str) else {})


def _case(case: Members, report: ImportReport) -> Members:
    kept = {"metadata": case.pop("metadata")} if not is_nothing(case.get("metadata")) else {}
    case.pop("vars", None)  # the row has them
    for name, raw in case.items():
        if not is_nothing(raw):
            count_dropped(report, f"member {name!r} of a test case")
    return kept


def _of_response(response: Members, report: ImportReport) -> Members:
    kept = {name: response.pop(name) for name in _OF_RESPONSE if not is_nothing(response.get(name))}
    for name, raw in response.items():
        if not is_nothing(raw):
            count_dropped(report, f"member {name!r} of a response")
    return {"response": msgspec.Raw(join_members(kept))} if kept else {}
