"""Files, destinations and processes that were seen, and what is doubtful about them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

import attrs

from assay_core.analysis.learning.knobs import Knobs
from assay_core.analysis.learning.sensitive import bits_per_byte, holds_credential
from assay_core.analysis.learning.statistics import laplace, wilson_lower
from assay_core.model import ResourceEvent, ResourceKind
from assay_core.policy.matching.resources import ResourceError, read_target

__all__ = ["SECTION_OF", "ResourceCount", "ResourceEntry", "Section", "classify", "risk_of", "unusable"]

Section: TypeAlias = Literal["files", "network", "processes"]
Placing: TypeAlias = Literal["allow", "needs_review", "deny", "skip"]
Risk: TypeAlias = Literal["", "needs_review", "deny_recommended"]

SECTION_OF: Mapping[ResourceKind, Section] = {"file": "files", "net": "network", "exec": "processes"}
_UNREMARKABLE = ("/proc/", "/sys/", "/run/user/", ".so.")
_SENSITIVE_PORTS = frozenset((22, 23, 445, 139, 3389, 1433, 3306, 5432))
_MIN_BYTES = 8
_DENY_BITS = 4.5
_HASH_LENGTH = 32


@attrs.define
class ResourceCount:
    """How often one target was seen. `runs` counts only where a profile says so."""

    hits: int = 0
    runs: int = 0
    rights: set[str] | None = None  # letters of files; None: some event did not say

    def add(self, event: ResourceEvent) -> None:
        """Take note of one event."""
        said = set(event.access) & set("rwx")
        if not self.hits:
            self.rights = said or None
        elif self.rights is not None:
            self.rights = self.rights | said if said else None
        self.hits += 1

    def merge(self, other: ResourceCount) -> None:
        """Take note of everything that another count knows."""
        if other.hits:
            self.rights = other.rights if not self.hits else _either(self.rights, other.rights)
        self.hits += other.hits
        self.runs += other.runs


@attrs.frozen(kw_only=True)
class ResourceEntry:
    """One target, placed."""

    section: Section
    target: str
    placing: Placing
    count: int
    risk: Risk = ""
    reasons: tuple[str, ...] = ()
    rights: str = ""  # "": all
    stability: float | None = None  # of a profile
    runs_seen: int | None = None


def classify(
    section: Section, counts: Mapping[str, ResourceCount], knobs: Knobs, *, runs: int | None
) -> Iterable[ResourceEntry]:
    """Place every target, sorted by target.

    Args:
        section: Where they belong.
        counts: Target to how often it was seen.
        knobs: What the user turned.
        runs: How many runs a profile holds; None for one recording, where everything seen is allowed unless the
            heuristics object.
    """
    for target in sorted(counts):
        count = counts[target]
        risk, reasons = risk_of(section, target, knobs.entropy_threshold) if knobs.heuristics else ("", ())
        if runs is None:
            placing: Placing = {"": "allow", "needs_review": "needs_review", "deny_recommended": "deny"}[risk]  # type: ignore[assignment]  # placings
            yield _entry(section, target, count, placing, risk, reasons)
        else:
            yield _of_profile(section, target, count, knobs, runs, risk, reasons)


def stable_placing(seen: int, runs: int, knobs: Knobs) -> tuple[Placing, tuple[str, ...]]:
    """Return where the share of runs that saw something puts it, and why."""
    bound = wilson_lower(seen, runs, knobs.wilson_z)
    shown = laplace(seen, runs, knobs.alpha)
    reasons = [
        f"wilson_lb {bound:.2f} (z={knobs.wilson_z:g})",
        f"laplace {shown:.2f} (α={knobs.alpha:.1f}, {seen}/{runs})",  # noqa: RUF001 - the letter the format has
    ]
    if runs < knobs.min_runs or seen < knobs.min_runs:
        reasons.insert(0, f"seen in {seen} of {runs} runs, {knobs.min_runs} are wanted")
        return ("needs_review" if knobs.new_is_risky else "skip"), tuple(reasons)
    if bound >= knobs.min_stability:
        return "allow", tuple(reasons)
    if bound >= knobs.review_threshold or knobs.new_is_risky:
        return "needs_review", tuple(reasons)
    return "skip", tuple(reasons)


def risk_of(section: Section, target: str, threshold: float) -> tuple[Risk, tuple[str, ...]]:
    """Return what the heuristics say of a target, and why.

    Source:
        The interoperable rules of `generate --heuristics`, which this keeps to the letter.
    """
    if section == "network":
        port = _port(target)
        return ("needs_review", (f"sensitive port {port}",)) if port in _SENSITIVE_PORTS else ("", ())
    if any(mark in target for mark in _UNREMARKABLE):
        return "", ()
    best, bits = "", -1.0
    for segment in target.split("/"):
        if segment and (found := bits_per_byte(segment)) >= bits:
            best, bits = segment, found
    if len(best.encode()) < _MIN_BYTES:
        return "", ()
    short = best.encode()[:16].decode("utf-8", "ignore") + ("…" if len(best.encode()) > 16 else "")
    if bits >= threshold:
        risk: Risk = "deny_recommended" if bits > _DENY_BITS else "needs_review"
        return risk, (f"high entropy '{short}' ({bits:.2f} bits)",)
    if len(best) >= _HASH_LENGTH and sum(each in "0123456789abcdefABCDEF" for each in best) > 0.8 * len(best):
        return "needs_review", (f"looks like hash: '{short}'",)
    return "", ()


def unusable(section: Section, target: str) -> str:
    """Return why a target cannot stand in a policy as what it is, "" if it can."""
    if holds_credential(target):
        return "it looks like a secret"
    if len(target) > 4096:
        return "it is longer than 4096 characters"
    if any(sign in target for sign in ("*?[" if section != "network" else "*/")) or target.startswith("re:"):
        return "as a pattern it would mean others too"
    if "${" in target:
        return "as a variable it would mean something else"
    if section == "files" and target.endswith("/"):
        return "as a folder it would mean everything in it"
    try:
        resource = read_target(section, "allow", target)
    except ResourceError as error:
        return str(error)
    if not target.isprintable():
        return "its name has invisible characters"
    if section == "network" and resource.kind not in ("address", "host"):
        return "it names no single destination"
    return ""


def _of_profile(
    section: Section, target: str, count: ResourceCount, knobs: Knobs, runs: int, risk: Risk, risks: tuple[str, ...]
) -> ResourceEntry:
    seen = min(count.runs, runs)
    placing, reasons = stable_placing(seen, runs, knobs)
    if risk:
        placing = "deny" if risk == "deny_recommended" else "needs_review"
    entry = _entry(section, target, count, placing, risk, (*reasons, *risks))
    return attrs.evolve(entry, stability=round(laplace(seen, runs, knobs.alpha), 2), runs_seen=seen)


def _entry(
    section: Section, target: str, count: ResourceCount, placing: Placing, risk: Risk, reasons: tuple[str, ...]
) -> ResourceEntry:
    rights = "".join(sign for sign in "rwx" if sign in (count.rights or ()))
    return ResourceEntry(
        section=section, target=target, placing=placing, count=count.hits, risk=risk, reasons=reasons,
        rights="" if rights == "rwx" or section != "files" else rights,
    )  # fmt: skip


def _port(target: str) -> int | None:
    text = target.rpartition("]:")[2] if "]:" in target else target.rpartition(":")[2] if ":" in target else ""
    if re.fullmatch("[0-9]{1,5}", text) and not _is_address(target):
        return int(text)
    return None


def _is_address(target: str) -> bool:
    try:
        ipaddress.ip_address(target)
    except ValueError:
        return False
    return True


def _either(one: set[str] | None, other: set[str] | None) -> set[str] | None:
    return None if one is None or other is None else one | other
