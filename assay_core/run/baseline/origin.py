"""Which commit a baseline was recorded at: what git says, else what a CI service says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from assay_core.model import JsonObject, JsonValue

__all__ = ["git_info"]

_TIMEOUT_S = 5
# A repository may name programs in its own configuration; none of them is run to be told its commit.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "log.showSignature=false")


def git_info(folder: Path, environment: Mapping[str, str] | None = None) -> JsonObject | None:
    """Return commit, branch, dirty, author and timestamp as far as they are known; None without a commit."""
    environment = os.environ if environment is None else environment
    head = _git(folder, "log", "-1", "--no-color", "--format=%H%n%an%n%cI")
    if head is not None and len(lines := head.splitlines()) == 3:
        info: dict[str, JsonValue] = {"commit": lines[0]}
        branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules")
        info["branch"] = branch.strip() if branch else None
        info["dirty"] = bool(changed.strip()) if changed is not None else None
        info |= {"author": lines[1], "timestamp": lines[2]}
    else:
        info = {
            "commit": environment.get("GITHUB_SHA") or environment.get("GIT_COMMIT"),
            "branch": environment.get("GITHUB_REF_NAME") or environment.get("GIT_BRANCH"),
            "author": environment.get("GITHUB_ACTOR"),
        }
    return {key: value for key, value in info.items() if value is not None} if info["commit"] else None


def _git(folder: Path, *words: str) -> str | None:
    """Return what git answers, None where there is no git, no repository, or no answer in time."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", *_SAFE, *words],  # noqa: S607 - the git of the user
            cwd=folder,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
