"""The options that `validate`, `run` and `ci` share, and what they make of the words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click

from assay_core.commandline.output import ColorChoice
from assay_core.config import Defaults, discover, kind_of
from assay_core.errors import UsageError
from assay_core.model import JsonValue
from assay_core.run.request import Command, ReportRequest, RunRequest

__all__ = ["Words", "make_request", "report_words", "run_words"]

F = TypeVar("F", bound=Callable[..., Any])  # a click callback
_DOCUMENTS = (".yaml", ".yml")


@attrs.frozen(kw_only=True)
class Words:
    """What the command line said, as click decoded it."""

    files: tuple[str, ...] = ()
    config: str | None = None
    policy: str | None = None
    trace: str | None = None
    trace_format: str | None = None
    lenient: bool = False
    strict: bool = False
    deny_deprecations: bool = False
    deny: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    color: ColorChoice = "auto"
    quiet: bool = False
    verbose: int = 0
    report: tuple[str, ...] = ()
    sarif: str | None = None
    junit: str | None = None
    pr_comment: str | None = None
    evidence: str | None = None
    out_dir: str | None = None


_COMMON = (
    click.argument("files", nargs=-1, metavar="[SUITE|POLICY] [TRACE]"),
    click.option("--config", metavar="FILE", help="The suite. Default: eval.yaml here or above."),
    click.option("--policy", metavar="FILE", help="The policy, in place of the suite's."),
    click.option("--trace-file", "--trace", "trace", metavar="FILE", help="The recorded trace; - is standard input."),
    click.option("--trace-format", metavar="NAME", help="The importer, where the content does not tell."),
    click.option("--lenient", is_flag=True, help="Unknown keys are warnings, not errors."),
    click.option("--strict", is_flag=True, help="Warnings and open rules fail."),
    click.option("--deny-deprecations", is_flag=True, help="Old forms of a policy are errors."),
    click.option("--deny", multiple=True, type=click.Choice(["network"]), help="Refuse checks that need it."),
    click.option("--set", "settings", multiple=True, metavar="reporters.NAME.KEY=VALUE", help="An option of a report."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours."),
    click.option("-q", "--quiet", is_flag=True, help="Only what failed, and the verdict."),
    click.option("-v", "--verbose", count=True, help="More, and still more."),
)
_REPORTS = (
    click.option("--report", multiple=True, metavar="NAME[=FILE]", help="Write a report; repeatable."),
    click.option("--sarif", is_flag=False, flag_value="", metavar="[FILE]", help="Short for --report sarif[=FILE]."),
    click.option("--junit", is_flag=False, flag_value="", metavar="[FILE]", help="Short for --report junit[=FILE]."),
    click.option(
        "--pr-comment", is_flag=False, flag_value="", metavar="[FILE]", help="Short for --report pr-comment[=FILE]."
    ),
    click.option(
        "--evidence", is_flag=False, flag_value="", metavar="[FILE]", help="Short for --report evidence[=FILE]."
    ),
    click.option("--out-dir", metavar="DIR", help="Where run.json, summary.json and reports go. Default: here."),
)


def run_words(function: F) -> F:
    """Give a command the options of every run; its function gets them as `words`."""
    return _with(function, _COMMON)


def report_words(function: F) -> F:
    """Give a command the options of every run and those for reports; its function gets them as `words`."""
    return _with(function, (*_COMMON, *_REPORTS))


def make_request(command: Command, words: Words, reports: Sequence[ReportRequest]) -> RunRequest:
    """Return what is asked for: files sorted out by their content, defaults filled in.

    Raises:
        UsageError: E_INVALID_ARGS, E_MISSING_CONFIG, E_PATH_NOT_FOUND.
        InputError: E_CFG_KIND.
    """
    defaults = Defaults.read(Path.cwd())
    named = _sorted_out(words, defaults)
    suite, policy, trace = named.get("suite"), named.get("policy"), named.get("trace")
    if suite is None and policy is None:
        found = discover(Path.cwd())
        suite, policy = found.suite, None if found.suite else found.policy
    if suite is None and policy is None:
        raise UsageError(code="E_MISSING_CONFIG", message="no eval.yaml and no policy.yaml was found here or above")
    return RunRequest(
        command=command,
        suite=suite,
        policy=policy,
        trace=str(trace) if trace is not None else None,
        trace_format=words.trace_format,
        lenient=words.lenient or defaults.flag("lenient"),
        strict=words.strict or defaults.flag("strict"),
        deny_deprecations=words.deny_deprecations,
        deny_network="network" in (*words.deny, *defaults.words("deny")),
        plugins=defaults.plugins,
        out_dir=out_dir(words, defaults),
        reports=tuple(reports),
        report_options=_report_options(words.settings),
    )


def out_dir(words: Words, defaults: Defaults | None = None) -> Path:
    """Return where run.json, summary.json and reports go."""
    return Path(words.out_dir or (defaults.text("out_dir") if defaults else None) or ".")


def wanted_reports(words: Words) -> list[ReportRequest]:
    """Return the reports that the command line names, in the order of their names."""
    wanted: list[ReportRequest] = []
    for text in words.report or Defaults.read(Path.cwd()).words("report"):
        name, equals, path = text.partition("=")
        if not name or (equals and not path):
            raise UsageError(code="E_INVALID_ARGS", message=f"--report takes NAME or NAME=FILE, not {text!r}")
        wanted.append(ReportRequest(name=name, path=path or None))
    for name, value in (
        ("sarif", words.sarif),
        ("junit", words.junit),
        ("pr-comment", words.pr_comment),
        ("evidence", words.evidence),
    ):
        if value is not None:
            wanted.append(ReportRequest(name=name, path=value or None))
    return wanted


def _with(function: F, options: Sequence[Callable[[F], F]]) -> F:
    @functools.wraps(function)
    def call(*args: object, **kwargs: Any) -> object:  # Any: click's values
        names = {field.name for field in attrs.fields(Words)}
        words = Words(**{name: kwargs.pop(name) for name in list(kwargs) if name in names})
        return function(*args, words=words, **kwargs)

    for option in reversed(options):
        call = option(call)
    return call  # type: ignore[return-value]  # a click callback


def _sorted_out(words: Words, defaults: Defaults) -> dict[str, Path]:
    """Tell by content which positional file is the suite, the policy and the trace; then fill in the defaults."""
    named: dict[str, Path] = {}
    for kind, value in (("suite", words.config), ("policy", words.policy), ("trace", words.trace)):
        if value is not None:
            named[kind] = Path(value)
    for text in words.files:
        path = Path(text)
        if text != "-" and not path.exists():
            raise UsageError(code="E_PATH_NOT_FOUND", message=f"{text!r} does not exist")
        kind = kind_of(path) if path.suffix in _DOCUMENTS else "trace"
        if kind in named:
            raise UsageError(code="E_INVALID_ARGS", message=f"{text!r} is a second {kind} beside {str(named[kind])!r}")
        named[kind] = path
    for kind, setting in (("suite", "config"), ("policy", "policy"), ("trace", "trace")):
        value = defaults.text(setting)
        if kind not in named and value is not None:
            named[kind] = Path(value)
    for kind in ("suite", "policy"):
        if kind in named and not named[kind].is_file():
            code = "E_MISSING_CONFIG" if kind == "suite" else "E_PATH_NOT_FOUND"
            raise UsageError(code=code, message=f"the {kind} {str(named[kind])!r} does not exist")
    return named


def _report_options(settings: Sequence[str]) -> Mapping[str, Mapping[str, JsonValue]]:
    """Read `reporters.NAME.KEY=VALUE`; a value is JSON where it parses as such, else text."""
    options: dict[str, dict[str, JsonValue]] = {}
    for text in settings:
        left, equals, value = text.partition("=")
        head, _, rest = left.partition(".")
        name, _, key = rest.rpartition(".")
        if head != "reporters" or not name or not key or not equals:
            raise UsageError(code="E_INVALID_ARGS", message=f"--set takes reporters.NAME.KEY=VALUE, not {text!r}")
        options.setdefault(name, {})[key] = _value(value)
    return options


def _value(text: str) -> JsonValue:
    from assay_core.documents import parse_json
    from assay_core.errors import AssayError

    try:
        return parse_json(text.encode(), "--set")
    except AssayError:
        return text
