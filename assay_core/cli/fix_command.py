"""What `assay fix` does: show, ask, write, look again, and put back what is worse."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import NamedTuple

import attrs

from assay_core.analysis.diagnosis.comparing import what_is_worse
from assay_core.analysis.diagnosis.examine import Examination
from assay_core.analysis.diagnosis.project import near
from assay_core.analysis.repair.apply import Plan, plan_changes, written
from assay_core.analysis.repair.patch import RISKS, Patch
from assay_core.cli.doctor import Files
from assay_core.cli.doctor_command import look
from assay_core.commandline.output import color_wanted, paint, write_err, write_out
from assay_core.commandline.visible import sanitise
from assay_core.convert import nearest
from assay_core.errors import InputError, UsageError, find_code

__all__ = ["Choice", "fix"]

_CALLS_SHOWN = 10


class Choice(NamedTuple):
    """Which patches, and how."""

    ids: tuple[str, ...] = ()  # none: all
    list_all: bool = False
    max_risk: str = "high"
    dry_run: bool = False
    yes: bool = False


def fix(files: Files, choice: Choice) -> int:
    """Apply patches; return the exit code.

    Raises:
        UsageError: E_UNKNOWN_CODE for an id that no patch has; E_INVALID_ARGS where there is nobody to ask.
        InputError: E_PATCH_FAILED; every file is as it was.
    """
    before = look(files, around=False)
    patches = _relative(_chosen(before.patches, choice))
    if choice.list_all:
        for patch in patches:
            cells = (patch.id, patch.risk.capitalize(), str(patch.file), patch.title)
            write_out("\t".join(sanitise(cell).replace("\t", " ") for cell in cells) + "\n")
        return 0
    if not patches:
        write_out("nothing to fix\n" if not before.patches or not choice.ids else "")
        return 0
    if not (choice.yes or choice.dry_run or _is_watched()):
        raise UsageError(
            code="E_INVALID_ARGS",
            message=f"{len(patches)} patch(es) wait for an answer, and there is no terminal to ask",
            remedy="--yes applies them all, --dry-run shows them, --list names them",
        )
    accepted = _accepted(patches, choice)
    if choice.dry_run:
        write_out(f"{len(accepted)} patch(es) would be applied; nothing was changed\n")
        return 0
    if not accepted:
        write_out("nothing was changed\n")
        return 0
    plan = plan_changes(accepted)
    after = _apply(plan, before, files)
    return _told(plan, after)


def _relative(patches: Sequence[Patch]) -> list[Patch]:
    return [attrs.evolve(patch, file=near(patch.file)) for patch in patches]


def _chosen(patches: Sequence[Patch], choice: Choice) -> list[Patch]:
    known = {patch.id: patch for patch in patches}
    for name in choice.ids:
        if name not in known:
            guess = nearest(name, known)
            hint = f"; did you mean {guess!r}?" if guess else ""
            remedy = "`assay fix --list` names them" if known else "there are no patches; see `assay doctor`"
            raise UsageError(code="E_UNKNOWN_CODE", message=f"there is no patch {name!r}{hint}", remedy=remedy)
    wanted = [known[name] for name in dict.fromkeys(choice.ids)] if choice.ids else list(patches)
    bound = RISKS.index(choice.max_risk)
    kept = [patch for patch in wanted if RISKS.index(patch.risk) <= bound]
    if not choice.list_all:
        for patch in wanted:
            if patch not in kept:
                write_err(f"left out: {patch.id} is of {patch.risk} risk, above --max-risk {choice.max_risk}\n")
    return kept


def _is_watched() -> bool:
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # no stream, or a closed one
        return False


def _accepted(patches: Sequence[Patch], choice: Choice) -> list[Patch]:
    """Show every patch, and return those that may be applied."""
    color = color_wanted("auto", sys.stdout or io.StringIO())
    accepted = []
    for patch in patches:
        write_out(_shown(patch, color=color))
        if choice.yes or choice.dry_run or _agreed():
            accepted.append(patch)
    return accepted


def _shown(patch: Patch, *, color: bool) -> str:
    style = {"low": "green", "medium": "yellow", "high": "red"}[patch.risk]
    lines = [f"{paint(patch.id, 'bold', color=color)}: {sanitise(patch.title)}"]
    lines.append(f"  = risk: {paint(patch.risk, style, color=color)}")
    if patch.why:
        lines.append(f"  = because: {sanitise(patch.why)}")
    if patch.risk == "high":
        lines.append(f"  = also allows: {_also(patch)}")
    diff = "".join(change.diff() for change in plan_changes([patch], to_write=False).changes)
    return "\n".join(lines) + "\n" + "".join(_diff_line(line, color=color) for line in diff.splitlines())


def _also(patch: Patch) -> str:
    if not patch.also_allows:
        return "no other recorded call"
    listed = ", ".join(sanitise(call) for call in patch.also_allows[:_CALLS_SHOWN])
    more = len(patch.also_allows) - _CALLS_SHOWN
    return listed + (f" and {more} more" if more > 0 else "")


def _diff_line(line: str, *, color: bool) -> str:
    style = {"+": "green", "-": "red"}.get(line[:1])
    return (paint(sanitise(line), style, color=color) if style else sanitise(line)) + "\n"


def _agreed() -> bool:
    write_out("apply this patch? [y/N] ")
    try:
        answer = sys.stdin.readline()
    except (OSError, ValueError):
        answer = ""
    if not answer.endswith("\n"):  # the end of the input: no answer is no
        write_out("\n")
    return answer.strip().lower() in ("y", "yes")


def _apply(plan: Plan, before: Examination, files: Files) -> Examination:
    with written(plan.changes):
        after = look(files, around=False)
        worse = what_is_worse(before, after)
        if worse is not None:
            names = ", ".join(patch.id for patch in plan.applied)
            raise InputError(
                code="E_PATCH_FAILED",
                message=f"the project would be worse after {names}, so every file is as it was: {worse}",
                remedy="apply fewer patches at a time, or make the change by hand",
            )
    return after


def _told(plan: Plan, after: Examination) -> int:
    for patch in plan.applied:
        write_out(f"applied {patch.id}\n")
    for patch, why in plan.put_off:
        write_out(f"put off {patch.id}: {sanitise(why)}\n")
    if after.patches:
        write_out(f"{len(after.patches)} patch(es) are left; `assay fix` shows them\n")
    errors = [each for each in after.findings if each.severity == "error"]
    if not errors:
        write_out("no error is left\n")
        return 0
    write_out(f"{len(errors)} error(s) left, the first: {sanitise(errors[0].message)}; see `assay doctor`\n")
    codes = {known.exit_code for each in errors if (known := find_code(each.code))}
    return 2 if 2 in codes else 1
