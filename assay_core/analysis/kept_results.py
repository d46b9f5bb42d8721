"""The results that metrics keep in the store, for commands that compute them before a run looks them up."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from assay_core.config import Defaults
from assay_core.config.store_place import store_path
from assay_core.errors import ServiceError
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.hooks import Hooks
from assay_core.run.keeping import now_s
from assay_core.store import RunStore, StoreCache

__all__ = ["KeptResults", "open_kept_results"]


class KeptResults:
    """What `CheckContext.cache` of a run has behind it: results that outlive runs. A `Cache`, safe in threads.

    The store is opened, and made where there is none, when something is first asked for.

    Attributes:
        path: The store's file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._store: RunStore | None = None
        self._cache: StoreCache | None = None

    def get(self, key: str) -> bytes | None:
        """Return what was put under the key in any run, or None. Raises ServiceError E_STORE_*."""
        return self._opened().get(key)

    def put(self, key: str, value: bytes) -> None:
        """Keep the value at once: a process killed later does not lose it. Raises ServiceError E_STORE_*."""
        self._opened().put(key, value)

    @property
    def refused(self) -> int:
        """How many values were not kept, since redacting them failed."""
        return self._cache.refused if self._cache else 0

    def close(self) -> None:
        """Give the file back."""
        if self._store is not None:
            self._store.close()

    def _opened(self) -> StoreCache:
        with self._lock:
            if self._cache is None:
                hooks = Hooks(Catalogue.scan(), Defaults.read(Path.cwd()).plugins)
                self._store = RunStore(self.path, now=now_s)
                self._cache = self._store.cache(hooks.redact if hooks.redacts else None)
            return self._cache


@contextlib.contextmanager
def open_kept_results(db: str | None = None) -> Iterator[KeptResults]:
    """Lend the results kept in the store that `assay run` would use here.

    What is put is shown to the installed `assay_redact` listeners first, as a run does.

    Args:
        db: The store's file, as `--db` names it; None: ASSAY_DB, pyproject.toml, else `.assay/assay.db`.

    Raises:
        UsageError: E_INVALID_ARGS for a store in memory.
        ServiceError: E_STORE_FAILED, at the end, where redacting a value failed and it was not kept therefore.
    """
    path, _ = store_path(db)
    kept = KeptResults(path)
    try:
        yield kept
        if kept.refused:
            message = f"{kept.refused} result(s) are not in the store {str(path)!r}: redacting them failed"
            raise ServiceError(code="E_STORE_FAILED", message=message)
    finally:
        kept.close()
