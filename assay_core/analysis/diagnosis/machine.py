"""What the machine offers: what assay could enforce here. Nothing is changed, nothing needs a privilege."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from assay_core.analysis.diagnosis.diagnosis import Diagnosis
from assay_core.model import JsonObject, JsonValue
from assay_core.policy import PolicyForm

__all__ = ["Machine", "examine_machine", "landlock_abi", "probe"]

_CREATE_RULESET = 444  # the number of landlock_create_ruleset, the same on every architecture with Landlock
_VERSION_FLAG = 1
_NETWORK_ABI = 4  # the first ABI of Landlock with rules for TCP
_SECTIONS = ("files", "network", "processes")


@attrs.frozen(kw_only=True)
class Machine:
    """What was found. Numbers are 0 and lists empty where there is nothing."""

    system: str
    architecture: str
    kernel: str
    python: str
    lsms: tuple[str, ...] = ()
    landlock: int = 0  # its ABI
    btf: bool = False
    cgroup_v2: bool = False
    controllers: tuple[str, ...] = ()

    @property
    def bpf_lsm(self) -> bool:
        """Whether programs may decide as a security module: BPF among the modules, and the kernel's types known."""
        return "bpf" in self.lsms and self.btf

    @property
    def status(self) -> str:
        """Ready: files and network can be confined. Degraded: files alone. Unsupported: nothing."""
        if self.landlock >= _NETWORK_ABI or self.bpf_lsm:
            return "Ready"
        return "Degraded" if self.landlock else "Unsupported"

    def document(self) -> dict[str, JsonValue]:
        """Return it under the keys of the report."""
        landlock: JsonObject = {
            "available": self.landlock > 0,
            "fs_enforce": self.landlock > 0,
            "net_enforce": self.landlock >= _NETWORK_ABI,
            "abi_version": self.landlock or None,
        }
        return {
            "platform": f"{self.system} {self.architecture}",
            "kernel": self.kernel,
            "python": self.python,
            "lsms": list(self.lsms),
            "landlock": landlock,
            "bpf_lsm": {"available": self.bpf_lsm},
            "btf": {"available": self.btf},
            "cgroup_v2": {"available": self.cgroup_v2, "controllers": list(self.controllers)},
            "status": self.status,
        }


def probe(root: Path = Path("/"), *, abi: Callable[[], int] | None = None) -> Machine:
    """Look at the machine.

    Args:
        root: Where `sys` lies.
        abi: What tells the ABI of Landlock; None asks the kernel.
    """
    controllers = _text(root / "sys/fs/cgroup/cgroup.controllers")
    return Machine(
        system=platform.system().lower(),
        architecture=platform.machine(),
        kernel=platform.release(),
        python=".".join(map(str, sys.version_info[:3])),
        lsms=tuple(word for word in (_text(root / "sys/kernel/security/lsm") or "").strip().split(",") if word),
        landlock=(abi or landlock_abi)(),
        btf=_exists(root / "sys/kernel/btf/vmlinux"),
        cgroup_v2=controllers is not None,
        controllers=tuple((controllers or "").split()),
    )


def landlock_abi() -> int:
    """Return the version of Landlock's ABI that the kernel offers to this process, 0 for none.

    Source:
        landlock_create_ruleset(2): with no attributes and the flag 1 it returns the version.
    """
    if platform.system() != "Linux":
        return 0
    try:
        libc = ctypes.CDLL(None)
        version: int = libc.syscall(
            ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)
        )
    except (OSError, AttributeError):  # a libc without `syscall`
        return 0
    return max(version, 0)


def examine_machine(machine: Machine, form: PolicyForm | None) -> Iterator[Diagnosis]:
    """Say which sections of the policy this machine could not enforce."""
    if form is None:
        return
    for section in _SECTIONS:
        resources = getattr(form, section)
        if resources is None or (reason := _lacking(machine, section)) is None:
            continue
        yield Diagnosis(
            code="W_MACHINE_UNENFORCED",
            severity="note",
            area="machine",
            message=f"this machine cannot enforce `{section}` of the policy: {reason}",
            place=form.origin_places.get(section),
            remedy="run the agent on a kernel that offers it, or rely on `assay mcp wrap` for what tools are asked",
        )


def _lacking(machine: Machine, section: str) -> str | None:
    if machine.bpf_lsm:
        return None
    if not machine.landlock:
        return f"no Landlock and no BPF LSM ({machine.system} {machine.kernel})"
    if section == "network" and machine.landlock < _NETWORK_ABI:
        return f"Landlock ABI {machine.landlock} has no network rules; ABI {_NETWORK_ABI} is the first"
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _exists(path: Path) -> bool:
    try:
        return os.access(path, os.R_OK)
    except OSError:
        return False
