"""Repairs of limits, pins and sequence rules: a number is raised as far as the episode needs, else the rule goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import msgspec

from assay_core.analysis.repair.policy_file import Draft, PolicyFile, list_entries, rule_identity, section
from assay_core.analysis.repair.situation import Situation, Unrepairable
from assay_core.model import ToolCall, Violation
from assay_core.policy import Policy, SequenceRule, evaluate_rules, parse_sequence_rules
from assay_core.policy.deciding.rules import TOTAL_RULE
from assay_core.policy.deciding.session import time_of

__all__ = ["repair_limit", "repair_pin", "repair_sequence"]

_PIN_KEYS = ("server_id", "tool_name", "schema_hash", "meta_hash")


def repair_limit(file: PolicyFile, draft: Draft, policy: Policy, situation: Situation, violation: Violation) -> None:
    """Raise a limit to the number of calls that the recorded one needs."""
    call = _call(situation)
    limits = section(draft, "limits")
    if violation.rule == TOTAL_RULE:
        limits["max_tool_calls_total"] = situation.session_under(policy).decided + 1
        return
    place = policy.limit_rules.index(violation.rule)
    tool = policy.form.per_tool[place].tool
    ample = 1 + len(situation.episode.tool_calls)
    _set_limit(limits["per_tool"], tool, ample)
    roomy = file.load(draft)
    if roomy is None:
        raise Unrepairable("the limit cannot be raised where it stands")
    session = situation.session_under(roomy)  # in which nothing was refused by this limit
    window, per_ms = session.windows[place], roomy.form.per_tool[place].per_ms
    if window is None or per_ms is None:
        _set_limit(limits["per_tool"], tool, session.permitted[place] + 1)
        return
    when = time_of(call, None, live=False)
    now = session.clocks[place] if when is None else when
    start = (now or 0.0) - per_ms
    _set_limit(limits["per_tool"], tool, 1 + sum(each is None or each > start for each in window))


def repair_pin(draft: Draft, policy: Policy, situation: Situation) -> None:
    """Pin the tool as it was announced."""
    call = _call(situation)
    announced = (situation.session_under(policy).identities or {}).get(call.tool, ())
    if call.server is not None:
        announced = tuple(each for each in announced if each.server_id in (None, call.server))
    if len(announced) != 1 or not announced[0].schema_hashes:
        raise Unrepairable("it is not the tool that was pinned, and no single announcement of it can be pinned instead")
    (identity,) = announced
    pin = section(draft, "tool_pins", call.tool)
    seen = (identity.server_id or call.server, identity.tool_name, identity.schema_hashes[0], identity.meta_hash)
    for key, value in zip(_PIN_KEYS, seen, strict=True):
        fits = pin[key] in identity.schema_hashes if key == "schema_hash" else pin[key] == value
        if value is not None and not fits:
            pin[key] = value


def repair_sequence(file: PolicyFile, draft: Draft, policy: Policy, situation: Situation, violation: Violation) -> None:
    """Raise `max` or `within`, or let a strict sequence be a loose one; else drop the rule."""
    exact = file.kind == "rules"
    for entries, place, entry in list_entries(draft, ("sequences",)):
        if rule_identity(entry, exact=exact) != violation.rule:
            continue
        (rule,) = parse_sequence_rules([entry], exact=exact)
        change = _raised(rule, policy, situation) or _loosened(rule, policy, situation)
        if change is None:
            del entries[place]
        else:
            entry.update(change)  # type: ignore[union-attr]  # a rule is a mapping
        return
    raise Unrepairable(f"the rule {violation.rule!r} does not stand under `sequences` of this file")


def _raised(rule: SequenceRule, policy: Policy, situation: Situation) -> dict[str, Any] | None:
    calls = situation.episode.tool_calls
    aliases = policy.form.aliases
    if rule.type == "max_calls" and situation.call is not None:
        index = situation.session_under(policy).decided
        counted = (*calls[:index], msgspec.structs.replace(calls[index], outcome="ok"))
        verdict = evaluate_rules([attrs.evolve(rule, max=len(counted))], counted, aliases=aliases)
        return {"max": verdict.outcomes[0].count}
    if rule.type not in ("after", "eventually") or situation.call is not None:
        return None

    def holds(within: int) -> bool:
        tried = attrs.evolve(rule, within=within)
        return not evaluate_rules([tried], calls, aliases=aliases, complete=situation.episode.complete).violations

    least = _least(rule.within + 1, len(calls) + 1, holds)
    return None if least is None else {"within": least}


def _loosened(rule: SequenceRule, policy: Policy, situation: Situation) -> dict[str, Any] | None:
    if rule.type != "sequence" or not rule.strict or situation.call is None:
        return None
    index = situation.session_under(policy).decided
    calls: tuple[ToolCall, ...] = situation.episode.tool_calls[: index + 1]
    loose = evaluate_rules([attrs.evolve(rule, strict=False)], calls, aliases=policy.form.aliases, complete=False)
    return None if any(each.call_index == index for each in loose.violations) else {"strict": False}


def _least(low: int, high: int, holds: Callable[[int], bool]) -> int | None:
    """Return the least number for which something holds that holds for every greater one; None beyond `high`."""
    if low > high or not holds(high):
        return None
    step = 1
    while low + step < high and not holds(low + step):
        low, step = low + step, step * 2
    high = min(high, low + step)
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _set_limit(limits: dict[str, Any], tool: str, most: int) -> None:
    if isinstance(limits[tool], dict):
        limits[tool]["max"] = most
    else:
        limits[tool] = most


def _call(situation: Situation) -> ToolCall:
    if situation.call is None:
        raise Unrepairable("nothing in the policy but this rule asks for it")
    return situation.call
