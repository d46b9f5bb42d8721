"""What `assay generate` does."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from assay_core.analysis.learning import Generalisation, Knobs
from assay_core.analysis.learning.comparing import Difference, compare_policies
from assay_core.analysis.learning.draft import Draft, draft_of, policy_of
from assay_core.analysis.learning.gather import gather
from assay_core.analysis.learning.policy_text import policy_json, policy_yaml
from assay_core.analysis.learning.profile import read_profile
from assay_core.analysis.learning.review import apply_review, review_template
from assay_core.analysis.learning.self_check import SelfCheck, leave_one_out
from assay_core.cli.generate import GenerateWords
from assay_core.commandline.output import color_wanted, echo_notice, json_text, write_bytes_out, write_err, write_out
from assay_core.commandline.visible import excerpt, sanitise
from assay_core.documents import parse_document, write_atomic
from assay_core.errors import PolicyError, UsageError
from assay_core.model import JsonObject, Notice
from assay_core.policy import load_policy
from assay_core.run.opened import project_drivers
from assay_core.run.rewriting import check_target

__all__ = ["generate"]

_SHOWN = 20


@attrs.frozen(kw_only=True)
class _Learning:
    """What was read, and what became of it."""

    draft: Draft
    notices: Sequence[Notice] = ()
    check: SelfCheck | None = None
    first_trace: str | None = None  # what the policy can be tried on


def generate(words: GenerateWords) -> None:
    """Learn, and write the policy, its difference from another, or a review file."""
    knobs = _knobs(words)
    inputs = (*words.traces, *words.inputs)
    if bool(inputs) == bool(words.profile):
        raise UsageError(
            code="E_INVALID_ARGS",
            message="both recordings and a profile are named" if inputs else "there is nothing to learn from",
            remedy="name recordings, as in `assay generate trace.jsonl`, or --profile FILE",
        )
    target = f"policy.{words.format}" if words.output is None else words.output
    _check_outputs(words, target, inputs)
    learnt = _from_profile(words, knobs) if words.profile else _from_recordings(words, inputs, knobs)
    if words.review:
        learnt = attrs.evolve(learnt, draft=apply_review(learnt.draft, Path(words.review)))
    for notice in learnt.notices:
        echo_notice(notice, color=color_wanted("auto", sys.stderr))
    new = load_policy(policy_of(learnt.draft))  # what does not load is never written
    if words.diff is not None:
        _write_review(words, learnt.draft)
        _show_differences(words, target, new.normalised())
        return
    data = _policy_bytes(words, learnt.draft)
    parse_document(data, target, code="E_POLICY_PARSE", error=PolicyError)  # too large to be read is not written either
    if words.dry_run or target == "-":
        _write_review(words, learnt.draft)
        write_bytes_out(data)
        write_err("".join(f"{sanitise(line)}\n" for line in _summary(learnt)))
        return
    write_atomic(Path(target), data)
    _write_review(words, learnt.draft)
    _tell(words, learnt, target)


def _write_review(words: GenerateWords, draft: Draft) -> None:
    if words.review_out:
        write_atomic(Path(words.review_out), review_template(draft).encode("utf-8"))


def _knobs(words: GenerateWords) -> Knobs:
    generalise: Generalisation = words.generalise  # type: ignore[assignment]  # click offers these words only
    names = {field.name for field in attrs.fields(Knobs)} - {"generalise"}
    knobs = Knobs(generalise=generalise, **{name: getattr(words, name) for name in names})
    knobs.check()
    return knobs


def _check_outputs(words: GenerateWords, target: str, inputs: Sequence[str]) -> None:
    """Refuse before anything is read to replace what is there, or what is read."""
    writes = not words.dry_run and words.diff is None and target != "-"
    named = {"--output": target if writes else None, "--review-out": words.review_out}
    read = [*(each for each in inputs if each != "-"), *filter(None, (words.profile, words.review, words.diff))]
    for option, path in named.items():
        if path is None:
            continue
        if path in ("", "-"):
            raise UsageError(code="E_INVALID_ARGS", message=f"{option} needs the name of a file, not {path!r}")
        for each in read:
            if os.path.realpath(each) == os.path.realpath(path):
                raise UsageError(
                    code="E_OUTPUT_IS_INPUT",
                    message=f"{option} would overwrite {path!r}, which is read",
                    remedy="name another file",
                )
        check_target(Path(path), None, force=words.force)
    if writes and words.review_out and os.path.realpath(target) == os.path.realpath(words.review_out):
        raise UsageError(code="E_INVALID_ARGS", message=f"--output and --review-out are both {target!r}")


def _from_recordings(words: GenerateWords, inputs: Sequence[str], knobs: Knobs) -> _Learning:
    found = gather(
        inputs, drivers=project_drivers(), trace_format=words.trace_format, include_denied=words.include_denied
    )
    draft = draft_of(found.learner, knobs, title=words.name, sources=found.sources)
    check = leave_one_out(found.sample, knobs) if found.learner.tools else None
    first = next((each for each in found.traces if Path(each).is_file()), None)
    return _Learning(draft=draft, notices=found.notices, check=check, first_trace=first)


def _from_profile(words: GenerateWords, knobs: Knobs) -> _Learning:
    path = Path(words.profile or "")
    profile = read_profile(path)
    source = f"{path}: profile {profile.name}, {profile.total_runs} runs"
    draft = draft_of(
        profile.counts(), knobs, title=words.name, sources=[source], runs=profile.total_runs,
        tool_runs=profile.tool_runs,
    )  # fmt: skip
    return _Learning(draft=draft)


def _policy_bytes(words: GenerateWords, draft: Draft) -> bytes:
    return (json_text(policy_json(draft)) if words.format == "json" else policy_yaml(draft)).encode("utf-8")


def _show_differences(words: GenerateWords, target: str, new: JsonObject) -> None:
    path = Path(words.diff or target)
    if not path.is_file():
        raise UsageError(
            code="E_PATH_NOT_FOUND", message=f"there is no policy {str(path)!r} to compare with",
            remedy="name it: --diff=OLD",
        )  # fmt: skip
    differences = compare_policies(load_policy(path).normalised(), new)
    if words.format == "json":
        rows = [attrs.asdict(each) for each in differences]
        write_out(json_text({"ok": True, "exit_code": 0, "compared_with": str(path), "differences": rows}))
        return
    lines = list(_difference_lines(differences)) or [f"no rule differs from {path}"]
    write_out("".join(f"{sanitise(line)}\n" for line in lines))


def _difference_lines(differences: Sequence[Difference]) -> Iterator[str]:
    signs = {"added": "+", "removed": "-", "changed": "~"}
    section = ""
    for each in differences:
        if each.where != section:
            section = each.where
            yield f"{section}:"
        yield f"  {signs[each.change]} {excerpt(each.what, 200)}"
        if each.change == "changed":
            yield f"      was {excerpt(_one_line(each.before), 400)}"
            yield f"      is  {excerpt(_one_line(each.after), 400)}"


def _one_line(value: object) -> str:
    return " ".join(json_text(value).split())


def _tell(words: GenerateWords, learnt: _Learning, target: str) -> None:
    next_step = shlex.join(["assay", "validate", target, *([learnt.first_trace] if learnt.first_trace else [])])
    if words.format == "json":
        write_out(json_text(_document(learnt, target, next_step)))
        return
    lines = [*_summary(learnt), f"wrote {target}"]
    if words.review_out:
        lines.append(f"wrote {words.review_out}: decide, then give it to --review")
    write_out("".join(f"{sanitise(line)}\n" for line in (*lines, f"Next: {next_step}")))


def _summary(learnt: _Learning) -> Iterator[str]:
    draft = learnt.draft
    counts = (("tool", "tool"), ("schema", "schema"), ("sequence", "sequence"))
    numbers = [(len(draft.of(kind, "allow")), noun) for kind, noun in counts]  # type: ignore[arg-type]  # kinds
    parts = [f"{number} {noun}{'s' * (number != 1)}" for number, noun in numbers]
    for section in ("files", "network", "processes"):
        if listed := len(draft.of(section, "allow")):
            parts.append(f"{listed} under {section}")
    yield f"Learnt {', '.join(parts)}"
    for source in draft.sources:
        yield f"  from {source}"
    if draft.closed:
        yield "Nothing was seen, so the policy allows nothing"
    yield from _listed("Left out", [f"{what}: {why}" for what, why in draft.left_out])
    yield from _listed("Under review, not allowed", [f"{each.name}: {_why(each.notes)}" for each in draft.under_review])
    skipped = [each for each in draft.entries if each.placing == "skip" and each.kind != "schema"]
    yield from _listed("Not allowed", [f"{each.name}: {each.decision or _why(each.notes)}" for each in skipped])
    if learnt.check is not None:
        yield from _check_lines(learnt.check)


def _why(notes: Sequence[str]) -> str:
    return "; ".join(notes[:2]) or "no reason given"


def _check_lines(check: SelfCheck) -> Iterator[str]:
    if not check.checked:
        yield "Leave one out: not possible with fewer than two runs"
        return
    runs, others = "runs", "the others"
    if check.sampled:
        runs, others = f"sampled runs (of {check.recorded:,})", f"the other {check.checked - 1} of the sample"
    head = f"Leave one out: {check.denied} of {check.checked} {runs}"
    yield f"{head} would have been denied by a policy learnt from {others}"
    yield from (f"  {count} by {rule}" for rule, count in check.rules)


def _listed(head: str, items: Sequence[str]) -> Iterator[str]:
    for item in items[:_SHOWN]:
        yield f"{head}: {excerpt(item, 300)}"
    if len(items) > _SHOWN:
        yield f"{head}: {len(items) - _SHOWN} more; the policy's head and --review-out list them"


def _document(learnt: _Learning, target: str, next_step: str) -> dict[str, object]:
    draft, check = learnt.draft, learnt.check
    return {
        "ok": True,
        "exit_code": 0,
        "output": target,
        "sources": list(draft.sources),
        "tools": [each.subject for each in draft.of("tool", "allow")],
        "under_review": [{"entry": each.name, "reasons": list(each.notes)} for each in draft.under_review],
        "left_out": [{"what": what, "why": why} for what, why in draft.left_out],
        "self_check": None if check is None else {**attrs.asdict(check), "sampled": check.sampled},
        "next_step": next_step,
    }
