"""eval.yaml, the discovery of files, defaults with their origins, JSON Schemas for editors.

Names are imported when they are first asked for: the help of a command needs none of the loaders.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assay_core.config.defaults import Default, Defaults
    from assay_core.config.discovery import Found, discover, kind_of
    from assay_core.config.json_schemas import SCHEMA_NAMES, json_schema
    from assay_core.config.suite import load_suite

__all__ = ["SCHEMA_NAMES", "Default", "Defaults", "Found", "discover", "json_schema", "kind_of", "load_suite"]

_HOMES = {
    "Default": "defaults",
    "Defaults": "defaults",
    "Found": "discovery",
    "SCHEMA_NAMES": "json_schemas",
    "discover": "discovery",
    "json_schema": "json_schemas",
    "kind_of": "discovery",
    "load_suite": "suite",
}


def __getattr__(name: str) -> object:
    """Import what is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
