"""The sections of a policy that check plugins own: loading the plugins, and asking them behind the guard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import attrs

from assay_core.contracts import CheckContext, CompiledCheck, PolicyCheck
from assay_core.convert import StructureError, structure
from assay_core.errors import AssayError, PluginFault, PolicyError
from assay_core.model import Rule, ToolCall, Violation
from assay_core.policy.form import PluginSection

if TYPE_CHECKING:
    from assay_core.plugins.drivers import Drivers
    from assay_core.plugins.record import PluginRecord

__all__ = ["GuardedCheck", "load_checks"]

T = TypeVar("T")
_GROUP = "assay.checks"
_SEVERITIES = ("warn", "deny")
_MAX_SHOWN = 100  # characters of a plugin's value in a message


@attrs.frozen(kw_only=True)
class GuardedCheck:
    """A compiled section of a check plugin. What it raises becomes a fault that names its distribution."""

    key: str
    record: PluginRecord
    check: CompiledCheck
    rules: tuple[Rule, ...]

    def start(self) -> object:
        """Return the check's state at the start of an episode."""
        return self._ask("start", self.check.start)

    def decide(self, call: ToolCall, state: object) -> tuple[Violation, ...]:
        """Return what the check finds in a candidate."""
        return self._known("decide", self._ask("decide", lambda: self.check.decide(call, state)))

    def commit(self, call: ToolCall, state: object) -> object:
        """Return the check's state after a call ran."""
        return self._ask("commit", lambda: self.check.commit(call, state))

    def on_response(self, call: ToolCall, state: object) -> tuple[Violation, ...]:
        """Return what the check finds in a tool's answer."""
        return self._known("on_response", self._ask("on_response", lambda: self.check.on_response(call, state)))

    def finish(self, state: object) -> tuple[Violation, ...]:
        """Return what the check finds at the end of a complete episode."""
        return self._known("finish", self._ask("finish", lambda: self.check.finish(state)))

    def _ask(self, what: str, question: Callable[[], T]) -> T:
        try:
            return question()
        except AssayError:
            raise
        except BaseException as error:
            from assay_core.plugins.guard import stage

            with stage(self.record, f"check {self.key}: {what}"):
                raise error from None
            raise  # the guard lets through what is not the plugin's doing

    def _known(self, what: str, found: object) -> tuple[Violation, ...]:
        """Refuse what is no list of findings, and a finding under a rule that the check never declared.

        The types alone do not tell: nothing checks them where a plugin makes its findings, and a finding of an
        unknown severity would let the call through.
        """
        if not isinstance(found, Sequence) or isinstance(found, (str, bytes, bytearray)):
            raise self.fault(what, f"returned {type(found).__name__}, which is no tuple of findings")
        returned: tuple[object, ...] = self._ask(what, lambda: tuple(found))
        if not returned:
            return ()
        known: list[Violation] = []
        declared = [rule.id for rule in self.rules]  # a list: what is looked for need not be hashable
        for violation in returned:
            if not isinstance(violation, Violation) or violation.rule not in declared:
                named = getattr(violation, "rule", violation)
                raise self.fault(what, f"found {_short(named)}, which is none of its rules")
            if problem := _wrong_field(violation):
                raise self.fault(what, f"found a violation of {violation.rule!r} with {problem}")
            known.append(violation)
        return tuple(known)

    def fault(self, what: str, text: str) -> PluginFault:
        """Return the error of a check that does not keep its contract."""
        return PluginFault(
            message=f"{self.record.distribution} {text}",
            distribution=self.record.distribution,
            stage=f"check {self.key}: {what}",
        )


def _wrong_field(violation: Violation) -> str:
    """Return what is wrong with a finding of a plugin, "" for nothing."""
    for name in ("rule", "code", "message", "severity", "pointer", "keyword"):
        value: object = getattr(violation, name)
        if not isinstance(value, str):
            return f"the {name} {_short(value)}, which is no text"
    if not violation.code:
        return "no code"
    if violation.severity not in _SEVERITIES:
        return f"the severity {_short(violation.severity)}, which is none of {', '.join(_SEVERITIES)}"
    antecedent: object = violation.antecedent
    if antecedent is not None and type(antecedent) is not int:
        return f"the antecedent {_short(antecedent)}, which is no index of a call"
    return ""


