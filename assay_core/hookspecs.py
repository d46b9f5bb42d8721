"""The hooks: what the core tells everyone who is installed. Hooks observe; they never change a verdict.

A listener is a module named by an entry point of the group `assay.hooks`; its functions carry `@hookimpl`.
Each listener is called through a caller of its own, in the order of the distributions' names: one that fails
neither hides nor silences another. A failure is a notice of the run, never a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from assay_core.model import CallDecision, Episode, JsonObject, ResultRow, RunReport, Suite

__all__ = ["PROJECT", "HookSpecs", "hookimpl", "hookspec"]

PROJECT = "assay"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """Every hook. A listener may leave out parameters that it does not use."""

    @hookspec
    def assay_run_started(self, suite: Suite, command: str) -> None:
        """The configuration was loaded and the run begins.

        When: once per run, before the trace is opened. Order: by distribution. Answers: none are taken.
        Exception: becomes a notice; the run goes on.
        """

    @hookspec
    def assay_episode_imported(self, episodes: Sequence[Episode]) -> None:
        """Episodes were read.

        When: per batch of at most 1024 episodes, in the order of the trace. Order: by distribution. Answers:
        none. Exception: becomes a notice, once per listener; the listener is not called again in this run.
        """

    @hookspec
    def assay_check_finished(self, rows: Sequence[ResultRow]) -> None:
        """Rows of the report are final.

        When: per batch, after all checks of its rows, in the order of the test ids. Order: by distribution.
        Answers: none. Exception: as for `assay_episode_imported`.
        """

    @hookspec
    def assay_run_finished(self, report: RunReport) -> None:
        """The verdict is known and the reports are written.

        When: once per run, last. Order: by distribution. Answers: none. Exception: becomes a line on standard
        error; neither exit code nor files change.
        """

    @hookspec
    def assay_call_decided(self, decisions: Sequence[CallDecision], episode_id: str) -> None:
        """Calls were decided.

        When: per episode in a run (only decisions that are not plain allows), per call at run time. Order: by
        distribution. Answers: none. Exception: as for `assay_episode_imported`.
        """

    @hookspec
    def assay_redact(self, event: JsonObject) -> JsonObject | None:
        """Return a redacted copy of a record that goes to a store, a log or a report; None leaves it as it is.

        When: per record written, on a copy that nothing else sees. Order: by distribution, each one gets what
        the one before returned. Exception: the record is not written, and the run says so: failing to redact
        never leaks.
        """
