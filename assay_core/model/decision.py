"""What the policy says of one tool call, and of a whole episode."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Verdict: TypeAlias = Literal["allow", "warn", "deny"]
Severity: TypeAlias = Literal["warn", "deny"]
RuleState: TypeAlias = Literal["held", "violated", "not_exercised", "open"]


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with one call, or with the end of an episode."""

    rule: str  # the rule's identity: its `id`, else its content, e.g. "tools.deny:*_secret"
    code: str  # a decision code
    message: str  # one sentence; never holds a secret, may hold hostile text
    severity: Severity = "deny"
    pointer: str = ""  # JSON Pointer into the arguments, "" for the call as a whole
    keyword: str = ""  # for E_ARG_SCHEMA the keyword that failed
    antecedent: int | None = None  # for sequences the index of the call that armed the rule


class Obligation(msgspec.Struct, frozen=True, kw_only=True):
    """Something the enforcer owes when it lets a call through."""

    kind: str  # "approval" | "scope" | "redaction"
    rule: str
    detail_json: bytes = b"{}"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on one tool call. The first deny in the order of the policy language gives code and rule."""

    verdict: Verdict
    code: str = ""  # "" where nothing was found
    rule: str = ""
    reason: str = ""
    violations: tuple[Violation, ...] = ()  # all that were found, warnings included, in the order of deciding
    obligations: tuple[Obligation, ...] = ()


ALLOW = Decision(verdict="allow")


class RuleOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one rule over one whole episode."""

    rule: str
    state: RuleState
    code: str = ""
    count: int = 0  # how often it was exercised


class CallDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A decision together with the index of the call it is about."""

    call_index: int
    decision: Decision


class EpisodeVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy says of one whole episode."""

    decided: int  # tool calls decided
    denied: int
    warned: int
    decisions: tuple[CallDecision, ...]  # only those that are not plain allows, by call index
    closing: tuple[Violation, ...]  # found at the end of the episode
    outcomes: tuple[RuleOutcome, ...]  # one per rule, sorted by rule
    complete: bool = True
