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
        return self._known(self._ask("decide", lambda: self.check.decide(call, state)))

    def commit(self, call: ToolCall, state: object) -> object:
        """Return the check's state after a call ran."""
        return self._ask("commit", lambda: self.check.commit(call, state))

    def on_response(self, call: ToolCall, state: object) -> tuple[Violation, ...]:
        """Return what the check finds in a tool's answer."""
        return self._known(self._ask("on_response", lambda: self.check.on_response(call, state)))

    def finish(self, state: object) -> tuple[Violation, ...]:
        """Return what the check finds at the end of a complete episode."""
        return self._known(self._ask("finish", lambda: self.check.finish(state)))

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

    def _known(self, found: Sequence[Violation]) -> tuple[Violation, ...]:
        """Refuse a finding under a rule that the check never declared: no report could show it."""
        if not found:
            return ()
        declared = {rule.id for rule in self.rules}
        for violation in found:
            if not isinstance(violation, Violation) or violation.rule not in declared:
                named = getattr(violation, "rule", violation)
                raise PluginFault(
                    message=f"{self.record.distribution} found {named!r}, which is none of its rules",
                    distribution=self.record.distribution,
                    stage=f"check {self.key}: decide",
                )
        return tuple(found)


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
    return GuardedCheck(key=section.key, record=record, check=check, rules=rules)


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
