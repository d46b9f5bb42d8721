"""What `assay doctor` does: look, and say what was found."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import assay_core
from assay_core.analysis.diagnosis.diagnosis import Diagnosis
from assay_core.analysis.diagnosis.examine import Examination, examine
from assay_core.analysis.diagnosis.machine import Machine
from assay_core.analysis.diagnosis.project import Wanted, near
from assay_core.cli.doctor import Files
from assay_core.commandline.formats import Report
from assay_core.commandline.output import color_wanted, paint
from assay_core.commandline.overwriting import refuse_overwriting
from assay_core.commandline.visible import sanitise
from assay_core.model import JsonObject, JsonValue
from assay_core.run.keeping import now_s
from assay_core.store import utc

__all__ = ["diagnose", "finding_text", "look"]

_SHOWN = 200
_STYLES = {"error": "red", "warning": "yellow", "note": "dim"}


def look(files: Files, *, around: bool = True) -> Examination:
    """Examine the project; what plugins print goes to standard error."""
    paths = {
        name: Path(value) if value is not None else None
        for name, value in (
            ("config", files.config), ("policy", files.policy), ("trace", files.trace),
            ("baseline", files.baseline), ("db", files.db),
        )
    }  # fmt: skip
    with contextlib.redirect_stdout(sys.stderr):
        return examine(
            Wanted(**paths, trace_format=files.trace_format), now=lambda: utc(now_s())[:10], around=around
        )  # fmt: skip


def diagnose(report: Report, files: Files, *, quiet: bool) -> int:
    """Report what was found; return the exit code."""
    named = {"suite": files.config, "policy": files.policy, "trace": files.trace, "baseline": files.baseline}
    inputs = {kind: Path(path) for kind, path in named.items() if path is not None}
    refuse_overwriting("--output", report.output, inputs)
    found = look(files)
    if report.format == "json":
        report.write_json(_document(found))
    else:
        color = report.to_stdout and color_wanted("auto", sys.stdout or io.StringIO())
        report.write("".join(_text(found, color=color, quiet=quiet)))
    return 0 if found.is_clean else 1


def finding_text(finding: Diagnosis, *, color: bool) -> str:
    """Return a finding as lines: what, then remedy and patch."""
    where = f"{sanitise(str(finding.place))}: " if finding.place else ""
    word = paint(f"{finding.severity}[{sanitise(finding.code)}]", _STYLES[finding.severity], color=color)
    lines = [f"{where}{word}: {sanitise(finding.message)}"]
    if finding.remedy:
        lines.append(f"  = remedy: {sanitise(finding.remedy)}")
    if finding.patch:
        lines.append(f"  = patch: assay fix {finding.patch.id}  ({finding.patch.risk} risk)")
    return "\n".join(lines) + "\n"


def _text(found: Examination, *, color: bool, quiet: bool) -> Iterator[str]:
    if not quiet:
        yield from _machine_lines(found.machine)
        yield from _project_lines(found)
        yield "\n" if found.findings else ""
    for finding in found.findings[:_SHOWN]:
        yield finding_text(finding, color=color)
    if len(found.findings) > _SHOWN:
        yield f"… and {len(found.findings) - _SHOWN} more findings; --format json shows all\n"
    yield from _offered(found)
    counts = [
        f"{count} {name}{'' if count == 1 else 's'}"
        for name in ("error", "warning", "note")
        if (count := found.count(name))
    ]
    word = paint("CLEAN" if found.is_clean else "FOUND", "green" if found.is_clean else "red", color=color)
    yield f"{word}: {', '.join(counts) or 'no finding'}\n"


def _offered(found: Examination) -> Iterator[str]:
    """Say which patches there are that no finding has named."""
    named = {each.patch.id for each in found.findings if each.patch}
    for patch in found.patches:
        if patch.id not in named:
            yield f"patch: assay fix {patch.id}  ({patch.risk} risk): {sanitise(patch.title)}\n"


def _machine_lines(machine: Machine) -> Iterator[str]:
    rules = "files and network" if machine.status == "Ready" and machine.landlock >= 4 else "files"
    landlock = f"Landlock ABI {machine.landlock} ({rules})" if machine.landlock else "no Landlock"
    parts = [
        landlock,
        f"BPF LSM {'yes' if machine.bpf_lsm else 'no'}",
        f"BTF {'yes' if machine.btf else 'no'}",
        f"cgroup v2 {'yes' if machine.cgroup_v2 else 'no'}",
    ]
    system = f"{machine.system} {machine.architecture} {machine.kernel}"
    yield sanitise(f"assay {assay_core.__version__}, Python {machine.python}, {system}") + "\n"
    yield f"enforcement: {machine.status.lower()} ({', '.join(parts)})\n"


def _project_lines(found: Examination) -> Iterator[str]:
    project = found.project
    suite, policy, observed = project.suite, project.policy, found.observed
    about_suite = f" ({suite.name}, {_plural(len(suite.tests), 'test')})" if suite else ""
    about_policy = f" ({_plural(len(policy.rules), 'rule')})" if policy else ""
    calls = sum(observed.tools.values()) if observed else 0
    about_traces = f" ({_plural(observed.episodes, 'episode')}, {_plural(calls, 'tool call')})" if observed else ""
    traces = ", ".join(str(near(path)) for path in project.traces[:5]) + (", …" if project.traces[5:] else "")
    records = project.drivers.catalogue.all
    ready = sum(record.state == "ready" for record in records)
    rows = (
        ("suite", f"{_shown(project.suite_file)}{about_suite}"),
        ("policy", f"{_shown(project.policy_file)}{about_policy}"),
        ("traces", f"{traces or 'none'}{about_traces}"),
        ("baseline", _shown(project.baseline)),
        ("store", _shown(project.store)),
        ("plugins", f"{ready} of {len(records)} ready"),
        ("CI", ", ".join(found.ci) or "none"),
    )
    for name, value in rows:
        yield f"{name + ':':<10}{sanitise(value)}\n"


def _shown(path: Path | None) -> str:
    return str(near(path)) if path else "none"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _document(found: Examination) -> JsonObject:
    project = found.project
    records = project.drivers.catalogue.all
    findings: list[JsonValue] = [each.document() for each in found.findings]
    patches: list[JsonValue] = [{**each.document(), "file": str(near(each.file))} for each in found.patches]
    return {
        "schema": "assay.doctor_report.v1",
        "schema_version": 1,
        "ok": found.is_clean,
        "exit_code": 0 if found.is_clean else 1,
        "assay_version": assay_core.__version__,
        "generated_at": None if os.environ.get("SOURCE_DATE_EPOCH") else utc(now_s()),
        **found.machine.document(),
        "inputs": {
            "config_file": _path(project.suite_file),
            "policy_file": _path(project.policy_file),
            "trace_files": [str(near(path)) for path in project.traces],
            "baseline_file": _path(project.baseline),
            "store": _path(project.store),
            "settings_file": _path(project.defaults.file) if project.defaults else None,
            "ci_files": list(found.ci),
        },
        "plugins": {
            "installed": len(records),
            "ready": sum(record.state == "ready" for record in records),
        },
        "episodes": found.observed.episodes if found.observed else 0,
        "tool_calls": sum(found.observed.tools.values()) if found.observed else 0,
        "findings": findings,
        "patches": patches,
        "suggestions": [f"assay fix {each.id}" for each in found.patches],
        "summary": {
            "errors": found.count("error"),
            "warnings": found.count("warning"),
            "notes": found.count("note"),
        },
    }


def _path(path: Path | None) -> str | None:
    return str(near(path)) if path else None
