"""Commands found by their words: the core's table first, then what plugins offer. Each is imported when it is run."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

import click

from assay_core.cli.table import CORE_COMMANDS
from assay_core.plugins.catalogue import Catalogue

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from assay_core.model import PluginRules
    from assay_core.plugins.record import PluginRecord

__all__ = ["PLUGIN_KEY", "CommandGroup", "root_group"]

GROUP = "assay.commands"
PLUGIN_KEY = "assay.plugin"  # in click's ctx.meta: the record of the plugin command that runs


class CommandGroup(click.Group):
    """A group put together from commands that are there already and commands that plugins add below it.

    A plugin's name may be a path of words: `evidence explore` adds `explore` to whatever owns `evidence`.
    """

    def __init__(
        self,
        path: tuple[str, ...],
        rules: Callable[[], PluginRules],
        own: click.Group | None = None,
    ) -> None:
        if own is None:
            super().__init__(name=path[-1] if path else "assay")
        else:
            super().__init__(
                name=own.name,
                callback=own.callback,
                params=own.params,
                help=own.help,
                epilog=own.epilog,
                short_help=own.short_help,
                invoke_without_command=own.invoke_without_command,
                no_args_is_help=own.no_args_is_help,
                context_settings=own.context_settings,
            )
        self._path = path
        self._rules = rules
        self._own = own

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the next words, sorted, without importing anything."""
        below = (words[0] for words, record in self._below() if record.state == "ready")
        return sorted({*self._own_names(ctx), *below})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command behind a word, None where there is none.

        Raises:
            UsageError, PluginFault: as `Catalogue.find`, where a plugin that offers it cannot be used.
        """
        path = (*self._path, cmd_name)
        below = [(words, record) for words, record in self._below() if words[0] == cmd_name]
        found = self._own_command(ctx, cmd_name)
        if found is None and any(len(words) == 1 for words, _ in below):
            record = Catalogue.scan().under(self._rules()).find(GROUP, " ".join(path))
            ctx.meta[PLUGIN_KEY] = record
            found = _load(record)
        if (found is None or isinstance(found, click.Group)) and any(len(words) > 1 for words, _ in below):
            return CommandGroup(path, self._rules, found)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say what was meant and what to install."""
        word = args[0]
        if word.startswith("-") or self.get_command(ctx, word) is not None:
            return super().resolve_command(ctx, args)
        raise self._unknown(ctx, word)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete words without importing the commands behind them."""
        from click.shell_completion import CompletionItem

        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self._summary(ctx, name)) for name in names]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their summaries, without importing those of plugins."""
        rows = [(name, self._summary(ctx, name)) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)

    def _own_names(self, ctx: click.Context) -> Iterable[str]:
        return self._own.list_commands(ctx) if self._own else ()

    def _own_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return self._own.get_command(ctx, name) if self._own else None

    def _summary(self, ctx: click.Context, name: str) -> str:
        from assay_core.commandline.visible import excerpt

        if own := self._own_command(ctx, name):
            return own.get_short_help_str()
        return next((excerpt(record.summary, 80) for words, record in self._below() if words[0] == name), "")

    def _below(self) -> list[tuple[tuple[str, ...], PluginRecord]]:
        """Return the plugin commands below this group, with the words that are left, by name."""
        depth = len(self._path)
        found = []
        for record in Catalogue.scan().records(GROUP):
            words = tuple(record.name.split(" "))
            if len(words) > depth and words[:depth] == self._path:
                found.append((words[depth:], record))
        return found

    def _unknown(self, ctx: click.Context, word: str) -> Exception:
        from assay_core.convert import nearest
        from assay_core.errors import UsageError
        from assay_core.plugins.first_party import offered_by

        words = " ".join((*self._path, word))
        if dist := offered_by(GROUP, words):
            message = f"the command {words!r} comes from {dist}, which is not installed"
            return UsageError(code="E_PLUGIN_MISSING", message=message, remedy=f"pip install {dist}")
        guess = nearest(word, self.list_commands(ctx))
        line = " ".join(("assay", *self._path))
        remedy = f"did you mean `{line} {guess}`?" if guess else f"`{line} --help` lists the commands"
        return UsageError(code="E_INVALID_ARGS", message=f"there is no command {words!r}", remedy=remedy)


class _Root(CommandGroup):
    """`assay` itself: its own commands are those of the core's table."""

    def get_help(self, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        """Return the same overview that is printed before click is imported."""
        from assay_core.cli.overview import overview

        return overview().rstrip("\n")

    def _own_names(self, ctx: click.Context) -> Iterable[str]:  # noqa: ARG002 - the group's signature
        return CORE_COMMANDS

    def _own_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - the group's signature
        if name not in CORE_COMMANDS:
            return None
        return cast("click.Command", importlib.import_module(CORE_COMMANDS[name].module).command)

    def _summary(self, ctx: click.Context, name: str) -> str:
        return CORE_COMMANDS[name].summary if name in CORE_COMMANDS else super()._summary(ctx, name)


def root_group(rules: Callable[[], PluginRules]) -> click.Group:
    """Return the group `assay`. The rules are asked for only when a command of a plugin is to be run."""
    root = _Root((), rules)
    root.no_args_is_help = False
    root.invoke_without_command = True
    root.callback = _overview_or_nothing
    root.params = [
        click.Option(["-V", "--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version)
    ]
    root.context_settings = {"help_option_names": ["-h", "--help"], "terminal_width": _terminal_width()}
    return root


def _terminal_width() -> int:
    """Return the columns that help may use. click would import shutil, and with it every compression, to know."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
    except (OSError, ValueError):
        columns = 80
    return max(min(columns, 80) - 2, 50)


def _overview_or_nothing() -> None:
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from assay_core import __version__

        click.echo(f"assay {__version__}")
        ctx.exit()


def _load(record: PluginRecord) -> click.Command:
    from assay_core.errors import PluginFault
    from assay_core.plugins.guard import import_target

    found = import_target(record)
    if not isinstance(found, click.Command):
        raise PluginFault(
            message=f"{record.target} of {record.distribution} is no click command",
            distribution=record.distribution,
            stage=f"command {record.name}: load",
        )
    return found
