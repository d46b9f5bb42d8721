"""What everybody may know of a policy: its rules, and the protocol of its compiled form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import attrs

from assay_core.errors import Place
from assay_core.model.decision import Decision, EpisodeVerdict, Severity
from assay_core.model.trace import Episode, ToolCall, ToolDefinition


@attrs.frozen(kw_only=True)
class Rule:
    """One rule of a policy, as reports name it."""

    id: str  # its `id`, else its content; never its position
    section: str  # the key it stands under: "tools.deny", "schemas", "sequences", "limits", …
    text: str  # one line for people
    severity: Severity = "deny"
    reason: str = ""  # the author's own words
    decided_by: str = "trace"  # "trace": decided on recorded and live calls; else the enforcers, e.g. "mcp wrap"
    place: Place | None = None


@attrs.frozen(kw_only=True)
class PolicyNotice:
    """Something about a policy that its author should know; never an error."""

    code: str  # a W_POLICY_… code
    message: str
    place: Place | None = None


@runtime_checkable
class PolicySession(Protocol):
    """The state of one episode or connection. `commit` and `learn` are its only mutations."""

    def commit(self, call: ToolCall, decision: Decision) -> None:
        """Take note that the call was decided so; sequences advance if it ran."""

    def learn(self, server: str | None, definitions: Sequence[ToolDefinition]) -> None:
        """Take note of the tools a server announced, for pins."""

    def fork(self) -> PolicySession:
        """Return an independent copy, for "what if"."""

    def finish(self) -> Sequence[object]:
        """Settle what is still open; see `assay_core.policy.Session.finish`."""


@runtime_checkable
class CompiledPolicy(Protocol):
    """A loaded policy. One engine decides recorded and live calls."""

    name: str
    digest: str  # "sha256:…" over the normalised form
    rules: tuple[Rule, ...]
    notices: tuple[PolicyNotice, ...]

    @property
    def schemas(self) -> Mapping[str, object]:
        """The tools that have a schema."""

    @property
    def unrestricted(self) -> tuple[str, ...]:
        """The resource sections that are absent and so govern nothing."""

    def session(self, *, live: bool = False) -> PolicySession:
        """Start an episode or a connection."""

    def decide(self, call: ToolCall, session: PolicySession, at_ms: float | None = None) -> Decision:
        """Decide one call. Pure: the session is not changed."""

    def judge(self, episode: Episode) -> EpisodeVerdict:
        """Decide a whole episode, its end included."""
