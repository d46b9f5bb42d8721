"""What a metric may hand back. Anything else is a fault of the plugin, never a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import get_args

import msgspec

from assay_core.model import Finding, FindingSeverity, MetricResult, Outcome, SourcePlace

__all__ = ["problem_of"]

_SEVERITIES = frozenset(get_args(FindingSeverity))
_TEXTS = ("code", "message", "rule", "test_id", "episode_id", "tool", "pointer")
_encode = msgspec.json.Encoder().encode


def problem_of(result: object) -> str:
    """Return what is wrong with an answer of `measure`, "" where it keeps the contract."""
    if not isinstance(result, MetricResult):
        return f"measure returned a {type(result).__name__} where a MetricResult is due"
    outcome: object = result.outcome
    if not isinstance(outcome, Outcome):
        return f"the outcome {outcome!r} is no Outcome"
    if result.score is not None and not _is_score(result.score):
        return f"the score {result.score!r} is not within 0..1"
    findings: object = result.findings
    if not isinstance(findings, tuple):
        return f"findings is a {type(findings).__name__} where a tuple is due"
    if result.outcome is Outcome.VIOLATED and not result.findings:
        return "a violated result has no finding to show for it"
    for finding in result.findings:
        if problem := _problem_of_finding(finding):
            return problem
    return _problem_of_details(result.details) if result.details else ""


def _is_score(score: object) -> bool:
    return type(score) in (int, float) and math.isfinite(score) and 0.0 <= score <= 1.0  # type: ignore[arg-type, operator]  # a number


def _problem_of_finding(finding: object) -> str:
    if not isinstance(finding, Finding):
        return f"a {type(finding).__name__} stands where a Finding is due"
    if finding.severity not in _SEVERITIES:
        return f"a finding has the severity {finding.severity!r}"
    for name in _TEXTS:
        text = getattr(finding, name)
        if not isinstance(text, str) or not _is_encodable(text):
            return f"a finding's {name} is no text that can be written"
    source: object = finding.source
    if source is not None and not isinstance(source, SourcePlace):
        return "a finding's source is no SourcePlace"
    wrong = [each for each in (finding.column, finding.call_index) if each is not None and type(each) is not int]
    return "a finding's column or call_index is no whole number" if wrong else ""


def _problem_of_details(details: object) -> str:
    if not isinstance(details, Mapping):
        return f"details is a {type(details).__name__} where a mapping is due"
    try:
        _encode(dict(details))
    except (TypeError, ValueError, OverflowError, RecursionError, UnicodeEncodeError) as error:
        return f"details cannot be written as JSON: {error}"
    return ""


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
