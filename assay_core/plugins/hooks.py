"""Tells every installed listener what happens. The only module, beside `assay_core.hookspecs`, that knows pluggy.

Where no listener is installed nothing at all happens: neither pluggy nor a listener is imported.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from assay_core.errors import AssayError
from assay_core.model import JsonObject, Notice, PluginRules
from assay_core.plugins.catalogue import Catalogue
from assay_core.plugins.guard import import_target, stage
from assay_core.plugins.record import PluginRecord

if TYPE_CHECKING:
    import pluggy

__all__ = ["Hooks"]

_ONCE = ("assay_run_started", "assay_run_finished")  # called once per run: a failure there silences nothing


class Hooks:
    """The listeners of one run. A failing listener becomes a notice; it neither hides nor silences another one."""

    def __init__(self, catalogue: Catalogue, rules: PluginRules | None = None) -> None:
        records = (catalogue.under(rules) if rules else catalogue).records("assay.hooks")
        self.notices: list[Notice] = []
        self._waiting = tuple(each for each in records if each.state == "ready")
        self._listeners: list[tuple[PluginRecord, object]] = []
        self._silenced: set[PluginRecord] = set()
        self._manager: pluggy.PluginManager | None = None
        self._lost = False  # True: a listener that may have redacted something is not usable
        for record in records:
            if record.state not in ("ready", "denied"):
                self._lost = True
                self._note(record, f"is not told anything: {record.reason}")

    @property
    def listening(self) -> bool:
        """Whether anybody listens. Ask it before preparing what only `tell` needs."""
        return bool(self._waiting)

    @property
    def redacts(self) -> bool:
        """Whether a record has to go through `redact` before it is written; without a listener none has."""
        return self.listening or self._lost

    def tell(self, hook: str, **facts: object) -> None:
        """Call one hook of every listener, in the order of the distributions. Never raises but on Ctrl-C.

        A listener that fails is told nothing more in this run, except where the hook is called once per run.
        """
        if not self._waiting:
            return
        for record, listener in self._registered():
            if record in self._silenced:
                continue
            try:
                with stage(record, f"hook {hook}"):
                    self._caller(hook, listener)(**facts)
            except AssayError as error:
                self._note(record, error.message)
                if hook not in _ONCE:
                    self._silenced.add(record)

    def redact(self, event: JsonObject) -> JsonObject | None:
        """Return the record as every listener's `assay_redact` leaves it; None: it must not be written.

        Each listener gets a copy of what the one before returned; the argument is never changed. A listener that
        is installed, not denied and not usable might have redacted: then nothing may be written.
        """
        if not self._waiting:
            return None if self._lost else event
        for record, listener in self._registered():
            try:
                with stage(record, "hook assay_redact"):
                    for answer in self._caller("assay_redact", listener)(event=copy.deepcopy(event)):
                        event = answer
            except AssayError as error:
                self._note(record, f"{error.message}; the record was not written")
                return None
        return None if self._lost else event

    def _registered(self) -> list[tuple[PluginRecord, object]]:
        if self._manager is None:
            self._register()
        return self._listeners

    def _register(self) -> None:
        import pluggy

        from assay_core.hookspecs import PROJECT, HookSpecs

        manager = self._manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(HookSpecs)
        for record in sorted(self._waiting, key=lambda each: (each.dist, each.name)):
            try:
                listener = import_target(record)
                with stage(record, "hook listener: register"):
                    manager.register(listener, name=record.qualified_name)
                    manager.check_pending()
            except AssayError as error:
                self._lost = True
                self._note(record, error.message)
                if manager.has_plugin(record.qualified_name):
                    manager.unregister(name=record.qualified_name)
            else:
                self._listeners.append((record, listener))

    def _caller(self, hook: str, listener: object) -> Any:  # pluggy.HookCaller, whose call takes any keyword
        assert self._manager is not None  # noqa: S101 - `_registered` made it
        others = [each for _, each in self._listeners if each is not listener]
        return self._manager.subset_hook_caller(hook, remove_plugins=others)

    def _note(self, record: PluginRecord, message: str) -> None:
        notice = Notice(code="W_HOOK_FAILED", message=f"listener {record.name!r} of {record.distribution}: {message}")
        if notice not in self.notices:
            self.notices.append(notice)
