"""What a suite (eval.yaml) says, after it was checked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from assay_core.errors import Place
from assay_core.model.json_value import JsonObject

OnError: TypeAlias = Literal["block", "allow"]
Attempts: TypeAlias = Literal["all", "last", "error"]
RerunStrategy: TypeAlias = Literal["single", "always_three", "sequential_sprt"]
TieBreak: TypeAlias = Literal["fail_closed", "quarantine"]
ThresholdMode: TypeAlias = Literal["absolute", "relative"]


@attrs.frozen(kw_only=True)
class Limits:
    """How much of hostile input is read before it is refused."""

    line_bytes: int = 16 * 1024 * 1024
    depth: int = 128


@attrs.frozen(kw_only=True)
class JudgeSettings:
    """`settings.judge`: how often a judge is asked, and how its answers are counted."""

    borderline_min: float = 0.4  # a score from here …
    borderline_max: float = 0.6  # … to here is no verdict: the judge abstains
    rerun_strategy: RerunStrategy = "sequential_sprt"
    max_extra_calls_per_test: int = 2  # votes after the first
    max_extra_calls_per_run: int = 20  # told when exceeded, never a limit
    tie_break: TieBreak = "fail_closed"
    blind_labeling: bool = True
    order_randomized: bool = True
    hijack_defense: bool = True
    rubric_version: str | None = None  # where the expectation names none
    samples: int | None = None  # votes in all; overrides max_extra_calls_per_test


@attrs.frozen(kw_only=True)
class Thresholding:
    """`thresholding` of the settings, a test or an expectation; the nearest one counts, key by key."""

    mode: ThresholdMode | None = None  # of the settings alone; absolute: a drop against the baseline fails nothing
    max_drop: float | None = None  # how far a score may fall below the baseline; None: 0.05
    min_floor: float | None = None  # what a score must reach, with or without a baseline


@attrs.frozen(kw_only=True)
class Settings:
    """The `settings` of a suite."""

    parallel: int = 4  # workers, at least 1
    timeout_s: float = 30.0  # per check of a blocking metric
    seed: int | None = None  # None: 63 bits of SHA-256 of the suite's name
    attempts: Attempts = "all"  # which episodes of one prompt count
    on_error: OnError = "block"
    bail_on_first_failure: bool = False
    cache: bool = True  # whether what costly metrics computed outlives the run
    limits: Limits = Limits()
    judge: JudgeSettings = JudgeSettings()
    thresholding: Thresholding = Thresholding()
    unused: tuple[str, ...] = ()  # keys that later releases evaluate; each is announced


@attrs.frozen(kw_only=True)
class Thresholds:
    """The `thresholds` of a suite, over all its rows."""

    min_score: float | None = None  # every scored row must reach it
    block_on_warn: bool = False


@attrs.frozen(kw_only=True)
class PluginRules:
    """`plugins` of a suite or of pyproject.toml. The suite may narrow what pyproject allows, never widen it."""

    require: tuple[str, ...] = ()  # names that must be installed
    allow: tuple[str, ...] | None = None  # exclusive when given
    deny: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Expectation:
    """One check of one test, its options structured by the metric that offers the type."""

    type: str  # the entry-point name: an `expected` type, or "assert.<name>"
    options: object  # an instance of the attrs class that Metric.types names
    raw: JsonObject  # as written, `type` included
    place: Place
    test_id: str = ""  # of its test
    context: tuple[str, ...] = ()  # of its test's input: what the agent was given besides the prompt
    thresholding: Thresholding = Thresholding()  # its own, else of its test


@attrs.frozen(kw_only=True)
class EpisodeSelector:
    """Which episodes a test is about. Exactly one of the three is set."""

    prompt: str | None = None
    episode: str | None = None
    match_all: bool = False


@attrs.frozen(kw_only=True)
class TestCase:
    """One test of a suite."""

    __test__ = False  # not a pytest class

    id: str
    select: EpisodeSelector
    context: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...]  # `expected` first, then `assertions`; at least one
    on_error: OnError | None = None
    tags: tuple[str, ...] = ()
    metadata: JsonObject | None = None
    place: Place


@attrs.frozen(kw_only=True)
class Suite:
    """A checked suite."""

    name: str
    model: str = "trace"
    config_version: int = 1
    path: Path | None  # None for a run without a suite: a policy alone
    policy_path: Path | None  # resolved; None: no policy
    policy_found: bool = False  # True: found beside the suite, not named by it
    settings: Settings = Settings()
    thresholds: Thresholds = Thresholds()
    plugins: PluginRules = PluginRules()
    reporters: JsonObject = attrs.field(factory=dict)  # name to options, as written
    tests: tuple[TestCase, ...] = ()
    notices: tuple[Notice, ...] = ()


@attrs.frozen(kw_only=True)
class Notice:
    """Something a user should know that is no error. Shown on stderr and kept in run.json."""

    code: str  # a W_… code
    message: str
    place: Place | None = None

    def __str__(self) -> str:
        """Return one line."""
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.code}: {self.message}"
