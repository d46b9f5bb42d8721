"""What a command asks of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from assay_core.model import JsonValue, PluginRules
from assay_core.run.quarantine import QuarantineMode

__all__ = ["CacheMode", "Command", "ReportRequest", "RunRequest", "StoreRequest"]

Command: TypeAlias = Literal["validate", "run", "ci"]
CacheMode: TypeAlias = Literal["use", "refresh", "off"]


@attrs.frozen(kw_only=True)
class ReportRequest:
    """One report that is wanted."""

    name: str  # the reporter's name, or name@distribution
    path: str | None = None  # None: the reporter's default; "-": standard output
    by_default: bool = False  # True: nobody named it, so that it may be missing


@attrs.frozen(kw_only=True)
class StoreRequest:
    """Where a run is kept, and how much of it."""

    path: Path
    named: bool = False  # True: the user named it, so that it must be usable; False: the default
    keep: Literal["results", "episodes"] = "results"


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
    store: StoreRequest | None = None  # None: nothing is kept, and nothing known of earlier runs
    quarantine_mode: QuarantineMode = "warn"
    incremental: bool = False  # True: a test whose inputs all passed before is skipped
    rerun_failures: int = 0  # how often a failed check that can vary is measured again
    cache: CacheMode = "use"
    baseline: Path | None = None  # what the scores are compared with
    max_drop: float | None = None  # takes the place of settings.thresholding.max_drop
    export_baseline: Path | None = None  # where the scores are written as a baseline
