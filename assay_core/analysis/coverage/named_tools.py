"""Which tools a policy names, and which of them are dangerous."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from assay_core.analysis.coverage.report import Gap
from assay_core.policy import Operand, PolicyForm, SequenceRule, ToolPattern

__all__ = ["exact_tools", "gaps", "policy_tools", "unexpected", "unseen"]


def policy_tools(form: PolicyForm) -> dict[str, bool]:
    """Return every tool or pattern that a policy names, and whether its wildcards stand for themselves."""
    found: dict[str, bool] = {}
    for rule in (*(form.tools.allow or ()), *form.tools.deny):
        _add(found, form, rule.name, exact=rule.exact)
    for tool in form.schemas:
        found[tool] = True
    for limit in form.per_tool:
        _add(found, form, limit.tool, exact=False)
    for sequence in form.sequences:
        for operand in _operands(sequence):
            _add(found, form, operand.tool, exact=operand.exact)
    return found


def exact_tools(form: PolicyForm) -> set[str]:
    """Return the names that a policy spells out, without patterns."""
    named = {name for name, exact in policy_tools(form).items() if exact or ToolPattern(name).is_exact}
    return named | set(form.tool_classes) | {pin.tool for pin in form.tool_pins}


def unseen(tools: dict[str, bool], seen: Collection[str]) -> Iterator[str]:
    """Yield the named tools, and patterns, that no call used."""
    return (name for name, exact in tools.items() if not _matches_any(name, seen, exact=exact))


def unexpected(tools: dict[str, bool], seen: Iterable[str]) -> Iterator[str]:
    """Yield the tools that were called and that no name or pattern is about."""
    patterns = [ToolPattern(name) for name, exact in tools.items() if not exact]
    return (tool for tool in seen if tool not in tools and not any(each.matches(tool) for each in patterns))


def gaps(form: PolicyForm, seen: Collection[str]) -> Iterator[Gap]:
    """Yield the dangerous tools that no trace calls, sorted; a pattern names no single tool."""
    risky: dict[str, str] = {}
    for rule in form.tools.deny:
        for name in form.aliases.get(rule.name, (rule.name,)):
            if rule.exact or ToolPattern(name).is_exact:
                risky.setdefault(name, "tools.deny names it, and no trace shows that it is refused")
    for sequence in form.sequences:
        if sequence.forbidden is not None:
            for name in form.aliases.get(sequence.forbidden.tool, (sequence.forbidden.tool,)):
                if sequence.forbidden.exact or ToolPattern(name).is_exact:
                    risky.setdefault(name, "a never_after rule forbids it, and no trace shows that it holds")
    for name in sorted(risky):
        if name not in seen:
            yield Gap(tool=name, reason=risky[name])


def _operands(rule: SequenceRule) -> Iterator[Operand]:
    for operand in (rule.tool, rule.first, rule.then, rule.trigger, rule.forbidden, *rule.tools):
        if operand is not None:
            yield operand


def _add(found: dict[str, bool], form: PolicyForm, name: str, *, exact: bool) -> None:
    """Add a name, or what it stands for."""
    if name in form.aliases:
        for member in form.aliases[name]:
            found.setdefault(member, False)
    elif name != "*" or exact:  # what names every tool names none
        found[name] = found.get(name, False) or exact


def _matches_any(name: str, tools: Collection[str], *, exact: bool) -> bool:
    pattern = ToolPattern(name)
    if exact or pattern.is_exact:
        return name in tools
    return any(pattern.matches(tool) for tool in tools)
