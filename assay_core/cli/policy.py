"""`assay policy`: validate, fmt and migrate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from assay_core.commandline.formats import Report, report_options
from assay_core.commandline.output import write_err, write_out
from assay_core.commandline.visible import sanitise
from assay_core.errors import PolicyError, UsageError

if TYPE_CHECKING:
    from assay_core.documents import EditableDocument

__all__ = ["command"]

P = ParamSpec("P")
R = TypeVar("R")


@click.group("policy")
def command() -> None:
    """Validate, format and migrate policies."""


def _file_argument(function: Callable[P, R]) -> Callable[P, R]:
    """Take the policy as an argument, or in the older spelling `-i FILE`."""
    with_option = click.option("-i", "--input", "input_path", metavar="FILE", help="The policy, as an option.")(
        function
    )
    return click.argument("path", required=False, metavar="[FILE]")(with_option)


def _rewriting_options(function: Callable[P, R]) -> Callable[P, R]:
    """Take `--check`, `--dry-run` and `--output` of the commands that rewrite a file."""
    for option in (
        click.option("-o", "--output", metavar="FILE", help="Write there instead; - is standard output."),
        click.option("--dry-run", is_flag=True, help="Print the result, write nothing."),
        click.option("--check", is_flag=True, help="Write nothing; print the difference, exit 1 if there is one."),
    ):
        function = option(function)
    return _file_argument(function)


@command.command("validate")
@report_options("text", "json")
@click.option("--strict", is_flag=True, help="Exit 1 if there is any finding.")
@click.option(
    "--deny-deprecations",
    is_flag=True,
    envvar="ASSAY_STRICT_DEPRECATIONS",
    help="Refuse old forms instead of converting them.",
)
@_file_argument
def validate(report: Report, path: str | None, input_path: str | None, strict: bool, deny_deprecations: bool) -> int:
    """Load a policy and show what it says: its normalised form, every rule, every finding, its digest.

    FILE is found upwards from here (policy.yaml) where it is not given.
    """
    from pathlib import Path

    from assay_core.cli.policy_report import as_json, as_text
    from assay_core.commandline.overwriting import refuse_overwriting
    from assay_core.policy.load import load_policy

    file = _named(path, input_path) or _found()
    refuse_overwriting("--output", report.output, {"policy": Path(file)})
    policy = load_policy(Path(file))
    old = [notice for notice in policy.notices if notice.code in ("W_POLICY_MIGRATED", "W_POLICY_SCHEMAS_ONLY")]
    if deny_deprecations and old:
        raise PolicyError(code="E_POLICY_DEPRECATED", message=old[0].message, place=old[0].place)
    fails = strict and bool(policy.notices)
    if report.format == "json":
        report.write_json(as_json(policy, ok=not fails))
    else:
        report.write(as_text(policy))
    if fails:
        count = len(policy.notices)
        write_err(f"error[E_STRICT]: {count} finding{'s' if count > 1 else ''} under --strict\n")
    return 1 if fails else 0


@command.command("fmt")
@_rewriting_options
def fmt(path: str | None, input_path: str | None, check: bool, dry_run: bool, output: str | None) -> int:
    """Lay a policy out in one way: indentation, quotes, white space. Comments and order stay."""
    from assay_core.documents import read_document
    from assay_core.policy.load import file_kind
    from assay_core.policy.rewriting.layout import laid_out

    document = _editable(path, input_path)
    file_kind(read_document(document.path, code="E_POLICY_PARSE", error=PolicyError))
    return _deliver(document, laid_out(document), "formatted", check=check, dry_run=dry_run, output=output)


@command.command("migrate")
@_rewriting_options
def migrate(path: str | None, input_path: str | None, check: bool, dry_run: bool, output: str | None) -> int:
    """Rewrite a policy of an older form in the current one. Comments and order stay."""
    from functools import partial

    from assay_core.policy.load import read_policy, reread
    from assay_core.policy.rewriting.migrate import migrated_text

    document = _editable(path, input_path)
    reading = read_policy(document.path)
    text = migrated_text(document, reading.kind, reading.form, partial(reread, file=str(document.path)))
    return _deliver(document, text, "migrated", check=check, dry_run=dry_run, output=output)


def _named(path: str | None, input_path: str | None) -> str | None:
    if path and input_path:
        raise UsageError(code="E_INVALID_ARGS", message="the policy is given twice, as an argument and with --input")
    return path or input_path


def _found() -> str:
    from pathlib import Path

    from assay_core.config.discovery import discover

    found = discover(Path.cwd()).policy
    if found is None:
        raise UsageError(code="E_MISSING_CONFIG", message="no policy.yaml here or in any folder above")
    write_err(f"policy: {sanitise(str(found))}\n")
    return str(found)


def _editable(path: str | None, input_path: str | None) -> EditableDocument:
    from pathlib import Path

    from assay_core.documents import EditableDocument

    file = _named(path, input_path)
    if file is None:
        raise UsageError(code="E_INVALID_ARGS", message="name the policy to rewrite", remedy="give it as FILE")
    return EditableDocument.read(Path(file), code="E_POLICY_PARSE", error=PolicyError)


def _deliver(
    document: EditableDocument, text: str, done: str, *, check: bool, dry_run: bool, output: str | None
) -> int:
    """Print, compare or write a rewritten file."""
    from pathlib import Path

    from assay_core.documents import backup, unified_diff, write_atomic

    name = sanitise(str(document.path))
    changed = text != document.original
    if check:
        if changed:
            write_out(_sanitised_lines(unified_diff(document.original, text, str(document.path))))
        write_err(f"{name}: {'would be' if changed else 'is'} {done}\n")
        return 1 if changed else 0
    if dry_run or output == "-":
        write_out(text)
        return 0
    target = Path(output) if output else document.path
    if not changed and target == document.path:
        write_err(f"{name}: is {done} already\n")
        return 0
    copy = backup(target) if target.exists() else None
    write_atomic(target, text.encode())
    kept = f"; the old content is in {sanitise(str(copy))}" if copy else ""
    write_err(f"{sanitise(str(target))}: {done}{kept}\n")
    return 0


def _sanitised_lines(text: str) -> str:
    """Return a text of several lines with whatever is hostile in it made visible."""
    return "".join(sanitise(line.rstrip("\n")) + "\n" for line in text.splitlines(keepends=True))
