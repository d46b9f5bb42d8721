"""What `assay --help` prints: the core's commands from a table, plugin commands from metadata. Imports no command."""

# Light on purpose: it is printed before click is imported.
from __future__ import annotations

from assay_core.cli.table import CORE_COMMANDS
from assay_core.plugins.catalogue import Catalogue

__all__ = ["overview", "plugin_commands"]

_HEAD = """\
Usage: assay [OPTIONS] COMMAND [ARGS]...

  Tests and secures AI agents by what they do: their tool calls.

Options:
  -V, --version  Print the version and exit.
  -h, --help     Print this overview and exit.
"""
_FOOT = """
`assay COMMAND --help` tells more. `assay plugins` shows what is installed.
"""
_WIDTH = 100


def overview() -> str:
    """Return the text of `assay --help`."""
    core = [(name, command.summary) for name, command in CORE_COMMANDS.items()]
    plugins = plugin_commands()
    width = max([len(name) for name, _ in (*core, *plugins)])
    text = _HEAD + "\nCommands:\n" + _rows(core, width)
    if plugins:
        text += "\nCommands of plugins:\n" + _rows(plugins, width)
    return text + _FOOT


def plugin_commands() -> list[tuple[str, str]]:
    """Return the first word and the summary of every command that usable plugins offer, sorted."""
    found: dict[str, str] = {}
    for record in Catalogue.scan().records("assay.commands"):
        word = record.name.split(" ")[0]
        if record.state == "ready" and word not in CORE_COMMANDS:
            found.setdefault(word, record.summary)
    return sorted(found.items())


def _rows(rows: list[tuple[str, str]], width: int) -> str:
    lines = []
    for name, summary in rows:
        line = f"  {name.ljust(width)}  {_harmless(summary)}"
        lines.append(line.rstrip() if len(line) <= _WIDTH else line[: _WIDTH - 1].rstrip() + "…")
    return "\n".join(lines) + "\n"


def _harmless(summary: str) -> str:
    """A summary comes from a file that anybody may have written."""
    if summary.isascii() and summary.isprintable():
        return summary
    from assay_core.commandline.visible import excerpt

    return excerpt(summary, _WIDTH)
