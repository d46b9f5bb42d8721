"""The check keeps the contract of policy checks, and a policy that names its key gets it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from assay_check_secrets import SecretsCheck, SecretsOptions
from assay_check_secrets.kinds import KINDS

from assay_core.convert import key_names
from assay_core.errors import AssayError
from assay_core.model import JsonValue, ToolCall
from assay_core.policy import load_policy
from assay_core.testing import PolicyCheckContract, make_call, make_episode

GITHUB = "gh" + "p_" + "a1B2" * 9


class TestSecretsCheck(PolicyCheckContract):
    """The kit adds: well-formed codes and rules, purity, state as a value, hostile calls, import weight."""

    @pytest.fixture
    def check(self) -> SecretsCheck:
        return SecretsCheck()

    @pytest.fixture
    def section(self) -> Mapping[str, JsonValue]:
        return {"secrets": {"block": ["aws", "github", "private_key"], "responses": True}}

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        return [
            {"secrets": {"block": []}},
            {"secrets": {"block": ["aws"], "tools": []}},
            {"secrets": {"block": ["aws"], "exclude_tools": ["*"]}},
        ]

    @pytest.fixture
    def violating_call(self) -> ToolCall:
        return make_call("send", {"body": f"token {GITHUB}"})

    @pytest.fixture
    def clean_call(self) -> ToolCall:
        return make_call("send", {"body": "hello"})


def test_a_policy_that_names_the_key_refuses_the_call_and_says_the_rest_held() -> None:
    policy = load_policy({"version": "2.0", "secrets": {"block": ["aws", "github"]}})

    verdict = policy.judge(make_episode(make_call("send", {"x": 1}), make_call("send", {"body": GITHUB})))

    assert [(each.call_index, each.decision.code) for each in verdict.decisions if each.decision.verdict == "deny"] == [
        (1, "E_SECRET_IN_ARGS")
    ]
    states = {each.rule: each.state for each in verdict.outcomes}
    assert states["secrets:github"] == "violated"
    assert states["secrets:aws"] == "held"


@pytest.mark.parametrize("section", [{"block": ["githb"]}, {"blocks": ["aws"]}, {"block": "aws"}, {}])
def test_a_wrong_section_does_not_load(section: Mapping[str, JsonValue]) -> None:
    with pytest.raises(AssayError) as caught:
        load_policy({"version": "2.0", "secrets": section})

    assert caught.value.code == "E_POLICY_PARSE"
    assert "secrets" in caught.value.message


def test_the_readme_shows_the_finding_as_it_is() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    policy = load_policy({"version": "2.0", "secrets": {"block": ["aws", "github", "private_key"]}})
    call = make_call("send_mail", {"body": f"here is the token: {GITHUB}"})

    message = next(each for each in policy.decide(call, policy.session()).violations if each.severity == "deny").message

    assert f"error[E_SECRET_IN_ARGS]: {message} (rule secrets:github" in readme


def test_the_readme_lists_every_kind_option_and_code() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    names = {*KINDS, *(code.code for code in SecretsCheck.codes), *key_names(SecretsOptions)}

    assert {name for name in names if f"| `{name}` |" not in readme} == set()
