"""Deciding every episode and keeping count of what of the policy that exercised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from assay_core.analysis.coverage.named_tools import exact_tools, gaps, policy_tools, unexpected, unseen
from assay_core.analysis.coverage.report import CoverageReport, PolicyFinding
from assay_core.analysis.coverage.schema_walk import SchemaCoverage, SchemaWalk
from assay_core.analysis.coverage.tool_report import ToolReport, classes_of
from assay_core.analysis.coverage.tool_use import ToolUse
from assay_core.analysis.refusals import told
from assay_core.errors import InputError
from assay_core.model import Episode, EpisodeVerdict, JsonObject, RuleSummary, ToolCall, Violation
from assay_core.policy import Policy

__all__ = ["MAX_LISTED", "cover", "observe"]

MAX_LISTED = 10_000  # violations, and warnings: memory grows with the policy, not with what breaks it
# Sections whose rules are about names: what tool coverage measures. The rules of all others count.
_NAME_LISTS = ("tools", "tools.deny", "tools.deny_classes", "tools.allow", "tools.allow_classes", "enforcement")


def cover(
    policy: Policy, episodes: Iterable[Episode], threshold: float = 0.0, *, declared: Iterable[str] = ()
) -> CoverageReport:
    """Decide every episode and say what of the policy that exercised.

    Args:
        policy: The policy.
        episodes: Once through; a stream will do.
        threshold: The least overall coverage, in percent.
        declared: Tools that are known beside those of the policy: calls of them are not unexpected.

    Raises:
        InputError: E_NO_CHECKS where there was nothing to decide: no episode, or no call and no rule that applied.
    """
    seen = _Seen(policy)
    for episode in episodes:
        seen.add(episode, policy.judge(episode))
    if not seen.calls and not seen.exercised:
        what = "no episode" if not seen.episodes else "no tool call, and no rule of the policy applies"
        raise InputError(code="E_NO_CHECKS", message=f"there is nothing to decide: {what}")
    return seen.report(threshold, tuple(declared))


def observe(episodes: Iterable[Episode], *, declared: Iterable[str] = ()) -> ToolReport:
    """Say which tools some episodes call, and which follows which; there is no policy to measure.

    Args:
        episodes: Once through; a stream will do.
        declared: The tools that are known.
    """
    use = ToolUse()
    classes: dict[str, set[str]] = {}
    for episode in episodes:
        calls = episode.tool_calls
        use.add([call.tool for call in calls])
        for call in calls:
            if b'"tool_classes"' in call.extra_json:
                classes.setdefault(call.tool, set()).update(classes_of(call.extra.get("tool_classes")))
    return ToolReport(
        calls=dict(use.calls),
        declared=tuple(sorted(set(declared))),
        classes={tool: tuple(sorted(names)) for tool, names in classes.items()},
        routes=use.routes(),
        source="trace",
    )


class _Seen:
    """What was seen so far."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._use = ToolUse()
        self._states: Counter[tuple[str, str]] = Counter()  # (rule, state) to episodes
        self._walks = {tool: SchemaWalk(schema) for tool, schema in policy.schemas.items()}
        self._looking = {tool: walk for tool, walk in self._walks.items() if not walk.is_done}
        self._violations: list[PolicyFinding] = []
        self._warnings: list[PolicyFinding] = []
        self._violation_count = self._warning_count = 0
        self._incomplete = self._denied = self._unmet = 0
        self.episodes = self.calls = 0
        self.exercised = False

    def add(self, episode: Episode, verdict: EpisodeVerdict) -> None:
        """Take note of one episode."""
        calls = episode.tool_calls
        self.episodes += 1
        self.calls += verdict.decided
        self._incomplete += not verdict.complete
        self._use.add([call.tool for call in calls])
        if self._looking:
            self._look(calls)
        states, exercised = self._states, self.exercised
        for outcome in verdict.outcomes:
            states[outcome.rule, outcome.state] += 1
            exercised = exercised or outcome.state != "not_exercised"
        self.exercised = exercised
        self._denied += verdict.denied
        if verdict.decisions or verdict.closing:
            self._find(episode.id, calls, verdict)

    def _look(self, calls: Sequence[ToolCall]) -> None:
        looking = self._looking
        for call in calls:
            walk = looking.get(call.tool)
            if walk is not None and not walk.look(call):
                del looking[call.tool]

    def _find(self, episode_id: str, calls: Sequence[ToolCall], verdict: EpisodeVerdict) -> None:
        self._unmet += sum(each.severity == "deny" for each in verdict.closing)
        warned: set[tuple[str, str, str]] = set()  # what is said of a tool's name is said once an episode
        for entry in verdict.decisions:
            for violation in told(entry.decision.violations):
                self._note(episode_id, calls[entry.call_index].tool, violation, warned)
        for violation in verdict.closing:
            self._note(episode_id, "", violation, warned)

    def _note(self, episode_id: str, tool: str, violation: Violation, warned: set[tuple[str, str, str]]) -> None:
        if violation.severity == "deny":
            self._violation_count += 1
            listed = self._violations
        else:
            key = (tool, violation.code, violation.message)
            if key in warned:
                return
            warned.add(key)
            self._warning_count += 1
            listed = self._warnings
        if len(listed) < MAX_LISTED:
            listed.append(PolicyFinding(trace_id=episode_id, tool=tool, code=violation.code, reason=violation.message))

    def report(self, threshold: float, declared: Sequence[str]) -> CoverageReport:
        """Return what was seen, over all episodes."""
        form, called = self._policy.form, self._use.calls
        tools = policy_tools(form)
        known = set(declared)
        rules = tuple(
            sorted(
                rule.id for rule in self._policy.rules if rule.decided_by == "trace" and rule.section not in _NAME_LISTS
            )
        )
        states = self._states
        return CoverageReport(
            tools=tuple(sorted(tools)),
            unseen_tools=tuple(sorted(unseen(tools, called))),
            unexpected_tools=tuple(sorted(set(unexpected(tools, called)) - known)),
            tools_seen=tuple(sorted(called)),
            tools_declared=tuple(sorted(exact_tools(form) | known)),
            tool_classes=self._classes(),
            rules=rules,
            untriggered_rules=tuple(rule for rule in rules if not (states[rule, "held"] or states[rule, "violated"])),
            rule_states=self._rule_states(),
            schemas=tuple(self._schemas()),
            gaps=tuple(gaps(form, called)),
            routes=self._use.routes(),
            routes_left_out=self._use.routes_left_out,
            violations=tuple(self._violations),
            warnings=tuple(self._warnings),
            violation_count=self._violation_count,
            warning_count=self._warning_count,
            threshold=threshold,
            episodes=self.episodes,
            incomplete=self._incomplete,
            calls=self.calls,
            denied=self._denied,
            unmet=self._unmet,
        )

    def _classes(self) -> JsonObject:
        classes = self._policy.form.tool_classes
        return {tool: list(classes[tool]) for tool in sorted(self._use.calls) if tool in classes}

    def _rule_states(self) -> tuple[RuleSummary, ...]:
        states = self._states
        return tuple(
            RuleSummary(
                rule=rule.id,
                section=rule.section,
                held=states[rule.id, "held"],
                violated=states[rule.id, "violated"],
                not_exercised=states[rule.id, "not_exercised"],
                open=states[rule.id, "open"],
                decided_by=rule.decided_by,
            )
            for rule in sorted(self._policy.rules, key=lambda rule: rule.id)
        )

    def _schemas(self) -> Iterable[SchemaCoverage]:
        for tool in sorted(self._walks):
            yield self._walks[tool].coverage(tool, self._use.calls[tool])
