"""Record what an agent does, and test it: the SDK of assay.

Names are imported when they are first used: `import assay` costs next to nothing in an agent that records little.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what type checkers take for true; `typing` itself costs more than all of this module
if TYPE_CHECKING:
    from assay.client import AssayClient
    from assay.coverage import Coverage
    from assay.explainer import Explainer
    from assay.failures import NotRecordedError, ReplayedError, TraceError, TraceFileError
    from assay.mcp_sessions import record_mcp
    from assay.open_call import OpenCall
    from assay.results import Result
    from assay.tools import tool
    from assay.validation import validate

__all__ = [
    "AssayClient",
    "Coverage",
    "Explainer",
    "NotRecordedError",
    "OpenCall",
    "ReplayedError",
    "Result",
    "TraceError",
    "TraceFileError",
    "record_mcp",
    "tool",
    "validate",
]

_HOMES = {
    "AssayClient": "client",
    "Coverage": "coverage",
    "Explainer": "explainer",
    "NotRecordedError": "failures",
    "OpenCall": "open_call",
    "ReplayedError": "failures",
    "Result": "results",
    "TraceError": "failures",
    "TraceFileError": "failures",
    "record_mcp": "mcp_sessions",
    "tool": "tools",
    "validate": "validation",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names without importing them."""
    return sorted({*globals(), *__all__})
