"""The `settings`, `thresholds` and `plugins` of a suite."""

from __future__ import annotations

import attrs

from assay_core.config.reading import Reading
from assay_core.config.written import (
    WrittenJudge,
    WrittenLimits,
    WrittenPlugins,
    WrittenReliability,
    WrittenSettings,
    WrittenThresholds,
)
from assay_core.model.json_value import JsonValue
from assay_core.model.suite import JudgeSettings, Limits, PluginRules, Settings, Thresholds

__all__ = ["read_plugins", "read_settings", "read_thresholds"]

_UNUSED = ("thresholding",)  # evaluated by later releases


def read_settings(value: JsonValue, reading: Reading) -> Settings:
    """Return the settings; what is absent or null keeps its default."""
    if value is None:
        return Settings()
    path = ("settings",)
    written = reading.structure(value, WrittenSettings, path)
    if written is None:
        return Settings()
    unused = tuple(key for key in _UNUSED if getattr(written, key) is not None)
    for key in unused:
        reading.note("W_CFG_UNUSED", f"settings.{key} is not used by this release", (*path, key), key=True)
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
        unused=tuple(f"settings.{key}" for key in unused),
    )


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


def _check_bounds(written: attrs.AttrsInstance, reading: Reading, path: tuple[str, ...]) -> None:
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
