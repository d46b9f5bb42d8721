"""What goes wrong, as the core's errors with their codes, and as the built-in exceptions that callers expect."""

from __future__ import annotations

from assay_core.errors import InputError, ServiceError

__all__ = ["NotRecordedError", "ReplayedError", "TraceError", "TraceFileError"]


class TraceError(InputError, ValueError):
    """A record or a list of traces is not what it has to be (E_TRACE_INVALID and its like)."""


class TraceFileError(ServiceError, RuntimeError):
    """The trace file cannot be opened or written (E_IO)."""


class NotRecordedError(RuntimeError):
    """A test called a tool in a way that its recording does not hold, so the tool was not run."""


class ReplayedError(RuntimeError):
    """The recorded call failed, and so does its replay; the text is the recorded error."""
