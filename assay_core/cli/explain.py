"""`assay explain`: what a reason code means; why a trace or a test is decided as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from assay_core.commandline.formats import Report, report_options

if TYPE_CHECKING:
    from assay_core.errors import ReasonCode
    from assay_core.model.json_value import JsonObject

__all__ = ["command"]

_CODE = re.compile(r"[EWew]_[A-Za-z0-9_]+")  # what looks like a code


class _Limit(click.ParamType):  # type: ignore[type-arg]  # generic in newer releases of click only
    """A number of steps, or `all`."""

    name = "limit"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if text == "all" or (text.isascii() and text.isdecimal() and len(text) < 10):
            return text
        self.fail(f"{text!r} is neither a number nor 'all'", param, ctx)


@click.command("explain")
@click.argument("words", nargs=-1, metavar="[CODE|TRACE|TEST]")
@click.option("--list", "list_all", is_flag=True, help="List every code.")
@click.option("-t", "--trace", "--trace-file", "trace", metavar="FILE", help="The recorded trace; - is standard input.")
@click.option("-p", "--policy", metavar="FILE", help="The policy, in place of the suite's.")
@click.option("--config", metavar="FILE", help="The suite. Default: eval.yaml here or above.")
@click.option("--trace-format", metavar="NAME", help="The importer, where the content does not tell.")
@click.option("--episode", metavar="ID", help="Only this episode.")
@click.option("--blocked-only", is_flag=True, help="Only the calls that are denied.")
@click.option(
    "--limit",
    type=_Limit(),
    metavar="N",
    help="Show at most so many steps, or `all`. Default: all of a short trace, of a longer one those denied.",
)
@click.option("--lenient", is_flag=True, help="Unknown keys of the suite are warnings, not errors.")
@click.option("-v", "--verbose", is_flag=True, help="Also the rules that held, and the state that each call met.")
@report_options("text", "terminal", "markdown", "md", "html", "json")
def command(report: Report, /, words: tuple[str, ...], list_all: bool, **options: Any) -> int | None:
    """Explain a reason code, a trace, or a test.

    `assay explain E_ARG_SCHEMA` tells the cause and the remedy of a code. `assay explain trace.jsonl` decides the
    trace by the policy step by step: what each rule saw, which call is denied and why, and the smallest edit of the
    policy that would allow it. `assay explain TEST --trace trace.jsonl` does so for the episodes of one test, with
    the verdicts of its checks.

    Exit code 1 if something is denied, unmet or failed.
    """
    given = [name for name, value in options.items() if value not in (None, False)]
    one_word = len(words) == 1 and not {"trace", "config", "policy", "episode"} & set(given)
    if (list_all or one_word) and _explain_codes(report, words, given, list_all=list_all):
        return None
    from assay_core.cli.explain_command import Options, explain_files

    return explain_files(report, words, Options(**options))


def _explain_codes(report: Report, words: Sequence[str], given: Sequence[str], *, list_all: bool) -> bool:
    """Explain one code or all of them; return False where the word is no code and does not look like one."""
    from assay_core.errors import UsageError

    if list_all and (words or given):
        raise UsageError(code="E_INVALID_ARGS", message="--list lists the codes and takes nothing else")
    if words and not _CODE.fullmatch(words[0].strip()):
        return False
    known, owners = _known()
    rows = known
    if words:
        rows = [row for row in known if row.code == words[0].strip().upper()]
        if not rows and (Path(words[0]).exists() or _is_test(words[0])):
            return False
        if not rows:
            raise _unknown(words[0], known)
    if report.format not in ("text", "terminal", "json"):
        raise UsageError(code="E_INVALID_ARGS", message=f"codes are explained as text or json, not {report.format}")
    if report.format == "json":
        report.write_json({"codes": [_as_json(row, owners) for row in rows]})
    elif list_all:
        report.write("".join(_line(row) for row in _clean(rows)))
    else:
        report.write("\n".join(_text(row, owners) for row in _clean(rows)))
    return True


def _is_test(word: str) -> bool:
    """Tell whether the suite here or above has a test of that name. What is wrong with the suite is told elsewhere."""
    from collections.abc import Mapping

    from assay_core.config import discover
    from assay_core.documents import read_document
    from assay_core.errors import AssayError

    try:
        suite = discover(Path.cwd()).suite
        value = read_document(suite).value if suite else None
    except AssayError:
        return False
    tests = value.get("tests") if isinstance(value, Mapping) else None
    return isinstance(tests, list) and any(isinstance(each, Mapping) and each.get("id") == word for each in tests)


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
