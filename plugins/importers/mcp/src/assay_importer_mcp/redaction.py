"""Nothing that opens a door gets through: what is kept of headers, and secrets in what is kept beside the calls.

Arguments and results stay what they were, since policies decide about them (`assay-check-secrets` looks there).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from assay_core.contracts import ImportReport
from assay_core.errors import InputError
from assay_core.model import JsonObject, JsonValue

__all__ = ["REDACTED", "authorization_discovery", "count_headers", "redacted", "without_secrets"]

REDACTED = "[REDACTED]"
_SECRET_NAMES = re.compile(
    r"(?i)(authorization|cookie|password|secret|credential|api[-_]?key|(?<!progress)(?<!progress[-_])token)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)[ \t]+[A-Za-z0-9._~+/=-]+")
_HEADER = re.compile(r'(?i)("?(?:proxy-)?(?:authorization|cookie|set-cookie|x-api-key)"?\s*[:=]\s*)("[^"]*"?|[^\s,}]+)')
_STATUS = ("status", "status_code", "http_status")
_KNOWN_HEADERS = frozenset({
    "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "cookie", "host",
    "mcp-protocol-version", "mcp-session-id", "set-cookie", "user-agent", "www-authenticate", "x-api-key",
})  # fmt: skip


def redacted(value: JsonValue) -> JsonValue:
    """Return a copy in which values of secret names, and bearer tokens in texts, are replaced."""
    if isinstance(value, Mapping):
        return {
            name: REDACTED if _SECRET_NAMES.search(name) and isinstance(inner, str) else redacted(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redacted(inner) for inner in value]
    return _BEARER.sub(rf"\1 {REDACTED}", value) if isinstance(value, str) else value


def without_secrets(error: InputError) -> InputError:
    """Return the error with the excerpt it shows redacted."""
    if error.place is not None and error.place.text:
        text = _BEARER.sub(rf"\1 {REDACTED}", _HEADER.sub(rf'\1"{REDACTED}"', error.place.text))
        error.place = error.place._replace(text=text)
    return error


def count_headers(headers: JsonValue, report: ImportReport) -> None:
    """Count the headers that are left out: all of them, by name where the name is a usual one."""
    names = headers if isinstance(headers, Mapping) else {}
    for name in names:
        known = name.lower() if name.lower() in _KNOWN_HEADERS else "of another name"
        report.drop(f"header {known}")


def authorization_discovery(entry: JsonObject) -> dict[str, JsonValue] | None:
    """Return what a refused request shows of how to get authorised; None unless the entry is such a refusal."""
    holders = list(_holders(entry))
    if not any(_is_401(holder.get(name)) for holder in holders for name in _STATUS):
        return None
    challenges = [
        text
        for holder in holders
        for name, text in holder.items()
        if name.lower() == "www-authenticate" and isinstance(text, str)
    ]
    metadata = any(_has_parameter(text, "resource_metadata") for text in challenges)
    scope = any(_has_parameter(text, "scope") for text in challenges)
    if not metadata and not scope:
        return None
    return {
        "visible": True, "source_kind": "www_authenticate", "resource_metadata_visible": metadata,
        "authorization_servers_visible": False, "scope_challenge_visible": scope,
    }  # fmt: skip


def _holders(entry: JsonObject) -> Iterator[JsonObject]:
    """Yield the objects in which an entry may keep its status and its headers."""
    for outer in (entry, entry.get("response"), entry.get("transport_context"), entry.get("headers")):
        if isinstance(outer, Mapping):
            yield outer
            for name in ("headers", "response"):
                inner = outer.get(name)
                if isinstance(inner, Mapping):
                    yield inner
                    if isinstance(deepest := inner.get("headers"), Mapping):
                        yield deepest


def _is_401(status: JsonValue) -> bool:
    return status == 401 or status == "401"


def _has_parameter(challenge: str, name: str) -> bool:
    return re.search(rf"(?:^|[ \t,]){name}=", challenge) is not None
