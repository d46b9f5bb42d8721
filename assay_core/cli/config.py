"""`assay config`: every setting with its value and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay_core.commandline.formats import Report, report_options

if TYPE_CHECKING:
    from assay_core.config.defaults import Default
    from assay_core.config.discovery import Found

__all__ = ["command"]


@click.command("config")
@report_options("text", "json")
def command(report: Report) -> None:
    """Show every setting with its value and its origin.

    Settings come from the command line, else the environment (ASSAY_*), else [tool.assay] in the nearest
    pyproject.toml that has it, else they are built in. Files that nothing names are looked for upwards.
    """
    from pathlib import Path

    from assay_core.config import Defaults, discover

    here = Path.cwd()
    defaults = Defaults.read(here)
    entries = _with_found(defaults.entries, discover(here))
    if report.format == "json":
        report.write_json(
            {
                "settings": [
                    {"name": each.name, "value": each.value, "origin": each.origin, "description": each.doc}
                    for each in entries
                ]
            }
        )
    else:
        report.write(_table(entries))


def _with_found(entries: tuple[Default, ...], found: Found) -> list[Default]:
    """Fill in the files that are found by looking, where nothing names them."""
    import attrs

    looked = {"config": found.suite, "policy": None if found.suite else found.policy}
    return [
        attrs.evolve(each, value=str(path), origin="found")
        if each.value is None and (path := looked.get(each.name)) is not None
        else each
        for each in entries
    ]


def _table(entries: list[Default]) -> str:
    from assay_core.commandline import sanitise

    rows = [(each.name, sanitise(_shown(each)), sanitise(each.origin)) for each in entries]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{name:<{widths[0]}}  {value:<{widths[1]}}  {origin}\n" for name, value, origin in rows)


def _shown(entry: Default) -> str:
    if entry.value is None:
        return "-"
    if isinstance(entry.value, bool):
        return "true" if entry.value else "false"
    return ", ".join(entry.value) or "-" if isinstance(entry.value, tuple) else entry.value