def _wrong_rules(rules: Sequence[object]) -> str:
    """Return what is wrong with the rules that a plugin declares, "" for nothing."""
    for rule in rules:
        if not isinstance(rule, Rule):
            return f"declares {_short(rule)}, which is no rule"
        for name in ("id", "section", "text", "severity", "reason", "decided_by"):
            value: object = getattr(rule, name)
            if not isinstance(value, str):
                return f"declares a rule with the {name} {_short(value)}, which is no text"
        if not rule.id or rule.severity not in _SEVERITIES:
            return f"declares the rule {rule.id!r} of severity {_short(rule.severity)}"
    return ""


def _short(value: object) -> str:
    """Return a value of a plugin for a message."""
    return repr(value)[:_MAX_SHOWN] if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"


def load_checks(sections: Sequence[PluginSection], drivers: Drivers | None, file: str) -> tuple[GuardedCheck, ...]:
    """Load and compile the checks of a policy, sorted by key.

    Args:
        sections: The keys that plugins own, with their values.
        drivers: The run's drivers; None scans what is installed.
        file: The policy's file, for relative paths.

    Raises:
        UsageError: E_PLUGIN_MISSING and its kin: a missing control is not a weaker policy.
        PolicyError: E_POLICY_PARSE for a section of the wrong shape, and what the check says of its section.
        PluginFault: E_PLUGIN_FAULT.
    """
    if not sections:
        return ()
    if drivers is None:
        from assay_core.plugins.catalogue import Catalogue
        from assay_core.plugins.drivers import Drivers as AllDrivers

        drivers = AllDrivers(Catalogue.scan())
    context = CheckContext(
        base_dir=Path(file).resolve().parent,
        seed=0,
        cache=_NoCache(),
        driver=drivers.load,
        policy=None,
        offline=True,
    )
    return tuple(_load(section, drivers, context) for section in sorted(sections, key=lambda each: each.key))


def _load(section: PluginSection, drivers: Drivers, context: CheckContext) -> GuardedCheck:
    from assay_core.plugins.guard import stage

    try:
        record = drivers.record(_GROUP, section.key)
        driver = cast("PolicyCheck", drivers.load(_GROUP, section.key))
    except AssayError as error:
        error.place = error.place or section.place
        raise
    with stage(record, f"check {section.key}: compile"):
        try:
            check = driver.compile(_structured(section, driver), context)
            rules = tuple(check.rules)
        except AssayError as error:
            error.place = error.place or section.place
            raise
    guarded = GuardedCheck(key=section.key, record=record, check=check, rules=rules)
    if problem := _wrong_rules(rules):
        raise guarded.fault("compile", problem)
    return guarded


def _structured(section: PluginSection, driver: PolicyCheck) -> object:
    """Return the section as the class that the check declared for its key."""
    kind = driver.keys.get(section.key)
    if kind is None:
        return section.value
    try:
        return structure(section.value, kind)
    except StructureError as error:
        problems = []
        for problem in error.problems:
            where = ".".join(map(str, (section.key, *problem.path)))
            remedy = f"did you mean {problem.suggestion!r}?" if problem.suggestion else ""
            text = f"{where}: {problem.message}"
            problems.append(PolicyError(code="E_POLICY_PARSE", message=text, remedy=remedy, place=section.place))
        first, *others = problems
        first.others = tuple[AssayError, ...](others)
        raise first from None


class _NoCache:
    """Compiling a section keeps nothing."""

    def get(self, key: str) -> bytes | None:  # noqa: ARG002 - the protocol's signature
        return None

    def put(self, key: str, value: bytes) -> None:
        """Forget it."""
