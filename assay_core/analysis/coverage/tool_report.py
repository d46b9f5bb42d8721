"""Which tools were used, without a policy: the published report `coverage_report_v1`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

import attrs

import assay_core
from assay_core.analysis.coverage.report import CoverageReport
from assay_core.analysis.coverage.tool_use import Route
from assay_core.model import JsonObject, JsonValue

__all__ = ["ToolReport", "classes_of"]

_NAMELESS = "(no name)"  # the schema wants at least one character


@attrs.frozen(kw_only=True)
class ToolReport:
    """The tools of some calls, those that were declared, and which followed which."""

    calls: Mapping[str, int]  # tool to calls; empty where they were not counted
    declared: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]  # tool to its classes, sorted
    routes: tuple[Route, ...]
    source: str  # where the calls come from: "jsonl", "decision_jsonl", "trace"

    @classmethod
    def of(cls, report: CoverageReport) -> ToolReport:
        """Return the same of a policy's coverage: the tools that it names are the declared ones."""
        classes = {tool: classes_of(names) for tool, names in report.tool_classes.items()}
        return cls(
            calls=dict.fromkeys(report.tools_seen, 1),
            declared=report.tools_declared,
            classes=classes,
            routes=report.routes,
            source="trace",
        )

    @property
    def seen(self) -> tuple[str, ...]:
        """The tools that were called, sorted."""
        return _names(self.calls)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The tools that were called and not declared, sorted."""
        return _names(set(self.calls) - set(self.declared))

    @property
    def unused(self) -> tuple[str, ...]:
        """The tools that were declared and not called, sorted."""
        return _names(set(self.declared) - set(self.calls))

    @property
    def without_class(self) -> tuple[str, ...]:
        """The tools that were called and belong to no class, sorted."""
        return _names(tool for tool in self.calls if not self.classes.get(tool))

    @property
    def classes_seen(self) -> tuple[str, ...]:
        """The classes of the tools that were called, sorted."""
        return tuple(sorted({name for tool in self.calls for name in self.classes.get(tool, ())}))

    def findings(self) -> Iterator[JsonObject]:
        """Yield what somebody should look at, sorted as the format wants it."""
        kinds = (
            ("missing_taxonomy", self.without_class, "tool '{}' has no taxonomy entry"),
            ("unknown_tool", self.unknown, "tool '{}' was seen but not declared"),
        )
        for kind, tools, text in kinds:
            for tool in tools:
                yield {
                    "kind": kind, "severity": "note", "message": text.format(tool), "tool": tool, "count": 1,
                }  # fmt: skip

    def document(self, generated_at: datetime) -> JsonObject:
        """Return the report as the published schema has it. Its objects are closed: nothing may be added.

        Args:
            generated_at: Now, in UTC.
        """
        return {
            "schema_version": "coverage_report_v1",
            "report_version": "1",
            "run": {
                "assay_version": assay_core.__version__,
                "generated_at": generated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "source": self.source,
            },
            "tools": {
                "tools_seen": list(self.seen),
                "tools_declared": list(_names(self.declared)),
                "tools_unknown": list(self.unknown),
            },
            "taxonomy": {
                "tool_classes_seen": list(self.classes_seen),
                "tool_classes_missing": list(self.without_class),
            },
            "routes": {"routes_seen": [_named(route).document() for route in self.routes]},
            "findings": list(self.findings()),
        }


def classes_of(value: JsonValue) -> tuple[str, ...]:
    """Return the names in a list of classes, trimmed; whatever else it is there are none."""
    names = value if isinstance(value, (list, tuple)) else ()
    return tuple(name.strip() for name in names if isinstance(name, str) and name.strip())


def _names(tools: object) -> tuple[str, ...]:
    return tuple(sorted({tool or _NAMELESS for tool in tools}))  # type: ignore[attr-defined]  # an iterable of names


def _named(route: Route) -> Route:
    return attrs.evolve(route, source=route.source or _NAMELESS, target=route.target or _NAMELESS)
