"""`assay explain CODE`: what a reason code means, what it does to the exit code, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

import click

from assay_core.commandline.formats import Report, report_options

if TYPE_CHECKING:
    from assay_core.errors import ReasonCode
    from assay_core.model.json_value import JsonObject

__all__ = ["command"]


@click.command("explain")
@click.argument("code", required=False)
@click.option("--list", "list_all", is_flag=True, help="List every code.")
@report_options("text", "json")
def command(report: Report, code: str | None, list_all: bool) -> None:
    """Explain a reason code: its cause and its remedy.

    A code may stand in two scopes and mean two things: `run` codes say why a run ended as it did, `decision`
    codes what was found in one tool call or check, `notice` codes never fail a run.
    """
    from assay_core.errors import UsageError

    if list_all == (code is not None):
        raise UsageError(code="E_INVALID_ARGS", message="name one code, or give --list")
    known, owners = _known()
    if code is None:
        rows = known
    else:
        rows = [row for row in known if row.code == code.strip().upper()]
        if not rows:
            raise _unknown(code, known)
    if report.format == "json":
        report.write_json({"codes": [_as_json(row, owners) for row in rows]})
    elif list_all:
        report.write(
            "".join(f"{row.code:<34} {row.scope:<9} exit {row.exit_code}  {row.cause}\n" for row in _clean(rows))
        )
    else:
        report.write("\n".join(_text(row, owners) for row in _clean(rows)))


def _known() -> tuple[list[ReasonCode], dict[tuple[str, str], str]]:
    """Return every code, sorted, and the distribution of those that plugins declare.

    A plugin that cannot be loaded takes its own codes away, and says so on standard error.
    """
    from assay_core.commandline import echo_notice
    from assay_core.contracts import PolicyCheck
    from assay_core.errors import AssayError, known_codes
    from assay_core.model.suite import Notice
    from assay_core.plugins.catalogue import Catalogue
    from assay_core.plugins.drivers import Drivers

    table = {(row.scope, row.code): row for row in known_codes()}
    owners: dict[tuple[str, str], str] = {}
    drivers = Drivers(Catalogue.scan())
    for name in drivers.names("assay.checks"):
        try:
            check = cast("PolicyCheck", drivers.load("assay.checks", name))
        except AssayError as error:
            echo_notice(Notice(code="W_PLUGIN_SKIPPED", message=f"codes of {name!r} are unknown: {error.message}"))
            continue
        dist = drivers.record("assay.checks", name).distribution
        for row in check.codes:
            key = (row.scope, row.code)
            if key not in table:  # a plugin adds codes; it cannot say what those of others mean
                table[key] = row
                owners[key] = dist
    order = ("run", "decision", "notice")
    return sorted(table.values(), key=lambda row: (row.code, order.index(row.scope))), owners


def _unknown(code: str, known: Iterable[ReasonCode]) -> Exception:
    from assay_core.convert import nearest
    from assay_core.errors import UsageError

    guess = nearest(code.strip().upper(), {row.code for row in known})
    hint = f"; did you mean {guess}?" if guess else ""
    return UsageError(code="E_UNKNOWN_CODE", message=f"{code!r} is no reason code{hint}")


def _clean(rows: Sequence[ReasonCode]) -> list[ReasonCode]:
    """Return codes whose texts, which a plugin may have written, are safe to show."""
    from assay_core.commandline import sanitise

    return [
        row._replace(code=sanitise(row.code), cause=sanitise(row.cause), remedy=sanitise(row.remedy)) for row in rows
    ]


def _line(row: ReasonCode) -> str:
    return f"{row.code:<34} {row.scope:<9} exit {row.exit_code}  {row.cause}\n"


def _text(row: ReasonCode, owners: dict[tuple[str, str], str]) -> str:
    owner = owners.get((row.scope, row.code))
    lines = [
        f"{row.code} ({row.scope})",
        f"  cause:  {row.cause}",
        f"  remedy: {row.remedy}",
        f"  exit:   {row.exit_code}",
    ]
    if owner:
        lines.append(f"  from:   {owner}")
    return "\n".join(lines) + "\n"


def _as_json(row: ReasonCode, owners: dict[tuple[str, str], str]) -> JsonObject:
    return {**row._asdict(), "distribution": owners.get((row.scope, row.code), "assay-core")}
