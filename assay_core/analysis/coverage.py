"""How much of a policy some traces exercised: its tools, its rules, and what they broke."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from assay_core.analysis.refusals import share_kept, told
from assay_core.errors import InputError
from assay_core.model import Episode, EpisodeVerdict, JsonObject, ToolCall, Violation
from assay_core.policy import Operand, Policy, PolicyForm, SequenceRule, ToolPattern

__all__ = ["CoverageReport", "Gap", "PolicyFinding", "cover"]

# Sections whose rules are about names: what tool coverage measures. The rules of all others count.
_NAME_LISTS = ("tools", "tools.deny", "tools.deny_classes", "tools.allow", "tools.allow_classes", "enforcement")


@attrs.frozen(kw_only=True)
class Gap:
    """A tool that the policy holds dangerous and that no trace calls: whether it is refused was never seen."""

    tool: str
    reason: str
    severity: str = "high"


@attrs.frozen(kw_only=True)
class PolicyFinding:
    """One thing that the policy says against a call, or against the end of an episode (`tool` is then empty)."""

    trace_id: str
    tool: str
    code: str
    reason: str


@attrs.frozen(kw_only=True)
class CoverageReport:
    """What was exercised. All lists are sorted, those of findings stand in the order of the traces."""

    tools: tuple[str, ...]  # tools and patterns that the policy names; an alias counts as its members
    unseen_tools: tuple[str, ...]
    unexpected_tools: tuple[str, ...]  # called, and named nowhere in the policy
    rules: tuple[str, ...]  # identities of what the policy says beyond names: sequences, limits, schemas, checks
    untriggered_rules: tuple[str, ...]
    gaps: tuple[Gap, ...]
    violations: tuple[PolicyFinding, ...]
    warnings: tuple[PolicyFinding, ...]
    threshold: float  # percent
    episodes: int
    calls: int
    denied: int  # calls that the policy denies
    unmet: int  # rules that deny and are unmet at the end of an episode

    @property
    def tool_pct(self) -> float:
        """The share of the policy's tools that some call used, in percent; 100 where it names none."""
        return _percent(len(self.tools) - len(self.unseen_tools), len(self.tools))

    @property
    def rule_pct(self) -> float:
        """The share of the rules that some episode exercised, in percent; 100 where there is none."""
        return _percent(len(self.rules) - len(self.untriggered_rules), len(self.rules))

    @property
    def overall_pct(self) -> float:
        """The mean of both."""
        return (self.tool_pct + self.rule_pct) / 2

    @property
    def meets_threshold(self) -> bool:
        """Whether the overall coverage reaches the threshold."""
        return self.overall_pct >= self.threshold

    @property
    def share_kept(self) -> float:
        """The share of calls that nothing denies, 0 to 1; a rule unmet at the end counts as one more call."""
        return share_kept(self.calls, self.denied, self.unmet)

    def document(self) -> JsonObject:
        """Return the report under the keys of the format, percentages rounded to two decimals."""
        return {
            "tool_coverage": {
                "total_tools_in_policy": len(self.tools),
                "tools_seen_in_traces": len(self.tools) - len(self.unseen_tools),
                "coverage_pct": round(self.tool_pct, 2),
                "unseen_tools": list(self.unseen_tools),
                "unexpected_tools": list(self.unexpected_tools),
            },
            "rule_coverage": {
                "total_rules": len(self.rules),
                "rules_triggered": len(self.rules) - len(self.untriggered_rules),
                "coverage_pct": round(self.rule_pct, 2),
                "untriggered_rules": list(self.untriggered_rules),
            },
            "high_risk_gaps": [attrs.asdict(gap) for gap in self.gaps],
            "policy_violations": [_listed(each, "error_code") for each in self.violations],
            "policy_warnings": [_listed(each, "warning_code") for each in self.warnings],
            "overall_coverage_pct": round(self.overall_pct, 2),
            "meets_threshold": self.meets_threshold,
            "threshold": self.threshold,
        }


