"""What stands around suite and policy: plugins, baselines, the store, the age of traces."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from assay_core.analysis.diagnosis.diagnosis import Diagnosis, Severity, of_error
from assay_core.analysis.diagnosis.observing import Observed
from assay_core.analysis.diagnosis.project import Project, near
from assay_core.convert import nearest
from assay_core.errors import AssayError, Place, PluginFault
from assay_core.plugins.guard import import_target
from assay_core.plugins.record import DRIVER_GROUPS, PluginRecord
from assay_core.run.baseline.document import Baseline, read_baseline
from assay_core.store.reader import StoreReader

__all__ = ["examine_baseline", "examine_plugins", "examine_store", "examine_traces"]

_STATES = {
    "colliding": ("E_PLUGIN_AMBIGUOUS", "choose with name@distribution, or uninstall one"),
    "incompatible": ("E_PLUGIN_INCOMPATIBLE", "upgrade the plugin or the core"),
    "broken": ("E_PLUGIN_BROKEN", "reinstall or upgrade the distribution"),
}
_LISTED = 5


def examine_plugins(project: Project) -> Iterator[Diagnosis]:
    """Tell of plugins that are installed and cannot be used; each is imported for it, as `assay plugins check` does."""
    told: set[tuple[str, str]] = set()
    for installed in project.drivers.catalogue.all:
        record = _tried(project, installed)
        if record.state not in _STATES or (record.state, record.distribution + record.name) in told:
            continue
        told.add((record.state, record.distribution + record.name))
        code, remedy = _STATES[record.state]
        yield Diagnosis(
            code=code, severity="warning", area="plugin", message=_about(record), remedy=remedy,
            place=Place(record.location) if record.location else None,
        )  # fmt: skip


def _tried(project: Project, record: PluginRecord) -> PluginRecord:
    """Return the record in the state that importing it shows."""
    if record.state != "ready":
        return record
    try:
        if record.group in DRIVER_GROUPS:
            project.drivers.load(record.group, record.qualified_name)
        else:
            import_target(record)
    except PluginFault as error:
        return record.put_in_state("broken", error.message)
    except AssayError:  # it has options without a default, or is forbidden here: nothing is wrong with it
        return record
    return record


def _about(record: PluginRecord) -> str:
    name = f"{record.name!r} of {record.distribution}" if record.name else record.distribution
    return f"the plugin {name} is {record.state}: {record.reason}"


def examine_traces(project: Project) -> Iterator[Diagnosis]:
    """Tell of a missing trace, and of traces that are older than the policy they are decided by."""
    if not project.traces:
        if project.suite_file or project.policy_file:
            yield Diagnosis(
                code="W_TRACE_ABSENT",
                severity="note",
                area="trace",
                message="no trace was found in `traces/` or as trace.jsonl, so no call could be looked at",
                remedy="record one, or name it with --trace-file",
            )
        return
    if project.policy_file is None:
        return
    changed = _changed_at(project.policy_file)
    older = [path for path in project.traces if (when := _changed_at(path)) is not None and changed and when < changed]
    if older:
        listed = ", ".join(str(near(path)) for path in older[:_LISTED]) + (", …" if older[_LISTED:] else "")
        yield Diagnosis(
            code="W_TRACE_OLDER",
            severity="note",
            area="trace",
            message=f"{len(older)} trace(s) are older than the policy: {listed}",
            place=Place(str(near(older[0]))),
            remedy="record again if the agent has changed, too",
        )


def _changed_at(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def examine_baseline(project: Project, observed: Observed | None) -> Iterator[Diagnosis]:
    """Tell of a baseline that no longer fits its suite."""
    if project.baseline is None:
        return
    path = near(project.baseline)
    try:
        yield from _stale(project, path, read_baseline(path), _idle_tests(observed))
    except AssayError as error:
        yield from of_error(error, "baseline")


def _idle_tests(observed: Observed | None) -> set[str]:
    """Return the tests that have no score here, and so none in a baseline."""
    rows = observed.rows if observed else ()
    return {row.test_id for row in rows if row.kind == "test" and row.score is None}


def _stale(project: Project, path: Path, baseline: Baseline, idle: set[str]) -> Iterator[Diagnosis]:
    place = Place(str(path))
    suite = project.suite
    if suite is None or suite.path is None:
        return
    if baseline.suite != suite.name:
        message = f"it belongs to the suite {baseline.suite!r}, not to {suite.name!r}"
        yield _about_baseline("E_BASE_MISMATCH", "error", message, place)
        return
    reasons = []
    if _is_other(baseline.config_fingerprint, suite.path):
        reasons.append(f"{near(suite.path)} has changed since")
    known, recorded = {case.id for case in suite.tests}, set(baseline.tests)
    if gone := sorted(recorded - known):
        reasons.append(f"the suite no longer has {_named(gone, known)}")
    if new := sorted(known - recorded - idle):
        reasons.append(f"it lacks {_named(new, set())}")
    if reasons:
        yield _about_baseline("W_BASELINE_STALE", "warning", "it is stale: " + "; ".join(reasons), place)


def _about_baseline(code: str, severity: Severity, what: str, place: Place) -> Diagnosis:
    remedy = "record it anew: `assay run --export-baseline FILE`"
    message = f"the baseline does not fit: {what}"
    return Diagnosis(code=code, severity=severity, area="baseline", message=message, place=place, remedy=remedy)


def _is_other(fingerprint: str, suite: Path) -> bool:
    """Tell whether a fingerprint is that of another text; one that cannot be computed tells nothing."""
    kind, _, digest = fingerprint.partition(":")
    if kind not in ("md5", "sha256") or not digest or digest == "unknown":
        return False
    try:
        found = hashlib.new(kind, suite.read_bytes(), usedforsecurity=False).hexdigest()
    except (OSError, ValueError):
        return False
    return found != digest.lower()


def _named(ids: list[str], known: set[str]) -> str:
    parts = []
    for each in ids[:_LISTED]:
        guess = nearest(each, known)
        parts.append(f"the test {each!r}" + (f" (renamed to {guess!r}?)" if guess else ""))
    return ", ".join(parts) + (f" and {len(ids) - _LISTED} more" if ids[_LISTED:] else "")


def examine_store(project: Project, today: str) -> Iterator[Diagnosis]:
    """Tell of a store that cannot be read, and of quarantines that are over or about no test.

    Args:
        project: The project.
        today: The day in UTC, as YYYY-MM-DD.
    """
    if project.store is None:
        return
    place = Place(os.path.relpath(project.store))
    try:
        with StoreReader(project.store) as store:
            entries = store.quarantine(suite=project.suite.name if project.suite else None)
    except AssayError as error:
        yield from of_error(error, "store")
        return
    known = {case.id for case in project.suite.tests} if project.suite else None
    for entry in entries:
        about = f"the test {entry.test_id!r} of suite {entry.suite!r}"
        command = f"assay quarantine remove {entry.test_id}"
        if entry.expires_on and entry.expires_on < today:
            yield Diagnosis(
                code="W_QUARANTINE_EXPIRED",
                severity="warning",
                area="store",
                message=f"the quarantine of {about} was over on {entry.expires_on} ({entry.reason})",
                place=place,
                remedy=f"`{command}`, or add it again with another --expires",
            )
        if known is not None and entry.test_id not in known:
            yield Diagnosis(
                code="W_QUARANTINE_UNKNOWN",
                severity="warning",
                area="store",
                message=f"{about} is quarantined, and the suite does not have it",
                place=place,
                remedy=f"`{command}`",
            )
