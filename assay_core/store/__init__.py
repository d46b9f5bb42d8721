"""The store: runs, results, quarantine and cached results in one SQLite file, `.assay/assay.db` by default."""

from assay_core.store.kept_cache import StoreCache
from assay_core.store.records import PassedBefore, QuarantineEntry, RunEnd, RunStart, StoredAttempt, StoredResult, utc
from assay_core.store.writer import RunStore

__all__ = [
    "PassedBefore",
    "QuarantineEntry",
    "RunEnd",
    "RunStart",
    "RunStore",
    "StoreCache",
    "StoredAttempt",
    "StoredResult",
    "utc",
]
