"""What a run is going to check: tests joined with their prepared checks."""

from __future__ import annotations

import attrs

from assay_core.contracts import PreparedCheck
from assay_core.model import Expectation, TestCase
from assay_core.plugins.record import PluginRecord

__all__ = ["Plan", "PlannedCheck", "PlannedTest"]


@attrs.frozen(kw_only=True)
class PlannedCheck:
    """One expectation, ready to measure."""

    expectation: Expectation
    prepared: PreparedCheck
    record: PluginRecord  # who to name when it breaks
    needs_episode: bool
    blocking: bool
    pure: bool = True  # False: measured again, it may say something else

    @property
    def stage(self) -> str:
        """What a fault message says was being done."""
        return f"metric {self.expectation.type}: measure"


@attrs.frozen(kw_only=True)
class PlannedTest:
    """One test and its checks. `deferred` names the types that this command leaves to `assay run`."""

    case: TestCase
    checks: tuple[PlannedCheck, ...]
    deferred: tuple[str, ...] = ()

    @property
    def needs_episode(self) -> bool:
        """Whether the test is about recorded behaviour at all."""
        return any(check.needs_episode for check in self.checks)


@attrs.frozen(kw_only=True)
class Plan:
    """Every test of a run, in the order of the suite."""

    tests: tuple[PlannedTest, ...]

    @property
    def needs_episode(self) -> bool:
        """Whether some check needs a trace."""
        return any(test.needs_episode for test in self.tests)
