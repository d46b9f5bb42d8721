"""Targets of files, network, processes and env: what they mean, and which tier can hold them."""

from __future__ import annotations

import ipaddress
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from assay_core.errors import AssayError

__all__ = [
    "SECTIONS",
    "Effect",
    "Endpoint",
    "Resource",
    "ResourceError",
    "Tier",
    "expand",
    "read_target",
    "variables",
]

SECTIONS = ("files", "network", "processes", "env")
Effect: TypeAlias = Literal["allow", "deny", "needs_review"]
Tier: TypeAlias = Literal["kernel", "user space", "advisory", "at start", "not enforced"]
Kind: TypeAlias = Literal[
    "path", "subtree", "glob", "regex", "address", "network", "port", "host", "executable", "variable"
]

_VARIABLES = ("CWD", "HOME", "TMP", "USER")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_ENV_NAME = re.compile(r"[A-Za-z_*?][A-Za-z0-9_*?]*")
_PROTOCOLS = ("tcp", "udp")
_WILDCARDS = "*?["


class ResourceError(ValueError):
    """A target that means nothing; the text says why, `remedy` what to write instead."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


@attrs.frozen(kw_only=True)
class Endpoint:
    """What a network target says; what it leaves open is None."""

    protocol: str | None = None  # "tcp" or "udp"
    network: str | None = None  # an address or CIDR, as `ipaddress` writes it, e.g. "10.0.0.0/8"
    host: str | None = None  # a host name, lower case; a leading `*.` means any name below it
    port: int | None = None


@attrs.frozen(kw_only=True)
class Resource:
    """One target, understood."""

    kind: Kind
    text: str  # after expansion
    tier: Tier
    note: str = ""  # what people should know of the tier
    endpoint: Endpoint | None = None


def variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the values of `${CWD}`, `${HOME}`, `${TMP}` and `${USER}`.

    Args:
        environment: The environment to take HOME, TMPDIR (or TMP) and USER (or LOGNAME) from, and CWD if it is
            there; None means that of the process. What it does not say stays without a value.
    """
    source = os.environ if environment is None else environment
    found = {
        "CWD": source.get("CWD") if environment is not None else None,
        "HOME": source.get("HOME"),
        "TMP": source.get("TMPDIR") or source.get("TMP"),
        "USER": source.get("USER") or source.get("LOGNAME"),
    }
    if environment is None:
        found["CWD"] = str(Path.cwd())
        found["TMP"] = tempfile.gettempdir()
    return {name: value for name, value in found.items() if value}


def expand(target: str, values: Mapping[str, str]) -> str:
    """Return the target with its variables replaced, once: what a value brings in is not looked at again.

    Raises:
        ResourceError: an unknown variable, one without a value, or a folder that is not absolute.
    """

    def value_of(found: re.Match[str]) -> str:
        name = found.group(1)
        if name not in _VARIABLES:
            known = ", ".join(f"${{{each}}}" for each in _VARIABLES)
            raise ResourceError(f"unknown variable ${{{name}}}", f"known are {known}")
        value = values.get(name)
        if not value:
            raise ResourceError(f"${{{name}}} has no value here", "set it, or write the path out")
        if name != "USER" and not value.startswith("/"):
            raise ResourceError(f"${{{name}}} is {value!r}, which is not an absolute path")
        if name == "USER" and ("/" in value or value in (".", "..")):
            raise ResourceError(f"${{USER}} is {value!r}, which is no name")
        if any(sign in value for sign in _WILDCARDS):
            raise ResourceError(f"${{{name}}} is {value!r}, which would turn into a pattern")
        return value.rstrip("/") if len(value) > 1 else value

    expanded = _VARIABLE.sub(value_of, target)
    return re.sub("^//+", "/", expanded)


def read_target(section: str, effect: Effect, target: str) -> Resource:
    """Return what an expanded target of a section means.

    Raises:
        ResourceError: it means nothing, or less than its author may think.
    """
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in target):
        raise ResourceError("a target holds a control character")
    if section == "files":
        resource = _file(target)
    elif section == "network":
        resource = _network(target)
    elif section == "processes":
        resource = _process(target, effect)
    else:
        resource = _variable_name(target)
    if effect == "needs_review":
        return attrs.evolve(resource, tier="not enforced", note="under review: never enforced, always reported")
    return resource


def _file(target: str) -> Resource:
    if target.startswith("re:"):
        return _regex(target)
    _check_path(target)
    if any(sign in target for sign in _WILDCARDS):
        note = "where a tool argument carries the path; otherwise observed"
        return Resource(kind="glob", text=target, tier="user space", note=note)
    if target.endswith("/"):
        return Resource(kind="subtree", text=target, tier="kernel")
    return Resource(kind="path", text=target, tier="kernel")


