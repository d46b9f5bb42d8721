"""The options that `validate`, `run` and `ci` share. Light: their help is all that it takes to import it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

if TYPE_CHECKING:
    from assay_core.commandline.output import ColorChoice

__all__ = ["Words", "report_words", "run_words"]

F = TypeVar("F", bound=Callable[..., Any])  # a click callback


class Words(NamedTuple):  # attrs costs more than the help of a command may
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
    embedder: str | None = None
    embedding_model: str | None = None
    refresh_embeddings: bool = False
    replay_strict: bool = False
    judge: str | None = None
    no_judge: bool = False
    judge_model: str | None = None
    judge_base_url: str | None = None
    judge_samples: int | None = None
    judge_temperature: float | None = None
    judge_max_tokens: int | None = None
    judge_refresh: bool = False
    db: str | None = None
    store: str | None = None
    quarantine_mode: str | None = None
    incremental: bool = False
    rerun_failures: int = 0
    no_cache: bool = False
    refresh_cache: bool = False
    baseline: str | None = None
    export_baseline: str | None = None
    max_drop: float | None = None


def _judge_options() -> tuple[Callable[[F], F], ...]:
    def option(name: str, help_text: str, **more: Any) -> Callable[[F], F]:  # Any: click's own
        words = name.upper().replace("-", "_")
        return click.option(f"--{name}", envvar=[f"ASSAY_{words}", f"VERDICT_{words}"], help=help_text, **more)

    return (
        option("judge", "Who judges where no verdict is recorded: openai, another judge, or none.", metavar="NAME"),
        click.option("--no-judge", is_flag=True, help="The same as --judge none."),
        option("judge-model", "The model to ask the judge for.", metavar="NAME"),
        option("judge-base-url", "The endpoint of the judge. Never read from a file.", metavar="URL"),
        option("judge-samples", "Votes per verdict, at most.", metavar="N", type=click.IntRange(1, 99)),
        option("judge-temperature", "0 to 2. Default: 0.", metavar="X", type=click.FloatRange(0, 2)),
        option("judge-max-tokens", "Length of an answer. Default: 800.", metavar="N", type=click.IntRange(1)),
        click.option("--judge-refresh", is_flag=True, help="Judge anew what is cached."),
    )


_COMMON = (
    click.argument("files", nargs=-1, metavar="[SUITE|POLICY] [TRACE]"),
    click.option("--config", metavar="FILE", help="The suite. Default: eval.yaml here or above."),
    click.option("--policy", metavar="FILE", help="The policy, in place of the suite's."),
    click.option("--trace-file", "--trace", "trace", metavar="FILE", help="The recorded trace; - is standard input."),
    click.option("--trace-format", metavar="NAME", help="The importer, where the content does not tell."),
    click.option("--baseline", metavar="FILE", help="Scores that may not fall: a baseline of this suite."),
    click.option("--lenient", is_flag=True, help="Unknown keys are warnings, not errors."),
    click.option("--strict", is_flag=True, help="Warnings and open rules fail."),
    click.option("--deny-deprecations", is_flag=True, help="Old forms of a policy are errors."),
    click.option("--deny", multiple=True, type=click.Choice(["network"]), help="Refuse checks that need it."),
    click.option("--embedder", metavar="NAME", help="What turns texts into vectors where none are recorded."),
    click.option("--embedding-model", metavar="NAME", help="The model to ask the embedder for."),
    click.option("--refresh-embeddings", is_flag=True, help="Embed anew what is cached."),
    *_judge_options(),
    click.option("--replay-strict", is_flag=True, help="Only what was recorded or cached; no model is asked."),
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
    click.option("--export-baseline", metavar="FILE", help="Write the scores of this run as a baseline."),
    click.option(
        "--max-drop",
        type=click.FloatRange(0, 1),
        metavar="X",
        help="How far a score may fall below the baseline. Default: what the suite says, else 0.05.",
    ),
    click.option("--out-dir", metavar="DIR", help="Where run.json, summary.json and reports go. Default: here."),
    click.option("--db", metavar="FILE", help="The store. Default: .assay/assay.db beside the suite."),
    click.option(
        "--store",
        type=click.Choice(["none", "results", "episodes"]),
        help="What is kept of the run: nothing, its rows (default), its episodes and tool calls as well.",
    ),
    click.option(
        "--quarantine-mode",
        type=click.Choice(["off", "warn", "strict"]),
        help="What failures of quarantined tests are: failures, warnings (default); strict: none may be quarantined.",
    ),
    click.option("--incremental", is_flag=True, help="Skip tests that passed before with exactly the same inputs."),
    click.option(
        "--rerun-failures",
        type=click.IntRange(0, 100),
        default=0,
        metavar="N",
        help="Measure failed checks that can vary again, up to N times.",
    ),
    click.option("--no-cache", is_flag=True, help="Neither take nor keep what costly checks computed."),
    click.option("--refresh-cache", is_flag=True, help="Compute it anew, and keep it."),
)


def run_words(function: F) -> F:
    """Give a command the options of every run; its function gets them as `words`."""
    return _with(function, _COMMON)


def report_words(function: F) -> F:
    """Give a command the options of every run and those for reports; its function gets them as `words`."""
    return _with(function, (*_COMMON, *_REPORTS))


def _with(function: F, options: Sequence[Callable[[F], F]]) -> F:
    @functools.wraps(function)
    def call(*args: object, **kwargs: Any) -> object:  # Any: click's values
        names = set(Words._fields)
        words = Words(**{name: kwargs.pop(name) for name in list(kwargs) if name in names})
        return function(*args, words=words, **kwargs)

    for option in reversed(options):
        call = option(call)
    return call  # type: ignore[return-value]  # a click callback