@attrs.define
class _Seen:
    """What was seen so far."""

    tools: set[str] = attrs.field(factory=set)
    rules: set[str] = attrs.field(factory=set)
    violations: list[PolicyFinding] = attrs.field(factory=list)
    warnings: list[PolicyFinding] = attrs.field(factory=list)
    episodes: int = 0
    calls: int = 0
    denied: int = 0
    unmet: int = 0
    exercised: bool = False

    def add(self, episode: Episode, verdict: EpisodeVerdict) -> None:
        calls = episode.tool_calls
        self.episodes += 1
        self.calls += verdict.decided
        self.tools.update(call.tool for call in calls)
        self.rules.update(each.rule for each in verdict.outcomes if each.state in ("held", "violated"))
        self.exercised = self.exercised or any(each.state != "not_exercised" for each in verdict.outcomes)
        self.denied += verdict.denied
        self.unmet += sum(each.severity == "deny" for each in verdict.closing)
        warned: set[PolicyFinding] = set()  # what is said of a tool's name is said once an episode
        for entry in verdict.decisions:
            self._note(episode.id, calls[entry.call_index], told(entry.decision.violations), warned)
        self._note(episode.id, None, verdict.closing, warned)

    def _note(
        self, episode_id: str, call: ToolCall | None, violations: Iterable[Violation], warned: set[PolicyFinding]
    ) -> None:
        for violation in violations:
            found = PolicyFinding(
                trace_id=episode_id, tool=call.tool if call else "", code=violation.code, reason=violation.message
            )
            if violation.severity == "deny":
                self.violations.append(found)
            elif found not in warned:
                warned.add(found)
                self.warnings.append(found)


def cover(policy: Policy, episodes: Iterable[Episode], threshold: float = 0.0) -> CoverageReport:
    """Decide every episode and say what of the policy that exercised.

    Args:
        policy: The policy.
        episodes: Once through; a stream will do.
        threshold: The least overall coverage, in percent.

    Raises:
        InputError: E_NO_CHECKS where there was nothing to decide: no episode, or no call and no rule that applied.
    """
    seen = _Seen()
    for episode in episodes:
        seen.add(episode, policy.judge(episode))
    if not seen.calls and not seen.exercised:
        what = "no episode" if not seen.episodes else "no tool call, and no rule of the policy applies"
        raise InputError(code="E_NO_CHECKS", message=f"there is nothing to decide: {what}")
    tools = _policy_tools(policy.form)
    rules = sorted(rule.id for rule in policy.rules if rule.decided_by == "trace" and rule.section not in _NAME_LISTS)
    return CoverageReport(
        tools=tuple(sorted(tools)),
        unseen_tools=tuple(sorted(name for name, exact in tools.items() if not _matches_any(name, exact, seen.tools))),
        unexpected_tools=tuple(sorted(tool for tool in seen.tools if not _is_named(tool, tools))),
        rules=tuple(rules),
        untriggered_rules=tuple(rule for rule in rules if rule not in seen.rules),
        gaps=tuple(_gaps(policy.form, seen.tools)),
        violations=tuple(seen.violations),
        warnings=tuple(seen.warnings),
        threshold=threshold,
        episodes=seen.episodes,
        calls=seen.calls,
        denied=seen.denied,
        unmet=seen.unmet,
    )


def _policy_tools(form: PolicyForm) -> dict[str, bool]:
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


def _matches_any(name: str, exact: bool, tools: Iterable[str]) -> bool:
    if exact or ToolPattern(name).is_exact:
        return name in tools
    pattern = ToolPattern(name)
    return any(pattern.matches(tool) for tool in tools)


def _is_named(tool: str, named: dict[str, bool]) -> bool:
    return tool in named or any(not exact and ToolPattern(name).matches(tool) for name, exact in named.items())


def _gaps(form: PolicyForm, seen: set[str]) -> Iterator[Gap]:
    """Yield the dangerous tools that no trace calls; a pattern names no single tool."""
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


def _listed(finding: PolicyFinding, code_key: str) -> JsonObject:
    return {
        "trace_id": finding.trace_id, "tool": finding.tool, code_key: finding.code, "reason": finding.reason,
    }  # fmt: skip


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0
