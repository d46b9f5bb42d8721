"""The command `assay`. Versions and the overview are answered before anything that costs time is imported."""

# Imports nothing that Python has not imported at its own start: `assay version` has 5 ms.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run one command line and return its exit code.

    Args:
        arguments: The words after `assay`; those of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if "_ASSAY_COMPLETE" not in os.environ:
        if words in (["version"], ["--version"], ["-V"]):
            from assay_core import __version__

            return _say(f"assay {__version__}\n")
        if words in ([], ["--help"], ["-h"], ["help"]) and "ASSAY_PLUGINS" not in os.environ:
            from assay_core.cli.overview import overview

            return _say(overview())
    from assay_core.cli.shell import run

    return run(words)


def _say(text: str) -> int:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough; nothing is left to be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    except UnicodeEncodeError:
        sys.stdout.write(text.encode("ascii", "backslashreplace").decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
