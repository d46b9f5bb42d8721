"""Everything that `assay doctor` looks at, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from assay_core.analysis.diagnosis.ci import ci_files, examine_ci
from assay_core.analysis.diagnosis.denials import patches_for_denials
from assay_core.analysis.diagnosis.diagnosis import SEVERITIES, Diagnosis, Severity, of_error, of_notice
from assay_core.analysis.diagnosis.documents import with_patches
from assay_core.analysis.diagnosis.machine import Machine, examine_machine, probe
from assay_core.analysis.diagnosis.observing import Observed, observe
from assay_core.analysis.diagnosis.policies import examine_policy
from assay_core.analysis.diagnosis.project import Project, Wanted, open_project
from assay_core.analysis.diagnosis.surroundings import (
    examine_baseline,
    examine_plugins,
    examine_store,
    examine_traces,
)
from assay_core.analysis.diagnosis.tests import examine_tests
from assay_core.analysis.repair.patch import Patch
from assay_core.errors import AssayError
from assay_core.model import Notice, PolicyNotice

__all__ = ["Examination", "examine"]


@attrs.frozen(kw_only=True)
class Examination:
    """What was found."""

    project: Project
    machine: Machine
    observed: Observed | None
    ci: tuple[str, ...]  # the files of CI configuration
    findings: tuple[Diagnosis, ...]  # the gravest first, then by place
    patches: tuple[Patch, ...]  # sorted by id

    def count(self, severity: Severity) -> int:
        """Return how many findings are so grave."""
        return sum(each.severity == severity for each in self.findings)

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing but notes."""
        return not self.count("error") and not self.count("warning")


def examine(wanted: Wanted, *, now: Callable[[], str], around: bool = True) -> Examination:
    """Look at a project.

    Args:
        wanted: What the user named.
        now: The day in UTC, as YYYY-MM-DD.
        around: False: only what a patch could change, for looking again after one.

    Raises:
        UsageError: a file that was named is not there.
    """
    project = open_project(wanted)
    observed = observe(project)
    project.take(_suite_notices(project))
    project.take(examine_policy(project, observed))
    project.take(examine_tests(project, observed))
    project.take(examine_traces(project))
    project.take(examine_baseline(project, observed))
    project.take(examine_ci(project.root))
    machine = probe()
    if around:
        project.take(examine_store(project, now()))
        project.take(examine_plugins(project))
        project.take(examine_machine(machine, project.policy.form if project.policy else None))
    denied = _denial_patches(project, project.findings)
    joined = list(_joined(project.findings, denied))
    findings = tuple(sorted(_distinct(with_patches(project, joined)), key=_order))
    further = [patch for patches in denied.values() for patch in patches]
    patches = _named_apart([*(each.patch for each in findings if each.patch), *further])
    findings = tuple(
        attrs.evolve(each, patch=patches[_content(each.patch)]) if each.patch else each for each in findings
    )
    return Examination(
        project=project,
        machine=machine,
        observed=observed,
        ci=tuple(map(str, ci_files(project.root))),
        findings=findings,
        patches=tuple(sorted(patches.values(), key=lambda each: each.id)),
    )


def _suite_notices(project: Project) -> Iterator[Diagnosis]:
    notices: tuple[Notice | PolicyNotice, ...] = project.suite.notices if project.suite else ()
    for notice in notices:
        found = of_notice(notice, "suite")
        yield attrs.evolve(found, remedy="run `assay migrate`") if notice.code == "W_CFG_LEGACY" else found


def _distinct(findings: Iterator[Diagnosis]) -> Iterator[Diagnosis]:
    seen: set[tuple[object, ...]] = set()
    for each in findings:
        key = (each.key, each.message, str(each.place))
        if key not in seen:
            seen.add(key)
            yield each


def _order(finding: Diagnosis) -> tuple[int, str, int, int, str, str]:
    place = finding.place
    file, line, column = (place.file, place.line, place.column) if place else ("", 0, 0)
    return SEVERITIES.index(finding.severity), file, line, column, finding.code, finding.message


def _denial_patches(project: Project, findings: Sequence[Diagnosis]) -> dict[str, list[Patch]]:
    """Return what would let denied calls through; a policy that changes meanwhile has no patches."""
    if not any(each.area == "policy" and each.subject for each in findings):
        return {}
    try:
        return patches_for_denials(project)
    except AssayError as error:
        project.take(of_error(error, "policy", "warning"))
        return {}


def _joined(findings: Sequence[Diagnosis], patches: Mapping[str, list[Patch]]) -> Iterator[Diagnosis]:
    for each in findings:
        own = patches.get(each.subject) if each.area == "policy" and each.subject else None
        if own is None and each.area == "policy" and each.subject:  # unmet at the end: the call that armed it is named
            own = patches.get(f"{each.subject.partition(' ')[0]} ")
        yield attrs.evolve(each, patch=own[0]) if own and each.patch is None else each


def _named_apart(patches: Sequence[Patch]) -> dict[object, Patch]:
    """Return every patch once, by what it does; no two with one id."""
    kept: dict[object, Patch] = {}
    names: set[str] = set()
    for patch in patches:
        if _content(patch) in kept:
            continue
        name, number = patch.id, 1
        while name in names:
            number += 1
            name = f"{patch.id}.{number}"
        names.add(name)
        kept[_content(patch)] = attrs.evolve(patch, id=name)
    return kept


def _content(patch: Patch) -> object:
    return patch.file, str([edit.document() for edit in patch.edits])
