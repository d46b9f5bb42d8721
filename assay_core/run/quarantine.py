"""What the quarantine makes of the rows of tests: a function of values, so that it can be told in a table.

| mode | a quarantined test that passed | that failed, warned, is flaky or unstable | that could not be evaluated |
|---|---|---|---|
| off | pass | as it is | as it is |
| warn | pass | warn | as it is |
| strict | fail | fail | as it is |
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from assay_core.model import Finding, JsonObject, Notice, ResultRow
from assay_core.store import QuarantineEntry

__all__ = ["Quarantine", "QuarantineMode"]

QuarantineMode: TypeAlias = Literal["off", "warn", "strict"]
_FAILED = ("fail", "flaky", "unstable", "warn")


@attrs.frozen(kw_only=True)
class Quarantine:
    """The quarantine of a suite as one run sees it."""

    mode: QuarantineMode = "off"
    entries: Mapping[str, QuarantineEntry] = attrs.field(factory=dict)  # by test id; those that apply
    expired: tuple[QuarantineEntry, ...] = ()
    now_s: float = 0.0

    @classmethod
    def of(cls, entries: Sequence[QuarantineEntry], mode: QuarantineMode, now_s: float) -> Quarantine:
        """Return the quarantine at a moment: entries whose last day is over do not apply."""
        if mode == "off":
            return cls(mode=mode, now_s=now_s)
        applying = {entry.test_id: entry for entry in entries if not entry.has_expired(now_s)}
        expired = tuple(entry for entry in entries if entry.has_expired(now_s))
        return cls(mode=mode, entries=applying, expired=expired, now_s=now_s)

    def tolerates(self, test_id: str) -> bool:
        """Tell whether a failure of this test is only a warning."""
        return self.mode == "warn" and test_id in self.entries

    def settle(self, row: ResultRow) -> ResultRow:
        """Return the row with the status that the quarantine gives it."""
        entry = self.entries.get(row.test_id)
        if entry is None or row.kind != "test" or row.status in ("error", "allowed_on_error"):
            return row
        if self.mode == "strict" and (row.status != "skipped" or row.skip_reason == "fingerprint match"):
            return self._failed(row, entry)
        if self.mode == "warn" and row.status in _FAILED:
            return attrs.evolve(
                row,
                status="warn",
                message=f"quarantined: {self._why(entry)}; was {row.status}: {row.message}",
                details=self._details(row, entry),
                error_code="",
                findings=tuple(attrs.evolve(each, severity=_softened(each)) for each in row.findings),
            )
        return row

    def notices(self, test_ids: Collection[str], rows: Sequence[ResultRow] = ()) -> Iterator[Notice]:
        """Say what the quarantine did and did not do."""
        if not self.entries and not self.expired:
            return
        changed = [row.test_id for row in rows if "quarantine" in row.details]
        if changed:
            what = "warnings" if self.mode == "warn" else "failures (strict)"
            text = f"{len(changed)} quarantined test(s) count as {what}: {', '.join(changed)}"
            yield Notice(code="W_QUARANTINE_APPLIED", message=text)
        for entry in self.expired:
            text = f"the quarantine of {entry.test_id!r} ended on {entry.expires_on} and does not apply"
            yield Notice(code="W_QUARANTINE_EXPIRED", message=text)
        for test_id in sorted(set(self.entries) - set(test_ids)):
            text = f"{test_id!r} is quarantined, and the suite has no such test"
            yield Notice(code="W_QUARANTINE_UNKNOWN", message=text)

    def _failed(self, row: ResultRow, entry: QuarantineEntry) -> ResultRow:
        message = f"quarantined (strict): {self._why(entry)}; was {row.status}: {row.message}"
        finding = Finding(
            code="E_QUARANTINED", message=message, rule="quarantine", test_id=row.test_id, source=row.source
        )
        return attrs.evolve(
            row,
            status="fail",
            message=message,
            details=self._details(row, entry),
            skip_reason=None,
            error_code="",
            findings=(*row.findings, finding),
        )

    def _why(self, entry: QuarantineEntry) -> str:
        days = entry.age_days(self.now_s)
        owner = f", {entry.owner}" if entry.owner else ""
        until = f", until {entry.expires_on}" if entry.expires_on else ""
        return f"{entry.reason} ({'today' if not days else f'{days} day' + 's' * (days > 1)}{owner}{until})"

    def _details(self, row: ResultRow, entry: QuarantineEntry) -> JsonObject:
        about: JsonObject = {
            "mode": self.mode,
            "status": row.status,
            "reason": entry.reason,
            "owner": entry.owner,
            "added_at": entry.added_at,
            "age_days": entry.age_days(self.now_s),
            "expires_on": entry.expires_on,
        }
        return {**row.details, "quarantine": about}


def _softened(finding: Finding) -> Literal["warning", "note"]:
    return "note" if finding.severity == "note" else "warning"
