# ruff: noqa: RUF009 - `_key` is `attrs.field` with its metadata, no value that instances would share
"""eval.yaml as people write it: the classes that its keys are checked against and its JSON Schema is made from.

Each field may carry `metadata["doc"]`, one sentence for editors and for the reference page, and
`metadata["schema"]`, JSON Schema that replaces or narrows what the type says.
"""

from __future__ import annotations

from typing import Any, Literal

import attrs

from assay_core.model.json_value import JsonObject, JsonValue
from assay_core.model.suite import Attempts, OnError, RerunStrategy, ThresholdMode, TieBreak

__all__ = [
    "WrittenInput",
    "WrittenDrop",
    "WrittenJudge",
    "WrittenLimits",
    "WrittenPlugins",
    "WrittenReliability",
    "WrittenSettings",
    "WrittenSuite",
    "WrittenTest",
    "WrittenThresholding",
    "WrittenThresholds",
]


def _share(default: float) -> JsonObject:
    return {"minimum": 0, "maximum": 1, "default": default}


def _key(doc: str, default: Any = None, **metadata: Any) -> Any:
    return attrs.field(default=default, metadata={"doc": doc, **metadata})


@attrs.frozen(kw_only=True)
class WrittenLimits:
    """How much of a trace is read before it is refused."""

    line_bytes: int = _key("Longest line of a trace, in bytes.", 16 * 1024 * 1024, schema={"minimum": 1})
    depth: int = _key("Deepest nesting of one record.", 128, schema={"minimum": 1, "maximum": 1000})


@attrs.frozen(kw_only=True)
class WrittenReliability:
    """How a judge's answers are counted."""

    borderline_min: float | None = _key(
        "A score from here to borderline_max is no verdict: the judge abstains.", schema=_share(0.4)
    )
    borderline_max: float | None = _key("The upper end of that band.", schema=_share(0.6))
    rerun_strategy: RerunStrategy | None = _key(
        "When a judge is asked again: never; until three votes; or until two votes agree outside the band.",
        schema={"default": "sequential_sprt"},
    )
    max_extra_calls_per_test: int | None = _key(
        "Votes after the first, at most.", schema={"minimum": 0, "maximum": 98, "default": 2}
    )
    max_extra_calls_per_run: int | None = _key(
        "Further votes in a run of one type of check; more are told as W_JUDGE_BUDGET, not refused.",
        schema={"minimum": 0, "default": 20},
    )
    tie_break: TieBreak | None = _key(
        "What a tie means. Only fail_closed is evaluated: the judge abstains, exit 1.",
        schema={"default": "fail_closed"},
    )
    blind_labeling: bool | None = _key("Call the response A or B, never by its origin.", schema={"default": True})
    order_randomized: bool | None = _key(
        "Choose A or B by the seed, in turn from vote to vote.", schema={"default": True}
    )
    hijack_defense: bool | None = _key("Tell the judge that what it judges is data.", schema={"default": True})


@attrs.frozen(kw_only=True)
class WrittenJudge:
    """The judge of faithfulness, relevance and judge_criteria. Which model it is, the command line says."""

    reliability: WrittenReliability | None = _key("How a judge's answers are counted.")
    rubric_version: str | None = _key("The version of the rubric, where an expectation names none.")
    samples: int | None = _key(
        "Votes in all, at most; overrides max_extra_calls_per_test.", schema={"minimum": 1, "maximum": 99}
    )


@attrs.frozen(kw_only=True)
class WrittenDrop:
    """How far a score may fall; of one test or one expectation."""

    max_drop: float | None = _key(
        "How far a score may fall below the baseline, in score points.", schema={"minimum": 0, "maximum": 1}
    )
    min_floor: float | None = _key(
        "What every score has to reach, with or without a baseline.", schema={"minimum": 0, "maximum": 1}
    )


@attrs.frozen(kw_only=True)
class WrittenThresholding:
    """How far scores may fall; a test and an expectation may say otherwise."""

    mode: ThresholdMode | None = _key(
        "relative: a drop against the baseline of --baseline fails the run. absolute: it is only shown.",
        schema={"default": "relative"},
    )
    max_drop: float | None = _key("How far a score may fall below the baseline, in score points.", schema=_share(0.05))
    min_floor: float | None = _key(
        "What every score has to reach, with or without a baseline.", schema={"minimum": 0, "maximum": 1}
    )


