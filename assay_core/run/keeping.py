"""The store as one run sees it. Nothing here ends a run: the first failure is remembered, and the store given up."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence

import attrs

import assay_core
from assay_core.cache import RunCache
from assay_core.errors import AssayError
from assay_core.model import Episode, Notice, ResultRow, RunReport, Suite
from assay_core.plugins.hooks import Hooks
from assay_core.run.documents import row_json
from assay_core.run.quarantine import Quarantine
from assay_core.run.request import RunRequest
from assay_core.store import (
    PassedBefore,
    QuarantineEntry,
    RunEnd,
    RunStart,
    RunStore,
    StoreCache,
    StoredAttempt,
    StoredResult,
)

__all__ = ["Keeping", "now_s"]


class Keeping:
    """What a run keeps, and what earlier runs kept for it.

    Attributes:
        run_id: The run's number in the store, 0 without one.
        error: Why the store could not be used, where that has to be an error: it was named, or it exists.
        notices: What the user should know of it.
    """

    def __init__(self) -> None:
        self.run_id = 0
        self.error: AssayError | None = None
        self.notices: list[Notice] = []
        self.now_s = now_s()
        self._store: RunStore | None = None
        self._hooks: Hooks | None = None
        self._episodes = False
        self._cache: RunCache | None = None
        self._kept: StoreCache | None = None
        self._told = 0

    def begin(self, request: RunRequest, suite: Suite, seed: str, hooks: Hooks) -> None:
        """Open the store, and give the run its number."""
        wanted = request.store
        if wanted is None:
            return
        self._hooks = hooks if hooks.redacts else None
        self._episodes = wanted.keep == "episodes"
        start = RunStart(
            suite=suite.name,
            command=request.command,
            assay_version=assay_core.__version__,
            config_file=str(suite.path) if suite.path else None,
            trace_file=request.trace,
            order_seed=seed,
        )
        try:
            self._store = RunStore(wanted.path, now=now_s)
            self.run_id = self._store.begin_run(start)
        except AssayError as error:
            if wanted.named or request.incremental or wanted.path.exists():
                self._give_up(error)
            else:
                text = f"this run is not kept: {error.message}"
                self.notices.append(Notice(code="W_STORE_UNAVAILABLE", message=text))

    def cache(self, request: RunRequest, suite: Suite) -> RunCache:
        """Return the cache that the checks of this run share."""
        wanted = request.cache != "off" and suite.settings.cache
        redact = self._hooks.redact if self._hooks else None
        kept = self._kept = self._store.cache(redact) if self._store and wanted else None
        self._cache = RunCache(kept, read_kept=request.cache == "use")
        return self._cache

    @property
    def cache_hit_rate(self) -> float:
        """The share of what costly metrics looked up that an earlier run had kept."""
        return self._cache.hit_rate if self._cache else 0.0

    def quarantine(self, request: RunRequest, suite: Suite) -> Quarantine:
        """Return the quarantine of the suite."""
        entries: tuple[QuarantineEntry, ...] = ()
        if self._store is not None and request.quarantine_mode != "off":
            try:
                entries = self._store.quarantine(suite.name)
            except AssayError as error:
                self._give_up(error)
        return Quarantine.of(entries, request.quarantine_mode, self.now_s)

    def passed_before(self, suite: Suite, fingerprints: Iterable[str]) -> dict[str, PassedBefore]:
        """Return, by fingerprint, what passed in an earlier run."""
        if self._store is None:
            return {}
        try:
            return self._store.passed_before(suite.name, fingerprints)
        except AssayError as error:
            self._give_up(error)
            return {}

    def keep_episodes(self, episodes: Sequence[Episode]) -> None:
        """Keep a batch, where the user wants episodes kept."""
        if self._store is None or not self._episodes:
            return
        try:
            self._store.add_episodes(self.run_id, episodes, self._hooks.redact if self._hooks else None)
        except AssayError as error:
            self._give_up(error)

    def finish(self, report: RunReport) -> AssayError | None:
        """Keep verdict and rows; return why that failed, where it did just now."""
        self._told = len(self.notices)
        if self._cache is not None and self._cache.failure is not None:
            text = f"the cache was not used to the end: {self._cache.failure.message}"
            self.notices.append(Notice(code="W_STORE_UNAVAILABLE", message=text))
        if self._store is None:
            return None
        try:
            rows = (_stored(row) for row in report.rows)
            self._store.finish_run(self.run_id, _end(report), rows, self._hooks.redact if self._hooks else None)
        except AssayError as error:
            self._give_up(error)
            return error
        refused = self._store.refused + (self._kept.refused if self._kept else 0)
        if refused:
            text = f"{refused} record(s) of this run are not in the store: redacting them failed"
            self.notices.append(Notice(code="W_STORE_UNAVAILABLE", message=text))
        return None

    def late_notices(self) -> tuple[Notice, ...]:
        """Return the notices that came up while the run was kept."""
        return tuple(self.notices[self._told :])

    def close(self, report: RunReport, kept: RunReport) -> None:
        """Correct the verdict where it has changed since it was kept, and give the file back."""
        if self._store is None:
            return
        try:
            if report.exit_code != kept.exit_code:
                self._store.amend_run(self.run_id, _end(report))
        except AssayError as error:
            self._give_up(error)
        if self._store is not None:
            self._store.close()

    def _give_up(self, error: AssayError) -> None:
        self.error = self.error or error
        if self._store is not None:
            self._store.close()
            self._store = None


def _stored(row: ResultRow) -> StoredResult:
    body = row_json(row)
    details = body["details"]
    return StoredResult(
        test_id=row.test_id,
        kind=row.kind,
        outcome=row.status,
        score=row.score,
        message=row.message,
        duration_ms=row.duration_ms,
        details=details if isinstance(details, dict) else {},
        fingerprint=row.fingerprint,
        skip_reason=row.skip_reason,
        attempts=tuple(_attempts(row)),
    )


def _attempts(row: ResultRow) -> Iterator[StoredAttempt]:
    for each in row.attempts:
        yield StoredAttempt(number=each.number, outcome=each.status, message=each.message, episode_id=each.episode_id)


def _end(report: RunReport) -> RunEnd:
    return RunEnd(
        exit_code=report.exit_code,
        reason_code=report.reason_code,
        message=report.message,
        config_digest=report.provenance.config_digest,
        policy_digest=report.provenance.policy_digest,
        trace_digest=report.provenance.trace_digest,
        plugins=report.provenance.plugins,
        counts=attrs.asdict(report.counts),
    )


def now_s() -> float:
    """Return the time, or the one that SOURCE_DATE_EPOCH sets for the sake of equal bytes."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    return float(text) if text.isascii() and text.isdigit() else time.time()
