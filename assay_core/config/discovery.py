"""Finding the files of a project by what they hold, upwards from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from assay_core.documents import Document, read_document
from assay_core.errors import InputError
from assay_core.model.json_value import JsonValue

__all__ = ["FileKind", "Found", "discover", "file_kind", "find_traces", "kind_of", "traces_in"]

FileKind: TypeAlias = Literal["suite", "policy", "unknown"]

_SUITE_KEYS = frozenset({"configVersion", "tests", "suite"})
_POLICY_KEYS = frozenset(
    {
        "tools", "allow", "deny", "schemas", "constraints", "enforcement", "limits", "signatures", "tool_pins",
        "discovery", "runtime_monitor", "kill_switch", "sequences", "aliases", "tool_classes", "files", "network",
        "processes", "env", "responses", "timeouts", "server_requests", "approval", "blocklist",
    }
)  # fmt: skip


_TRACES = (".jsonl", ".ndjson")
_BESIDE = ("trace.jsonl", "traces.jsonl", ".assay/trace.jsonl")


@attrs.frozen(kw_only=True)
class Found:
    """The files of the nearest folder that has any."""

    suite: Path | None = None
    policy: Path | None = None  # for a run without a suite; a suite says itself which policy it means


def discover(start: Path) -> Found:
    """Return the suite and the policy of the nearest folder, from `start` upwards, that has one of them.

    A suite is an eval.yaml, else an assay.yaml that holds a suite; a policy is a policy.yaml, else an assay.yaml
    that holds a policy.

    Raises:
        InputError: E_CFG_PARSE for an assay.yaml that cannot be read, so that a broken file is not passed over.
    """
    folder = start.resolve()
    for each in (folder, *folder.parents):
        found = _look_into(each)
        if found.suite or found.policy:
            return found
    return Found()


def find_traces(folder: Path) -> tuple[Path, ...]:
    """Return the traces of a project where traces lie: those in `traces/`, else one beside the suite; may be none."""
    inside = traces_in(folder / "traces")
    return inside or tuple(path for name in _BESIDE if (path := _file(folder / name)))[:1]


def traces_in(folder: Path) -> tuple[Path, ...]:
    """Return the files of a folder that have a trace's ending, sorted by name; one linked to twice is there once."""
    found: dict[tuple[int, int], Path] = {}
    try:
        for path in sorted(folder.iterdir()):
            if path.suffix in _TRACES and not path.name.startswith(".") and path.is_file():
                status = path.stat()
                found.setdefault((status.st_dev, status.st_ino), path)
    except OSError:  # not there, or it may not be looked into
        return ()
    return tuple(found.values())


def kind_of(path: Path) -> Literal["suite", "policy"]:
    """Return whether a YAML file holds a suite or a policy. Tools mapped to JSON Schemas are a policy, too.

    Raises:
        InputError: E_CFG_KIND where it is neither; as `read_document` where it cannot be read.
    """
    return kind_of_document(read_document(path))


def kind_of_document(document: Document) -> Literal["suite", "policy"]:
    """Return the same of a document that was read already.

    Raises:
        InputError: E_CFG_KIND.
    """
    kind = file_kind(document)
    if kind != "unknown":
        return kind
    value = document.value
    if isinstance(value, Mapping) and value and all(isinstance(each, Mapping) for each in value.values()):
        return "policy"
    message = "the file is neither a suite nor a policy"
    remedy = 'a suite states configVersion: 1, a policy version: "2.0"'
    raise InputError(code="E_CFG_KIND", message=message, remedy=remedy, place=document.place())


def file_kind(document: Document) -> FileKind:
    """Tell whether a document is a suite or a policy, by its keys."""
    value = document.value
    if not isinstance(value, Mapping):
        return "unknown"
    if "configVersion" in value or _is_integer(value.get("version")):
        return "suite"
    suite_keys, policy_keys = len(_SUITE_KEYS & value.keys()), len(_POLICY_KEYS & value.keys())
    if suite_keys > policy_keys or ("tests" in value and suite_keys):
        return "suite"
    return "policy" if policy_keys or "version" in value else "unknown"


def _look_into(folder: Path) -> Found:
    suite = _file(folder / "eval.yaml")
    policy = _file(folder / "policy.yaml")
    other = _file(folder / "assay.yaml")
    if other and not (suite and policy):
        kind = file_kind(read_document(other))
        suite = suite or (other if kind == "suite" else None)
        policy = policy or (other if kind == "policy" else None)
    return Found(suite=suite, policy=policy)


def _file(path: Path) -> Path | None:
    try:
        return path if path.is_file() else None
    except OSError:  # a folder that may not be looked into has nothing for us
        return None


def _is_integer(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
