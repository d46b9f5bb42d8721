"""Findings of a row, those with the same code and rule together."""

from __future__ import annotations

from collections.abc import Iterator

from assay_core.model import Finding
from assay_reporter_console.lines import Line, Span, Style, line, shown

__all__ = ["finding_lines"]

_GROUPS = 5  # shown per row
_PLACES = 3  # shown per group
_MESSAGE = 300
_RANK = {"error": 0, "warning": 1, "note": 2}


def finding_lines(findings: tuple[Finding, ...], *, indent: int, verbose: bool) -> Iterator[Line]:
    """Yield the findings in groups: errors first, else in the order of their calls. `verbose` shows every one."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda each: _RANK[each.severity]):
        groups.setdefault((finding.code, finding.rule), []).append(finding)
    for number, ((code, rule), group) in enumerate(groups.items()):
        if number == _GROUPS and not verbose:
            rest = sum(map(len, list(groups.values())[_GROUPS:]))
            yield line(Span(f"… and {rest:,} more findings under other rules", "quiet"), indent=indent)
            return
        yield from _group(code, rule, group, indent=indent, verbose=verbose)


def _group(code: str, rule: str, group: list[Finding], *, indent: int, verbose: bool) -> Iterator[Line]:
    style: Style = "bad" if any(finding.severity == "error" for finding in group) else "doubtful"
    times = f" ({len(group):,})" if len(group) > 1 else ""
    named = f"  {shown(rule)}" if rule else ""
    yield line(Span(shown(code) + times, style), named, indent=indent, hang=indent + 4)
    for finding in group if verbose else group[:_PLACES]:
        place = Span(f"{_place(finding)}  ", "place") if finding.source else ""
        about = Span(_about(finding), "quiet") if verbose else ""
        yield line(place, shown(finding.message, _MESSAGE), about, indent=indent + 2, hang=indent + 4)
    if len(group) > _PLACES and not verbose:
        yield line(Span(f"… and {len(group) - _PLACES:,} more", "quiet"), indent=indent + 2)


def _place(finding: Finding) -> str:
    if finding.source is None:
        return ""
    number = f":{finding.source.line}" if finding.source.line else ""
    return shown(finding.source.file) + number


def _about(finding: Finding) -> str:
    """Return what a finding knows of its call, for those who ask for more."""
    parts = [
        f"tool {shown(finding.tool)}" if finding.tool else "",
        f"call {finding.call_index}" if finding.call_index is not None else "",
        f"at {shown(finding.pointer)}" if finding.pointer else "",
    ]
    known = ", ".join(part for part in parts if part)
    return f"  ({known})" if known else ""
