"""A draft as the file people read: every rule with what speaks for it, as comments. Hostile names stay names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from assay_core.analysis.learning.draft import Draft, DraftEntry, Kind, policy_of, review_entry
from assay_core.analysis.learning.sensitive import holds_credential
from assay_core.config.starter.yaml_text import block, comment, flow, scalar
from assay_core.model import JsonObject, JsonValue

__all__ = ["policy_json", "policy_yaml"]

_WIDTH = 400  # characters of one remark
_LISTED = 50  # remarks of one kind
_SECTIONS: tuple[Kind, ...] = ("files", "network", "processes")


def policy_yaml(draft: Draft) -> str:
    """Return the policy as YAML. It says exactly what `policy_of` says."""
    policy = policy_of(draft)
    lines = [*_head(draft), 'version: "2.0"', f"name: {scalar(draft.title)}"]
    if "tools" in policy:
        lines += ["", "tools:", *_tool_lines(draft)]
    if isinstance(schemas := policy.get("schemas"), Mapping):
        lines += ["", "# JSON Schema 2020-12 per tool, by its exact name.", "schemas:", *_schema_lines(draft, schemas)]
    if "sequences" in policy:
        lines += ["", "# Orders and numbers that held in every episode.", "sequences:"]
        for entry in draft.of("sequence", "allow"):
            lines += [*_remarks(entry, 2), f"  - {flow(entry.value)}"]
    if "limits" in policy:
        lines += ["", "limits:"]
        for entry in draft.of("limit", "allow"):
            lines += [*_remarks(entry, 2), f"  {scalar(entry.subject)}: {flow(entry.value)}"]
    if isinstance(enforcement := policy.get("enforcement"), Mapping):
        lines += ["", *block({"enforcement": enforcement})]
    for section in _SECTIONS:
        if isinstance(lists := policy.get(section), Mapping):
            lines += ["", f"{section}:", *_section_lines(draft, section, lists)]
    return "\n".join(lines) + "\n"


def policy_json(draft: Draft) -> JsonObject:
    """Return the policy for JSON, with what speaks for each rule under `x-learnt`."""
    rules: JsonObject = {
        entry.name: {
            "support": _hidden(entry.support),
            **({"confidence": round(entry.confidence, 4)} if entry.confidence is not None else {}),
            **({"notes": list(entry.notes)} if entry.notes else {}),
            **({"placing": entry.placing} if entry.placing != "allow" else {}),
        }
        for entry in draft.entries
        if entry.placing != "skip"
    }
    left_out = [{"what": _hidden(what), "why": why} for what, why in draft.left_out]
    learnt: JsonObject = {"from": [_hidden(source) for source in draft.sources], "rules": rules, "left_out": left_out}
    return {**policy_of(draft), "x-learnt": learnt}


def _head(draft: Draft) -> Iterator[str]:
    yield "# Learnt from recorded behaviour by `assay generate`: it allows what was seen. Read it before you trust it:"
    yield "# a recording shows what an agent did, not what it should do. Confidence is the lower bound of Wilson."
    for source in draft.sources[:_LISTED]:
        yield f"# From {_short(source)}"
    if len(draft.sources) > _LISTED:
        yield f"# From {len(draft.sources) - _LISTED} more"
    for what, why in draft.left_out[:_LISTED]:
        yield f"# Left out: {_short(what)}: {_short(why)}"
    if len(draft.left_out) > _LISTED:
        yield f"# Left out: {len(draft.left_out) - _LISTED} more"
    skipped = [each for each in draft.entries if each.placing == "skip" and each.kind != "schema"]
    for entry in skipped[:_LISTED]:
        yield f"# Too rare to be allowed: {_short(entry.name)}: {_short(entry.support)}"
    if len(skipped) > _LISTED:
        yield f"# Too rare to be allowed: {len(skipped) - _LISTED} more"


def _tool_lines(draft: Draft) -> Iterator[str]:
    for entry in draft.of("tool", "needs_review"):
        yield f"  # Under review, not allowed: {_short(entry.subject)}"
        yield from _remarks(entry, 2)
    allowed = draft.of("tool", "allow")
    yield "  allow:" if allowed else "  allow: []"
    for entry in allowed:
        yield from _remarks(entry, 4)
        yield f"    - {flow(entry.value)}"


def _schema_lines(draft: Draft, schemas: Mapping[str, JsonValue]) -> Iterator[str]:
    if "$defs" in schemas:
        yield from block({"$defs": schemas["$defs"]}, 2)
    for entry in draft.of("schema", "allow"):
        yield from _remarks(entry, 2)
        yield from block({entry.subject: entry.value}, 2)


def _section_lines(draft: Draft, section: Kind, lists: Mapping[str, JsonValue]) -> Iterator[str]:
    allowed = draft.of(section, "allow")
    yield "  allow:" if allowed else "  allow: []"
    for entry in allowed:
        yield from _remarks(entry, 4)
        yield f"    - {flow(entry.value)}"
    if "needs_review" in lists:
        yield "  # Not enforced until somebody decides: move an entry to allow or deny, or delete it."
        yield "  needs_review:"
        yield from (f"    - {flow(review_entry(entry))}" for entry in draft.of(section, "needs_review"))
    if "deny" in lists:
        yield "  deny:"
        for entry in draft.of(section, "deny"):
            yield from _remarks(entry, 4)
            yield f"    - {flow(entry.value)}"


def _remarks(entry: DraftEntry, indent: int) -> Iterator[str]:
    """Yield the comment lines above a rule."""
    head = " " * indent + "# "
    confidence = "" if entry.confidence is None else f"; confidence {entry.confidence:.2f}"
    decision = f"; {entry.decision} in a review" if entry.decision else ""
    if text := f"{entry.support}{confidence}{decision}".lstrip("; "):
        yield head + _short(text)
    for note in entry.notes:
        yield f"{head}! {_short(note)}"


def _short(text: str) -> str:
    return comment(_hidden(text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"))


def _hidden(text: str) -> str:
    """Return a remark, unless it holds a secret: a tool or a file may be named after one."""
    return "(hidden: it may be a secret)" if holds_credential(text) else text
