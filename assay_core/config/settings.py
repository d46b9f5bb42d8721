"""The `settings`, `thresholds` and `plugins` of a suite."""

from __future__ import annotations

import attrs

from assay_core.config.reading import Reading
from assay_core.config.written import (
    WrittenDrop,
    WrittenJudge,
    WrittenLimits,
    WrittenPlugins,
    WrittenReliability,
    WrittenSettings,
    WrittenThresholding,
    WrittenThresholds,
)
from assay_core.model.json_value import JsonValue
from assay_core.model.suite import JudgeSettings, Limits, PluginRules, Settings, Thresholding, Thresholds

__all__ = ["read_plugins", "read_settings", "read_thresholding", "read_thresholds"]


def read_settings(value: JsonValue, reading: Reading) -> Settings:
    """Return the settings; what is absent or null keeps its default."""
    if value is None:
        return Settings()
    path = ("settings",)
    written = reading.structure(value, WrittenSettings, path)
    if written is None:
        return Settings()
    _check_bounds(written, reading, path)
    limits = written.limits or WrittenLimits()
    _check_bounds(limits, reading, (*path, "limits"))
    default = Settings()
    return Settings(
        parallel=written.parallel or default.parallel,
        timeout_s=written.timeout_seconds or default.timeout_s,
        seed=written.seed,
        attempts=written.attempts or default.attempts,
        on_error=written.on_error or default.on_error,
        bail_on_first_failure=bool(written.bail_on_first_failure),
        cache=written.cache is not False,
        limits=Limits(line_bytes=limits.line_bytes, depth=limits.depth),
        judge=_read_judge(written.judge, reading, (*path, "judge")),
        thresholding=read_thresholding(written.thresholding, reading, (*path, "thresholding")),
    )


def read_thresholding(
    written: WrittenThresholding | WrittenDrop | None, reading: Reading, path: tuple[str | int, ...]
) -> Thresholding:
    """Return how far scores may fall; what is absent is None."""
    if written is None:
        return Thresholding()
    _check_bounds(written, reading, path)
    mode = written.mode if isinstance(written, WrittenThresholding) else None
    return Thresholding(mode=mode, max_drop=written.max_drop, min_floor=written.min_floor)


def _read_judge(written: WrittenJudge | None, reading: Reading, path: tuple[str, ...]) -> JudgeSettings:
    if written is None:
        return JudgeSettings()
    _check_bounds(written, reading, path)
    reliability = written.reliability or WrittenReliability()
    path = (*path, "reliability")
    _check_bounds(reliability, reading, path)
    given = {
        key: value
        for source in (reliability, written)
        for key, value in attrs.asdict(source, recurse=False).items()
        if value is not None and key != "reliability"
    }
    judge = JudgeSettings(**given)
    if judge.borderline_min > judge.borderline_max:
        message = f"borderline_min ({judge.borderline_min:g}) is above borderline_max ({judge.borderline_max:g})"
        reading.fail("E_CFG_PARSE", message, path)
    if judge.tie_break == "quarantine":
        text = "tie_break: quarantine is not used by this release; a judge that abstains ends the run with exit 1"
        reading.note("W_CFG_UNUSED", text, (*path, "tie_break"), key=True)
    return judge


def read_thresholds(value: JsonValue, reading: Reading) -> Thresholds:
    """Return the thresholds."""
    if value is None:
        return Thresholds()
    written = reading.structure(value, WrittenThresholds, ("thresholds",))
    if written is None:
        return Thresholds()
    _check_bounds(written, reading, ("thresholds",))
    return Thresholds(min_score=written.min_score, block_on_warn=bool(written.block_on_warn))


def read_plugins(value: JsonValue, reading: Reading) -> PluginRules:
    """Return the rules for plugins."""
    if value is None:
        return PluginRules()
    written = reading.structure(value, WrittenPlugins, ("plugins",))
    if written is None:
        return PluginRules()
    return PluginRules(require=written.require or (), allow=written.allow, deny=written.deny or ())


def _check_bounds(written: attrs.AttrsInstance, reading: Reading, path: tuple[str | int, ...]) -> None:
    """Check numbers against the bounds that the fields state for the JSON Schema."""
    for field in attrs.fields(type(written)):
        number = getattr(written, field.name)
        bounds = field.metadata.get("schema", {})
        if not isinstance(number, (int, float)) or isinstance(number, bool):
            continue
        if number < bounds.get("minimum", number):
            words = f"at least {bounds['minimum']}"
        elif number > bounds.get("maximum", number):
            words = f"at most {bounds['maximum']}"
        elif "exclusiveMinimum" in bounds and number <= bounds["exclusiveMinimum"]:
            words = f"more than {bounds['exclusiveMinimum']}"
        else:
            continue
        reading.fail("E_CFG_PARSE", f"{field.name} has to be {words}, found {number}", (*path, field.name))
