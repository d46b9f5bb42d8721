"""One run of `assay watch`, in a process of its own.

The watcher starts it with these signals blocked, so that Ctrl-C while Python still imports is neither lost nor a
traceback.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType

__all__ = ["ENDING", "main"]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Run the words of the process behind the error border of every command, and return its exit code."""
    from assay_core.cli.shell import run

    signal.signal(signal.SIGINT, _interrupt_once)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        return run(sys.argv[1:])
    except KeyboardInterrupt:  # it was waiting when the signal was let in
        return 130


def _interrupt_once(_: int, __: FrameType | None) -> None:
    """Raise KeyboardInterrupt, and let nothing disturb the cleaning up: terminal and watcher both may have sent it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
