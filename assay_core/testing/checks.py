"""The contract of policy checks, as tests to inherit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import attrs
import pytest

from assay_core.contracts import CheckContext, CompiledCheck, PolicyCheck
from assay_core.convert import structure
from assay_core.errors import AssayError, find_code
from assay_core.model import JsonValue, ToolCall, Violation
from assay_core.testing.contract import PluginContract
from assay_core.testing.factories import make_context
from assay_core.testing.hostile import hostile_calls

__all__ = ["PolicyCheckContract", "section_of"]


def section_of(check: PolicyCheck, key: str, value: JsonValue) -> object:
    """Return a section as the core hands it over: structured where the check names a class for its key."""
    kind = check.keys[key]
    return value if kind is None else structure(value, kind)


class PolicyCheckContract(PluginContract):
    """Supply the fixtures `check`, `section`, `vacuous`, `violating_call` and `clean_call`.

    `section` maps one key of the check to a valid section, as written in policy.yaml; `vacuous` is a list of such
    mappings that could refuse nothing. The section denies `violating_call` and lets `clean_call` through.
    """

    group: ClassVar[str] = "assay.checks"
    driver_fixture: ClassVar[str] = "check"

    @pytest.fixture
    def check(self) -> PolicyCheck:
        """The check under test."""
        raise NotImplementedError("write a fixture `check` that returns your policy check")

    @pytest.fixture
    def section(self) -> Mapping[str, JsonValue]:
        """One key and its section, as written in policy.yaml."""
        raise NotImplementedError("write a fixture `section` that returns {key: section}")

    @pytest.fixture
    def vacuous(self) -> Sequence[Mapping[str, JsonValue]]:
        """Sections that could never refuse anything."""
        raise NotImplementedError("write a fixture `vacuous`; return [] if no such section can be written")

    @pytest.fixture
    def violating_call(self) -> ToolCall:
        """A call that the section refuses."""
        raise NotImplementedError("write a fixture `violating_call`")

    @pytest.fixture
    def clean_call(self) -> ToolCall:
        """A call that the section lets through."""
        raise NotImplementedError("write a fixture `clean_call`")

    @pytest.fixture
    def context(self) -> CheckContext:
        """What the core lends to the check."""
        return make_context()

    @pytest.fixture
    def compiled(self, check: PolicyCheck, section: Mapping[str, JsonValue], context: CheckContext) -> CompiledCheck:
        """The compiled section."""
        ((key, value),) = section.items()
        return check.compile(section_of(check, key, value), context)

    def test_keys_and_codes_are_well_formed(self, check: PolicyCheck) -> None:
        """Sections are attrs classes or raw values; codes are decision codes with a remedy, and shadow no other."""
        assert check.keys
        assert all(kind is None or attrs.has(kind) for kind in check.keys.values())
        for code in check.codes:
            assert code.code.startswith("E_")
            assert (code.scope, code.exit_code) == ("decision", 1)
            assert code.cause
            assert code.remedy
            assert find_code(code.code, "decision") is None, f"{code.code} is a code of the core"

    def test_rules_have_distinct_identities(self, compiled: CompiledCheck) -> None:
        """Reports tell rules apart by id; two compilations give the same ones."""
        assert compiled.rules
        assert len({rule.id for rule in compiled.rules}) == len(compiled.rules)
        assert all(rule.id and rule.section and rule.text for rule in compiled.rules)

    def test_the_violating_call_is_refused_and_the_clean_one_is_not(
        self, check: PolicyCheck, compiled: CompiledCheck, violating_call: ToolCall, clean_call: ToolCall
    ) -> None:
        """By a rule of this section, under a registered code, with a message."""
        violations = compiled.decide(violating_call, compiled.start())

        assert violations
        assert not compiled.decide(clean_call, compiled.start())
        for violation in violations:
            _check_violation(violation, check, compiled)

    def test_deciding_is_pure(self, compiled: CompiledCheck, violating_call: ToolCall, clean_call: ToolCall) -> None:
        """The same call in the same state gets the same answer, and asking changes nothing."""
        state = compiled.start()
        first = list(compiled.decide(violating_call, state))
        compiled.decide(clean_call, state)

        assert list(compiled.decide(violating_call, state)) == first
        assert list(compiled.decide(violating_call, compiled.start())) == first

    def test_state_is_a_value(self, compiled: CompiledCheck, violating_call: ToolCall, clean_call: ToolCall) -> None:
        """Committing gives a new state and leaves the old one as it was: a fork of a session is free."""
        old = compiled.start()
        before = [list(compiled.decide(call, old)) for call in (violating_call, clean_call)]
        new = compiled.commit(clean_call, old)
        compiled.commit(violating_call, new)

        assert [list(compiled.decide(call, old)) for call in (violating_call, clean_call)] == before
        assert list(compiled.finish(old)) == list(compiled.finish(old))

    def test_hostile_calls_are_decided_or_refused_on_purpose(self, compiled: CompiledCheck) -> None:
        """Arguments may be anything that JSON can say, or missing."""
        state = compiled.start()
        for call in hostile_calls():
            try:
                compiled.decide(call, state)
                compiled.on_response(call, state)
                state = compiled.commit(call, state)
            except AssayError as error:
                assert error.code.startswith("E_")  # noqa: PT017 - both endings are right
        compiled.finish(state)

    def test_a_section_that_can_refuse_nothing_is_refused(
        self, check: PolicyCheck, vacuous: Sequence[Mapping[str, JsonValue]], context: CheckContext
    ) -> None:
        """An empty control must not look like one that holds."""
        for section in vacuous:
            ((key, value),) = section.items()
            with pytest.raises(AssayError) as caught:
                check.compile(section_of(check, key, value), context)
            assert caught.value.code in ("E_CFG_VACUOUS", "E_POLICY_PARSE")


def _check_violation(violation: Violation, check: PolicyCheck, compiled: CompiledCheck) -> None:
    assert violation.rule in {rule.id for rule in compiled.rules}
    known = find_code(violation.code, "decision") is not None
    assert known or violation.code in {code.code for code in check.codes}
    assert violation.message
    assert violation.pointer == "" or violation.pointer.startswith("/")
