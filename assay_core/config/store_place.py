"""Where the store is, the same for every command."""

from __future__ import annotations

from pathlib import Path

from assay_core.config.defaults import Defaults
from assay_core.errors import UsageError

__all__ = ["store_path"]

_PROJECT_FILES = ("eval.yaml", "assay.yaml", "policy.yaml")


def store_path(named: str | None, defaults: Defaults | None = None) -> tuple[Path, bool]:
    """Return the store's file, and whether the user named it.

    It is what `--db` says, else ASSAY_DB, else `db` in pyproject.toml, else `.assay/assay.db` in the nearest folder,
    upwards from here, that has a suite or a policy; in this folder where none has.

    Raises:
        UsageError: E_INVALID_ARGS for `:memory:`, which would keep nothing.
    """
    given = named or (defaults or Defaults.read(Path.cwd())).text("db")
    if given == ":memory:":
        raise UsageError(code="E_INVALID_ARGS", message="a store in memory keeps nothing", remedy="use --store none")
    if given:
        return Path(given), True
    here = Path.cwd()
    for folder in (here, *here.parents):
        if any((folder / name).is_file() for name in _PROJECT_FILES):
            return (Path() if folder == here else folder) / ".assay" / "assay.db", False
    return Path(".assay", "assay.db"), False
