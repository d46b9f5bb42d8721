"""One pass over the traces of a project: what the agent did, and what every check and rule said of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import msgspec

from assay_core.analysis.diagnosis.diagnosis import of_error, of_notice
from assay_core.analysis.diagnosis.project import Project, near
from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import AssayError
from assay_core.model import Episode, JsonValue, ResultRow, RuleSummary, Settings, Thresholds, ToolCall
from assay_core.run import ingest
from assay_core.run.evaluate import Evaluation
from assay_core.run.plan import Plan
from assay_core.run.pool import Pool
from assay_core.run.prepare import make_plan
from assay_core.run.seeds import order_seed
from assay_core.trace import open_source

__all__ = ["Observed", "declared_properties", "episodes_of", "observe"]

_MOST_PROMPTS = 10_000
_DEEPEST = 12


@attrs.define(kw_only=True)
class Observed:
    """What the traces show. Counts are exact; prompts and ids are the first ten thousand."""

    tools: Counter[str] = attrs.field(factory=Counter)
    prompts: dict[str, None] = attrs.field(factory=dict)
    episode_ids: dict[str, None] = attrs.field(factory=dict)
    properties: dict[str, set[str]] = attrs.field(factory=dict)  # tool to the declared properties that were given
    rows: tuple[ResultRow, ...] = ()  # of tests, and of episodes that break the policy
    rules: tuple[RuleSummary, ...] = ()
    episodes: int = 0
    complete: bool = True  # False: some trace could not be read to its end


def observe(project: Project) -> Observed | None:
    """Read every trace once; None where there is none, or nothing that could be evaluated.

    What cannot be read or evaluated is added to the findings of the project.
    """
    if not project.traces or project.loads < 1:
        return None
    plan = _plan(project)
    if plan is None:
        return None
    settings = project.suite.settings if project.suite else Settings()
    evaluation = Evaluation(
        plan,
        project.policy,
        settings=attrs.evolve(settings, bail_on_first_failure=False),
        thresholds=project.suite.thresholds if project.suite else Thresholds(),
        measure=Pool(workers=settings.parallel, timeout_s=settings.timeout_s).measure,
    )
    observed = Observed()
    declared = _declared(project)
    try:
        for path in project.traces:
            _read(project, path, evaluation, observed, declared)
        outcome = evaluation.finish()
    except AssayError as error:  # a plugin broke
        project.take(of_error(error, "plugin"))
        observed.complete = False
        return observed
    observed.episodes = evaluation.episodes
    observed.rules = outcome.rules
    observed.rows = tuple(row for row in outcome.rows if row.kind == "test" or row.findings)
    faults = [fault for fault in outcome.faults if fault.code != "E_TRACE_MISS"]  # told with the nearest prompt
    for fault in faults:
        project.take(of_error(fault, "test"))
    project.take(of_notice(notice, "trace") for notice in outcome.notices)
    return observed


def episodes_of(project: Project) -> Iterator[Episode]:
    """Yield the episodes of every trace again; one that cannot be read ends early, which `observe` has told."""
    for path in project.traces:
        try:
            chosen, source = _opened(project, path)
            for batch in ingest.batches(chosen, source, ImportReport()):
                yield from batch
        except AssayError:
            continue


def declared_properties(schema: Mapping[str, JsonValue], defs: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Return every property that a schema describes, as a pointer (`/path`, `/items/*/id`), in order."""
    found: dict[str, None] = {}
    _walk_schema(schema, defs, "", found, 0)
    return tuple(found)


def _plan(project: Project) -> Plan | None:
    suite = project.suite
    if suite is None:
        return Plan(tests=()) if project.policy is not None else None
    try:
        return make_plan(
            suite, project.policy, project.drivers, seed=order_seed(suite), offline=False, defer=True
        )  # fmt: skip
    except AssayError as error:
        project.take(of_error(error, "suite"))
        return None


def _opened(project: Project, path: Path) -> tuple[ingest.Chosen, BinarySource]:
    settings = project.suite.settings if project.suite else Settings()
    source = open_source(str(near(path)), settings.limits)
    return ingest.choose_importer(project.drivers, source, project.trace_format), source


def _read(
    project: Project, path: Path, evaluation: Evaluation, observed: Observed, declared: Mapping[str, set[str]]
) -> None:
    before = evaluation.episodes
    try:
        chosen, source = _opened(project, path)
        report = ImportReport()
        for batch in ingest.batches(chosen, source, report):
            evaluation.feed(batch)
            for episode in batch:
                _note(episode, observed, declared)
        if evaluation.episodes == before:
            raise AssayError(code="E_TRACE_EMPTY", message=f"{near(path)} holds no episode")
        project.take(of_notice(notice, "trace") for notice in ingest.notices_of(report))
    except AssayError as error:
        observed.complete = False
        project.take(of_error(error, "trace"))


def _note(episode: Episode, observed: Observed, declared: Mapping[str, set[str]]) -> None:
    if episode.prompt is not None and len(observed.prompts) < _MOST_PROMPTS:
        observed.prompts[episode.prompt] = None
    if len(observed.episode_ids) < _MOST_PROMPTS:
        observed.episode_ids[episode.id] = None
    for call in episode.tool_calls:
        observed.tools[call.tool] += 1
        if call.tool in declared:
            _note_arguments(call, observed.properties.setdefault(call.tool, set()), declared[call.tool])


def _note_arguments(call: ToolCall, seen: set[str], declared: set[str]) -> None:
    if len(seen) >= len(declared):
        return
    try:
        args = call.args
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return
    _walk_value(args, "", seen, declared, 0)


def _declared(project: Project) -> dict[str, set[str]]:
    if project.policy is None:
        return {}
    form = project.policy.form
    return {tool: set(declared_properties(schema, form.schema_defs)) for tool, schema in form.schemas.items()}


def _walk_value(value: JsonValue, pointer: str, seen: set[str], declared: set[str], depth: int) -> None:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            inner = f"{pointer}/{_escaped(key)}"
            if inner in declared:
                seen.add(inner)
                _walk_value(item, inner, seen, declared, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _walk_value(item, f"{pointer}/*", seen, declared, depth + 1)


def _walk_schema(
    schema: JsonValue, defs: Mapping[str, JsonValue], pointer: str, found: dict[str, None], depth: int
) -> None:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/$defs/"):
        _walk_schema(defs.get(reference.removeprefix("#/$defs/")), defs, pointer, found, depth + 1)
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        for name, inner in properties.items():
            if inner is False:  # forbidden: to be absent is what is asked of it
                continue
            found.setdefault(f"{pointer}/{_escaped(name)}")
            _walk_schema(inner, defs, f"{pointer}/{_escaped(name)}", found, depth + 1)
    _walk_schema(schema.get("items"), defs, f"{pointer}/*", found, depth + 1)
    for keyword in ("allOf", "anyOf", "oneOf"):
        branches = schema.get(keyword)
        for branch in branches if isinstance(branches, list) else ():
            _walk_schema(branch, defs, pointer, found, depth + 1)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
