"""The checks of a suite without a run: for commands that prepare what a run will look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import attrs

from assay_core.config import Defaults, discover, load_suite
from assay_core.contracts import PreparedCheck
from assay_core.errors import InputError, UsageError
from assay_core.model import Cache, Episode, JsonValue, Suite
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.run.matching import Matching
from assay_core.run.plan import PlannedTest
from assay_core.run.prepare import make_plan
from assay_core.run.seeds import order_seed

__all__ = ["SuiteChecks", "read_checks"]


@attrs.frozen(kw_only=True)
class SuiteChecks:
    """Some checks of a suite, ready to look at episodes."""

    suite: Suite
    tests: tuple[PlannedTest, ...]

    def of(self, episode: Episode) -> tuple[PreparedCheck, ...]:
        """Return the checks that an episode is for, in the order of the suite."""
        wanted = sorted(set(Matching(self.tests).tests_of(episode)))
        return tuple(check.prepared for at in wanted for check in self.tests[at].checks)


def read_checks(
    path: Path | None,
    types: Collection[str],
    services: Mapping[str, JsonValue],
    *,
    cache: Cache | None = None,
) -> SuiteChecks:
    """Read a suite as a run does, and prepare its checks of these expected types.

    Args:
        path: The suite; None: the one that `assay run` would find here or above.
        types: Which expected types; a suite without any is an error.
        services: What checks are lent, e.g. `{"judge": "openai"}`.
        cache: What checks keep results in, e.g. that of `open_kept_results`; None: one that ends with the process.

    Raises:
        UsageError: E_MISSING_CONFIG where there is none.
        AssayError: what loading the suite and preparing its checks raise; E_NO_CHECKS where none is of these types.
    """
    path = path or discover(Path.cwd()).suite
    if path is None:
        raise UsageError(code="E_MISSING_CONFIG", message="no eval.yaml was found here or above")
    drivers = Drivers(Catalogue.scan(), Defaults.read(Path.cwd()).plugins)
    suite = load_suite(path, drivers=drivers)
    cases = []
    for case in suite.tests:
        kept = tuple(each for each in case.expectations if each.type.partition("@")[0] in types)
        if kept:
            cases.append(attrs.evolve(case, expectations=kept))
    if not cases:
        raise InputError(code="E_NO_CHECKS", message=f"no test of {str(path)!r} is of type {', '.join(sorted(types))}")
    narrowed = drivers.narrowed(suite.plugins)
    plan = make_plan(
        attrs.evolve(suite, tests=tuple(cases)),
        None,
        narrowed,
        seed=order_seed(suite),
        offline=False,
        defer=False,
        services=services,
        cache=cache,
    )
    return SuiteChecks(suite=suite, tests=plan.tests)
