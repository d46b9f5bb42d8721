"""The one form of an error, for people and for machines, and the border where errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assay_core import __version__
from assay_core.commandline.output import color_wanted, json_text, paint, write_err, write_out
from assay_core.commandline.visible import sanitise
from assay_core.errors import AssayError, Place, PluginFault, UsageError

if TYPE_CHECKING:  # the model costs more than the help of a command may
    from assay_core.model.json_value import JsonObject, JsonValue

__all__ = ["MACHINE_FORMATS", "error_document", "error_json", "main_guard", "render_error"]

MACHINE_FORMATS = ("json", "report-v1", "sarif")  # the formats whose error document this module writes
_SHOWN_OTHERS = 20
_SHOWN_COLUMNS = 100


def render_error(error: AssayError, *, color: bool) -> str:
    """Return an error as people read it: place, code, message, the line with a caret, the remedy, then the others."""
    parts = [_render_one(error, color=color)]
    told = {error.remedy}
    for other in error.others[:_SHOWN_OTHERS]:
        parts.append(_render_one(other, color=color, remedy=other.remedy not in told))
        told.add(other.remedy)
    if len(error.others) > _SHOWN_OTHERS:
        parts.append(f"… and {len(error.others) - _SHOWN_OTHERS} more errors\n")
    return "".join(parts)


def error_json(error: AssayError) -> JsonObject:
    """Return an error as JSON; unknown places are null."""
    place = error.place
    result: dict[str, JsonValue] = {
        "code": error.code,
        "message": error.message,
        "remedy": error.remedy,
        "file": place.file if place else None,
        "line": place.line or None if place else None,
        "column": place.column or None if place else None,
    }
    if isinstance(error, PluginFault):
        result |= {"distribution": error.distribution, "stage": error.stage}
    if error.others:
        result["others"] = [error_json(other) for other in error.others]
    return result


def error_document(error: AssayError, format_name: str) -> str:
    """Return the one document that a command writes to its output in a machine format when it fails."""
    if format_name == "sarif":
        return json_text(_sarif(error))
    return json_text({"ok": False, "exit_code": error.exit_code, "error": error_json(error)})


@contextmanager
def main_guard(argv: Sequence[str] | None = None) -> Iterator[None]:
    """Run a command line: whatever gets out of the block becomes one message and `SystemExit` with its exit code.

    Standard output stays one valid document where the words ask for a machine format. Ctrl-C is 130. A traceback
    is shown under ASSAY_DEBUG=1 only. Click has to run with `standalone_mode=False`.

    Args:
        argv: The words after the program's name; None: those of the process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        yield
    except AssayError as error:
        code = _report(error, words)
    except KeyboardInterrupt:
        write_err("\ninterrupted\n")
        code = 130
    except Exception as error:  # noqa: BLE001 - the outermost border: nobody is left to handle it
        code = _other(error, words)
    else:
        return
    raise SystemExit(code)


def _report(error: AssayError, words: Sequence[str]) -> int:
    if os.environ.get("ASSAY_DEBUG") == "1":
        write_err(_traceback(error))
    choice = _option(words, "--color")
    color = color_wanted("always" if choice == "always" else "never" if choice == "never" else "auto", sys.stderr)
    write_err(render_error(error, color=color))
    if (format_name := _option(words, "--format")) in MACHINE_FORMATS:
        write_out(error_document(error, format_name))
    return error.exit_code


def _other(error: Exception, words: Sequence[str]) -> int:
    """Turn an error of click into ours; anything else is a fault of assay itself."""
    import click

    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        write_err("\ninterrupted\n")
        return 130
    if isinstance(error, click.ClickException):
        return _report(_usage(error), words)
    if os.environ.get("ASSAY_DEBUG") == "1":
        write_err(_traceback(error))
    return _report(AssayError(code="E_INTERNAL", message=f"{type(error).__name__}: {error}"), words)


def _usage(error: Exception) -> UsageError:
    import click

    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    message = message[:1].lower() + message[1:].rstrip(".")
    context = getattr(error, "ctx", None)
    remedy = f"see `{context.command_path} --help`" if context else ""
    return UsageError(code="E_INVALID_ARGS", message=message, remedy=remedy)


def _traceback(error: Exception) -> str:
    import traceback

    return "".join(traceback.format_exception(error))


def _option(words: Sequence[str], name: str) -> str:
    """Return the value an option has on a command line, as written; the last one counts."""
    value = ""
    for index, word in enumerate(words):
        if word == "--":
            break
        if word == name:
            value = words[index + 1] if index + 1 < len(words) else ""
        elif word.startswith(f"{name}="):
            value = word.partition("=")[2]
    return value


def _render_one(error: AssayError, *, color: bool, remedy: bool = True) -> str:
    where = f"{paint(sanitise(str(error.place)), 'bold', color=color)}: " if error.place else ""
    word = paint(f"error[{sanitise(error.code)}]", "red", color=color)
    lines = [f"{where}{word}: {sanitise(error.message)}"]
    if error.place and error.place.line and error.place.text.strip():
        lines.extend(_quoted(error.place, color=color))
    if isinstance(error, PluginFault) and error.distribution:
        stage = f" ({error.stage})" if error.stage else ""
        lines.append(f"  = plugin: {sanitise(error.distribution + stage)}")
    if remedy and error.remedy:
        lines.append(f"  = remedy: {sanitise(error.remedy)}")
    return "\n".join(lines) + "\n"


def _quoted(place: Place, *, color: bool) -> list[str]:
    """Return the line with a caret below the column. A long line is cut around it."""
    start = max(0, place.column - 1 - _SHOWN_COLUMNS // 2) if len(place.text) > _SHOWN_COLUMNS else 0
    end = start + _SHOWN_COLUMNS
    head, tail = "…" if start else "", "…" if end < len(place.text) else ""
    number = str(place.line)
    before = head + sanitise(place.text[start : max(start, place.column - 1)])
    shown = head + sanitise(place.text[start:end]) + tail
    quoted = [f"  {number} | {shown}"]
    if place.column:
        quoted.append(f"  {' ' * len(number)} | {' ' * _width(before)}{paint('^', 'red', color=color)}")
    return quoted


def _width(text: str) -> int:
    """Return how many columns a text takes on a terminal."""
    if text.isascii():
        return len(text)
    import unicodedata

    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)


def _sarif(error: AssayError) -> JsonObject:
    """Return a SARIF log of a run that did not happen."""
    notifications = [_sarif_notification(each) for each in (error, *error.others)]
    invocation: JsonObject = {
        "executionSuccessful": False,
        "exitCode": error.exit_code,
        "toolConfigurationNotifications": notifications,
    }
    driver = {"name": "assay", "version": __version__}
    run: JsonObject = {"tool": {"driver": driver}, "invocations": [invocation], "results": []}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }


def _sarif_notification(error: AssayError) -> Mapping[str, JsonValue]:
    result: dict[str, JsonValue] = {
        "level": "error",
        "descriptor": {"id": error.code},
        "message": {"text": error.message},
    }
    if error.place and error.place.line:
        region = {"startLine": error.place.line, "startColumn": max(1, error.place.column)}
        artifact = {"uri": error.place.file.replace(os.sep, "/")}
        result["locations"] = [{"physicalLocation": {"artifactLocation": artifact, "region": region}}]
    return result
