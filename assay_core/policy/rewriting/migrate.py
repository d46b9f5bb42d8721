"""Rewriting a policy file in the current form: comments and order stay, and what it means is checked to stay."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from assay_core.documents import EditableDocument, parse_document, parse_json
from assay_core.errors import AssayError, Place, PolicyError
from assay_core.policy.form import PolicyForm
from assay_core.policy.normalise import normalised
from assay_core.policy.reading.forms import FileKind
from assay_core.policy.reading.resources import LEARNT_ENTRY_KEYS, LEARNT_LISTS
from assay_core.policy.rewriting.layout import comments_of, with_raised_comments

__all__ = ["migrated_text"]

_NAME_LISTS = ("allow", "deny", "approval_required", "restrict_scope", "redact_args")
_OPERANDS = ("tool", "first", "then", "trigger", "forbidden")
_TARGET_KEY = {"files": "path", "network": "address", "processes": "path"}


class _Reads(Protocol):
    """Reads a rewritten document; raises what loading raises."""

    def __call__(self, text: str) -> tuple[FileKind, PolicyForm]: ...


def migrated_text(document: EditableDocument, kind: FileKind, form: PolicyForm, reread: _Reads) -> str:
    """Return the file in the current form; the text as it is where nothing has to change.

    Args:
        document: The file; its data is changed.
        kind: The form it has now.
        form: What it means now.
        reread: Reads the rewritten text, to prove that it means the same.

    Raises:
        PolicyError: E_POLICY_UNSUPPORTED if it cannot be rewritten without changing what it means or losing a comment.
    """
    root = document.data
    if kind == "current" and root.get("version") is not None:
        return document.original
    before = comments_of(document.original)
    if kind == "version 1":
        _version_one(root, form)
    elif kind == "rules":
        _rules(root, form)
    elif kind == "learnt":
        _learnt(root)
    elif kind == "schemas":
        root = document.data = _schemas_only(root)
    _set_version(root)
    if kind in ("rules", "learnt", "schemas"):
        root["enforcement"] = {"unconstrained_tools": "allow"}  # what these forms mean; see the reference
    text = with_raised_comments(_with_comments(document, before), str(document.path))
    if _is_json(document.original):
        text = _as_json(text, document.original)
    new_kind, new_form = reread(text)
    same = new_kind == "current" and normalised(new_form) == normalised(form)
    if not same or Counter(before) - Counter(comments_of(text)):
        raise PolicyError(
            code="E_POLICY_UNSUPPORTED",
            message="this file cannot be rewritten by machine without changing what it means or losing a comment",
            remedy="`assay policy validate` prints the form to write",
            place=Place(str(document.path)),
        )
    return text


def _is_json(text: str) -> bool:
    try:
        parse_json(text.encode("utf-8", "surrogatepass"), "")
    except AssayError:
        return False
    return True


def _as_json(text: str, original: str) -> str:
    """Return a rewritten document as JSON, indented like the original, since that was JSON."""
    lines = original.strip().splitlines()
    indent = lines[1][: len(lines[1]) - len(lines[1].lstrip())] if len(lines) > 1 else None
    end = "\n" if original.endswith("\n") else ""
    return json.dumps(parse_document(text, "").value, indent=indent, ensure_ascii=False) + end


def _with_comments(document: EditableDocument, before: list[str]) -> str:
    """Return the document's text with every comment it had: what the edit lost goes to the top, in order."""
    text = document.text()
    missing = Counter(before) - Counter(comments_of(text))
    if not missing:
        return text
    kept = []
    for comment in before:
        if missing[comment] > 0:
            missing[comment] -= 1
            kept.append(comment)
    root = document.data
    key = next((name for name in ("schemas", "tools", "version") if name in root), next(iter(root)))
    root.yaml_set_comment_before_after_key(key, before="\n".join(each[1:].removeprefix(" ") for each in kept))
    return document.text()


def _quoted(text: str) -> Any:
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    return DoubleQuotedScalarString(text)


def _set_version(root: Any) -> None:
    if "version" in root:
        root["version"] = _quoted("2.0")
    else:
        root.insert(0, "version", _quoted("2.0"))


def _version_one(root: Any, form: PolicyForm) -> None:
    for key in ("allow", "deny"):
        if key in root:
            _into_tools(root, key)
    if "constraints" in root:
        position = list(root).index("constraints")
        constraints = root.pop("constraints")
        _drop_comment(root, "constraints")
        if constraints:
            written = root.get("schemas") or {}
            added = {tool: schema for tool, schema in form.schemas.items() if tool not in written}
            _add_schemas(root, position, added)


