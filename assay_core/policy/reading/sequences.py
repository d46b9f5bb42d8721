"""From the file to the form: sequence rules and their operands. The metrics read their rules with it, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from assay_core.documents import Document
from assay_core.errors import Place, PolicyError
from assay_core.model import JsonValue
from assay_core.policy.form import Operand, SequenceRule, SequenceType
from assay_core.policy.reading.tools import ORIGIN_KEYS, name_of, origin_of
from assay_core.policy.reading.written import ErrorKind, Problems, Written

__all__ = ["parse_sequence_rules", "sequence_rules"]

# Per operator: the operands it takes (all required), then its further keys.
_OPERANDS: Mapping[str, tuple[str, ...]] = {
    "require": ("tool",),
    "eventually": ("tool",),
    "max_calls": ("tool",),
    "before": ("first", "then"),
    "after": ("trigger", "then"),
    "never_after": ("trigger", "forbidden"),
    "sequence": ("tools",),
    "blocklist": (),
}
_FURTHER: Mapping[str, tuple[str, ...]] = {
    "eventually": ("within", "on_violation"),
    "max_calls": ("max",),
    "after": ("within", "on_violation"),
    "sequence": ("strict",),
    "blocklist": ("pattern",),
}
_REQUIRED: Mapping[str, tuple[str, ...]] = {"eventually": ("within",), "max_calls": ("max",), "blocklist": ("pattern",)}
_INVENTED = {
    "immediately_before": "before, or a strict sequence",
    "allowlist": "tools.allow",
    "count": "max_calls",
}


def parse_sequence_rules(
    value: JsonValue,
    *,
    document: Document | None = None,
    path: Sequence[str | int] = (),
    place: Place | None = None,
    exact: bool = False,
    code: str = "E_POLICY_PARSE",
    unknown_code: str = "",
    error: ErrorKind = PolicyError,
) -> tuple[SequenceRule, ...]:
    """Return the sequence rules in a list.

    Args:
        value: The list, as decoded.
        document: The document the list stands in, for places, and
        path: where in it; without a document every error stands at `place`.
        place: The place of errors where the document knows none.
        exact: Whether `*` and `?` in names are literal, as in a rules policy.
        code: The code of errors in form.
        unknown_code: The code of unknown keys; `code` where it is "".
        error: The class of errors.

    Raises:
        AssayError: of class `error`, with every problem found: `code`, `unknown_code`, E_CFG_VACUOUS,
            E_REGEX_INVALID (an InputError).
    """
    known = document or Document(value, place.file if place else "<rules>")
    problems = Problems(known, code=code, unknown_code=unknown_code, error=error, fallback=place)
    rules = sequence_rules(Written(value=value, path=tuple(path), problems=problems), exact=exact)
    problems.raise_any()
    return rules


def sequence_rules(section: Written, *, exact: bool = False) -> tuple[SequenceRule, ...]:
    """Return the sequence rules in a list; what is wrong is noted in the section's problems."""
    rules = [_rule(entry, exact) for entry in section.items()]
    return tuple(rule for rule in rules if rule is not None)


def _rule(entry: Written, exact: bool) -> SequenceRule | None:
    if not isinstance(entry.value, Mapping):
        entry.expected("a rule such as {type: before, first: a, then: b}")
        return None
    kind = entry.get("type")
    if kind is None:
        entry.wrong("missing key 'type'", remedy=f"one of {', '.join(_OPERANDS)}")
        return None
    instead = _INVENTED.get(str(kind.value))
    if instead:
        kind.wrong(f"there is no rule type {kind.value!r}", remedy=f"use {instead}")
        return None
    name = kind.choice(tuple(_OPERANDS))
    if name is None:
        return None
    operands, further = _OPERANDS[name], _FURTHER.get(name, ())
    required = (*operands, *_REQUIRED.get(name, ()))
    members = entry.fields(("type", *operands, *further, *ORIGIN_KEYS), required=required)
    fields = _operands(members, operands, exact)
    fields |= _further(members)
    if name == "sequence" and "tools" in members and len(cast("tuple[Operand, ...]", fields.get("tools", ()))) < 2:
        members["tools"].wrong("a sequence of fewer than two tools can never fail", code="E_CFG_VACUOUS")
    if any(key not in members for key in required):
        return None
    return SequenceRule(type=cast("SequenceType", name), origin=origin_of(entry, members), **fields)  # type: ignore[arg-type]  # the keys are its fields


def _operands(members: Mapping[str, Written], operands: tuple[str, ...], exact: bool) -> dict[str, object]:
    fields: dict[str, object] = {}
    for key in operands:
        if key not in members:
            continue
        if key == "tools":
            found = [_operand(item, exact) for item in members[key].items()]
            fields[key] = tuple(each for each in found if each is not None)
        else:
            fields[key] = _operand(members[key], exact)
    return fields


def _further(members: Mapping[str, Written]) -> dict[str, object]:
    fields: dict[str, object] = {}
    if "within" in members:
        fields["within"] = members["within"].whole(least=1) or 1
    if "max" in members:
        fields["max"] = members["max"].whole() or 0
    if "strict" in members:
        fields["strict"] = bool(members["strict"].flag())
    if "pattern" in members:
        fields["pattern"] = name_of(members["pattern"]) or ""
    if "on_violation" in members:
        word: Literal["report", "deny"] = "report"
        if members["on_violation"].choice(("report", "deny")) == "deny":
            word = "deny"
        fields["on_violation"] = word
    return fields


def _operand(entry: Written, exact: bool) -> Operand | None:
    if not isinstance(entry.value, Mapping):
        name = name_of(entry, words="a tool, a pattern, an alias, or {tool: …, args_match: …}")
        return None if name is None else Operand(tool=name, exact=exact and ("*" in name or "?" in name))
    members = entry.fields(("tool", "args_match", "exact"), required=("tool",))
    name = name_of(members["tool"]) if "tool" in members else None
    matches: dict[str, tuple[str, ...]] = {}
    if "args_match" in members:
        matches = _args_match(members["args_match"])
    if "exact" in members:
        exact = bool(members["exact"].flag())
    return (
        None if name is None else Operand(tool=name, args_match=matches, exact=exact and ("*" in name or "?" in name))
    )


def _args_match(section: Written) -> dict[str, tuple[str, ...]]:
    matches: dict[str, tuple[str, ...]] = {}
    for argument, each in section.members().items():
        patterns = each.items() if isinstance(each.value, (list, tuple)) else [each]
        matches[argument] = tuple(regex for item in patterns if (regex := item.regex()) is not None)
        if not patterns:
            each.wrong("an empty list of patterns selects nothing", code="E_CFG_VACUOUS")
    if isinstance(section.value, Mapping) and not matches:
        section.wrong("an empty args_match selects nothing", code="E_CFG_VACUOUS")
    return matches
