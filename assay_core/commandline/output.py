"""Writing to a terminal or a pipe: nothing hostile gets through, a closed pipe is no crash."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Literal, TextIO, TypeAlias

from assay_core.commandline.visible import sanitise
from assay_core.errors import ServiceError

if TYPE_CHECKING:  # the model costs more than the help of a command may
    from assay_core.model.suite import Notice

__all__ = [
    "ColorChoice",
    "color_wanted",
    "echo_notice",
    "json_text",
    "paint",
    "write_bytes_out",
    "write_err",
    "write_out",
]

ColorChoice: TypeAlias = Literal["auto", "always", "never"]

_NOT_ASCII = re.compile(r"[^\n\x20-\x7e]")
_STYLES = {"bold": "1", "red": "31;1", "green": "32;1", "yellow": "33;1", "blue": "34;1", "dim": "2"}


def json_text(value: object) -> str:
    """Return indented JSON that is safe on a terminal and decodes everywhere.

    Characters that `sanitise` would show are written as JSON escapes; half surrogates, which strict readers
    refuse, become `?`.
    """
    import json

    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _NOT_ASCII.sub(lambda found: _json_escape(found.group()), text) + "\n"


def color_wanted(choice: ColorChoice, stream: IO[str], environment: Mapping[str, str] | None = None) -> bool:
    """Tell whether to write ANSI colours: the option first, then NO_COLOR, FORCE_COLOR, then whether it is a terminal.

    Source:
        no-color.org and force-color.org: both count when set and not empty.
    """
    environment = os.environ if environment is None else environment
    if choice != "auto":
        return choice == "always"
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR"):
        return environment["FORCE_COLOR"] != "0"
    return environment.get("TERM") != "dumb" and _is_terminal(stream)


def paint(text: str, style: str, *, color: bool) -> str:
    """Return the text in a style (`red`, `bold`, …), or as it is without colour."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color else text


def write_out(text: str) -> None:
    """Write text to standard output. A reader that has gone away is no error; a full disk is.

    Raises:
        ServiceError: E_IO.
    """
    _write(sys.stdout, text)


def write_err(text: str) -> None:
    """Write text to standard error; whatever goes wrong there changes nothing."""
    with contextlib.suppress(ServiceError):
        _write(sys.stderr, text)


def write_bytes_out(data: bytes) -> None:
    """Write a finished document to standard output, byte for byte.

    Raises:
        ServiceError: E_IO.
    """
    stream = sys.stdout
    if not hasattr(stream, "buffer"):  # replaced by a text stream, e.g. in a test
        _write(stream, data.decode("utf-8"))
        return
    try:
        stream.flush()
        stream.buffer.write(data)
        stream.flush()
    except (OSError, ValueError) as reason:
        _closed(stream, reason)


def echo_notice(notice: Notice, *, color: bool = False) -> None:
    """Write a notice to standard error in the form of the errors: `file:line:col: warning[W_CODE]: text`."""
    where = f"{sanitise(str(notice.place))}: " if notice.place else ""
    word = paint("warning", "yellow", color=color)
    write_err(f"{where}{word}[{sanitise(notice.code)}]: {sanitise(notice.message)}\n")


def _json_escape(character: str) -> str:
    import json

    return character if sanitise(character) == character else json.dumps(character)[1:-1].replace("\x7f", "\\u007f")


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # no stream, or a closed one
        return False


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # started without the stream
        return
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except (OSError, ValueError) as reason:
        _closed(stream, reason)


def _closed(stream: TextIO, reason: OSError | ValueError) -> None:
    """Let a closed pipe swallow the rest, and keep the interpreter from tripping over it at its end."""
    gone = isinstance(reason, BrokenPipeError) or getattr(reason, "errno", None) in (errno.EPIPE, errno.EBADF)
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
    if not gone and isinstance(reason, OSError):
        why = (reason.strerror or type(reason).__name__).lower()
        raise ServiceError(code="E_IO", message=f"cannot write the output: {why}") from reason
