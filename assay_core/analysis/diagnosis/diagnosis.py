"""One finding about a project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import attrs

from assay_core.analysis.repair.patch import Patch
from assay_core.errors import AssayError, Place, find_code
from assay_core.model import JsonObject, Notice, PolicyNotice

__all__ = ["SEVERITIES", "Area", "Diagnosis", "Severity", "of_error", "of_notice"]

Severity: TypeAlias = Literal["error", "warning", "note"]
Area: TypeAlias = Literal[
    "settings", "suite", "policy", "trace", "test", "baseline", "store", "plugin", "machine", "ci"
]  # fmt: skip
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  # from the gravest

# Notices that tell of something which is as it should be.
_QUIET = frozenset(
    {
        "W_CFG_UNUSED", "W_CHECK_DEFERRED", "W_POLICY_FOUND", "W_POLICY_LATER", "W_POLICY_NOT_EVALUATED",
        "W_POLICY_WIDENED", "W_POLICY_PATTERN", "W_TRACE_DROPPED", "W_TRACE_INCOMPLETE", "W_QUARANTINE_APPLIED",
    }
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Diagnosis:
    """What was found, where, and what to do about it."""

    code: str  # of the registry of reason codes
    severity: Severity  # a note alone leaves a project clean
    area: Area
    message: str  # one sentence; may quote hostile text: sinks sanitise it
    place: Place | None = None
    remedy: str = ""
    patch: Patch | None = None  # where putting it right is mechanical
    subject: str = ""  # what it is about, where the message holds counts or quotes that may change

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays equal while lines move."""
        return self.area, self.code, self.subject or self.message

    def document(self) -> JsonObject:
        """Return it for a report; parts that are unknown are null."""
        place = self.place
        return {
            "code": self.code,
            "severity": self.severity,
            "area": self.area,
            "message": self.message,
            "file": place.file if place else None,
            "line": place.line or None if place else None,
            "column": place.column or None if place else None,
            "remedy": self.remedy,
            "patch": self.patch.id if self.patch else None,
        }


def of_error(error: AssayError, area: Area, severity: Severity = "error") -> Iterator[Diagnosis]:
    """Yield an error and those that were found with it."""
    for each in (error, *error.others):
        yield Diagnosis(
            code=each.code, severity=severity, area=area, message=each.message, place=each.place, remedy=each.remedy
        )


def of_notice(notice: Notice | PolicyNotice, area: Area) -> Diagnosis:
    """Return what a loader or a run remarked as a finding."""
    known = find_code(notice.code, "notice")
    return Diagnosis(
        code=notice.code,
        severity="note" if notice.code in _QUIET else "warning",
        area=area,
        message=notice.message,
        place=notice.place,
        remedy=known.remedy if known and known.remedy != "none needed" else "",
    )
