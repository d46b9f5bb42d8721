"""What a policy's coverage came to, and its document."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from assay_core.analysis.coverage.schema_walk import SchemaCoverage
from assay_core.analysis.coverage.tool_use import Route
from assay_core.analysis.refusals import share_kept
from assay_core.model import JsonObject, RuleState, RuleSummary

__all__ = ["CoverageReport", "Gap", "PolicyFinding", "state_of"]

Metric: TypeAlias = Literal["overall", "tool", "rule"]


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
    unexpected_tools: tuple[str, ...]  # called, and neither named in the policy nor declared
    tools_seen: tuple[str, ...]  # everything that was called
    tools_declared: tuple[str, ...]  # exact names of the policy, and those declared beside it
    tool_classes: JsonObject = attrs.field(factory=dict)  # tool to its classes, for the tools that were seen
    rules: tuple[str, ...]  # identities of what the policy says beyond names: sequences, limits, schemas, checks
    untriggered_rules: tuple[str, ...]
    rule_states: tuple[RuleSummary, ...] = ()  # of every rule, lists of names and rules decided elsewhere included
    schemas: tuple[SchemaCoverage, ...] = ()  # by tool
    gaps: tuple[Gap, ...]
    routes: tuple[Route, ...] = ()
    routes_left_out: int = 0
    violations: tuple[PolicyFinding, ...]  # the first 10 000; `violation_count` counts all
    warnings: tuple[PolicyFinding, ...]
    violation_count: int
    warning_count: int
    threshold: float  # percent
    episodes: int
    incomplete: int = 0  # episodes without an end: rules that wait for it stay open
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

    @property
    def figures(self) -> dict[Metric, float]:
        """The three percentages, rounded to two decimals as the document has them: what a baseline keeps."""
        found: dict[Metric, float] = {"overall": self.overall_pct, "tool": self.tool_pct, "rule": self.rule_pct}
        return {name: round(value, 2) for name, value in found.items()}

    @property
    def branches(self) -> int:
        """How many branches the schemas have."""
        return sum(each.branches for each in self.schemas)

    @property
    def branches_reached(self) -> int:
        """How many of them some call reached."""
        return sum(each.reached for each in self.schemas)

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
            **self._beyond(),
        }

    def _beyond(self) -> JsonObject:
        """Return what the format does not have."""
        return {
            "policy_violations_total": self.violation_count,
            "policy_warnings_total": self.warning_count,
            "episodes": self.episodes,
            "incomplete_episodes": self.incomplete,
            "tool_calls": self.calls,
            "tool_calls_denied": self.denied,
            "tools_seen": list(self.tools_seen),
            "tools_declared": list(self.tools_declared),
            "rules": [_rule(each, counted=set(self.rules)) for each in self.rule_states],
            "schema_coverage": {
                "total_branches": self.branches,
                "branches_reached": self.branches_reached,
                "coverage_pct": round(_percent(self.branches_reached, self.branches), 2),
                "schemas": [each.document() for each in self.schemas],
            },
            "routes": {
                "routes_seen": [route.document() for route in self.routes],
                "routes_left_out": self.routes_left_out,
            },
        }


def state_of(rule: RuleSummary) -> RuleState:
    """Return what became of a rule over all episodes: the worst that happened, and held only if it was exercised."""
    if rule.violated:
        return "violated"
    if rule.held:
        return "held"
    return "open" if rule.open else "not_exercised"


def _rule(rule: RuleSummary, *, counted: set[str]) -> JsonObject:
    return {
        "rule": rule.rule,
        "section": rule.section,
        "state": state_of(rule) if rule.decided_by == "trace" else "decided_elsewhere",
        "decided_by": rule.decided_by,
        "counted": rule.rule in counted,
        "episodes_held": rule.held,
        "episodes_violated": rule.violated,
        "episodes_open": rule.open,
        "episodes_not_exercised": rule.not_exercised,
    }


def _listed(finding: PolicyFinding, code_key: str) -> JsonObject:
    return {
        "trace_id": finding.trace_id, "tool": finding.tool, code_key: finding.code, "reason": finding.reason,
    }  # fmt: skip


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0
