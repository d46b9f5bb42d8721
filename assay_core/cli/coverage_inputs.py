"""What `assay coverage` reads: files sorted out by content, the policy and the traces of a project found."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from assay_core.commandline.output import echo_notice, write_err
from assay_core.commandline.visible import sanitise
from assay_core.config import Defaults, discover, kind_of, load_suite
from assay_core.config.discovery import find_traces, traces_in
from assay_core.errors import InputError, Place, UsageError
from assay_core.model import Episode, Limits, Suite
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.run.ingest import notices_of
from assay_core.run.opened import OpenedTrace, open_trace
from assay_core.trace import SpooledSource

if TYPE_CHECKING:
    from assay_core.cli.coverage import CoverageWords
    from assay_core.policy import Policy

__all__ = ["Inputs", "declared_tools", "read_inputs"]

_DOCUMENTS = (".yaml", ".yml")
_MAX_TOOLS_FILE = 10 * 1024 * 1024


@attrs.define(kw_only=True)
class Inputs:
    """What is measured, opened."""

    suite: Suite | None
    policy: Policy | None
    policy_file: Path | None
    traces: tuple[OpenedTrace, ...]

    @property
    def name(self) -> str:
        """What a baseline calls it: the suite, else the policy's file without its ending."""
        return self.suite.name if self.suite else self.policy_file.stem if self.policy_file else ""

    @property
    def read_files(self) -> dict[str, Path]:
        """The files that are read, by what they are."""
        named = {"policy": self.policy_file, "suite": self.suite.path if self.suite else None}
        found = {kind: path for kind, path in named.items() if path is not None}
        return found | {f"trace {trace.source.name}": trace.source.path for trace in self.traces}

    def close(self) -> None:
        """Delete the copies of what was read from standard input or a pipe."""
        for trace in self.traces:
            if isinstance(trace.source, SpooledSource):
                trace.source.close()

    def episodes(self) -> Iterator[Episode]:
        """Yield the episodes of every trace, in order; what the importers left out is told at the end of each.

        Raises:
            InputError: what the importer says of the trace; E_TRACE_EMPTY where there was no episode.
            PluginFault: the importer broke.
        """
        for trace in self.traces:
            for notice in trace.notices:
                echo_notice(notice)
            yield from trace.read()
            for notice in notices_of(trace.report):
                echo_notice(notice)


def read_inputs(words: CoverageWords) -> Inputs:
    """Find and load what the command line means.

    Raises:
        UsageError: E_INVALID_ARGS, E_MISSING_CONFIG, E_PATH_NOT_FOUND.
        InputError: E_TRACE_NOT_FOUND, E_CFG_KIND.
        AssayError: what loading the suite and the policy raises.
    """
    from assay_core.policy import load_policy

    defaults = Defaults.read(Path.cwd())
    drivers = Drivers(Catalogue.scan(), defaults.plugins)
    config, policy_file, traces = _sorted_out(words, defaults)
    if config is None and policy_file is None:
        found = discover(Path.cwd())
        config, policy_file = _near(found.suite), None if found.suite else _near(found.policy)
        _announce("suite" if config else "policy", config or policy_file)
    suite = None
    if config is not None:
        lenient = words.lenient or defaults.flag("lenient")
        suite = load_suite(config, drivers=drivers, lenient=lenient, policy=policy_file)
        drivers = drivers.narrowed(suite.plugins)
        for notice in suite.notices:
            echo_notice(notice)
        policy_file = policy_file or suite.policy_path or _policy_of_a_test(suite)
        _announce("policy", policy_file if policy_file and not words.policy else None)
    if not traces:
        traces = _found_traces(config or policy_file)
    limits = suite.settings.limits if suite else Limits()
    return Inputs(
        suite=suite,
        policy=load_policy(policy_file, drivers=drivers) if policy_file is not None else None,
        policy_file=policy_file,
        traces=tuple(open_trace(name, words.trace_format, drivers, limits) for name in traces),
    )


def declared_tools(words: CoverageWords) -> tuple[str, ...]:
    """Return the tools that were declared, sorted.

    Raises:
        UsageError: E_INVALID_ARGS for a name that is blank.
        InputError: E_PATH_NOT_FOUND, E_CFG_PARSE, E_DOCUMENT_LIMIT for the file.
    """
    names = {name.strip() for name in words.declared_tool}
    if "" in names:
        raise UsageError(code="E_INVALID_ARGS", message="--declared-tool takes a name, not a blank")
    if words.declared_tools_file is not None:
        names.update(_listed(words.declared_tools_file))
    return tuple(sorted(names))


