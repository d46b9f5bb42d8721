"""What `assay policy validate` shows of a policy."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from assay_core.commandline.visible import sanitise
from assay_core.model import JsonObject, JsonValue, PolicyNotice, Rule
from assay_core.policy.matching.resources import SECTIONS, read_target
from assay_core.policy.normalise import normalised, without_absent
from assay_core.policy.reading.findings import later_sections

if TYPE_CHECKING:
    from assay_core.policy.deciding.compiled import Policy
    from assay_core.policy.form import PolicyForm, ResourceRules

__all__ = ["as_json", "as_text", "resource_rows"]


def as_json(policy: Policy, *, ok: bool) -> JsonObject:
    """Return everything as one JSON object."""
    return {
        "ok": ok,
        "file": policy.form.file,
        "name": policy.name,
        "digest": policy.digest,
        "unrestricted": list(policy.unrestricted),
        "findings": [_notice(each) for each in policy.notices],
        "enforced_elsewhere": [_notice(each) for each in later_sections(policy.form)],
        "rules": [_rule(each) for each in policy.rules],
        "resources": [dict(row) for row in resource_rows(policy.form)],
        "policy": normalised(policy.form),
    }


def as_text(policy: Policy) -> str:
    """Return everything for people; the normalised form at the end is a policy file that means the same."""
    count = len(policy.notices)
    title = policy.name or "a policy without a name"
    how_many = f"{len(policy.rules)} rule{'' if len(policy.rules) == 1 else 's'}"
    found = f"{count or 'no'} finding{'' if count == 1 else 's'}"
    lines = [
        f"{sanitise(policy.form.file)}: {sanitise(title)}: {how_many}, {found}",
        f"digest: {policy.digest}",
    ]
    if policy.unrestricted:
        lines.append(f"unrestricted: {', '.join(policy.unrestricted)}")
    lines += _titled("findings", [_notice_line(each) for each in policy.notices])
    rules = [(rule.id, rule.section, rule.severity, rule.decided_by, _line_of(rule)) for rule in policy.rules]
    lines += _titled("rules", _table(("rule", "section", "severity", "decided by", "line"), rules))
    rows = resource_rows(policy.form)
    cells = [tuple(str(row[key]) for key in ("section", "effect", "target", "tier", "note")) for row in rows]
    lines += _titled("resources", _table(("section", "effect", "target", "tier", "note"), cells))
    lines += _titled("enforced elsewhere", [_notice_line(each, "note") for each in later_sections(policy.form)])
    lines += ["", "normalised form", "", _yaml(without_absent(normalised(policy.form))).rstrip("\n")]
    return "\n".join(lines) + "\n"


def resource_rows(form: PolicyForm) -> Sequence[Mapping[str, str]]:
    """Return what each entry of files, network, processes and env means, and which tier can hold it."""
    return [row for section in SECTIONS for row in _rows(section, getattr(form, section))]


def _rows(section: str, rules: ResourceRules | None) -> Iterator[Mapping[str, str]]:
    if rules is None:
        return
    lists = {"allow": rules.allow or (), "deny": rules.deny, "needs_review": rules.needs_review}
    for effect, entries in lists.items():
        for entry in entries:
            resource = read_target(section, effect, entry.expanded)  # type: ignore[arg-type]  # the three effects
            rights = f" ({entry.rights})" if section == "files" and entry.rights != "rwx" else ""
            yield {
                "section": section,
                "effect": effect,
                "target": entry.expanded + rights,
                "kind": resource.kind,
                "tier": resource.tier,
                "note": resource.note,
            }


def _notice(notice: PolicyNotice) -> dict[str, JsonValue]:
    place = notice.place
    return {
        "code": notice.code,
        "message": notice.message,
        "file": place.file if place else None,
        "line": (place.line or None) if place else None,
        "column": (place.column or None) if place else None,
    }


def _rule(rule: Rule) -> dict[str, JsonValue]:
    return {
        "id": rule.id,
        "section": rule.section,
        "text": rule.text,
        "severity": rule.severity,
        "reason": rule.reason,
        "decided_by": rule.decided_by,
        "line": (rule.place.line or None) if rule.place else None,
    }


def _notice_line(notice: PolicyNotice, word: str = "warning") -> str:
    where = f"{notice.place}: " if notice.place else ""
    return "  " + sanitise(f"{where}{word}[{notice.code}]: {notice.message}")


def _line_of(rule: Rule) -> str:
    return str(rule.place.line) if rule.place and rule.place.line else "-"


def _titled(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, "", *lines] if lines else []


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    cells = [head, *[[sanitise(cell) for cell in row] for row in rows]]
    widths = [min(60, max(len(row[column]) for row in cells)) for column in range(len(head))]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def _yaml(value: JsonObject) -> str:
    """Return a value as YAML, with what a terminal must not get written as escapes."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # ruamel states no type
    yaml.allow_unicode = False
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_plain(value), stream)
    return stream.getvalue()


def _plain(value: JsonValue) -> object:
    """Copy without shared parts, which YAML would write as anchors."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
