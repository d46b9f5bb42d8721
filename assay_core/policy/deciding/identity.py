"""The identity of rules: an `id` if the author gave one, else the rule's content; never its position."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from assay_core.errors import Place, PolicyError
from assay_core.policy.form import NameRule, Operand, Origin, SequenceRule, ToolLimit

__all__ = ["distinct", "limit_identity", "name_identity", "sequence_identity", "shown"]

T = TypeVar("T")


def name_identity(section: str, rule: NameRule) -> str:
    """Return the identity of an entry of a list under `tools`, e.g. `tools.deny:*_secret`."""
    return rule.origin.id or f"{section}:{_exactly(rule.name, rule.exact)}"


def limit_identity(limit: ToolLimit) -> str:
    """Return the identity of a limit per tool, e.g. `limits.per_tool:search_web`."""
    return limit.origin.id or f"limits.per_tool:{limit.tool}"


def sequence_identity(rule: SequenceRule) -> str:
    """Return the identity of a sequence rule, e.g. `after:deploy_*->read_status@3`."""
    return rule.origin.id or f"{rule.type}:{_content(rule)}"


def _content(rule: SequenceRule) -> str:
    match rule.type:
        case "before":
            return f"{_operand(rule.first)}->{_operand(rule.then)}"
        case "after":
            return f"{_operand(rule.trigger)}->{_operand(rule.then)}@{rule.within}"
        case "never_after":
            return f"{_operand(rule.trigger)}->{_operand(rule.forbidden)}"
        case "max_calls":
            return f"{_operand(rule.tool)}<={rule.max}"
        case "eventually":
            return f"{_operand(rule.tool)}@{rule.within}"
        case "sequence":
            return f"{'strict:' if rule.strict else ''}{'>'.join(map(_operand, rule.tools))}"
        case "blocklist":
            return rule.pattern
        case _:
            return _operand(rule.tool)


def _operand(operand: Operand | None) -> str:
    """Return an operand as text, with its selector: `read_file{path=~secret}`."""
    if operand is None:
        return ""
    wanted = [f"{name}=~{regex}" for name, regexes in sorted(operand.args_match.items()) for regex in regexes]
    return _exactly(operand.tool, operand.exact) + ("{" + ",".join(wanted) + "}" if wanted else "")


def _exactly(name: str, exact: bool) -> str:
    """Mark a name whose wildcards stand for themselves, so that it is not taken for the pattern."""
    return f"={name}" if exact and ("*" in name or "?" in name) else name


def distinct(rules: Iterable[tuple[str, Origin, T]]) -> list[tuple[str, T]]:
    """Return the rules by identity, refusing two that would hide each other in every report.

    Raises:
        PolicyError: E_POLICY_PARSE, at the second rule, naming the place of the first.
    """
    seen: dict[str, Place | None] = {}
    kept = []
    for identity, origin, rule in rules:
        if identity in seen:
            first = f"; the first stands at {seen[identity]}" if seen[identity] else ""
            raise PolicyError(
                code="E_POLICY_PARSE",
                message=f"two rules have the identity {shown(identity)}{first}",
                remedy="delete one of them, or give it an `id` of its own",
                place=origin.place,
            )
        seen[identity] = origin.place
        kept.append((identity, rule))
    return kept


def shown(name: str) -> str:
    """Return a name for a message: quoted, and short however long the name is."""
    return repr(name if len(name) <= 80 else name[:80] + "…")
