"""What the author of a policy should know although nothing is wrong with its form.

Names that cannot match, rules that cannot apply, patterns that mean something else than elsewhere, sections that
are enforced later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

import attrs

from assay_core.errors import Place
from assay_core.model import PolicyNotice
from assay_core.policy.form import NameRule, Operand, PolicyForm, SequenceRule
from assay_core.policy.reading.forms import FileKind

__all__ = ["can_overlap", "covers", "find", "later_sections"]

_NAME_LISTS = ("allow", "deny", "approval_required", "restrict_scope", "redact_args")
_CLASS_LISTS = tuple(f"{name}_classes" for name in _NAME_LISTS)
_OBLIGATIONS = ("approval_required", "restrict_scope", "redact_args")
_SEPARATORS = str.maketrans("", "", "_-.")
# Sections that are read and checked here and held elsewhere: by whom.
_LATER: Mapping[str, str] = {
    "timeouts": "`assay mcp wrap`, which waits for the tool",
    "responses": "`assay mcp wrap`, which sees the responses",
    "server_requests": "`assay mcp wrap`, which sees the requests of servers",
    "approval": "`assay mcp wrap`, before the call is forwarded",
    "files": "`assay sandbox` and `assay monitor` (kernel), `assay mcp wrap` (arguments that carry paths)",
    "network": "`assay sandbox` and `assay monitor` (addresses), `assay mcp wrap` (host names)",
    "processes": "`assay sandbox` and `assay monitor`",
    "env": "`assay mcp wrap` and `assay sandbox`, when they start the process",
    "discovery": "`assay discover`",
    "runtime_monitor": "`assay monitor`",
    "kill_switch": "`assay monitor`",
    "signatures": "`assay mcp wrap`",
}


def find(form: PolicyForm, kind: FileKind) -> tuple[PolicyNotice, ...]:
    """Return the findings of a whole policy, in the order of the file."""
    found = [
        *_empty_allow(form),
        *_unused_classes(form),
        *_unreachable(form),
        *_confusable(form),
        *_patterns(form, kind),
        *_under_review(form),
    ]
    return tuple(sorted(found, key=lambda each: (each.place or Place(""))[1:3]))


def later_sections(form: PolicyForm) -> tuple[PolicyNotice, ...]:
    """Return one W_POLICY_LATER for each section that this policy has and that is enforced elsewhere."""
    found = []
    for section, by_whom in _LATER.items():
        if section in form.origin_places:
            message = f"`{section}` is checked for form here and enforced by {by_whom}"
            found.append(PolicyNotice(code="W_POLICY_LATER", message=message, place=form.origin_places[section]))
    for name in _OBLIGATIONS:
        for key in (name, f"{name}_classes"):
            if getattr(form.tools, key):
                message = f"`tools.{key}` is an obligation, met by `assay mcp wrap` before it forwards the call"
                found.append(
                    PolicyNotice(code="W_POLICY_LATER", message=message, place=form.origin_places.get(f"tools.{key}"))
                )
    return tuple(sorted(found, key=lambda each: (each.place or Place(""))[1:3]))


def covers(pattern: str, other: str) -> bool:
    """Tell whether every name that `other` matches is matched by `pattern`, as far as their text shows it."""
    if _begin_apart(pattern, other):
        return False
    row = [True] + [False] * len(other)
    for sign in pattern:
        before, row = row, [False] * (len(other) + 1)
        row[0] = sign == "*" and before[0]
        for at, symbol in enumerate(other, 1):
            if sign == "*":
                row[at] = before[at] or row[at - 1]
            elif sign == "?":
                row[at] = before[at - 1] and symbol != "*"
            else:
                row[at] = before[at - 1] and symbol == sign
    return row[-1]


def can_overlap(one: str, other: str) -> bool:
    """Tell whether some name is matched by both patterns."""
    if _begin_apart(one, other):
        return False
    row = [True]
    for symbol in other:
        row.append(row[-1] and symbol == "*")
    for sign in one:
        before, row = row, [row[0] and sign == "*"]
        for at, symbol in enumerate(other, 1):
            if sign == "*" or symbol == "*":
                row.append(before[at] or row[at - 1])
            else:
                row.append(before[at - 1] and ("?" in (sign, symbol) or sign == symbol))
    return row[-1]


def _begin_apart(one: str, other: str) -> bool:
    """Tell whether the literal beginnings alone keep two patterns from matching the same name."""
    mine, theirs = _beginning(one), _beginning(other)
    return not (mine.startswith(theirs) or theirs.startswith(mine))


@lru_cache(maxsize=65536)
def _beginning(pattern: str) -> str:
    """Return the text in front of the first wildcard."""
    return pattern.partition("*")[0].partition("?")[0]


@attrs.frozen
class _Gate:
    """Which names the lists under `tools` let through, judged by the text of patterns alone."""

    allowed: frozenset[str] | None  # exact names; None: there is no allow list
    allowed_patterns: tuple[str, ...]
    denied: Mapping[str, str]  # exact name to rule
    denied_patterns: Mapping[str, str]
    deny_classes: frozenset[str]
    classes: Mapping[str, tuple[str, ...]]
    aliases: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, form: PolicyForm) -> _Gate:
        tools = form.tools
        deny = dict(_meant_by([rule for rule in tools.deny if rule.origin.severity == "deny"], form.aliases))
        allow = dict(_meant_by(tools.allow or (), form.aliases))
        classes = {rule.name for rule in tools.allow_classes or ()}
        by_class = [tool for tool, names in form.tool_classes.items() if classes.intersection(names)]
        has_list = tools.allow is not None or tools.allow_classes is not None
        return cls(
            allowed=frozenset([*(name for name, exact in allow if exact), *by_class]) if has_list else None,
            allowed_patterns=tuple(name for name, exact in allow if not exact),
            denied={name: f"tools.deny:{rule}" for (name, exact), rule in deny.items() if exact},
            denied_patterns={name: f"tools.deny:{rule}" for (name, exact), rule in deny.items() if not exact},
            deny_classes=frozenset(rule.name for rule in tools.deny_classes if rule.origin.severity == "deny"),
            classes=form.tool_classes,
            aliases=form.aliases,
        )

    def meant(self, name: str, *, and_itself: bool) -> tuple[str, ...]:
        """Return the patterns that a name stands for: an alias means its members."""
        if name not in self.aliases:
            return (name,)
        return (name, *self.aliases[name]) if and_itself else self.aliases[name]

    def denier(self, pattern: str, *, exact: bool) -> str | None:
        """Return the deny rule that covers a whole pattern, or None."""
        if not _is_pattern(pattern, exact):
            if pattern in self.denied:
                return self.denied[pattern]
            for name in self.classes.get(pattern, ()):
                if name in self.deny_classes:
                    return f"tools.deny_classes:{name}"
        return next((rule for member, rule in self.denied_patterns.items() if covers(member, pattern)), None)

    def is_allowed(self, pattern: str, *, exact: bool) -> bool:
        """Tell whether some name of a pattern may be on the allow list."""
        if self.allowed is None:
            return True
        if not _is_pattern(pattern, exact):
            names = pattern in self.allowed
            return names or any(can_overlap(each, pattern) for each in self.allowed_patterns)
        return any(can_overlap(each, pattern) for each in (*self.allowed_patterns, *self.allowed))


def _is_pattern(name: str, exact: bool) -> bool:
    return not exact and ("*" in name or "?" in name)


def _meant_by(
    rules: Iterable[NameRule], aliases: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[tuple[str, bool], str]]:
    """Yield every name or pattern of a list, whether it is exact, and the rule it comes from."""
    for rule in rules:
        yield (rule.name, not _is_pattern(rule.name, rule.exact)), rule.name
        for member in aliases.get(rule.name, ()):
            yield (member, not _is_pattern(member, False)), rule.name


def _empty_allow(form: PolicyForm) -> Iterator[PolicyNotice]:
    lists = {f"tools.{key}": getattr(form.tools, key) for key in ("allow", "allow_classes")}
    for section, rules in lists.items():
        if rules is not None and not any(lists.values()):
            place = form.origin_places.get(section)
            yield PolicyNotice(
                code="W_POLICY_EMPTY_ALLOW", message=f"`{section}` is empty: no tool is allowed", place=place
            )
    for section in ("files", "network", "processes", "env"):
        resources = getattr(form, section)
        if resources is not None and resources.allow == ():
            yield PolicyNotice(
                code="W_POLICY_EMPTY_ALLOW",
                message=f"`{section}.allow` is empty: nothing is allowed",
                place=form.origin_places.get(section),
            )


def _unused_classes(form: PolicyForm) -> Iterator[PolicyNotice]:
    used = {name for classes in form.tool_classes.values() for name in classes}
    for key in _CLASS_LISTS:
        for rule in getattr(form.tools, key) or ():
            if rule.name not in used:
                message = f"no tool has the class {rule.name!r} of `tools.{key}`; see `tool_classes`"
                yield PolicyNotice(code="W_POLICY_NEVER_MATCHES", message=message, place=rule.origin.place)


def _unreachable(form: PolicyForm) -> Iterator[PolicyNotice]:
    """Find rules about tools that never get past the lists under `tools`."""
    gate = _Gate.of(form)
    for rule in form.tools.allow or ():
        members = gate.meant(rule.name, and_itself=True)
        deniers = [gate.denier(member, exact=rule.exact) for member in members]
        if all(deniers):
            yield _shadowed(f"`tools.allow:{rule.name}`", deniers[0], rule.origin.place)
    for what, operand, place in _operands(form):
        yield from _reached(gate, what, operand, place)


def _reached(gate: _Gate, what: str, operand: Operand, place: Place | None) -> Iterator[PolicyNotice]:
    members = gate.meant(operand.tool, and_itself=False)
    deniers = [gate.denier(member, exact=operand.exact) for member in members]
    if all(deniers):
        yield _shadowed(what, deniers[0], place)
    elif not any(gate.is_allowed(member, exact=operand.exact) for member in members):
        message = f"{what}: no tool that {operand.tool!r} matches is allowed"
        yield PolicyNotice(code="W_POLICY_NEVER_MATCHES", message=message, place=place)


def _shadowed(what: str, denier: str | None, place: Place | None) -> PolicyNotice:
    message = f"{what} can never apply: `{denier}` denies every tool it is about"
    return PolicyNotice(code="W_POLICY_SHADOWED", message=message, place=place)


def _operands(form: PolicyForm) -> Iterator[tuple[str, Operand, Place | None]]:
    """Yield every tool operand outside allow and deny: what it belongs to, itself, its place."""
    for key in _OBLIGATIONS:
        for rule in getattr(form.tools, key):
            yield f"`tools.{key}:{rule.name}`", Operand(tool=rule.name, exact=rule.exact), rule.origin.place
    for tool in form.schemas:
        yield f"the schema of {tool!r}", Operand(tool=tool, exact=True), form.schema_places.get(tool)
    for sequence in form.sequences:
        for field, operand in _sequence_operands(sequence):
            yield f"`{field}` of the rule `{sequence.type}`", operand, sequence.origin.place
    for limit in form.per_tool:
        yield f"`limits.per_tool:{limit.tool}`", Operand(tool=limit.tool), limit.origin.place
    if form.timeouts is not None:
        for tool, _ in form.timeouts.per_tool:
            yield f"`timeouts.per_tool:{tool}`", Operand(tool=tool), form.timeouts.place


def _sequence_operands(rule: SequenceRule) -> Iterator[tuple[str, Operand]]:
    for field in ("tool", "first", "then", "trigger", "forbidden"):
        operand = getattr(rule, field)
        if operand is not None:
            yield field, operand
    for operand in rule.tools:
        yield "tools", operand


def _confusable(form: PolicyForm) -> Iterator[PolicyNotice]:
    """Find exact names that differ only by case and the separators `_`, `-` and `.`."""
    spellings: dict[str, dict[str, Place | None]] = {}
    for name, place in _exact_names(form):
        spellings.setdefault(name.casefold().translate(_SEPARATORS), {}).setdefault(name, place)
    for names in spellings.values():
        first, *others = names
        for other in others:
            message = f"the names {first!r} and {other!r} differ only by case or separators"
            yield PolicyNotice(code="W_POLICY_CONFUSABLE", message=message, place=names[other])


def _exact_names(form: PolicyForm) -> Iterator[tuple[str, Place | None]]:
    rules: Iterable[NameRule]
    for key in _NAME_LISTS:
        rules = getattr(form.tools, key) or ()
        for rule in rules:
            if not _is_pattern(rule.name, rule.exact):
                yield rule.name, rule.origin.place
    for _, operand, place in _operands(form):
        if not _is_pattern(operand.tool, operand.exact):
            yield operand.tool, place
    sections: Mapping[str, Iterable[str]] = {
        "tool_classes": form.tool_classes,
        "aliases": [name for alias, members in form.aliases.items() for name in (alias, *members)],
    }
    for section, names in sections.items():
        for name in names:
            if not _is_pattern(name, False):
                yield name, form.origin_places.get(section)
    for pin in form.tool_pins:
        yield pin.tool, pin.place


def _patterns(form: PolicyForm, kind: FileKind) -> Iterator[PolicyNotice]:
    """Find patterns that mean something else in McpPolicy 2.0, and wildcards that are literal in a rules policy."""
    for key in _NAME_LISTS:
        for rule in getattr(form.tools, key) or ():
            if rule.exact:
                yield _literal(rule.name, kind, rule.origin.place)
            elif "?" in rule.name or "*" in rule.name.strip("*"):
                widened = key == "allow"
                effect = "lets through more than it did" if widened else "matches more than it did"
                yield PolicyNotice(
                    code="W_POLICY_WIDENED" if widened else "W_POLICY_PATTERN",
                    message=f"{rule.name!r} in `tools.{key}` {effect} in McpPolicy 2.0, where an inner `*` and `?` "
                    "are literal",
                    place=rule.origin.place,
                )
    for sequence in form.sequences:
        for _, operand in _sequence_operands(sequence):
            if operand.exact:
                yield _literal(operand.tool, kind, sequence.origin.place)
        if kind == "rules" and _is_pattern(sequence.pattern, False):
            message = f"{sequence.pattern!r} is a pattern here; in a rules policy it is a literal part of a name"
            yield PolicyNotice(code="W_POLICY_PATTERN", message=message, place=sequence.origin.place)


def _literal(name: str, kind: FileKind, place: Place | None) -> PolicyNotice:
    why = "names of a rules policy are exact" if kind == "rules" else "it is marked exact"
    message = f"{name!r} matches only a tool of exactly this name, wildcard included: {why}"
    return PolicyNotice(code="W_POLICY_PATTERN", message=message, place=place)


def _under_review(form: PolicyForm) -> Iterator[PolicyNotice]:
    for section in ("files", "network", "processes"):
        resources = getattr(form, section)
        for entry in resources.needs_review if resources else ():
            message = f"`{section}`: {entry.target!r} is under review and not enforced"
            yield PolicyNotice(code="W_POLICY_REVIEW", message=message, place=entry.origin.place)
