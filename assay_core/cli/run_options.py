"""What `validate`, `run` and `ci` make of their words: files sorted out by content, defaults filled in."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from assay_core.cli.words import Words
from assay_core.commandline.overwriting import refuse_overwriting
from assay_core.config import Defaults, discover, kind_of
from assay_core.config.store_place import store_path
from assay_core.errors import UsageError
from assay_core.model import JsonValue
from assay_core.run.baseline.document import check_target
from assay_core.run.quarantine import QuarantineMode
from assay_core.run.request import CacheMode, Command, ReportRequest, RunRequest, StoreRequest

__all__ = ["make_request", "out_dir", "wanted_reports"]

_DOCUMENTS = (".yaml", ".yml")
_SERVICES = (
    "embedder",
    "embedding_model",
    "refresh_embeddings",
    "replay_strict",
    "judge",
    "judge_model",
    "judge_base_url",
    "judge_samples",
    "judge_temperature",
    "judge_max_tokens",
    "judge_refresh",
)
_SUGAR = {"sarif": "sarif", "junit": "junit", "pr-comment": "pr_comment", "evidence": "evidence"}


def make_request(
    command: Command, words: Words, reports: Sequence[ReportRequest], *, output: str | None = None
) -> RunRequest:
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
        suite, policy = _near(found.suite), None if found.suite else _near(found.policy)
    if suite is None and policy is None:
        raise UsageError(code="E_MISSING_CONFIG", message="no eval.yaml and no policy.yaml was found here or above")
    baseline = _existing(words.baseline)
    inputs = {"suite": suite, "policy": policy, "trace": trace, "baseline": baseline}
    read = {kind: path for kind, path in inputs.items() if path is not None}
    for wanted in reports:
        if not wanted.by_default:
            refuse_overwriting(f"the {wanted.name} report", wanted.path, read)
    refuse_overwriting("--output", output, read)
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
        services=_services(words),
        store=store_request(words, defaults) if command != "validate" else None,
        quarantine_mode=_quarantine_mode(words, defaults),
        incremental=words.incremental,
        rerun_failures=words.rerun_failures,
        cache=_cache_mode(words),
        baseline=baseline,
        max_drop=_max_drop(words),
        export_baseline=_export_path(words, read),
    )


def _existing(named: str | None) -> Path | None:
    if named is not None and not Path(named).is_file():
        remedy = "record one: `assay run --export-baseline FILE`"
        message = f"the baseline {named!r} does not exist" if not Path(named).exists() else f"{named!r} is not a file"
        raise UsageError(code="E_PATH_NOT_FOUND", message=message, remedy=remedy)
    return None if named is None else Path(named)


def _max_drop(words: Words) -> float | None:
    if words.max_drop is not None and words.baseline is None:
        message = "--max-drop says how far scores may fall, and no --baseline says from where"
        raise UsageError(code="E_INVALID_ARGS", message=message)
    if words.max_drop is not None and words.max_drop != words.max_drop:
        raise UsageError(code="E_INVALID_ARGS", message="--max-drop is no number")
    return words.max_drop


def _export_path(words: Words, read: Mapping[str, Path]) -> Path | None:
    if words.export_baseline is None:
        return None
    if words.baseline is not None:
        message = "--baseline compares and --export-baseline records: a run does one of both"
        raise UsageError(code="E_INVALID_ARGS", message=message)
    refuse_overwriting("--export-baseline", words.export_baseline, read)
    path = Path(words.export_baseline)
    check_target(path)
    return path


def store_request(words: Words, defaults: Defaults) -> StoreRequest | None:
    """Return where and how much of a run is kept; None: nothing.

    Raises:
        UsageError: E_INVALID_ARGS for options that need the store in a run without one.
    """
    keep = words.store or defaults.text("store")
    if keep == "none":
        mode = words.quarantine_mode or defaults.text("quarantine_mode")
        for name, wanted in (("--incremental", words.incremental), ("--quarantine-mode strict", mode == "strict")):
            if wanted:
                raise UsageError(code="E_INVALID_ARGS", message=f"{name} needs the store, and --store none has none")
        return None
    path, named = store_path(words.db, defaults)
    return StoreRequest(path=path, named=named, keep="episodes" if keep == "episodes" else "results")


def _quarantine_mode(words: Words, defaults: Defaults) -> QuarantineMode:
    mode = words.quarantine_mode or defaults.text("quarantine_mode")
    return mode if mode in ("off", "strict") else "warn"  # type: ignore[return-value]  # one of the three


def _cache_mode(words: Words) -> CacheMode:
    if words.no_cache and words.refresh_cache:
        raise UsageError(
            code="E_INVALID_ARGS", message="--no-cache keeps nothing, --refresh-cache keeps everything anew"
        )
    return "off" if words.no_cache else "refresh" if words.refresh_cache else "use"


def _services(words: Words) -> dict[str, JsonValue]:
    """Return what the command line chose of services; what it does not name is absent."""
    chosen: dict[str, JsonValue] = {}
    for name in _SERVICES:
        value = getattr(words, name)
        if value is not None and value is not False:
            chosen[name] = value
    if words.embedding_model is not None and words.embedder is None:
        message = "--embedding-model says which model, and no --embedder says of whom"
        raise UsageError(code="E_INVALID_ARGS", message=message, remedy="name one, e.g. --embedder openai")
    if words.no_judge:
        chosen["judge"] = "none"
    return chosen


def _near(path: Path | None) -> Path | None:
    """Return a path as people would write it here, so that messages do not vary by machine."""
    return None if path is None else Path(os.path.relpath(path))


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
    for name, field in _SUGAR.items():
        value = getattr(words, field)
        if value is not None:
            wanted.append(ReportRequest(name=name, path=value or None))
    return wanted


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
