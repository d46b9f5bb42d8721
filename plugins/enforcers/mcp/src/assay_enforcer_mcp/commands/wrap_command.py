"""What `assay mcp wrap` does: load all of it first, then start the server."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from assay_core.analysis.episodes import find_policy, installed_drivers
from assay_core.commandline.visible import sanitise
from assay_core.errors import PolicyError, UsageError
from assay_core.policy import Policy, load_policy
from assay_enforcer_mcp.gateway.approvals import FirstSeen
from assay_enforcer_mcp.gateway.connection import Connection
from assay_enforcer_mcp.gateway.gateway import Gateway
from assay_enforcer_mcp.gateway.obligations import Unmet
from assay_enforcer_mcp.log.decision_log import DecisionLog, NoLog, default_path
from assay_enforcer_mcp.process import Child, environment
from assay_enforcer_mcp.wire.outlet import Outlet
from assay_enforcer_mcp.wrapping import Ending, leave, relay

__all__ = ["run_wrapped", "say", "wrap"]

_SOURCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s]+")


def wrap(argv: Sequence[str], options: Mapping[str, object]) -> None:
    """Wrap a server, and leave the process with its exit code.

    Raises:
        UsageError, PolicyError, InputError, ServiceError: before anything is started.
    """
    leave(run_wrapped(_policy(_Words(options)), argv, options))


def run_wrapped(policy: Policy, argv: Sequence[str], options: Mapping[str, object]) -> int:
    """Wrap a server on this process's standard input and output; return its exit code.

    Args:
        policy: What is held.
        argv: The server's words.
        options: Those of the command line, by name; what is missing has its default.
    """
    words = _Words(options)
    label = words.text("label") or "default-mcp-server"
    source = words.text("event_source") or f"assay://{label}"
    if _SOURCE.fullmatch(source) is None:
        raise UsageError(code="E_INVALID_ARGS", message=f"--event-source takes scheme://name, not {source!r}")
    log = _log(words, policy, label, source)
    child = Child(argv, environment(policy.form, words.many("env_allow"), strict=words.flag("env_strict")))
    connection = Connection(
        policy=policy,
        session=policy.session(live=True),
        to_server=Outlet(child.stdin),
        to_client=Outlet(sys.stdout.fileno()),
        log=log,
        say=say,
        server_id=label,
        dry_run=words.flag("dry_run"),
        verbose=words.flag("verbose"),
    )
    code = relay(
        Gateway(connection, Unmet(), FirstSeen()),
        child,
        client_in=sys.stdin.fileno(),
        max_client_bytes=int(words.number("max_line_bytes", 16 * 1024 * 1024)),
        max_server_bytes=int(words.number("max_response_bytes", 256 * 1024 * 1024)),
        ending=Ending(grace_s=words.number("grace", 5.0)),
        every_tick=lambda: None,
    )
    log.close()
    return code


def say(text: str) -> None:
    """Write one line for people to standard error; hostile characters are made visible."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(f"assay: {sanitise(text)}\n")
        sys.stderr.flush()


class _Words:
    """The options of the command line, by their names."""

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = options

    def text(self, name: str) -> str:
        value = self._options.get(name)
        return value if isinstance(value, str) else ""

    def flag(self, name: str) -> bool:
        return self._options.get(name) is True

    def many(self, name: str) -> tuple[str, ...]:
        value = self._options.get(name)
        return tuple(value) if isinstance(value, (tuple, list)) else ()

    def number(self, name: str, default: float) -> float:
        value = self._options.get(name)
        return value if isinstance(value, (int, float)) else default


def _policy(words: _Words) -> Policy:
    """Load the policy that was named, else the one that is found; never run without one."""
    here = Path.cwd()
    named = words.text("policy")
    policy = load_policy(Path(named), drivers=installed_drivers(here)) if named else find_policy(here)
    old = next((notice for notice in policy.notices if notice.code == "W_POLICY_MIGRATED"), None)
    if words.flag("deny_deprecations") and old is not None:
        raise PolicyError(code="E_POLICY_DEPRECATED", message=old.message, place=old.place)
    for notice in policy.notices:
        say(f"{notice.code}: {notice.message}")
    return policy


def _log(words: _Words, policy: Policy, label: str, source: str) -> DecisionLog | NoLog:
    named = words.text("decision_log")
    if named == "none":
        return NoLog()
    path = Path(named) if named else default_path(label)

    def opened(at: Path) -> DecisionLog:
        return DecisionLog(
            at,
            source=source,
            policy_digest=policy.digest,
            sync=words.text("durability") == "sync",
            contents=words.flag("log_contents"),
            rotate_bytes=None if named else 64 * 1024 * 1024,
        )

    try:
        return opened(path)
    except UsageError:
        if named:
            raise
        return opened(path.with_name(f"{path.stem}.{os.getpid()}{path.suffix}"))  # a second client of this server