def _process(target: str, effect: Effect) -> Resource:
    if target.startswith("re:"):
        return _regex(target)
    _check_path(target)
    if any(sign in target for sign in _WILDCARDS):
        return Resource(kind="glob", text=target, tier="user space", note="a pattern; the kernel takes exact paths")
    if target.endswith("/"):
        raise ResourceError("a folder is no executable", f"write {target + '*'!r} for everything in it")
    if effect == "deny":
        return Resource(
            kind="executable", text=target, tier="advisory", note="a copy escapes a deny list; allow instead"
        )
    return Resource(kind="executable", text=target, tier="kernel")


def _regex(target: str) -> Resource:
    from assay_core.policy.matching.regex import linear_regex

    pattern = target.removeprefix("re:")
    if not pattern:
        raise ResourceError("an empty regular expression matches everything")
    try:
        linear_regex(pattern)
    except AssayError as error:
        raise ResourceError(error.message, error.remedy) from error
    note = "where a tool argument carries the path; otherwise observed"
    return Resource(kind="regex", text=target, tier="user space", note=note)


def _check_path(target: str) -> None:
    if target.startswith("~"):
        raise ResourceError(f"{target!r}: `~` is not expanded", "write ${HOME}")
    if not target.startswith(("/", "*")):
        raise ResourceError(f"{target!r} is not an absolute path", f"write {'${CWD}/' + target.removeprefix('./')!r}")
    if "//" in target:
        raise ResourceError(f"{target!r} holds an empty segment, which no path of the system has")
    if any(segment in (".", "..") for segment in target.split("/")):
        raise ResourceError(f"{target!r} holds a `.` or `..` segment", "write the path it leads to")


def _network(target: str) -> Resource:
    protocol, rest = None, target
    if "://" in target:
        protocol, rest = target.split("://", 1)
        if protocol not in _PROTOCOLS:
            raise ResourceError(f"unknown protocol {protocol!r}", "write tcp:// or udp://, or host:port alone")
    if not rest:
        raise ResourceError("a network target needs an address, a host name or a port")
    host, port = _split_port(rest)
    if host in ("", "*"):
        if port is None and protocol is None:
            return Resource(kind="network", text=target, tier="kernel", endpoint=Endpoint())
        return Resource(kind="port", text=target, tier="kernel", endpoint=Endpoint(protocol=protocol, port=port))
    network = _address(host)
    if network is not None:
        single = network.prefixlen == network.max_prefixlen
        written = str(network.network_address) if single else str(network)
        endpoint = Endpoint(protocol=protocol, network=written, port=port)
        return Resource(kind="address" if single else "network", text=target, tier="kernel", endpoint=endpoint)
    endpoint = Endpoint(protocol=protocol, host=_host_name(host), port=port)
    return Resource(
        kind="host", text=target, tier="user space", endpoint=endpoint,
        note="held by the wrapper and the proxy; elsewhere observed",
    )  # fmt: skip


def _split_port(text: str) -> tuple[str, int | None]:
    """Split `host:port`, `[v6]:port`, `[v6]/len:port`; a bare IPv6 address has no port."""
    if text.startswith("["):
        inner, bracket, tail = text[1:].partition("]")
        if not bracket:
            raise ResourceError(f"{text!r} lacks the closing bracket")
        length, colon, port = tail.partition(":")
        if length and not length.startswith("/"):
            raise ResourceError(f"{text!r}: after the bracket stands a prefix length or a port")
        if ":" not in inner:
            raise ResourceError(f"{inner!r} in brackets is no IPv6 address")
        return inner + length, _port(port) if colon else None
    if text.count(":") > 1:
        return text, None
    host, colon, port = text.partition(":")
    return host, _port(port) if colon else None


def _port(text: str) -> int | None:
    if text == "*":
        return None
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:6]) <= 65535 or len(text) > 5:
        raise ResourceError(f"{text!r} is no port", "a port is a number from 1 to 65535")
    return int(text)


def _address(host: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    looks_like_one = ":" in host or "/" in host or re.fullmatch(r"[0-9.]+", host)
    if not looks_like_one:
        return None
    try:
        return ipaddress.ip_network(host, strict=True)
    except ValueError as error:
        try:
            wider = ipaddress.ip_network(host, strict=False)
        except ValueError:
            raise ResourceError(f"{host!r} is no address: {error}") from None
        raise ResourceError(f"{host!r} has bits set beyond its prefix", f"write {str(wider)!r}") from None


def _host_name(host: str) -> str:
    name = host.lower().rstrip(".")
    labels = name.split(".")
    if labels[0] == "*":
        labels = labels[1:]
    if not labels or len(name) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise ResourceError(f"{host!r} is no host name", "letters, digits and hyphens; `*.` only in front")
    return name


def _variable_name(target: str) -> Resource:
    if not _ENV_NAME.fullmatch(target):
        raise ResourceError(f"{target!r} is no name of an environment variable", "write the name, without `$` or `=`")
    return Resource(
        kind="variable", text=target, tier="at start", note="applied when wrap or sandbox starts the process"
    )
