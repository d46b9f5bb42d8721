"""The enforcer keeps its contract, and says of every rule what becomes of it."""

from __future__ import annotations

import pytest
from assay_enforcer_mcp import McpEnforcer

from assay_core.contracts import Enforcer, Machine, Upstream
from assay_core.errors import UsageError
from assay_core.testing import EnforcerContract, make_policy


class TestMcpEnforcer(EnforcerContract):
    @pytest.fixture
    def enforcer(self) -> Enforcer:
        return McpEnforcer()


def test_rules_of_files_are_refused_with_the_reason_and_those_of_tools_are_held() -> None:
    policy = make_policy({"tools": {"deny": ["a"]}, "files": {"allow": ["/srv/"]}})

    plan = {each.rule: each for each in McpEnforcer().plan(policy, Machine(system="linux"))}

    assert plan["tools.deny:a"].status == "enforced"
    assert {each.status for rule, each in plan.items() if rule.startswith("files")} == {"refused"}


def test_only_a_command_can_be_wrapped() -> None:
    with pytest.raises(UsageError) as raised:
        McpEnforcer().enforce(make_policy({"tools": {"deny": ["a"]}}), Upstream(url="http://localhost"), {})

    assert raised.value.code == "E_INVALID_ARGS"