def _listed(file: str) -> Iterator[str]:
    path = Path(file)
    try:
        if path.stat().st_size > _MAX_TOOLS_FILE:
            message = f"{file!r} is larger than {_MAX_TOOLS_FILE >> 20} MiB"
            raise InputError(code="E_DOCUMENT_LIMIT", message=message, place=Place(file))
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        message = f"byte {error.start} is not UTF-8"
        raise InputError(code="E_CFG_PARSE", message=message, place=Place(file)) from error
    except (OSError, ValueError) as error:
        why = "does not exist" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise InputError(code="E_PATH_NOT_FOUND", message=f"the list of tools {file!r} {why}") from error
    for line in text.removeprefix("\ufeff").split("\n"):
        name = line.strip()
        if name and not name.startswith("#"):
            yield name


def _sorted_out(words: CoverageWords, defaults: Defaults) -> tuple[Path | None, Path | None, list[str]]:
    """Tell by content which file is the suite, the policy and a trace; then fill in the defaults."""
    named: dict[str, str] = {kind: value for kind in ("config", "policy") if (value := getattr(words, kind))}
    traces = list(words.traces)
    for text in words.files:
        if Path(text).suffix not in _DOCUMENTS:
            traces.append(text)
            continue
        if not Path(text).is_file():
            raise UsageError(code="E_PATH_NOT_FOUND", message=f"{text!r} does not exist")
        kind = "config" if kind_of(Path(text)) == "suite" else "policy"
        if kind in named:
            raise UsageError(code="E_INVALID_ARGS", message=f"{text!r} is a second {kind} beside {named[kind]!r}")
        named[kind] = text
    for kind in ("config", "policy"):
        value = named.get(kind) or defaults.text(kind)
        if value is not None:
            named[kind] = value
        if kind in named and not Path(named[kind]).is_file():
            code, what = ("E_MISSING_CONFIG", "suite") if kind == "config" else ("E_PATH_NOT_FOUND", "policy")
            raise UsageError(code=code, message=f"the {what} {named[kind]!r} does not exist")
    default_trace = defaults.text("trace")
    if not traces and default_trace is not None:
        traces = [default_trace]
    config, policy = (Path(named[kind]) if kind in named else None for kind in ("config", "policy"))
    return config, policy, _distinct([file for text in traces for file in _files(text)])


def _files(text: str) -> Sequence[str]:
    """Return what a name stands for: a folder for the traces in it."""
    if text == "-" or not Path(text).is_dir():
        return (text,)
    found = tuple(str(path) for path in traces_in(Path(text)))
    if not found:
        raise InputError(code="E_TRACE_NOT_FOUND", message=f"the folder {text!r} holds no trace (*.jsonl)")
    return found


def _distinct(traces: list[str]) -> list[str]:
    """Refuse a trace that is named twice: its episodes would count twice."""
    seen: dict[object, str] = {}
    for text in traces:
        try:
            status = None if text == "-" else Path(text).stat()
        except (OSError, ValueError):  # told when it is opened
            continue
        key = "-" if status is None else (status.st_dev, status.st_ino)
        if key in seen:
            message = f"{text!r} is the same trace as {seen[key]!r}; its episodes would count twice"
            raise UsageError(code="E_INVALID_ARGS", message=message, remedy="name it once")
        seen[key] = text
    return traces


def _found_traces(base: Path | None) -> list[str]:
    folder = base.parent if base else Path()
    found = [str(path) for path in find_traces(folder)]
    if not found:
        raise InputError(
            code="E_TRACE_NOT_FOUND",
            message=f"no trace was named, and {str(folder / 'traces')!r} holds none",
            remedy="name one: `assay coverage TRACE`",
        )
    shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
    write_err(f"{'trace' if len(found) == 1 else 'traces'}: {sanitise(shown)}\n")
    return found


def _policy_of_a_test(suite: Suite) -> Path | None:
    """Return the first policy that a test of the suite names."""
    for case in suite.tests:
        for expectation in case.expectations:
            named = expectation.raw.get("policy")
            if isinstance(named, str) and named and suite.path is not None:
                return suite.path.parent / named
    return None


def _announce(kind: str, path: Path | None) -> None:
    if path is not None:
        write_err(f"{kind}: {sanitise(str(path))}\n")


def _near(path: Path | None) -> Path | None:
    """Return a path as people would write it here, so that messages do not vary by machine."""
    return None if path is None else Path(os.path.relpath(path))
