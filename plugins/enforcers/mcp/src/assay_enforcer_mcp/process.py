"""The server as a child process: started without a shell, stopped without leaving anything behind."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from assay_core.errors import UsageError
from assay_core.policy import PolicyForm, ToolPattern

__all__ = ["Child", "environment"]

# What a program needs to run at all; kept under --env-strict and under a policy's `env`.
_ALWAYS = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "USER", "LOGNAME", "SHELL")
_PIPE_BYTES = 1 << 20


class Child:
    """A server in a process group of its own."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start exactly these words.

        Raises:
            UsageError: E_PATH_NOT_FOUND, E_INVALID_ARGS where it cannot be started.
        """
        try:
            self._process = subprocess.Popen(  # noqa: S603 - exact words, no shell
                list(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(env), bufsize=0, process_group=0
            )
        except (OSError, ValueError) as reason:
            missing = isinstance(reason, FileNotFoundError)
            why = "it does not exist" if missing else str(reason)
            raise UsageError(
                code="E_PATH_NOT_FOUND" if missing else "E_INVALID_ARGS",
                message=f"cannot start {argv[0]!r}: {why}",
                remedy="write the server's command behind `--`, as it is started without assay",
            ) from reason
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a child without pipes")
        self.stdin = os.dup(self._process.stdin.fileno())  # ours to close, whoever else closes what
        self.stdout = self._process.stdout.fileno()
        self._process.stdin.close()
        for descriptor in (self.stdin, self.stdout):
            _widen(descriptor)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return the exit code, 128 + n after signal n, as a shell has it; None where the time is over first."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code

    def signal(self, number: int) -> None:
        """Send a signal to the server and its descendants."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def stop(self, grace_s: float) -> int:
        """Ask the server to end, wait, then kill what is left of its group; return its exit code."""
        self.signal(signal.SIGTERM)
        code = self.wait(grace_s)
        self.signal(signal.SIGKILL)
        return code if code is not None else self.wait() or 0


def environment(form: PolicyForm, allowed: Sequence[str], *, strict: bool) -> dict[str, str]:
    """Return the environment of the server.

    Args:
        form: The policy; its section `env` governs where it is there.
        allowed: Names or patterns that are let through besides, from the command line.
        strict: True: only these, the policy's, and what a program needs to run at all.
    """
    rules = form.env
    found = {}
    for name, value in os.environ.items():
        named = any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed)
        if rules is not None:
            if any(ToolPattern(entry.target).matches(name) for entry in rules.deny):
                continue
            listed = rules.allow is not None and any(ToolPattern(entry.target).matches(name) for entry in rules.allow)
            if rules.allow is not None and not (listed or named or name in _ALWAYS):
                continue
            named = named or listed
        if strict and not (named or name in _ALWAYS):
            continue
        found[name] = value
    return found


def _widen(descriptor: int) -> None:
    """Let a pipe hold more, so that neither side waits for the other more often than it must."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
