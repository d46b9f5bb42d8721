"""The runs that were kept, for commands of plugins: the store that `assay run` would use here, to read."""

from __future__ import annotations

from assay_core.config.store_place import store_path
from assay_core.store.reader import StoreReader

__all__ = ["open_store"]


def open_store(db: str | None = None) -> StoreReader:
    """Return the store, opened to read only; use it in a `with` block.

    Args:
        db: The store's file, as `--db` names it; None: ASSAY_DB, pyproject.toml, else `.assay/assay.db`.

    Raises:
        UsageError: E_PATH_NOT_FOUND where there is none; E_INVALID_ARGS for a store in memory.
        ServiceError: E_STORE_INVALID, E_STORE_VERSION, E_STORE_FAILED.
    """
    return StoreReader(store_path(db)[0])
