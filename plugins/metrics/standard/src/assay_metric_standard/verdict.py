"""Results and findings, in the one form that all checks of this distribution use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assay_core.model import Episode, Finding, JsonValue, MetricResult, Outcome, SourcePlace, ToolCall, Violation

__all__ = ["finding_at", "held", "not_applicable", "quoted", "violated", "violation_details"]

_EXCERPT = 120
_DETAILED = 100  # violations repeated in `details`; the findings hold all of them


def held(**details: JsonValue) -> MetricResult:
    """Return that the check held."""
    return MetricResult(outcome=Outcome.HELD, details=details)


def not_applicable(message: str, **details: JsonValue) -> MetricResult:
    """Return that there was nothing to check, and why."""
    return MetricResult(outcome=Outcome.NOT_APPLICABLE, details={"message": message, **details})


def violated(
    message: str, findings: Iterable[Finding], violations: Sequence[Mapping[str, JsonValue]] = (), **details: JsonValue
) -> MetricResult:
    """Return what was found; `violations` are cut at a hundred in the details."""
    if violations:
        details["violations"] = [dict(each) for each in violations[:_DETAILED]]
        if len(violations) > _DETAILED:
            details["violations_omitted"] = len(violations) - _DETAILED
    return MetricResult(outcome=Outcome.VIOLATED, findings=tuple(findings), details={"message": message, **details})


def finding_at(
    episode: Episode | None, code: str, message: str, *, rule: str, call: ToolCall | None = None, pointer: str = ""
) -> Finding:
    """Return a finding at a call, or at the episode as a whole where no call is named."""
    source = episode.source if episode else None
    if source and call and call.line is not None:
        source = SourcePlace(source.file, call.line)
    return Finding(
        code=code,
        message=message,
        rule=rule,
        source=source,
        episode_id=episode.id if episode else "",
        tool=call.tool if call else "",
        call_index=call.index if call else None,
        pointer=pointer,
    )


def violation_details(violation: Violation, call: ToolCall | None) -> Mapping[str, JsonValue]:
    """Return a violation as `details` show it."""
    details: dict[str, JsonValue] = {"code": violation.code, "rule": violation.rule, "message": violation.message}
    if call is not None:
        details |= {"tool": call.tool, "call_index": call.index}
    if violation.pointer or violation.keyword:
        details |= {"path": violation.pointer, "constraint": violation.keyword}
    if violation.antecedent is not None:
        details["antecedent"] = violation.antecedent
    return details


def quoted(text: str) -> str:
    """Return a text in quotes, cut so that a message stays one line."""
    return repr(text if len(text) <= _EXCERPT else text[:_EXCERPT] + "…")
