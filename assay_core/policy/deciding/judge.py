"""A whole episode against a policy: the loop that decides recorded calls by the million."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from assay_core.model import CallDecision, Episode, EpisodeVerdict, Event, ToolCall
from assay_core.policy.deciding.sequences import advance_steps, break_steps

if TYPE_CHECKING:
    from assay_core.policy.deciding.compiled import Policy
    from assay_core.policy.deciding.session import Session

__all__ = ["judge"]

_decode = msgspec.json.Decoder().decode


def judge(policy: Policy, episode: Episode) -> EpisodeVerdict:
    """Decide every call of an episode, and settle what is open at its end.

    Equal to `decide` and `commit` for every call and `finish` at the end; a test holds it to that. Most calls
    of most episodes break nothing, and these are decided here, without building anything.
    """
    session = policy.session()
    if episode.tool_definitions is not None:
        session.learn(None, episode.tool_definitions)
    decisions = _decisions(policy, session, episode.events)
    closing, outcomes = session.finish(complete=episode.complete)
    return EpisodeVerdict(
        decided=session.decided,
        denied=sum(each.decision.verdict == "deny" for each in decisions),
        warned=sum(each.decision.verdict == "warn" for each in decisions),
        decisions=tuple(decisions),
        closing=closing,
        outcomes=outcomes,
        complete=episode.complete,
    )


def _decisions(policy: Policy, session: Session, events: Sequence[Event]) -> list[CallDecision]:
    """Decide and commit every call; return the decisions that are more than plain allows.

    One long loop on purpose: a function call more per recorded call would cost a tenth of the whole.
    """
    decisions: list[CallDecision] = []
    hot_plans, states, exercised = policy.hot_plans, session.states, session.exercised
    limit = float("inf") if policy.max_total is None else policy.max_total
    has_checks = bool(policy.checks)
    ran = decided = 0
    for call in events:
        if type(call) is not ToolCall:
            continue
        hot = hot_plans.get(call.tool) or policy.plan(call.tool).hot
        if hot is not None and decided < limit:
            check, guards, moves, selected, rule, remark = hot
            args: object = None
            try:
                if check is not None or selected:
                    args_json = call.args_json
                    args = _decode(args_json) if args_json is not None else {}
                fits = check is None or check(args)
            except Exception:  # noqa: BLE001 - what cannot be checked does not fit; the slow path says why
                fits = False
            for slot, breaks, roles in guards:
                if breaks(states[slot], roles, ran):
                    fits = False
            if selected and fits:
                fits = not break_steps(selected, states, call.tool, args, ran)
            if has_checks and fits:
                fits = not policy.check_violations(call, session)
            if fits:
                if call.outcome != "denied":
                    for slot, advance, roles in moves:
                        states[slot] = advance(states[slot], roles, ran, decided)
                    if selected:
                        advance_steps(selected, states, args, ran, decided)
                    if has_checks:
                        session.advance_checks(call)
                    ran += 1
                if rule is not None:
                    exercised[rule] += 1
                if remark is not None:
                    session.note(remark)
                    decisions.append(CallDecision(call_index=decided, decision=remark))
                decided += 1
                continue
        session.ran, session.decided = ran, decided
        decision = policy.decide(call, session)
        session.commit(call, decision)
        if decision.verdict != "allow":
            decisions.append(CallDecision(call_index=decided, decision=decision))
        ran, decided = session.ran, session.decided
    session.ran, session.decided = ran, decided
    return decisions
