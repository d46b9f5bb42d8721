"""`assay plugins`: what is installed, from where, in which state, and the remedy. Reads metadata, imports no plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay_core.commandline.formats import Report, report_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from assay_core.model.json_value import JsonObject
    from assay_core.plugins.catalogue import Catalogue
    from assay_core.plugins.drivers import Drivers
    from assay_core.plugins.record import PluginRecord

__all__ = ["command"]

_REMEDIES = {
    "ready": "",
    "colliding": "choose with name@distribution, or uninstall one",
    "incompatible": "upgrade the plugin or the core",
    "broken": "reinstall or upgrade the distribution, or tell its author",
    "denied": "change plugins.allow or plugins.deny, or unset ASSAY_PLUGINS",
}


@click.group("plugins", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Show which plugins are installed, from where, in which state."""
    if context.invoked_subcommand is None:
        context.invoke(list_plugins)


@command.command("list")
@report_options("text", "json")
def list_plugins(report: Report) -> None:
    """List every plugin by its group, name and distribution."""
    records = _catalogue().all
    if report.format == "json":
        report.write_json({"plugins": [_as_json(each) for each in records]})
        return
    report.write(_table(records) if records else "no plugin is installed; `pip install assay` brings the usual ones\n")


@command.command("check")
@report_options("text", "json")
def check_plugins(report: Report) -> int:
    """Import every plugin and check that it keeps its contract; exit 2 if one does not."""
    from assay_core.plugins.drivers import Drivers

    drivers = Drivers(_catalogue())
    verdicts = [(each, *_checked(drivers, each)) for each in drivers.catalogue.all]
    bad = sum(state not in ("ready", "denied") for _, state, _ in verdicts)
    if report.format == "json":
        plugins = [{**_as_json(each), "state": state, "reason": why} for each, state, why in verdicts]
        report.write_json({"ok": not bad, "plugins": plugins})
    else:
        changed = [each.put_in_state(state, why) for each, state, why in verdicts]  # type: ignore[arg-type]  # a state
        lines = [_problem(each) for each in changed if each.state != "ready"]
        closing = f"{len(changed)} checked, {bad} not usable\n" if changed else "no plugin is installed\n"
        report.write("".join([*lines, closing]))
    return 2 if bad else 0


@command.command("describe")
@click.argument("name")
@report_options("text", "json")
def describe_plugin(report: Report, name: str) -> None:
    """Tell all that is known of a plugin: an entry-point name, a distribution, or name@distribution."""
    catalogue = _catalogue()
    records = [each for each in catalogue.all if each.answers_to(name)]
    if not records:
        raise _unknown(catalogue, name)
    if report.format == "json":
        report.write_json({"plugins": [_as_json(each) for each in records]})
    else:
        report.write("\n".join(_described(each) for each in records))


def _catalogue() -> Catalogue:
    from assay_core.cli.shell import project_rules
    from assay_core.plugins.catalogue import Catalogue

    return Catalogue.scan().under(project_rules())


def _checked(drivers: Drivers, record: PluginRecord) -> tuple[str, str]:
    """Return the state of a plugin after it was imported and made with its default options, and why."""
    from assay_core.errors import InputError, PluginFault
    from assay_core.plugins.guard import import_target
    from assay_core.plugins.record import DRIVER_GROUPS

    if record.state != "ready":
        return record.state, record.reason
    try:
        if record.group in DRIVER_GROUPS:
            drivers.load(record.group, record.qualified_name)
        else:
            import_target(record)
    except PluginFault as error:
        return "broken", error.message
    except InputError:  # it has options without a default: nothing is wrong with that
        return "ready", ""
    return "ready", ""


def _unknown(catalogue: Catalogue, name: str) -> Exception:
    from assay_core.convert import nearest
    from assay_core.errors import UsageError
    from assay_core.plugins.first_party import FIRST_PARTY

    known = {each.name for each in catalogue.all} | {each.dist for each in catalogue.all}
    owners = sorted({names[name] for names in FIRST_PARTY.values() if name in names})
    if owners:
        remedy = f"pip install {owners[0]}"
    else:
        guess = nearest(name, known)
        remedy = f"did you mean {guess!r}?" if guess else "`assay plugins list` shows what is installed"
    return UsageError(code="E_PLUGIN_MISSING", message=f"no plugin {name!r} is installed", remedy=remedy)


def _as_json(record: PluginRecord) -> JsonObject:
    return {
        "group": record.group,
        "name": record.name,
        "distribution": record.dist,
        "version": record.version,
        "summary": record.summary,
        "requires_core": record.requires_core,
        "state": record.state,
        "reason": record.reason,
        "remedy": _REMEDIES[record.state],
        "target": record.target,
        "location": record.location,
    }


def _table(records: Sequence[PluginRecord]) -> str:
    head = ("GROUP", "NAME", "DISTRIBUTION", "VERSION", "STATE")
    rows = [
        tuple(
            _shown(text) for text in (each.group.removeprefix("assay."), each.name, each.dist, each.version, each.state)
        )
        for each in records
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    text = "".join(line.rstrip() + "\n" for line in lines)
    problems = [_problem(each) for each in records if each.state != "ready"]
    return text + ("\n" + "".join(problems) if problems else "")


def _problem(record: PluginRecord) -> str:
    name = f"{record.name!r} of {record.distribution}" if record.name else record.distribution
    remedy = _REMEDIES[record.state]
    return f"{record.state}: {_shown(name)}: {_shown(record.reason)}\n  = remedy: {remedy}\n"


def _described(record: PluginRecord) -> str:
    facts: Iterable[tuple[str, str]] = (
        ("name", record.name),
        ("group", record.group),
        ("distribution", record.distribution),
        ("summary", record.summary),
        ("target", record.target),
        ("needs assay-core", record.requires_core or "not stated"),
        ("found in", record.location),
        ("state", record.state),
        ("reason", record.reason),
        ("remedy", _REMEDIES[record.state]),
    )
    return "".join(f"{key + ':':<18}{_shown(value)}\n" for key, value in facts if value)


def _shown(text: str) -> str:
    from assay_core.commandline.visible import excerpt

    return excerpt(text, 300)
