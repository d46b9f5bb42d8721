"""What the policy denies in the traces, and the patches that would let it through."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from assay_core.analysis.diagnosis.diagnosis import Diagnosis
from assay_core.analysis.diagnosis.observing import Observed, episodes_of
from assay_core.analysis.diagnosis.project import Project
from assay_core.analysis.repair.denials import Denials, collect
from assay_core.analysis.repair.from_denials import propose
from assay_core.analysis.repair.patch import Patch
from assay_core.analysis.repair.situation import DeniedCall, Situation
from assay_core.errors import Place
from assay_core.model import Episode, Finding

__all__ = ["examine_denials", "patches_for_denials"]


def examine_denials(project: Project, observed: Observed) -> Iterator[Diagnosis]:
    """Yield what the policy denies, once per rule and tool."""
    grouped: dict[tuple[str, str, str], list[Finding]] = {}
    for row in observed.rows:
        for finding in row.findings if row.kind == "policy" else ():
            if finding.severity == "error":
                grouped.setdefault((finding.code, finding.rule, finding.tool), []).append(finding)
    for (code, rule, tool), findings in grouped.items():
        count, first = len(findings), findings[0]
        about = f"{count} recorded call{'' if count == 1 else 's'} of {tool!r}" if tool else f"{count} episode(s)"
        source = first.source
        yield Diagnosis(
            code=code,
            severity="error",
            area="policy",
            message=f"{about} against `{rule}`: {first.message}",
            place=Place(source.file, source.line or 0) if source else Place(str(project.policy_file)),
            remedy="change the agent; change the policy only if the call is right",
            subject=_subject(rule, tool),
        )


def patches_for_denials(project: Project) -> dict[str, list[Patch]]:
    """Return the patches that would let through what is denied, by the subjects of the findings they settle."""
    if project.policy is None or project.policy_file is None:
        return {}
    denials = Denials(project.policy)
    episodes = _Again(project)
    for episode in episodes:
        collect(denials, episode)
    found: dict[str, list[Patch]] = {}
    for key, proposal in propose(denials, project.policy_file, episodes, project.drivers).items():
        if proposal.patch is not None:
            for subject in _subjects(denials.found[key]):
                found.setdefault(subject, []).append(proposal.patch)
    return found


@attrs.frozen
class _Again:
    """The episodes of a project, as often as they are asked for."""

    project: Project

    def __iter__(self) -> Iterator[Episode]:
        return episodes_of(self.project)


def _subjects(situation: Situation) -> Iterator[str]:
    if isinstance(situation, DeniedCall):
        for violation in situation.decision.violations:
            if violation.severity == "deny":
                yield _subject(violation.rule, situation.call.tool)
    else:
        yield _subject(getattr(situation, "rule", ""), "")


def _subject(rule: str, tool: str) -> str:
    return f"{rule} {tool}"
