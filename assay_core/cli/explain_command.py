"""What `assay explain` does with a trace or a test: decide it step by step, and say why and what would change it."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import attrs

from assay_core.analysis.explained import Asked, Explained, explain_asked
from assay_core.analysis.trace_explanation import Shown
from assay_core.cli.run_options import make_request
from assay_core.cli.words import Words
from assay_core.commandline.explanation_parts import json_document
from assay_core.commandline.formats import Report
from assay_core.commandline.output import color_wanted, echo_notice
from assay_core.config import discover
from assay_core.errors import UsageError
from assay_core.run.request import RunRequest

__all__ = ["Options", "explain_files"]

_FOR_MACHINES = 10_000  # calls up to which JSON has every step, and denied steps that it has at most
_EPISODE_ROW = "policy:"  # how reports of a run name an episode


class Options(NamedTuple):
    """What the command line says besides files and tests."""

    config: str | None = None
    policy: str | None = None
    trace: str | None = None
    trace_format: str | None = None
    episode: str | None = None
    limit: str | None = None
    blocked_only: bool = False
    verbose: bool = False
    lenient: bool = False


def explain_files(report: Report, words: Sequence[str], options: Options) -> int:
    """Write the explanation and return the exit code."""
    test, files = _sorted_out(words, options)
    episode = options.episode
    if test is not None and test.startswith(_EPISODE_ROW) and episode is None:
        episode, test = test.removeprefix(_EPISODE_ROW), None
    request = make_request(
        "validate",
        Words(files=files, config=options.config, policy=options.policy, trace=options.trace,
              trace_format=options.trace_format, lenient=options.lenient),
        [],
        output=report.output,
    )  # fmt: skip
    suite = request.suite
    if suite is None and test is not None:
        suite = discover(Path.cwd()).suite
    asked = Asked(
        suite=suite, policy=request.policy, trace=request.trace, trace_format=request.trace_format, test=test,
        episode=episode, lenient=request.lenient, plugins=request.plugins, shown=_shown(options, report),
    )  # fmt: skip
    with redirect_stdout(sys.stderr):  # what a plugin prints is never part of a document
        explained = attrs.evolve(explain_asked(asked), fix_command=_fix_command(request, options, files))
    for notice in explained.notices:
        echo_notice(notice)
    _write(report, explained, verbose=options.verbose)
    return explained.exit_code


def _fix_command(request: RunRequest, options: Options, files: Sequence[str]) -> str:
    """Return the words that apply a patch: what was named here has to be named there."""
    words = ["assay", "fix"]
    named = {str(each) for each in (options.config, options.policy, options.trace, *files) if each}
    for option, value in (("--config", request.suite), ("--policy", request.policy), ("--trace", request.trace)):
        if value is not None and str(value) in named and str(value) != "-":
            words += [option, shlex.quote(str(value))]
    return " ".join(words)


def _write(report: Report, explained: Explained, *, verbose: bool) -> None:
    if report.format == "json":
        report.write_json(json_document(explained))
    elif report.format == "html":
        from assay_core.commandline.explanation_html import explained_html

        report.write(explained_html(explained))
    elif report.format in ("markdown", "md"):
        from assay_core.commandline.explanation_markdown import explained_markdown

        report.write(explained_markdown(explained))
    else:
        from assay_core.commandline.explanations import explained_text

        color = report.to_stdout and color_wanted("auto", sys.stdout or io.StringIO())
        report.write(explained_text(explained, verbose=verbose, color=color))


def _sorted_out(words: Sequence[str], options: Options) -> tuple[str | None, tuple[str, ...]]:
    """Return the test and the files among the words. A word is a file if there is one of that name, or it looks so."""
    files = [word for word in words if _is_file(word)]
    tests = [word for word in words if not _is_file(word)]
    if len(tests) > 1:
        raise UsageError(
            code="E_INVALID_ARGS",
            message=f"one test at a time: neither {tests[0]!r} nor {tests[1]!r} is a file",
        )
    if options.trace is None and not tests and not files and not _any(options):
        raise UsageError(code="E_INVALID_ARGS", message="name a code, a trace or a test, or give --list")
    return (tests[0] if tests else None), tuple(files)


def _any(options: Options) -> bool:
    return any(value for value in (options.config, options.policy, options.trace, options.episode))


def _is_file(word: str) -> bool:
    if word == "-":
        return True
    try:
        if word and Path(word).exists():
            return True
    except (OSError, ValueError):  # a name that no file can have
        return False
    return word.endswith((".jsonl", ".json", ".ndjson", ".yaml", ".yml")) or "/" in word


def _shown(options: Options, report: Report) -> Shown:
    machine = report.format == "json"
    shown = Shown(whole=_FOR_MACHINES, most=_FOR_MACHINES) if machine else Shown()
    limit = options.limit
    if limit is not None:
        most = None if limit == "all" else int(limit)
        shown = Shown(whole=sys.maxsize if most is None else min(most, shown.whole), most=most)
    return Shown(whole=shown.whole, most=shown.most, blocked_only=options.blocked_only)
