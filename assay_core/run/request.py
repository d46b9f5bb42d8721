"""What a command asks of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from assay_core.model import JsonValue, PluginRules

__all__ = ["Command", "ReportRequest", "RunRequest"]

Command: TypeAlias = Literal["validate", "run", "ci"]


@attrs.frozen(kw_only=True)
class ReportRequest:
    """One report that is wanted."""

    name: str  # the reporter's name, or name@distribution
    path: str | None = None  # None: the reporter's default; "-": standard output
    by_default: bool = False  # True: nobody named it, so that it may be missing


@attrs.frozen(kw_only=True)
class RunRequest:
    """Everything a run depends on besides the files it reads."""

    command: Command
    suite: Path | None = None
    policy: Path | None = None  # overrides the suite's
    trace: str | None = None  # a path, or "-" for standard input
    trace_format: str | None = None
    lenient: bool = False
    strict: bool = False
    deny_deprecations: bool = False
    deny_network: bool = False
    plugins: PluginRules = attrs.field(factory=PluginRules)  # of pyproject.toml and the command line
    out_dir: Path = Path()
    reports: tuple[ReportRequest, ...] = ()
    report_options: Mapping[str, Mapping[str, JsonValue]] = attrs.field(factory=dict)
    services: Mapping[str, JsonValue] = attrs.field(factory=dict)  # lent to checks as `CheckContext.services`