@attrs.frozen(kw_only=True)
class WrittenSettings:
    """How the suite is run."""

    parallel: int | None = _key("How many checks run at a time.", schema={"minimum": 1, "default": 4})
    timeout_seconds: float | None = _key(
        "How long one check of a blocking metric may take.", schema={"exclusiveMinimum": 0, "default": 30}
    )
    seed: int | None = _key(
        "Seed of everything random; by default 63 bits of SHA-256 of the suite's name.",
        schema={"minimum": 0, "maximum": 2**64 - 1},
    )
    attempts: Attempts | None = _key(
        "Which of several episodes with the same prompt count: all, the last; or that there are several is an error.",
        schema={"default": "all"},
    )
    on_error: OnError | None = _key(
        "Whether a fault of the infrastructure (exit 3) fails the run or is only reported.",
        schema={"default": "block"},
    )
    bail_on_first_failure: bool | None = _key("Stop at the first failed test.", schema={"default": False})
    limits: WrittenLimits | None = _key("How much of a trace is read before it is refused.")
    cache: bool | None = _key(
        "Whether what costly metrics computed is kept in the store and taken from it.", schema={"default": True}
    )
    judge: WrittenJudge | None = _key("How a judge is asked, and how its answers are counted.")
    thresholding: WrittenThresholding | None = _key("How far scores may fall.")


@attrs.frozen(kw_only=True)
class WrittenThresholds:
    """Bounds over all rows of a run."""

    min_score: float | None = _key("Every scored row has to reach this score.", schema={"minimum": 0, "maximum": 1})
    block_on_warn: bool | None = _key("Fail the run when a row ends as warn.", schema={"default": False})


@attrs.frozen(kw_only=True)
class WrittenPlugins:
    """Which plugins this suite needs and lets in. It may narrow what pyproject.toml allows, never widen it."""

    require: tuple[str, ...] | None = _key("Names or distributions that have to be installed.")
    allow: tuple[str, ...] | None = _key("When given, nothing else is loaded.")
    deny: tuple[str, ...] | None = _key("Names or distributions that are never loaded.")


@attrs.frozen(kw_only=True)
class WrittenInput:
    """Which episodes a test is about: exactly one of prompt, episode and match."""

    prompt: str | None = _key("The episodes with exactly this prompt.")
    episode: str | None = _key("The episode with this id.")
    match: Literal["all"] | None = _key("Every episode of the trace.")
    context: JsonValue = _key(
        "What the agent was given besides the prompt.",
        schema={"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    )


@attrs.frozen(kw_only=True)
class WrittenTest:
    """One test: which episodes, and what is expected of them."""

    id: str = attrs.field(
        metadata={"doc": "Unique in the suite.", "schema": {"minLength": 1, "not": {"pattern": "^policy:"}}}
    )
    input: JsonValue = attrs.field(
        metadata={
            "doc": "A prompt, or which episodes the test is about.",
            "schema": {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/input"}]},
        }
    )
    expected: JsonValue = _key(
        "One expectation, or several. May be absent where assertions are present.",
        schema={
            "anyOf": [
                {"$ref": "#/$defs/expectation"},
                {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/expectation"}},
            ]
        },
    )
    assertions: tuple[JsonObject, ...] | None = _key(
        "What must hold of the recorded episode, or of calls that the assertion carries itself.",
        schema={"minItems": 1, "items": {"$ref": "#/$defs/assertion"}},
    )
    on_error: OnError | None = _key("Overrides settings.on_error for this test.")
    thresholding: WrittenDrop | None = _key("Overrides settings.thresholding for this test.")
    tags: tuple[str, ...] | None = _key("Words to group tests by.")
    metadata: JsonValue = _key("Anything; kept as it is.", schema={})


@attrs.frozen(kw_only=True)
class WrittenSuite:
    """A suite: which traces pass."""

    config_version: int | None = attrs.field(
        default=None,
        metadata={
            "names": ("configVersion", "version"),
            "only_names": True,
            "doc": "The version of this format: 1. Files without it are read as version 0.",
            "schema": {"enum": [0, 1]},
        },
    )
    suite: str | None = _key(
        "The suite's name, in reports and for the default seed. Optional where there are no tests.",
        schema={"minLength": 1},
    )
    model: str | None = _key("A label for what was recorded.", schema={"default": "trace"})
    policy: str | None = _key(
        "The policy that every episode is decided against, relative to this file. "
        "Absent: a policy.yaml beside this file. null: none."
    )
    settings: JsonValue = _key("How the suite is run.", kind=WrittenSettings)
    thresholds: JsonValue = _key("Bounds over all rows of a run.", kind=WrittenThresholds)
    plugins: JsonValue = _key("Which plugins this suite needs and lets in.", kind=WrittenPlugins)
    reporters: JsonValue = _key(
        "Options of reporters, by name.",
        schema={"type": "object", "additionalProperties": {"type": ["object", "null"]}},
    )
    tests: JsonValue = _key(
        "The tests. May be absent where there is a policy.",
        kind=tuple[WrittenTest, ...],
    )
    otel: JsonValue = _key("Read, and never used.", schema={})
    definitions: JsonValue = _key("Free: a place for anchors.", schema={})