def _into_tools(root: Any, key: str) -> None:
    position = list(root).index(key)
    entries = root.pop(key)
    comment = _drop_comment(root, key)
    if entries is None:
        return
    tools = root.get("tools")
    if tools is None:
        tools = _map()
        if "tools" in root:
            root["tools"] = tools
        else:
            root.insert(position, "tools", tools)
    if tools.get(key) is None:
        tools[key] = entries
        if comment is not None:
            tools.ca.items[key] = comment
        return
    there = {each["tool"] if isinstance(each, Mapping) else each for each in tools[key]}
    for entry in entries:
        name = entry["tool"] if isinstance(entry, Mapping) else entry
        if name not in there:
            tools[key].append(entry)


def _add_schemas(root: Any, position: int, added: Mapping[str, Any]) -> None:
    if root.get("schemas") is None:
        root.pop("schemas", None)
        root.insert(min(position, len(root)), "schemas", _map())
    for tool, schema in added.items():
        root["schemas"][tool] = _plain(schema)


def _rules(root: Any, form: PolicyForm) -> None:
    for key in ("metadata", "on_error"):
        if key in root:
            _rename(root, key, f"x-{key}")
    tools = root.get("tools")
    if tools is not None:
        for key in _NAME_LISTS:
            for index, entry in enumerate(tools.get(key) or ()):
                tools[key][index] = _exact(entry)
        had = [key for key in ("arg_constraints", "require_args") if key in tools]
        for key in had:
            tools.pop(key)
            _drop_comment(tools, key)
        if had:
            if form.schema_defs:
                _add_schemas(root, list(root).index("tools") + 1, {"$defs": form.schema_defs})
            _add_schemas(root, list(root).index("tools") + 1, form.schemas)
        if not tools:
            root.pop("tools")
    for rule in root.get("sequences") or ():
        for key in _OPERANDS:
            if key in rule:
                rule[key] = _exact(rule[key])
        for index, entry in enumerate(rule.get("tools") or ()):
            rule["tools"][index] = _exact(entry)


def _exact(entry: Any) -> Any:
    """Return a name of a rules policy as the current form writes it: a wildcard there is literal."""
    name = entry.get("tool") if isinstance(entry, Mapping) else entry
    if not isinstance(name, str) or ("*" not in name and "?" not in name):
        return entry
    if not isinstance(entry, Mapping):
        mapping = _map()
        mapping.fa.set_flow_style()
        mapping["tool"] = entry
        entry = mapping
    entry["exact"] = True
    return entry


def _learnt(root: Any) -> None:
    meta = root.get("_meta")
    if isinstance(meta, Mapping) and meta.get("name") is not None:
        root.insert(0, "name", meta["name"])
    if "_meta" in root:
        _rename(root, "_meta", "x-meta")
    for name, target in _TARGET_KEY.items():
        section = root.get(name)
        for old, new in LEARNT_LISTS.items() if section else ():
            if old in section:
                _rename_list(section, old, new)
        for key, entries in section.items() if section else ():
            for entry in entries or ():
                if isinstance(entry, Mapping) and "pattern" in entry:
                    _rename(entry, "pattern", target)
                    for further in LEARNT_ENTRY_KEYS if key != "needs_review" else ():
                        if further in entry:
                            _rename(entry, further, f"x-{further}")


def _rename_list(section: Any, old: str, new: str) -> None:
    if section.get(new):
        keys = list(section)
        added = section.pop(old)
        at = 0 if keys.index(old) < keys.index(new) else len(section[new])
        section[new][at:at] = added or []
        _drop_comment(section, old)
    else:
        section.pop(new, None)
        _rename(section, old, new)


def _schemas_only(root: Any) -> Any:
    new = _map()
    new.ca.comment, root.ca.comment = root.ca.comment, None
    new["schemas"] = root
    for key in [key for key in root if str(key).startswith("x-")]:
        new[key] = root.pop(key)
        comment = _drop_comment(root, key)
        if comment is not None:
            new.ca.items[key] = comment
    return new


def _rename(mapping: Any, old: str, new: str) -> None:
    position = list(mapping).index(old)
    value = mapping.pop(old)
    comment = _drop_comment(mapping, old)
    mapping.insert(position, new, value)
    if comment is not None:
        mapping.ca.items[new] = comment


def _drop_comment(mapping: Any, key: str) -> Any:
    """Take the comment of a key off its mapping, so that it can move along."""
    return mapping.ca.items.pop(key, None)


def _map() -> Any:
    from ruamel.yaml.comments import CommentedMap

    return CommentedMap()


def _plain(value: Any) -> Any:
    """Return a value in round-trip types, so that it is written in block style."""
    if isinstance(value, Mapping):
        mapping = _map()
        for key, item in value.items():
            mapping[key] = _plain(item)
        return mapping
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
