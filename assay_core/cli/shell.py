"""Runs a command line behind the one error border: every end has a code, and no traceback comes unasked."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from assay_core.cli.tree import PLUGIN_KEY, root_group

if TYPE_CHECKING:
    from assay_core.model import PluginRules
    from assay_core.plugins.record import PluginRecord

__all__ = ["project_rules", "run"]

_BROKEN_PIPE = 141  # 128 + SIGPIPE: what a shell shows for a program whose reader has gone


def run(words: Sequence[str]) -> int:
    """Run one command line and return its exit code. The words are those after `assay`."""
    root = root_group(project_rules)
    if "_ASSAY_COMPLETE" in os.environ:
        root.main(args=list(words), prog_name="assay")  # answers the shell and exits
    try:
        code = _invoke(root, list(words))
        if sys.stdout is not None:  # started without it
            sys.stdout.flush()
    except BrokenPipeError:
        with contextlib.suppress(OSError, ValueError):  # Python would complain of the pipe at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost border
        return _told(error, words)
    return code


def _invoke(root: click.Group, words: list[str]) -> int:
    try:
        with root.make_context("assay", words) as context, _plugin_border(context):
            code = root.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


@contextlib.contextmanager
def _plugin_border(context: click.Context) -> Iterator[None]:
    """Name the distribution when a plugin's command fails by anything but an error on purpose."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except Exception:
        record: PluginRecord | None = context.meta.get(PLUGIN_KEY)
        if record is None:
            raise
        from assay_core.plugins.guard import stage

        with stage(record, f"command {record.name}"):
            raise


def _told(error: BaseException, words: Sequence[str]) -> int:
    """Say what went wrong, in the one form, and return the exit code."""
    if type(error).__name__ == "NoArgsIsHelpError":  # a group without a word: its help is the message
        click.echo(getattr(error, "message", str(error)), err=True)
        return 2
    # Imported only now: it brings the model along, which the help of a command does without.
    from assay_core.commandline.errors import main_guard

    try:
        with main_guard(words):
            raise error
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2


def project_rules() -> PluginRules:
    """Return what the project's pyproject.toml says of plugins."""
    from pathlib import Path

    from assay_core.config import Defaults

    return Defaults.read(Path.cwd()).plugins
