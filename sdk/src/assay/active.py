"""Which client records what happens now: that of the innermost `with` block, and that of the running test."""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from assay.client import AssayClient
    from assay.replay import Capture

__all__ = ["CAPTURE", "CLIENT", "current_capture", "current_client", "set_fallback"]

CLIENT: ContextVar[AssayClient | None] = ContextVar("assay_client", default=None)
CAPTURE: ContextVar[Capture | None] = ContextVar("assay_capture", default=None)
_fallback: list[Capture | None] = [None]  # for threads, which begin with an empty context


def current_client() -> AssayClient | None:
    """Return the client of the innermost `with` block around this code, None outside of one."""
    return CLIENT.get()


def current_capture() -> Capture | None:
    """Return the capture of the running test, None outside of a marked test.

    A thread begins with an empty context: for it, that is the test which this process runs.
    """
    found = CAPTURE.get() or _fallback[0]
    return None if found is None or found.over else found


def set_fallback(capture: Capture | None) -> None:
    """Say which test this process runs."""
    _fallback[0] = capture
