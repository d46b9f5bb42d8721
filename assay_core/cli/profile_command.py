"""What `assay profile` does."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from assay_core.analysis.learning.gather import gather
from assay_core.analysis.learning.profile import SECTIONS, Profile, ProfileEntry, read_profile
from assay_core.analysis.learning.profile_text import profile_yaml
from assay_core.cli.import_command import one_of
from assay_core.commandline.formats import Report
from assay_core.commandline.output import echo_notice, json_text, write_out
from assay_core.commandline.visible import excerpt, sanitise
from assay_core.documents import create_file, parse_document, write_atomic
from assay_core.errors import InputError, UsageError
from assay_core.model import Notice
from assay_core.run.keeping import now_s
from assay_core.run.opened import project_drivers
from assay_core.run.rewriting import check_target

__all__ = ["init_profile", "merge_profiles", "show_profile", "update_profile"]

_SHOWN = 20
_SURELY_READ = 1024 * 1024  # bytes: a document of so many holds no more nodes than are read


def init_profile(output: str, name: str, scope: str | None) -> None:
    """Write a profile of no runs."""
    path = Path(output)
    if output in ("", "-"):
        raise UsageError(code="E_INVALID_ARGS", message=f"--output needs the name of a file, not {output!r}")
    if not create_file(path, _written(path, Profile.new(name, scope, now=_now()))):
        raise UsageError(
            code="E_FILE_EXISTS", message=f"{output!r} is there already",
            remedy="update it with `assay profile update`, or choose another name",
        )  # fmt: skip
    step = shlex.join(["assay", "profile", "update", "--profile", output, "--run-id", "RUN", "-i", "TRACE"])
    _say([f"wrote {output}", f"Next: {step}"])


def update_profile(
    name: str, inputs: Sequence[str], run_id: str, *, strict: bool, scope: str | None, force: bool,
    trace_format: str | None, verbose: bool,
) -> None:  # fmt: skip
    """Fold one run in."""
    if not inputs:
        raise UsageError(code="E_INVALID_ARGS", message="name what the run recorded", remedy="give it as -i FILE")
    if not run_id.strip():
        raise UsageError(code="E_INVALID_ARGS", message="--run-id is empty, and a run needs an id of its own")
    path = Path(name)
    if any(each != "-" and os.path.realpath(each) == os.path.realpath(path) for each in inputs):
        raise UsageError(code="E_OUTPUT_IS_INPUT", message=f"{name!r} is both the profile and a recording")
    profile = read_profile(path)
    profile.lock(scope, force=force)
    if profile.knows(run_id):
        if strict:
            raise UsageError(
                code="E_PROFILE_RUN_KNOWN", message=f"the run {run_id!r} is in the profile already",
                remedy="give every run an id of its own, or drop --strict",
            )  # fmt: skip
        _say([f"the run {run_id} is in {name} already; nothing changed"])
        return
    found = gather(inputs, drivers=project_drivers(), trace_format=trace_format)
    for notice in found.notices:
        echo_notice(notice)
    before = _known(profile)
    profile.update(found.learner, run_id, now=_now())
    for what in profile.left_out[:_SHOWN]:
        echo_notice(Notice(code="W_TRACE_DROPPED", message=f"left out {what}: too long to be a key of the profile"))
    if len(profile.left_out) > _SHOWN:
        text = f"left out {len(profile.left_out)} in all that are too long to be keys of the profile"
        echo_notice(Notice(code="W_TRACE_DROPPED", message=text))
    for tool, times in sorted(found.learner.denied.items()):
        text = f"left out {times} call{'s' * (times != 1)} of {tool!a}: recorded as denied"
        echo_notice(Notice(code="W_TRACE_DROPPED", message=text))
    write_atomic(path, _written(path, profile))
    new = sorted(_known(profile) - before)
    lines = [f"{name}: run {run_id} folded in, {_count(profile.total_runs, 'run')} now, {len(new)} new entries"]
    if verbose:
        lines += [f"  new: {kind} {excerpt(what, 200)}" for kind, what in new]
    _say(lines)


def show_profile(report: Report, option: str | None, argument: str | None, *, top: int) -> None:
    """Show a profile."""
    profile = read_profile(Path(one_of(argument, option, "the profile")))
    if report.format == "json":
        report.write_json(profile.document())
    elif report.format == "yaml":
        report.write(profile_yaml(profile.document()))
    else:
        report.write("".join(f"{sanitise(line)}\n" for line in _summary(profile, top)))


def merge_profiles(names: Sequence[str], output: str, *, force: bool) -> None:
    """Fold profiles into one."""
    path = Path(output)
    if output in ("", "-"):
        raise UsageError(code="E_INVALID_ARGS", message=f"--output needs the name of a file, not {output!r}")
    if any(os.path.realpath(each) == os.path.realpath(path) for each in names):
        raise UsageError(code="E_OUTPUT_IS_INPUT", message=f"--output would overwrite {output!r}, which is read")
    check_target(path, None, force=force)
    first, *others = [read_profile(Path(name)) for name in names]
    for other in others:
        first.merge(other, now=_now())
    write_atomic(path, _written(path, first))
    _say([f"wrote {output}: {_count(first.total_runs, 'run')} of {_count(len(names), 'profile')}"])


def _written(path: Path, profile: Profile) -> bytes:
    """Return the file's bytes, once it is sure that they can be read again.

    Raises:
        InputError: E_DOCUMENT_LIMIT for a profile that has grown too large.
    """
    document = profile.document()
    data = (json_text(document) if path.suffix.lower() == ".json" else profile_yaml(document)).encode("utf-8")
    if len(data) > _SURELY_READ:
        parse_document(data, str(path), code="E_PROFILE_INVALID", error=InputError)
    return data


def _summary(profile: Profile, top: int) -> Iterator[str]:
    yield f"Profile {profile.name}: {_count(profile.total_runs, 'run')}"
    if profile.scope is not None:
        yield f"scope    {profile.scope}"
    yield f"created  {profile.created_at}"
    yield f"updated  {profile.updated_at}"
    for section in SECTIONS:
        entries = profile.entries[section]
        yield ""
        yield f"{section}: {len(entries)}"
        yield from _rows(entries, profile.total_runs, top)
    if tools := profile.learner.tools:
        yield ""
        yield f"tools: {len(tools)}"
        counted = {
            tool: ProfileEntry(runs_seen=profile.tool_runs.get(tool, 0), hits_total=facts.calls)
            for tool, facts in tools.items()
        }
        yield from _rows(counted, profile.total_runs, top)


def _rows(entries: Mapping[str, ProfileEntry], runs: int, top: int) -> Iterator[str]:
    ranked = sorted(entries.items(), key=lambda each: (-each[1].runs_seen, -each[1].hits_total, each[0]))
    for target, entry in ranked[:top]:
        yield f"  {entry.runs_seen}/{runs} runs, {entry.hits_total}×  {excerpt(target, 200)}"
    if len(ranked) > top:
        yield f"  … and {len(ranked) - top} more"


def _known(profile: Profile) -> set[tuple[str, str]]:
    known = {(section, target) for section in SECTIONS for target in profile.entries[section]}
    return known | {("tool", tool) for tool in profile.learner.tools}


def _say(lines: Sequence[str]) -> None:
    write_out("".join(f"{sanitise(line)}\n" for line in lines))


def _now() -> datetime:
    return datetime.fromtimestamp(now_s(), UTC)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
