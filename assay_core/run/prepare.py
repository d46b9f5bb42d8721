"""From a suite to a plan: every expectation gets its metric, checked and ready."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assay_core.cache import RunCache
from assay_core.contracts import CheckContext, Metric
from assay_core.errors import AssayError, PluginFault, UsageError
from assay_core.model import Cache, CompiledPolicy, Expectation, JsonValue, Suite, TestCase
from assay_core.plugins import guard
from assay_core.plugins.drivers import Drivers
from assay_core.run.plan import Plan, PlannedCheck, PlannedTest

__all__ = ["base_dir", "make_plan"]

GROUP = "assay.metrics"


def base_dir(suite: Suite) -> Path:
    """Return the folder in which the relative paths of a suite start."""
    return suite.path.parent if suite.path else Path.cwd()


def make_plan(
    suite: Suite,
    policy: CompiledPolicy | None,
    drivers: Drivers,
    *,
    seed: int,
    offline: bool,
    defer: bool,
    services: Mapping[str, JsonValue] | None = None,
    cache: Cache | None = None,
) -> Plan:
    """Prepare every check of the suite.

    Args:
        suite: The checked suite.
        policy: The policy of the run, for metrics that ask for it.
        drivers: Where metrics come from.
        seed: The seed of the run.
        offline: Refuse metrics that need the network.
        defer: Leave metrics that need a network or a model to another command.
        services: What was chosen for this run: an embedder, a judge.
        cache: What checks keep results in; None: one that ends with the run.

    Raises:
        AssayError: the first thing that is wrong, with all others in its `others`.
    """
    context = CheckContext(
        base_dir=base_dir(suite),
        seed=seed,
        cache=RunCache() if cache is None else cache,
        driver=drivers.load,
        policy=policy,
        offline=offline,
        defers=defer,
        services=dict(services or {}),
        settings=suite.settings,
    )
    errors: list[AssayError] = []
    tests = []
    for case in suite.tests:
        checks: list[PlannedCheck] = []
        deferred: list[str] = []
        for expectation in case.expectations:
            try:
                planned = _planned(expectation, context, drivers, offline=offline, defer=defer)
            except PluginFault:
                raise
            except AssayError as error:
                errors.append(_placed(error, case, expectation))
                continue
            if planned is None:
                deferred.append(expectation.type)
            else:
                checks.append(planned)
        tests.append(PlannedTest(case=case, checks=tuple(checks), deferred=tuple(deferred)))
    if errors:
        first = errors[0]
        first.others = (*first.others, *errors[1:])
        raise first
    return Plan(tests=tuple(tests))


def _planned(
    expectation: Expectation, context: CheckContext, drivers: Drivers, *, offline: bool, defer: bool
) -> PlannedCheck | None:
    record = drivers.record(GROUP, expectation.type)
    metric: Metric = drivers.load(GROUP, expectation.type)  # type: ignore[assignment]  # drivers checks the contract
    if defer and metric.needs:
        return None
    if offline and "network" in metric.needs:
        raise UsageError(
            code="E_NEEDS_NETWORK",
            message=f"`{expectation.type}` needs the network, which this run denies",
            place=expectation.place,
        )
    with guard.stage(record, f"metric {expectation.type}: prepare"):
        prepared = metric.prepare(expectation, context)
    return PlannedCheck(
        expectation=expectation,
        prepared=prepared,
        record=record,
        needs_episode=metric.needs_episode,
        blocking=bool(getattr(prepared, "blocking", metric.blocking)),
        pure=bool(metric.pure),
    )


def _placed(error: AssayError, case: TestCase, expectation: Expectation) -> AssayError:
    """Give an error the place of the expectation where it has none of its own, and name the test."""
    error.place = error.place or expectation.place
    if case.id not in error.message:
        error.message = f"test {case.id!r}: {error.message}"
        error.args = (error.message,)
    return error
