"""The contract of enforcers, as tests to inherit."""

from __future__ import annotations

from typing import ClassVar

import pytest

from assay_core.contracts import Enforcer, Machine, RuleStatus
from assay_core.model import CompiledPolicy
from assay_core.testing.contract import PluginContract
from assay_core.testing.factories import make_policy

__all__ = ["EnforcerContract"]

_MACHINES = (
    Machine(system="linux", kernel="6.8.0", features=frozenset({"landlock", "bpf-lsm"})),
    Machine(system="linux"),
    Machine(system="darwin"),
    Machine(system="\x1b[31m", kernel="x" * 1000, features=frozenset({""})),
)


class EnforcerContract(PluginContract):
    """Supply the fixture `enforcer`; override `policy` with one that has rules of every kind it knows.

    The kit never calls `enforce`, which would start programs: test it yourself, on a real target.
    """

    group: ClassVar[str] = "assay.enforcers"
    driver_fixture: ClassVar[str] = "enforcer"

    @pytest.fixture
    def enforcer(self) -> Enforcer:
        """The enforcer under test."""
        raise NotImplementedError("write a fixture `enforcer` that returns your enforcer")

    @pytest.fixture
    def policy(self) -> CompiledPolicy:
        """A policy with rules about tools, sequences, files and the network."""
        return make_policy(
            {
                "tools": {"allow": ["read_file"], "deny": ["*_secret"]},
                "sequences": [{"type": "max_calls", "tool": "read_file", "max": 2}],
                "files": {"allow": ["/workspace/**"], "deny": ["**/*.pem"]},
                "network": {"allow": ["example.org:443"]},
            }
        )

    @pytest.fixture(params=range(len(_MACHINES)))
    def machine(self, request: pytest.FixtureRequest) -> Machine:
        """Machines that can do much, little and nothing known."""
        return _MACHINES[request.param]

    def test_plan_has_exactly_one_status_per_rule(
        self, enforcer: Enforcer, policy: CompiledPolicy, machine: Machine
    ) -> None:
        """Nothing goes unsaid, on any machine."""
        plan = enforcer.plan(policy, machine)

        assert sorted(each.rule for each in plan) == sorted(rule.id for rule in policy.rules)

    def test_statuses_are_known_and_say_why(self, enforcer: Enforcer, policy: CompiledPolicy, machine: Machine) -> None:
        """What is not enforced has a reason."""
        for status in enforcer.plan(policy, machine):
            assert isinstance(status, RuleStatus)
            assert status.status in ("enforced", "observed", "refused")
            assert status.reason or status.status == "enforced"

    def test_plan_is_the_same_twice_and_changes_nothing(
        self, enforcer: Enforcer, policy: CompiledPolicy, machine: Machine
    ) -> None:
        """Planning is free of side effects on the policy."""
        digest = policy.digest

        assert list(enforcer.plan(policy, machine)) == list(enforcer.plan(policy, machine))
        assert policy.digest == digest

    def test_a_policy_without_rules_plans_nothing(self, enforcer: Enforcer, machine: Machine) -> None:
        """An empty plan, not an error."""
        policy = make_policy({"tools": {"deny": ["*"]}})

        assert len(enforcer.plan(policy, machine)) == len(policy.rules)
