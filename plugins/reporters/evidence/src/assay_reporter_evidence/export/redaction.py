"""Secrets never leave: every text of an event is cleaned before it is hashed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import attrs

from assay_core.model import JsonValue
from assay_reporter_evidence.bundle.form import Event

__all__ = ["redacted", "without_secrets"]

_MARK = "[REDACTED]"
# Shapes of credentials that nobody writes by accident. Each alternative is linear: no repetition inside a repetition.
_SECRETS = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{36,}"
    r"|\bgithub_pat_[A-Za-z0-9_]{22,}"
    r"|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|\bsk[-_][A-Za-z0-9_-]{20,}"
    r"|\bAIza[0-9A-Za-z_-]{35}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|(?i:\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{12,}"
    r"|(?i:\b(?:password|passwd|secret|token|api[_-]?key)\s*[=:]\s*)[^\s\"'&,;]{6,}"
)


def redacted(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events in which every text, keys included, is without what looks like a credential."""
    for event in events:
        data = without_secrets(event.data)
        subject = None if event.subject is None else _clean(event.subject)
        if data != event.data or subject != event.subject:
            event = attrs.evolve(event, data=data, subject=subject)
        yield event


def without_secrets(value: JsonValue) -> JsonValue:
    """Return a value whose texts are without what looks like a credential."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(str(key)): without_secrets(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_secrets(each) for each in value]
    return value


def _clean(text: str) -> str:
    return _SECRETS.sub(_MARK, text.encode("utf-8", "replace").decode("utf-8"))
