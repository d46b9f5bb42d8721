"""The enforcer keeps its contract, and starts nothing it cannot hold."""

from __future__ import annotations

import pytest
from assay_enforcer_example import ExampleEnforcer

from assay_core.contracts import Command, Enforcer
from assay_core.errors import UsageError
from assay_core.testing import EnforcerContract, make_policy


class TestExampleEnforcer(EnforcerContract):
    @pytest.fixture
    def enforcer(self) -> Enforcer:
        return ExampleEnforcer()


def test_starts_nothing() -> None:
    policy = make_policy({"tools": {"deny": ["a"]}})

    with pytest.raises(UsageError):
        ExampleEnforcer().enforce(policy, Command(argv=("true",)), {})
