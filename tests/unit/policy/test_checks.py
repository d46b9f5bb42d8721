"""Sections that check plugins own, with distributions found by the real discovery."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay_core.errors import AssayError, Place, PluginFault, PolicyError
from assay_core.model import Episode, PluginRules, ToolCall
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.drivers import Drivers
from assay_core.policy import Policy, PolicyForm, compile_form
from assay_core.policy.form import PluginSection
from assay_core.testing import fake_dist

SOURCE = '''
import attrs
from assay_core.errors import PolicyError
from assay_core.model import Rule, Violation


@attrs.frozen(kw_only=True)
class Options:
    words: tuple[str, ...] = ()


class Compiled:
    """Denies a call that names one of the words twice in a row; owes a call of `bye` at the end."""

    def __init__(self, key, words):
        self.key, self.words = key, words
        self.rules = (
            Rule(id=f"{key}:words", section=key, text="no word", reason="because"),
            Rule(id=f"{key}:bye", section=key, text="say bye", severity="warn"),
        )

    def start(self):
        return ("", False)

    def decide(self, call, state):
        if call.tool == "crash":
            raise ValueError("no")
        if call.tool == "leave":
            raise SystemExit(0)
        if call.tool in BROKEN:
            return BROKEN[call.tool](f"{self.key}:words")
        if call.tool == "undeclared":
            return (Violation(rule="else", code="E_ACME", message="x"),)
        if call.tool in self.words and state[0] == call.tool:
            return (Violation(rule=f"{self.key}:words", code="E_ACME", message="word", severity="deny"),)
        return ()

    def commit(self, call, state):
        return (call.tool, state[1] or call.tool == "bye")

    def on_response(self, call, state):
        if b"leak" in (call.result_json or b""):
            return (Violation(rule=f"{self.key}:words", code="E_ACME", message="leak"),)
        return BROKEN.get(call.tool, lambda rule: ())(None)

    def finish(self, state):
        if state[0] == "end":
            return None
        owed = Violation(rule=f"{self.key}:bye", code="E_ACME_BYE", message="bye", severity="warn")
        return () if state[1] else (owed,)


BROKEN = {
    "none": lambda rule: None,
    "false": lambda rule: False,
    "zero": lambda rule: 0,
    "text": lambda rule: "",
    "mapping": lambda rule: {},
    "generator": lambda rule: (each for each in ()),
    "severity": lambda rule: [Violation(rule=rule, code="E_ACME", message="x", severity="block")],
    "severity-none": lambda rule: [Violation(rule=rule, code="E_ACME", message="x", severity=None)],
    "code": lambda rule: [Violation(rule=rule, code=7, message="x")],
    "no-code": lambda rule: [Violation(rule=rule, code="", message="x")],
    "message": lambda rule: [Violation(rule=rule, code="E_ACME", message=b"x")],
    "antecedent": lambda rule: [Violation(rule=rule, code="E_ACME", message="x", antecedent="1")],
    "unhashable": lambda rule: [Violation(rule=[], code="E_ACME", message="x")],
    "bare": lambda rule: Violation(rule=rule, code="E_ACME", message="x"),
}
BROKEN_RULES = {
    "rules-of-texts": ("acme.a:words",),
    "rules-of-severity": (Rule(id="acme.a:words", section="acme.a", text="x", severity="block"),),
    "rules-without-id": (Rule(id=None, section="acme.a", text="x"),),
    "rules-none": None,
}


class Check:
    keys = {"acme.b": Options, "acme.a": None}
    codes = ()

    def compile(self, section, context):
        if section == "crash":
            raise RuntimeError("boom")
        if section == "refuse":
            raise PolicyError(code="E_CFG_VACUOUS", message="nothing to refuse")
        if isinstance(section, str) and section in BROKEN_RULES:
            compiled = Compiled("acme.a", [])
            compiled.rules = BROKEN_RULES[section]
            return compiled
        words = section.words if isinstance(section, Options) else section
        return Compiled("acme.b" if isinstance(section, Options) else "acme.a", words)
'''


@pytest.fixture
def drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drivers]:
    entries = {"assay.checks": {"acme.a": "acme_check:Check", "acme.b": "acme_check:Check"}}
    fake_dist(tmp_path, "acme-check", entries, {"acme_check": SOURCE}, version="1.2")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("ASSAY_PLUGINS", raising=False)
    yield Drivers(Catalogue.scan([str(tmp_path)]))
    sys.modules.pop("acme_check", None)


def with_sections(drivers: Drivers, **sections: Any) -> Policy:
    plain = tuple(
        PluginSection(key=key.replace("_", "."), value=value, place=Place("policy.yaml", 7, 1))
        for key, value in sections.items()
    )
    form = PolicyForm(file="policy.yaml", unconstrained_tools="allow", plugin_sections=plain)
    return compile_form(form, digest="sha256:0", drivers=drivers)


def episode(*tools: str, complete: bool = True) -> Episode:
    return Episode(id="e", events=tuple(ToolCall.of(tool) for tool in tools), complete=complete)


def test_check_denies_by_its_own_code_and_state(drivers: Drivers) -> None:
    policy = with_sections(drivers, acme_b={"words": ["x"]})

    verdict = policy.judge(episode("x", "y", "x", "x", "bye"))

    (denied,) = verdict.decisions
    assert (denied.call_index, denied.decision.code, denied.decision.rule) == (3, "E_ACME", "acme.b:words")
    assert denied.decision.reason == "because"
    assert verdict.closing == ()
    states = {each.rule: each.state for each in verdict.outcomes}
    assert (states["acme.b:words"], states["acme.b:bye"]) == ("violated", "held")


def test_check_settles_at_the_end_of_complete_episodes_only(drivers: Drivers) -> None:
    policy = with_sections(drivers, acme_a=[])

    ended, cut = policy.judge(episode("y")), policy.judge(episode("y", complete=False))

    assert [(each.rule, each.severity) for each in ended.closing] == [("acme.a:bye", "warn")]
    assert cut.closing == ()


def test_checks_are_asked_in_the_order_of_their_keys(drivers: Drivers) -> None:
    policy = with_sections(drivers, acme_b={"words": ["x"]}, acme_a=["x"])
    session = policy.session()
    session.commit(ToolCall.of("x"), policy.decide(ToolCall.of("x"), session))

    decision = policy.decide(ToolCall.of("x"), session)

    assert [each.rule for each in decision.violations] == ["acme.a:words", "acme.b:words"]


def test_forks_of_a_session_keep_the_states_of_checks_apart(drivers: Drivers) -> None:
    policy = with_sections(drivers, acme_a=["x"])
    session = policy.session()
    fork = session.fork()
    fork.commit(ToolCall.of("x"), policy.decide(ToolCall.of("x"), fork))

    assert policy.decide(ToolCall.of("x"), session).verdict == "allow"
    assert policy.decide(ToolCall.of("x"), fork).verdict == "deny"


def test_check_sees_responses(drivers: Drivers) -> None:
    policy = with_sections(drivers, acme_a=[])

    assert policy.decide_response(ToolCall.of("t"), b'"leak"', policy.session()).rule == "acme.a:words"


@pytest.mark.parametrize(("tool", "named"), [("crash", "ValueError"), ("leave", "SystemExit"), ("undeclared", "else")])
def test_check_that_breaks_its_contract_is_a_fault_that_names_it(drivers: Drivers, tool: str, named: str) -> None:
    policy = with_sections(drivers, acme_a=[])

    with pytest.raises(PluginFault, match=named) as caught:
        policy.judge(episode(tool))

    assert (caught.value.distribution, caught.value.stage) == ("acme-check 1.2", "check acme.a: decide")


WRONG_ANSWERS = [
    "none", "false", "zero", "text", "mapping", "generator", "severity", "severity-none", "code", "no-code", "message",
    "antecedent", "unhashable", "bare",
]  # fmt: skip


@pytest.mark.parametrize("tool", WRONG_ANSWERS)
def test_check_that_returns_no_findings_is_a_fault_and_not_an_allow(drivers: Drivers, tool: str) -> None:
    policy = with_sections(drivers, acme_a=[])

    with pytest.raises(PluginFault) as caught:
        policy.judge(episode(tool))
    assert caught.value.stage == "check acme.a: decide"

    with pytest.raises(PluginFault) as caught:
        policy.decide_response(ToolCall.of(tool), b"1", policy.session())
    assert caught.value.stage == "check acme.a: on_response"


def test_check_that_settles_nothing_at_the_end_is_a_fault(drivers: Drivers) -> None:
    with pytest.raises(PluginFault, match="NoneType") as caught:
        with_sections(drivers, acme_a=[]).judge(episode("end"))

    assert caught.value.stage == "check acme.a: finish"


@pytest.mark.parametrize("section", ["rules-of-texts", "rules-of-severity", "rules-without-id", "rules-none"])
def test_check_whose_rules_are_none_is_a_fault(drivers: Drivers, section: str) -> None:
    with pytest.raises(PluginFault) as caught:
        with_sections(drivers, acme_a=section)

    assert caught.value.stage == "check acme.a: compile"


def test_section_that_crashes_its_check_is_a_fault(drivers: Drivers) -> None:
    with pytest.raises(PluginFault, match="boom"):
        with_sections(drivers, acme_a="crash")


def test_what_a_check_says_of_its_section_gets_the_sections_place(drivers: Drivers) -> None:
    with pytest.raises(PolicyError) as caught:
        with_sections(drivers, acme_a="refuse")

    assert (caught.value.code, caught.value.place) == ("E_CFG_VACUOUS", Place("policy.yaml", 7, 1))


def test_misspelt_key_of_a_section_is_an_error_with_a_suggestion(drivers: Drivers) -> None:
    with pytest.raises(PolicyError, match=r"acme\.b\.wrods") as caught:
        with_sections(drivers, acme_b={"wrods": []})

    assert (caught.value.code, caught.value.remedy) == ("E_POLICY_PARSE", "did you mean 'words'?")


def test_missing_check_is_not_a_weaker_policy(drivers: Drivers) -> None:
    with pytest.raises(AssayError) as caught:
        with_sections(drivers, acme_c={})

    assert (caught.value.code, caught.value.place) == ("E_PLUGIN_MISSING", Place("policy.yaml", 7, 1))


def test_denied_check_is_not_a_weaker_policy_either(drivers: Drivers) -> None:
    with pytest.raises(AssayError) as caught:
        with_sections(drivers.narrowed(PluginRules(deny=("acme-check",))), acme_a=[])

    assert caught.value.code == "E_PLUGIN_DENIED"
