"""docs/reference/commands.md: every command of the core and of the plugins of this repository."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module

import click

from assay_core.cli.table import CORE_COMMANDS
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.first_party import FIRST_PARTY
from docs.generators.markdown import HEAD, table

__all__ = ["PAGES"]

INTRODUCTION = """\
# Commands

Results go to standard output, everything else to standard error; in a machine format (`--format json`, `sarif`)
standard output is exactly one valid document, on failure too. `-` names standard input or output. Every command has
`--help`. Shell completion: see [how to complete in a shell](../how-to/complete-commands-in-the-shell.md).

Exit codes: **0** passed · **1** a test or the policy failed, or a judge abstained · **2** configuration, usage, or a
missing or broken plugin · **3** infrastructure. When several apply, 2 goes before 3, and 3 before 1. Ctrl-C is 130.
[Reason codes](reason-codes.md) say why.

"""
_SUITE = "eval.yaml, else an assay.yaml that is a suite, upwards from here; its `policy:`, else a policy.yaml beside it"
_PROJECT = f"{_SUITE}; `traces/*.jsonl`; baseline.json; the store"
_RUN = f"{_SUITE}; without a suite the nearest policy.yaml"
# Command to (files it reads when none is named, exit codes). A command that is missing here stops the generator.
FACTS = {
    "init": ("what the folder holds", "0 2"),
    "validate": (_RUN, "0 1 2 3"),
    "run": (_RUN, "0 1 2 3"),
    "ci": (_RUN, "0 1 2 3"),
    "watch": (_RUN, "0 2"),
    "generate": ("", "0 2 3"),
    "profile init": ("", "0 2 3"),
    "profile merge": ("", "0 2 3"),
    "profile show": ("", "0 2 3"),
    "profile update": ("", "0 2 3"),
    "coverage": (f"{_RUN}; the traces in `traces/`, else trace.jsonl", "0 1 2 3"),
    "import": ("", "0 2 3"),
    "trace convert": ("", "0 2 3"),
    "trace ingest": ("", "0 2 3"),
    "trace stats": ("", "0 2 3"),
    "trace verify": (_SUITE, "0 2 3"),
    "trace precompute-embeddings": (_SUITE, "0 2 3"),
    "trace precompute-judge": (_SUITE, "0 2 3"),
    "runs list": (".assay/assay.db", "0 2 3"),
    "runs show": (".assay/assay.db", "0 2 3"),
    "runs prune": (".assay/assay.db", "0 2 3"),
    "quarantine add": (".assay/assay.db", "0 2 3"),
    "quarantine remove": (".assay/assay.db", "0 2 3"),
    "quarantine list": (".assay/assay.db", "0 2 3"),
    "migrate": (f"{_SUITE}, and the policies that its tests name", "0 1 2 3"),
    "baseline record": (f".assay/assay.db; {_SUITE}", "0 2 3"),
    "baseline check": ("assay-baseline.json, else baseline.json; .assay/assay.db; the suite", "0 1 2 3"),
    "policy validate": ("policy.yaml, else an assay.yaml that is a policy, upwards from here", "0 2"),
    "policy fmt": ("policy.yaml, else an assay.yaml that is a policy, upwards from here", "0 1 2 3"),
    "policy migrate": ("policy.yaml, else an assay.yaml that is a policy, upwards from here", "0 1 2 3"),
    "explain": (_RUN, "0 1 2 3"),
    "doctor": (_PROJECT, "0 1 2 3"),
    "fix": (_PROJECT, "0 1 2 3"),
    "schema": ("", "0 2"),
    "evidence verify": ("standard input", "0 2 3"),
    "mcp wrap": ("policy.yaml, as `run` finds it", "the server's, else 2 3"),
    "config": ("the nearest pyproject.toml with [tool.assay]", "0 2"),
    "plugins list": ("what is installed", "0 2"),
    "plugins check": ("what is installed", "0 2"),
    "plugins describe": ("what is installed", "0 2"),
    "baseline report": (".assay/assay.db", "0 2 3"),
    "calibrate": (".assay/assay.db", "0 2 3"),
    "version": ("", "0"),
}


def commands() -> dict[str, click.Command]:
    """Return every command that does something, by its words."""
    found: dict[str, click.Command] = {}
    for name, core in CORE_COMMANDS.items():
        found.update(_leaves(name, import_module(core.module).command))
    catalogue = Catalogue.scan()
    for name, dist in FIRST_PARTY["assay.commands"].items():
        record = catalogue.find("assay.commands", f"{name}@{dist}")
        module, _, attribute = record.target.partition(":")
        found.update(_leaves(name, getattr(import_module(module), attribute)))
    return found


def page() -> str:
    """Return the page.

    Raises:
        KeyError: A command has no facts, or facts have no command.
    """
    found = commands()
    if missing := found.keys() - FACTS.keys():
        raise KeyError(f"docs/generators/commands.py has no facts about {', '.join(sorted(missing))}")
    rows = [
        (f"[`{name}`](#{name.replace(' ', '-')})", _positional(command), FACTS[name][0], FACTS[name][1])
        for name, command in found.items()
    ]
    parts = [HEAD, INTRODUCTION, table(("Command", "Positional", "Files when none is named", "Exit codes"), rows)]
    for name, command in found.items():
        text = inspect.cleandoc(command.help or "").replace("\b\n", "")
        parts.append(f"\n## {name}\n\n{text}\n")
        if options := list(_options(command)):
            parts.append("\n" + table(("Option", "Meaning", "Default"), options))
    return "".join(parts)


def _leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            if inner is not None:
                yield from _leaves(f"{name} {each}", inner)
    else:
        yield name, command


def _positional(command: click.Command) -> str:
    words = [each.make_metavar(click.Context(command)) for each in command.params if isinstance(each, click.Argument)]
    return f"`{' '.join(words)}`" if words else ""


def _options(command: click.Command) -> Iterator[tuple[str, str, str]]:
    for each in command.params:
        if not isinstance(each, click.Option) or each.hidden:
            continue
        value = "" if each.is_flag or each.count else " " + each.make_metavar(click.Context(command))
        names = ", ".join(f"`{name}{value}`" for name in each.opts)
        default = each.default if isinstance(each.default, (str, int)) and not isinstance(each.default, bool) else ""
        yield names, each.help or "", f"`{default}`" if default not in ("", 0) else ""


PAGES = {"reference/commands.md": page}
