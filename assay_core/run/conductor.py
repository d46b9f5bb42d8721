"""The one place that knows every step of a run: ingest, evaluate, gate, publish."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping

import attrs

from assay_core.config import load_suite
from assay_core.contracts import BinarySource, ImportReport
from assay_core.errors import AssayError, InputError, PolicyError, UsageError
from assay_core.model import (
    CompiledPolicy,
    JsonValue,
    Notice,
    PolicyNotice,
    RunReport,
    Suite,
)
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.plugins.hooks import Hooks
from assay_core.policy import Policy, load_policy
from assay_core.run import gate, ingest
from assay_core.run.baseline.opening import comparison_notices, loading_notices, open_against
from assay_core.run.baseline.settling import Against
from assay_core.run.clock import Clock
from assay_core.run.evaluate import Evaluated, Evaluation
from assay_core.run.fingerprints import Fingerprints, run_inputs
from assay_core.run.keeping import Keeping
from assay_core.run.plan import Plan
from assay_core.run.pool import Pool
from assay_core.run.prepare import base_dir, make_plan
from assay_core.run.repeating import Repeats
from assay_core.run.reporters import check_reports
from assay_core.run.request import RunRequest
from assay_core.run.run_report import provenance_of, run_report
from assay_core.run.seeds import order_seed
from assay_core.store import PassedBefore
from assay_core.trace import open_source

__all__ = ["Conducted", "conduct", "failed_before"]

Progress = Callable[[int, int], None]  # episodes and tool calls so far


@attrs.define(kw_only=True)
class Conducted:
    """A finished run, before its reports are written."""

    request: RunRequest  # with the report options of the suite
    report: RunReport
    errors: tuple[AssayError, ...]  # what ended the run early or made rows errors, to be shown in full
    drivers: Drivers | None
    hooks: Hooks | None
    clock: Clock
    keeping: Keeping


def conduct(request: RunRequest, *, progress: Progress | None = None) -> Conducted:
    """Carry out a run up to its verdict. Never raises an `AssayError`: the verdict carries it."""
    state = _Run(request, progress)
    try:
        return state.carry_out()
    except AssayError as error:
        return state.ended_by(error)
    except Exception as reason:  # the run's documents are written whatever happens
        if os.environ.get("ASSAY_DEBUG") == "1":
            raise
        return state.ended_by(AssayError(code="E_INTERNAL", message=f"{type(reason).__name__}: {reason}"))


def failed_before(request: RunRequest, error: AssayError) -> Conducted:
    """Return the run that this error kept from beginning."""
    return _Run(request, None).ended_by(error)


class _Run:
    """The state of one run while it is carried out."""

    def __init__(self, request: RunRequest, progress: Progress | None) -> None:
        self.request = request
        self.progress = progress
        self.clock = Clock()
        self.notices: list[Notice] = []
        self.suite: Suite | None = None
        self.policy: Policy | None = None
        self.drivers: Drivers | None = None
        self.hooks: Hooks | None = None
        self.keeping = Keeping()
        self.trace_digest: str | None = None
        self.against: Against | None = None
        self.used: set[str] = set()  # "distribution version" of what had a say in the verdict

    def carry_out(self) -> Conducted:
        """Do every step in turn."""
        request = self.request
        catalogue = Catalogue.scan()
        drivers = self.drivers = Drivers(catalogue, request.plugins)
        suite = self.suite = self._load_suite(drivers)
        self.notices.extend(suite.notices)
        drivers = self.drivers = drivers.narrowed(suite.plugins)
        request = self.request = _with_suite_options(request, suite)
        check_reports(request, drivers)
        against = self.against = open_against(request, suite)
        self.notices.extend(loading_notices(against, suite) if against else ())
        self.hooks = Hooks(drivers.catalogue)
        self.hooks.tell("assay_run_started", suite=suite, command=request.command)
        policy = self.policy = self._load_policy(suite, drivers)
        _find_services(request, drivers)
        self.keeping.begin(request, suite, str(order_seed(suite)), self.hooks)
        cache = self.keeping.cache(request, suite)
        plan = make_plan(
            suite,
            policy,
            drivers,
            seed=order_seed(suite),
            offline=request.deny_network,
            defer=request.command == "validate",
            services=request.services,
            cache=cache,
        )
        self.used.update(check.record.distribution for test in plan.tests for check in test.checks)
        decided_policy = self._decided_policy(suite, policy, plan)
        trace = self._open_trace(suite, drivers)
        inputs = self._inputs(suite, policy, drivers, trace)
        prints = Fingerprints(plan, inputs, base_dir(suite)) if request.command != "validate" else None
        unchanged = self._unchanged(suite, Fingerprints(plan, inputs, base_dir(suite)), trace)
        quarantine = self.keeping.quarantine(request, suite)
        evaluation = Evaluation(
            plan,
            decided_policy,
            settings=suite.settings,
            thresholds=suite.thresholds,
            measure=Pool(workers=suite.settings.parallel, timeout_s=suite.settings.timeout_s).measure,
            clock=self.clock.now,
            quarantine=quarantine,
            unchanged=unchanged,
            repeats=Repeats(times=request.rerun_failures, bypass=cache.bypassed),
            behaviour=request.command != "validate",
            against=against,
        )
        if trace is not None:
            self._stream(evaluation, trace, prints)
        found = prints.by_test() if prints else {}
        _refuse_changed(unchanged, found)
        outcome = evaluation.finish(found)
        self.notices.extend(quarantine.notices([case.id for case in suite.tests], outcome.rows))
        self.hooks.tell("assay_check_finished", rows=outcome.rows)
        return self._finished(outcome, suite)

    def _load_suite(self, drivers: Drivers) -> Suite:
        request = self.request
        if request.suite is not None:
            return load_suite(request.suite, drivers=drivers, lenient=request.lenient, policy=request.policy)
        if request.policy is None:
            raise InputError(code="E_MISSING_CONFIG", message="no eval.yaml and no policy.yaml was found here or above")
        return Suite(name=request.policy.stem, path=None, policy_path=request.policy)

    def _load_policy(self, suite: Suite, drivers: Drivers) -> Policy | None:
        path = self.request.policy or suite.policy_path
        if path is None:
            return None
        policy = load_policy(path, drivers=drivers)
        self.used.update(drivers.record("assay.checks", each.key).distribution for each in policy.form.plugin_sections)
        if self.request.deny_deprecations:
            _refuse_deprecated(policy)
        self.notices.extend(
            Notice(code=notice.code, message=notice.message, place=notice.place) for notice in policy.notices
        )
        return policy

    def _decided_policy(self, suite: Suite, policy: Policy | None, plan: Plan) -> CompiledPolicy | None:
        """Return the policy that episodes are decided against; check that there is a trace where one is due."""
        if self.request.trace is not None:
            if policy is None and not plan.needs_episode:
                raise UsageError(
                    code="E_NO_CHECKS",
                    message="a trace was given, but neither a policy nor any check looks at it",
                )
            return policy
        named = policy is not None and (self.request.policy is not None or not suite.policy_found)
        if named or plan.needs_episode:
            what = "the policy" if named else "a check"
            raise InputError(
                code="E_TRACE_NOT_FOUND", message=f"{what} needs a recorded episode, and no trace was given"
            )
        if policy is not None:
            text = f"{suite.policy_path} was loaded and checked, but there is no trace to decide"
            self.notices.append(Notice(code="W_POLICY_NOT_EVALUATED", message=text))
        return None

    def _open_trace(self, suite: Suite, drivers: Drivers) -> ingest.Trace | None:
        request = self.request
        if request.trace is None:
            return None
        limits = suite.settings.limits
        source = open_source(request.trace, limits)
        chosen = ingest.choose_importer(drivers, source, request.trace_format)
        self.notices.extend(chosen.notices)
        self.used.add(chosen.record.distribution)
        return ingest.Trace(source=source, chosen=chosen)

    def _inputs(
        self, suite: Suite, policy: Policy | None, drivers: Drivers, trace: ingest.Trace | None
    ) -> Mapping[str, JsonValue]:
        importer = trace.chosen.record if trace else None
        return run_inputs(
            suite,
            policy,
            drivers,
            seed=order_seed(suite),
            importer=f"{importer.qualified_name} {importer.distribution}" if importer else "",
            services=self.request.services,
        )

    def _unchanged(self, suite: Suite, prints: Fingerprints, trace: ingest.Trace | None) -> dict[str, PassedBefore]:
        """Return, by id, the tests whose inputs an earlier run passed; reads the whole trace for it."""
        refresh = self.request.cache == "refresh"  # who wants everything anew does not want it skipped
        if not self.request.incremental or refresh:
            return {}
        if trace is not None:
            with self.clock.phase("ingest"):
                for batch in ingest.batches(trace.chosen, trace.source, ImportReport()):
                    prints.feed(batch)
        wanted = prints.by_test()
        known = self.keeping.passed_before(suite, wanted.values())
        found = {test_id: known[each] for test_id, each in wanted.items() if each in known}
        if found:
            text = f"{len(found)} of {len(wanted)} test(s) are skipped: an earlier run passed them with the same inputs"
            self.notices.append(Notice(code="W_INCREMENTAL", message=text))
        return found

    def _stream(self, evaluation: Evaluation, trace: ingest.Trace, prints: Fingerprints | None) -> None:
        request, clock, hooks, source = self.request, self.clock, self.hooks, trace.source
        report = ImportReport()
        batches = ingest.batches(trace.chosen, source, report)
        while True:
            with clock.phase("ingest"):
                batch = next(batches, None)
            if batch is None:
                break
            if hooks is not None and hooks.listening:
                hooks.tell("assay_episode_imported", episodes=batch)
            with clock.phase("eval"):
                evaluation.feed(batch)
                if prints is not None:
                    prints.feed(batch)
                self.keeping.keep_episodes(batch)
            if self.progress:
                self.progress(evaluation.episodes, evaluation.tool_calls)
            if not evaluation.wants_more:
                if prints is not None:
                    prints.abandon()
                break
        if not evaluation.episodes:
            raise InputError(code="E_TRACE_EMPTY", message=f"{source.name} holds no episode")
        self.notices.extend(ingest.notices_of(report))
        if request.command != "validate":
            self.trace_digest = _file_digest(source)

    def _finished(self, outcome: Evaluated, suite: Suite) -> Conducted:
        self.notices.extend(outcome.notices)
        self.notices.extend(comparison_notices(outcome.baseline) if outcome.baseline else ())
        if self.hooks is not None:
            self.notices.extend(self.hooks.notices)
        block = suite.thresholds.block_on_warn
        verdict = gate.decide(outcome, strict=self.request.strict, block_on_warn=block, notices=self.notices)
        lost = self.keeping.error
        if lost is not None and not verdict.exit_code:
            verdict = gate.of_error(lost)
        return self._conducted(verdict, outcome, (*outcome.faults, *((lost,) if lost else ())))

    def ended_by(self, error: AssayError) -> Conducted:
        """Return the run as this error left it."""
        return self._conducted(gate.of_error(error), None, (error,))

    def _conducted(self, verdict: gate.Verdict, outcome: Evaluated | None, errors: tuple[AssayError, ...]) -> Conducted:
        report = run_report(
            verdict,
            outcome,
            request=self.request,
            suite=self.suite,
            policy=self.policy,
            provenance=provenance_of(
                self.suite,
                self.policy,
                trace_digest=self.trace_digest,
                baseline_digest=self.against.baseline.digest if self.against else None,
                plugins=self.used,
            ),
            performance=self.clock.performance(),
            notices=(*self.notices, *self.keeping.notices),
            run_id=self.keeping.run_id if self.clock.now else 0,
        )
        return Conducted(
            request=self.request,
            report=report,
            errors=errors,
            drivers=self.drivers,
            hooks=self.hooks,
            clock=self.clock,
            keeping=self.keeping,
        )


def _find_services(request: RunRequest, drivers: Drivers) -> None:
    """Refuse a service that was named and is not installed, also where no check would have asked for it."""
    for key, group in (("embedder", "assay.embedders"), ("judge", "assay.judges")):
        name = request.services.get(key)
        if isinstance(name, str) and name != "none":
            drivers.record(group, name)


def _with_suite_options(request: RunRequest, suite: Suite) -> RunRequest:
    """Add the report options of the suite; those of the command line win, key by key."""
    merged: dict[str, dict[str, JsonValue]] = {}
    for options in (suite.reporters, request.report_options):
        for name, values in options.items():
            if isinstance(values, Mapping):
                merged.setdefault(name, {}).update(values)
    return attrs.evolve(request, report_options=merged)


def _refuse_deprecated(policy: CompiledPolicy) -> None:
    old: list[PolicyNotice] = [notice for notice in policy.notices if notice.code == "W_POLICY_MIGRATED"]
    if old:
        raise PolicyError(
            code="E_POLICY_DEPRECATED",
            message=f"--deny-deprecations: {old[0].message}",
            place=old[0].place,
            remedy="run `assay policy migrate`",
        )


def _refuse_changed(unchanged: Mapping[str, PassedBefore], found: Mapping[str, str]) -> None:
    """The trace is read twice for `--incremental`: what was skipped must be what was read."""
    for test_id, before in unchanged.items():
        if found.get(test_id, before.fingerprint) != before.fingerprint:
            raise InputError(code="E_TRACE_INVALID", message="the trace changed while it was read")


def _file_digest(source: BinarySource) -> str:
    digest = hashlib.sha256()
    with source.open() as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"
