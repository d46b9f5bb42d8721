"""What every form of an explanation says, in harmless text: arguments, broken rules, state, patches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs
import msgspec

from assay_core.analysis.explanation import Evaluation, ExplainedStep, Explanation
from assay_core.analysis.repair.patch import Patch, patch_diff
from assay_core.commandline.visible import excerpt, sanitise
from assay_core.errors import AssayError
from assay_core.model import JsonObject, JsonValue

if TYPE_CHECKING:  # the SDK shows explanations of one episode, for which these would be loaded in vain
    from assay_core.analysis.explained import Explained
    from assay_core.analysis.repair.from_denials import Proposal

__all__ = [
    "MARKS", "PatchView", "arguments", "broken_line", "fix_of", "json_document", "patches_of", "place_of", "state_line",
    "totals",
]  # fmt: skip

MARKS = {"allowed": "ok", "warning": "WARNING", "blocked": "BLOCKED"}
_SHOWN_ARGS = 3
_ARGUMENT = 40
_LISTED = 10  # recorded calls that a patch names
_DIFF_LINES = 60
_DIFF_LINE = 400


@attrs.frozen(kw_only=True)
class PatchView:
    """A patch as it is shown."""

    patch: Patch
    diff: tuple[str, ...]  # lines, harmless
    also_denies: tuple[str, ...]

    @property
    def allows_line(self) -> str:
        """What else of the trace it would allow."""
        return _calls("also allows", self.patch.also_allows) or "allows no other recorded call"

    @property
    def denies_line(self) -> str:
        """What of the trace it would deny, "" for nothing: a call let through may use up a limit."""
        return _calls("would deny, since a limit counts what is let through", self.also_denies)


def arguments(step: ExplainedStep, shown: int = _SHOWN_ARGS) -> str:
    """Return the first arguments of a call, each cut short."""
    try:
        args = step.call.args
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return "arguments that are no JSON"
    if not isinstance(args, dict):
        return excerpt(_json(args), _ARGUMENT)
    parts = [f"{excerpt(key, _ARGUMENT)}={excerpt(_json(value), _ARGUMENT)}" for key, value in _first(args, shown)]
    return ", ".join([*parts, "…"] if len(args) > shown else parts)


def broken_line(evaluation: Evaluation) -> str:
    """Return what broke a rule, in one line."""
    armed = "" if evaluation.armed_by is None else f", since call [{evaluation.armed_by}]"
    return f"{evaluation.code} {excerpt(evaluation.rule_id, 200)}: {excerpt(evaluation.explanation, 400)}{armed}"


def state_line(step: ExplainedStep) -> str:
    """Return what the rules had seen before the call, in one line."""
    return "; ".join(f"{excerpt(rule, 120)}: {excerpt(text, 120)}" for rule, text in step.state.items())


def fix_of(key: str, proposals: Mapping[str, Proposal]) -> str:
    """Return the line that names a patch, or why there is none; "" where none was looked for."""
    proposal = proposals.get(key)
    if proposal is None:
        return ""
    if proposal.patch is None:
        return f"no automatic edit: {excerpt(proposal.reason, 400)}"
    return f"fix: {proposal.patch.id}"


def place_of(explanation: Explanation) -> str:
    """Return the file and line of an episode."""
    source = explanation.source
    return excerpt(f"{source.file}{f':{source.line}' if source.line else ''}", 200)


def totals(explained: Explained) -> str:
    """Return how many steps there are, and how they were decided."""
    told = explained.trace
    if told is None:
        return "no policy decides here"
    episodes = f"{told.episodes:,} episodes, " if told.episodes != 1 else ""
    unmet = f", {told.unmet:,} rule(s) unmet at the end" if told.unmet else ""
    warned = f", {told.warned:,} with warnings" if told.warned else ""
    decided = f"{told.steps - told.blocked:,} allowed, {told.blocked:,} blocked{warned}"
    return f"{episodes}{told.steps:,} step{'' if told.steps == 1 else 's'} ({decided}){unmet}"


def patches_of(explained: Explained) -> Iterator[PatchView]:
    """Yield each patch once, with its diff."""
    seen = set()
    for proposal in explained.proposals.values():
        patch = proposal.patch
        if patch is not None and patch.id not in seen:
            seen.add(patch.id)
            yield PatchView(patch=patch, diff=_diff(patch), also_denies=proposal.also_denies)


def json_document(explained: Explained) -> JsonObject:
    """Return the answer under the keys of the format, with `patches`, and `test` where one was asked for."""
    from assay_core.run.documents import finding_json, row_json

    body: dict[str, JsonValue] = {"trace_file": explained.trace_file, "exit_code": explained.exit_code}
    body["policy_file"] = str(explained.policy_file) if explained.policy_file else None
    if explained.trace is not None:
        told = dict(explained.trace.document())
        nested = told.get("episodes")
        documents = nested if isinstance(nested, list) else [told]
        for explanation, document in zip(explained.trace.shown, documents, strict=True):
            if isinstance(document, dict):
                _name_fixes(explanation, document, explained.proposals)
        body |= told
    if explained.row is not None:
        row = explained.row
        body["test"] = {**row_json(row), "findings": [finding_json(each) for each in row.findings]}
    body["patches"] = [
        {
            **view.patch.document(),
            "also_denies": list(view.also_denies),
            "diff": _whole_diff(view.patch),
            "apply": f"{explained.fix_command} {view.patch.id}",
        }
        for view in patches_of(explained)
    ]
    return body


def _name_fixes(explanation: Explanation, document: dict[str, JsonValue], proposals: Mapping[str, Proposal]) -> None:
    steps, ends = document["steps"], document["end_of_trace"]
    for step, told in zip(explanation.steps, steps if isinstance(steps, list) else (), strict=True):
        if isinstance(told, dict):
            told |= _fix(step.proposal, proposals)
    for each, told in zip(explanation.closing, ends if isinstance(ends, list) else (), strict=True):
        if isinstance(told, dict):
            told |= _fix(explanation.proposals.get(each.rule_id, ""), proposals)


def _fix(key: str, proposals: Mapping[str, Proposal]) -> dict[str, JsonValue]:
    proposal = proposals.get(key)
    if proposal is None:
        return {}
    return {"no_fix": proposal.reason} if proposal.patch is None else {"fix": proposal.patch.id}


def _calls(words: str, calls: tuple[str, ...]) -> str:
    if not calls:
        return ""
    more = f", and {len(calls) - _LISTED} more" if len(calls) > _LISTED else ""
    return f"{words}: {', '.join(excerpt(each, 120) for each in calls[:_LISTED])}{more}"


def _whole_diff(patch: Patch) -> str:
    try:
        return patch_diff([patch])
    except AssayError as error:  # the file has changed meanwhile
        return error.message


def _diff(patch: Patch) -> tuple[str, ...]:
    lines = _whole_diff(patch).splitlines()
    shown = [sanitise(line[:_DIFF_LINE]) for line in lines[:_DIFF_LINES]]
    return (*shown, f"… and {len(lines) - _DIFF_LINES} lines more") if len(lines) > _DIFF_LINES else tuple(shown)


def _json(value: JsonValue) -> str:
    return msgspec.json.encode(value).decode()


def _first(args: dict[str, JsonValue], shown: int) -> list[tuple[str, JsonValue]]:
    return list(args.items())[:shown]
