"""Services over HTTP, for drivers that need one: bounded in time, size and attempts; keys stay where they belong."""

from assay_core.remote.keys import HIDDEN, without_keys
from assay_core.remote.service import NoAnswerError, RemoteService

__all__ = ["HIDDEN", "NoAnswerError", "RemoteService", "without_keys"]
